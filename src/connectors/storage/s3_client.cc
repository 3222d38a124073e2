#include "connectors/storage/s3_client.h"

#include <algorithm>
#include <thread>

#include "connectors/storage/file_system.h"
#include "connectors/storage/s3_settings.h"
#include "connectors/storage/xml_text.h"

namespace millrace {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kPatience{90000};  // with a server that is away
constexpr milliseconds kFirstWait{100}, kLongestWait{5000};
constexpr milliseconds kConnectTimeout{10000}, kTimeout{60000};

constexpr int kNotFound = 404, kConflict = 409, kPreconditionFailed = 412;

bool IsWorthAnotherTry(const HttpResponse& response) {
  constexpr int kTimedOut = 408, kTooMany = 429, kServerErrors = 500, kNotImplemented = 501;
  const int status = response.status;
  return status == kTimedOut || status == kTooMany ||
         (status >= kServerErrors && status != kNotImplemented);
}

std::string StripQuotes(std::string etag) {
  std::erase(etag, '"');
  return etag;
}

std::string CompletionBody(const std::vector<std::string>& etags) {
  std::string body = "<CompleteMultipartUpload>";
  for (size_t i = 0; i < etags.size(); ++i) {
    body += fmt::format("<Part><PartNumber>{}</PartNumber><ETag>&quot;{}&quot;</ETag></Part>",
                        i + 1, XmlEscaped(etags[i]));
  }
  return body + "</CompleteMultipartUpload>";
}

}  // namespace

Result<std::unique_ptr<S3Client>> S3Client::Make(const std::string& url, const Options& options) {
  std::unique_ptr<S3Client> client(new S3Client);
  MILL_ASSIGN(const Location location, OpenLocation(url, options));
  for (const char c : location.path) {
    if (c == '/') break;
    client->bucket_ += c;
  }
  MILL_ASSIGN(client->s3_, ReadS3Options(options));
  // The region is the one that Arrow has found, say in a profile.
  client->region_ = static_cast<const arrow::fs::S3FileSystem&>(*location.fs).region();
  if (client->region_.empty()) client->region_ = "us-east-1";
  const arrow::fs::S3Options& s3 = client->s3_;
  const std::string host = s3.endpoint_override.empty() ? "s3." + client->region_ + ".amazonaws.com"
                                                        : s3.endpoint_override;
  client->base_ = s3.force_virtual_addressing
                      ? fmt::format("{}://{}.{}", s3.scheme, client->bucket_, host)
                      : fmt::format("{}://{}/{}", s3.scheme, host, client->bucket_);
  return client;
}

HttpRequest S3Client::Request(const std::string& method, const std::string& key,
                              const std::string& query) {
  HttpRequest request;
  request.method = method;
  request.url = base_ + "/" + UrlEncoded(key, true) + (query.empty() ? "" : "?" + query);
  request.connect_timeout = kConnectTimeout;
  request.timeout = kTimeout;
  return request;
}

// Keys of limited time are renewed now and then: both have to be of one kind.
void S3Client::Sign(HttpRequest* request) const {
  if (s3_.credentials_kind == arrow::fs::S3CredentialsKind::Anonymous) return;
  AwsSignature signature;
  do {
    signature.access_key = s3_.GetAccessKey();
    signature.secret_key = s3_.GetSecretKey();
    signature.session_token = s3_.GetSessionToken();
  } while (signature.access_key != s3_.GetAccessKey());
  signature.region = region_;
  if (!signature.access_key.empty()) request->aws = std::move(signature);
}

Result<HttpResponse> S3Client::Send(const char* doing, const std::string& key,
                                    HttpRequest request) {
  const auto deadline = steady_clock::now() + kPatience;
  milliseconds wait = kFirstWait;
  while (true) {
    Sign(&request);
    auto response = http_.Send(request);
    const bool answered = response.ok() && !IsWorthAnotherTry(*response);
    if (answered) return response;
    if (steady_clock::now() >= deadline) {
      if (response.ok()) return Refused(doing, key, *response);
      return StorageError(doing, "s3://" + bucket_ + "/" + key, response.status());
    }
    std::this_thread::sleep_for(wait);
    wait = std::min(wait * 2, kLongestWait);
  }
}

Status S3Client::Refused(const char* doing, const std::string& key,
                         const HttpResponse& response) const {
  const std::string code = XmlText(response.body, "Code");
  const std::string message = XmlText(response.body, "Message");
  return StorageError(doing, "s3://" + bucket_ + "/" + key,
                      ExternalError("status {} {}: {}", response.status, code, message));
}

Result<S3Upload> S3Client::Begin(const std::string& key) {
  MILL_ASSIGN(const auto response, Send("write", key, Request("POST", key, "uploads=")));
  std::string id = XmlText(response.body, "UploadId");
  if (!response.ok() || id.empty()) return Refused("write", key, response);
  return S3Upload{key, std::move(id)};
}

Result<std::string> S3Client::UploadPart(const S3Upload& upload, int number,
                                         std::string_view bytes) {
  HttpRequest request = Request(
      "PUT", upload.key, fmt::format("partNumber={}&uploadId={}", number, UrlEncoded(upload.id)));
  request.body = std::string(bytes);
  MILL_ASSIGN(const auto response, Send("write", upload.key, std::move(request)));
  const std::string* etag = response.Header("etag");
  if (!response.ok() || !etag) return Refused("write", upload.key, response);
  return StripQuotes(*etag);
}

// A failure can come behind a status of 200, in the body. And a server that was killed within a
// completion may take a repeated one for done: perhaps it will be soon, perhaps never.
Status S3Client::Complete(const S3Upload& upload, const std::vector<std::string>& etags,
                          int64_t bytes) {
  const auto deadline = steady_clock::now() + kPatience;
  bool gone = false;
  while (true) {
    HttpRequest request = Request("POST", upload.key, "uploadId=" + UrlEncoded(upload.id));
    request.body = CompletionBody(etags);
    MILL_ASSIGN(const auto response, Send("publish", upload.key, std::move(request)));
    const std::string code = XmlText(response.body, "Code");
    gone = response.status == kNotFound && code == "NoSuchUpload";
    if (gone || (response.ok() && code.empty())) break;
    const bool late = steady_clock::now() >= deadline;
    if (!response.ok() || late) return Refused("publish", upload.key, response);
    std::this_thread::sleep_for(kLongestWait);
  }
  MILL_ASSIGN(const auto size, SizeOf(upload.key));
  if (size == bytes) return Status::OK();
  return ExternalError(
      "cannot publish 's3://{}/{}': {}, and the object {}. hint: {}", bucket_, upload.key,
      gone ? "its upload is not there any more" : "the server says that it has done so",
      size ? fmt::format("has {} bytes instead of {}", *size, bytes) : "is not there",
      gone ? "does a rule of the bucket abort uploads too early?"
           : "was the server killed meanwhile? its list of multipart uploads may still show it");
}

Status S3Client::Abort(const S3Upload& upload) {
  MILL_ASSIGN(const auto response,
              Send("drop the upload of", upload.key,
                   Request("DELETE", upload.key, "uploadId=" + UrlEncoded(upload.id))));
  if (response.ok() || response.status == kNotFound) return Status::OK();
  return Refused("drop the upload of", upload.key, response);
}

Status S3Client::AbortOnce(const S3Upload& upload) {
  constexpr milliseconds kBriefly{5000};
  HttpRequest request = Request("DELETE", upload.key, "uploadId=" + UrlEncoded(upload.id));
  request.connect_timeout = request.timeout = kBriefly;
  Sign(&request);
  return http_.Send(request).status();
}

Result<std::vector<S3Upload>> S3Client::Uploads(const std::string& prefix) {
  std::vector<S3Upload> uploads;
  std::string key_marker, id_marker;
  while (true) {
    std::string query = "prefix=" + UrlEncoded(prefix) + "&uploads=";
    if (!key_marker.empty()) {
      query +=
          "&key-marker=" + UrlEncoded(key_marker) + "&upload-id-marker=" + UrlEncoded(id_marker);
    }
    MILL_ASSIGN(const auto response,
                Send("list the uploads of", prefix, Request("GET", "", query)));
    if (!response.ok()) return Refused("list the uploads of", prefix, response);
    for (const std::string_view upload : XmlElements(response.body, "Upload")) {
      uploads.push_back({XmlText(upload, "Key"), XmlText(upload, "UploadId")});
    }
    const std::string next = XmlText(response.body, "NextKeyMarker");
    const std::string next_id = XmlText(response.body, "NextUploadIdMarker");
    const bool more = XmlText(response.body, "IsTruncated") == "true";
    if (!more || (next == key_marker && next_id == id_marker)) return uploads;
    key_marker = next;
    id_marker = next_id;
  }
}

Result<std::optional<int64_t>> S3Client::SizeOf(const std::string& key) {
  MILL_ASSIGN(const auto response, Send("look at", key, Request("HEAD", key, "")));
  if (response.status == kNotFound) return std::nullopt;
  const std::string* length = response.Header("content-length");
  if (!response.ok() || !length) return Refused("look at", key, response);
  return std::strtoll(length->c_str(), nullptr, 10);
}

Status S3Client::Put(const std::string& key, std::string bytes) {
  HttpRequest request = Request("PUT", key, "");
  request.body = std::move(bytes);
  MILL_ASSIGN(const auto response, Send("write", key, std::move(request)));
  return response.ok() ? Status::OK() : Refused("write", key, response);
}

// A conflict: somebody else is at it right now, and may fail.
Result<bool> S3Client::PutIfAbsent(const std::string& key, const std::string& bytes) {
  constexpr int kTries = 10;
  for (int tries = 1;; ++tries) {
    HttpRequest request = Request("PUT", key, "");
    request.headers.emplace_back("If-None-Match", "*");
    request.body = bytes;
    MILL_ASSIGN(const auto response, Send("write", key, std::move(request)));
    if (response.ok()) return true;
    if (response.status == kPreconditionFailed) return false;
    if (response.status != kConflict || tries == kTries) return Refused("write", key, response);
    std::this_thread::sleep_for(kFirstWait * tries);
  }
}

}  // namespace millrace
