// Loops that fill whole Arrow columns from a function of the row: no builder, no call per value.
#pragma once

#include <arrow/array.h>
#include <arrow/buffer.h>
#include <arrow/util/bit_util.h>

#include <cstdint>
#include <cstring>
#include <memory>

#include "base/status.h"

namespace millrace {

using ArrayResult = Result<std::shared_ptr<arrow::Array>>;
using TypePtr = std::shared_ptr<arrow::DataType>;

// A column of `type`, whose values are laid out as T: value(i) for each row i.
template <typename T, typename Value>
ArrayResult FillFixed(const TypePtr& type, int64_t rows, Value value) {
  MILL_ASSIGN(std::shared_ptr<arrow::Buffer> buffer,
              arrow::AllocateBuffer(rows * static_cast<int64_t>(sizeof(T))));
  T* out = reinterpret_cast<T*>(buffer->mutable_data());
  for (int64_t i = 0; i < rows; ++i) out[i] = value(i);
  return arrow::MakeArray(arrow::ArrayData::Make(type, rows, {nullptr, std::move(buffer)}, 0));
}

// A bitmap of value(i).
template <typename Value>
Result<std::shared_ptr<arrow::Buffer>> FillBits(int64_t rows, Value value) {
  MILL_ASSIGN(std::shared_ptr<arrow::Buffer> bits, arrow::AllocateEmptyBitmap(rows));
  uint8_t* out = bits->mutable_data();
  for (int64_t i = 0; i < rows; ++i) {
    if (value(i)) arrow::bit_util::SetBit(out, i);
  }
  return bits;
}

// A column of strings or bytes: write(i, out) writes row i and returns its end. All rows together
// need at most `capacity` bytes.
template <typename Write>
ArrayResult FillText(const TypePtr& type, int64_t rows, int64_t capacity, Write write) {
  MILL_ASSIGN(std::shared_ptr<arrow::Buffer> offsets,
              arrow::AllocateBuffer((rows + 1) * static_cast<int64_t>(sizeof(int32_t))));
  MILL_ASSIGN(std::shared_ptr<arrow::ResizableBuffer> bytes,
              arrow::AllocateResizableBuffer(capacity));
  int32_t* offset = reinterpret_cast<int32_t*>(offsets->mutable_data());
  char* const begin = reinterpret_cast<char*>(bytes->mutable_data());
  char* out = begin;
  for (int64_t i = 0; i < rows; ++i) {
    offset[i] = static_cast<int32_t>(out - begin);
    out = write(i, out);
  }
  offset[rows] = static_cast<int32_t>(out - begin);
  MILL_RETURN(bytes->Resize(out - begin, /*shrink_to_fit=*/false));
  return arrow::MakeArray(
      arrow::ArrayData::Make(type, rows, {nullptr, std::move(offsets), std::move(bytes)}, 0));
}

// The same column, NULL where valid(i) is false.
template <typename Valid>
ArrayResult WithNulls(const std::shared_ptr<arrow::Array>& array, Valid valid) {
  MILL_ASSIGN(auto bits, FillBits(array->length(), valid));
  auto data = array->data()->Copy();
  data->buffers[0] = std::move(bits);
  data->null_count = arrow::kUnknownNullCount;
  return arrow::MakeArray(std::move(data));
}

// Appends `text` and returns the end.
inline char* Append(char* out, std::string_view text) {
  std::memcpy(out, text.data(), text.size());
  return out + text.size();
}

}  // namespace millrace
