// The requests of S3 that Arrow's file system does not offer: multipart uploads whose ids the
// caller keeps, so that another process can complete or abort them. A request that gets no answer,
// or one that says "later" (5xx, 429), is sent again for about a minute; each request here may be
// repeated.
#pragma once

#include <arrow/filesystem/s3fs.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/http.h"
#include "base/status.h"
#include "formats/format.h"

namespace millrace {

// An upload that has begun: nothing of it can be seen before it is completed.
struct S3Upload {
  std::string key;  // within the bucket
  std::string id;
};

// Owned by one thread; may block. Errors name the object, never a credential.
class S3Client {
 public:
  // For the bucket of `url`, reached by the 's3.*' keys of `options`. Nothing is asked.
  static Result<std::unique_ptr<S3Client>> Make(const std::string& url, const Options& options);

  // Begins an upload. If the answer is lost another one is begun, and the first stays behind.
  Result<S3Upload> Begin(const std::string& key);
  // Uploads part `number`, from 1; each but the last has at least 5 MB. Returns its etag.
  Result<std::string> UploadPart(const S3Upload& upload, int number, std::string_view bytes);
  // Makes the object of the parts' etags, in order; fine if that was done before. OK only if the
  // object is seen to be there with that many bytes; after an error it may be too: ask again.
  Status Complete(const S3Upload& upload, const std::vector<std::string>& etags, int64_t bytes);
  // Drops the upload and its parts; fine if there is none.
  Status Abort(const S3Upload& upload);
  // Tries just once, for a few seconds: for cleaning up where nothing depends on it.
  Status AbortOnce(const S3Upload& upload);
  // The uploads under way whose keys begin with `prefix`.
  Result<std::vector<S3Upload>> Uploads(const std::string& prefix);
  // Size in bytes; none if there is no such object.
  Result<std::optional<int64_t>> SizeOf(const std::string& key);
  // Writes a small object at once.
  Status Put(const std::string& key, std::string bytes);
  // As Put, on the condition that there is no such object; false if there is one, which may be what
  // an earlier try of this call has written. A store that knows no conditions writes anyway.
  Result<bool> PutIfAbsent(const std::string& key, const std::string& bytes);

  const std::string& bucket() const { return bucket_; }

 private:
  S3Client() = default;
  HttpRequest Request(const std::string& method, const std::string& key, const std::string& query);
  void Sign(HttpRequest* request) const;
  // The answer, of any status that is not worth another try. `doing` is "write", ...
  Result<HttpResponse> Send(const char* doing, const std::string& key, HttpRequest request);
  // An answer as an error, with the server's code and message.
  Status Refused(const char* doing, const std::string& key, const HttpResponse& response) const;

  std::string bucket_;
  std::string base_;  // "https://host" or "https://host/bucket"
  std::string region_;
  arrow::fs::S3Options s3_;
  HttpClient http_;
};

}  // namespace millrace
