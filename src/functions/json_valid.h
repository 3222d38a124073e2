// Whether a text is JSON, as RFC 8259 has it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace millrace {

// True if the text is one JSON value, of at most 1,000 levels, with nothing but blanks around it.
bool IsValidJson(std::string_view text);

// A step of a path: to the member of a name, of equal names the last, or to the element of a number from 0.
struct JsonStep {
  std::string name;
  int64_t index = -1;  // -1: by name
};

// As IsValidJson, and in the same pass sets `found` to the value that the steps lead to, empty if there is
// none.
bool FindInJson(std::string_view text, std::span<const JsonStep> steps,
                std::optional<std::string_view>* found);

// Whether a member's name, as it is escaped in the text, is the plain one.
bool IsJsonName(std::string_view escaped, const std::string& plain);

}  // namespace millrace
