// Reads files as chunks of whole records. A lane (split) reads its files in name order; with a
// monitor interval it goes on to watch for new ones.
#pragma once

#include <arrow/buffer.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "connectors/files/byte_reader.h"
#include "connectors/files/framing.h"
#include "connectors/files/lane_files.h"
#include "connectors/source.h"

namespace millrace {

struct FileSourceOptions {
  LaneFilesOptions files;
  RecordFraming framing;
  size_t chunk_bytes = 1 << 20;
  size_t max_record_bytes = 128 << 20;
};

class FileSource : public Source {
 public:
  explicit FileSource(FileSourceOptions options);

  Status Open() override;
  Result<Polled> Poll(std::chrono::milliseconds wait) override;
  // A position is the byte offset in the (decompressed) file and the number of the line there.
  Status Seek(const std::string& position) override;
  bool bounded() const override { return files_.bounded(); }
  int64_t total_bytes() const override { return total_bytes_; }
  std::string name() const override { return files_.name(); }

 private:
  Status OpenFile();
  Result<bool> NextChunk(Polled* polled);
  Status Fill(size_t wanted);
  Status Grow(size_t wanted);
  Result<bool> CutChunk(Polled* polled);
  Result<bool> SkipRecord();
  void Emit(std::shared_ptr<arrow::ResizableBuffer> bytes, size_t rest, Polled* polled);
  std::string_view buffered() const;

  FileSourceOptions options_;
  LaneFiles files_;
  FileFacts facts_;  // of the current one
  std::unique_ptr<ByteReader> reader_;
  RecordCutter cutter_;
  std::shared_ptr<arrow::ResizableBuffer> buffer_;  // starts at a record; size is what was read
  bool file_ended_ = false;
  int64_t offset_ = 0;  // of the buffer's start, in the (decompressed) file
  int64_t line_ = 1;    // number of the line there
  int64_t total_bytes_ = 0;
  std::chrono::milliseconds wait_{0};  // what is left of the poll's
  bool starved_ = false;               // a pipe had nothing to say in this poll
  std::optional<Polled> oversize_;     // a record that is too big, until all of it is skipped
};

}  // namespace millrace
