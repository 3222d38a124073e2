// Reads Avro container files: one lane, file by file, block by block. A position is the byte at
// which the next block starts. Yields batches; owned by one thread.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "connectors/files/file_columns.h"
#include "connectors/files/lane_files.h"
#include "connectors/source.h"
#include "formats/avro/container.h"

namespace millrace {

class AvroSource : public Source {
 public:
  AvroSource(LaneFilesOptions files, FileColumns columns)
      : files_(std::move(files)), columns_(std::move(columns)), declared_(columns_.declared()) {}

  Status Open() override { return files_.Open(); }
  Result<Polled> Poll(std::chrono::milliseconds wait) override;
  Status Seek(const std::string& position) override;
  bool bounded() const override { return files_.bounded(); }
  std::string name() const override { return files_.name(); }

 private:
  Status OpenFile();

  LaneFiles files_;
  FileColumns columns_;
  std::shared_ptr<arrow::Schema> declared_;
  std::unique_ptr<AvroFileReader> reader_;  // of the current file
  FileFacts facts_;
};

}  // namespace millrace
