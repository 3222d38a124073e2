// Dates and times as numbers: days since 1970-01-01 in the proleptic Gregorian calendar, times of day in
// milliseconds, timestamps in the unit that their precision asks for (ms, us, ns). Also their text forms
// and time zones.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"

namespace millrace {

inline constexpr int64_t kMillisPerSecond = 1000;
inline constexpr int64_t kMillisPerDay = 86400 * kMillisPerSecond;

struct CivilDate {
  int64_t year = 1970;
  int month = 1;  // 1 to 12
  int day = 1;
};

constexpr int64_t FloorDiv(int64_t a, int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }
constexpr int64_t FloorMod(int64_t a, int64_t b) { return a % b < 0 ? a % b + b : a % b; }

int64_t DaysFromCivil(const CivilDate& date);
CivilDate CivilFromDays(int64_t days);
int DaysInMonth(int64_t year, int month);
// Monday is 1, Sunday 7.
int IsoWeekday(int64_t days);
int IsoWeek(int64_t days);
// The year that the ISO week belongs to.
int64_t IsoWeekYear(int64_t days);
int DayOfYear(int64_t days);
// The same day of the month `months` later, or the month's last day.
int64_t AddMonths(int64_t days, int64_t months);

// Units of TIMESTAMP(precision): 1000, 1000000 or 1000000000 a second.
constexpr int64_t UnitsPerSecond(int precision) {
  return precision <= 3 ? 1000 : precision <= 6 ? 1000000 : 1000000000;
}
constexpr int64_t UnitsPerDay(int precision) { return 86400 * UnitsPerSecond(precision); }
// The milliseconds that a digit at the end of TIME(precision) stands for: 1000, 100, 10 or 1.
constexpr int32_t MillisPerDigit(int precision) {
  return precision <= 0 ? 1000 : precision == 1 ? 100 : precision == 2 ? 10 : 1;
}
// A timestamp in another precision's unit; digits beyond it are cut off.
int64_t RescaleTimestamp(int64_t value, int from_precision, int to_precision);

// "2024-05-06", "2024-05" or "2024", as Flink reads them; empty if it is not a date.
std::optional<int32_t> ParseDate(std::string_view text);
// The date of a date or a timestamp.
std::optional<int32_t> ParseDateOfTime(std::string_view text);
// "10:11:12.345", "10:11" or "10": milliseconds of the day.
std::optional<int32_t> ParseTime(std::string_view text);
// "2024-05-06 10:11:12.345", 'T' instead of the blank, or a date alone. If `utc` is given, a final 'Z'
// is accepted and sets it.
std::optional<int64_t> ParseTimestamp(std::string_view text, int precision, bool* utc = nullptr);

// "2024-05-06".
void AppendDate(int64_t days, std::string* out);
// "10:11:12" and `precision` fractional digits.
void AppendTime(int64_t millis, int precision, std::string* out);
// "2024-05-06 10:11:12.345" with `precision` fractional digits.
void AppendTimestamp(int64_t value, int precision, std::string* out);
// `value` with at least `width` digits.
void AppendPadded(int64_t value, int width, std::string* out);

// Converts between UTC and a time zone's local time. Copyable, cheap for UTC; remembers the last
// transition interval, so that neighbouring times are fast. Not for concurrent use.
class TimeZone {
 public:
  // "UTC", "Europe/Berlin", "+08:00", "GMT+8".
  static Result<TimeZone> Make(const std::string& name);

  bool is_utc() const { return zone_ == nullptr && fixed_offset_ == 0; }
  // Seconds to add to UTC for local time.
  int64_t OffsetAt(int64_t utc_seconds);
  // Local seconds to UTC. In a gap the time is shifted forward; in an overlap it is the earlier.
  int64_t LocalToUtc(int64_t local_seconds);

 private:
  const void* zone_ = nullptr;  // arrow_vendored::date::time_zone
  int64_t fixed_offset_ = 0;
  int64_t begin_ = 0, end_ = 0, offset_ = 0;  // the remembered interval [begin, end)
};

}  // namespace millrace
