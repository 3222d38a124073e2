// Reads Avro container files, block by block. A position is the byte where the next block starts.
#pragma once

#include <memory>
#include <string>

#include "connectors/files/batch_file_source.h"
#include "formats/avro/container.h"

namespace millrace {

class AvroSource : public BatchFileSource {
 public:
  AvroSource(LaneFilesOptions files, FileColumns columns)
      : BatchFileSource(std::move(files), std::move(columns)) {}

  Status Seek(const std::string& position) override;

 private:
  Status OpenFile() override;
  void CloseFile() override { reader_ = nullptr; }
  Result<std::shared_ptr<arrow::RecordBatch>> NextRows() override { return reader_->Next(); }
  std::pair<int64_t, int64_t> place() const override { return {reader_->position(), 0}; }

  std::unique_ptr<AvroFileReader> reader_;  // of the open file
};

}  // namespace millrace
