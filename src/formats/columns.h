// Column builders: decoders write values straight into growing Arrow buffers, one builder for each
// column, without a virtual call for each value. A validity bitmap exists only once a null appears.
// A half-read bad row is undone by cutting every column back to the row before it.
#pragma once

#include <arrow/buffer.h>
#include <arrow/record_batch.h>

#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "data/type.h"

namespace millrace {

// Bytes that grow in Arrow's memory. Out of memory aborts, as `new` would.
class GrowingBuffer {
 public:
  size_t size() const { return size_; }
  uint8_t* end() { return data_ + size_; }
  template <typename T>
  T* as() {
    return reinterpret_cast<T*>(data_);
  }

  void Reserve(size_t extra) {
    if (size_ + extra > capacity_) Grow(extra);
  }
  template <typename T>
  void Push(T value) {
    Reserve(sizeof(T));
    std::memcpy(data_ + size_, &value, sizeof(T));
    size_ += sizeof(T);
  }
  void Advance(size_t bytes) { size_ += bytes; }
  void Truncate(size_t size) { size_ = size; }
  // Hands the bytes over and starts anew.
  std::shared_ptr<arrow::Buffer> Finish();

 private:
  void Grow(size_t extra);

  std::unique_ptr<arrow::ResizableBuffer> buffer_;
  uint8_t* data_ = nullptr;
  size_t size_ = 0;
  size_t capacity_ = 0;
  size_t expected_ = 0;  // size of the last batch's buffer: the first allocation of the next
};

// The growing values of one column (or of the children of a nested one).
class ColumnBuilder {
 public:
  // Bytes that may be written beyond what BeginBytes was asked for: vector copies overshoot.
  static constexpr size_t kSlack = 64;

  explicit ColumnBuilder(const SqlType& type);

  const SqlType& type() const { return type_; }
  int64_t size() const { return size_; }
  bool last_is_null() const { return marked_ == size_; }

  void AppendNull();
  // A fixed-width value; T must be the column's physical type (see data/type.h).
  template <typename T>
  void Append(T value) {
    values_.Push(value);
    ++size_;
  }
  void AppendBool(bool value);
  // A string or binary value.
  void AppendBytes(std::string_view bytes);
  // Room for `most` bytes of the next string or binary value; written there, EndBytes closes it.
  uint8_t* BeginBytes(size_t most) {
    values_.Reserve(most + kSlack);
    return values_.end();
  }
  void EndBytes(size_t length) {
    values_.Advance(length);
    PushOffset(static_cast<int32_t>(values_.size()));
    ++size_;
  }
  // Members of nested types: append to the children, then end the value.
  ColumnBuilder& child(size_t i) { return *children_[i]; }
  size_t num_children() const { return children_.size(); }
  void EndList();
  void EndRow();

  // Drops everything behind the first `rows` values, a half-written nested value included.
  void Truncate(int64_t rows);
  Result<std::shared_ptr<arrow::Array>> Finish();

 private:
  enum class Layout { kFixed, kBool, kBytes, kList, kRow, kNull };
  static Layout LayoutOf(TypeKind kind);
  void PushOffset(int32_t offset) { offsets_.Push(offset); }
  int32_t last_offset() { return offsets_.as<int32_t>()[size_]; }
  void AppendDefault();
  void MarkValid(int64_t until);
  Result<std::shared_ptr<arrow::ArrayData>> FinishData();

  SqlType type_;
  std::shared_ptr<arrow::DataType> arrow_type_;
  Layout layout_;
  size_t width_ = 0;  // bytes of a fixed value
  int64_t size_ = 0;
  int64_t marked_ = 0;  // values that the bitmap covers: up to the last null
  GrowingBuffer validity_;
  GrowingBuffer values_;   // fixed values, bits, or string data
  GrowingBuffer offsets_;  // int32, size_ + 1 of them
  std::vector<std::unique_ptr<ColumnBuilder>> children_;
};

// The columns of a batch being decoded.
class RowsBuilder {
 public:
  explicit RowsBuilder(const Schema& schema);

  int64_t rows() const { return rows_; }
  size_t num_columns() const { return columns_.size(); }
  ColumnBuilder& column(size_t i) { return *columns_[i]; }
  const ColumnBuilder& column(size_t i) const { return *columns_[i]; }
  const std::string& name(size_t i) const { return names_[i]; }

  // Ends the current row; a column without a value gets NULL. Returns the first NOT NULL column
  // that has no value or NULL (the row is then still open), else -1.
  int EndRow();
  // Ends the row that was read, or takes it back: if `reason` says already why it is none, or if a
  // NOT NULL column has no value, which `reason` says then. True if it is a row.
  bool KeepOrUndoRow(std::string* reason);
  // Takes back what the current, unended row has written.
  void UndoRow();
  Result<std::shared_ptr<arrow::RecordBatch>> Finish();

 private:
  std::shared_ptr<arrow::Schema> schema_;
  std::vector<std::string> names_;
  std::vector<std::unique_ptr<ColumnBuilder>> columns_;
  std::vector<bool> not_null_;
  bool any_not_null_ = false;
  int64_t rows_ = 0;
};

}  // namespace millrace
