// Checks and reads the text of literals.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "data/type.h"

namespace millrace {

constexpr int kMaxDecimalPrecision = 38;
constexpr int kMaxFractionDigits = 9;  // of seconds

// Reads at least `least` and at most `most` digits at `position`, and moves it behind them.
bool ReadDigits(std::string_view text, size_t& position, size_t least, size_t most,
                int64_t& value);

// Moves `position` behind `wanted`; false, and not moved, if another character stands there.
bool ReadChar(std::string_view text, size_t& position, char wanted);

// Is `text` the whole of a DATE, TIME or TIMESTAMP literal? Counts the digits of its fraction.
bool IsTimeLiteral(TypeKind kind, std::string_view text, int& fraction_digits);

// Decodes \XXXX escapes, UTF-16 surrogate pairs included; a doubled escape stands for itself.
// False if an escape is broken.
bool DecodeUnicode(std::string_view text, char escape, std::string& decoded);

}  // namespace millrace
