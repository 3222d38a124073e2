#include "functions/special_forms.h"

#include <algorithm>
#include <cctype>

namespace millrace {

const std::vector<SpecialForm>& SpecialForms() {
  static const std::vector<SpecialForm> kForms = {
      {"CASE", "CASE [value] WHEN x THEN result ... [ELSE result] END",
       "The result of the first WHEN that holds, or equals the value; else that of ELSE, or NULL."},
      {"CAST", "CAST(value AS type)",
       "The value in another type; the job fails if it has none there."},
      {"TRY_CAST", "TRY_CAST(value AS type)", "As CAST, but NULL where the value has none there."},
      {"OVERLAPS", "(start, end) OVERLAPS (start, end) -> BOOLEAN",
       "Whether two spans of time have an instant in common. An end may be an interval from its "
       "start."},
      {"SOURCE_WATERMARK", "WATERMARK FOR column AS SOURCE_WATERMARK()",
       "The watermark that the connector knows: time less the most that its rows can be out of "
       "order."},
      {"GROUPING", "GROUPING(column, ...) -> BIGINT",
       "With GROUPING SETS, ROLLUP or CUBE: a bit for each column, the last one lowest; 1 where the "
       "row is not grouped by it."},
      {"GROUPING_ID", "GROUPING_ID(column, ...) -> BIGINT", "The same as GROUPING."},
      {"GROUP_ID", "GROUP_ID() -> BIGINT",
       "Numbers grouping sets that are written more than once, from 0."},
  };
  return kForms;
}

const SpecialForm* FindSpecialForm(std::string_view name) {
  const auto same = [](char a, char b) {
    return std::toupper(static_cast<unsigned char>(a)) ==
           std::toupper(static_cast<unsigned char>(b));
  };
  const auto& forms = SpecialForms();
  const auto found = std::find_if(forms.begin(), forms.end(), [&](const SpecialForm& form) {
    return std::equal(form.name.begin(), form.name.end(), name.begin(), name.end(), same);
  });
  return found == forms.end() ? nullptr : &*found;
}

}  // namespace millrace
