#include "formats/json_text.h"

#include <cstring>

namespace millrace {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// The value of four hexadecimal digits, or -1.
int HexDigits(const char* p) {
  int value = 0;
  for (int i = 0; i < 4; ++i) {
    const char c = p[i];
    int digit = -1;
    if (c >= '0' && c <= '9') digit = c - '0';
    if (c >= 'a' && c <= 'f') digit = c - 'a' + 10;
    if (c >= 'A' && c <= 'F') digit = c - 'A' + 10;
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

char* WriteUtf8(uint32_t code, char* to) {
  const auto put = [&to](uint32_t byte) { *to++ = static_cast<char>(byte); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | code >> 6);
    put(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    put(0xE0 | code >> 12);
    put(0x80 | (code >> 6 & 0x3F));
    put(0x80 | (code & 0x3F));
  } else {
    put(0xF0 | code >> 18);
    put(0x80 | (code >> 12 & 0x3F));
    put(0x80 | (code >> 6 & 0x3F));
    put(0x80 | (code & 0x3F));
  }
  return to;
}

// Reads what follows "\u"; half a surrogate pair becomes U+FFFD. Null: not four digits.
const char* ReadUnicode(const char* p, const char* end, uint32_t* code) {
  constexpr uint32_t kReplacement = 0xFFFD;
  if (end - p < 4) return nullptr;
  const int high = HexDigits(p);
  if (high < 0) return nullptr;
  p += 4;
  *code = static_cast<uint32_t>(high);
  if (high < 0xD800 || high > 0xDFFF) return p;
  *code = kReplacement;
  if (high > 0xDBFF || end - p < 6 || p[0] != '\\' || p[1] != 'u') return p;
  const int low = HexDigits(p + 2);
  if (low < 0xDC00 || low > 0xDFFF) return p;
  *code =
      0x10000 + (static_cast<uint32_t>(high - 0xD800) << 10) + static_cast<uint32_t>(low - 0xDC00);
  return p + 6;
}

char SimpleEscape(char c) {
  switch (c) {
    case '"':
      return '"';
    case '\\':
      return '\\';
    case '/':
      return '/';
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return 0;
  }
}

size_t CountDigits(const char* p) {
  size_t count = 0;
  while (IsDigit(p[count])) ++count;
  return count;
}

}  // namespace

char* UnescapeJson(std::string_view text, char* to) {
  const char* p = text.data();
  const char* end = p + text.size();
  while (p < end) {
    const auto* slash =
        static_cast<const char*>(std::memchr(p, '\\', static_cast<size_t>(end - p)));
    const auto plain = static_cast<size_t>((slash ? slash : end) - p);
    std::memmove(to, p, plain);
    to += plain;
    if (!slash) return to;
    p = slash + 1;
    if (p == end) return nullptr;
    if (*p == 'u') {
      uint32_t code = 0;
      p = ReadUnicode(p + 1, end, &code);
      if (!p) return nullptr;
      to = WriteUtf8(code, to);
    } else {
      const char c = SimpleEscape(*p++);
      if (c == 0) return nullptr;
      *to++ = c;
    }
  }
  return to;
}

size_t JsonNumberLength(const char* text) {
  const char* p = text;
  if (*p == '-') ++p;
  const size_t whole = CountDigits(p);
  if (whole == 0 || (whole > 1 && *p == '0')) return 0;
  p += whole;
  if (*p == '.') {
    const size_t fraction = CountDigits(p + 1);
    if (fraction == 0) return 0;
    p += 1 + fraction;
  }
  if (*p == 'e' || *p == 'E') {
    ++p;
    if (*p == '+' || *p == '-') ++p;
    const size_t exponent = CountDigits(p);
    if (exponent == 0) return 0;
    p += exponent;
  }
  return static_cast<size_t>(p - text);
}

std::string CompactJson(std::string_view text) {
  std::string out;
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted && c == '\\' && i + 1 < text.size()) {
      out += c;
      out += text[++i];
      continue;
    }
    if (c == '"') quoted = !quoted;
    const bool space = c == ' ' || c == '\t' || c == '\r' || c == '\n';
    if (quoted || !space) out += c;
  }
  return out;
}

KeyFinder::KeyFinder(const std::vector<std::string>& columns) : columns_(columns), keys_(1) {}

int KeyFinder::ColumnOf(std::string_view raw) const {
  std::string key(raw);
  if (raw.find('\\') != std::string_view::npos) {
    const char* end = UnescapeJson(raw, key.data());
    if (!end) return -1;
    key.resize(static_cast<size_t>(end - key.data()));
  }
  for (size_t i = 0; i < columns_.size(); ++i) {
    if (columns_[i] == key) return static_cast<int>(i);
  }
  return -1;
}

int KeyFinder::Find(const char* quote, const char* limit, size_t* previous) {
  for (size_t i = 1; i < keys_.size(); ++i) {
    if (!keys_[i].Matches(quote, keys_[i].quoted)) continue;
    keys_[*previous].next = static_cast<uint32_t>(i);
    *previous = i;
    return keys_[i].column;
  }
  const char* key = quote + 1;
  const char* end = limit;  // of white space before the colon, then the quote
  while (end > key && *(end - 1) != '"') --end;
  if (end > key) --end;
  const auto length = static_cast<size_t>(end - key);
  const int column = ColumnOf({key, length});
  const bool escaped = std::memchr(key, '\\', length) != nullptr;
  const size_t whole = length + 3;  // with quotes and colon
  if (whole >= kInline || escaped || keys_.size() >= kMostKeys) return column;
  Key known;
  std::memcpy(known.bytes, quote, length + 2);
  known.bytes[length + 2] = ':';
  known.mask = (1U << whole) - 1;
  known.quoted = known.mask >> 1;
  known.column = column;
  keys_.push_back(known);
  *previous = keys_[*previous].next = static_cast<uint32_t>(keys_.size() - 1);
  return column;
}

}  // namespace millrace
