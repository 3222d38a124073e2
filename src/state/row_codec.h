// RowCodec: rows of a schema as bytes, for stores that keep a row under a key, and back as columns.
// Unlike keys (key_codec.h) they need not compare, and may be nested:
//
//   row       columns one behind the other
//   value     [0] if NULL, else [1] and
//     fixed width       the bytes of the value; BOOLEAN one byte
//     string, binary    [varint length] [bytes]
//     list, map         [varint length] [values]
//     struct            its fields as values
//
// So a BIGINT column behind others that are never NULL stands at a fixed place of each row.
#pragma once

#include <arrow/buffer_builder.h>
#include <arrow/record_batch.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace millrace {

class RowCodec {
 public:
  // Fails for types that have no encoding (dictionaries, unions ...).
  static Result<RowCodec> Make(std::shared_ptr<arrow::Schema> schema);

  const std::shared_ptr<arrow::Schema>& schema() const { return schema_; }
  // Bytes of a row whose columns of variable width are empty.
  size_t least_bytes() const { return least_bytes_; }
  // True if all columns are of fixed width.
  bool fixed() const { return fixed_; }

  // Appends the row's bytes. `columns` are of the schema's types.
  static void Append(const arrow::ArrayVector& columns, int64_t row, std::string& out);

 private:
  std::shared_ptr<arrow::Schema> schema_;
  size_t least_bytes_ = 0;
  bool fixed_ = true;
};

// Collects rows of bytes as columns.
class RowReader {
 public:
  explicit RowReader(const RowCodec& codec);
  // Takes the first row off `bytes`. Fails if they are no row of the schema.
  Status Add(std::string_view& bytes);
  int64_t rows() const { return rows_; }
  // The rows added since the last call.
  Result<std::shared_ptr<arrow::RecordBatch>> Finish();

 private:
  // What an array is made of, while it grows.
  struct Column {
    std::shared_ptr<arrow::DataType> type;
    size_t width = 0;  // of values of fixed width, in bytes
    bool in_bits = false, with_offsets = false;
    int64_t length = 0;
    arrow::TypedBufferBuilder<bool> valid, bits;
    arrow::BufferBuilder values;
    arrow::TypedBufferBuilder<int32_t> offsets;
    std::vector<std::unique_ptr<Column>> children;
  };

  static std::unique_ptr<Column> MakeColumn(const std::shared_ptr<arrow::DataType>& type);
  static Status AddValue(Column& column, std::string_view& bytes);
  static Status AddNull(Column& column);
  static Result<std::shared_ptr<arrow::ArrayData>> FinishColumn(Column& column);

  std::shared_ptr<arrow::Schema> schema_;
  std::vector<std::unique_ptr<Column>> columns_;
  int64_t rows_ = 0;
};

}  // namespace millrace
