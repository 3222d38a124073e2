// Casts from text to other types and from scalars to text, and the lengths of CHAR(n) and VARCHAR(n).
#include "functions/calendar.h"
#include "functions/cast_internal.h"
#include "functions/number_text.h"
#include "functions/utf8.h"
#include "functions/vectorized.h"

namespace millrace {
namespace {

// Runs `parse` over text; the first text that it refuses is the error.
template <typename T, typename Parse>
Result<arrow::Datum> ParseColumn(const CastJob& job, Parse parse) {
  bool failed = false;
  std::string refused;
  auto result = RunPerRow<T(std::string_view)>(job.call, [&](std::string_view text) {
    std::optional<T> value = parse(text);
    if (!value && !failed) {
      failed = true;
      refused = text;
    }
    return value;
  });
  if (failed && !job.try_cast) return CastError(refused, job.to());
  return result;
}

Result<arrow::Datum> ParseNumber(const CastJob& job) {
  return WithNumberType(job.to().kind, [&](auto to) -> Result<arrow::Datum> {
    using To = decltype(to);
    if constexpr (std::is_floating_point_v<To>) {
      return ParseColumn<To>(job, [](std::string_view text) -> std::optional<To> {
        const std::optional<double> value = ParseDouble(text);
        if (!value) return std::nullopt;
        return static_cast<To>(*value);
      });
    } else {
      return ParseColumn<To>(job, ParseInteger<To>);
    }
  });
}

Result<arrow::Datum> ParseDecimals(const CastJob& job) {
  const int precision = job.to().precision, scale = job.to().scale;
  const bool try_cast = job.try_cast;
  using Parsed = Result<std::optional<Int128>>;
  return RunPerRow<Int128(std::string_view)>(job.call, [&](std::string_view text) -> Parsed {
    Int128 value = 0;
    switch (ParseDecimal(TrimBlanks(text), precision, scale, &value)) {
      case DecimalParse::kOk: return std::optional<Int128>(value);
      case DecimalParse::kInvalid:
      case DecimalParse::kOverflow:
        if (!try_cast) return CastError(text, job.to());
        break;
    }
    return std::optional<Int128>();
  });
}

Result<arrow::Datum> ParseTimestamps(const CastJob& job) {
  const int precision = job.to().precision;
  if (job.to().kind == TypeKind::kTimestamp) {
    return ParseColumn<int64_t>(
        job, [=](std::string_view text) { return ParseTimestamp(text, precision); });
  }
  MILL_ASSIGN(TimeZone zone, TimeZone::Make(job.call.context.time_zone));
  const int64_t units = UnitsPerSecond(precision);
  return ParseColumn<int64_t>(job, [&](std::string_view text) {
    bool utc = false;
    std::optional<int64_t> time = ParseTimestamp(text, precision, &utc);
    if (time && !utc && !zone.is_utc()) {
      const int64_t seconds = FloorDiv(*time, units);
      *time += (zone.LocalToUtc(seconds) - seconds) * units;
    }
    return time;
  });
}

// A time part left to its type: "+1-02" and "+3 04:05:06.789".
void AppendMonths(int32_t months, std::string* out) {
  const int64_t size = months < 0 ? -int64_t{months} : months;
  out->push_back(months < 0 ? '-' : '+');
  AppendInteger(size / 12, out);
  out->push_back('-');
  AppendPadded(size % 12, 2, out);
}

void AppendDayInterval(int64_t millis, std::string* out) {
  const int64_t size = millis < 0 ? -millis : millis;
  out->push_back(millis < 0 ? '-' : '+');
  AppendInteger(size / kMillisPerDay, out);
  out->push_back(' ');
  AppendTime(size % kMillisPerDay, 3, out);
}

Result<arrow::Datum> FormatInstants(const CastJob& job) {
  MILL_ASSIGN(TimeZone zone, TimeZone::Make(job.call.context.time_zone));
  const int precision = job.from().precision;
  const int64_t units = UnitsPerSecond(precision);
  return RunPerRow<Text(int64_t)>(job.call, [&](int64_t time, std::string* out) {
    AppendTimestamp(time + zone.OffsetAt(FloorDiv(time, units)) * units, precision, out);
  });
}

Result<arrow::Datum> FormatTimes(const CastJob& job) {
  const int precision = job.from().precision;
  switch (job.from().kind) {
    case TypeKind::kDate:
      return RunPerRow<Text(int32_t)>(job.call,
                                      [](int32_t days, std::string* out) { AppendDate(days, out); });
    case TypeKind::kTime:
      return RunPerRow<Text(int32_t)>(job.call, [=](int32_t time, std::string* out) {
        AppendTime(time, precision, out);
      });
    case TypeKind::kTimestamp:
      return RunPerRow<Text(int64_t)>(job.call, [=](int64_t time, std::string* out) {
        AppendTimestamp(time, precision, out);
      });
    case TypeKind::kIntervalMonth: return RunPerRow<Text(int32_t)>(job.call, AppendMonths);
    case TypeKind::kIntervalDay: return RunPerRow<Text(int64_t)>(job.call, AppendDayInterval);
    default: return FormatInstants(job);
  }
}

}  // namespace

Result<arrow::Datum> ParseText(const CastJob& job) {
  switch (job.to().kind) {
    case TypeKind::kBoolean: return ParseColumn<bool>(job, ParseBoolean);
    case TypeKind::kDecimal: return ParseDecimals(job);
    case TypeKind::kDate:
      return ParseColumn<int32_t>(job, ParseDateOfTime);
    case TypeKind::kTime:
      return ParseColumn<int32_t>(job, [unit = MillisPerDigit(job.to().precision)](
                                           std::string_view text) -> std::optional<int32_t> {
        const auto time = ParseTime(text);
        if (!time) return std::nullopt;
        return *time / unit * unit;
      });
    case TypeKind::kTimestamp:
    case TypeKind::kTimestampLtz: return ParseTimestamps(job);
    default: return ParseNumber(job);
  }
}

Result<arrow::Datum> FormatText(const CastJob& job) {
  const SqlType& from = job.from();
  switch (from.kind) {
    case TypeKind::kBoolean:
      return RunPerRow<Text(bool)>(job.call, [](bool value, std::string* out) {
        out->append(value ? "TRUE" : "FALSE");
      });
    case TypeKind::kDecimal:
      return RunPerRow<Text(Int128)>(job.call, [scale = from.scale](Int128 value, std::string* out) {
        AppendDecimal(value, scale, out);
      });
    case TypeKind::kDouble: return RunPerRow<Text(double)>(job.call, AppendDouble);
    case TypeKind::kFloat: return RunPerRow<Text(float)>(job.call, AppendFloat);
    default: break;
  }
  if (!from.IsInteger()) return FormatTimes(job);
  return WithNumberType(from.kind, [&](auto number) -> Result<arrow::Datum> {
    using From = decltype(number);
    return RunPerRow<Text(From)>(job.call, [](From value, std::string* out) {
      AppendInteger(static_cast<int64_t>(value), out);
    });
  });
}

Result<arrow::Datum> FitLength(const CastJob& job) {
  const SqlType& to = job.to();
  const auto length = static_cast<size_t>(to.precision);
  const bool pads = to.kind == TypeKind::kChar || to.kind == TypeKind::kBinary;
  const bool fits = to.precision == SqlType::kMaxLength || to.precision <= 0 ||
                    (!pads && job.from().precision > 0 && job.from().precision <= to.precision);
  if (fits) return job.value();
  const bool bytes = to.IsBinary();
  return RunPerRow<Text(std::string_view)>(job.call, [=](std::string_view text, std::string* out) {
    const std::string_view kept = text.substr(0, bytes ? length : OffsetOfChar(text, length));
    out->append(kept);
    const size_t count = bytes ? kept.size() : CountChars(kept);
    if (pads && count < length) out->append(length - count, bytes ? '\0' : ' ');
  });
}

}  // namespace millrace
