// Single values of Iceberg's types: of partitions, bounds and keys.
#pragma once

#include <arrow/array.h>
#include <arrow/util/decimal.h>

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/status.h"
#include "connectors/iceberg/types.h"
#include "data/column_condition.h"

namespace millrace {

// NULL; boolean; int, long, date (days), time, timestamp (microseconds); float; double; string and
// bytes; decimal (its digits without the point).
using IcebergValue = std::variant<std::monostate, bool, int64_t, float, double, std::string,
                                  arrow::Decimal128>;

inline bool IsNull(const IcebergValue& value) {
  return std::holds_alternative<std::monostate>(value);
}

// The value at `row` of an array that is laid out as StorageTypeOf(type).
IcebergValue ValueAt(const arrow::Array& array, int64_t row, const IcebergType& type);
// The binary single-value serialization of the table spec, appendix D. Not of NULL.
std::string ToBytes(const IcebergValue& value, const IcebergType& type);
// The inverse, also where the bytes were written before the column's type was widened. An error if
// they are none of that type.
Result<IcebergValue> FromBytes(std::string_view bytes, const IcebergType& type);
// As the engine compares columns of SQL type `sql` with constants; nothing for types that it does
// not compare.
std::optional<ColumnValue> ToColumnValue(const IcebergValue& value, const IcebergType& type,
                                         const SqlType& sql);
// The inverse, for transforms of a condition's constant; nothing if it has no exact counterpart.
std::optional<IcebergValue> FromColumnValue(const ColumnValue& value, const IcebergType& type,
                                            const SqlType& sql);
// The digits as big-endian two's complement, in as few bytes as hold them.
std::string DecimalBytes(const arrow::Decimal128& value);

}  // namespace millrace
