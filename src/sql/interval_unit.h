// The units that intervals, EXTRACT and TIMESTAMPADD name.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "data/type.h"

namespace millrace {

struct IntervalUnit {
  std::string_view name;
  TypeKind kind;
  int64_t amount;  // in months or milliseconds
  int64_t limit;   // how many there may be when a greater unit stands before
};

// Null if `name`, in singular upper case, is no unit. Units lie in one array, the greatest first.
const IntervalUnit* FindIntervalUnit(std::string_view name);

// "SECONDS" -> "SECOND"; a word that is no interval unit stays as it is.
std::string SingularUnit(const std::string& key);

// Is there an interval `first` TO `last`?
bool IsRangeOfUnits(std::string_view first, std::string_view last);

// The value of `text` in the units from `first` to `last`, in months or milliseconds. False if it
// does not have that form.
bool ReadInterval(std::string_view text, const IntervalUnit* first, const IntervalUnit* last,
                  int64_t& total);

}  // namespace millrace
