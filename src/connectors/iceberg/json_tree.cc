#include "connectors/iceberg/json_tree.h"

#include <simdjson.h>

#include <algorithm>
#include <cmath>

namespace millrace {
namespace {

JsonTree FromDom(const simdjson::dom::element& element);

JsonTree ListFromDom(const simdjson::dom::array& list) {
  JsonTree::Array values;
  for (const auto& each : list) values.push_back(FromDom(each));
  return values;
}

JsonTree ObjectFromDom(const simdjson::dom::object& object) {
  JsonTree::Object members;
  for (const auto& field : object) members.emplace_back(field.key, FromDom(field.value));
  return members;
}

// The parser bounds the depth.
JsonTree FromDom(const simdjson::dom::element& element) {
  using Type = simdjson::dom::element_type;
  switch (element.type()) {
    case Type::ARRAY: return ListFromDom(element.get_array().value_unsafe());
    case Type::OBJECT: return ObjectFromDom(element.get_object().value_unsafe());
    case Type::INT64: return element.get_int64().value_unsafe();
    case Type::UINT64: return static_cast<double>(element.get_uint64().value_unsafe());
    case Type::DOUBLE: return element.get_double().value_unsafe();
    case Type::STRING: return std::string(element.get_string().value_unsafe());
    case Type::BOOL: return element.get_bool().value_unsafe();
    default: return {};
  }
}

void AppendText(std::string_view text, std::string* out) {
  *out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      *out += '\\';
      *out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      *out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      *out += c;
    }
  }
  *out += '"';
}

Status Missing(std::string_view key, const char* what) {
  return ExternalError("member '{}' is not {}", key, what);
}

}  // namespace

Result<JsonTree> JsonTree::Parse(std::string_view text) {
  simdjson::dom::parser parser;
  simdjson::dom::element element;
  const simdjson::padded_string padded(text);
  const auto error = parser.parse(padded).get(element);
  if (error) return ExternalError("not valid JSON: {}", simdjson::error_message(error));
  return FromDom(element);
}

std::string JsonTree::ToText() const {
  std::string out;
  Append(&out);
  return out;
}

void JsonTree::Append(std::string* out) const {
  const char* between = "";
  if (const auto* flag = std::get_if<bool>(&value_)) {
    *out += *flag ? "true" : "false";
  } else if (const auto* number = std::get_if<int64_t>(&value_)) {
    *out += fmt::format("{}", *number);
  } else if (const auto* real = std::get_if<double>(&value_)) {
    *out += std::isfinite(*real) ? fmt::format("{}", *real) : "null";
  } else if (text()) {
    AppendText(*text(), out);
  } else if (array()) {
    *out += '[';
    for (const JsonTree& each : *array()) {
      *out += std::exchange(between, ",");
      each.Append(out);
    }
    *out += ']';
  } else if (object()) {
    *out += '{';
    for (const auto& [key, value] : *object()) {
      *out += std::exchange(between, ",");
      AppendText(key, out);
      *out += ':';
      value.Append(out);
    }
    *out += '}';
  } else {
    *out += "null";
  }
}

const JsonTree* JsonTree::Find(std::string_view key) const {
  if (!object()) return nullptr;
  const auto found = std::find_if(object()->begin(), object()->end(),
                                  [&](const Member& member) { return member.first == key; });
  return found == object()->end() ? nullptr : &found->second;
}

JsonTree* JsonTree::Find(std::string_view key) {
  return const_cast<JsonTree*>(std::as_const(*this).Find(key));
}

void JsonTree::Set(std::string_view key, JsonTree value) {
  if (JsonTree* found = Find(key)) {
    *found = std::move(value);
    return;
  }
  if (!object()) value_ = Object();
  std::get<Object>(value_).emplace_back(key, std::move(value));
}

void JsonTree::Remove(std::string_view key) {
  if (!object()) return;
  std::erase_if(std::get<Object>(value_), [&](const Member& each) { return each.first == key; });
}

std::optional<int64_t> JsonTree::integer() const {
  const auto* number = std::get_if<int64_t>(&value_);
  return number ? std::optional(*number) : std::nullopt;
}

Result<int64_t> JsonTree::Int(std::string_view key) const {
  const JsonTree* found = Find(key);
  const auto* number = found ? std::get_if<int64_t>(&found->value_) : nullptr;
  if (!number) return Missing(key, "an integer");
  return *number;
}

Result<int64_t> JsonTree::IntOr(std::string_view key, int64_t fallback) const {
  const JsonTree* found = Find(key);
  return found && !found->IsNull() ? Int(key) : fallback;
}

Result<std::string> JsonTree::Text(std::string_view key) const {
  const JsonTree* found = Find(key);
  if (!found || !found->text()) return Missing(key, "a text");
  return *found->text();
}

std::string JsonTree::TextOr(std::string_view key, std::string fallback) const {
  const JsonTree* found = Find(key);
  return found && found->text() ? *found->text() : fallback;
}

bool JsonTree::BoolOr(std::string_view key, bool fallback) const {
  const JsonTree* found = Find(key);
  const auto* flag = found ? std::get_if<bool>(&found->value_) : nullptr;
  return flag ? *flag : fallback;
}

Result<const JsonTree::Array*> JsonTree::List(std::string_view key) const {
  const JsonTree* found = Find(key);
  if (!found || !found->array()) return Missing(key, "a list");
  return found->array();
}

const JsonTree::Array& JsonTree::ListOrEmpty(std::string_view key) const {
  static const Array kEmpty;
  const JsonTree* found = Find(key);
  return found && found->array() ? *found->array() : kEmpty;
}

}  // namespace millrace
