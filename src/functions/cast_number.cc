// Casts between numbers, booleans and intervals: Java's narrowing (integers wrap, floating point
// saturates and is cut), decimals rounded half up, NULL where a decimal does not fit.
#include <cmath>
#include <limits>

#include "functions/cast_internal.h"
#include "functions/vectorized.h"

namespace millrace {
namespace {

// Java's (long) and (int) of a double: NaN is 0, what is too large is the largest.
template <typename To>
To Saturate(double value) {
  if (std::isnan(value)) return 0;
  constexpr auto kMin = std::numeric_limits<To>::min();
  constexpr auto kMax = std::numeric_limits<To>::max();
  if (value <= static_cast<double>(kMin)) return kMin;
  if (value >= static_cast<double>(kMax)) return kMax;
  return static_cast<To>(value);
}

template <typename To, typename From>
To Narrow(From value) {
  if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    // Byte and short go by way of int, as in Java.
    if constexpr (sizeof(To) < sizeof(int32_t)) return static_cast<To>(Saturate<int32_t>(value));
    return Saturate<To>(value);
  } else {
    return static_cast<To>(value);
  }
}

Result<arrow::Datum> CastPlain(const CastJob& job) {
  return WithNumberType(job.from().kind, [&](auto from) {
    using From = decltype(from);
    return WithNumberType(job.to().kind, [&](auto to) -> Result<arrow::Datum> {
      using To = decltype(to);
      return MapValues<To, From>(job.call, [](From value) { return Narrow<To>(value); });
    });
  });
}

Result<arrow::Datum> ToDecimal(const CastJob& job) {
  const int precision = job.to().precision, scale = job.to().scale;
  if (job.from().kind == TypeKind::kDecimal) {
    const int from_scale = job.from().scale;
    return RunPerRow<Int128(Int128)>(job.call, [=](Int128 value) {
      return RescaleDecimal(value, from_scale, scale, precision);
    });
  }
  return WithNumberType(job.from().kind, [&](auto from) -> Result<arrow::Datum> {
    using From = decltype(from);
    return RunPerRow<Int128(From)>(job.call, [=](From value) {
      if constexpr (std::is_floating_point_v<From>) {
        return DecimalFromDouble(value, precision, scale);
      } else {
        return RescaleDecimal(value, 0, scale, precision);
      }
    });
  });
}

Result<arrow::Datum> FromDecimal(const CastJob& job) {
  const int scale = job.from().scale;
  return WithNumberType(job.to().kind, [&](auto to) -> Result<arrow::Datum> {
    using To = decltype(to);
    return RunPerRow<To(Int128)>(job.call, [=](Int128 value) {
      if constexpr (std::is_floating_point_v<To>) {
        return static_cast<To>(DecimalToDouble(value, scale));
      } else {
        return static_cast<To>(value / PowerOfTen(scale));
      }
    });
  });
}

Result<arrow::Datum> FromBoolean(const CastJob& job) {
  if (job.to().kind == TypeKind::kDecimal) {
    const int precision = job.to().precision, scale = job.to().scale;
    return RunPerRow<Int128(bool)>(
        job.call, [=](bool value) { return RescaleDecimal(value ? 1 : 0, 0, scale, precision); });
  }
  return WithNumberType(job.to().kind, [&](auto to) -> Result<arrow::Datum> {
    using To = decltype(to);
    return RunPerRow<To(bool)>(job.call, [](bool value) { return static_cast<To>(value ? 1 : 0); });
  });
}

Result<arrow::Datum> ToBoolean(const CastJob& job) {
  if (job.from().kind == TypeKind::kDecimal) {
    return RunPerRow<bool(Int128)>(job.call, [](Int128 value) { return value != 0; });
  }
  return WithNumberType(job.from().kind, [&](auto from) -> Result<arrow::Datum> {
    using From = decltype(from);
    return RunPerRow<bool(From)>(job.call, [](From value) { return value != From{0}; });
  });
}

}  // namespace

Result<arrow::Datum> CastNumber(const CastJob& job) {
  const TypeKind from = job.from().kind, to = job.to().kind;
  if (from == TypeKind::kBoolean) return FromBoolean(job);
  if (to == TypeKind::kBoolean) return ToBoolean(job);
  if (to == TypeKind::kDecimal) return ToDecimal(job);
  if (from == TypeKind::kDecimal) return FromDecimal(job);
  return CastPlain(job);
}

}  // namespace millrace
