#include "connectors/iceberg/types.h"

#include <arrow/util/key_value_metadata.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace millrace {
namespace {

constexpr std::array<std::pair<const char*, IcebergKind>, 13> kPlainTypes = {{
    {"boolean", IcebergKind::kBoolean},     {"int", IcebergKind::kInt},
    {"long", IcebergKind::kLong},           {"float", IcebergKind::kFloat},
    {"double", IcebergKind::kDouble},       {"date", IcebergKind::kDate},
    {"time", IcebergKind::kTime},           {"timestamp", IcebergKind::kTimestamp},
    {"timestamptz", IcebergKind::kTimestampTz}, {"string", IcebergKind::kString},
    {"uuid", IcebergKind::kUuid},           {"binary", IcebergKind::kBinary},
    {"struct", IcebergKind::kStruct},
}};
constexpr const char* kFieldId = "PARQUET:field_id";

// "decimal(9, 2)" -> {9, 2}, "fixed[16]" -> {16}; empty if that is not what stands there.
std::vector<int> NumbersIn(std::string_view text) {
  std::vector<int> numbers;
  const char* at = text.data();
  const char* end = at + text.size();
  while (at < end) {
    int number = 0;
    const auto [next, error] = std::from_chars(at, end, number);
    if (error == std::errc()) numbers.push_back(number);
    at = error == std::errc() ? next : at + 1;
  }
  return numbers;
}

Result<IcebergType> ParsePlain(const std::string& text) {
  for (const auto& [name, kind] : kPlainTypes) {
    if (text == name && kind != IcebergKind::kStruct) return IcebergType::Of(kind);
  }
  IcebergType type;
  const std::vector<int> numbers = NumbersIn(text);
  if (text.starts_with("decimal(") && numbers.size() == 2 && numbers[0] >= 1 &&
      numbers[0] <= 38 && numbers[1] >= 0 && numbers[1] <= numbers[0]) {
    type.kind = IcebergKind::kDecimal;
    type.precision = numbers[0];
    type.scale = numbers[1];
    return type;
  }
  if (text.starts_with("fixed[") && numbers.size() == 1 && numbers[0] > 0) {
    type.kind = IcebergKind::kFixed;
    type.length = numbers[0];
    return type;
  }
  return ExternalError("type '{}' is not known to Iceberg format version 2", text);
}

Result<IcebergField> ParseField(const JsonTree& json) {
  IcebergField field;
  MILL_ASSIGN(const int64_t id, json.Int("id"));
  field.id = static_cast<int>(id);
  MILL_ASSIGN(field.name, json.Text("name"));
  field.required = json.BoolOr("required", false);
  field.doc = json.TextOr("doc", "");
  const JsonTree* type = json.Find("type");
  if (!type) return ExternalError("field '{}' has no type", field.name);
  MILL_ASSIGN(field.type, ParseIcebergType(*type));
  return field;
}

// An element, key or value of a list or map.
Result<IcebergField> ParsePart(const JsonTree& json, const std::string& name) {
  IcebergField field;
  MILL_ASSIGN(const int64_t id, json.Int(name + "-id"));
  field.id = static_cast<int>(id);
  field.name = name;
  field.required = name == "key" || json.BoolOr(name + "-required", false);
  const JsonTree* type = json.Find(name);
  if (!type) return ExternalError("a list or map has no '{}'", name);
  MILL_ASSIGN(field.type, ParseIcebergType(*type));
  return field;
}

JsonTree FieldToJson(const IcebergField& field) {
  JsonTree json;
  json.Set("id", field.id);
  json.Set("name", field.name);
  json.Set("required", field.required);
  json.Set("type", ToJson(field.type));
  if (!field.doc.empty()) json.Set("doc", field.doc);
  return json;
}

JsonTree FieldsToJson(const std::vector<IcebergField>& fields) {
  JsonTree::Array list;
  for (const IcebergField& field : fields) list.push_back(FieldToJson(field));
  return list;
}

const IcebergField* FindIdIn(const std::vector<IcebergField>& fields, int id) {
  for (const IcebergField& field : fields) {
    if (field.id == id) return &field;
    if (field.type.kind != IcebergKind::kStruct) continue;
    if (const IcebergField* found = FindIdIn(field.type.fields, id)) return found;
  }
  return nullptr;
}

IcebergKind ScalarKindOf(const SqlType& type) {
  switch (type.kind) {
    case TypeKind::kBoolean: return IcebergKind::kBoolean;
    case TypeKind::kTinyInt:
    case TypeKind::kSmallInt:
    case TypeKind::kInt: return IcebergKind::kInt;
    case TypeKind::kBigInt: return IcebergKind::kLong;
    case TypeKind::kFloat: return IcebergKind::kFloat;
    case TypeKind::kDouble: return IcebergKind::kDouble;
    case TypeKind::kDecimal: return IcebergKind::kDecimal;
    case TypeKind::kDate: return IcebergKind::kDate;
    case TypeKind::kTime: return IcebergKind::kTime;
    case TypeKind::kTimestamp: return IcebergKind::kTimestamp;
    case TypeKind::kTimestampLtz: return IcebergKind::kTimestampTz;
    case TypeKind::kBinary: return IcebergKind::kFixed;
    case TypeKind::kVarbinary: return IcebergKind::kBinary;
    default: return IcebergKind::kString;
  }
}

Result<IcebergField> PartOf(const std::string& name, const SqlType& type, int* last_id) {
  IcebergField part;
  part.id = ++*last_id;
  part.name = name;
  part.required = name == "key" || !type.nullable;
  MILL_ASSIGN(part.type, IcebergTypeOf(type, last_id));
  return part;
}

bool ArePartsReadableAs(const IcebergType& type, const SqlType& sql) {
  for (size_t i = 0; i < sql.children.size(); ++i) {
    if (!IsReadableAs(type.fields[i].type, *sql.children[i].type)) return false;
  }
  return true;
}

bool IsStructReadableAs(const IcebergType& type, const SqlType& sql) {
  for (const RowField& wanted : sql.children) {
    const auto found = std::find_if(type.fields.begin(), type.fields.end(),
                                    [&](const auto& field) { return field.name == wanted.name; });
    const bool missing = found == type.fields.end();
    if (missing ? !wanted.type->nullable : !IsReadableAs(found->type, *wanted.type)) return false;
  }
  return true;
}

bool HasTimeZone(const IcebergType& type) { return type.kind == IcebergKind::kTimestampTz; }

}  // namespace

IcebergType IcebergType::Of(IcebergKind kind) {
  IcebergType type;
  type.kind = kind;
  if (kind == IcebergKind::kUuid) type.length = 16;
  return type;
}

std::string IcebergType::ToString() const {
  switch (kind) {
    case IcebergKind::kDecimal: return fmt::format("decimal({}, {})", precision, scale);
    case IcebergKind::kFixed: return fmt::format("fixed[{}]", length);
    case IcebergKind::kList: return fmt::format("list<{}>", fields[0].type.ToString());
    case IcebergKind::kMap:
      return fmt::format("map<{}, {}>", fields[0].type.ToString(), fields[1].type.ToString());
    case IcebergKind::kStruct: {
      std::vector<std::string> parts;
      for (const auto& field : fields) {
        parts.push_back(fmt::format("{}: {}", field.name, field.type.ToString()));
      }
      return fmt::format("struct<{}>", fmt::join(parts, ", "));
    }
    default: break;
  }
  const auto found = std::find_if(kPlainTypes.begin(), kPlainTypes.end(),
                                  [&](const auto& each) { return each.second == kind; });
  return found->first;
}

bool IcebergType::operator==(const IcebergType& other) const {
  return kind == other.kind && precision == other.precision && scale == other.scale &&
         length == other.length && fields == other.fields;
}

const IcebergField* IcebergSchema::Find(const std::string& name) const {
  const auto found = std::find_if(fields.begin(), fields.end(),
                                  [&](const IcebergField& field) { return field.name == name; });
  return found == fields.end() ? nullptr : &*found;
}

const IcebergField* IcebergSchema::FindId(int wanted) const { return FindIdIn(fields, wanted); }

Result<IcebergType> ParseIcebergType(const JsonTree& json) {
  if (json.text()) return ParsePlain(*json.text());
  IcebergType type;
  MILL_ASSIGN(const std::string name, json.Text("type"));
  if (name == "struct") {
    type.kind = IcebergKind::kStruct;
    MILL_ASSIGN(const auto* fields, json.List("fields"));
    for (const JsonTree& each : *fields) {
      MILL_ASSIGN(IcebergField field, ParseField(each));
      type.fields.push_back(std::move(field));
    }
    return type;
  }
  std::vector<std::string> parts;
  if (name == "list") parts = {"element"};
  if (name == "map") parts = {"key", "value"};
  if (parts.empty()) return ExternalError("type '{}' is not known to Iceberg", name);
  type.kind = name == "list" ? IcebergKind::kList : IcebergKind::kMap;
  for (const std::string& part : parts) {
    MILL_ASSIGN(IcebergField field, ParsePart(json, part));
    type.fields.push_back(std::move(field));
  }
  return type;
}

JsonTree ToJson(const IcebergType& type) {
  if (!type.IsNested()) return type.ToString();
  JsonTree json;
  if (type.kind == IcebergKind::kStruct) {
    json.Set("type", "struct");
    json.Set("fields", FieldsToJson(type.fields));
    return json;
  }
  json.Set("type", type.kind == IcebergKind::kList ? "list" : "map");
  for (const IcebergField& part : type.fields) {
    json.Set(part.name + "-id", part.id);
    json.Set(part.name, ToJson(part.type));
    if (part.name != "key") json.Set(part.name + "-required", part.required);
  }
  return json;
}

Result<IcebergSchema> ParseIcebergSchema(const JsonTree& json) {
  IcebergSchema schema;
  MILL_ASSIGN(const int64_t id, json.IntOr("schema-id", 0));
  schema.id = static_cast<int>(id);
  MILL_ASSIGN(const auto* fields, json.List("fields"));
  for (const JsonTree& each : *fields) {
    MILL_ASSIGN(IcebergField field, ParseField(each));
    schema.fields.push_back(std::move(field));
  }
  for (const JsonTree& each : json.ListOrEmpty("identifier-field-ids")) {
    schema.identifier_ids.push_back(static_cast<int>(each.integer().value_or(0)));
  }
  return schema;
}

JsonTree ToJson(const IcebergSchema& schema) {
  JsonTree json;
  json.Set("type", "struct");
  json.Set("schema-id", schema.id);
  json.Set("fields", FieldsToJson(schema.fields));
  if (schema.identifier_ids.empty()) return json;
  JsonTree::Array ids;
  for (const int id : schema.identifier_ids) ids.emplace_back(id);
  json.Set("identifier-field-ids", std::move(ids));
  return json;
}

Result<IcebergType> IcebergTypeOf(const SqlType& type, int* last_id) {
  if (type.IsInterval() || type.kind == TypeKind::kNull) {
    return UserError("Iceberg has no type for {}. hint: CAST it to BIGINT or STRING",
                     type.ToString());
  }
  if (type.IsTimestamp() && type.precision > 6) {
    return UserError("Iceberg keeps microseconds, {} has more. hint: CAST it to {}(6)",
                     type.ToString(),
                     type.kind == TypeKind::kTimestamp ? "TIMESTAMP" : "TIMESTAMP_LTZ");
  }
  IcebergType to;
  if (type.kind == TypeKind::kArray) {
    to.kind = IcebergKind::kList;
    MILL_ASSIGN(auto element, PartOf("element", *type.children[0].type, last_id));
    to.fields = {std::move(element)};
  } else if (type.kind == TypeKind::kMap) {
    to.kind = IcebergKind::kMap;
    MILL_ASSIGN(auto key, PartOf("key", *type.children[0].type, last_id));
    MILL_ASSIGN(auto value, PartOf("value", *type.children[1].type, last_id));
    to.fields = {std::move(key), std::move(value)};
  } else if (type.kind == TypeKind::kRow) {
    to.kind = IcebergKind::kStruct;
    for (const RowField& child : type.children) {
      MILL_ASSIGN(auto field, PartOf(child.name, *child.type, last_id));
      field.required = !child.type->nullable;
      to.fields.push_back(std::move(field));
    }
  } else {
    to.kind = ScalarKindOf(type);
    if (to.kind == IcebergKind::kDecimal) {
      to.precision = type.precision;
      to.scale = type.scale;
    }
    if (to.kind == IcebergKind::kFixed) to.length = type.precision;
  }
  return to;
}

Result<IcebergSchema> IcebergSchemaOf(const Schema& columns, const std::vector<std::string>& key) {
  IcebergSchema schema;
  int last_id = columns.size();
  int next = 0;
  for (const Column& column : columns.columns) {
    IcebergField field;
    field.id = ++next;
    field.name = column.name;
    const bool in_key = std::find(key.begin(), key.end(), column.name) != key.end();
    field.required = !column.type.nullable || in_key;
    auto type = IcebergTypeOf(column.type, &last_id);
    if (!type.ok()) return Annotate(type.status(), fmt::format("column '{}'", column.name));
    field.type = std::move(*type);
    if (in_key) schema.identifier_ids.push_back(field.id);
    schema.fields.push_back(std::move(field));
  }
  return schema;
}

bool IsReadableAs(const IcebergType& type, const SqlType& sql) {
  switch (type.kind) {
    case IcebergKind::kBoolean: return sql.kind == TypeKind::kBoolean;
    case IcebergKind::kInt:
    case IcebergKind::kLong: return sql.IsInteger();  // a value that does not fit is told
    case IcebergKind::kFloat: return sql.IsApproximate();
    case IcebergKind::kDouble: return sql.kind == TypeKind::kDouble;
    case IcebergKind::kDecimal:
      return sql.kind == TypeKind::kDecimal && type.scale <= sql.scale &&
             type.precision - type.scale <= sql.precision - sql.scale;
    case IcebergKind::kDate: return sql.kind == TypeKind::kDate;
    case IcebergKind::kTime: return sql.kind == TypeKind::kTime;
    case IcebergKind::kTimestamp:
    case IcebergKind::kTimestampTz:
      return sql.kind == (HasTimeZone(type) ? TypeKind::kTimestampLtz : TypeKind::kTimestamp);
    case IcebergKind::kString: return sql.IsString();
    case IcebergKind::kUuid:
    case IcebergKind::kFixed:
    case IcebergKind::kBinary: return sql.IsBinary();
    case IcebergKind::kList: return sql.kind == TypeKind::kArray && ArePartsReadableAs(type, sql);
    case IcebergKind::kMap: return sql.kind == TypeKind::kMap && ArePartsReadableAs(type, sql);
    case IcebergKind::kStruct: return sql.kind == TypeKind::kRow && IsStructReadableAs(type, sql);
  }
  return false;
}

bool IsWritableFrom(const IcebergType& type, const SqlType& sql) {
  int ids = 0;
  const auto own = IcebergTypeOf(sql, &ids);
  if (!own.ok()) return false;
  if (type.kind == own->kind) {
    if (type.kind == IcebergKind::kDecimal) {
      return type.scale == own->scale && type.precision >= own->precision;
    }
    if (type.kind == IcebergKind::kFixed) return type.length == own->length;
    if (type.fields.size() != own->fields.size()) return false;
    for (size_t i = 0; i < type.fields.size(); ++i) {
      if (type.fields[i].name != own->fields[i].name) return false;
      if (!IsWritableFrom(type.fields[i].type, *sql.children[i].type)) return false;
    }
    return true;
  }
  const bool widened = (type.kind == IcebergKind::kLong && own->kind == IcebergKind::kInt) ||
                       (type.kind == IcebergKind::kDouble && own->kind == IcebergKind::kFloat);
  const bool bytes = type.kind == IcebergKind::kBinary && own->kind == IcebergKind::kFixed;
  const bool uuid = type.kind == IcebergKind::kUuid && own->kind == IcebergKind::kFixed &&
                    own->length == 16;
  return widened || bytes || uuid;
}

std::shared_ptr<arrow::DataType> StorageTypeOf(const IcebergType& type) {
  switch (type.kind) {
    case IcebergKind::kBoolean: return arrow::boolean();
    case IcebergKind::kInt: return arrow::int32();
    case IcebergKind::kLong: return arrow::int64();
    case IcebergKind::kFloat: return arrow::float32();
    case IcebergKind::kDouble: return arrow::float64();
    case IcebergKind::kDecimal: return arrow::decimal128(type.precision, type.scale);
    case IcebergKind::kDate: return arrow::date32();
    case IcebergKind::kTime: return arrow::time64(arrow::TimeUnit::MICRO);
    case IcebergKind::kTimestamp: return arrow::timestamp(arrow::TimeUnit::MICRO);
    case IcebergKind::kTimestampTz: return arrow::timestamp(arrow::TimeUnit::MICRO, "UTC");
    case IcebergKind::kString: return arrow::utf8();
    case IcebergKind::kUuid:
    case IcebergKind::kFixed: return arrow::fixed_size_binary(type.length);
    case IcebergKind::kBinary: return arrow::binary();
    case IcebergKind::kList: return arrow::list(StorageFieldOf(type.fields[0]));
    case IcebergKind::kMap:
      return std::make_shared<arrow::MapType>(StorageFieldOf(type.fields[0]),
                                              StorageFieldOf(type.fields[1]));
    case IcebergKind::kStruct: break;
  }
  arrow::FieldVector fields;
  for (const IcebergField& field : type.fields) fields.push_back(StorageFieldOf(field));
  return arrow::struct_(std::move(fields));
}

std::shared_ptr<arrow::Field> StorageFieldOf(const IcebergField& field) {
  return arrow::field(field.name, StorageTypeOf(field.type), !field.required,
                      arrow::key_value_metadata({kFieldId}, {fmt::format("{}", field.id)}));
}

int FieldIdOf(const arrow::Field& field) {
  if (!field.metadata()) return -1;
  const auto text = field.metadata()->Get(kFieldId);
  int id = -1;
  if (text.ok()) std::from_chars(text->data(), text->data() + text->size(), id);
  return id;
}

}  // namespace millrace
