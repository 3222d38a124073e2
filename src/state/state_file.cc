#include "state/state_file.h"

#include <arrow/io/file.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "base/files.h"

namespace millrace {
namespace {

Status FileError(const char* what, const std::string& path) {
  return ExternalError("cannot {} {}: {}", what, path, std::strerror(errno));
}

Status Damaged(const StateFile& file, const std::string& how) {
  return ExternalError("state file {} of table '{}' is damaged: {}", file.path, file.table, how);
}

constexpr size_t kPiece = 1 << 20;  // bytes that are read at once

// XXH64 of bytes as they come.
class Hash {
 public:
  Hash() : state_(XXH64_createState()) {
    MILL_CHECK(state_ != nullptr);
    XXH64_reset(state_, 0);
  }
  ~Hash() { XXH64_freeState(state_); }
  Hash(const Hash&) = delete;
  Hash& operator=(const Hash&) = delete;

  void Add(const void* data, int64_t bytes) {
    XXH64_update(state_, data, static_cast<size_t>(bytes));
  }
  uint64_t Digest() const { return XXH64_digest(state_); }

 private:
  XXH64_state_t* state_;
};

}  // namespace

struct DurableFile::Written {
  Hash hash;
};

DurableFile::DurableFile(std::string path, int descriptor)
    : path_(std::move(path)), descriptor_(descriptor), written_(std::make_unique<Written>()) {}

Result<std::shared_ptr<DurableFile>> DurableFile::Create(const std::string& path) {
  const int descriptor = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (descriptor < 0) return FileError("create", path);
  return std::shared_ptr<DurableFile>(new DurableFile(path, descriptor));
}

DurableFile::~DurableFile() {
  if (descriptor_ < 0) return;
  close(descriptor_);
  unlink(path_.c_str());
}

arrow::Status DurableFile::Write(const void* data, int64_t bytes) {
  written_->hash.Add(data, bytes);
  const char* at = static_cast<const char*>(data);
  for (int64_t left = bytes; left > 0;) {
    const int64_t written = WriteSome(descriptor_, at, left, path_);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return FileError("write", path_);
    at += written;
    left -= written;
  }
  bytes_ += bytes;
  return arrow::Status::OK();
}

arrow::Status DurableFile::Close() {
  if (descriptor_ < 0) return arrow::Status::OK();
  if (SyncFile(descriptor_, path_) != 0) return FileError("make durable", path_);
  if (close(std::exchange(descriptor_, -1)) != 0) return FileError("close", path_);
  return arrow::Status::OK();
}

uint64_t DurableFile::checksum() const { return written_->hash.Digest(); }

Status SyncAndHash(const std::string& root, StateFile* file) {
  const std::string path = root + "/" + file->path;
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return FileError("open", path);
  std::vector<char> buffer(kPiece);
  Hash hash;
  file->bytes = 0;
  ssize_t count = 0;
  while ((count = read(descriptor, buffer.data(), buffer.size())) > 0) {
    hash.Add(buffer.data(), count);
    file->bytes += count;
  }
  file->checksum = hash.Digest();
  const Status status = count < 0               ? FileError("read", path)
                        : fsync(descriptor) != 0 ? FileError("make durable", path)
                                                 : Status::OK();
  close(descriptor);
  return status;
}

bool VerifiedFiles::Has(const std::string& path, const Identity& identity) const {
  const std::lock_guard lock(mutex_);
  const auto found = files_.find(path);
  return found != files_.end() && found->second == identity;
}

void VerifiedFiles::Add(const std::string& path, const Identity& identity) {
  const std::lock_guard lock(mutex_);
  files_[path] = identity;
  bytes_ += identity.size;
}

int64_t VerifiedFiles::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

namespace {

Result<VerifiedFiles::Identity> IdentityOf(int descriptor, const std::string& path) {
  struct stat info{};
  if (fstat(descriptor, &info) != 0) return FileError("read", path);
  const auto nanoseconds = [](const timespec& time) {
    return int64_t{time.tv_sec} * 1000000000 + time.tv_nsec;
  };
  return VerifiedFiles::Identity{info.st_dev, info.st_ino, info.st_size,
                                 nanoseconds(info.st_mtim), nanoseconds(info.st_ctim)};
}

// Reads through the file, whose size is right.
Status CheckHash(arrow::io::ReadableFile& opened, const StateFile& file) {
  Hash hash;
  std::vector<char> buffer(kPiece);
  for (int64_t at = 0; at < file.bytes;) {
    MILL_ASSIGN(const int64_t count, opened.ReadAt(at, std::ssize(buffer), buffer.data()));
    if (count == 0) return Damaged(file, fmt::format("it ends after {} bytes", at));
    hash.Add(buffer.data(), count);
    at += count;
  }
  if (hash.Digest() == file.checksum) return Status::OK();
  return Damaged(file, fmt::format("its checksum is {:016x}, expected {:016x}", hash.Digest(),
                                   file.checksum));
}

}  // namespace

Result<std::shared_ptr<arrow::io::RandomAccessFile>> OpenVerified(const std::string& root,
                                                                  const StateFile& file,
                                                                  VerifiedFiles* verified) {
  const std::string path = root + "/" + file.path;
  auto opened = arrow::io::ReadableFile::Open(path);
  if (!opened.ok()) {
    return ExternalError("state file {} of table '{}' cannot be read: {}", file.path, file.table,
                         opened.status().message());
  }
  // Of before the reading: who writes meanwhile changes it.
  MILL_ASSIGN(const auto identity, IdentityOf((*opened)->file_descriptor(), path));
  if (identity.size != file.bytes) {
    return Damaged(file,
                   fmt::format("it has {} bytes, expected {}", identity.size, file.bytes));
  }
  if (verified && verified->Has(path, identity)) return *opened;
  MILL_RETURN(CheckHash(**opened, file));
  if (verified) verified->Add(path, identity);
  return *opened;
}

Result<std::shared_ptr<arrow::Buffer>> ReadVerified(const std::string& root,
                                                    const StateFile& file) {
  MILL_ASSIGN(const auto opened, OpenVerified(root, file));
  MILL_ASSIGN(auto bytes, opened->ReadAt(0, file.bytes));
  if (bytes->size() != file.bytes) {
    return Damaged(file, fmt::format("it ends after {} bytes", bytes->size()));
  }
  return bytes;
}

}  // namespace millrace
