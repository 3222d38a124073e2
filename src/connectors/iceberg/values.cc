#include "connectors/iceberg/values.h"

#include <algorithm>
#include <cstring>

namespace millrace {
namespace {

template <typename T>
std::string LittleEndian(T value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

template <typename T>
T ReadLittleEndian(std::string_view bytes) {
  T value{};
  std::memcpy(&value, bytes.data(), std::min(sizeof value, bytes.size()));
  return value;
}

Status WrongLength(std::string_view bytes, const IcebergType& type) {
  return ExternalError("{} bytes are no value of type {}", bytes.size(), type.ToString());
}

Result<IcebergValue> ReadDecimal(std::string_view bytes, const IcebergType& type) {
  if (bytes.empty() || bytes.size() > 16) return WrongLength(bytes, type);
  return IcebergValue(*arrow::Decimal128::FromBigEndian(
      reinterpret_cast<const uint8_t*>(bytes.data()), static_cast<int32_t>(bytes.size())));
}

// Nanoseconds, microseconds or milliseconds to one unit of the table's microseconds, and back.
int64_t UnitsPerSecond(const SqlType& sql) {
  if (sql.precision <= 3) return 1000;
  return sql.precision <= 6 ? 1000000 : 1000000000;
}

}  // namespace

IcebergValue ValueAt(const arrow::Array& array, int64_t row, const IcebergType& type) {
  if (array.IsNull(row)) return {};
  switch (type.kind) {
    case IcebergKind::kBoolean: return static_cast<const arrow::BooleanArray&>(array).Value(row);
    case IcebergKind::kInt:
      return int64_t{static_cast<const arrow::Int32Array&>(array).Value(row)};
    case IcebergKind::kDate:
      return int64_t{static_cast<const arrow::Date32Array&>(array).Value(row)};
    case IcebergKind::kLong: return static_cast<const arrow::Int64Array&>(array).Value(row);
    case IcebergKind::kTime: return static_cast<const arrow::Time64Array&>(array).Value(row);
    case IcebergKind::kTimestamp:
    case IcebergKind::kTimestampTz:
      return static_cast<const arrow::TimestampArray&>(array).Value(row);
    case IcebergKind::kFloat: return static_cast<const arrow::FloatArray&>(array).Value(row);
    case IcebergKind::kDouble: return static_cast<const arrow::DoubleArray&>(array).Value(row);
    case IcebergKind::kDecimal:
      return arrow::Decimal128(static_cast<const arrow::Decimal128Array&>(array).GetValue(row));
    case IcebergKind::kUuid:
    case IcebergKind::kFixed:
      return std::string(static_cast<const arrow::FixedSizeBinaryArray&>(array).GetView(row));
    case IcebergKind::kString:
    case IcebergKind::kBinary:
      return std::string(static_cast<const arrow::BinaryArray&>(array).GetView(row));
    default: return {};
  }
}

std::string DecimalBytes(const arrow::Decimal128& value) {
  const auto little = value.ToBytes();  // of this machine, which is little-endian
  std::string bytes(little.rbegin(), little.rend());
  size_t skip = 0;  // leading bytes that only repeat the sign
  while (skip + 1 < bytes.size()) {
    const bool negative = (static_cast<uint8_t>(bytes[skip + 1]) & 0x80) != 0;
    if (static_cast<uint8_t>(bytes[skip]) != (negative ? 0xFF : 0x00)) break;
    ++skip;
  }
  return bytes.substr(skip);
}

std::string ToBytes(const IcebergValue& value, const IcebergType& type) {
  if (const auto* flag = std::get_if<bool>(&value)) return std::string(1, *flag ? '\1' : '\0');
  if (const auto* real = std::get_if<float>(&value)) return LittleEndian(*real);
  if (const auto* real = std::get_if<double>(&value)) return LittleEndian(*real);
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* decimal = std::get_if<arrow::Decimal128>(&value)) return DecimalBytes(*decimal);
  const int64_t number = std::get<int64_t>(value);
  const bool narrow = type.kind == IcebergKind::kInt || type.kind == IcebergKind::kDate;
  return narrow ? LittleEndian(static_cast<int32_t>(number)) : LittleEndian(number);
}

Result<IcebergValue> FromBytes(std::string_view bytes, const IcebergType& type) {
  switch (type.kind) {
    case IcebergKind::kBoolean:
      if (bytes.size() != 1) return WrongLength(bytes, type);
      return IcebergValue(bytes[0] != 0);
    case IcebergKind::kInt:
    case IcebergKind::kDate:
      if (bytes.size() != 4) return WrongLength(bytes, type);
      return IcebergValue(int64_t{ReadLittleEndian<int32_t>(bytes)});
    case IcebergKind::kLong:
    case IcebergKind::kTime:
    case IcebergKind::kTimestamp:
    case IcebergKind::kTimestampTz:
      if (bytes.size() == 4) return IcebergValue(int64_t{ReadLittleEndian<int32_t>(bytes)});
      if (bytes.size() != 8) return WrongLength(bytes, type);
      return IcebergValue(ReadLittleEndian<int64_t>(bytes));
    case IcebergKind::kFloat:
      if (bytes.size() != 4) return WrongLength(bytes, type);
      return IcebergValue(ReadLittleEndian<float>(bytes));
    case IcebergKind::kDouble:
      if (bytes.size() == 4) return IcebergValue(double{ReadLittleEndian<float>(bytes)});
      if (bytes.size() != 8) return WrongLength(bytes, type);
      return IcebergValue(ReadLittleEndian<double>(bytes));
    case IcebergKind::kDecimal: return ReadDecimal(bytes, type);
    default: return IcebergValue(std::string(bytes));
  }
}

std::optional<ColumnValue> ToColumnValue(const IcebergValue& value, const IcebergType& type,
                                         const SqlType& sql) {
  if (const auto* number = std::get_if<int64_t>(&value)) {
    if (sql.IsInteger() || sql.kind == TypeKind::kDate) return *number;
    if (!sql.IsTimestamp()) return std::nullopt;
    const int64_t units = UnitsPerSecond(sql);
    int64_t converted = 0;
    if (units == 1000000) return *number;
    if (units == 1000) return *number / 1000 - (*number % 1000 < 0 ? 1 : 0);
    if (__builtin_mul_overflow(*number, int64_t{1000}, &converted)) return std::nullopt;
    return converted;
  }
  if (const auto* real = std::get_if<float>(&value)) {
    return sql.IsApproximate() && *real == *real ? std::optional<ColumnValue>(double{*real})
                                                 : std::nullopt;
  }
  if (const auto* real = std::get_if<double>(&value)) {
    return sql.IsApproximate() && *real == *real ? std::optional<ColumnValue>(*real)
                                                 : std::nullopt;
  }
  const auto* text = std::get_if<std::string>(&value);
  const bool string = text && type.kind == IcebergKind::kString && sql.kind == TypeKind::kVarchar;
  return string ? std::optional<ColumnValue>(*text) : std::nullopt;
}

std::optional<IcebergValue> FromColumnValue(const ColumnValue& value, const IcebergType& type,
                                            const SqlType& sql) {
  if (const auto* text = std::get_if<std::string>(&value)) {
    if (type.kind != IcebergKind::kString) return std::nullopt;
    return IcebergValue(*text);
  }
  const auto* number = std::get_if<int64_t>(&value);
  if (!number) return std::nullopt;  // floating: nothing is made of it
  const bool integer = type.kind == IcebergKind::kInt || type.kind == IcebergKind::kLong;
  if (integer && sql.IsInteger()) return IcebergValue(*number);
  if (type.kind == IcebergKind::kDate && sql.kind == TypeKind::kDate) return IcebergValue(*number);
  const bool time = type.kind == IcebergKind::kTimestamp || type.kind == IcebergKind::kTimestampTz;
  if (!time || !sql.IsTimestamp()) return std::nullopt;
  const int64_t units = UnitsPerSecond(sql);
  int64_t micros = *number;
  if (units == 1000 && __builtin_mul_overflow(*number, int64_t{1000}, &micros)) return std::nullopt;
  if (units == 1000000000) micros = *number / 1000 - (*number % 1000 < 0 ? 1 : 0);
  return IcebergValue(micros);
}

}  // namespace millrace
