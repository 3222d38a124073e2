#include "data/key_hash.h"

#include <arrow/array.h>
#include <arrow/scalar.h>
#include <arrow/util/bit_util.h>
#include <xxhash.h>

#include <cstring>
#include <string_view>

namespace millrace {
namespace {

constexpr uint64_t kNullValue = 0x9E3779B97F4A7C15u;

// Folds one value into a row's hash: two rounds of multiply and shift, full avalanche.
inline uint64_t Mix(uint64_t hash, uint64_t value) {
  uint64_t x = (hash ^ value) * 0xD6E8FEB86659FD93u;
  x = (x ^ (x >> 32)) * 0x9FB21C651E98DF25u;
  return x ^ (x >> 29);
}

// Folds value(i) of every row into the hashes; NULL rows fold a constant in a round of their own.
template <typename Value>
void MixColumn(const arrow::ArrayData& data, std::vector<uint64_t>& hashes, Value value) {
  const auto rows = static_cast<size_t>(data.length);
  if (!data.MayHaveNulls()) {
    for (size_t i = 0; i < rows; ++i) hashes[i] = Mix(hashes[i], value(i));
    return;
  }
  const uint8_t* valid = data.buffers[0]->data();
  for (size_t i = 0; i < rows; ++i) {
    const bool set = arrow::bit_util::GetBit(valid, data.offset + static_cast<int64_t>(i));
    hashes[i] = set ? Mix(hashes[i], value(i)) : Mix(~hashes[i], kNullValue);
  }
}

template <typename T>
void MixIntegers(const arrow::ArrayData& data, std::vector<uint64_t>& hashes) {
  const T* values = data.GetValues<T>(1);
  MixColumn(data, hashes,
            [values](size_t i) { return static_cast<uint64_t>(static_cast<int64_t>(values[i])); });
}

void MixBooleans(const arrow::ArrayData& data, std::vector<uint64_t>& hashes) {
  const uint8_t* bits = data.buffers[1]->data();
  MixColumn(data, hashes, [&](size_t i) -> uint64_t {
    return arrow::bit_util::GetBit(bits, data.offset + static_cast<int64_t>(i)) ? 1 : 0;
  });
}

template <typename Offset>
void MixBytes(const arrow::ArrayData& data, std::vector<uint64_t>& hashes) {
  const Offset* offsets = data.GetValues<Offset>(1);
  const char* bytes = data.buffers[2] ? reinterpret_cast<const char*>(data.buffers[2]->data()) : "";
  MixColumn(data, hashes, [=](size_t i) {
    return XXH3_64bits(bytes + offsets[i], static_cast<size_t>(offsets[i + 1] - offsets[i]));
  });
}

void MixWide(const arrow::ArrayData& data, size_t width, std::vector<uint64_t>& hashes) {
  const uint8_t* values = data.buffers[1]->data() + static_cast<size_t>(data.offset) * width;
  MixColumn(data, hashes, [=](size_t i) { return XXH3_64bits(values + i * width, width); });
}

Status MixFixed(const arrow::ArrayData& data, std::vector<uint64_t>& hashes) {
  const int width = data.type->byte_width();
  switch (width) {
    case 1:
      MixIntegers<int8_t>(data, hashes);
      break;
    case 2:
      MixIntegers<int16_t>(data, hashes);
      break;
    case 4:
      MixIntegers<int32_t>(data, hashes);
      break;
    case 8:
      MixIntegers<int64_t>(data, hashes);
      break;
    default:
      MixWide(data, static_cast<size_t>(width), hashes);
  }
  return Status::OK();
}

// Nested values hash by how they print: slow, but equal values print alike.
Status MixNested(const arrow::Array& column, std::vector<uint64_t>& hashes) {
  for (int64_t i = 0; i < column.length(); ++i) {
    uint64_t& hash = hashes[static_cast<size_t>(i)];
    if (column.IsNull(i)) {
      hash = Mix(~hash, kNullValue);
      continue;
    }
    MILL_ASSIGN(auto scalar, column.GetScalar(i));
    const std::string text = scalar->ToString();
    hash = Mix(hash, XXH3_64bits(text.data(), text.size()));
  }
  return Status::OK();
}

Status MixAny(const arrow::Array& column, std::vector<uint64_t>& hashes) {
  const arrow::ArrayData& data = *column.data();
  switch (data.type->id()) {
    case arrow::Type::NA:
      for (uint64_t& hash : hashes) hash = Mix(~hash, kNullValue);
      return Status::OK();
    case arrow::Type::BOOL:
      MixBooleans(data, hashes);
      return Status::OK();
    case arrow::Type::STRING:
    case arrow::Type::BINARY:
      MixBytes<int32_t>(data, hashes);
      return Status::OK();
    case arrow::Type::LARGE_STRING:
    case arrow::Type::LARGE_BINARY:
      MixBytes<int64_t>(data, hashes);
      return Status::OK();
    default:
      return arrow::is_fixed_width(*data.type) && data.type->byte_width() > 0
                 ? MixFixed(data, hashes)
                 : MixNested(column, hashes);
  }
}

}  // namespace

Status HashKeys(const arrow::RecordBatch& rows, const std::vector<int>& columns,
                std::vector<uint64_t>& hashes) {
  hashes.assign(static_cast<size_t>(rows.num_rows()), 0x8EBC6AF09C88C6E3u);
  if (rows.num_rows() == 0) return Status::OK();
  for (int column : columns) MILL_RETURN(MixAny(*rows.column(column), hashes));
  return Status::OK();
}

}  // namespace millrace
