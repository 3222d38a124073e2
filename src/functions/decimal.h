// DECIMAL arithmetic on unscaled 128-bit integers: the value 1.23 of DECIMAL(3, 2) is 123. Results that
// do not fit the wanted precision are empty, which SQL shows as NULL. Rounding is half up.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace millrace {

__extension__ typedef __int128 Int128;

inline constexpr int kMaxDecimalDigits = 38;

// 10^digits, 0 <= digits <= 38.
Int128 PowerOfTen(int digits);
inline bool FitsPrecision(Int128 value, int precision) {
  const Int128 limit = PowerOfTen(precision);
  return value < limit && value > -limit;
}
// value / 10^digits, rounded half up.
Int128 DropDigits(Int128 value, int digits);
// The same number with another scale.
std::optional<Int128> RescaleDecimal(Int128 value, int from_scale, int to_scale, int precision);
// a * b with the last `drop` digits rounded away.
std::optional<Int128> MultiplyDecimal(Int128 a, Int128 b, int drop, int precision);
// a * 10^shift / b; b is not 0.
std::optional<Int128> DivideDecimal(Int128 a, Int128 b, int shift, int precision);

double DecimalToDouble(Int128 value, int scale);
std::optional<Int128> DecimalFromDouble(double value, int precision, int scale);

enum class DecimalParse { kOk, kInvalid, kOverflow };
// Reads "-1.25" or "1.25e3".
DecimalParse ParseDecimal(std::string_view text, int precision, int scale, Int128* value);
// Appends "1.23"; all `scale` digits are written.
void AppendDecimal(Int128 value, int scale, std::string* out);

}  // namespace millrace
