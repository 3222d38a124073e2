#include "sql/literal_text.h"

namespace millrace {

bool ReadDigits(std::string_view text, size_t& position, size_t least, size_t most,
                int64_t& value) {
  const size_t start = position;
  value = 0;
  while (position < text.size() && position - start < most && text[position] >= '0' &&
         text[position] <= '9') {
    value = value * 10 + (text[position++] - '0');
  }
  return position - start >= least;
}

bool ReadChar(std::string_view text, size_t& position, char wanted) {
  if (position >= text.size() || text[position] != wanted) return false;
  ++position;
  return true;
}

namespace {

int64_t DaysInMonth(int64_t year, int64_t month) {
  if (month == 2) return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 29 : 28;
  return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

// Reads 2024-01-31.
bool ReadDate(std::string_view text, size_t& position) {
  int64_t year = 0;
  int64_t month = 0;
  int64_t day = 0;
  return ReadDigits(text, position, 4, 4, year) && ReadChar(text, position, '-') &&
         ReadDigits(text, position, 1, 2, month) && ReadChar(text, position, '-') &&
         ReadDigits(text, position, 1, 2, day) && month >= 1 && month <= 12 && day >= 1 &&
         day <= DaysInMonth(year, month);
}

// Reads 23:59:59.123 and counts the fraction's digits.
bool ReadTime(std::string_view text, size_t& position, int& fraction_digits) {
  int64_t hour = 0;
  int64_t minute = 0;
  int64_t second = 0;
  int64_t fraction = 0;
  if (!ReadDigits(text, position, 1, 2, hour) || !ReadChar(text, position, ':') ||
      !ReadDigits(text, position, 2, 2, minute) || !ReadChar(text, position, ':') ||
      !ReadDigits(text, position, 2, 2, second) || hour > 23 || minute > 59 || second > 59) {
    return false;
  }
  if (!ReadChar(text, position, '.')) return true;
  const size_t start = position;
  if (!ReadDigits(text, position, 1, kMaxFractionDigits, fraction)) return false;
  fraction_digits = static_cast<int>(position - start);
  return true;
}

}  // namespace

bool IsTimeLiteral(TypeKind kind, std::string_view text, int& fraction_digits) {
  size_t position = 0;
  if (kind != TypeKind::kTime && !ReadDate(text, position)) return false;
  if (kind == TypeKind::kTimestamp && !ReadChar(text, position, ' ')) return false;
  if (kind != TypeKind::kDate && !ReadTime(text, position, fraction_digits)) return false;
  return position == text.size();
}

namespace {

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

void AppendUtf8(uint32_t code, std::string& text) {
  const auto byte = [&](uint32_t bits) { text += static_cast<char>(bits); };
  if (code < 0x80) {
    byte(code);
  } else if (code < 0x800) {
    byte(0xC0 | (code >> 6));
    byte(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    byte(0xE0 | (code >> 12));
    byte(0x80 | ((code >> 6) & 0x3F));
    byte(0x80 | (code & 0x3F));
  } else {
    byte(0xF0 | (code >> 18));
    byte(0x80 | ((code >> 12) & 0x3F));
    byte(0x80 | ((code >> 6) & 0x3F));
    byte(0x80 | (code & 0x3F));
  }
}

// Reads the four hex digits of an escape at `position`.
bool ReadCodeUnit(std::string_view text, size_t& position, uint32_t& unit) {
  if (position + 4 > text.size()) return false;
  unit = 0;
  for (int i = 0; i < 4; ++i) {
    const int digit = HexDigit(text[position++]);
    if (digit < 0) return false;
    unit = unit * 16 + static_cast<uint32_t>(digit);
  }
  return true;
}

}  // namespace

bool DecodeUnicode(std::string_view text, char escape, std::string& decoded) {
  for (size_t i = 0; i < text.size();) {
    if (text[i] != escape) {
      decoded += text[i++];
      continue;
    }
    ++i;
    if (ReadChar(text, i, escape)) {
      decoded += escape;
      continue;
    }
    uint32_t code = 0;
    if (!ReadCodeUnit(text, i, code)) return false;
    if (code >= 0xDC00 && code <= 0xDFFF) return false;
    if (code >= 0xD800 && code <= 0xDBFF) {
      uint32_t low = 0;
      if (!ReadChar(text, i, escape) || !ReadCodeUnit(text, i, low)) return false;
      if (low < 0xDC00 || low > 0xDFFF) return false;
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    AppendUtf8(code, decoded);
  }
  return true;
}

}  // namespace millrace
