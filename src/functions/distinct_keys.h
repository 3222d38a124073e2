// Rows' arguments as keys of DISTINCT: 8 bytes where they fit, else bytes.
#pragma once

#include <arrow/api.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "functions/aggregate_values.h"

namespace millrace::distinct {

using aggregates::Args;
using aggregates::ArrayPtr;
using aggregates::Columns;
using aggregates::Slots;

// How a row's arguments become one key.
enum class KeyForm {
  kCode,     // fixed width of at most 8 bytes: its bits as a uint64_t
  kBytes,    // text, bytes, decimal: its bytes
  kEncoded,  // nested or several arguments: their encoding; only COUNT can be asked for those
};

inline KeyForm FormOf(const std::vector<SqlType>& types) {
  if (types.size() != 1) return KeyForm::kEncoded;
  switch (types[0].kind) {
    case TypeKind::kDecimal:
    case TypeKind::kChar:
    case TypeKind::kVarchar:
    case TypeKind::kBinary:
    case TypeKind::kVarbinary: return KeyForm::kBytes;
    case TypeKind::kArray:
    case TypeKind::kMap:
    case TypeKind::kRow: return KeyForm::kEncoded;
    default: return KeyForm::kCode;
  }
}

// ---------------------------------------------------------------------------------------------
// Keys of rows

// Elements of 1 to 8 bytes; NaN has one code.
template <typename T>
void ReadCodes(const arrow::Array& array, std::vector<uint64_t>& codes) {
  using Bits = std::conditional_t<
      sizeof(T) == 8, uint64_t,
      std::conditional_t<sizeof(T) == 4, uint32_t,
                         std::conditional_t<sizeof(T) == 2, uint16_t, uint8_t>>>;
  const T* values = array.data()->GetValues<T>(1);
  for (size_t i = 0; i < codes.size(); ++i) {
    T value = values[i];
    if constexpr (std::is_floating_point_v<T>) {
      if (std::isnan(value)) value = std::numeric_limits<T>::quiet_NaN();
    }
    codes[i] = std::bit_cast<Bits>(value);
  }
}

inline void ReadCodes(const Args& args, std::vector<uint64_t>& codes) {
  const arrow::Array& array = *args[0];
  codes.resize(static_cast<size_t>(array.length()));
  switch (array.type_id()) {
    case arrow::Type::BOOL:
      for (size_t i = 0; i < codes.size(); ++i) {
        codes[i] = static_cast<const arrow::BooleanArray&>(array).Value(static_cast<int64_t>(i));
      }
      return;
    case arrow::Type::FLOAT: return ReadCodes<float>(array, codes);
    case arrow::Type::DOUBLE: return ReadCodes<double>(array, codes);
    default: break;
  }
  switch (array.type()->byte_width()) {
    case 1: return ReadCodes<uint8_t>(array, codes);
    case 2: return ReadCodes<uint16_t>(array, codes);
    case 4: return ReadCodes<uint32_t>(array, codes);
    default: return ReadCodes<uint64_t>(array, codes);
  }
}

inline void AppendLength(int64_t length, std::string* out) {
  out->append(reinterpret_cast<const char*>(&length), sizeof(length));
}

inline void Encode(const arrow::Array& array, int64_t row, std::string* out);

inline void EncodeRange(const arrow::Array& values, int64_t begin, int64_t length,
                        std::string* out) {
  AppendLength(length, out);
  for (int64_t i = begin; i < begin + length; ++i) Encode(values, i, out);
}

inline void EncodeFixed(const arrow::Array& array, int64_t row, std::string* out) {
  const int64_t width = array.type()->byte_width();
  const auto* bytes = array.data()->GetValues<char>(1, 0) + (array.offset() + row) * width;
  out->append(bytes, static_cast<size_t>(width));
}

// Appends an element such that different values differ.
inline void Encode(const arrow::Array& array, int64_t row, std::string* out) {
  out->push_back(array.IsNull(row) ? '\0' : '\1');
  if (array.IsNull(row)) return;
  switch (array.type_id()) {
    case arrow::Type::BOOL:
      out->push_back(static_cast<const arrow::BooleanArray&>(array).Value(row) ? '\1' : '\0');
      return;
    case arrow::Type::STRING:
    case arrow::Type::BINARY: {
      const auto text = static_cast<const arrow::BinaryArray&>(array).GetView(row);
      AppendLength(static_cast<int64_t>(text.size()), out);
      out->append(text);
      return;
    }
    case arrow::Type::LIST:
    case arrow::Type::MAP: {
      const auto& list = static_cast<const arrow::ListArray&>(array);
      EncodeRange(*list.values(), list.value_offset(row), list.value_length(row), out);
      return;
    }
    case arrow::Type::STRUCT:
      for (const ArrayPtr& field : static_cast<const arrow::StructArray&>(array).fields()) {
        Encode(*field, row, out);
      }
      return;
    default: EncodeFixed(array, row, out);
  }
}

// Reads the keys of rows. Those that are bytes point into the arguments, or into text made here.
class KeyReader {
 public:
  void Read(KeyForm, const Args& args, std::vector<uint64_t>& keys) { ReadCodes(args, keys); }
  void Read(KeyForm form, const Args& args, std::vector<std::string_view>& keys) {
    const auto rows = static_cast<size_t>(args[0]->length());
    keys.resize(rows);
    if (form == KeyForm::kEncoded) {
      EncodeRows(args, keys);
    } else if (args[0]->type_id() == arrow::Type::DECIMAL128) {
      const char* bytes = args[0]->data()->GetValues<char>(1, 0) + args[0]->offset() * 16;
      for (size_t i = 0; i < rows; ++i) keys[i] = {bytes + i * 16, 16};
    } else {
      const auto& array = static_cast<const arrow::BinaryArray&>(*args[0]);
      for (size_t i = 0; i < rows; ++i) keys[i] = array.GetView(static_cast<int64_t>(i));
    }
  }
  // From a column of saved keys.
  template <typename Key>
  void ReadSaved(const ArrayPtr& column, std::vector<Key>& keys) {
    Read(KeyForm::kBytes, {column}, keys);
  }

 private:
  void EncodeRows(const Args& args, std::vector<std::string_view>& keys) {
    text_.clear();
    ends_.clear();
    for (size_t i = 0; i < keys.size(); ++i) {
      for (const ArrayPtr& arg : args) Encode(*arg, static_cast<int64_t>(i), &text_);
      ends_.push_back(text_.size());
    }
    for (size_t i = 0, begin = 0; i < keys.size(); begin = ends_[i++]) {
      keys[i] = std::string_view(text_).substr(begin, ends_[i] - begin);
    }
  }

  std::string text_;
  std::vector<size_t> ends_;
};

inline bool AnyNull(const Args& args, size_t row) {
  for (const ArrayPtr& arg : args) {
    if (arg->IsNull(static_cast<int64_t>(row))) return true;
  }
  return false;
}

// Copies `slots`, without the rows where an argument is NULL.
inline void WithoutNulls(Slots slots, const Args& args, std::vector<uint32_t>& chosen) {
  chosen.assign(slots.begin(), slots.end());
  for (const ArrayPtr& arg : args) {
    if (arg->null_count() == 0) continue;
    for (size_t i = 0; i < chosen.size(); ++i) {
      if (arg->IsNull(static_cast<int64_t>(i))) chosen[i] = kNoSlot;
    }
  }
}

// ---------------------------------------------------------------------------------------------
// Arrays of keys: what the inner accumulators are given when slots merge

inline Result<ArrayPtr> ArrayOfKeys(const SqlType& type, const std::vector<uint64_t>& codes) {
  const std::shared_ptr<arrow::DataType> arrow_type = type.ToArrow();
  const auto length = static_cast<int64_t>(codes.size());
  if (type.kind == TypeKind::kBoolean) {
    arrow::BooleanBuilder builder;
    for (uint64_t code : codes) MILL_RETURN(builder.Append(code != 0));
    return builder.Finish();
  }
  const auto width = static_cast<size_t>(arrow_type->byte_width());
  MILL_ASSIGN(std::shared_ptr<arrow::Buffer> values,
              arrow::AllocateBuffer(length * static_cast<int64_t>(width)));
  for (size_t i = 0; i < codes.size(); ++i) {
    std::memcpy(values->mutable_data() + i * width, &codes[i], width);
  }
  return arrow::MakeArray(
      arrow::ArrayData::Make(arrow_type, length, {nullptr, std::move(values)}, 0));
}

template <typename Builder>
Result<ArrayPtr> AppendKeys(const SqlType& type, const std::vector<std::string_view>& keys) {
  std::unique_ptr<arrow::ArrayBuilder> maker;
  MILL_RETURN(arrow::MakeBuilder(arrow::default_memory_pool(), type.ToArrow(), &maker));
  auto& builder = static_cast<Builder&>(*maker);
  for (std::string_view key : keys) MILL_RETURN(builder.Append(key));
  return maker->Finish();
}

inline Result<ArrayPtr> ArrayOfKeys(const SqlType& type,
                                    const std::vector<std::string_view>& keys) {
  if (type.kind == TypeKind::kDecimal) return AppendKeys<arrow::FixedSizeBinaryBuilder>(type, keys);
  return AppendKeys<arrow::BinaryBuilder>(type, keys);
}

// ---------------------------------------------------------------------------------------------
// Which calls need it

// False where DISTINCT changes nothing, or where the value is nested and only COUNT may ask.
inline bool NeedsDistinct(const AggregateCall& call) {
  const std::string& name = call.function->name;
  if (!call.distinct || call.bound.arg_types.empty()) return false;
  if (name == "MIN" || name == "MAX") return false;
  return name == "COUNT" || FormOf(call.bound.arg_types) != KeyForm::kEncoded;
}

}  // namespace millrace::distinct
