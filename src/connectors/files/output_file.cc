#include "connectors/files/output_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/files.h"

namespace millrace {
namespace {

Status CannotWrite(const std::string& path) {
  return ExternalError("cannot write '{}': {}", path, strerror(errno));
}

}  // namespace

Result<std::shared_ptr<OutputFile>> OutputFile::Create(std::string path) {
  const int descriptor = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (descriptor < 0) return CannotWrite(path);
  return std::shared_ptr<OutputFile>(new OutputFile(std::move(path), descriptor));
}

OutputFile::~OutputFile() {
  if (descriptor_ >= 0) close(descriptor_);
}

Status OutputFile::Write(const void* data, int64_t bytes) {
  const auto* from = static_cast<const char*>(data);
  while (bytes > 0) {
    const int64_t count = WriteSome(descriptor_, from, bytes, path_);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return CannotWrite(path_);
    from += count;
    bytes -= count;
    written_ += count;
  }
  return Status::OK();
}

Status OutputFile::Close() {
  const bool closed = descriptor_ < 0 || close(descriptor_) == 0;
  descriptor_ = -1;
  return closed ? Status::OK() : CannotWrite(path_);
}

Status OutputFile::Sync() {
  return SyncFile(descriptor_, path_) == 0 ? Status::OK() : CannotWrite(path_);
}

// Another may find the file before it is locked, take it for a dead one's and remove it: its own
// lock is short, so this one waits for it and then makes the file anew.
Result<std::unique_ptr<LockFile>> LockFile::Create(std::string path) {
  constexpr int kAttempts = 16;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const int descriptor = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (descriptor < 0) return CannotWrite(path);
    std::unique_ptr<LockFile> lock(new LockFile(path, descriptor));
    // Where files cannot be locked nobody takes another's for dead either (IsHeld).
    if (flock(descriptor, LOCK_EX) != 0 || access(path.c_str(), F_OK) == 0) return lock;
  }
  return ExternalError("cannot lock '{}': others remove it again and again", path);
}

LockFile::~LockFile() {
  unlink(path_.c_str());
  close(descriptor_);
}

bool LockFile::IsHeld(const std::string& path) {
  const int descriptor = open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (descriptor < 0) return errno != ENOENT;
  const bool taken = flock(descriptor, LOCK_EX | LOCK_NB) == 0;
  close(descriptor);
  return !taken;
}

}  // namespace millrace
