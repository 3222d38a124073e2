// A PCRE2 pattern, compiled to machine code, whose named groups are columns. Groups that nobody
// wants are turned into groups that capture nothing.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

struct pcre2_real_code_8;
struct pcre2_real_match_data_8;
struct pcre2_real_match_context_8;
struct pcre2_real_jit_stack_8;

namespace millrace {

// `pattern` with "(?<name>" replaced by "(?:" for every name that is not in `wanted`; unchanged if
// it refers back to groups.
std::string WithoutUnusedGroups(const std::string& pattern, const std::vector<std::string>& wanted);

class RegexPattern {
 public:
  // `groups`: the names whose text Match gives, in this order. Each must be in the pattern. `utf8`:
  // characters are UTF-8 and the texts are valid; otherwise they are bytes.
  static Result<std::unique_ptr<RegexPattern>> Make(const std::string& pattern,
                                                    const std::vector<std::string>& groups,
                                                    bool utf8);
  ~RegexPattern();
  RegexPattern(const RegexPattern&) = delete;
  RegexPattern& operator=(const RegexPattern&) = delete;

  enum class Outcome { kMatch, kNoMatch, kTooHard };
  // Looks for the pattern in `text`.
  Outcome Match(std::string_view text);
  // The text of the i-th group of the last match; its data() is null if the group took no part.
  std::string_view group(size_t i) const;

 private:
  RegexPattern() = default;
  Status FindGroups(const std::vector<std::string>& groups);

  pcre2_real_code_8* code_ = nullptr;
  pcre2_real_match_data_8* match_ = nullptr;
  pcre2_real_match_context_8* context_ = nullptr;
  pcre2_real_jit_stack_8* stack_ = nullptr;
  bool jit_ = false;
  const size_t* offsets_ = nullptr;  // of the last match
  std::string_view text_;            // of the last match
  std::vector<size_t> groups_;       // numbers
};

}  // namespace millrace
