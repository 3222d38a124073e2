// The file system behind a URL: the local one for plain paths and file:// URLs, an object store for
// s3:// (s3a:// and s3n:// are taken too, as Hadoop names them).
#pragma once

#include <arrow/filesystem/filesystem.h>

#include <memory>
#include <string>

#include "base/status.h"
#include "formats/format.h"

namespace millrace {

// A place in a file system. `path` is what `fs` takes: "/data/out" locally, "bucket/out" in an
// object store; without a '/' at its end.
struct Location {
  std::shared_ptr<arrow::fs::FileSystem> fs;
  std::string path;
};

// True for a URL of an object store.
bool IsObjectStore(const std::string& url);

// The path of a plain path or file:// URL, as the operating system takes it.
std::string LocalPath(const std::string& url);

// The place that `url` names, with the 's3.*' keys of `options` (s3_settings.h) where it is an
// object store. Nothing is looked up there. A URL that no file system answers to, and wrong
// options, are user errors.
Result<Location> OpenLocation(const std::string& url, const Options& options);

// Ends what OpenLocation has started. To be called before main returns, once nothing uses a
// Location any more: behind that the S3 client would miss what is taken down then.
void StopStorage();

// An error of a file system about `url`: "cannot read 's3://...': reason", with a hint where the
// reason is a missing bucket or credentials. `doing` is "read", "write", ...
Status StorageError(const std::string& doing, const std::string& url, const Status& error);

}  // namespace millrace
