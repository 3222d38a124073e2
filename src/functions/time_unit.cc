#include "functions/time_unit.h"

#include <arrow/scalar.h>

#include <string>

#include "functions/calendar.h"

namespace millrace {
namespace {

struct UnitName {
  std::string_view name;
  TimeUnit unit;
};

constexpr UnitName kUnitNames[] = {
    {"YEAR", TimeUnit::kYear}, {"MONTH", TimeUnit::kMonth}, {"DAY", TimeUnit::kDay},
    {"HOUR", TimeUnit::kHour}, {"MINUTE", TimeUnit::kMinute}, {"SECOND", TimeUnit::kSecond},
    {"WEEK", TimeUnit::kWeek}, {"QUARTER", TimeUnit::kQuarter}, {"EPOCH", TimeUnit::kEpoch},
    {"MILLISECOND", TimeUnit::kMillisecond}, {"MICROSECOND", TimeUnit::kMicrosecond},
    {"NANOSECOND", TimeUnit::kNanosecond}, {"DOW", TimeUnit::kDayOfWeek},
    {"ISODOW", TimeUnit::kIsoDayOfWeek}, {"DOY", TimeUnit::kDayOfYear},
    {"ISOYEAR", TimeUnit::kIsoYear}, {"DECADE", TimeUnit::kDecade},
    {"CENTURY", TimeUnit::kCentury}, {"MILLENNIUM", TimeUnit::kMillennium},
    {"DAYOFWEEK", TimeUnit::kDayOfWeek}, {"DAYOFYEAR", TimeUnit::kDayOfYear}};

// Months in units that are made of months, else 0.
int64_t MonthsOf(TimeUnit unit) {
  switch (unit) {
    case TimeUnit::kMillennium: return 12000;
    case TimeUnit::kCentury: return 1200;
    case TimeUnit::kDecade: return 120;
    case TimeUnit::kYear:
    case TimeUnit::kIsoYear: return 12;
    case TimeUnit::kQuarter: return 3;
    case TimeUnit::kMonth: return 1;
    default: return 0;
  }
}

// Ticks of the units of constant length; 0 for those shorter than a tick.
int64_t TicksOf(TimeUnit unit, int64_t ticks) {
  switch (unit) {
    case TimeUnit::kWeek: return 7 * 86400 * ticks;
    case TimeUnit::kHour: return 3600 * ticks;
    case TimeUnit::kMinute: return 60 * ticks;
    case TimeUnit::kEpoch:
    case TimeUnit::kSecond: return ticks;
    case TimeUnit::kMillisecond: return ticks / 1000;
    case TimeUnit::kMicrosecond: return ticks / 1000000;
    case TimeUnit::kNanosecond: return ticks / 1000000000;
    default: return 86400 * ticks;
  }
}

int64_t PerSecond(TimeUnit unit) {
  if (unit == TimeUnit::kMillisecond) return 1000;
  return unit == TimeUnit::kMicrosecond ? 1000000 : 1000000000;
}

int64_t ExtractDatePart(TimeUnit unit, int64_t days) {
  const CivilDate date = CivilFromDays(days);
  switch (unit) {
    case TimeUnit::kMillennium: return (date.year + 999) / 1000;
    case TimeUnit::kCentury: return (date.year + 99) / 100;
    case TimeUnit::kDecade: return date.year / 10;
    case TimeUnit::kYear: return date.year;
    case TimeUnit::kIsoYear: return IsoWeekYear(days);
    case TimeUnit::kQuarter: return (date.month + 2) / 3;
    case TimeUnit::kMonth: return date.month;
    case TimeUnit::kWeek: return IsoWeek(days);
    case TimeUnit::kDayOfWeek: return IsoWeekday(days) % 7 + 1;
    case TimeUnit::kIsoDayOfWeek: return IsoWeekday(days);
    case TimeUnit::kDayOfYear: return DayOfYear(days);
    default: return date.day;
  }
}

// The first day of the months-made unit that holds `days`, `more` units later.
int64_t FirstDay(TimeUnit unit, int64_t days, int64_t more) {
  const int64_t length = MonthsOf(unit);
  const CivilDate date = CivilFromDays(days);
  // Centuries and millennia begin with the years 1, 101, 1001.
  const bool from_one = unit == TimeUnit::kCentury || unit == TimeUnit::kMillennium;
  const int64_t shift = from_one ? 12 : 0;
  const int64_t months = FloorDiv(date.year * 12 + date.month - 1 - shift, length);
  const int64_t first = (months + more) * length + shift;
  return DaysFromCivil({FloorDiv(first, 12), static_cast<int>(FloorMod(first, 12)) + 1, 1});
}

int64_t MonthNumber(int64_t time, int64_t day, int64_t* rest) {
  const int64_t days = FloorDiv(time, day);
  const CivilDate date = CivilFromDays(days);
  *rest = date.day * day + (time - days * day);
  return date.year * 12 + date.month;
}

// Whole months: the last one counts once its day and time are reached.
int64_t MonthsBetween(int64_t from, int64_t to, int64_t day) {
  int64_t from_rest = 0, to_rest = 0;
  const int64_t from_month = MonthNumber(from, day, &from_rest);
  int64_t months = MonthNumber(to, day, &to_rest) - from_month;
  if (months > 0 && to_rest < from_rest) --months;
  if (months < 0 && to_rest > from_rest) ++months;
  return months;
}

}  // namespace

Result<TimeUnit> ParseTimeUnit(std::string_view name) {
  std::string upper(name);
  for (char& c : upper) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
  const std::string_view stem = upper;
  const std::string_view sql = stem.starts_with("SQL_TSI_") ? stem.substr(8) : stem;
  for (const UnitName& unit : kUnitNames) {
    if (sql == unit.name) return unit.unit;
  }
  // DAYS for DAY.
  for (const UnitName& unit : kUnitNames) {
    if (sql.size() == unit.name.size() + 1 && sql.starts_with(unit.name) && sql.ends_with('S')) {
      return unit.unit;
    }
  }
  return UserError("unknown unit of time '{}'. hint: YEAR, MONTH, DAY, HOUR, MINUTE, SECOND ...", name);
}

Result<TimeUnit> TimeUnitOf(const arrow::Datum& argument) {
  if (!argument.is_scalar() || !argument.scalar()->is_valid) {
    return UserError("the unit of time must be a constant");
  }
  return ParseTimeUnit(argument.scalar()->ToString());
}

bool IsClockUnit(TimeUnit unit) { return unit >= TimeUnit::kHour && unit != TimeUnit::kEpoch; }

int64_t ExtractUnit(TimeUnit unit, int64_t time, int64_t ticks) {
  if (unit == TimeUnit::kEpoch) return FloorDiv(time, ticks);
  const int64_t day = 86400 * ticks;
  if (!IsClockUnit(unit)) return ExtractDatePart(unit, FloorDiv(time, day));
  const int64_t of_day = FloorMod(time, day);
  switch (unit) {
    case TimeUnit::kHour: return of_day / (3600 * ticks);
    case TimeUnit::kMinute: return of_day / (60 * ticks) % 60;
    case TimeUnit::kSecond: return of_day / ticks % 60;
    default: break;
  }
  // Milliseconds and smaller count from the beginning of the second.
  const int64_t of_second = of_day % ticks;
  const int64_t wanted = PerSecond(unit);
  return wanted >= ticks ? of_second * (wanted / ticks) : of_second / (ticks / wanted);
}

int64_t FloorToUnit(TimeUnit unit, int64_t time, int64_t ticks, bool up) {
  const int64_t day = 86400 * ticks;
  if (MonthsOf(unit) > 0) {
    const int64_t days = FloorDiv(time, day);
    const int64_t floor = FirstDay(unit, days, 0) * day;
    // Flink looks at the date alone: a time on a unit's first day does not reach for the next unit.
    return up && floor != days * day ? FirstDay(unit, days, 1) * day : floor;
  }
  const int64_t length = TicksOf(unit, ticks);
  if (length <= 1) return time;
  // Weeks begin on Sunday, as in Flink; 1970-01-01 was a Thursday.
  const int64_t origin = unit == TimeUnit::kWeek ? -4 * day : 0;
  const int64_t floor = FloorDiv(time - origin, length) * length + origin;
  return up && floor != time ? floor + length : floor;
}

int64_t AddUnits(TimeUnit unit, int64_t time, int64_t count, int64_t ticks) {
  const int64_t day = 86400 * ticks;
  if (const int64_t months = MonthsOf(unit); months > 0) {
    const int64_t days = FloorDiv(time, day);
    return AddMonths(days, count * months) * day + (time - days * day);
  }
  const int64_t length = TicksOf(unit, ticks);
  return length > 0 ? time + count * length : time + count / (PerSecond(unit) / ticks);
}

int64_t UnitsBetween(TimeUnit unit, int64_t from, int64_t to, int64_t ticks) {
  if (const int64_t months = MonthsOf(unit); months > 0) {
    return MonthsBetween(from, to, 86400 * ticks) / months;
  }
  const int64_t length = TicksOf(unit, ticks);
  return length > 0 ? (to - from) / length : (to - from) * (PerSecond(unit) / ticks);
}

}  // namespace millrace
