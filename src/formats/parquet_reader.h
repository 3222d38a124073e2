// Reads columns of a Parquet file, row group by row group, in the engine's types (parquet_types.h).
// Only the columns asked for are read from the file. Owned by one thread; may block.
#pragma once

#include <arrow/record_batch.h>
#include <parquet/arrow/reader.h>

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "data/column_condition.h"
#include "data/type.h"

namespace millrace {

class ParquetReader {
 public:
  static constexpr int64_t kBatchRows = 32768;

  // Opens `path`. An error names the file, and the column that is missing or of another type.
  static Result<std::unique_ptr<ParquetReader>> Open(const std::string& path,
                                                     const Schema& columns);
  // Reads `file`, whose name is `path`: one in an object store, where few large reads are best.
  static Result<std::unique_ptr<ParquetReader>> Open(
      const std::string& path, std::shared_ptr<arrow::io::RandomAccessFile> file,
      const Schema& columns);

  int num_row_groups() const { return static_cast<int>(group_rows_.size()); }
  int64_t rows_of(int group) const { return group_rows_[static_cast<size_t>(group)]; }
  int64_t num_rows() const;
  // What the file says of `column` in row group `group`, as far as it does.
  ColumnFacts FactsOf(int group, const Column& column) const;
  // Goes to row `row` of row group `group`; the next rows come from there.
  Status Start(int group, int64_t row);
  // The next rows of the row group, at most kBatchRows; null at its end.
  Result<std::shared_ptr<arrow::RecordBatch>> Next();

 private:
  ParquetReader() = default;
  enum class Place { kLocal, kRemote };
  static Result<std::unique_ptr<ParquetReader>> Open(
      const std::string& path, std::shared_ptr<arrow::io::RandomAccessFile> file,
      const Schema& columns, Place place);
  Status FindColumns();
  Status FindColumn(const Column& column);
  Result<std::shared_ptr<arrow::RecordBatch>> Convert(const arrow::RecordBatch& rows) const;

  std::string path_;
  Schema columns_;
  std::shared_ptr<arrow::Schema> schema_;
  std::vector<int64_t> group_rows_;
  std::vector<int> leaves_;  // Parquet's columns behind the wanted ones
  std::vector<int> fields_;  // of each wanted column: where it stands in what Arrow reads
  std::unique_ptr<parquet::arrow::FileReader> file_;
  std::unique_ptr<arrow::RecordBatchReader> group_;
  int64_t skip_ = 0;  // rows of the group that are not wanted
};

}  // namespace millrace
