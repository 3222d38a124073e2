// The files of tables: locations are plain paths or URLs (file:, s3:). What is written is durable
// when the call that ends it has returned. Errors name the location.
#pragma once

#include <arrow/filesystem/filesystem.h>
#include <arrow/io/interfaces.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "formats/format.h"

namespace millrace {

class S3Client;

// A file that is being written; dropped without Finish, it is removed.
class IcebergOutput {
 public:
  virtual ~IcebergOutput() = default;
  virtual std::shared_ptr<arrow::io::OutputStream> stream() = 0;
  // Makes it durable under its name.
  virtual Status Finish() = 0;
};

// Owned by one thread.
class IcebergFiles {
 public:
  // `options`: the 's3.*' keys of the table and of its catalog.
  explicit IcebergFiles(Options options) : options_(std::move(options)) {}

  // For what is opened from now on: a catalog may hand out new credentials.
  void SetOptions(Options options) {
    options_ = std::move(options);
    remote_ = nullptr;
    client_ = nullptr;
  }

  Result<std::shared_ptr<arrow::io::RandomAccessFile>> Open(const std::string& location);
  Result<std::string> Read(const std::string& location);
  // A new file; folders above are made.
  Result<std::unique_ptr<IcebergOutput>> Create(const std::string& location);
  Status Write(const std::string& location, std::string_view bytes);
  // As Write, but answers false, and changes nothing, if the file is there. In an object store the
  // bytes must be nobody else's: by them it is known whether an earlier try has succeeded.
  Result<bool> WriteIfAbsent(const std::string& location, std::string_view bytes);
  // Replaces a small file at once.
  Status Replace(const std::string& location, std::string_view bytes);
  Result<bool> Exists(const std::string& location);
  Status Remove(const std::string& location);
  struct Listed {
    std::string location;
    int64_t size = 0, modified = 0;  // ms since 1970
  };
  // The files below a folder; none if it is not there.
  Result<std::vector<Listed>> List(const std::string& folder);

 private:
  struct Place {
    arrow::fs::FileSystem* fs;
    std::string path;
  };
  Result<Place> Find(const std::string& location);
  Result<S3Client*> ClientOf(const std::string& location);
  Status CheckConditions(const std::string& location);

  Options options_;
  std::shared_ptr<arrow::fs::FileSystem> local_, remote_;
  std::shared_ptr<S3Client> client_;
  bool knows_conditions_ = false;  // the object store, as was seen
};

}  // namespace millrace
