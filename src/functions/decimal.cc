#include "functions/decimal.h"

#include <arrow/util/decimal.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

namespace millrace {
namespace {

using arrow::Decimal256;

constexpr std::array<Int128, kMaxDecimalDigits + 1> MakePowers() {
  std::array<Int128, kMaxDecimalDigits + 1> powers{};
  powers[0] = 1;
  for (size_t i = 1; i < powers.size(); ++i) powers[i] = powers[i - 1] * 10;
  return powers;
}
constexpr std::array<Int128, kMaxDecimalDigits + 1> kPowers = MakePowers();

constexpr size_t kTextDigits = 48;  // room for any Int128

Decimal256 Widen(Int128 value) {
  const uint64_t low = static_cast<uint64_t>(value);
  const uint64_t high = static_cast<uint64_t>(value >> 64);
  return Decimal256(arrow::Decimal128(static_cast<int64_t>(high), low));
}

std::optional<Int128> Narrow(const Decimal256& value, int precision) {
  if (!value.FitsInPrecision(precision)) return std::nullopt;
  const auto words = value.little_endian_array();
  return static_cast<Int128>((static_cast<unsigned __int128>(words[1]) << 64) | words[0]);
}

Decimal256 WidePower(int digits) {
  if (digits <= kMaxDecimalDigits) return Widen(PowerOfTen(digits));
  return Widen(PowerOfTen(kMaxDecimalDigits)) * Widen(PowerOfTen(digits - kMaxDecimalDigits));
}

// a / b rounded half away from zero.
Decimal256 DivideHalfUp(const Decimal256& a, const Decimal256& b) {
  const auto divided = a.Divide(b);
  if (!divided.ok()) return Decimal256(0);
  const auto& [quotient, rest] = *divided;
  const Decimal256 twice = Decimal256::Abs(rest) + Decimal256::Abs(rest);
  if (twice < Decimal256::Abs(b)) return quotient;
  const bool negative = (a < Decimal256(0)) != (b < Decimal256(0));
  return quotient + Decimal256(negative ? -1 : 1);
}

Int128 DivideHalfUp(Int128 a, Int128 b) {
  const Int128 quotient = a / b;
  const Int128 rest = a % b;
  const Int128 size = rest < 0 ? -rest : rest;
  const Int128 divisor = b < 0 ? -b : b;
  if (size < divisor - size) return quotient;
  return (a < 0) != (b < 0) ? quotient - 1 : quotient + 1;
}

bool FitsInt64(Int128 value) { return value == static_cast<int64_t>(value); }

// The digits of `text` around its point.
struct DigitText {
  bool negative = false;
  std::string digits;  // without leading zeros
  int64_t exponent = 0;  // value = digits * 10^exponent
};

bool ReadExponent(std::string_view text, int64_t* exponent) {
  if (!text.empty() && text[0] == '+') text.remove_prefix(1);
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return false;
  *exponent += value;
  return true;
}

bool ReadDigits(std::string_view text, DigitText* out) {
  size_t i = 0;
  if (i < text.size() && (text[i] == '-' || text[i] == '+')) out->negative = text[i++] == '-';
  bool point = false, any = false;
  for (; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '.' && !point) {
      point = true;
    } else if (c >= '0' && c <= '9') {
      any = true;
      if (c != '0' || !out->digits.empty()) out->digits += c;
      if (point) --out->exponent;
    } else if ((c == 'e' || c == 'E') && any) {
      return ReadExponent(text.substr(i + 1), &out->exponent);
    } else {
      return false;
    }
  }
  return any;
}

}  // namespace

Int128 PowerOfTen(int digits) { return kPowers[static_cast<size_t>(digits)]; }

Int128 DropDigits(Int128 value, int digits) {
  if (digits <= 0) return value;
  if (digits > kMaxDecimalDigits) return 0;
  return DivideHalfUp(value, PowerOfTen(digits));
}

std::optional<Int128> RescaleDecimal(Int128 value, int from_scale, int to_scale, int precision) {
  const int more = to_scale - from_scale;
  if (more <= 0) {
    const Int128 result = DropDigits(value, -more);
    if (!FitsPrecision(result, precision)) return std::nullopt;
    return result;
  }
  if (value == 0) return value;
  if (more > precision || !FitsPrecision(value, precision - more)) return std::nullopt;
  return value * PowerOfTen(more);
}

std::optional<Int128> MultiplyDecimal(Int128 a, Int128 b, int drop, int precision) {
  Int128 product = 0;
  if (FitsInt64(a) && FitsInt64(b)) {
    product = a * b;
  } else if (__builtin_mul_overflow(a, b, &product)) {
    return Narrow(DivideHalfUp(Widen(a) * Widen(b), WidePower(drop)), precision);
  }
  product = DropDigits(product, drop);
  if (!FitsPrecision(product, precision)) return std::nullopt;
  return product;
}

std::optional<Int128> DivideDecimal(Int128 a, Int128 b, int shift, int precision) {
  if (shift < 0) {
    return Narrow(DivideHalfUp(Widen(a), Widen(b) * WidePower(-shift)), precision);
  }
  Int128 numerator = 0;
  if (shift > kMaxDecimalDigits || __builtin_mul_overflow(a, PowerOfTen(shift), &numerator)) {
    return Narrow(DivideHalfUp(Widen(a) * WidePower(shift), Widen(b)), precision);
  }
  const Int128 result = DivideHalfUp(numerator, b);
  if (!FitsPrecision(result, precision)) return std::nullopt;
  return result;
}

double DecimalToDouble(Int128 value, int scale) {
  constexpr int kExactPower = 22;  // 10^22 is the last power that a double holds exactly
  constexpr Int128 kExactInteger = Int128{1} << 53;
  if (value <= kExactInteger && value >= -kExactInteger && scale <= kExactPower) {
    return static_cast<double>(value) / static_cast<double>(PowerOfTen(scale));
  }
  std::string text;
  AppendDecimal(value, scale, &text);
  double result = 0;
  std::from_chars(text.data(), text.data() + text.size(), result);
  return result;
}

namespace {

constexpr int kMostPlaces = 6;

// The number itself if the double is one of at most `scale` decimal places: a decimal of up to 15 digits that
// is read as this double is the only one, and so the one that it is printed as.
std::optional<int64_t> ShortDecimal(double value, int scale) {
  constexpr double kMost = 1e15;
  const auto power = static_cast<double>(PowerOfTen(std::min(scale, kMostPlaces)));
  const double shifted = std::nearbyint(value * power);
  if (!(std::fabs(shifted) < kMost) || shifted / power != value) return std::nullopt;
  return static_cast<int64_t>(shifted);
}

}  // namespace

std::optional<Int128> DecimalFromDouble(double value, int precision, int scale) {
  if (!std::isfinite(value)) return std::nullopt;
  if (const auto number = ShortDecimal(value, scale)) {
    const Int128 result = *number * PowerOfTen(std::max(scale - kMostPlaces, 0));
    if (!FitsPrecision(result, precision)) return std::nullopt;
    return result;
  }
  char buffer[64];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof(buffer), value,
                                          std::chars_format::scientific);
  if (error != std::errc()) return std::nullopt;
  Int128 result = 0;
  const std::string_view text(buffer, static_cast<size_t>(end - buffer));
  if (ParseDecimal(text, precision, scale, &result) != DecimalParse::kOk) return std::nullopt;
  return result;
}

DecimalParse ParseDecimal(std::string_view text, int precision, int scale, Int128* value) {
  DigitText number;
  if (!ReadDigits(text, &number)) return DecimalParse::kInvalid;
  *value = 0;
  if (number.digits.empty()) return DecimalParse::kOk;
  // Digits left of the wanted last place: the rest only decides the rounding.
  const int64_t kept = static_cast<int64_t>(number.digits.size()) + number.exponent + scale;
  if (kept < 0) return DecimalParse::kOk;
  if (kept > precision) return DecimalParse::kOverflow;
  Int128 result = 0;
  for (int64_t i = 0; i < kept; ++i) {
    const auto at = static_cast<size_t>(i);
    result = result * 10 + (at < number.digits.size() ? number.digits[at] - '0' : 0);
  }
  const auto next = static_cast<size_t>(kept);
  if (next < number.digits.size() && number.digits[next] >= '5') ++result;
  if (!FitsPrecision(result, precision)) return DecimalParse::kOverflow;
  *value = number.negative ? -result : result;
  return DecimalParse::kOk;
}

void AppendDecimal(Int128 value, int scale, std::string* out) {
  char buffer[kTextDigits];
  char* const end = buffer + kTextDigits;
  char* p = end;
  auto rest = value < 0 ? -static_cast<unsigned __int128>(value)
                        : static_cast<unsigned __int128>(value);
  int digits = 0;
  while (rest != 0 || digits <= scale) {
    if (digits == scale && scale > 0) *--p = '.';
    if (rest <= std::numeric_limits<uint64_t>::max()) {
      const auto small = static_cast<uint64_t>(rest);
      *--p = static_cast<char>('0' + small % 10);
      rest = small / 10;
    } else {
      *--p = static_cast<char>('0' + static_cast<int>(rest % 10));
      rest /= 10;
    }
    ++digits;
  }
  if (value < 0) *--p = '-';
  out->append(p, static_cast<size_t>(end - p));
}

}  // namespace millrace
