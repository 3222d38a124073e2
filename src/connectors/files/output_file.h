// A file being written, and one that shows that its owner lives. Errors name the file.
#pragma once

#include <arrow/io/interfaces.h>

#include <memory>
#include <string>

#include "base/status.h"

namespace millrace {

// Writes a new file front to back. Owned by one thread; may block.
class OutputFile : public arrow::io::OutputStream {
 public:
  // Makes the file; it is an error if it is there already.
  static Result<std::shared_ptr<OutputFile>> Create(std::string path);
  ~OutputFile() override;

  Status Write(const void* data, int64_t bytes) override;
  using Writable::Write;
  Result<int64_t> Tell() const override { return written_; }
  // Closes without making anything durable.
  Status Close() override;
  bool closed() const override { return descriptor_ < 0; }
  // Makes what was written durable; its name is so only after SyncFolder (base/files.h).
  Status Sync();

 private:
  OutputFile(std::string path, int descriptor) : path_(std::move(path)), descriptor_(descriptor) {}

  std::string path_;
  int descriptor_;
  int64_t written_ = 0;
};

// A file that is locked as long as the object lives and its process runs, and then removed: tells
// others that its owner is alive.
class LockFile {
 public:
  static Result<std::unique_ptr<LockFile>> Create(std::string path);
  ~LockFile();
  LockFile(const LockFile&) = delete;
  LockFile& operator=(const LockFile&) = delete;
  // True if somebody may hold the lock at `path`; false if there is no such file or nobody does.
  static bool IsHeld(const std::string& path);

 private:
  LockFile(std::string path, int descriptor) : path_(std::move(path)), descriptor_(descriptor) {}

  std::string path_;
  int descriptor_;
};

}  // namespace millrace
