// Numbers as text, in both directions, with Java's results.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace millrace {

// As Double.toString: the shortest digits that read back, "1.0", "1.0E10", "NaN", "Infinity".
void AppendDouble(double value, std::string* out);
void AppendFloat(float value, std::string* out);
void AppendInteger(int64_t value, std::string* out);

std::string_view TrimBlanks(std::string_view text);
// "12", "+12", "12.7" (cut to 12); empty if it is no number or out of T's range.
template <typename T>
std::optional<T> ParseInteger(std::string_view text);
// "1", "-1.5e3", "NaN", "Infinity".
std::optional<double> ParseDouble(std::string_view text);
// t, true, y, yes, 1 and their opposites in any case.
std::optional<bool> ParseBoolean(std::string_view text);

// True if `text` is empty or "." with digits: a fraction to be cut off.
bool IsFraction(std::string_view text);

template <typename T>
std::optional<T> ParseInteger(std::string_view text) {
  text = TrimBlanks(text);
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
  T value = 0;
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || !IsFraction({at, static_cast<size_t>(end - at)})) return std::nullopt;
  return value;
}

}  // namespace millrace
