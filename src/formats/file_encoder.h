// Whole files of a format: a text format's records one after the other, or a Parquet file with its
// row groups and footer. A file sink is the same for all of them.
#pragma once

#include <arrow/io/interfaces.h>
#include <arrow/record_batch.h>

#include <functional>
#include <memory>
#include <string>

#include "base/status.h"
#include "formats/format.h"

namespace millrace {

// Writes one file. Owned by one thread; may block in the stream it writes to.
class FileEncoder {
 public:
  virtual ~FileEncoder() = default;
  virtual Status Write(const arrow::RecordBatch& rows) = 0;
  // The file's size as if it were finished now, roughly.
  virtual int64_t bytes() const = 0;
  // Bytes that are held back in memory, roughly.
  virtual int64_t buffered() const { return 0; }
  // Writes what is held back, at the price of a less dense file.
  virtual Status Flush() { return Status::OK(); }
  // Writes what is held back and the footer; nothing may follow. The stream stays open.
  virtual Status Finish() = 0;
};

using FileEncoderMaker = std::function<Result<std::unique_ptr<FileEncoder>>(
    std::shared_ptr<arrow::io::OutputStream>)>;

// Makes encoders of format `name` for rows of `schema`. Unknown options and values are user errors
// that name the nearest valid one.
Result<FileEncoderMaker> MakeFileEncoderMaker(const std::string& name, const Schema& schema,
                                              const Options& options);

}  // namespace millrace
