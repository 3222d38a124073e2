#include "formats/avro/schema.h"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <unordered_map>

namespace millrace {

using simdjson::dom::element;
using simdjson::dom::object;

namespace {

constexpr size_t kMaxSchemaBytes = 16 << 20;

constexpr std::array<std::string_view, 8> kPrimitives = {
    "null", "boolean", "int", "long", "float", "double", "bytes", "string"};

std::optional<AvroKind> PrimitiveOf(std::string_view name) {
  const auto found = std::find(kPrimitives.begin(), kPrimitives.end(), name);
  if (found == kPrimitives.end()) return std::nullopt;
  return static_cast<AvroKind>(found - kPrimitives.begin());
}

struct LogicalName {
  std::string_view name;
  AvroKind kind;
  AvroLogical logical;
};

constexpr LogicalName kLogicals[] = {
    {"decimal", AvroKind::kBytes, AvroLogical::kDecimal},
    {"decimal", AvroKind::kFixed, AvroLogical::kDecimal},
    {"uuid", AvroKind::kString, AvroLogical::kUuid},
    {"uuid", AvroKind::kFixed, AvroLogical::kUuid},
    {"date", AvroKind::kInt, AvroLogical::kDate},
    {"time-millis", AvroKind::kInt, AvroLogical::kTimeMillis},
    {"time-micros", AvroKind::kLong, AvroLogical::kTimeMicros},
    {"timestamp-millis", AvroKind::kLong, AvroLogical::kTimestampMillis},
    {"timestamp-micros", AvroKind::kLong, AvroLogical::kTimestampMicros},
    {"timestamp-nanos", AvroKind::kLong, AvroLogical::kTimestampNanos},
    {"local-timestamp-millis", AvroKind::kLong, AvroLogical::kLocalTimestampMillis},
    {"local-timestamp-micros", AvroKind::kLong, AvroLogical::kLocalTimestampMicros},
    {"local-timestamp-nanos", AvroKind::kLong, AvroLogical::kLocalTimestampNanos},
    {"map", AvroKind::kArray, AvroLogical::kMap},
};

// Beyond ASCII all bytes are taken: such letters may stand in names.
bool IsName(std::string_view name) {
  if (name.empty() || std::isdigit(static_cast<unsigned char>(name.front()))) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x80 || std::isalnum(byte) || c == '_';
  });
}

bool IsFullName(std::string_view name) {
  while (true) {
    const size_t dot = name.find('.');
    if (!IsName(name.substr(0, dot))) return false;
    if (dot == name.npos) return true;
    name.remove_prefix(dot + 1);
  }
}

std::string_view NamespaceOf(std::string_view full_name) {
  const size_t dot = full_name.rfind('.');
  return dot == full_name.npos ? "" : full_name.substr(0, dot);
}

std::optional<std::string_view> TextAt(const object& json, std::string_view key) {
  std::string_view text;
  if (json[key].get(text)) return std::nullopt;
  return text;
}

std::optional<int64_t> IntAt(const object& json, std::string_view key) {
  int64_t value = 0;
  if (json[key].get(value)) return std::nullopt;
  return value;
}

// All of `json` but the attributes that `known` names.
AvroAttributes OtherAttributes(const object& json, std::initializer_list<std::string_view> known) {
  AvroAttributes others;
  for (const auto field : json) {
    if (std::find(known.begin(), known.end(), field.key) != known.end()) continue;
    others.emplace_back(field.key, simdjson::minify(field.value));
  }
  return others;
}

}  // namespace

// Builds the nodes of one schema.
class AvroSchemaParser {
 public:
  explicit AvroSchemaParser(AvroSchema* schema) : schema_(*schema) {}
  Status Parse(const element& json) {
    MILL_ASSIGN(schema_.root_, ParseType(json, "", 0));
    return Status::OK();
  }

 private:
  Result<const AvroType*> ParseType(const element& json, const std::string& space, int depth);
  Result<const AvroType*> ParseName(std::string_view name, const std::string& space);
  Result<const AvroType*> ParseUnion(const element& json, const std::string& space, int depth);
  Result<const AvroType*> ParseObject(const object& json, const std::string& space, int depth);
  Result<const AvroType*> ParseNamed(const object& json, AvroKind kind, const std::string& space,
                                     int depth);
  Status ParseFields(const object& json, AvroType* record, int depth);
  Result<AvroField> ParseField(const element& json, const std::string& space, int depth);
  Status ParseSymbols(const object& json, AvroType* type);
  Status CheckBranches(const AvroType& type) const;
  static void FindLogical(const object& json, AvroType* type);
  AvroType* NewType(AvroKind kind) {
    schema_.nodes_.emplace_back().kind = kind;
    return &schema_.nodes_.back();
  }

  AvroSchema& schema_;
  std::unordered_map<std::string, const AvroType*> named_;
};

Result<const AvroType*> AvroSchemaParser::ParseType(const element& json, const std::string& space,
                                                    int depth) {
  if (depth > AvroSchema::kMaxDepth) {
    return UserError("types are nested deeper than {}", AvroSchema::kMaxDepth);
  }
  std::string_view name;
  object members;
  if (!json.get(name)) return ParseName(name, space);
  if (json.is_array()) return ParseUnion(json, space, depth);
  if (!json.get(members)) return ParseObject(members, space, depth);
  return UserError("a type is a name, an object or an array, not {}", simdjson::minify(json));
}

Result<const AvroType*> AvroSchemaParser::ParseName(std::string_view name,
                                                    const std::string& space) {
  if (const auto primitive = PrimitiveOf(name)) return NewType(*primitive);
  auto found = named_.end();
  if (name.find('.') == name.npos && !space.empty()) {
    found = named_.find(fmt::format("{}.{}", space, name));
  }
  if (found == named_.end()) found = named_.find(std::string(name));
  if (found != named_.end()) return found->second;
  return UserError("unknown type '{}'. hint: a named type has to stand in full before its name "
                   "is used", name);
}

Result<const AvroType*> AvroSchemaParser::ParseUnion(const element& json, const std::string& space,
                                                     int depth) {
  AvroType* type = NewType(AvroKind::kUnion);
  simdjson::dom::array branches;
  if (json.get(branches)) return UserError("a union is no array");
  for (const element branch : branches) {
    if (branch.is_array()) return UserError("a union stands directly in a union");
    MILL_ASSIGN(const AvroType* parsed, ParseType(branch, space, depth + 1));
    type->children.push_back(parsed);
  }
  MILL_RETURN(CheckBranches(*type));
  return type;
}

// Which of two branches a value is of must be clear: one of each type, or of each name.
Status AvroSchemaParser::CheckBranches(const AvroType& type) const {
  if (type.children.empty()) return UserError("a union without branches");
  std::vector<std::string> names;
  for (const AvroType* branch : type.children) names.push_back(AvroTypeName(*branch));
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice == names.end()) return Status::OK();
  return UserError("a union has {} more than once", *twice);
}

Result<const AvroType*> AvroSchemaParser::ParseObject(const object& json, const std::string& space,
                                                      int depth) {
  element inner;
  if (json["type"].get(inner)) return UserError("a type has no \"type\"");
  std::string_view name;
  if (inner.get(name)) return ParseType(inner, space, depth + 1);
  if (name == "record" || name == "error") {
    return ParseNamed(json, AvroKind::kRecord, space, depth);
  }
  if (name == "enum") return ParseNamed(json, AvroKind::kEnum, space, depth);
  if (name == "fixed") return ParseNamed(json, AvroKind::kFixed, space, depth);
  if (name == "array" || name == "map") {
    AvroType* type = NewType(name == "array" ? AvroKind::kArray : AvroKind::kMap);
    const std::string_view key = name == "array" ? "items" : "values";
    element child;
    if (json[key].get(child)) return UserError("type '{}' has no \"{}\"", name, key);
    MILL_ASSIGN(const AvroType* parsed, ParseType(child, space, depth + 1));
    type->children.push_back(parsed);
    type->attributes = OtherAttributes(json, {"type", key});
    FindLogical(json, type);
    return type;
  }
  const auto primitive = PrimitiveOf(name);
  if (!primitive) return ParseName(name, space);
  AvroType* type = NewType(*primitive);
  type->attributes = OtherAttributes(json, {"type"});
  FindLogical(json, type);
  return type;
}

Result<const AvroType*> AvroSchemaParser::ParseNamed(const object& json, AvroKind kind,
                                                     const std::string& space, int depth) {
  const auto name = TextAt(json, "name");
  if (!name) return UserError("a record, enum or fixed has no \"name\"");
  const bool is_full = name->find('.') != name->npos;
  const std::string own_space(TextAt(json, "namespace").value_or(space));
  AvroType* type = NewType(kind);
  type->name = is_full || own_space.empty() ? std::string(*name)
                                            : fmt::format("{}.{}", own_space, *name);
  if (!IsFullName(type->name)) {
    return UserError("'{}' is no name. hint: letters, digits and '_'", type->name);
  }
  if (!named_.emplace(type->name, type).second) {
    return UserError("type '{}' is defined twice", type->name);
  }
  Status status;
  if (kind == AvroKind::kRecord) {
    status = ParseFields(json, type, depth);
    type->attributes = OtherAttributes(json, {"type", "name", "namespace", "fields"});
  } else if (kind == AvroKind::kEnum) {
    status = ParseSymbols(json, type);
    type->attributes = OtherAttributes(json, {"type", "name", "namespace", "symbols"});
  } else {
    type->size = IntAt(json, "size").value_or(-1);
    type->attributes = OtherAttributes(json, {"type", "name", "namespace", "size"});
    const bool sound = type->size >= 0 && type->size <= (1 << 30);
    if (!sound) status = UserError("a fixed needs a \"size\" from 0 to 2^30");
    FindLogical(json, type);
  }
  MILL_RETURN(Annotate(status, fmt::format("type '{}'", type->name)));
  return type;
}

Status AvroSchemaParser::ParseFields(const object& json, AvroType* record, int depth) {
  simdjson::dom::array fields;
  if (json["fields"].get(fields)) return UserError("a record has no \"fields\"");
  const std::string space(NamespaceOf(record->name));
  std::vector<std::string_view> names;
  for (const element field : fields) {
    MILL_ASSIGN(AvroField parsed, ParseField(field, space, depth));
    record->fields.push_back(std::move(parsed));
  }
  for (const AvroField& field : record->fields) names.push_back(field.name);
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice == names.end()) return Status::OK();
  return UserError("field '{}' is defined twice", *twice);
}

Result<AvroField> AvroSchemaParser::ParseField(const element& json, const std::string& space,
                                               int depth) {
  object members;
  if (json.get(members)) return UserError("a field is no object");
  AvroField field;
  field.name = TextAt(members, "name").value_or("");
  if (!IsName(field.name)) {
    return UserError("field '{}': that is no name. hint: letters, digits and '_'", field.name);
  }
  element type;
  if (members["type"].get(type)) return UserError("field '{}' has no \"type\"", field.name);
  auto parsed = ParseType(type, space, depth + 1);
  MILL_RETURN(Annotate(parsed.status(), fmt::format("field '{}'", field.name)));
  field.type = *parsed;
  element fallback;
  if (!members["default"].get(fallback)) field.default_json = simdjson::minify(fallback);
  simdjson::dom::array aliases;
  if (!members["aliases"].get(aliases)) {
    for (const element alias : aliases) {
      std::string_view text;
      if (!alias.get(text)) field.aliases.emplace_back(text);
    }
  }
  field.attributes = OtherAttributes(members, {"name", "type", "default"});
  return field;
}

Status AvroSchemaParser::ParseSymbols(const object& json, AvroType* type) {
  simdjson::dom::array symbols;
  if (json["symbols"].get(symbols)) return UserError("an enum has no \"symbols\"");
  for (const element symbol : symbols) {
    std::string_view text;
    if (symbol.get(text) || !IsName(text)) {
      return UserError("{} is no symbol of an enum", simdjson::minify(symbol));
    }
    type->symbols.emplace_back(text);
  }
  return Status::OK();
}

void AvroSchemaParser::FindLogical(const object& json, AvroType* type) {
  const auto name = TextAt(json, "logicalType");
  if (!name) return;
  for (const LogicalName& known : kLogicals) {
    if (known.name != *name || known.kind != type->kind) continue;
    type->logical = known.logical;
    break;
  }
  if (type->logical == AvroLogical::kDecimal) {
    const int64_t precision = IntAt(json, "precision").value_or(0);
    const int64_t scale = IntAt(json, "scale").value_or(0);
    const bool sound = precision >= 1 && precision <= 1000 && scale >= 0 && scale <= precision;
    if (!sound) type->logical = AvroLogical::kNone;
    if (sound) type->precision = static_cast<int>(precision);
    if (sound) type->scale = static_cast<int>(scale);
  }
  if (type->logical == AvroLogical::kMap) {
    const AvroType& item = *type->children.front();
    const bool sound = item.kind == AvroKind::kRecord && item.fields.size() == 2;
    if (!sound) type->logical = AvroLogical::kNone;
  }
}

Result<std::shared_ptr<const AvroSchema>> AvroSchema::Parse(std::string_view json) {
  if (json.size() > kMaxSchemaBytes) {
    return UserError("Avro schema: {} bytes are too many", json.size());
  }
  // A bare name is a schema too, also without the quotes of JSON.
  if (PrimitiveOf(json)) return Parse(fmt::format("\"{}\"", json));
  simdjson::dom::parser parser;
  element root;
  if (const auto error = parser.parse(json.data(), json.size()).get(root)) {
    return UserError("Avro schema: broken JSON: {}", simdjson::error_message(error));
  }
  auto schema = std::make_shared<AvroSchema>();
  MILL_RETURN(Annotate(AvroSchemaParser(schema.get()).Parse(root), "Avro schema"));
  return schema;
}

const std::string* AvroType::Attribute(std::string_view name_of_it) const {
  for (const auto& attribute : attributes) {
    if (attribute.first == name_of_it) return &attribute.second;
  }
  return nullptr;
}

std::string AvroTypeName(const AvroType& type) {
  switch (type.kind) {
    case AvroKind::kRecord: return "record " + type.name;
    case AvroKind::kEnum: return "enum " + type.name;
    case AvroKind::kFixed: return "fixed " + type.name;
    case AvroKind::kArray: return "array";
    case AvroKind::kMap: return "map";
    case AvroKind::kUnion: return "union";
    default: return std::string(kPrimitives[static_cast<size_t>(type.kind)]);
  }
}

}  // namespace millrace
