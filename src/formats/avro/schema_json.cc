// Avro schemas as JSON text. Names and symbols need no escapes (the parser saw to that), all else
// is kept as the JSON text that it was.
#include <unordered_set>

#include "formats/avro/schema.h"

namespace millrace {
namespace {

class SchemaWriter {
 public:
  std::string Write(const AvroType& type) {
    Append(type, "");
    return std::move(out_);
  }

 private:
  void Append(const AvroType& type, std::string_view space);
  void AppendNamed(const AvroType& type, std::string_view space);
  void AppendFields(const AvroType& type, std::string_view space);
  void AppendAttributes(const AvroAttributes& attributes);

  std::string out_;
  std::unordered_set<const AvroType*> written_;
};

std::pair<std::string_view, std::string_view> SplitName(std::string_view full) {
  const size_t dot = full.rfind('.');
  if (dot == full.npos) return {"", full};
  return {full.substr(0, dot), full.substr(dot + 1)};
}

// Only attributes have names with characters that JSON escapes.
void SchemaWriter::AppendAttributes(const AvroAttributes& attributes) {
  for (const auto& [name, json] : attributes) {
    out_ += ",\"";
    for (const char c : name) {
      const bool plain = static_cast<unsigned char>(c) >= 0x20 && c != '"' && c != '\\';
      out_ += plain ? std::string(1, c) : fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    }
    out_ += "\":" + json;
  }
}

void SchemaWriter::Append(const AvroType& type, std::string_view space) {
  if (type.IsNamed()) return AppendNamed(type, space);
  if (type.kind == AvroKind::kUnion) {
    char before = '[';
    for (const AvroType* branch : type.children) {
      out_ += before;
      before = ',';
      Append(*branch, space);
    }
    out_ += ']';
    return;
  }
  const bool nested = !type.children.empty();
  const std::string name = AvroTypeName(type);
  if (!nested && type.attributes.empty()) {
    out_ += fmt::format("\"{}\"", name);
    return;
  }
  out_ += fmt::format("{{\"type\":\"{}\"", name);
  if (nested) {
    out_ += type.kind == AvroKind::kMap ? ",\"values\":" : ",\"items\":";
    Append(*type.children.front(), space);
  }
  AppendAttributes(type.attributes);
  out_ += '}';
}

void SchemaWriter::AppendNamed(const AvroType& type, std::string_view space) {
  const auto [own_space, name] = SplitName(type.name);
  if (!written_.insert(&type).second) {
    out_ += fmt::format("\"{}\"", own_space == space ? name : std::string_view(type.name));
    return;
  }
  const char* kind = type.kind == AvroKind::kRecord ? "record"
                     : type.kind == AvroKind::kEnum ? "enum"
                                                    : "fixed";
  out_ += fmt::format("{{\"type\":\"{}\",\"name\":\"{}\"", kind, name);
  if (own_space != space) out_ += fmt::format(",\"namespace\":\"{}\"", own_space);
  if (type.kind == AvroKind::kRecord) AppendFields(type, own_space);
  if (type.kind == AvroKind::kFixed) out_ += fmt::format(",\"size\":{}", type.size);
  if (type.kind == AvroKind::kEnum) {
    std::string symbols;
    for (const std::string& symbol : type.symbols) {
      symbols += fmt::format("{}\"{}\"", symbols.empty() ? "" : ",", symbol);
    }
    out_ += fmt::format(",\"symbols\":[{}]", symbols);
  }
  AppendAttributes(type.attributes);
  out_ += '}';
}

void SchemaWriter::AppendFields(const AvroType& type, std::string_view space) {
  out_ += ",\"fields\":[";
  for (const AvroField& field : type.fields) {
    if (&field != &type.fields.front()) out_ += ',';
    out_ += fmt::format("{{\"name\":\"{}\",\"type\":", field.name);
    Append(*field.type, space);
    if (!field.default_json.empty()) out_ += ",\"default\":" + field.default_json;
    AppendAttributes(field.attributes);
    out_ += '}';
  }
  out_ += ']';
}

}  // namespace

std::string AvroSchema::ToJson() const { return SchemaWriter().Write(root()); }

}  // namespace millrace
