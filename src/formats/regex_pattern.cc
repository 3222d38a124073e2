#include "formats/regex_pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>

namespace millrace {
namespace {

// A pattern that backtracks this often for one line is given up.
constexpr uint32_t kMatchLimit = 1000000;

bool RefersBack(const std::string& pattern) {
  for (const char* reference : {"\\k", "\\g", "(?P=", "(?P>", "(?&", "(?(", "(?R", "(?+", "(?-1"}) {
    if (pattern.find(reference) != std::string::npos) return true;
  }
  for (char digit = '0'; digit <= '9'; ++digit) {
    if (pattern.find(std::string("(?") + digit) != std::string::npos) return true;
    if (pattern.find(std::string("\\") + digit) != std::string::npos) return true;
  }
  return false;
}

// If a named group opens at `at`, its name and the length of "(?<name>".
bool NamedGroupAt(const std::string& pattern, size_t at, std::string* name, size_t* length) {
  const std::string_view rest = std::string_view(pattern).substr(at);
  size_t start = 0;
  char close = '>';
  if (rest.starts_with("(?P<")) {
    start = 4;
  } else if (rest.starts_with("(?<") && !rest.starts_with("(?<=") && !rest.starts_with("(?<!")) {
    start = 3;
  } else if (rest.starts_with("(?'")) {
    start = 3;
    close = '\'';
  }
  const size_t end = start == 0 ? std::string_view::npos : rest.find(close, start);
  if (end == std::string_view::npos) return false;
  *name = rest.substr(start, end - start);
  *length = end + 1;
  return true;
}

}  // namespace

std::string WithoutUnusedGroups(const std::string& pattern,
                                const std::vector<std::string>& wanted) {
  if (RefersBack(pattern)) return pattern;
  std::string out;
  bool in_class = false;
  for (size_t i = 0; i < pattern.size(); ++i) {
    std::string name;
    size_t length = 0;
    if (pattern[i] == '\\') {
      out += pattern.substr(i, 2);
      ++i;
    } else if (!in_class && NamedGroupAt(pattern, i, &name, &length)) {
      const bool used = std::find(wanted.begin(), wanted.end(), name) != wanted.end();
      out += used ? pattern.substr(i, length) : "(?:";
      i += length - 1;
    } else {
      if (pattern[i] == '[') in_class = true;
      if (pattern[i] == ']') in_class = false;
      out += pattern[i];
    }
  }
  return out;
}

Result<std::unique_ptr<RegexPattern>> RegexPattern::Make(const std::string& pattern,
                                                         const std::vector<std::string>& groups,
                                                         bool utf8) {
  std::unique_ptr<RegexPattern> made(new RegexPattern);
  int error = 0;
  PCRE2_SIZE offset = 0;
  const std::string reduced = WithoutUnusedGroups(pattern, groups);
  made->code_ = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(reduced.data()), reduced.size(),
                              utf8 ? PCRE2_UTF : 0, &error, &offset, nullptr);
  if (!made->code_) {
    char message[256] = {};
    pcre2_get_error_message(error, reinterpret_cast<PCRE2_UCHAR*>(message), sizeof message);
    return UserError("option 'regex.pattern': {} near \"{}\"", message,
                     reduced.substr(std::min<size_t>(offset, reduced.size()), 30));
  }
  constexpr size_t kStackStart = 32 << 10, kStackMost = 1 << 20;
  made->jit_ = pcre2_jit_compile(made->code_, PCRE2_JIT_COMPLETE) == 0;
  made->match_ = pcre2_match_data_create_from_pattern(made->code_, nullptr);
  made->context_ = pcre2_match_context_create(nullptr);
  made->stack_ = pcre2_jit_stack_create(kStackStart, kStackMost, nullptr);
  if (!made->match_ || !made->context_ || !made->stack_) {
    return Status::OutOfMemory("no memory for a regular expression");
  }
  pcre2_set_match_limit(made->context_, kMatchLimit);
  pcre2_jit_stack_assign(made->context_, nullptr, made->stack_);
  made->offsets_ = pcre2_get_ovector_pointer(made->match_);
  MILL_RETURN(made->FindGroups(groups));
  return made;
}

Status RegexPattern::FindGroups(const std::vector<std::string>& groups) {
  for (const std::string& name : groups) {
    const int number =
        pcre2_substring_number_from_name(code_, reinterpret_cast<PCRE2_SPTR>(name.c_str()));
    if (number <= 0) {
      return UserError("option 'regex.pattern' has no group (?<{}>...) for column '{}'", name,
                       name);
    }
    groups_.push_back(static_cast<size_t>(number));
  }
  return Status::OK();
}

RegexPattern::~RegexPattern() {
  pcre2_match_data_free(match_);
  pcre2_match_context_free(context_);
  pcre2_jit_stack_free(stack_);
  pcre2_code_free(code_);
}

RegexPattern::Outcome RegexPattern::Match(std::string_view text) {
  const auto* subject = reinterpret_cast<PCRE2_SPTR>(text.data());
  const int count =
      jit_ ? pcre2_jit_match(code_, subject, text.size(), 0, 0, match_, context_)
           : pcre2_match(code_, subject, text.size(), 0, PCRE2_NO_UTF_CHECK, match_, context_);
  text_ = text;
  if (count > 0) return Outcome::kMatch;
  return count == PCRE2_ERROR_NOMATCH ? Outcome::kNoMatch : Outcome::kTooHard;
}

std::string_view RegexPattern::group(size_t i) const {
  const size_t start = offsets_[2 * groups_[i]];
  const size_t end = offsets_[2 * groups_[i] + 1];
  if (start == PCRE2_UNSET || end < start) return {};
  return {text_.data() + start, end - start};
}

}  // namespace millrace
