#include "functions/utf8.h"

#include <cstring>

namespace millrace {

bool IsAscii(std::string_view text) {
  size_t i = 0;
  for (; i + 8 <= text.size(); i += 8) {
    uint64_t word;
    std::memcpy(&word, text.data() + i, sizeof(word));
    if (word & 0x8080808080808080u) return false;
  }
  for (; i < text.size(); ++i) {
    if (text[i] & 0x80) return false;
  }
  return true;
}

size_t CountChars(std::string_view text) {
  size_t count = 0;
  for (char c : text) count += IsContinuationByte(c) ? 0 : 1;
  return count;
}

size_t OffsetOfChar(std::string_view text, size_t index) {
  if (index >= text.size()) return text.size();
  if (IsAscii(text.substr(0, index + 1))) return index;
  size_t at = 0;
  for (; at < text.size(); ++at) {
    if (IsContinuationByte(text[at])) continue;
    if (index == 0) return at;
    --index;
  }
  return at;
}

char32_t ReadChar(std::string_view text, size_t* at) {
  constexpr char32_t kReplacement = 0xFFFD;
  const auto first = static_cast<unsigned char>(text[(*at)++]);
  if (first < 0x80) return first;
  const size_t more = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : first >= 0xC0 ? 1 : 0;
  if (more == 0 || *at + more > text.size()) return kReplacement;
  char32_t c = first & (0x3Fu >> more);
  for (size_t i = 0; i < more; ++i) {
    const char next = text[*at + i];
    if (!IsContinuationByte(next)) return kReplacement;
    c = (c << 6) | (static_cast<unsigned char>(next) & 0x3Fu);
  }
  *at += more;
  return c;
}

void AppendChar(char32_t c, std::string* out) {
  const auto push = [out](char32_t byte) { out->push_back(static_cast<char>(byte)); };
  if (c < 0x80) {
    push(c);
  } else if (c < 0x800) {
    push(0xC0 | (c >> 6));
    push(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    push(0xE0 | (c >> 12));
    push(0x80 | ((c >> 6) & 0x3F));
    push(0x80 | (c & 0x3F));
  } else {
    push(0xF0 | (c >> 18));
    push(0x80 | ((c >> 12) & 0x3F));
    push(0x80 | ((c >> 6) & 0x3F));
    push(0x80 | (c & 0x3F));
  }
}

}  // namespace millrace
