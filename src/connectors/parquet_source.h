// Reads Parquet files: one lane, file by file, row group by row group. A position is the row group
// and the row in it. Yields batches; owned by one thread.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "connectors/file_columns.h"
#include "connectors/lane_files.h"
#include "connectors/source.h"
#include "formats/parquet_reader.h"

namespace millrace {

class ParquetSource : public Source {
 public:
  ParquetSource(LaneFilesOptions files, FileColumns columns)
      : files_(std::move(files)), columns_(std::move(columns)) {}

  Status Open() override;
  Result<Polled> Poll(std::chrono::milliseconds wait) override;
  Status Seek(const std::string& position) override;
  bool bounded() const override { return files_.bounded(); }
  int64_t total_bytes() const override { return total_rows_; }
  std::string name() const override { return files_.name(); }

 private:
  Status OpenFile();
  Status StartGroup(int group, int64_t row);
  Result<std::shared_ptr<arrow::RecordBatch>> NextRows();

  LaneFiles files_;
  FileColumns columns_;
  std::unique_ptr<ParquetReader> reader_;  // of the current file
  FileFacts facts_;
  int group_ = 0;    // the row group being read
  int64_t row_ = 0;  // rows of it that have been
  int64_t total_rows_ = 0;
};

}  // namespace millrace
