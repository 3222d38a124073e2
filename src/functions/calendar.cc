#include "functions/calendar.h"

#include <arrow/vendored/datetime.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <exception>

namespace millrace {
namespace {

namespace date = arrow_vendored::date;

// Reads up to `max_digits` digits; false if there is none.
bool ReadNumber(std::string_view* text, size_t max_digits, int* value) {
  size_t n = 0;
  *value = 0;
  while (n < text->size() && n < max_digits) {
    const char c = (*text)[n];
    if (c < '0' || c > '9') break;
    *value = *value * 10 + (c - '0');
    ++n;
  }
  text->remove_prefix(n);
  return n > 0;
}

bool Skip(std::string_view* text, char c) {
  if (text->empty() || text->front() != c) return false;
  text->remove_prefix(1);
  return true;
}

// Month and day may be missing.
bool ReadDate(std::string_view* text, int64_t* days) {
  int year = 0, month = 1, day = 1;
  const bool short_year = text->size() < 4;
  if (!ReadNumber(text, 4, &year) || (short_year && !text->empty())) return false;
  if (Skip(text, '-')) {
    if (!ReadNumber(text, 2, &month)) return false;
    if (Skip(text, '-') && !ReadNumber(text, 2, &day)) return false;
  }
  if (month < 1 || month > 12 || day < 1 || day > DaysInMonth(year, month)) return false;
  *days = DaysFromCivil({year, month, day});
  return true;
}

// Reads ".123456789": nanoseconds.
bool ReadFraction(std::string_view* text, int* nanos) {
  *nanos = 0;
  if (!Skip(text, '.')) return true;
  const size_t before = text->size();
  if (!ReadNumber(text, 9, nanos)) return false;
  for (size_t digits = before - text->size(); digits < 9; ++digits) *nanos *= 10;
  return true;
}

// Reads "10:11:12.345": nanoseconds of the day. Minutes and seconds may be missing.
bool ReadTime(std::string_view* text, int64_t* nanos_of_day) {
  int hour = 0, minute = 0, second = 0, nanos = 0;
  if (!ReadNumber(text, 2, &hour)) return false;
  if (Skip(text, ':')) {
    if (!ReadNumber(text, 2, &minute)) return false;
    if (Skip(text, ':') && (!ReadNumber(text, 2, &second) || !ReadFraction(text, &nanos))) return false;
  }
  if (hour > 23 || minute > 59 || second > 59) return false;
  *nanos_of_day = (hour * 3600 + minute * 60 + second) * int64_t{1000000000} + nanos;
  return true;
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

// 10^(9 - precision): the nanoseconds of the last digit that is kept.
int64_t NanosPerDigit(int precision) {
  int64_t nanos = 1;
  for (int i = precision; i < 9; ++i) nanos *= 10;
  return nanos;
}

void Put2(int64_t value, char* out) {
  const auto small = static_cast<uint32_t>(value);
  out[0] = static_cast<char>('0' + small / 10);
  out[1] = static_cast<char>('0' + small % 10);
}

// "+08:00", "-5", "+0830": seconds.
std::optional<int64_t> ParseOffset(std::string_view text) {
  if (text.empty() || (text[0] != '+' && text[0] != '-')) return std::nullopt;
  const int sign = text[0] == '-' ? -1 : 1;
  text.remove_prefix(1);
  int hours = 0, minutes = 0;
  if (!ReadNumber(&text, 2, &hours)) return std::nullopt;
  Skip(&text, ':');
  if (!text.empty() && !ReadNumber(&text, 2, &minutes)) return std::nullopt;
  if (!text.empty() || hours > 18 || minutes > 59) return std::nullopt;
  return sign * (hours * 3600 + minutes * 60);
}

const date::time_zone* AsZone(const void* zone) {
  return static_cast<const date::time_zone*>(zone);
}

date::sys_seconds SysTime(int64_t seconds) {
  return date::sys_seconds(std::chrono::seconds(seconds));
}

}  // namespace

// Howard Hinnant's algorithms: eras of 400 years that begin on 1 March.
int64_t DaysFromCivil(const CivilDate& civil) {
  const int64_t year = civil.year - (civil.month <= 2 ? 1 : 0);
  const int64_t era = FloorDiv(year, 400);
  const int64_t year_of_era = year - era * 400;
  const int64_t month = civil.month + (civil.month > 2 ? -3 : 9);
  const int64_t day_of_year = (153 * month + 2) / 5 + civil.day - 1;
  const int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146097 + day_of_era - 719468;
}

CivilDate CivilFromDays(int64_t days) {
  const int64_t shifted = days + 719468;
  const int64_t era = FloorDiv(shifted, 146097);
  const auto day_of_era = static_cast<uint32_t>(shifted - era * 146097);
  const uint32_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const uint32_t day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const uint32_t month = (5 * day_of_year + 2) / 153;
  const auto day = static_cast<int>(day_of_year - (153 * month + 2) / 5 + 1);
  const int civil_month = static_cast<int>(month) + (month < 10 ? 3 : -9);
  return {year_of_era + era * 400 + (civil_month <= 2 ? 1 : 0), civil_month, day};
}

int DaysInMonth(int64_t year, int month) {
  constexpr std::array<int, 12> kDays = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return month == 2 && leap ? 29 : kDays[static_cast<size_t>(month - 1)];
}

int IsoWeekday(int64_t days) { return static_cast<int>(FloorMod(days + 3, 7)) + 1; }

int64_t IsoWeekYear(int64_t days) {
  // A week belongs to the year of its Thursday.
  return CivilFromDays(days - IsoWeekday(days) + 4).year;
}

int IsoWeek(int64_t days) {
  const int64_t thursday = days - IsoWeekday(days) + 4;
  return (DayOfYear(thursday) - 1) / 7 + 1;
}

int DayOfYear(int64_t days) {
  return static_cast<int>(days - DaysFromCivil({CivilFromDays(days).year, 1, 1})) + 1;
}

int64_t AddMonths(int64_t days, int64_t months) {
  CivilDate civil = CivilFromDays(days);
  const int64_t total = civil.year * 12 + civil.month - 1 + months;
  civil.year = FloorDiv(total, 12);
  civil.month = static_cast<int>(FloorMod(total, 12)) + 1;
  const int last = DaysInMonth(civil.year, civil.month);
  if (civil.day > last) civil.day = last;
  return DaysFromCivil(civil);
}

int64_t RescaleTimestamp(int64_t value, int from_precision, int to_precision) {
  const int64_t from = UnitsPerSecond(from_precision);
  const int64_t to = UnitsPerSecond(to_precision);
  if (to_precision < from_precision) {
    const int64_t digit = from / (UnitsPerSecond(9) / NanosPerDigit(to_precision));
    if (digit > 1) value = FloorDiv(value, digit) * digit;
  }
  if (from == to) return value;
  // Unsigned: a time out of nanoseconds' range wraps instead of being undefined.
  if (to > from) return static_cast<int64_t>(static_cast<uint64_t>(value) * static_cast<uint64_t>(to / from));
  return FloorDiv(value, from / to);
}

std::optional<int32_t> ParseDate(std::string_view text) {
  text = Trim(text);
  int64_t days = 0;
  if (!ReadDate(&text, &days) || !text.empty()) return std::nullopt;
  return static_cast<int32_t>(days);
}

std::optional<int32_t> ParseDateOfTime(std::string_view text) {
  if (const auto date = ParseDate(text)) return date;
  const auto time = ParseTimestamp(text, 3);
  if (!time) return std::nullopt;
  return static_cast<int32_t>(FloorDiv(*time, kMillisPerDay));
}

std::optional<int32_t> ParseTime(std::string_view text) {
  text = Trim(text);
  int64_t nanos = 0;
  if (!ReadTime(&text, &nanos) || !text.empty()) return std::nullopt;
  return static_cast<int32_t>(nanos / 1000000);
}

std::optional<int64_t> ParseTimestamp(std::string_view text, int precision, bool* utc) {
  text = Trim(text);
  int64_t days = 0, nanos = 0;
  if (!ReadDate(&text, &days)) return std::nullopt;
  if (Skip(&text, ' ') || Skip(&text, 'T')) {
    if (!ReadTime(&text, &nanos)) return std::nullopt;
    if (utc != nullptr) *utc = Skip(&text, 'Z');
  }
  if (!text.empty()) return std::nullopt;
  if (precision < 9) nanos -= nanos % NanosPerDigit(precision);
  const int64_t nanos_per_unit = 1000000000 / UnitsPerSecond(precision);
  int64_t time = 0;
  // In nanoseconds only the years 1677 to 2262 can be told.
  if (__builtin_mul_overflow(days, UnitsPerDay(precision), &time)) return std::nullopt;
  if (__builtin_add_overflow(time, nanos / nanos_per_unit, &time)) return std::nullopt;
  return time;
}

void AppendPadded(int64_t value, int width, std::string* out) {
  if (value < 0) {
    out->push_back('-');
    value = -value;
  }
  char buffer[24];
  char* const end = buffer + sizeof(buffer);
  char* p = end;
  for (; value != 0 || end - p < width; value /= 10) *--p = static_cast<char>('0' + value % 10);
  out->append(p, static_cast<size_t>(end - p));
}

namespace {

constexpr size_t kMostTimeText = 48;  // a year of 19 digits, a clock, nine places

// "2024-05-06" behind `out`; the end.
char* WriteDate(int64_t days, char* out) {
  const CivilDate civil = CivilFromDays(days);
  if (civil.year < 0 || civil.year > 9999) {
    std::string year;
    AppendPadded(civil.year, 4, &year);
    out = std::copy(year.begin(), year.end(), out);
  } else {
    Put2(civil.year / 100, out);
    Put2(civil.year % 100, out + 2);
    out += 4;
  }
  *out++ = '-';
  Put2(civil.month, out);
  out[2] = '-';
  Put2(civil.day, out + 3);
  return out + 5;
}

// "10:11:12".
char* WriteClock(int64_t second_of_day, char* out) {
  const auto second = static_cast<uint32_t>(second_of_day), minute = second / 60;
  Put2(minute / 60, out);
  out[2] = ':';
  Put2(minute % 60, out + 3);
  out[5] = ':';
  Put2(second % 60, out + 6);
  return out + 8;
}

// ".345".
char* WriteFraction(int64_t nanos, int precision, char* out) {
  if (precision <= 0) return out;
  *out = '.';
  auto rest = static_cast<uint32_t>(nanos / NanosPerDigit(precision));
  for (int i = precision; i > 0; --i, rest /= 10) out[i] = static_cast<char>('0' + rest % 10);
  return out + 1 + precision;
}

}  // namespace

void AppendDate(int64_t days, std::string* out) {
  char text[kMostTimeText];
  out->append(text, static_cast<size_t>(WriteDate(days, text) - text));
}

void AppendTime(int64_t millis, int precision, std::string* out) {
  char text[kMostTimeText];
  char* const clock = WriteClock(millis / kMillisPerSecond, text);
  const char* const end = WriteFraction(millis % kMillisPerSecond * 1000000, precision, clock);
  out->append(text, static_cast<size_t>(end - text));
}

void AppendTimestamp(int64_t value, int precision, std::string* out) {
  const int64_t units = UnitsPerSecond(precision);
  const int64_t seconds = FloorDiv(value, units);
  const int64_t days = FloorDiv(seconds, 86400);
  char text[kMostTimeText];
  char* end = WriteDate(days, text);
  *end++ = ' ';
  end = WriteClock(seconds - days * 86400, end);
  end = WriteFraction((value - seconds * units) * (1000000000 / units), precision, end);
  out->append(text, static_cast<size_t>(end - text));
}

Result<TimeZone> TimeZone::Make(const std::string& name) {
  TimeZone result;
  if (name == "UTC" || name == "Z" || name == "GMT" || name.empty()) return result;
  std::string_view text = name;
  if (text.starts_with("GMT") || text.starts_with("UTC")) text.remove_prefix(3);
  if (const auto offset = ParseOffset(text)) {
    result.fixed_offset_ = *offset;
    return result;
  }
  try {
    result.zone_ = date::locate_zone(name);
  } catch (const std::exception&) {
    return UserError("unknown time zone '{}'. hint: write a name such as 'Europe/Berlin' or '+08:00'",
                     name);
  }
  return result;
}

int64_t TimeZone::OffsetAt(int64_t utc_seconds) {
  if (zone_ == nullptr) return fixed_offset_;
  if (utc_seconds >= begin_ && utc_seconds < end_) return offset_;
  const date::sys_info info = AsZone(zone_)->get_info(SysTime(utc_seconds));
  begin_ = info.begin.time_since_epoch().count();
  end_ = info.end.time_since_epoch().count();
  offset_ = info.offset.count();
  return offset_;
}

int64_t TimeZone::LocalToUtc(int64_t local_seconds) {
  if (zone_ == nullptr) return local_seconds - fixed_offset_;
  // A day away from both ends of the interval no other offset can apply.
  constexpr int64_t kDay = 86400;
  if (local_seconds >= begin_ + kDay && local_seconds < end_ - kDay) return local_seconds - offset_;
  const date::local_seconds local{std::chrono::seconds(local_seconds)};
  const date::local_info info = AsZone(zone_)->get_info(local);
  const int64_t utc = local_seconds - info.first.offset.count();
  OffsetAt(utc);
  return utc;
}

}  // namespace millrace
