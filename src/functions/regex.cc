#include "functions/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <unordered_map>

namespace millrace {
namespace {

constexpr uint32_t kMatchLimit = 10'000'000;
constexpr size_t kCachedPatterns = 64;
constexpr size_t kJitStackStart = 32 * 1024, kJitStackMost = 1024 * 1024;

std::string PcreMessage(int code) {
  PCRE2_UCHAR buffer[256];
  pcre2_get_error_message(code, buffer, sizeof(buffer));
  return reinterpret_cast<const char*>(buffer);
}

}  // namespace

struct Regex::Parts {
  pcre2_code* code = nullptr;
  pcre2_match_data* match = nullptr;
  pcre2_match_context* context = nullptr;
  pcre2_jit_stack* stack = nullptr;

  ~Parts() {
    pcre2_jit_stack_free(stack);
    pcre2_match_context_free(context);
    pcre2_match_data_free(match);
    pcre2_code_free(code);
  }
};

Regex::Regex(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {
  uint32_t count = 0;
  pcre2_pattern_info(parts_->code, PCRE2_INFO_CAPTURECOUNT, &count);
  groups_ = static_cast<int>(count);
}

Regex::~Regex() = default;

Result<std::shared_ptr<Regex>> Regex::Compile(const std::string& pattern) {
  int error = 0;
  PCRE2_SIZE at = 0;
  auto parts = std::make_unique<Parts>();
  parts->code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                              PCRE2_UTF | PCRE2_MATCH_INVALID_UTF, &error, &at, nullptr);
  if (parts->code == nullptr) {
    return UserError("bad regular expression '{}' at character {}: {}", pattern, at + 1,
                     PcreMessage(error));
  }
  pcre2_jit_compile(parts->code, PCRE2_JIT_COMPLETE);
  parts->match = pcre2_match_data_create_from_pattern(parts->code, nullptr);
  parts->context = pcre2_match_context_create(nullptr);
  parts->stack = pcre2_jit_stack_create(kJitStackStart, kJitStackMost, nullptr);
  pcre2_set_match_limit(parts->context, kMatchLimit);
  pcre2_jit_stack_assign(parts->context, nullptr, parts->stack);
  return std::shared_ptr<Regex>(new Regex(std::move(parts)));
}

Result<std::shared_ptr<Regex>> Regex::Get(std::string_view pattern) {
  thread_local std::unordered_map<std::string, std::shared_ptr<Regex>> cache;
  std::string key(pattern);
  if (const auto found = cache.find(key); found != cache.end()) return found->second;
  MILL_ASSIGN(auto regex, Compile(key));
  if (cache.size() >= kCachedPatterns) cache.clear();
  cache.emplace(std::move(key), regex);
  return regex;
}

Result<bool> Regex::Find(std::string_view text, size_t from) {
  const int result = pcre2_match(parts_->code, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(),
                                 from, 0, parts_->match, parts_->context);
  matched_groups_ = result > 0 ? result : 0;
  if (result >= 0) return true;
  if (result == PCRE2_ERROR_NOMATCH) return false;
  return UserError("regular expression gave up on a text of {} bytes: {}", text.size(),
                   PcreMessage(result));
}

bool Regex::HasGroup(int group) const {
  return group < matched_groups_ &&
         pcre2_get_ovector_pointer(parts_->match)[2 * group] != PCRE2_UNSET;
}

size_t Regex::GroupBegin(int group) const {
  return pcre2_get_ovector_pointer(parts_->match)[2 * group];
}

size_t Regex::GroupEnd(int group) const {
  return pcre2_get_ovector_pointer(parts_->match)[2 * group + 1];
}

namespace {

// Copies a bracketed class of SIMILAR TO from *at, where its '[' is, and moves behind its ']'. Only the
// names of classes, as [:ALPHA:], are spelt differently.
void CopyClass(std::string_view pattern, size_t* at, std::string* regex) {
  const size_t end = pattern.size();
  bool named = false;
  regex->push_back(pattern[(*at)++]);
  for (bool first = true; *at < end; first = false) {
    const char c = pattern[(*at)++];
    if (!named && c == '[' && *at < end && pattern[*at] == ':') named = true;
    const bool closes = c == ']' && !named && !first;
    if (named && c == ']') named = false;
    regex->push_back(named && c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c);
    if (closes) return;
  }
}

}  // namespace

std::string RegexOfSimilar(std::string_view pattern, std::string_view escape) {
  std::string regex = "\\A(?:";
  for (size_t i = 0; i < pattern.size();) {
    const char c = pattern[i];
    if (c == '[') {
      CopyClass(pattern, &i, &regex);
      continue;
    }
    ++i;
    if (!escape.empty() && c == escape[0] && i < pattern.size()) {
      if (static_cast<unsigned char>(pattern[i]) < 128) regex += '\\';
      regex += pattern[i++];
    } else if (c == '%') {
      regex += "(?s:.*)";
    } else if (c == '_') {
      regex += "(?s:.)";
    } else {
      regex += c;
    }
  }
  return regex + ")\\z";
}

}  // namespace millrace
