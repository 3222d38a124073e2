#include "sql/interval_unit.h"

#include <array>
#include <set>
#include <utility>

#include "sql/literal_text.h"

namespace millrace {
namespace {

constexpr std::array<IntervalUnit, 9> kIntervalUnits = {{
    {"YEAR", TypeKind::kIntervalMonth, 12, 0},
    {"QUARTER", TypeKind::kIntervalMonth, 3, 0},
    {"MONTH", TypeKind::kIntervalMonth, 1, 12},
    {"WEEK", TypeKind::kIntervalDay, 604800000, 0},
    {"DAY", TypeKind::kIntervalDay, 86400000, 0},
    {"HOUR", TypeKind::kIntervalDay, 3600000, 24},
    {"MINUTE", TypeKind::kIntervalDay, 60000, 60},
    {"SECOND", TypeKind::kIntervalDay, 1000, 60},
    {"MILLISECOND", TypeKind::kIntervalDay, 1, 0},
}};

}  // namespace

const IntervalUnit* FindIntervalUnit(std::string_view name) {
  for (const IntervalUnit& unit : kIntervalUnits) {
    if (unit.name == name) return &unit;
  }
  return nullptr;
}

std::string SingularUnit(const std::string& key) {
  if (key.size() < 2 || key.back() != 'S') return key;
  std::string singular = key.substr(0, key.size() - 1);
  return FindIntervalUnit(singular) == nullptr ? key : singular;
}

bool IsRangeOfUnits(std::string_view first, std::string_view last) {
  static const std::set<std::pair<std::string_view, std::string_view>> ranges = {
      {"YEAR", "MONTH"}, {"DAY", "HOUR"},    {"DAY", "MINUTE"},   {"DAY", "SECOND"},
      {"HOUR", "MINUTE"}, {"HOUR", "SECOND"}, {"MINUTE", "SECOND"}};
  return ranges.contains({first, last});
}

namespace {

bool AddTimes(int64_t count, int64_t amount, int64_t& total) {
  int64_t product = 0;
  return !__builtin_mul_overflow(count, amount, &product) &&
         !__builtin_add_overflow(total, product, &total);
}

// ".5" of seconds, in milliseconds; digits beyond the third are dropped.
bool ReadFraction(std::string_view text, size_t& position, int64_t& total) {
  if (!ReadChar(text, position, '.')) return true;
  const size_t start = position;
  int64_t fraction = 0;
  if (!ReadDigits(text, position, 1, kMaxFractionDigits, fraction)) return false;
  for (size_t digits = position - start; digits > 3; --digits) fraction /= 10;
  for (size_t digits = position - start; digits < 3; ++digits) fraction *= 10;
  return AddTimes(fraction, 1, total);
}

// The character before `unit` in an interval of several units: '1-2', '10 12:30:59'.
char SeparatorBefore(std::string_view unit) {
  if (unit == "MONTH") return '-';
  return unit == "HOUR" ? ' ' : ':';
}

}  // namespace

bool ReadInterval(std::string_view text, const IntervalUnit* first, const IntervalUnit* last,
                  int64_t& total) {
  constexpr size_t kMaxDigits = 18;  // an int64_t surely holds them
  size_t position = 0;
  const bool negative = ReadChar(text, position, '-');
  if (!negative) ReadChar(text, position, '+');
  total = 0;
  for (const IntervalUnit* unit = first; unit <= last; ++unit) {
    if (unit != first && unit->limit == 0) continue;  // QUARTER and WEEK are in no range
    if (unit != first && !ReadChar(text, position, SeparatorBefore(unit->name))) return false;
    int64_t count = 0;
    if (!ReadDigits(text, position, 1, kMaxDigits, count)) return false;
    if (unit != first && count >= unit->limit) return false;
    if (!AddTimes(count, unit->amount, total)) return false;
  }
  if (last->name == "SECOND" && !ReadFraction(text, position, total)) return false;
  if (negative) total = -total;
  return position == text.size();
}

}  // namespace millrace
