#include "formats/options.h"

#include <cctype>
#include <charconv>
#include <string_view>

namespace millrace {
namespace {

using std::chrono::milliseconds;

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower;
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

struct Unit {
  std::string_view name;
  int64_t factor;
};

// Reads "12 unit" with one of `units`; "" is the name of the unit that may be left out.
template <size_t N>
bool ReadWithUnit(std::string_view text, const Unit (&units)[N], int64_t* value) {
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, *value);
  if (error != std::errc() || *value < 0) return false;
  const std::string name = Lower(Trim({stop, static_cast<size_t>(end - stop)}));
  for (const Unit& unit : units) {
    if (unit.name == name) return !__builtin_mul_overflow(*value, unit.factor, value);
  }
  return false;
}

constexpr int64_t kSecond = 1000000, kMinute = 60 * kSecond, kHour = 60 * kMinute,
                  kDay = 24 * kHour;

// In microseconds.
constexpr Unit kDurationUnits[] = {
    {"", 1000},
    {"ms", 1000},
    {"milli", 1000},
    {"millis", 1000},
    {"millisecond", 1000},
    {"milliseconds", 1000},
    {"s", kSecond},
    {"sec", kSecond},
    {"secs", kSecond},
    {"second", kSecond},
    {"seconds", kSecond},
    {"m", kMinute},
    {"min", kMinute},
    {"mins", kMinute},
    {"minute", kMinute},
    {"minutes", kMinute},
    {"h", kHour},
    {"hour", kHour},
    {"hours", kHour},
    {"d", kDay},
    {"day", kDay},
    {"days", kDay},
    {"us", 1},
    {"µs", 1},
    {"micro", 1},
    {"micros", 1},
    {"microsecond", 1},
    {"microseconds", 1},
};

constexpr Unit kMemoryUnits[] = {
    {"", 1},          {"b", 1},          {"bytes", 1},
    {"k", 1 << 10},   {"kb", 1 << 10},   {"kibibytes", 1 << 10},
    {"m", 1 << 20},   {"mb", 1 << 20},   {"mebibytes", 1 << 20},
    {"g", 1 << 30},   {"gb", 1 << 30},   {"gibibytes", 1 << 30},
    {"t", 1LL << 40}, {"tb", 1LL << 40}, {"tebibytes", 1LL << 40},
};

// ISO 8601: P[nD][T[nH][nM][n[.n]S]].
bool ReadIsoDuration(std::string_view text, int64_t* micros) {
  text.remove_prefix(1);
  bool time = false;
  bool any = false;
  *micros = 0;
  while (!text.empty()) {
    if (text.front() == 't') {
      time = true;
      text.remove_prefix(1);
      continue;
    }
    double number = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || number < 0) return false;
    text.remove_prefix(static_cast<size_t>(stop - text.data()));
    if (text.empty()) return false;
    int64_t unit = 0;
    if (!time && text.front() == 'd') unit = kDay;
    if (time && text.front() == 'h') unit = kHour;
    if (time && text.front() == 'm') unit = kMinute;
    if (time && text.front() == 's') unit = kSecond;
    const double total = number * static_cast<double>(unit);
    if (unit == 0 || total > 9e18) return false;
    *micros += static_cast<int64_t>(total);
    any = true;
    text.remove_prefix(1);
  }
  return any;
}

}  // namespace

Result<milliseconds> ParseDuration(const std::string& text) {
  const std::string lower = Lower(Trim(text));
  int64_t micros = 0;
  const bool read = lower.starts_with('p') ? ReadIsoDuration(lower, &micros)
                                           : ReadWithUnit(lower, kDurationUnits, &micros);
  if (!read) return UserError("cannot read '{}' as a duration. hint: write '10 s'", text);
  return milliseconds(micros / 1000);
}

Result<int64_t> ParseMemorySize(const std::string& text) {
  int64_t bytes = 0;
  if (ReadWithUnit(Trim(text), kMemoryUnits, &bytes)) return bytes;
  return UserError("cannot read '{}' as a size. hint: write '128 MB'", text);
}

namespace {

// The option's text, null if it is not set.
const std::string* FindOption(const Options& options, const std::string& key) {
  const auto found = options.find(key);
  return found == options.end() ? nullptr : &found->second;
}

template <typename T>
Result<T> NumberOption(const Options& options, const std::string& key, T fallback,
                       const char* what) {
  const std::string* text = FindOption(options, key);
  if (!text) return fallback;
  const std::string_view digits = Trim(*text);
  T value{};
  const char* end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, value);
  if (error == std::errc() && stop == end && !digits.empty()) return value;
  return UserError("option '{}': cannot read '{}' as {}", key, *text, what);
}

}  // namespace

Result<int64_t> IntOption(const Options& options, const std::string& key, int64_t fallback) {
  return NumberOption<int64_t>(options, key, fallback, "a whole number");
}

Result<double> DoubleOption(const Options& options, const std::string& key, double fallback) {
  return NumberOption<double>(options, key, fallback, "a number");
}

Result<bool> BoolOption(const Options& options, const std::string& key, bool fallback) {
  const std::string* text = FindOption(options, key);
  if (!text) return fallback;
  const std::string lower = Lower(Trim(*text));
  if (lower == "true") return true;
  if (lower == "false") return false;
  return UserError("option '{}': cannot read '{}' as true or false", key, *text);
}

std::string StringOption(const Options& options, const std::string& key,
                         const std::string& fallback) {
  const std::string* text = FindOption(options, key);
  return text ? *text : fallback;
}

Result<milliseconds> DurationOption(const Options& options, const std::string& key,
                                    milliseconds fallback) {
  const std::string* text = FindOption(options, key);
  if (!text) return fallback;
  auto duration = ParseDuration(*text);
  if (!duration.ok()) return Annotate(duration.status(), fmt::format("option '{}'", key));
  return duration;
}

}  // namespace millrace
