// A JSON document as a tree that can be looked into, changed and written again, so that what this
// program does not know of a table's metadata survives a commit.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/status.h"

namespace millrace {

class JsonTree {
 public:
  using Array = std::vector<JsonTree>;
  using Member = std::pair<std::string, JsonTree>;
  using Object = std::vector<Member>;  // in the order of the document

  JsonTree() = default;  // null
  JsonTree(bool value) : value_(value) {}
  JsonTree(int64_t value) : value_(value) {}
  JsonTree(int value) : value_(int64_t{value}) {}
  JsonTree(double value) : value_(value) {}
  JsonTree(std::string value) : value_(std::move(value)) {}
  JsonTree(const char* value) : value_(std::string(value)) {}
  JsonTree(Array value) : value_(std::move(value)) {}
  JsonTree(Object value) : value_(std::move(value)) {}

  // Reads one document. An error says where it is wrong.
  static Result<JsonTree> Parse(std::string_view text);
  // Without white space.
  std::string ToText() const;

  bool IsNull() const { return std::holds_alternative<std::monostate>(value_); }
  const std::string* text() const { return std::get_if<std::string>(&value_); }
  const Array* array() const { return std::get_if<Array>(&value_); }
  const Object* object() const { return std::get_if<Object>(&value_); }
  Array* mutable_array() { return std::get_if<Array>(&value_); }

  // The member `key`; null if there is none, or if this is no object.
  const JsonTree* Find(std::string_view key) const;
  JsonTree* Find(std::string_view key);
  // Adds or replaces a member; a null becomes an object.
  void Set(std::string_view key, JsonTree value);
  void Remove(std::string_view key);

  // Members of a kind; an error names the key that is missing or of another kind.
  Result<int64_t> Int(std::string_view key) const;
  Result<int64_t> IntOr(std::string_view key, int64_t fallback) const;
  Result<std::string> Text(std::string_view key) const;
  std::string TextOr(std::string_view key, std::string fallback) const;
  bool BoolOr(std::string_view key, bool fallback) const;
  Result<const Array*> List(std::string_view key) const;
  // The elements, none if the member is missing or null.
  const Array& ListOrEmpty(std::string_view key) const;
  // An integer itself.
  std::optional<int64_t> integer() const;

 private:
  void Append(std::string* out) const;

  std::variant<std::monostate, bool, int64_t, double, std::string, Array, Object> value_;
};

}  // namespace millrace
