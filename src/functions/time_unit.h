// Units of time as EXTRACT, FLOOR, TIMESTAMPADD and TIMESTAMPDIFF name them, and what they do to local
// timestamps given in ticks (UnitsPerSecond).
#pragma once

#include <arrow/datum.h>

#include <cstdint>
#include <string_view>

#include "base/status.h"

namespace millrace {

enum class TimeUnit {
  kMillennium, kCentury, kDecade, kYear, kIsoYear, kQuarter, kMonth, kWeek, kDay, kDayOfWeek,
  kIsoDayOfWeek, kDayOfYear, kHour, kMinute, kSecond, kMillisecond, kMicrosecond, kNanosecond, kEpoch,
};

Result<TimeUnit> ParseTimeUnit(std::string_view name);
// The unit given as a constant argument.
Result<TimeUnit> TimeUnitOf(const arrow::Datum& argument);

// EXTRACT of a timestamp with `ticks` a second.
int64_t ExtractUnit(TimeUnit unit, int64_t time, int64_t ticks);
// The beginning of the unit that `time` lies in; `up`: of the next one, unless time is a beginning.
int64_t FloorToUnit(TimeUnit unit, int64_t time, int64_t ticks, bool up);
// `time` moved by a number of units.
int64_t AddUnits(TimeUnit unit, int64_t time, int64_t count, int64_t ticks);
// Whole units from `from` to `to`.
int64_t UnitsBetween(TimeUnit unit, int64_t from, int64_t to, int64_t ticks);
// True for units shorter than a day.
bool IsClockUnit(TimeUnit unit);

}  // namespace millrace
