#include "functions/like.h"

#include <cstring>

#include "functions/utf8.h"

namespace millrace {
namespace {

constexpr size_t kNoMatch = std::string_view::npos;

bool Contains(std::string_view text, std::string_view needle) {
  return needle.empty() || ::memmem(text.data(), text.size(), needle.data(), needle.size()) != nullptr;
}

size_t CharLength(std::string_view text) {
  size_t at = 0;
  ReadChar(text, &at);
  return at;
}

}  // namespace

Result<LikePattern> LikePattern::Make(std::string_view pattern, std::string_view escape) {
  if (escape.size() > 1) return UserError("ESCAPE '{}' is longer than one character", escape);
  // Without an ESCAPE it is the backslash, and only where it stands before something special.
  const char escape_char = escape.empty() ? '\\' : escape[0];
  LikePattern result;
  result.parts_.emplace_back();
  for (size_t i = 0; i < pattern.size(); ++i) {
    char c = pattern[i];
    Part& part = result.parts_.back();
    const char next = i + 1 < pattern.size() ? pattern[i + 1] : '\0';
    const bool special = next == '%' || next == '_' || (next != '\0' && next == escape_char);
    const bool escaped = c == escape_char && (special || !escape.empty());
    if (escaped && !special) {
      return UserError("LIKE pattern '{}': the escape '{}' stands before neither %, _ nor itself",
                       pattern, escape);
    }
    if (escaped) c = pattern[++i];
    if (!escaped && c == '%') {
      result.parts_.emplace_back();
      continue;
    }
    const bool any = !escaped && c == '_';
    part.text.push_back(c);
    part.any.push_back(any);
    part.has_any = part.has_any || any;
  }
  result.ChooseShape();
  return result;
}

void LikePattern::ChooseShape() {
  for (const Part& part : parts_) {
    if (part.has_any) return;
  }
  if (parts_.size() == 1) shape_ = Shape::kEqual;
  if (parts_.size() == 2 && parts_[1].text.empty()) shape_ = Shape::kPrefix;
  if (parts_.size() == 2 && parts_[0].text.empty()) shape_ = Shape::kSuffix;
  if (parts_.size() == 3 && parts_[0].text.empty() && parts_[2].text.empty()) {
    shape_ = Shape::kContains;
  }
}

bool LikePattern::Matches(std::string_view text) const {
  switch (shape_) {
    case Shape::kEqual: return text == parts_[0].text;
    case Shape::kPrefix: return text.starts_with(parts_[0].text);
    case Shape::kSuffix: return text.ends_with(parts_[1].text);
    case Shape::kContains: return Contains(text, parts_[1].text);
    case Shape::kParts: return MatchesParts(text);
  }
  return false;
}

size_t LikePattern::MatchPart(const Part& part, std::string_view text) {
  if (!part.has_any) return text.starts_with(part.text) ? part.text.size() : kNoMatch;
  size_t at = 0;
  for (size_t i = 0; i < part.text.size(); ++i) {
    if (at >= text.size()) return kNoMatch;
    if (part.any[i]) {
      at += CharLength(text.substr(at));
    } else if (text[at++] != part.text[i]) {
      return kNoMatch;
    }
  }
  return at;
}

size_t LikePattern::FindPart(const Part& part, std::string_view text, size_t from, size_t* length) {
  if (!part.has_any) {
    *length = part.text.size();
    return text.find(part.text, from);
  }
  for (size_t at = from; at <= text.size(); ++at) {
    if (at < text.size() && IsContinuationByte(text[at])) continue;
    *length = MatchPart(part, text.substr(at));
    if (*length != kNoMatch) return at;
  }
  return kNoMatch;
}

// The first part is anchored at the beginning, the last at the end; those between are found leftmost,
// which leaves the most room for the others.
bool LikePattern::MatchesParts(std::string_view text) const {
  size_t at = MatchPart(parts_.front(), text);
  if (at == kNoMatch) return false;
  if (parts_.size() == 1) return at == text.size();
  for (size_t i = 1; i + 1 < parts_.size(); ++i) {
    size_t length = 0;
    const size_t found = FindPart(parts_[i], text, at, &length);
    if (found == kNoMatch) return false;
    at = found + length;
  }
  const Part& last = parts_.back();
  if (!last.has_any) return text.size() - at >= last.text.size() && text.ends_with(last.text);
  for (; at <= text.size(); ++at) {
    if (at < text.size() && IsContinuationByte(text[at])) continue;
    if (MatchPart(last, text.substr(at)) == text.size() - at) return true;
  }
  return false;
}

}  // namespace millrace
