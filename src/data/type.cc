// Names, Arrow layouts and comparison of SQL types.
#include "data/type.h"

#include <utility>

namespace millrace {
namespace {

arrow::TimeUnit::type UnitOf(int precision) {
  if (precision <= 3) return arrow::TimeUnit::MILLI;
  return precision <= 6 ? arrow::TimeUnit::MICRO : arrow::TimeUnit::NANO;
}

// "STRING" for the unlimited length, else "VARCHAR(10)".
std::string LengthName(const char* name, const char* unlimited, int length) {
  if (length == SqlType::kMaxLength || length <= 0) return unlimited;
  return fmt::format("{}({})", name, length);
}

std::string QuoteName(const std::string& name) {
  std::string quoted = "`";
  for (char c : name) {
    quoted += c;
    if (c == '`') quoted += c;
  }
  return quoted + "`";
}

std::string RowName(const SqlType& type) {
  std::string text = "ROW<";
  for (size_t i = 0; i < type.children.size(); ++i) {
    if (i > 0) text += ", ";
    text += QuoteName(type.children[i].name) + " " + type.children[i].type->ToString();
  }
  return text + ">";
}

std::string NestedName(const SqlType& type) {
  if (type.kind == TypeKind::kRow) return RowName(type);
  if (type.kind == TypeKind::kArray) return "ARRAY<" + type.children[0].type->ToString() + ">";
  return fmt::format("MAP<{}, {}>", type.children[0].type->ToString(),
                     type.children[1].type->ToString());
}

std::string BaseName(const SqlType& type) {
  switch (type.kind) {
    case TypeKind::kNull: return "NULL";
    case TypeKind::kBoolean: return "BOOLEAN";
    case TypeKind::kTinyInt: return "TINYINT";
    case TypeKind::kSmallInt: return "SMALLINT";
    case TypeKind::kInt: return "INT";
    case TypeKind::kBigInt: return "BIGINT";
    case TypeKind::kFloat: return "FLOAT";
    case TypeKind::kDouble: return "DOUBLE";
    case TypeKind::kDecimal: return fmt::format("DECIMAL({}, {})", type.precision, type.scale);
    case TypeKind::kChar: return fmt::format("CHAR({})", type.precision);
    case TypeKind::kVarchar: return LengthName("VARCHAR", "STRING", type.precision);
    case TypeKind::kBinary: return fmt::format("BINARY({})", type.precision);
    case TypeKind::kVarbinary: return LengthName("VARBINARY", "BYTES", type.precision);
    case TypeKind::kDate: return "DATE";
    case TypeKind::kTime: return fmt::format("TIME({})", type.precision);
    case TypeKind::kTimestamp: return fmt::format("TIMESTAMP({})", type.precision);
    case TypeKind::kTimestampLtz: return fmt::format("TIMESTAMP_LTZ({})", type.precision);
    case TypeKind::kIntervalMonth: return "INTERVAL YEAR TO MONTH";
    case TypeKind::kIntervalDay: return "INTERVAL DAY TO SECOND";
    case TypeKind::kArray:
    case TypeKind::kMap:
    case TypeKind::kRow: return NestedName(type);
  }
  return "?";
}

std::shared_ptr<arrow::DataType> NestedArrow(const SqlType& type) {
  if (type.kind == TypeKind::kArray) return arrow::list(type.children[0].type->ToArrow());
  if (type.kind == TypeKind::kMap) {
    return arrow::map(type.children[0].type->ToArrow(), type.children[1].type->ToArrow());
  }
  arrow::FieldVector fields;
  for (const RowField& child : type.children) {
    fields.push_back(arrow::field(child.name, child.type->ToArrow()));
  }
  return arrow::struct_(std::move(fields));
}

bool UsesPrecision(TypeKind kind) {
  return kind >= TypeKind::kDecimal && kind <= TypeKind::kTimestampLtz && kind != TypeKind::kDate;
}

}  // namespace

SqlType SqlType::Array(SqlType element) {
  SqlType type = Of(TypeKind::kArray);
  type.children = {{"element", std::make_shared<const SqlType>(std::move(element))}};
  return type;
}

SqlType SqlType::Map(SqlType key, SqlType value) {
  SqlType type = Of(TypeKind::kMap);
  type.children = {{"key", std::make_shared<const SqlType>(std::move(key))},
                   {"value", std::make_shared<const SqlType>(std::move(value))}};
  return type;
}

std::string SqlType::ToString() const { return BaseName(*this) + (nullable ? "" : " NOT NULL"); }

std::shared_ptr<arrow::DataType> SqlType::ToArrow() const {
  switch (kind) {
    case TypeKind::kNull: return arrow::null();
    case TypeKind::kBoolean: return arrow::boolean();
    case TypeKind::kTinyInt: return arrow::int8();
    case TypeKind::kSmallInt: return arrow::int16();
    case TypeKind::kInt:
    case TypeKind::kIntervalMonth: return arrow::int32();
    case TypeKind::kBigInt:
    case TypeKind::kIntervalDay: return arrow::int64();
    case TypeKind::kFloat: return arrow::float32();
    case TypeKind::kDouble: return arrow::float64();
    case TypeKind::kDecimal: return arrow::decimal128(precision, scale);
    case TypeKind::kChar:
    case TypeKind::kVarchar: return arrow::utf8();
    case TypeKind::kBinary:
    case TypeKind::kVarbinary: return arrow::binary();
    case TypeKind::kDate: return arrow::date32();
    case TypeKind::kTime: return arrow::time32(arrow::TimeUnit::MILLI);
    case TypeKind::kTimestamp: return arrow::timestamp(UnitOf(precision));
    case TypeKind::kTimestampLtz: return arrow::timestamp(UnitOf(precision), "UTC");
    case TypeKind::kArray:
    case TypeKind::kMap:
    case TypeKind::kRow: return NestedArrow(*this);
  }
  return arrow::null();
}

bool SqlType::SameAs(const SqlType& other) const {
  if (kind != other.kind || children.size() != other.children.size()) return false;
  if (UsesPrecision(kind) && precision != other.precision) return false;
  if (kind == TypeKind::kDecimal && scale != other.scale) return false;
  for (size_t i = 0; i < children.size(); ++i) {
    if (kind == TypeKind::kRow && children[i].name != other.children[i].name) return false;
    if (!children[i].type->SameAs(*other.children[i].type)) return false;
  }
  return true;
}

int Schema::Find(const std::string& name) const {
  int found = -1;
  for (int i = 0; i < size(); ++i) {
    if (columns[static_cast<size_t>(i)].name != name) continue;
    if (found >= 0) return -2;
    found = i;
  }
  return found;
}

std::shared_ptr<arrow::Schema> Schema::ToArrow() const {
  arrow::FieldVector fields;
  for (const Column& column : columns) {
    fields.push_back(arrow::field(column.name, column.type.ToArrow()));
  }
  return arrow::schema(std::move(fields));
}

std::string Schema::ToString() const {
  std::string text = "(";
  for (size_t i = 0; i < columns.size(); ++i) {
    if (i > 0) text += ", ";
    text += QuoteName(columns[i].name) + " " + columns[i].type.ToString();
  }
  return text + ")";
}

}  // namespace millrace
