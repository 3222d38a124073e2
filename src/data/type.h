// SQL types as Flink names them, and how each is laid out in Arrow.
//
//   BOOLEAN bool | TINYINT..BIGINT int8..int64 | FLOAT, DOUBLE | DECIMAL(p,s) decimal128
//   CHAR, VARCHAR, STRING utf8 | BINARY, VARBINARY, BYTES binary | DATE date32 | TIME(p) time32[ms]
//   TIMESTAMP(p) timestamp[ms|us|ns] for p <= 3, 6, 9; TIMESTAMP_LTZ(p) the same in zone "UTC"
//   INTERVAL YEAR TO MONTH int32 (months) | INTERVAL DAY TO SECOND int64 (milliseconds)
//   ARRAY list | MAP map | ROW struct
#pragma once

#include <arrow/type.h>

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"

namespace millrace {

enum class TypeKind {
  kNull, kBoolean, kTinyInt, kSmallInt, kInt, kBigInt, kFloat, kDouble, kDecimal,
  kChar, kVarchar, kBinary, kVarbinary, kDate, kTime, kTimestamp, kTimestampLtz,
  kIntervalMonth, kIntervalDay, kArray, kMap, kRow,
};

struct SqlType;

// A named member of a ROW.
struct RowField {
  std::string name;
  std::shared_ptr<const SqlType> type;
};

struct SqlType {
  static constexpr int kMaxLength = 2147483647;  // VARCHAR(2147483647) is STRING

  TypeKind kind = TypeKind::kNull;
  bool nullable = true;
  int precision = 0;  // DECIMAL digits, CHAR/VARCHAR/BINARY length, fractional digits of times
  int scale = 0;      // DECIMAL only
  std::vector<RowField> children;  // ARRAY: one; MAP: key, value; ROW: the fields

  static SqlType Of(TypeKind kind, int precision = 0, int scale = 0) {
    return {kind, true, precision, scale, {}};
  }
  static SqlType Null() { return Of(TypeKind::kNull); }
  static SqlType Boolean() { return Of(TypeKind::kBoolean); }
  static SqlType Int() { return Of(TypeKind::kInt); }
  static SqlType BigInt() { return Of(TypeKind::kBigInt); }
  static SqlType Double() { return Of(TypeKind::kDouble); }
  static SqlType String() { return Of(TypeKind::kVarchar, kMaxLength); }
  static SqlType Bytes() { return Of(TypeKind::kVarbinary, kMaxLength); }
  static SqlType Timestamp(int precision = 3) { return Of(TypeKind::kTimestamp, precision); }
  static SqlType TimestampLtz(int precision = 3) { return Of(TypeKind::kTimestampLtz, precision); }
  static SqlType Array(SqlType element);
  static SqlType Map(SqlType key, SqlType value);

  SqlType NotNull() const { SqlType t = *this; t.nullable = false; return t; }
  SqlType Nullable() const { SqlType t = *this; t.nullable = true; return t; }

  bool IsInteger() const { return kind >= TypeKind::kTinyInt && kind <= TypeKind::kBigInt; }
  bool IsNumeric() const { return kind >= TypeKind::kTinyInt && kind <= TypeKind::kDecimal; }
  bool IsApproximate() const { return kind == TypeKind::kFloat || kind == TypeKind::kDouble; }
  bool IsString() const { return kind == TypeKind::kChar || kind == TypeKind::kVarchar; }
  bool IsBinary() const { return kind == TypeKind::kBinary || kind == TypeKind::kVarbinary; }
  bool IsTimestamp() const {
    return kind == TypeKind::kTimestamp || kind == TypeKind::kTimestampLtz;
  }
  bool IsInterval() const {
    return kind == TypeKind::kIntervalMonth || kind == TypeKind::kIntervalDay;
  }

  // As Flink prints it: "DECIMAL(10, 2) NOT NULL".
  std::string ToString() const;
  std::shared_ptr<arrow::DataType> ToArrow() const;
  // The same layout and meaning, nullability aside.
  bool SameAs(const SqlType& other) const;
};

// A column of a table or of a plan node's output.
struct Column {
  std::string name;
  SqlType type;
};

// An ordered list of columns; names may repeat in the middle of a plan.
struct Schema {
  std::vector<Column> columns;

  int size() const { return static_cast<int>(columns.size()); }
  // Position of `name` (exact case), -1 if absent, -2 if it stands more than once.
  int Find(const std::string& name) const;
  std::shared_ptr<arrow::Schema> ToArrow() const;
  std::string ToString() const;
};

}  // namespace millrace
