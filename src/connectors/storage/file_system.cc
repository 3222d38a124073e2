#include "connectors/storage/file_system.h"

#include <arrow/filesystem/localfs.h>
#include <arrow/filesystem/s3fs.h>

#include <string_view>

#include "connectors/storage/s3_settings.h"

namespace millrace {
namespace {

constexpr std::string_view kObjectStores[] = {"s3://", "s3a://", "s3n://"};

// Takes the '/' off the end, but for the root itself.
std::string Trimmed(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path;
}

// "scheme" of "scheme://...", "" if it is a plain path.
std::string SchemeOf(const std::string& url) {
  const size_t end = url.find("://");
  const bool plain = end == url.npos || url.find('/') < end;
  return plain ? "" : url.substr(0, end);
}

}  // namespace

bool IsObjectStore(const std::string& url) {
  for (const std::string_view scheme : kObjectStores) {
    if (url.starts_with(scheme)) return true;
  }
  return false;
}

std::string LocalPath(const std::string& url) {
  if (url.starts_with("file://")) return url.substr(7);
  if (url.starts_with("file:")) return url.substr(5);
  return url;
}

Result<Location> OpenLocation(const std::string& url, const Options& options) {
  const std::string scheme = SchemeOf(url);
  if (scheme.empty() || scheme == "file") {
    return Location{std::make_shared<arrow::fs::LocalFileSystem>(), Trimmed(LocalPath(url))};
  }
  if (!IsObjectStore(url)) {
    return UserError("'{}': there is no file system for '{}://'. hint: a path, file:// or s3://",
                     url, scheme);
  }
  const std::string path = Trimmed(url.substr(scheme.size() + 3));
  if (path.empty() || path.front() == '/') {
    return UserError("'{}' names no bucket. hint: 's3://bucket/folder'", url);
  }
  MILL_ASSIGN(const arrow::fs::S3Options s3, ReadS3Options(options));
  auto fs = arrow::fs::S3FileSystem::Make(s3);
  if (!fs.ok()) return StorageError("reach", url, fs.status());
  return Location{std::move(*fs), path};
}

void StopStorage() {
  if (arrow::fs::IsS3Initialized()) (void)arrow::fs::FinalizeS3();
}

Status StorageError(const std::string& doing, const std::string& url, const Status& error) {
  if (error.ok()) return error;
  const std::string& reason = error.message();
  const auto has = [&](const char* word) { return reason.find(word) != reason.npos; };
  std::string hint;
  if (has("NO_SUCH_BUCKET") || has("NoSuchBucket")) {
    hint = ". hint: the bucket has to be there; it is not made";
  } else if (has("ACCESS_DENIED") || has("AccessDenied") || has("INVALID_ACCESS_KEY_ID") ||
             has("InvalidAccessKeyId") || has("SIGNATURE_DOES_NOT_MATCH") || has("status 403") ||
             has("SignatureDoesNotMatch")) {
    hint = ". hint: look at 's3.access-key', 's3.secret-key' and what they may do";
  }
  return error.WithMessage("cannot ", doing, " '", url, "': ", reason, hint);
}

}  // namespace millrace
