// A source of files that are read batch by batch, such as Avro and Parquet: one lane, file by file.
// Owned by one thread.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "connectors/files/file_columns.h"
#include "connectors/files/lane_files.h"
#include "connectors/source.h"

namespace millrace {

class BatchFileSource : public Source {
 public:
  Status Open() override { return files_.Open(); }
  Result<Polled> Poll(std::chrono::milliseconds wait) final;
  bool bounded() const final { return files_.bounded(); }
  std::string name() const final { return files_.name(); }

 protected:
  BatchFileSource(LaneFilesOptions files, FileColumns columns)
      : files_(std::move(files)), columns_(std::move(columns)), declared_(columns_.declared()) {}

  // Opens files().current() at its beginning; for Seek, which then goes on to its place.
  Status Begin();
  virtual Status OpenFile() = 0;
  virtual void CloseFile() = 0;
  // The next rows of the open file, null at its end.
  virtual Result<std::shared_ptr<arrow::RecordBatch>> NextRows() = 0;
  // Where in the file to go on behind what NextRows has given: its part, the row there.
  virtual std::pair<int64_t, int64_t> place() const = 0;
  // Polled::skipped_time of what NextRows has left out since it was last asked.
  virtual std::optional<int64_t> TakeSkippedTime() { return std::nullopt; }

  LaneFiles& files() { return files_; }
  const LaneFiles& files() const { return files_; }
  const FileColumns& columns() const { return columns_; }

 private:
  LaneFiles files_;
  FileColumns columns_;
  std::shared_ptr<arrow::Schema> declared_;  // columns_.declared()
  FileFacts facts_;                          // of the open file
  bool open_ = false;
};

}  // namespace millrace
