// Pieces of JSON text, cut out without being read: what is in them is for others to check.
#pragma once

#include <string_view>

namespace millrace {

// The first place at or behind `at` that is no white space.
inline size_t SkipJsonSpace(std::string_view text, size_t at) {
  while (at < text.size() && (text[at] == ' ' || text[at] == '\t' || text[at] == '\r' ||
                              text[at] == '\n')) {
    ++at;
  }
  return at;
}

// Behind the string whose opening quote is at `at`; npos if it does not end.
inline size_t JsonStringEnd(std::string_view text, size_t at) {
  for (++at; at < text.size(); ++at) {
    if (text[at] == '\\') {
      ++at;
    } else if (text[at] == '"') {
      return at + 1;
    }
  }
  return text.npos;
}

// Behind the value that starts at `at`; npos if it does not end.
inline size_t JsonValueEnd(std::string_view text, size_t at) {
  if (at >= text.size()) return text.npos;
  if (text[at] == '"') return JsonStringEnd(text, at);
  if (text[at] != '{' && text[at] != '[') {
    const size_t end = text.find_first_of(",}] \t\r\n", at);
    return end == text.npos ? text.size() : end;
  }
  size_t depth = 0;
  while (at < text.size()) {
    const char c = text[at];
    if (c == '"') {
      at = JsonStringEnd(text, at);
      continue;
    }
    if (c == '{' || c == '[') ++depth;
    ++at;
    if ((c == '}' || c == ']') && --depth == 0) return at;
  }
  return text.npos;
}

// Calls visit(key, value) for each member of the object that `text` is, both as they stand there,
// the key without its quotes. False if the text is no such object.
template <typename Visit>
bool ForEachJsonMember(std::string_view text, const Visit& visit) {
  size_t at = SkipJsonSpace(text, 0);
  if (at >= text.size() || text[at] != '{') return false;
  at = SkipJsonSpace(text, at + 1);
  if (at < text.size() && text[at] == '}') return SkipJsonSpace(text, at + 1) == text.size();
  while (at < text.size() && text[at] == '"') {
    const size_t key_end = JsonStringEnd(text, at);
    if (key_end == text.npos) return false;
    const std::string_view key = text.substr(at + 1, key_end - at - 2);
    at = SkipJsonSpace(text, key_end);
    if (at >= text.size() || text[at] != ':') return false;
    at = SkipJsonSpace(text, at + 1);
    const size_t end = JsonValueEnd(text, at);
    if (end == text.npos || end == at) return false;
    visit(key, text.substr(at, end - at));
    at = SkipJsonSpace(text, end);
    if (at >= text.size()) return false;
    if (text[at] == '}') return SkipJsonSpace(text, at + 1) == text.size();
    if (text[at] != ',') return false;
    at = SkipJsonSpace(text, at + 1);
  }
  return false;
}

}  // namespace millrace
