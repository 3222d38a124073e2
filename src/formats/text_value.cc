#include "formats/text_value.h"

#include <immintrin.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <limits>
#include <string>

namespace millrace {
namespace {

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// The value of `count` digits at `p`, or -1.
int Digits(const char* p, int count) {
  int value = 0;
  for (int i = 0; i < count; ++i) {
    if (!IsDigit(p[i])) return -1;
    value = value * 10 + (p[i] - '0');
  }
  return value;
}

// Days since 1970 of a date in the proleptic Gregorian calendar (Howard Hinnant's algorithm).
constexpr int32_t ComputeDays(int year, int month, int day) {
  if (month <= 2) --year;
  const int era = (year >= 0 ? year : year - 399) / 400;
  const int year_of_era = year - era * 400;
  const int day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  const int day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146097 + day_of_era - 719468;
}

constexpr int kFirstYear = 1970, kYears = 130;

// Days since 1970 of the first of each month of these years: what most dates are.
constexpr auto kMonthStarts = [] {
  std::array<int32_t, kYears * 12> days{};
  for (int i = 0; i < kYears * 12; ++i) {
    days[static_cast<size_t>(i)] = ComputeDays(kFirstYear + i / 12, i % 12 + 1, 1);
  }
  return days;
}();

inline int32_t DaysFromCivil(int year, int month, int day) {
  const int years = year - kFirstYear;
  if (years < 0 || years >= kYears) return ComputeDays(year, month, day);
  return kMonthStarts[static_cast<size_t>(years * 12 + month - 1)] + day - 1;
}

int DaysInMonth(int year, int month) {
  constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return month == 2 && leap ? 29 : kDays[month - 1];
}

struct TimeOfDay {
  int32_t seconds = 0;
  int32_t nanos = 0;
};

// Reads [.fraction] from the front of `text`; what follows stays.
bool TakeFraction(std::string_view& text, TimeOfDay* time) {
  if (text.size() < 2 || text[0] != '.') return true;
  if (text.size() == 4) {  // milliseconds, and nothing behind
    const int millis = Digits(text.data() + 1, 3);
    if (millis >= 0) {
      time->nanos = millis * 1000000;
      text.remove_prefix(4);
      return true;
    }
  }
  constexpr int kMostDigits = 9;
  constexpr int kTail[] = {1000000000, 100000000, 10000000, 1000000, 100000,
                           10000,      1000,      100,      10,      1};
  size_t i = 1;
  int digits = 0;
  for (; i < text.size() && IsDigit(text[i]); ++i) {
    if (digits < kMostDigits) {
      time->nanos = time->nanos * 10 + (text[i] - '0');
      ++digits;
    }
  }
  time->nanos *= kTail[digits];
  text.remove_prefix(i);
  return digits > 0;
}

// Reads HH:mm[:ss[.fraction]] from the front of `text`; what follows stays.
bool TakeTimeOfDay(std::string_view& text, TimeOfDay* time) {
  if (text.size() < 5 || text[2] != ':') return false;
  const int hour = Digits(text.data(), 2);
  const int minute = Digits(text.data() + 3, 2);
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59) return false;
  time->seconds = hour * 3600 + minute * 60;
  text.remove_prefix(5);
  if (text.size() < 3 || text[0] != ':') return true;
  const int second = Digits(text.data() + 1, 2);
  if (second < 0 || second > 59) return false;
  time->seconds += second;
  text.remove_prefix(3);
  return TakeFraction(text, time);
}

bool TakeDate(std::string_view& text, int32_t* days) {
  if (text.size() < 10 || text[4] != '-' || text[7] != '-') return false;
  const int year = Digits(text.data(), 4);
  const int month = Digits(text.data() + 5, 2);
  const int day = Digits(text.data() + 8, 2);
  if (year < 0 || month < 1 || month > 12 || day < 1) return false;
  if (day > 28 && day > DaysInMonth(year, month)) return false;
  *days = DaysFromCivil(year, month, day);
  text.remove_prefix(10);
  return true;
}

// Reads a zone: nothing, Z, +HH:mm, +HHmm or +HH, in seconds east of Greenwich.
bool ParseZone(std::string_view text, bool offsets, int* seconds) {
  *seconds = 0;
  if (text.empty() || text == "Z" || text == "z") return true;
  if (!offsets || (text[0] != '+' && text[0] != '-') || text.size() < 3) return false;
  const int hours = Digits(text.data() + 1, 2);
  int minutes = 0;
  if (text.size() == 6 && text[3] == ':') {
    minutes = Digits(text.data() + 4, 2);
  } else if (text.size() == 5) {
    minutes = Digits(text.data() + 3, 2);
  } else if (text.size() != 3) {
    return false;
  }
  if (hours < 0 || hours > 18 || minutes < 0 || minutes > 59) return false;
  *seconds = (hours * 3600 + minutes * 60) * (text[0] == '-' ? -1 : 1);
  return true;
}

// Reads "yyyy-MM-dd?HH:mm:ss" by vector instructions; `text` has at least these 19 bytes.
bool ReadDateTime(const char* text, int32_t* days, int32_t* seconds) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text));
  const __m128i marks =
      _mm_cmpeq_epi8(bytes, _mm_setr_epi8(0, 0, 0, 0, '-', 0, 0, '-', 0, 0, 0, 0, 0, ':', 0, 0));
  constexpr int kMarks = 1 << 4 | 1 << 7 | 1 << 13;
  const __m128i order = _mm_setr_epi8(0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, -1, -1, -1, -1);
  const __m128i digits = _mm_shuffle_epi8(_mm_sub_epi8(bytes, _mm_set1_epi8('0')), order);
  const __m128i nine = _mm_set1_epi8(9);
  const __m128i valid = _mm_cmpeq_epi8(_mm_max_epu8(digits, nine), nine);
  if ((_mm_movemask_epi8(marks) & kMarks) != kMarks || _mm_movemask_epi8(valid) != 0xFFFF) {
    return false;
  }
  alignas(16) int16_t parts[8];  // year / 100, year % 100, month, day, hour, minute
  const __m128i tens = _mm_set1_epi16(0x010A);
  _mm_store_si128(reinterpret_cast<__m128i*>(parts), _mm_maddubs_epi16(digits, tens));
  const int year = parts[0] * 100 + parts[1], month = parts[2], day = parts[3];
  const int second = Digits(text + 17, 2);
  if (month < 1 || month > 12 || day < 1 || (day > 28 && day > DaysInMonth(year, month)))
    return false;
  if (parts[4] > 23 || parts[5] > 59 || text[16] != ':' || second < 0 || second > 59) return false;
  *days = DaysFromCivil(year, month, day);
  *seconds = parts[4] * 3600 + parts[5] * 60 + second;
  return true;
}

bool EqualsIgnoringCase(std::string_view text, std::string_view lower) {
  return std::equal(text.begin(), text.end(), lower.begin(), lower.end(),
                    [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a + 32 : a) == b; });
}

// Exact for up to 15 digits and small exponents (Clinger's fast path): the common case.
bool ParseShortDouble(std::string_view text, double* value) {
  constexpr double kPowers[] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
  const bool negative = !text.empty() && text[0] == '-';
  size_t i = negative;
  if (text.size() - i > 16 || i == text.size()) return false;
  int64_t mantissa = 0;
  int digits = 0;
  int fraction = 0;
  bool point = false;
  for (; i < text.size(); ++i) {
    if (IsDigit(text[i])) {
      mantissa = mantissa * 10 + (text[i] - '0');
      ++digits;
      fraction += point;
    } else if (text[i] == '.' && !point) {
      point = true;
    } else {
      return false;
    }
  }
  if (digits == 0 || digits > 15) return false;
  const double magnitude = static_cast<double>(mantissa) / kPowers[fraction];
  *value = negative ? -magnitude : magnitude;
  return true;
}

// A decimal text taken apart: `digits` significant digits times 10^exponent.
struct DecimalText {
  std::array<char, 96> digits;
  size_t count = 0;
  int64_t exponent = 0;
  bool negative = false;
};

bool SplitDecimal(std::string_view text, DecimalText* out) {
  size_t i = 0;
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) {
    out->negative = text[0] == '-';
    i = 1;
  }
  bool any = false;
  bool point = false;
  for (; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '.' && !point) {
      point = true;
    } else if (IsDigit(c)) {
      any = true;
      const bool kept = out->count < out->digits.size();
      if (kept && (out->count > 0 || c != '0')) out->digits[out->count++] = c;
      out->exponent += (kept ? 0 : 1) - (point ? 1 : 0);
    } else {
      break;
    }
  }
  if (!any) return false;
  if (i == text.size()) return true;
  if (text[i] != 'e' && text[i] != 'E') return false;
  int64_t exponent = 0;
  std::string_view tail = text.substr(i + 1);
  if (!ParseInteger(tail, &exponent) || exponent > 100000 || exponent < -100000) return false;
  out->exponent += exponent;
  return true;
}

}  // namespace

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && IsSpace(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsSpace(text.back())) text.remove_suffix(1);
  return text;
}

bool ParseInteger(std::string_view text, int64_t* value) {
  const char* p = text.data();
  const char* end = p + text.size();
  if (p != end && *p == '+') {
    ++p;
    if (p != end && *p == '-') return false;
  }
  const auto [stop, error] = std::from_chars(p, end, *value);
  return error == std::errc() && stop == end;
}

bool ParseDouble(std::string_view text, double* value) {
  if (ParseShortDouble(text, value)) return true;
  const char* p = text.data();
  const char* end = p + text.size();
  if (p != end && *p == '+') {
    ++p;
    if (p != end && *p == '-') return false;
  }
  const auto [stop, error] = std::from_chars(p, end, *value);
  if (stop != end || p == end) return false;
  if (error == std::errc::result_out_of_range) {
    // Too large becomes infinite, too small zero: as strtod and Java do.
    *value = std::strtod(std::string(text).c_str(), nullptr);
    return true;
  }
  return error == std::errc();
}

bool ParseDecimal(std::string_view text, int precision, int scale, arrow::Decimal128* value,
                  bool* fits) {
  DecimalText parts;
  *fits = true;
  *value = arrow::Decimal128(0);
  if (!SplitDecimal(text, &parts)) return false;
  if (parts.count == 0) return true;
  // Digits to keep so that the last one counts 10^-scale.
  const int64_t kept = static_cast<int64_t>(parts.count) + parts.exponent + scale;
  if (kept < 0) return true;
  if (kept > precision) {
    *fits = false;
    return true;
  }
  unsigned __int128 number = 0;
  for (int64_t i = 0; i < kept; ++i) {
    const auto at = static_cast<size_t>(i);
    number = number * 10 + static_cast<unsigned>(at < parts.count ? parts.digits[at] - '0' : 0);
  }
  const auto next = static_cast<size_t>(kept);
  if (next < parts.count && parts.digits[next] >= '5') ++number;
  arrow::Decimal128 result(static_cast<int64_t>(number >> 64), static_cast<uint64_t>(number));
  *fits = result.FitsInPrecision(precision);
  if (parts.negative) result.Negate();
  *value = result;
  return true;
}

bool ParseBoolean(std::string_view text, bool* value) {
  *value = EqualsIgnoringCase(text, "true");
  return *value || EqualsIgnoringCase(text, "false");
}

bool ParseDate(std::string_view text, int32_t* days) {
  return TakeDate(text, days) && text.empty();
}

bool ParseTimeOfDay(std::string_view text, int32_t* millis) {
  TimeOfDay time;
  if (!TakeTimeOfDay(text, &time)) return false;
  *millis = time.seconds * 1000 + time.nanos / 1000000;
  return text.empty() || text == "Z";
}

bool ParseTimestamp(std::string_view text, const SqlType& type, int64_t* value) {
  int32_t days = 0;
  TimeOfDay time;
  int zone = 0;
  constexpr size_t kDate = 10, kDateTime = 19;
  if (text.size() <= kDate) return false;
  if (text[kDate] != ' ' && text[kDate] != 'T' && text[kDate] != 't') return false;
  if (text.size() >= kDateTime && ReadDateTime(text.data(), &days, &time.seconds)) {
    text.remove_prefix(kDateTime);
    if (!TakeFraction(text, &time)) return false;
  } else {
    if (!TakeDate(text, &days)) return false;
    text.remove_prefix(1);
    if (!TakeTimeOfDay(text, &time)) return false;
  }
  if (!ParseZone(text, type.kind == TypeKind::kTimestampLtz, &zone)) return false;
  const int64_t seconds = int64_t{days} * 86400 + time.seconds - zone;
  if (type.precision <= 3) {
    *value = seconds * 1000 + time.nanos / 1000000;
  } else if (type.precision <= 6) {
    *value = seconds * 1000000 + time.nanos / 1000;
  } else {
    return !__builtin_mul_overflow(seconds, int64_t{1000000000}, value) &&
           !__builtin_add_overflow(*value, int64_t{time.nanos}, value);
  }
  return true;
}

bool AppendBase64(ColumnBuilder& column, std::string_view text) {
  static constexpr uint8_t kBad = 255;
  static const std::array<uint8_t, 256> kCodes = [] {
    std::array<uint8_t, 256> codes;
    codes.fill(kBad);
    const std::string_view letters =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < letters.size(); ++i) {
      codes[static_cast<uint8_t>(letters[i])] = static_cast<uint8_t>(i);
    }
    return codes;
  }();
  for (int i = 0; i < 2 && !text.empty() && text.back() == '='; ++i) text.remove_suffix(1);
  if (text.size() % 4 == 1) return false;
  uint8_t* to = column.BeginBytes(text.size());
  size_t length = 0;
  uint32_t bits = 0;
  int held = 0;
  for (const char c : text) {
    const uint8_t code = kCodes[static_cast<uint8_t>(c)];
    if (code == kBad) return false;
    bits = (bits << 6 | code) & 0xFFFFFF;
    held += 6;
    if (held >= 8) {
      held -= 8;
      to[length++] = static_cast<uint8_t>(bits >> held);
    }
  }
  column.EndBytes(length);
  return true;
}

namespace {

template <typename T>
bool AppendRanged(ColumnBuilder& column, int64_t value) {
  if (value < std::numeric_limits<T>::min() || value > std::numeric_limits<T>::max()) return false;
  column.Append(static_cast<T>(value));
  return true;
}

}  // namespace

bool AppendInteger(ColumnBuilder& column, int64_t value) {
  switch (column.type().kind) {
    case TypeKind::kTinyInt:
      return AppendRanged<int8_t>(column, value);
    case TypeKind::kSmallInt:
      return AppendRanged<int16_t>(column, value);
    case TypeKind::kInt:
    case TypeKind::kIntervalMonth:
      return AppendRanged<int32_t>(column, value);
    default:
      column.Append(value);
      return true;
  }
}

bool AppendDecimal(ColumnBuilder& column, std::string_view text) {
  arrow::Decimal128 value;
  bool fits = true;
  const SqlType& type = column.type();
  if (!ParseDecimal(text, type.precision, type.scale, &value, &fits)) return false;
  if (fits) {
    column.Append(value.ToBytes());
  } else {
    column.AppendNull();
  }
  return true;
}

bool AppendText(ColumnBuilder& column, std::string_view text) {
  const SqlType& type = column.type();
  if (type.IsString()) {
    column.AppendBytes(text);
    return true;
  }
  if (type.IsBinary()) return AppendBase64(column, text);
  text = Trimmed(text);
  int64_t wide = 0;
  int32_t narrow = 0;
  double real = 0;
  bool flag = false;
  switch (type.kind) {
    case TypeKind::kBoolean:
      if (!ParseBoolean(text, &flag)) return false;
      column.AppendBool(flag);
      return true;
    case TypeKind::kFloat:
      if (!ParseDouble(text, &real)) return false;
      column.Append(static_cast<float>(real));
      return true;
    case TypeKind::kDouble:
      return ParseDouble(text, &real) && (column.Append(real), true);
    case TypeKind::kDecimal:
      return AppendDecimal(column, text);
    case TypeKind::kDate:
      return ParseDate(text, &narrow) && (column.Append(narrow), true);
    case TypeKind::kTime:
      return ParseTimeOfDay(text, &narrow) && (column.Append(narrow), true);
    case TypeKind::kTimestamp:
    case TypeKind::kTimestampLtz:
      return ParseTimestamp(text, type, &wide) && (column.Append(wide), true);
    case TypeKind::kNull:
    case TypeKind::kArray:
    case TypeKind::kMap:
    case TypeKind::kRow:
      return false;
    default:
      return ParseInteger(text, &wide) && AppendInteger(column, wide);
  }
}

}  // namespace millrace
