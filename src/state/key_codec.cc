#include "state/key_codec.h"

#include <arrow/buffer.h>
#include <arrow/util/bit_util.h>

#include <cstring>
#include <limits>

namespace millrace {
namespace {

using arrow::bit_util::GetBit;

bool IsBytes(const arrow::DataType& type) {
  return type.id() == arrow::Type::STRING || type.id() == arrow::Type::BINARY;
}

// Width of a value in a key; 0 for strings, -1 for what cannot be a key.
int KeyWidth(const arrow::DataType& type) {
  if (IsBytes(type)) return 0;
  if (type.id() == arrow::Type::BOOL || type.id() == arrow::Type::NA) return 1;
  const bool fits = arrow::is_primitive(type.id()) || type.id() == arrow::Type::DECIMAL128;
  return fits ? type.byte_width() : -1;
}

const uint8_t* ValidBits(const arrow::ArrayData& data) {
  return data.MayHaveNulls() ? data.buffers[0]->data() : nullptr;
}

// Calls write(row, pointer to value) for the valid rows and null(row) for the others.
template <size_t kWidth, typename Write, typename Null>
void VisitValues(const arrow::ArrayData& data, Write write, Null null) {
  const auto rows = static_cast<size_t>(data.length);
  if (data.type->id() == arrow::Type::NA) {
    for (size_t i = 0; i < rows; ++i) null(i);
    return;
  }
  const uint8_t* valid = ValidBits(data);
  const uint8_t* values = data.buffers[1]->data();
  const bool boolean = data.type->id() == arrow::Type::BOOL;
  if (!boolean) values += static_cast<size_t>(data.offset) * kWidth;
  for (size_t i = 0; i < rows; ++i) {
    const int64_t bit = data.offset + static_cast<int64_t>(i);
    if (valid != nullptr && !GetBit(valid, bit)) {
      null(i);
    } else if (boolean) {
      const uint8_t value[kWidth] = {GetBit(values, bit)};
      write(i, value);
    } else {
      write(i, values + i * kWidth);
    }
  }
}

template <size_t kWidth>
void EncodeFixedColumn(const arrow::ArrayData& data, uint8_t* first, size_t stride, uint8_t* nulls,
                       uint64_t null_bit) {
  VisitValues<kWidth>(
      data,
      [=](size_t row, const uint8_t* value) { std::memcpy(first + row * stride, value, kWidth); },
      [=](size_t row) {
        uint64_t bits;
        std::memcpy(&bits, nulls + row * stride, 8);
        bits |= null_bit;
        std::memcpy(nulls + row * stride, &bits, 8);
      });
}

size_t VarintSize(size_t value) {
  size_t size = 1;
  for (; value >= 0x80; value >>= 7) ++size;
  return size;
}

uint8_t* PutVarint(uint8_t* at, size_t value) {
  for (; value >= 0x80; value >>= 7) *at++ = static_cast<uint8_t>(value | 0x80);
  *at++ = static_cast<uint8_t>(value);
  return at;
}

const uint8_t* GetVarint(const uint8_t* at, size_t& value) {
  value = 0;
  for (int shift = 0;; shift += 7) {
    value |= static_cast<size_t>(*at & 0x7F) << shift;
    if (*at++ < 0x80) return at;
  }
}

// memcpy for the short strings that keys mostly are: two overlapping words, no call.
inline void CopyShort(uint8_t* to, const uint8_t* from, size_t size) {
  if (size > 16) {
    std::memcpy(to, from, size);
  } else if (size >= 8) {
    std::memcpy(to, from, 8);
    std::memcpy(to + size - 8, from + size - 8, 8);
  } else if (size >= 4) {
    std::memcpy(to, from, 4);
    std::memcpy(to + size - 4, from + size - 4, 4);
  } else {
    for (size_t i = 0; i < size; ++i) to[i] = from[i];
  }
}

void AddSizes(const arrow::ArrayData& data, std::vector<size_t>& sizes) {
  const uint8_t* valid = ValidBits(data);
  const auto* offsets = data.GetValues<int32_t>(1);
  for (size_t i = 0; i < static_cast<size_t>(data.length); ++i) {
    const bool null = valid != nullptr && !GetBit(valid, data.offset + static_cast<int64_t>(i));
    const auto length = static_cast<size_t>(offsets[i + 1] - offsets[i]);
    sizes[i + 1] += null ? 1 : VarintSize(length + 1) + length;
  }
}

void WriteBytes(const arrow::ArrayData& data, std::vector<uint8_t*>& at) {
  const uint8_t* valid = ValidBits(data);
  const auto* offsets = data.GetValues<int32_t>(1);
  const uint8_t* bytes = data.buffers[2] ? data.buffers[2]->data() : nullptr;
  for (size_t i = 0; i < static_cast<size_t>(data.length); ++i) {
    if (valid != nullptr && !GetBit(valid, data.offset + static_cast<int64_t>(i))) {
      *at[i]++ = 0;
      continue;
    }
    const auto length = static_cast<size_t>(offsets[i + 1] - offsets[i]);
    uint8_t* to = PutVarint(at[i], length + 1);
    CopyShort(to, bytes + offsets[i], length);
    at[i] = to + length;
  }
}

template <size_t kWidth>
void WriteFlagged(const arrow::ArrayData& data, std::vector<uint8_t*>& at) {
  VisitValues<kWidth>(
      data,
      [&](size_t row, const uint8_t* value) {
        *at[row] = 1;
        std::memcpy(at[row] + 1, value, kWidth);
        at[row] += 1 + kWidth;
      },
      [&](size_t row) {
        std::memset(at[row], 0, 1 + kWidth);
        at[row] += 1 + kWidth;
      });
}

void WriteColumn(const arrow::ArrayData& data, size_t width, std::vector<uint8_t*>& at) {
  switch (width) {
    case 0:
      return WriteBytes(data, at);
    case 1:
      return WriteFlagged<1>(data, at);
    case 2:
      return WriteFlagged<2>(data, at);
    case 4:
      return WriteFlagged<4>(data, at);
    case 8:
      return WriteFlagged<8>(data, at);
    default:
      return WriteFlagged<16>(data, at);
  }
}

}  // namespace

Result<KeyCodec> KeyCodec::Make(std::vector<std::shared_ptr<arrow::DataType>> types,
                                bool with_namespace) {
  KeyCodec codec;
  codec.with_namespace_ = with_namespace;
  for (auto& type : types) {
    const int width = KeyWidth(*type);
    if (width < 0)
      return UserError("cannot group or partition by a value of type {}", type->ToString());
    codec.columns_.push_back({std::move(type), static_cast<size_t>(width), 0});
  }
  codec.PlaceColumns();
  return codec;
}

void KeyCodec::PlaceColumns() {
  size_t at = (with_namespace_ ? 8 : 0) + 8;
  bool fixed = columns_.size() <= 64;
  for (KeyColumn& column : columns_) {
    fixed = fixed && column.width > 0;
    column.offset = at;
    at += column.width > 8 ? 16 : 8;
  }
  fixed_width_ = fixed ? at : 0;
}

Status KeyCodec::Encode(const arrow::RecordBatch& rows, const std::vector<int>& columns,
                        const int64_t* namespaces, EncodedKeys& keys) const {
  for (size_t c = 0; c < columns_.size(); ++c) {
    const arrow::DataType& given = *rows.column(columns[c])->type();
    if (given.id() != columns_[c].type->id()) {
      return Status::TypeError("key column ", columns[c], " has type ", given.ToString(),
                               ", the table has ", columns_[c].type->ToString());
    }
  }
  keys.width = fixed_width_;
  if (fixed_width_ > 0) {
    EncodeFixed(rows, columns, namespaces, keys);
  } else {
    EncodeVariable(rows, columns, namespaces, keys);
  }
  return Status::OK();
}

void KeyCodec::EncodeFixed(const arrow::RecordBatch& rows, const std::vector<int>& columns,
                           const int64_t* namespaces, EncodedKeys& keys) const {
  const auto count = static_cast<size_t>(rows.num_rows());
  const size_t stride = fixed_width_;
  keys.bytes.assign(count * stride, 0);
  uint8_t* base = keys.bytes.data();
  if (with_namespace_) {
    for (size_t i = 0; i < count; ++i) std::memcpy(base + i * stride, &namespaces[i], 8);
  }
  uint8_t* nulls = base + (with_namespace_ ? 8 : 0);
  for (size_t c = 0; c < columns_.size(); ++c) {
    const arrow::ArrayData& data = *rows.column(columns[c])->data();
    uint8_t* first = base + columns_[c].offset;
    const uint64_t bit = uint64_t{1} << c;
    switch (columns_[c].width) {
      case 1:
        EncodeFixedColumn<1>(data, first, stride, nulls, bit);
        break;
      case 2:
        EncodeFixedColumn<2>(data, first, stride, nulls, bit);
        break;
      case 4:
        EncodeFixedColumn<4>(data, first, stride, nulls, bit);
        break;
      case 8:
        EncodeFixedColumn<8>(data, first, stride, nulls, bit);
        break;
      default:
        EncodeFixedColumn<16>(data, first, stride, nulls, bit);
    }
  }
}

void KeyCodec::EncodeVariable(const arrow::RecordBatch& rows, const std::vector<int>& columns,
                              const int64_t* namespaces, EncodedKeys& keys) const {
  const auto count = static_cast<size_t>(rows.num_rows());
  size_t constant = with_namespace_ ? 8 : 0;
  for (const KeyColumn& column : columns_) constant += column.width > 0 ? 1 + column.width : 0;
  keys.offsets.assign(count + 1, constant);
  keys.offsets[0] = 0;
  for (size_t c = 0; c < columns_.size(); ++c) {
    if (columns_[c].width == 0) AddSizes(*rows.column(columns[c])->data(), keys.offsets);
  }
  for (size_t i = 0; i < count; ++i) keys.offsets[i + 1] += keys.offsets[i];
  keys.bytes.resize(keys.offsets[count]);
  std::vector<uint8_t*> at(count);
  for (size_t i = 0; i < count; ++i) at[i] = keys.bytes.data() + keys.offsets[i];
  if (with_namespace_) {
    for (size_t i = 0; i < count; ++i) {
      std::memcpy(at[i], &namespaces[i], 8);
      at[i] += 8;
    }
  }
  for (size_t c = 0; c < columns_.size(); ++c) {
    WriteColumn(*rows.column(columns[c])->data(), columns_[c].width, at);
  }
}

Result<arrow::ArrayVector> KeyCodec::Decode(std::vector<const uint8_t*> keys) const {
  if (with_namespace_) {
    for (const uint8_t*& key : keys) key += 8;
  }
  arrow::ArrayVector arrays;
  for (size_t c = 0; c < columns_.size(); ++c) {
    MILL_ASSIGN(auto array, columns_[c].width == 0 ? DecodeBytes(columns_[c], keys)
                                                   : DecodeFixedWidth(columns_[c], c, keys));
    arrays.push_back(std::move(array));
  }
  return arrays;
}

// Fixed keys are read in place; in variable keys each pointer moves on behind its column.
Result<std::shared_ptr<arrow::Array>> KeyCodec::DecodeFixedWidth(
    const KeyColumn& column, size_t index, std::vector<const uint8_t*>& keys) const {
  const auto count = static_cast<int64_t>(keys.size());
  if (column.type->id() == arrow::Type::NA) {
    for (const uint8_t*& key : keys) key += fixed_width_ > 0 ? 0 : 2;
    return std::make_shared<arrow::NullArray>(count);
  }
  const bool boolean = column.type->id() == arrow::Type::BOOL;
  MILL_ASSIGN(std::shared_ptr<arrow::Buffer> valid, arrow::AllocateEmptyBitmap(count));
  MILL_ASSIGN(std::shared_ptr<arrow::Buffer> values,
              boolean ? arrow::AllocateEmptyBitmap(count)
                      : arrow::AllocateBuffer(count * static_cast<int64_t>(column.width))
                            .As<std::shared_ptr<arrow::Buffer>>());
  const size_t offset = column.offset - (with_namespace_ ? 8 : 0);
  int64_t nulls = 0;
  for (size_t i = 0; i < keys.size(); ++i) {
    const uint8_t* value = keys[i] + 1;
    bool set = keys[i][0] != 0;
    if (fixed_width_ > 0) {
      value = keys[i] + offset;
      set = !GetBit(keys[i], static_cast<int64_t>(index));
    } else {
      keys[i] += 1 + column.width;
    }
    const auto row = static_cast<int64_t>(i);
    arrow::bit_util::SetBitTo(valid->mutable_data(), row, set);
    nulls += set ? 0 : 1;
    if (boolean) {
      arrow::bit_util::SetBitTo(values->mutable_data(), row, *value != 0);
    } else {
      std::memcpy(values->mutable_data() + i * column.width, value, column.width);
    }
  }
  if (nulls == 0) valid = nullptr;
  return arrow::MakeArray(arrow::ArrayData::Make(column.type, count, {valid, values}, nulls));
}

Result<std::shared_ptr<arrow::Array>> KeyCodec::DecodeBytes(
    const KeyColumn& column, std::vector<const uint8_t*>& keys) const {
  const auto count = static_cast<int64_t>(keys.size());
  MILL_ASSIGN(std::shared_ptr<arrow::Buffer> valid, arrow::AllocateEmptyBitmap(count));
  std::vector<int32_t> offsets(keys.size() + 1, 0);
  std::vector<uint8_t> bytes;
  int64_t nulls = 0;
  for (size_t i = 0; i < keys.size(); ++i) {
    size_t length = 0;
    keys[i] = GetVarint(keys[i], length);
    if (length > 0) {
      arrow::bit_util::SetBit(valid->mutable_data(), static_cast<int64_t>(i));
      bytes.insert(bytes.end(), keys[i], keys[i] + length - 1);
      keys[i] += length - 1;
    } else {
      ++nulls;
    }
    if (bytes.size() > std::numeric_limits<int32_t>::max()) {
      return Status::CapacityError("keys of one batch exceed 2 GB");
    }
    offsets[i + 1] = static_cast<int32_t>(bytes.size());
  }
  if (nulls == 0) valid = nullptr;
  return arrow::MakeArray(
      arrow::ArrayData::Make(column.type, count,
                             {valid, arrow::Buffer::FromVector(std::move(offsets)),
                              arrow::Buffer::FromVector(std::move(bytes))},
                             nulls));
}

}  // namespace millrace
