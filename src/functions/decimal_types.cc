#include "functions/decimal_types.h"

#include <algorithm>

#include "functions/decimal.h"

namespace millrace {
namespace {

constexpr int kMinKeptScale = 6;

SqlType Adjusted(int precision, int scale) {
  if (precision <= kMaxDecimalDigits) return SqlType::Of(TypeKind::kDecimal, precision, scale);
  const int digits = precision - scale;
  const int kept = std::max(kMaxDecimalDigits - digits, std::min(scale, kMinKeptScale));
  return SqlType::Of(TypeKind::kDecimal, kMaxDecimalDigits, kept);
}

}  // namespace

SqlType DecimalOf(const SqlType& type) {
  const auto whole = [&](int digits) {
    SqlType decimal = SqlType::Of(TypeKind::kDecimal, digits, 0);
    decimal.nullable = type.nullable;
    return decimal;
  };
  switch (type.kind) {
    case TypeKind::kTinyInt: return whole(3);
    case TypeKind::kSmallInt: return whole(5);
    case TypeKind::kInt: return whole(10);
    case TypeKind::kBigInt: return whole(19);
    default: return type;
  }
}

SqlType SumType(const SqlType& a, const SqlType& b) {
  const int scale = std::max(a.scale, b.scale);
  return Adjusted(std::max(a.precision - a.scale, b.precision - b.scale) + scale + 1, scale);
}

SqlType ProductType(const SqlType& a, const SqlType& b) {
  return Adjusted(a.precision + b.precision + 1, a.scale + b.scale);
}

SqlType QuotientType(const SqlType& a, const SqlType& b) {
  const int scale = std::max(kMinKeptScale, a.scale + b.precision + 1);
  return Adjusted(a.precision - a.scale + b.scale + scale, scale);
}

SqlType ModuloType(const SqlType& a, const SqlType& b) {
  const int scale = std::max(a.scale, b.scale);
  return Adjusted(std::min(a.precision - a.scale, b.precision - b.scale) + scale, scale);
}

SqlType RoundType(const SqlType& type, int places) {
  if (places >= type.scale) return SqlType::Of(TypeKind::kDecimal, type.precision, type.scale);
  const int digits = 1 + type.precision - type.scale;
  if (places < 0) return SqlType::Of(TypeKind::kDecimal, std::min(kMaxDecimalDigits, digits), 0);
  return SqlType::Of(TypeKind::kDecimal, digits + places, places);
}

}  // namespace millrace
