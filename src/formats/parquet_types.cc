#include "formats/parquet_types.h"

#include <arrow/compute/cast.h>
#include <arrow/util/bitmap_ops.h>
#include <simdjson.h>

#include <limits>

namespace millrace {
namespace {

using arrow::Type;

bool IsText(Type::type id) { return id == Type::STRING || id == Type::LARGE_STRING; }
bool IsBytes(Type::type id) {
  return id == Type::BINARY || id == Type::LARGE_BINARY || id == Type::FIXED_SIZE_BINARY;
}

bool IsDecimalReadableAs(const arrow::DataType& from, const SqlType& to) {
  if (!arrow::is_decimal(from.id())) return false;
  const auto& decimal = static_cast<const arrow::DecimalType&>(from);
  const bool fraction = decimal.scale() <= to.scale;
  return fraction && decimal.precision() - decimal.scale() <= to.precision - to.scale;
}

bool AreFieldsReadableAs(const arrow::DataType& from, const SqlType& to) {
  if (from.id() != Type::STRUCT) return false;
  const auto& row = static_cast<const arrow::StructType&>(from);
  for (const RowField& field : to.children) {
    const int at = row.GetFieldIndex(field.name);
    if (at < 0 || !IsReadableAs(*row.field(at)->type(), *field.type)) return false;
  }
  return true;
}

bool IsMapReadableAs(const arrow::DataType& from, const SqlType& to) {
  if (from.id() != Type::MAP) return false;
  const auto& map = static_cast<const arrow::MapType&>(from);
  return IsReadableAs(*map.key_type(), *to.children[0].type) &&
         IsReadableAs(*map.item_type(), *to.children[1].type);
}

bool IsListReadableAs(const arrow::DataType& from, const SqlType& to) {
  if (from.id() != Type::LIST && from.id() != Type::LARGE_LIST) return false;
  return IsReadableAs(*from.field(0)->type(), *to.children[0].type);
}

int64_t PerSecond(arrow::TimeUnit::type unit) {
  switch (unit) {
    case arrow::TimeUnit::SECOND: return 1;
    case arrow::TimeUnit::MILLI: return 1000;
    case arrow::TimeUnit::MICRO: return 1000000;
    default: return 1000000000;
  }
}

template <typename T>
Result<std::shared_ptr<arrow::Buffer>> MakeValues(int64_t count, T** values) {
  MILL_ASSIGN(auto buffer, arrow::AllocateBuffer(count * static_cast<int64_t>(sizeof(T))));
  *values = reinterpret_cast<T*>(buffer->mutable_data());
  return std::shared_ptr<arrow::Buffer>(std::move(buffer));
}

// The array's validity bits, starting at 0; null if there are no NULLs.
Result<std::shared_ptr<arrow::Buffer>> Validity(const arrow::Array& array) {
  if (array.null_count() == 0) return nullptr;
  if (array.offset() == 0) return array.null_bitmap();
  return arrow::internal::CopyBitmap(arrow::default_memory_pool(), array.null_bitmap_data(),
                                     array.offset(), array.length());
}

// Values that start at 0 as an array of `type` with the NULLs of `array`.
Result<std::shared_ptr<arrow::Array>> WithValues(const arrow::Array& array,
                                                 std::shared_ptr<arrow::DataType> type,
                                                 std::shared_ptr<arrow::Buffer> values) {
  MILL_ASSIGN(auto validity, Validity(array));
  return arrow::MakeArray(
      arrow::ArrayData::Make(std::move(type), array.length(),
                             {std::move(validity), std::move(values)}, array.null_count()));
}

// Timestamps in another unit: cut towards the past, as Flink does.
Result<std::shared_ptr<arrow::Array>> ConvertTimestamps(const arrow::Array& array,
                                                        const SqlType& to) {
  const auto target = to.ToArrow();
  const int64_t have =
      PerSecond(static_cast<const arrow::TimestampType&>(*array.type()).unit());
  const int64_t want = PerSecond(static_cast<const arrow::TimestampType&>(*target).unit());
  if (have == want) {  // the zone alone differs
    auto data = array.data()->Copy();
    data->type = target;
    return arrow::MakeArray(data);
  }
  const int64_t* from = static_cast<const arrow::TimestampArray&>(array).raw_values();
  int64_t* values = nullptr;
  MILL_ASSIGN(auto buffer, MakeValues(array.length(), &values));
  const int64_t factor = want > have ? want / have : have / want;
  for (int64_t i = 0; i < array.length(); ++i) {
    if (want < have) {
      values[i] = from[i] / factor - (from[i] % factor < 0 ? 1 : 0);
    } else if (__builtin_mul_overflow(from[i], factor, &values[i]) && array.IsValid(i)) {
      return ExternalError("timestamp {} (1/{} s since 1970) does not fit into {}", from[i], have,
                           to.ToString());
    }
  }
  return WithValues(array, target, std::move(buffer));
}

// A time of day as milliseconds.
Result<std::shared_ptr<arrow::Array>> ConvertTimes(const arrow::Array& array, const SqlType& to) {
  int32_t* values = nullptr;
  MILL_ASSIGN(auto buffer, MakeValues(array.length(), &values));
  if (array.type_id() == Type::TIME32) {
    const auto unit = static_cast<const arrow::Time32Type&>(*array.type()).unit();
    const auto factor = static_cast<int32_t>(1000 / PerSecond(unit));
    const int32_t* from = static_cast<const arrow::Time32Array&>(array).raw_values();
    for (int64_t i = 0; i < array.length(); ++i) values[i] = from[i] * factor;
  } else {
    const auto unit = static_cast<const arrow::Time64Type&>(*array.type()).unit();
    const int64_t factor = PerSecond(unit) / 1000;
    const int64_t* from = static_cast<const arrow::Time64Array&>(array).raw_values();
    for (int64_t i = 0; i < array.length(); ++i) {
      values[i] = static_cast<int32_t>(from[i] / factor);
    }
  }
  return WithValues(array, to.ToArrow(), std::move(buffer));
}

Result<std::shared_ptr<arrow::Array>> Cast(const arrow::Array& array,
                                           const std::shared_ptr<arrow::DataType>& target) {
  return arrow::compute::Cast(array, target, arrow::compute::CastOptions::Safe());
}

// Text that others wrote may be anything; functions rely on UTF-8. If all texts together are valid
// and none starts inside a character, each is.
Status CheckUtf8(const arrow::StringArray& texts) {
  if (texts.length() == 0) return Status::OK();
  const char* data = reinterpret_cast<const char*>(texts.value_data()->data());
  const int32_t* offsets = texts.raw_value_offsets();
  const auto size = static_cast<size_t>(offsets[texts.length()] - offsets[0]);
  bool valid = simdjson::validate_utf8(data + offsets[0], size);
  for (int64_t i = 0; i < texts.length() && valid; ++i) {
    const bool empty = offsets[i] == offsets[i + 1];
    valid = empty || (static_cast<uint8_t>(data[offsets[i]]) & 0xC0) != 0x80;
  }
  return valid ? Status::OK() : ExternalError("invalid UTF-8");
}

// A list, or a map as the list of its entries, around converted members.
std::shared_ptr<arrow::Array> WithMembers(const arrow::Array& array,
                                          std::shared_ptr<arrow::DataType> type,
                                          const std::shared_ptr<arrow::Array>& members) {
  auto data = array.data()->Copy();
  data->type = std::move(type);
  data->child_data = {members->data()};
  return arrow::MakeArray(data);
}

Result<std::shared_ptr<arrow::Array>> ConvertList(const std::shared_ptr<arrow::Array>& array,
                                                  const SqlType& to) {
  if (array->type_id() == Type::LARGE_LIST) {
    MILL_ASSIGN(auto narrow, Cast(*array, arrow::list(array->type()->field(0))));
    return ConvertList(narrow, to);
  }
  const auto& list = static_cast<const arrow::ListArray&>(*array);
  MILL_ASSIGN(auto members, ConvertTo(list.values(), *to.children[0].type));
  return WithMembers(*array, to.ToArrow(), members);
}

// A damaged file's numbers have any bits.
Status CheckDigits(const arrow::Array& array, int precision) {
  const auto& decimals = static_cast<const arrow::Decimal128Array&>(array);
  for (int64_t i = 0; i < decimals.length(); ++i) {
    if (decimals.IsNull(i)) continue;
    if (!arrow::Decimal128(decimals.GetValue(i)).FitsInPrecision(precision)) {
      return ExternalError("{} has more than {} digits", decimals.FormatValue(i), precision);
    }
  }
  return Status::OK();
}

Result<std::shared_ptr<arrow::Array>> ConvertMap(const arrow::Array& array, const SqlType& to) {
  const auto& map = static_cast<const arrow::MapArray&>(array);
  MILL_ASSIGN(auto keys, ConvertTo(map.keys(), *to.children[0].type));
  MILL_ASSIGN(auto items, ConvertTo(map.items(), *to.children[1].type));
  const auto target = to.ToArrow();
  const auto& entry = static_cast<const arrow::MapType&>(*target).value_type();
  MILL_ASSIGN(auto entries, arrow::StructArray::Make({keys, items}, entry->fields()));
  return WithMembers(array, target, entries);
}

Result<std::shared_ptr<arrow::Array>> ConvertRow(const arrow::Array& array, const SqlType& to) {
  const auto& row = static_cast<const arrow::StructArray&>(array);
  std::vector<std::shared_ptr<arrow::Array>> members;
  for (const RowField& field : to.children) {
    MILL_ASSIGN(auto member, ConvertTo(row.GetFieldByName(field.name), *field.type));
    members.push_back(std::move(member));
  }
  MILL_ASSIGN(auto validity, Validity(array));
  return arrow::StructArray::Make(members, to.ToArrow()->fields(), std::move(validity),
                                  array.null_count());
}

}  // namespace

bool IsReadableAs(const arrow::DataType& from, const SqlType& to) {
  if (from.id() == Type::DICTIONARY) {
    return IsReadableAs(*static_cast<const arrow::DictionaryType&>(from).value_type(), to);
  }
  if (to.IsString()) return IsText(from.id()) || IsBytes(from.id());
  if (to.IsBinary()) return IsText(from.id()) || IsBytes(from.id());
  if (to.IsInteger()) return arrow::is_integer(from.id());
  if (to.IsTimestamp()) return from.id() == Type::TIMESTAMP;
  switch (to.kind) {
    case TypeKind::kNull: return true;
    case TypeKind::kBoolean: return from.id() == Type::BOOL;
    case TypeKind::kFloat: return from.id() == Type::FLOAT;
    case TypeKind::kDouble: return from.id() == Type::FLOAT || from.id() == Type::DOUBLE;
    case TypeKind::kDecimal: return IsDecimalReadableAs(from, to);
    case TypeKind::kDate: return from.id() == Type::DATE32;
    case TypeKind::kTime: return from.id() == Type::TIME32 || from.id() == Type::TIME64;
    case TypeKind::kIntervalMonth: return from.id() == Type::INT32;
    case TypeKind::kIntervalDay: return from.id() == Type::INT64;
    case TypeKind::kArray: return IsListReadableAs(from, to);
    case TypeKind::kMap: return IsMapReadableAs(from, to);
    case TypeKind::kRow: return AreFieldsReadableAs(from, to);
    default: return false;
  }
}

Result<std::shared_ptr<arrow::Array>> ConvertTo(const std::shared_ptr<arrow::Array>& array,
                                                const SqlType& to) {
  if (!to.nullable && array->null_count() > 0) return ExternalError("NULL in a NOT NULL column");
  if (array->type_id() == Type::DICTIONARY) {
    const auto& type = static_cast<const arrow::DictionaryType&>(*array->type());
    MILL_ASSIGN(auto plain, Cast(*array, type.value_type()));
    return ConvertTo(plain, to);
  }
  const auto target = to.ToArrow();
  switch (to.kind) {
    case TypeKind::kArray: return ConvertList(array, to);
    case TypeKind::kMap: return ConvertMap(*array, to);
    case TypeKind::kRow: return ConvertRow(*array, to);
    default: break;
  }
  if (array->type()->Equals(*target)) {
    if (to.IsString()) MILL_RETURN(CheckUtf8(static_cast<const arrow::StringArray&>(*array)));
    if (to.kind == TypeKind::kDecimal) MILL_RETURN(CheckDigits(*array, to.precision));
    return array;
  }
  if (to.IsTimestamp()) return ConvertTimestamps(*array, to);
  if (to.kind == TypeKind::kTime) return ConvertTimes(*array, to);
  return Cast(*array, target);
}

}  // namespace millrace
