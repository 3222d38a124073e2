// Keys as bytes: rows of key columns are encoded so that equal keys have equal bytes, and decoded
// back into columns. NULL is a value of its own. An optional int64 namespace (a window, a slice)
// comes first.
//
//   all of fixed width:   [namespace 8] [null bits 8] [column 8 or 16]...   of one length
//   else:                 [namespace 8] then per column, in order
//       fixed width:      [1 = valid] [value, zeros for NULL]
//       string, binary:   [varint: 0 = NULL, else length + 1] [bytes]
#pragma once

#include <arrow/array.h>
#include <arrow/record_batch.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "base/status.h"

namespace millrace {

// The keys of a batch's rows. A scratch buffer: reused from batch to batch.
struct EncodedKeys {
  std::vector<uint8_t> bytes;
  std::vector<size_t> offsets;  // of variable keys: row i is [offsets[i], offsets[i + 1])
  size_t width = 0;             // of fixed keys; 0: variable
  const uint8_t* data(size_t row) const {
    return bytes.data() + (width > 0 ? row * width : offsets[row]);
  }
  size_t size(size_t row) const { return width > 0 ? width : offsets[row + 1] - offsets[row]; }
};

class KeyCodec {
 public:
  // Fails for types that cannot be keys (nested ones).
  static Result<KeyCodec> Make(std::vector<std::shared_ptr<arrow::DataType>> types,
                               bool with_namespace);

  // Encodes the rows' values of `columns`, whose types are the codec's, column by column.
  // `namespaces`: one per row, null if the codec has none.
  Status Encode(const arrow::RecordBatch& rows, const std::vector<int>& columns,
                const int64_t* namespaces, EncodedKeys& keys) const;
  // The key columns of encoded keys.
  Result<arrow::ArrayVector> Decode(std::vector<const uint8_t*> keys) const;

  // Bytes of every key; 0 if keys differ in length.
  size_t fixed_width() const { return fixed_width_; }
  bool with_namespace() const { return with_namespace_; }
  size_t columns() const { return columns_.size(); }

 private:
  struct KeyColumn {
    std::shared_ptr<arrow::DataType> type;
    size_t width;   // bytes of the value; 0: variable
    size_t offset;  // in a fixed key
  };

  void PlaceColumns();
  void EncodeFixed(const arrow::RecordBatch& rows, const std::vector<int>& columns,
                   const int64_t* namespaces, EncodedKeys& keys) const;
  void EncodeVariable(const arrow::RecordBatch& rows, const std::vector<int>& columns,
                      const int64_t* namespaces, EncodedKeys& keys) const;
  Result<std::shared_ptr<arrow::Array>> DecodeFixedWidth(const KeyColumn& column, size_t index,
                                                         std::vector<const uint8_t*>& keys) const;
  Result<std::shared_ptr<arrow::Array>> DecodeBytes(const KeyColumn& column,
                                                    std::vector<const uint8_t*>& keys) const;

  std::vector<KeyColumn> columns_;
  bool with_namespace_ = false;
  size_t fixed_width_ = 0;
};

}  // namespace millrace
