#include "formats/columns.h"

#include <arrow/array.h>
#include <arrow/util/bit_util.h>
#include <arrow/util/bitmap_ops.h>

#include <algorithm>
#include <utility>

namespace millrace {

void GrowingBuffer::Grow(size_t extra) {
  constexpr size_t kSmallest = 1024;
  const size_t wanted = std::max({size_ + extra, capacity_ * 2, expected_ + 64, kSmallest});
  if (!buffer_) {
    auto made = arrow::AllocateResizableBuffer(0);
    MILL_CHECK(made.ok());
    buffer_ = std::move(made).ValueUnsafe();
  }
  MILL_CHECK(buffer_->Resize(static_cast<int64_t>(size_), false).ok());
  MILL_CHECK(buffer_->Reserve(static_cast<int64_t>(wanted)).ok());
  data_ = buffer_->mutable_data();
  capacity_ = static_cast<size_t>(buffer_->capacity());
}

std::shared_ptr<arrow::Buffer> GrowingBuffer::Finish() {
  if (!buffer_) Grow(0);
  MILL_CHECK(buffer_->Resize(static_cast<int64_t>(size_), false).ok());
  buffer_->ZeroPadding();
  expected_ = size_ + size_ / 16;
  data_ = nullptr;
  size_ = capacity_ = 0;
  return std::move(buffer_);
}

ColumnBuilder::Layout ColumnBuilder::LayoutOf(TypeKind kind) {
  switch (kind) {
    case TypeKind::kNull:
      return Layout::kNull;
    case TypeKind::kBoolean:
      return Layout::kBool;
    case TypeKind::kChar:
    case TypeKind::kVarchar:
    case TypeKind::kBinary:
    case TypeKind::kVarbinary:
      return Layout::kBytes;
    case TypeKind::kArray:
    case TypeKind::kMap:
      return Layout::kList;
    case TypeKind::kRow:
      return Layout::kRow;
    default:
      return Layout::kFixed;
  }
}

ColumnBuilder::ColumnBuilder(const SqlType& type)
    : type_(type), arrow_type_(type.ToArrow()), layout_(LayoutOf(type.kind)) {
  if (layout_ == Layout::kFixed) {
    width_ = static_cast<size_t>(arrow_type_->byte_width());
  }
  if (layout_ == Layout::kBytes || layout_ == Layout::kList) PushOffset(0);
  for (const RowField& field : type.children) {
    children_.push_back(std::make_unique<ColumnBuilder>(*field.type));
  }
}

void ColumnBuilder::MarkValid(int64_t until) {
  const auto bytes = static_cast<size_t>(arrow::bit_util::BytesForBits(until));
  if (bytes > validity_.size()) {
    const size_t extra = bytes - validity_.size();
    validity_.Reserve(extra);
    std::memset(validity_.end(), 0, extra);
    validity_.Advance(extra);
  }
  arrow::bit_util::SetBitsTo(validity_.as<uint8_t>(), marked_, until - marked_, true);
  marked_ = until;
}

void ColumnBuilder::AppendNull() {
  if (layout_ != Layout::kNull) {
    MarkValid(size_ + 1);
    arrow::bit_util::ClearBit(validity_.as<uint8_t>(), size_);
  }
  AppendDefault();
}

void ColumnBuilder::AppendDefault() {
  switch (layout_) {
    case Layout::kNull:
      break;
    case Layout::kBool:
      AppendBool(false);
      return;
    case Layout::kFixed:
      values_.Reserve(width_);
      std::memset(values_.end(), 0, width_);
      values_.Advance(width_);
      break;
    case Layout::kBytes:
    case Layout::kList:
      PushOffset(last_offset());
      break;
    case Layout::kRow:
      for (auto& member : children_) member->AppendNull();
      break;
  }
  ++size_;
}

void ColumnBuilder::AppendBool(bool value) {
  if ((size_ & 7) == 0) values_.Push(uint8_t{0});
  arrow::bit_util::SetBitTo(values_.as<uint8_t>(), size_, value);
  ++size_;
}

void ColumnBuilder::AppendBytes(std::string_view bytes) {
  uint8_t* to = BeginBytes(bytes.size());
  if (!bytes.empty()) std::memcpy(to, bytes.data(), bytes.size());
  EndBytes(bytes.size());
}

void ColumnBuilder::EndList() {
  PushOffset(static_cast<int32_t>(children_.front()->size()));
  ++size_;
}

void ColumnBuilder::EndRow() {
  for (auto& member : children_) {
    if (member->size() == size_) member->AppendNull();
  }
  ++size_;
}

void ColumnBuilder::Truncate(int64_t rows) {
  size_ = std::min(size_, rows);
  marked_ = std::min(marked_, size_);
  const auto kept = static_cast<size_t>(size_);
  validity_.Truncate(static_cast<size_t>(arrow::bit_util::BytesForBits(marked_)));
  switch (layout_) {
    case Layout::kNull:
      break;
    case Layout::kFixed:
      values_.Truncate(kept * width_);
      break;
    case Layout::kBool:
      values_.Truncate((kept + 7) / 8);
      break;
    case Layout::kBytes:
      offsets_.Truncate((kept + 1) * sizeof(int32_t));
      values_.Truncate(static_cast<size_t>(last_offset()));
      break;
    case Layout::kList:
      offsets_.Truncate((kept + 1) * sizeof(int32_t));
      for (auto& member : children_) member->Truncate(last_offset());
      break;
    case Layout::kRow:
      for (auto& member : children_) member->Truncate(size_);
      break;
  }
}

Result<std::shared_ptr<arrow::ArrayData>> ColumnBuilder::FinishData() {
  std::shared_ptr<arrow::Buffer> validity;
  int64_t nulls = layout_ == Layout::kNull ? size_ : 0;
  if (marked_ > 0) {
    MarkValid(size_);
    nulls = size_ - arrow::internal::CountSetBits(validity_.as<uint8_t>(), 0, size_);
    auto bits = validity_.Finish();
    if (nulls > 0) validity = std::move(bits);
  }
  std::vector<std::shared_ptr<arrow::Buffer>> buffers{std::move(validity)};
  if (layout_ == Layout::kBytes || layout_ == Layout::kList) buffers.push_back(offsets_.Finish());
  if (layout_ != Layout::kList && layout_ != Layout::kRow && layout_ != Layout::kNull) {
    buffers.push_back(values_.Finish());
  }
  std::vector<std::shared_ptr<arrow::ArrayData>> members;
  for (auto& member : children_) {
    MILL_ASSIGN(auto data, member->FinishData());
    members.push_back(std::move(data));
  }
  if (type_.kind == TypeKind::kMap) {  // Arrow keeps a map's entries as one struct child
    const auto& entries = static_cast<const arrow::MapType&>(*arrow_type_).value_type();
    const int64_t count = members.front()->length;
    std::vector<std::shared_ptr<arrow::Buffer>> no_bitmap{nullptr};
    members = {arrow::ArrayData::Make(entries, count, no_bitmap, std::move(members), 0)};
  }
  auto data =
      arrow::ArrayData::Make(arrow_type_, size_, std::move(buffers), std::move(members), nulls);
  size_ = marked_ = 0;
  if (layout_ == Layout::kBytes || layout_ == Layout::kList) PushOffset(0);
  return data;
}

Result<std::shared_ptr<arrow::Array>> ColumnBuilder::Finish() {
  MILL_ASSIGN(auto data, FinishData());
  return arrow::MakeArray(data);
}

RowsBuilder::RowsBuilder(const Schema& schema) : schema_(schema.ToArrow()) {
  for (const Column& column : schema.columns) {
    names_.push_back(column.name);
    columns_.push_back(std::make_unique<ColumnBuilder>(column.type));
    not_null_.push_back(!column.type.nullable);
    any_not_null_ = any_not_null_ || !column.type.nullable;
  }
}

int RowsBuilder::EndRow() {
  if (any_not_null_) {
    for (size_t i = 0; i < columns_.size(); ++i) {
      const ColumnBuilder& column = *columns_[i];
      const bool missing = column.size() == rows_ || column.last_is_null();
      if (not_null_[i] && missing) return static_cast<int>(i);
    }
  }
  for (auto& column : columns_) {
    if (column->size() == rows_) column->AppendNull();
  }
  ++rows_;
  return -1;
}

bool RowsBuilder::KeepOrUndoRow(std::string* reason) {
  if (reason->empty()) [[likely]] {
    const int missing = EndRow();
    if (missing < 0) [[likely]]
      return true;
    *reason = fmt::format("field `{}`: NULL, but the column is NOT NULL",
                          names_[static_cast<size_t>(missing)]);
  }
  UndoRow();
  return false;
}

void RowsBuilder::UndoRow() {
  for (auto& column : columns_) column->Truncate(rows_);
}

Result<std::shared_ptr<arrow::RecordBatch>> RowsBuilder::Finish() {
  std::vector<std::shared_ptr<arrow::Array>> arrays;
  for (auto& column : columns_) {
    MILL_ASSIGN(auto array, column->Finish());
    arrays.push_back(std::move(array));
  }
  return arrow::RecordBatch::Make(schema_, std::exchange(rows_, 0), std::move(arrays));
}

}  // namespace millrace
