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

std::string RegexOfSimilar(std::string_view pattern, std::string_view escape) {
  std::string regex = "\\A(?s:";
  for (size_t i = 0; i < pattern.size(); ++i) {
    char c = pattern[i];
    const bool escaped = !escape.empty() && c == escape[0] && i + 1 < pattern.size();
    if (escaped) c = pattern[++i];
    if (!escaped && c == '%') {
      regex += ".*";
    } else if (!escaped && c == '_') {
      regex += '.';
    } else {
      const std::string_view literal = escaped ? "\\.^$|?*+()[]{}-" : "\\.^$";
      if (literal.find(c) != std::string_view::npos) regex += '\\';
      regex += c;
    }
  }
  // A caret negates a class only right after its bracket: that one keeps its meaning.
  for (size_t at; (at = regex.find("[\\^")) != std::string::npos;) regex.erase(at + 1, 1);
  return regex + ")\\z";
}

}  // namespace millrace
