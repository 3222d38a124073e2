#include "base/http.h"

#include <curl/curl.h>

#include <algorithm>
#include <cctype>
#include <mutex>

#include "base/aws_signature.h"

namespace millrace {
namespace {

void InitializeOnce() {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
}

struct HeaderList {
  ~HeaderList() { curl_slist_free_all(list); }
  void Add(const std::string& line) {
    curl_slist* longer = curl_slist_append(list, line.c_str());
    MILL_CHECK(longer);
    list = longer;
  }
  curl_slist* list = nullptr;
};

// What the callbacks of one exchange fill.
struct Answer {
  HttpResponse response;
  int64_t max_body = 0;
  bool too_long = false;
};

size_t TakeBody(char* data, size_t, size_t size, void* to) {
  auto& answer = *static_cast<Answer*>(to);
  std::string& body = answer.response.body;
  answer.too_long = static_cast<int64_t>(body.size() + size) > answer.max_body;
  if (answer.too_long) return 0;
  body.append(data, size);
  return size;
}

std::string_view Trim(std::string_view text) {
  const auto space = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
  while (!text.empty() && space(text.front())) text.remove_prefix(1);
  while (!text.empty() && space(text.back())) text.remove_suffix(1);
  return text;
}

// A status line starts the headers anew: an interim answer (100 Continue) came before.
size_t TakeHeader(char* data, size_t, size_t size, void* to) {
  constexpr size_t kMaxHeaders = 1000;
  auto& headers = static_cast<Answer*>(to)->response.headers;
  const std::string_view line(data, size);
  if (line.starts_with("HTTP/")) headers.clear();
  const size_t colon = line.find(':');
  if (colon == line.npos || headers.size() >= kMaxHeaders) return size;
  std::string name(line.substr(0, colon));
  for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  headers.emplace_back(std::move(name), Trim(line.substr(colon + 1)));
  return size;
}

// A URL that may be shown: no user, no password, no query (which can be signed).
std::string Shown(const std::string& url) {
  std::string shown = url.substr(0, url.find('?'));
  const size_t begin = shown.find("://");
  if (begin == shown.npos) return shown;
  const size_t end = std::min(shown.find('/', begin + 3), shown.size());
  const size_t at = shown.rfind('@', end);
  if (at != shown.npos && at > begin) shown.erase(begin + 3, at - begin - 2);
  return shown;
}

void SetText(CURL* curl, CURLoption option, const std::string& text) {
  if (!text.empty()) curl_easy_setopt(curl, option, text.c_str());
}

void SetTls(CURL* curl, const HttpTls& tls) {
  SetText(curl, CURLOPT_CAINFO, tls.authority_file);
  SetText(curl, CURLOPT_SSLCERT, tls.certificate_file);
  SetText(curl, CURLOPT_SSLKEY, tls.key_file);
  SetText(curl, CURLOPT_KEYPASSWD, tls.key_password);
  curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, tls.verify ? 1L : 0L);
  curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, tls.verify ? 2L : 0L);
}

void SetBody(CURL* curl, const HttpRequest& request) {
  if (request.method == "HEAD") {
    curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    return;
  }
  const bool has_body = !request.body.empty() || request.method == "POST" ||
                        request.method == "PUT" || request.method == "PATCH";
  if (has_body) {
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
                     static_cast<curl_off_t>(request.body.size()));
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request.body.c_str());
  }
  curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request.method.c_str());
}

void SetCredentials(CURL* curl, const HttpRequest& request) {
  if (request.user.empty() || request.aws) return;
  curl_easy_setopt(curl, CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BASIC));
  curl_easy_setopt(curl, CURLOPT_USERNAME, request.user.c_str());
  curl_easy_setopt(curl, CURLOPT_PASSWORD, request.password.c_str());
}

void SetHeaders(const HttpRequest& request, HeaderList& headers) {
  bool typed = false;
  for (const auto& [name, value] : request.headers) {
    headers.Add(value.empty() ? name + ";" : fmt::format("{}: {}", name, value));
    typed = typed || strcasecmp(name.c_str(), "content-type") == 0;
  }
  if (!typed) headers.Add("Content-Type:");  // else libcurl says that it is a form
  headers.Add("Expect:");                    // no wait for 100 Continue
}

void SetLimits(CURL* curl, const HttpRequest& request) {
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS,
                   static_cast<long>(request.connect_timeout.count()));
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout.count()));
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
}

Status CheckHeaders(const HttpRequest& request) {
  for (const auto& [name, value] : request.headers) {
    if ((name + value).find_first_of("\r\n") == std::string::npos) continue;
    return UserError("the HTTP header '{}' holds a line break", name);
  }
  return Status::OK();
}

}  // namespace

const std::string* HttpResponse::Header(std::string_view name) const {
  for (const auto& header : headers) {
    if (header.first == name) return &header.second;
  }
  return nullptr;
}

struct HttpClient::Impl {
  ~Impl() { curl_easy_cleanup(curl); }
  HttpTls tls;
  CURL* curl = nullptr;
};

HttpClient::HttpClient(HttpTls tls) : impl_(std::make_unique<Impl>()) {
  InitializeOnce();
  impl_->tls = std::move(tls);
}
HttpClient::~HttpClient() = default;
HttpClient::HttpClient(HttpClient&&) noexcept = default;
HttpClient& HttpClient::operator=(HttpClient&&) noexcept = default;

Result<HttpResponse> HttpClient::Send(const HttpRequest& request) {
  if (!request.aws) return Exchange(request);
  HttpRequest signed_request = request;
  SignRequest(*request.aws, std::time(nullptr), &signed_request);
  return Exchange(signed_request);
}

Result<HttpResponse> HttpClient::Exchange(const HttpRequest& request) {
  MILL_RETURN(CheckHeaders(request));
  if (!impl_->curl) impl_->curl = curl_easy_init();
  CURL* curl = impl_->curl;
  if (!curl) return Status::OutOfMemory("no memory for an HTTP client");
  curl_easy_reset(curl);  // open connections stay
  Answer answer;
  answer.max_body = request.max_body;
  HeaderList headers;
  char reason[CURL_ERROR_SIZE] = "";
  curl_easy_setopt(curl, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, reason);
  SetBody(curl, request);
  SetLimits(curl, request);
  SetTls(curl, impl_->tls);
  SetHeaders(request, headers);
  SetCredentials(curl, request);
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.list);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, TakeBody);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, TakeHeader);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &answer);
  const CURLcode code = curl_easy_perform(curl);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, nullptr);
  const std::string what = fmt::format("{} {}", request.method, Shown(request.url));
  if (answer.too_long) {
    return ExternalError("{}: the answer is longer than {} bytes", what, request.max_body);
  }
  if (code != CURLE_OK) {
    return ExternalError("{}: {}", what, reason[0] ? reason : curl_easy_strerror(code));
  }
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  answer.response.status = static_cast<int>(status);
  return std::move(answer.response);
}

std::string UrlEncoded(std::string_view text, bool keep_slashes) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (byte < 0x80 && std::isalnum(byte)) || c == '-' || c == '.' || c == '_' ||
                       c == '~' || (c == '/' && keep_slashes);
    if (plain) {
      encoded += c;
    } else {
      encoded += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return encoded;
}

}  // namespace millrace
