#include "functions/json_path.h"

#include <charconv>
#include <limits>

#include "functions/json_text.h"
#include "functions/json_valid.h"

namespace millrace {
namespace {

using View = std::string_view;

bool ReadNumber(View text, int64_t* number) {
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, *number);
  return error == std::errc() && at == end;
}

View Trimmed(View text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

int64_t CountElements(View array) {
  int64_t count = 0;
  ForEachElement(array, [&](View) {
    ++count;
    return true;
  });
  return count;
}

// Takes "lax " or "strict " from the front.
View TakeMode(View text, bool* lax) {
  View rest = Trimmed(text);
  for (const View mode : {View("lax"), View("strict")}) {
    View begin = rest.substr(0, mode.size());
    const bool matches = begin.size() == mode.size() &&
                         std::equal(begin.begin(), begin.end(), mode.begin(),
                                    [](char a, char b) { return (a | 0x20) == b; });
    if (matches && rest.substr(mode.size()).starts_with(' ')) {
      *lax = mode == "lax";
      return Trimmed(rest.substr(mode.size()));
    }
  }
  return rest;
}

}  // namespace

Result<JsonPath> JsonPath::Parse(View text) {
  JsonPath path;
  const View rest = TakeMode(text, &path.lax_);
  if (!rest.starts_with('$') || !path.ParseSteps(rest.substr(1))) {
    return UserError("bad JSON path '{}'. hint: write '$.name', '$.items[0]' or $['a name']", text);
  }
  for (const Step& step : path.steps_) {
    const bool index = step.kind == Kind::kIndex && step.index >= 0;
    if (step.kind == Kind::kName || index) path.plain_.push_back({step.name, index ? step.index : -1});
  }
  return path;
}

bool JsonPath::ParseSteps(View rest) {
  while (!rest.empty()) {
    if (rest[0] == '[') {
      if (!ParseBracket(&rest)) return false;
      continue;
    }
    if (rest[0] != '.') return false;
    rest.remove_prefix(1);
    if (rest.starts_with('.')) {
      rest.remove_prefix(1);
      steps_.push_back({Kind::kDeep, "", 0, 0});
      definite_ = false;
    }
    if (rest.starts_with('[')) continue;  // "$.['name']"
    const size_t end = std::min(rest.find_first_of(".["), rest.size());
    if (end == 0) return false;
    const View name = rest.substr(0, end);
    definite_ = definite_ && name != "*";
    steps_.push_back({name == "*" ? Kind::kAll : Kind::kName, std::string(name), 0, 0});
    rest.remove_prefix(end);
  }
  return steps_.empty() || steps_.back().kind != Kind::kDeep;
}

// "[3]", "['name']", "[*]" or "[1:3]" at the beginning of `rest`.
bool JsonPath::ParseBracket(View* rest) {
  const View start = Trimmed(rest->substr(1));
  const char quote = start.empty() ? '\0' : start[0];
  const bool quoted = quote == '\'' || quote == '"';
  const size_t end = quoted ? rest->find(std::string{quote, ']'}) : rest->find(']');
  if (end == View::npos) return false;
  const View inside = Trimmed(rest->substr(1, end - 1 + (quoted ? 1 : 0)));
  rest->remove_prefix(end + (quoted ? 2 : 1));
  if (quoted) {
    if (inside.size() < 2) return false;
    steps_.push_back({Kind::kName, std::string(inside.substr(1, inside.size() - 2)), 0, 0});
    return true;
  }
  if (inside == "*") {
    steps_.push_back({Kind::kAll, "", 0, 0});
    definite_ = false;
    return true;
  }
  if (const size_t colon = inside.find(':'); colon != View::npos) return ParseSlice(inside, colon);
  Step step{Kind::kIndex, "", 0, 0};
  if (!ReadNumber(inside, &step.index)) return false;
  steps_.push_back(std::move(step));
  return true;
}

bool JsonPath::ParseSlice(View inside, size_t colon) {
  Step step{Kind::kSlice, "", 0, std::numeric_limits<int64_t>::max()};
  const View from = Trimmed(inside.substr(0, colon)), to = Trimmed(inside.substr(colon + 1));
  if (!from.empty() && !ReadNumber(from, &step.index)) return false;
  if (!to.empty() && !ReadNumber(to, &step.end)) return false;
  steps_.push_back(std::move(step));
  definite_ = false;
  return true;
}

std::optional<View> JsonPath::Follow(const Step& step, View value) {
  const JsonKind kind = JsonKindOf(value);
  std::optional<View> found;
  if (step.kind == Kind::kName && kind == JsonKind::kObject) {
    // Of equal names the last one counts.
    ForEachMember(value, [&](View name, View member) {
      if (IsJsonName(name, step.name)) found = member;
      return true;
    });
  }
  if (step.kind == Kind::kIndex && kind == JsonKind::kArray) {
    int64_t left = step.index < 0 ? CountElements(value) + step.index : step.index;
    if (left < 0) return std::nullopt;
    ForEachElement(value, [&](View element) {
      if (left == 0) found = element;
      return left-- > 0;
    });
  }
  return found;
}

// The value itself and everything below it.
void JsonPath::Descend(View value, Values* values) {
  values->push_back(value);
  for (size_t i = values->size() - 1; i < values->size(); ++i) {
    const View one = (*values)[i];
    if (JsonKindOf(one) == JsonKind::kObject) {
      ForEachMember(one, [&](View, View member) { return values->push_back(member), true; });
    } else if (JsonKindOf(one) == JsonKind::kArray) {
      ForEachElement(one, [&](View element) { return values->push_back(element), true; });
    }
  }
}

void JsonPath::Spread(const Step& step, View value, Values* values) {
  if (step.kind == Kind::kDeep) return Descend(value, values);
  const JsonKind kind = JsonKindOf(value);
  if (step.kind == Kind::kAll && kind == JsonKind::kObject) {
    ForEachMember(value, [&](View, View member) { return values->push_back(member), true; });
  }
  if (kind == JsonKind::kArray && (step.kind == Kind::kAll || step.kind == Kind::kSlice)) {
    const bool counts = step.index < 0 || step.end < 0;
    const int64_t length = counts ? CountElements(value) : 0;
    const int64_t from = step.kind == Kind::kAll ? 0 : step.index + (step.index < 0 ? length : 0);
    const int64_t to = step.kind == Kind::kAll ? std::numeric_limits<int64_t>::max()
                                               : step.end + (step.end < 0 ? length : 0);
    int64_t at = 0;
    ForEachElement(value, [&](View element) {
      if (at >= from && at < to) values->push_back(element);
      return ++at < to;
    });
  }
  if (step.kind == Kind::kName || step.kind == Kind::kIndex) {
    if (const auto found = Follow(step, value)) values->push_back(*found);
  }
}

bool JsonPath::FindIn(View document, std::optional<View>* found) const {
  if (plain_.size() == steps_.size()) return FindInJson(document, plain_, found);
  if (!IsValidJson(document)) return false;
  *found = Find(document);
  return true;
}

std::optional<View> JsonPath::Find(View document) const {
  const size_t begin = json_text::SkipBlank(document, 0);
  View value = document.substr(begin, json_text::SkipValue(document, begin) - begin);
  for (const Step& step : steps_) {
    const auto next = Follow(step, value);
    if (!next) return std::nullopt;
    value = *next;
  }
  return value;
}

bool JsonPath::FindAll(View document, Values* values) const {
  const size_t begin = json_text::SkipBlank(document, 0);
  *values = {document.substr(begin, json_text::SkipValue(document, begin) - begin)};
  Values next;
  bool spread = false;
  for (const Step& step : steps_) {
    next.clear();
    for (const View value : *values) Spread(step, value, &next);
    values->swap(next);
    spread = spread || (step.kind != Kind::kName && step.kind != Kind::kIndex);
    if (!spread && values->empty()) return false;
  }
  return true;
}

}  // namespace millrace
