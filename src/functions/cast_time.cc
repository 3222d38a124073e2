// Casts between DATE, TIME, TIMESTAMP and TIMESTAMP_LTZ. Only those between local time and instants look
// at the time zone.
#include "functions/calendar.h"
#include "functions/cast_internal.h"
#include "functions/vectorized.h"

namespace millrace {
namespace {

// Values of the source as local timestamps of the target's precision.
Result<arrow::Datum> Rescaled(const CastJob& job) {
  const int from = job.from().precision, to = job.to().precision;
  if (from <= to && UnitsPerSecond(from) == UnitsPerSecond(to)) return Relabel(job.value(), job.to());
  return MapValues<int64_t, int64_t>(
      job.call, [=](int64_t value) { return RescaleTimestamp(value, from, to); });
}

// Shifts timestamps by the zone's offset, second-wise.
template <typename Shift>
Result<arrow::Datum> Shifted(const CastJob& job, Shift shift) {
  MILL_ASSIGN(TimeZone zone, TimeZone::Make(job.call.context.time_zone));
  MILL_ASSIGN(arrow::Datum value, Rescaled(job));
  if (zone.is_utc()) return value;
  const int64_t units = UnitsPerSecond(job.to().precision);
  const std::vector<arrow::Datum> args = {value};
  const Call call{args, job.call.arg_types, job.to(), job.call.rows, job.call.context};
  return RunPerRow<int64_t(int64_t)>(call, [&](int64_t time) {
    const int64_t seconds = FloorDiv(time, units);
    return time + (shift(zone, seconds) - seconds) * units;
  });
}

Result<arrow::Datum> InstantToLocal(const CastJob& job) {
  return Shifted(job, [](TimeZone& zone, int64_t utc) { return utc + zone.OffsetAt(utc); });
}

Result<arrow::Datum> LocalToInstant(const CastJob& job) {
  return Shifted(job, [](TimeZone& zone, int64_t local) { return zone.LocalToUtc(local); });
}

Result<arrow::Datum> LocalToDate(const CastJob& job) {
  const int64_t day = UnitsPerDay(job.from().precision);
  return MapValues<int32_t, int64_t>(
      job.call, [=](int64_t time) { return static_cast<int32_t>(FloorDiv(time, day)); });
}

Result<arrow::Datum> LocalToTime(const CastJob& job) {
  const int64_t day = UnitsPerDay(job.from().precision);
  const int64_t unit = day / kMillisPerDay;
  const int32_t digit = MillisPerDigit(job.to().precision);
  return MapValues<int32_t, int64_t>(job.call, [=](int64_t time) {
    return static_cast<int32_t>(FloorMod(time, day) / unit) / digit * digit;
  });
}

Result<arrow::Datum> DayToLocal(const CastJob& job) {
  const int64_t day = UnitsPerDay(job.to().precision);
  const int64_t factor = job.from().kind == TypeKind::kDate ? day : day / kMillisPerDay;
  return MapValues<int64_t, int32_t>(job.call, [=](int32_t value) { return value * factor; });
}

// Digits that the target does not have are cut off.
Result<arrow::Datum> TimeToTime(const CastJob& job) {
  const int32_t digit = MillisPerDigit(job.to().precision);
  if (job.to().precision >= job.from().precision) return Relabel(job.value(), job.to());
  return MapValues<int32_t, int32_t>(job.call, [=](int32_t time) { return time / digit * digit; });
}

// By way of TIMESTAMP of the instants' precision.
Result<arrow::Datum> ViaLocal(const CastJob& job, int precision) {
  const SqlType local = SqlType::Timestamp(precision);
  MILL_ASSIGN(arrow::Datum value,
              CastDatum(job.value(), job.from(), local, job.call.context, job.try_cast));
  return CastDatum(value, local, job.to(), job.call.context, job.try_cast);
}

}  // namespace

Result<arrow::Datum> CastTime(const CastJob& job) {
  const TypeKind from = job.from().kind, to = job.to().kind;
  if (from == to) return from == TypeKind::kTime ? TimeToTime(job) : Rescaled(job);
  if (from == TypeKind::kTimestamp) {
    if (to == TypeKind::kTimestampLtz) return LocalToInstant(job);
    return to == TypeKind::kDate ? LocalToDate(job) : LocalToTime(job);
  }
  if (from == TypeKind::kTimestampLtz) {
    return to == TypeKind::kTimestamp ? InstantToLocal(job) : ViaLocal(job, job.from().precision);
  }
  return to == TypeKind::kTimestamp ? DayToLocal(job) : ViaLocal(job, job.to().precision);
}

}  // namespace millrace
