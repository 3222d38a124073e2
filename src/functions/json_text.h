// JSON as text: finding values in it and writing it the way Flink does. A value is the slice of the
// document that it stands in, so that numbers keep their digits.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace millrace {

enum class JsonKind { kNull, kBoolean, kNumber, kString, kArray, kObject };

// Kind of a slice that is a value of a valid document.
JsonKind JsonKindOf(std::string_view value);

// Calls visit(name, value) for the members of an object until it answers false; `name` is escaped
// and
// without quotes. The object must be a value of a valid document.
template <typename Visit>
void ForEachMember(std::string_view object, Visit visit);
// Calls visit(value) for the elements of an array until it answers false.
template <typename Visit>
void ForEachElement(std::string_view array, Visit visit);

// Appends the text that an escaped JSON string stands for; false, with `out` as it was, if an
// escape is bad.
bool AppendUnescaped(std::string_view escaped, std::string* out);
// Appends the text in quotes; only quotes, backslashes and control characters are escaped.
void AppendJsonString(std::string_view text, std::string* out);
// Appends a number as Java prints it: "1e5" is 1E+5, other forms stay as they are.
void AppendJsonNumber(std::string_view number, std::string* out);
// Appends a value without blanks and with the members of objects sorted by name; of equal names
// the last
// one counts.
void AppendCanonicalJson(std::string_view value, std::string* out);

namespace json_text {

// Position of the first character at or after `at` that is no blank.
size_t SkipBlank(std::string_view text, size_t at);
// Position behind the value or string that begins at `at`.
size_t SkipValue(std::string_view text, size_t at);
size_t SkipString(std::string_view text, size_t at);

}  // namespace json_text

template <typename Visit>
void ForEachMember(std::string_view object, Visit visit) {
  using json_text::SkipBlank;
  size_t at = SkipBlank(object, 1);
  while (at < object.size() && object[at] == '"') {
    const size_t name_end = json_text::SkipString(object, at);
    const size_t value = SkipBlank(object, SkipBlank(object, name_end) + 1);
    const size_t end = json_text::SkipValue(object, value);
    if (!visit(object.substr(at + 1, name_end - at - 2), object.substr(value, end - value))) return;
    at = SkipBlank(object, SkipBlank(object, end) + 1);  // behind the comma
  }
}

template <typename Visit>
void ForEachElement(std::string_view array, Visit visit) {
  using json_text::SkipBlank;
  size_t at = SkipBlank(array, 1);
  while (at < array.size() && array[at] != ']') {
    const size_t end = json_text::SkipValue(array, at);
    if (!visit(array.substr(at, end - at))) return;
    at = SkipBlank(array, SkipBlank(array, end) + 1);
  }
}

}  // namespace millrace
