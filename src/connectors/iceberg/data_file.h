// Writes one Parquet file of a table: columns with their field ids, statistics for the manifest.
#pragma once

#include <arrow/record_batch.h>

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "connectors/iceberg/manifest.h"
#include "connectors/iceberg/table_files.h"
#include "connectors/iceberg/types.h"
#include "formats/file_encoder.h"
#include "formats/format.h"

namespace parquet {
class FileMetaData;
}

namespace millrace {

// Owned by one thread. A file that is not finished is removed.
class IcebergFileWriter {
 public:
  // Makes the file at `location` with columns `fields`. `options`: the 'parquet.*' ones.
  static Result<std::unique_ptr<IcebergFileWriter>> Create(IcebergFiles* files,
                                                           const std::string& location,
                                                           const std::vector<IcebergField>& fields,
                                                           const Options& options);
  // Rows in the storage layout.
  Status Write(const arrow::RecordBatch& rows);
  int64_t rows() const { return rows_; }
  int64_t bytes() const { return encoder_->bytes(); }
  int64_t buffered() const { return encoder_->buffered(); }
  Status Flush() { return encoder_->Flush(); }
  // Makes it durable. Content, partition and equality ids are left to the caller.
  Result<IcebergDataFile> Finish();

 private:
  IcebergFileWriter() = default;

  std::vector<IcebergField> fields_;
  std::unique_ptr<IcebergOutput> output_;
  std::unique_ptr<FileEncoder> encoder_;
  IcebergDataFile file_;
  int64_t rows_ = 0;
};

// Fills the counts, sizes, bounds and split offsets from a file's footer.
void AddStatistics(const parquet::FileMetaData& footer, const std::vector<IcebergField>& fields,
                   IcebergDataFile* file);

}  // namespace millrace
