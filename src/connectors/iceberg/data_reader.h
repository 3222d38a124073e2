// Reads one Parquet file of a table: columns by field id, whatever their names were when the file
// was written. Columns that it lacks are NULL, or the partition's value.
#pragma once

#include <arrow/io/interfaces.h>
#include <arrow/record_batch.h>
#include <parquet/arrow/reader.h>
#include <parquet/arrow/schema.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "connectors/iceberg/pruning.h"
#include "data/column_condition.h"

namespace millrace {

// Owned by one thread.
class IcebergDataReader {
 public:
  static constexpr int64_t kBatchRows = 32768;

  // `fields`: what is read, in this order.
  static Result<std::unique_ptr<IcebergDataReader>> Open(
      const std::string& location, std::shared_ptr<arrow::io::RandomAccessFile> file,
      std::vector<IcebergField> fields);

  struct Rows {
    int64_t first = 0;  // position in the file
    int64_t count = 0;
    // By `fields`: structs have the table's fields, leaves the file's types. Null: the file does
    // not have the column.
    std::vector<std::shared_ptr<arrow::Array>> columns;
  };
  // The next rows from `row` on, the first that has not been read; nothing at the end. `skip`: row
  // groups without a row that meets these are passed over.
  Result<std::optional<Rows>> Next();
  // Goes to row `row`, before the first Next.
  Status Skip(int64_t row);
  void SetConditions(std::vector<std::pair<ColumnCondition, IcebergColumn>> conditions) {
    conditions_ = std::move(conditions);
  }
  int64_t groups_skipped() const { return groups_skipped_; }

 private:
  IcebergDataReader() = default;
  Status FindFields();
  Status NextGroup();
  bool MaySkip(int group) const;
  const parquet::arrow::SchemaField* FindField(const IcebergField& field) const;
  Result<Rows> ToRows(const arrow::RecordBatch& batch);

  std::string location_;
  std::vector<IcebergField> fields_;
  std::vector<std::pair<ColumnCondition, IcebergColumn>> conditions_;
  std::unique_ptr<parquet::arrow::FileReader> file_;
  bool by_name_ = false;     // the file has no ids
  std::vector<int> leaves_;  // to be read
  std::vector<int> places_;  // by `fields_`: the column of what is read, -1: none
  std::vector<std::shared_ptr<arrow::Field>> file_fields_;  // by `fields_`
  std::unique_ptr<arrow::RecordBatchReader> group_;
  int group_number_ = -1;
  int64_t group_start_ = 0;  // row of the file
  int64_t row_ = 0;          // of the file: the next one
  int64_t skip_ = 0;         // rows that are not wanted
  int64_t groups_skipped_ = 0;
};

// The column in the engine's layout.
Result<std::shared_ptr<arrow::Array>> ToEngine(const std::shared_ptr<arrow::Array>& array,
                                               const Column& column);

}  // namespace millrace
