#include "functions/number_text.h"

#include <cmath>
#include <cstdlib>
#include <cstring>

namespace millrace {
namespace {

// The shortest digits of a number, as "d.ddd" times 10^exponent.
struct Scientific {
  bool negative = false;
  char digits[24];
  int count = 0;
  int exponent = 0;
};

template <typename T>
Scientific Shortest(T value) {
  char buffer[48];
  const auto [end, error] =
      std::to_chars(buffer, buffer + sizeof(buffer), value, std::chars_format::scientific);
  Scientific result;
  const char* p = buffer;
  if (*p == '-') {
    result.negative = true;
    ++p;
  }
  for (; p < end && *p != 'e'; ++p) {
    if (*p != '.') result.digits[result.count++] = *p;
  }
  if (p < end && error == std::errc()) {
    ++p;
    if (*p == '+') ++p;
    std::from_chars(p, end, result.exponent);
  }
  return result;
}

void AppendPlain(const Scientific& number, std::string* out) {
  const int exponent = number.exponent;
  if (exponent < 0) {
    out->append("0.");
    out->append(static_cast<size_t>(-exponent - 1), '0');
    out->append(number.digits, static_cast<size_t>(number.count));
    return;
  }
  for (int i = 0; i <= exponent; ++i) out->push_back(i < number.count ? number.digits[i] : '0');
  out->push_back('.');
  if (number.count <= exponent + 1) {
    out->push_back('0');
  } else {
    out->append(number.digits + exponent + 1, static_cast<size_t>(number.count - exponent - 1));
  }
}

void AppendWithExponent(const Scientific& number, std::string* out) {
  out->push_back(number.digits[0]);
  out->push_back('.');
  if (number.count == 1) {
    out->push_back('0');
  } else {
    out->append(number.digits + 1, static_cast<size_t>(number.count - 1));
  }
  out->push_back('E');
  AppendInteger(number.exponent, out);
}

// A double of at most three decimal places and plain digits, which most are: its decimal of up to 15 digits
// is the only one that is read as it. False if it is another.
bool AppendShort(double value, std::string* out) {
  constexpr double kSmallest = 1e-3, kLargest = 1e7;  // Java's plain digits
  const double size = std::fabs(value);
  if (!(size >= kSmallest && size < kLargest)) return false;
  const double shifted = std::nearbyint(size * 1000);
  if (shifted / 1000 != size) return false;
  const auto number = static_cast<uint64_t>(shifted);
  char buffer[24];
  char* end = buffer;
  if (value < 0) *end++ = '-';
  end = std::to_chars(end, buffer + sizeof(buffer), number / 1000).ptr;
  *end++ = '.';
  const auto rest = static_cast<unsigned>(number % 1000);
  *end++ = static_cast<char>('0' + rest / 100);
  *end++ = static_cast<char>('0' + rest / 10 % 10);
  *end++ = static_cast<char>('0' + rest % 10);
  for (int i = 0; i < 2 && end[-1] == '0'; ++i) --end;  // one place stays
  out->append(buffer, static_cast<size_t>(end - buffer));
  return true;
}

template <typename T>
void AppendReal(T value, std::string* out) {
  if (std::isnan(value)) {
    out->append("NaN");
  } else if (std::isinf(value)) {
    out->append(value < 0 ? "-Infinity" : "Infinity");
  } else if (value == 0) {
    out->append(std::signbit(value) ? "-0.0" : "0.0");
  } else {
    const Scientific number = Shortest(value);
    if (number.negative) out->push_back('-');
    // Java writes plain digits from 10^-3 up to 10^7.
    if (number.exponent >= -3 && number.exponent < 7) {
      AppendPlain(number, out);
    } else {
      AppendWithExponent(number, out);
    }
  }
}

bool EqualsIgnoringCase(std::string_view text, std::string_view lower) {
  if (text.size() != lower.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if ((c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c) != lower[i]) return false;
  }
  return true;
}

// Too large or too small for a double: infinity or zero.
double ParseOutOfRange(std::string_view text) { return std::strtod(std::string(text).c_str(), nullptr); }

}  // namespace

void AppendDouble(double value, std::string* out) {
  if (!AppendShort(value, out)) AppendReal(value, out);
}
void AppendFloat(float value, std::string* out) { AppendReal(value, out); }

void AppendInteger(int64_t value, std::string* out) {
  char buffer[24];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof(buffer), value);
  if (error == std::errc()) out->append(buffer, static_cast<size_t>(end - buffer));
}

std::string_view TrimBlanks(std::string_view text) {
  constexpr auto is_blank = [](char c) { return c == ' ' || (c >= '\t' && c <= '\r'); };
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

bool IsFraction(std::string_view text) {
  if (text.empty()) return true;
  if (text[0] != '.') return false;
  for (char c : text.substr(1)) {
    if (c < '0' || c > '9') return false;
  }
  return true;
}

std::optional<double> ParseDouble(std::string_view text) {
  text = TrimBlanks(text);
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
  const std::string_view unsigned_text = text.substr(!text.empty() && text[0] == '-' ? 1 : 0);
  if (unsigned_text.empty()) return std::nullopt;
  const char first = unsigned_text[0];
  const bool is_word = first != '.' && (first < '0' || first > '9');
  if (is_word && unsigned_text != "NaN" && unsigned_text != "Infinity") return std::nullopt;
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  if (error == std::errc::invalid_argument) return std::nullopt;
  const bool suffix = at + 1 == end && !is_word && std::strchr("dDfF", *at) != nullptr;
  if (at != end && !suffix) return std::nullopt;
  return error == std::errc::result_out_of_range ? ParseOutOfRange(text) : value;
}

std::optional<bool> ParseBoolean(std::string_view text) {
  text = TrimBlanks(text);
  for (std::string_view word : {"true", "t", "yes", "y", "1"}) {
    if (EqualsIgnoringCase(text, word)) return true;
  }
  for (std::string_view word : {"false", "f", "no", "n", "0"}) {
    if (EqualsIgnoringCase(text, word)) return false;
  }
  return std::nullopt;
}

}  // namespace millrace
