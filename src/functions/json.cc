// JSON in text columns: JSON_VALUE, JSON_QUERY, JSON_EXISTS, IS JSON. Paths are "$.name", "$['name']",
// "$[0]" and their combinations. Text that is no JSON, and a path that leads nowhere, give NULL.
#include <simdjson.h>

#include <charconv>

#include "functions/bind.h"
#include "functions/families.h"
#include "functions/per_row.h"

namespace millrace {
namespace {

using View = std::string_view;

const SqlType kString = SqlType::String();

struct PathStep {
  std::string name;
  size_t index = 0;
  bool is_index = false;
};
using JsonPath = std::vector<PathStep>;

Status PathError(View path) {
  return UserError("bad JSON path '{}'. hint: write '$.name', '$.items[0]' or $['a name']", path);
}

// Reads "[3]" or "['name']" at the beginning of `rest`.
bool ReadBracket(View* rest, JsonPath* path) {
  const size_t end = rest->find(']');
  if (end == View::npos || end < 2) return false;
  View inside = rest->substr(1, end - 1);
  rest->remove_prefix(end + 1);
  const char quote = inside.front();
  if (quote == '\'' || quote == '"') {
    if (inside.size() < 2 || inside.back() != quote) return false;
    path->push_back({std::string(inside.substr(1, inside.size() - 2)), 0, false});
    return true;
  }
  size_t index = 0;
  const auto [at, error] = std::from_chars(inside.data(), inside.data() + inside.size(), index);
  if (error != std::errc() || at != inside.data() + inside.size()) return false;
  path->push_back({"", index, true});
  return true;
}

Result<JsonPath> ParsePath(View text) {
  View rest = text;
  // "lax" and "strict" only differ in errors, which are NULL here.
  for (View mode : {View("lax "), View("strict ")}) {
    if (rest.starts_with(mode)) rest.remove_prefix(mode.size());
  }
  if (!rest.starts_with('$')) return PathError(text);
  rest.remove_prefix(1);
  JsonPath path;
  while (!rest.empty()) {
    if (rest[0] == '[') {
      if (!ReadBracket(&rest, &path)) return PathError(text);
      continue;
    }
    if (rest[0] != '.') return PathError(text);
    rest.remove_prefix(1);
    const size_t end = std::min(rest.find_first_of(".["), rest.size());
    if (end == 0) return PathError(text);
    path.push_back({std::string(rest.substr(0, end)), 0, false});
    rest.remove_prefix(end);
  }
  return path;
}

// Parses documents and walks paths; one per evaluation.
class JsonReader {
 public:
  // The element at the path; empty if the text is no JSON or has no such element.
  Result<std::optional<simdjson::dom::element>> Find(View text, View path) {
    if (!has_path_ || path != path_text_) {
      MILL_ASSIGN(path_, ParsePath(path));
      path_text_ = path;
      has_path_ = true;
    }
    simdjson::dom::element element;
    if (parser_.parse(text.data(), text.size()).get(element) != simdjson::SUCCESS) return Nothing();
    for (const PathStep& step : path_) {
      const auto next = step.is_index ? element.at(step.index) : element.at_key(step.name);
      if (next.get(element) != simdjson::SUCCESS) return Nothing();
    }
    return std::optional(element);
  }
  std::optional<simdjson::dom::element_type> TypeOf(View text) {
    simdjson::dom::element element;
    if (parser_.parse(text.data(), text.size()).get(element) != simdjson::SUCCESS) return std::nullopt;
    return element.type();
  }

 private:
  static std::optional<simdjson::dom::element> Nothing() { return std::nullopt; }

  simdjson::dom::parser parser_;
  JsonPath path_;
  std::string path_text_;
  bool has_path_ = false;
};

bool IsContainer(const simdjson::dom::element& element) { return element.is_array() || element.is_object(); }

// A scalar as SQL text; false for null and for what is no scalar.
bool AppendScalar(const simdjson::dom::element& element, std::string* out) {
  if (element.is_null() || IsContainer(element)) return false;
  View text;
  if (element.get(text) == simdjson::SUCCESS) {
    out->append(text);
  } else {
    out->append(simdjson::minify(element));
  }
  return true;
}

// Runs `append` on the element that each row's path leads to.
template <typename Append>
Result<arrow::Datum> MapJson(const Call& call, Append append) {
  JsonReader reader;
  Status failure;
  auto result = RunPerRow<Text(View, View)>(call, [&](View text, View path, std::string* out) -> bool {
    const auto found = reader.Find(text, path);
    if (!found.ok()) failure = found.status();
    return found.ok() && *found && append(**found, out);
  });
  MILL_RETURN(failure);
  return result;
}

Result<arrow::Datum> EvalValue(const Call& call) { return MapJson(call, AppendScalar); }

Result<arrow::Datum> EvalQuery(const Call& call) {
  return MapJson(call, [](const simdjson::dom::element& element, std::string* out) {
    if (!IsContainer(element)) return false;
    out->append(simdjson::minify(element));
    return true;
  });
}

Result<arrow::Datum> EvalExists(const Call& call) {
  JsonReader reader;
  return RunPerRow<bool(View, View)>(call, [&](View text, View path) -> Result<bool> {
    MILL_ASSIGN(const auto found, reader.Find(text, path));
    return found.has_value();
  });
}

enum class JsonShape { kAny, kObject, kArray, kScalar };

bool HasShape(std::optional<simdjson::dom::element_type> type, JsonShape shape) {
  if (!type) return false;
  const bool object = *type == simdjson::dom::element_type::OBJECT;
  const bool array = *type == simdjson::dom::element_type::ARRAY;
  switch (shape) {
    case JsonShape::kAny: return true;
    case JsonShape::kObject: return object;
    case JsonShape::kArray: return array;
    case JsonShape::kScalar: return !object && !array;
  }
  return false;
}

Result<arrow::Datum> EvalIsJson(const Call& call, JsonShape shape, bool negated) {
  JsonReader reader;
  return RunPerRow<bool(View)>(
      call, [&](View text) { return HasShape(reader.TypeOf(text), shape) != negated; });
}

void AddIsJson(FunctionRegistry& registry, const char* suffix, JsonShape shape) {
  for (const bool negated : {false, true}) {
    const std::string name = fmt::format("IS {}JSON{}", negated ? "NOT " : "", suffix);
    registry.Add({.name = name, .signature = fmt::format("STRING {} -> BOOLEAN", name),
                  .doc = "Whether a text is JSON of that shape.",
                  .examples = {{fmt::format("'nothing' {}", name), negated ? "TRUE" : "FALSE"}},
                  .bind = Fixed({kString}, SqlType::Boolean()),
                  .eval = [=](const Call& call) { return EvalIsJson(call, shape, negated); }});
  }
}

Result<Binding> BindNullableText(const std::vector<SqlType>& args) {
  MILL_ASSIGN(Binding binding, Fixed({kString, kString}, kString)(args));
  binding.type.nullable = true;
  return binding;
}

}  // namespace

void RegisterJson(FunctionRegistry& registry) {
  registry.Add({.name = "JSON_VALUE", .signature = "JSON_VALUE(STRING, path) -> STRING",
                .doc = "The scalar that a path leads to; NULL if there is none.",
                .examples = {{"JSON_VALUE('{\"a\": {\"b\": [1, 2]}}', '$.a.b[1]')", "2"}},
                .bind = BindNullableText, .eval = EvalValue, .may_fail = true});
  registry.Add({.name = "JSON_QUERY", .signature = "JSON_QUERY(STRING, path) -> STRING",
                .doc = "The object or array that a path leads to; NULL if there is none.",
                .examples = {{"JSON_QUERY('{\"a\": {\"b\": 1}}', '$.a')", "{\"b\":1}"}},
                .bind = BindNullableText, .eval = EvalQuery, .may_fail = true});
  registry.Add({.name = "JSON_EXISTS", .signature = "JSON_EXISTS(STRING, path) -> BOOLEAN",
                .doc = "Whether a path leads anywhere.",
                .examples = {{"JSON_EXISTS('{\"a\": 1}', '$.b')", "FALSE"}},
                .bind = Fixed({kString, kString}, SqlType::Boolean()), .eval = EvalExists,
                .may_fail = true});
  AddIsJson(registry, "", JsonShape::kAny);
  AddIsJson(registry, " VALUE", JsonShape::kAny);
  AddIsJson(registry, " OBJECT", JsonShape::kObject);
  AddIsJson(registry, " ARRAY", JsonShape::kArray);
  AddIsJson(registry, " SCALAR", JsonShape::kScalar);
}

}  // namespace millrace
