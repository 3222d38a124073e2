// JSON paths: "$.name", "$['a name']", "$.items[0]", "$.items[-1]", "$.items[*].id",
// "$.items[0:2]",
// "$..id"; "lax " or "strict " may stand in front.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "functions/json_valid.h"

namespace millrace {

class JsonPath {
 public:
  static Result<JsonPath> Parse(std::string_view text);

  // Without a mode a path is strict, as in Flink: what is missing is an error, not empty.
  bool lax() const { return lax_; }
  // A path without '*', '..' and slices leads to one value at most.
  bool definite() const { return definite_; }
  // The value that a definite path leads to, in a valid document.
  std::optional<std::string_view> Find(std::string_view document) const;
  // The same for a text that may be no JSON: false then. Looks at most texts once only.
  bool FindIn(std::string_view document, std::optional<std::string_view>* found) const;
  // The values that any path leads to. False if a step before the first '*' is missing.
  bool FindAll(std::string_view document, std::vector<std::string_view>* values) const;

 private:
  enum class Kind { kName, kIndex, kAll, kSlice, kDeep };
  struct Step {
    Kind kind = Kind::kName;
    std::string name;                  // kName
    int64_t index = 0, end = 0;        // kIndex; kSlice: [index, end)
  };
  using Values = std::vector<std::string_view>;

  bool ParseSteps(std::string_view rest);
  bool ParseBracket(std::string_view* rest);
  bool ParseSlice(std::string_view inside, size_t colon);
  static std::optional<std::string_view> Follow(const Step& step, std::string_view value);
  static void Spread(const Step& step, std::string_view value, Values* values);
  static void Descend(std::string_view value, Values* values);

  std::vector<Step> steps_;
  std::vector<JsonStep> plain_;  // the steps, where all are names and numbers from 0; else fewer
  bool lax_ = false;
  bool definite_ = true;
};

}  // namespace millrace
