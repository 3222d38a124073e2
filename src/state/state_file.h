// StateFile: one Parquet file of a snapshot and what is needed to trust it: size and checksum. And
// reading and writing such files: streams that hash what passes, files that are on disk for good
// when they are closed.
#pragma once

#include <arrow/buffer.h>
#include <arrow/io/interfaces.h>

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "base/status.h"
#include "data/key_hash.h"

namespace millrace {

struct StateFile {
  std::string table;
  std::string path;     // relative to the checkpoint store's folder
  bool delta = false;   // of a delta, else of a full snapshot
  bool erased = false;  // holds ids of rows that are gone, instead of rows
  int64_t rows = 0;
  int64_t bytes = 0;
  uint64_t checksum = 0;  // XXH64 of the bytes
  // Key groups of the rows; all of them where rows have no key.
  uint32_t min_group = 0;
  uint32_t max_group = kMostKeyGroups - 1;
  int64_t epoch = 0;  // of the checkpoint that wrote it; 0 if read from a manifest
  bool stored = false;  // one of the files of a database (stored_table.h), not Parquet
};

// A new file, hashed as it is written. Close makes it durable (fsync); a file that was not closed
// is removed. One thread.
class DurableFile final : public arrow::io::OutputStream {
 public:
  static Result<std::shared_ptr<DurableFile>> Create(const std::string& path);
  ~DurableFile() override;

  arrow::Status Write(const void* data, int64_t bytes) override;
  arrow::Status Close() override;
  arrow::Result<int64_t> Tell() const override { return bytes_; }
  bool closed() const override { return descriptor_ < 0; }

  int64_t bytes() const { return bytes_; }
  uint64_t checksum() const;

 private:
  DurableFile(std::string path, int descriptor);

  std::string path_;
  int descriptor_;
  int64_t bytes_ = 0;
  struct Written;
  std::unique_ptr<Written> written_;
};

// Makes the file at `file`'s path durable, and sets its size and checksum.
Status SyncAndHash(const std::string& root, StateFile* file);

// Files that were found whole, so that each is read through once. A file that was touched since
// (another inode, size or time of change) counts as another one. Thread safe.
class VerifiedFiles {
 public:
  // What tells that a file is as it was.
  struct Identity {
    uint64_t device = 0, inode = 0;
    int64_t size = 0, modified_ns = 0, changed_ns = 0;
    bool operator==(const Identity&) const = default;
  };

  bool Has(const std::string& path, const Identity& identity) const;
  void Add(const std::string& path, const Identity& identity);
  // Bytes of all files that were added.
  int64_t bytes() const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, Identity> files_;  // by path
  int64_t bytes_ = 0;
};

// Opens the file for reading, after reading through it, unless that is known to have been done.
// Fails, naming the file, if it is missing, shorter or longer than recorded, or damaged.
Result<std::shared_ptr<arrow::io::RandomAccessFile>> OpenVerified(
    const std::string& root, const StateFile& file, VerifiedFiles* verified = nullptr);
// The same for a small one: its bytes.
Result<std::shared_ptr<arrow::Buffer>> ReadVerified(const std::string& root, const StateFile& file);

}  // namespace millrace
