#include "formats/avro/types.h"

#include <algorithm>

namespace millrace {
namespace {

constexpr int kMaxColumns = 10000;
constexpr int kMaxDecimalDigits = 38;

// Derives SQL types; counts them, since names can make a small schema endless.
class SqlTypes {
 public:
  Result<SqlType> Of(const AvroType& type, int depth);

 private:
  Result<SqlType> OfUnion(const AvroType& type, int depth);
  Result<SqlType> OfRecord(const AvroType& type, int depth);
  Result<SqlType> OfArray(const AvroType& type, int depth);

  int count_ = 0;
};

bool IsAdjusted(const AvroType& type) {
  const std::string* adjusted = type.Attribute("adjust-to-utc");
  return !adjusted || *adjusted != "false";
}

SqlType OfLong(const AvroType& type) {
  const bool adjusted = IsAdjusted(type);
  const auto instant = [adjusted](int precision) {
    return adjusted ? SqlType::TimestampLtz(precision) : SqlType::Timestamp(precision);
  };
  switch (type.logical) {
    case AvroLogical::kTimestampMillis: return instant(3);
    case AvroLogical::kTimestampMicros: return instant(6);
    case AvroLogical::kTimestampNanos: return instant(9);
    case AvroLogical::kLocalTimestampMillis: return SqlType::Timestamp(3);
    case AvroLogical::kLocalTimestampMicros: return SqlType::Timestamp(6);
    case AvroLogical::kLocalTimestampNanos: return SqlType::Timestamp(9);
    default: return SqlType::BigInt();
  }
}

SqlType OfInt(const AvroType& type) {
  if (type.logical == AvroLogical::kDate) return SqlType::Of(TypeKind::kDate);
  if (type.logical == AvroLogical::kTimeMillis) return SqlType::Of(TypeKind::kTime, 3);
  return SqlType::Int();
}

Result<SqlType> OfBytes(const AvroType& type) {
  if (type.logical != AvroLogical::kDecimal) return SqlType::Bytes();
  if (type.precision <= kMaxDecimalDigits) {
    return SqlType::Of(TypeKind::kDecimal, type.precision, type.scale);
  }
  return UserError("a decimal of {} digits cannot be a column", type.precision);
}

Result<SqlType> SqlTypes::Of(const AvroType& type, int depth) {
  if (++count_ > kMaxColumns || depth > AvroSchema::kMaxDepth) {
    return UserError("the schema has too many columns, or is recursive at {}", AvroTypeName(type));
  }
  SqlType result;
  switch (type.kind) {
    case AvroKind::kNull: return SqlType::Null();
    case AvroKind::kUnion: return OfUnion(type, depth);
    case AvroKind::kBoolean: result = SqlType::Boolean(); break;
    case AvroKind::kInt: result = OfInt(type); break;
    case AvroKind::kLong: result = OfLong(type); break;
    case AvroKind::kFloat: result = SqlType::Of(TypeKind::kFloat); break;
    case AvroKind::kDouble: result = SqlType::Double(); break;
    case AvroKind::kBytes:
    case AvroKind::kFixed: {
      MILL_ASSIGN(result, OfBytes(type));
      break;
    }
    case AvroKind::kString:
    case AvroKind::kEnum: result = SqlType::String(); break;
    case AvroKind::kRecord: {
      MILL_ASSIGN(result, OfRecord(type, depth));
      break;
    }
    case AvroKind::kArray: {
      MILL_ASSIGN(result, OfArray(type, depth));
      break;
    }
    case AvroKind::kMap: {
      MILL_ASSIGN(SqlType value, Of(*type.children.front(), depth + 1));
      result = SqlType::Map(SqlType::String().NotNull(), std::move(value));
    }
  }
  return result.NotNull();
}

Result<SqlType> SqlTypes::OfUnion(const AvroType& type, int depth) {
  const AvroType* other = nullptr;
  int others = 0;
  for (const AvroType* branch : type.children) {
    if (branch->kind == AvroKind::kNull) continue;
    other = branch;
    ++others;
  }
  if (others == 0) return SqlType::Null();
  if (others > 1) return UserError("a union of {} types cannot be a column", others);
  MILL_ASSIGN(const SqlType sql, Of(*other, depth + 1));
  return std::ssize(type.children) == others ? sql : sql.Nullable();
}

Result<SqlType> SqlTypes::OfRecord(const AvroType& type, int depth) {
  SqlType row = SqlType::Of(TypeKind::kRow);
  for (const AvroField& field : type.fields) {
    auto member = Of(*field.type, depth + 1);
    MILL_RETURN(Annotate(member.status(), fmt::format("field `{}`", field.name)));
    row.children.push_back({field.name, std::make_shared<SqlType>(std::move(*member))});
  }
  return row;
}

Result<SqlType> SqlTypes::OfArray(const AvroType& type, int depth) {
  MILL_ASSIGN(SqlType item, Of(*type.children.front(), depth + 1));
  if (type.logical != AvroLogical::kMap) return SqlType::Array(std::move(item));
  return SqlType::Map(item.children[0].type->NotNull(), *item.children[1].type);
}

// Derives Avro types as JSON text; `name` is that of the record being made.
class AvroTypes {
 public:
  explicit AvroTypes(AvroTimestamps timestamps) : timestamps_(timestamps) {}

  Result<std::string> Of(const SqlType& type, const std::string& name) {
    MILL_ASSIGN(const std::string json, OfNotNull(type, name));
    return type.nullable ? fmt::format("[\"null\",{}]", json) : json;
  }
  Result<std::string> OfRow(const std::vector<RowField>& fields, const std::string& name);

 private:
  Result<std::string> OfNotNull(const SqlType& type, const std::string& name);
  Result<std::string> OfTimestamp(const SqlType& type);

  AvroTimestamps timestamps_;
};

std::string Logical(std::string_view type, std::string_view logical) {
  return fmt::format(R"({{"type":"{}","logicalType":"{}"}})", type, logical);
}

Result<std::string> AvroTypes::OfTimestamp(const SqlType& type) {
  if (type.precision > 6) {
    return UserError("{} has more digits than Avro's timestamps. hint: at most 6",
                     type.ToString());
  }
  const bool local = type.kind == TypeKind::kTimestamp && timestamps_ == AvroTimestamps::kLocal;
  return Logical("long", fmt::format("{}timestamp-{}", local ? "local-" : "",
                                     type.precision <= 3 ? "millis" : "micros"));
}

Result<std::string> AvroTypes::OfNotNull(const SqlType& type, const std::string& name) {
  switch (type.kind) {
    case TypeKind::kNull: return "\"null\"";
    case TypeKind::kBoolean: return "\"boolean\"";
    case TypeKind::kTinyInt:
    case TypeKind::kSmallInt:
    case TypeKind::kInt: return "\"int\"";
    case TypeKind::kBigInt: return "\"long\"";
    case TypeKind::kFloat: return "\"float\"";
    case TypeKind::kDouble: return "\"double\"";
    case TypeKind::kChar:
    case TypeKind::kVarchar: return "\"string\"";
    case TypeKind::kBinary:
    case TypeKind::kVarbinary: return "\"bytes\"";
    case TypeKind::kDate: return Logical("int", "date");
    case TypeKind::kTime: return Logical("int", "time-millis");
    case TypeKind::kTimestamp:
    case TypeKind::kTimestampLtz: return OfTimestamp(type);
    case TypeKind::kDecimal:
      return fmt::format(R"({{"type":"bytes","logicalType":"decimal","precision":{},"scale":{}}})",
                         type.precision, type.scale);
    case TypeKind::kRow: return OfRow(type.children, name);
    case TypeKind::kArray: {
      MILL_ASSIGN(const std::string items, Of(*type.children[0].type, name));
      return fmt::format(R"({{"type":"array","items":{}}})", items);
    }
    case TypeKind::kMap: {
      if (!type.children[0].type->IsString()) break;
      MILL_ASSIGN(const std::string values, Of(*type.children[1].type, name));
      return fmt::format(R"({{"type":"map","values":{}}})", values);
    }
    default: break;
  }
  return UserError("{} has no type in Avro", type.ToString());
}

Result<std::string> AvroTypes::OfRow(const std::vector<RowField>& fields,
                                     const std::string& name) {
  std::string json;
  for (const RowField& field : fields) {
    auto type = Of(*field.type, fmt::format("{}_{}", name, field.name));
    MILL_RETURN(Annotate(type.status(), fmt::format("`{}`", field.name)));
    if (field.name.find_first_of("\"\\.") != std::string::npos) {
      return UserError("`{}` cannot be the name of an Avro field", field.name);
    }
    json += fmt::format(R"({}{{"name":"{}","type":{}{}}})", json.empty() ? "" : ",", field.name,
                        *type, field.type->nullable ? ",\"default\":null" : "");
  }
  return fmt::format(R"({{"type":"record","name":"{}","fields":[{}]}})", name, json);
}

}  // namespace

Result<Schema> SqlSchemaOf(const AvroSchema& schema) {
  if (schema.root().kind != AvroKind::kRecord) {
    return UserError("an Avro schema for rows is a record, not {}", AvroTypeName(schema.root()));
  }
  MILL_ASSIGN(const SqlType row, SqlTypes().Of(schema.root(), 0));
  Schema columns;
  for (const RowField& field : row.children) columns.columns.push_back({field.name, *field.type});
  return columns;
}

Result<std::shared_ptr<const AvroSchema>> AvroSchemaOf(const Schema& columns,
                                                       AvroTimestamps timestamps) {
  std::vector<RowField> fields;
  for (const Column& column : columns.columns) {
    fields.push_back({column.name, std::make_shared<SqlType>(column.type)});
  }
  MILL_ASSIGN(const std::string json,
              AvroTypes(timestamps).OfRow(fields, "org.apache.flink.avro.generated.record"));
  return AvroSchema::Parse(json);
}

}  // namespace millrace
