#include "operators/row_differences.h"

#include <arrow/compare.h>
#include <arrow/type_traits.h>

namespace millrace {
namespace {

bool SameValue(const arrow::Array& array, int64_t a, int64_t b) {
  return arrow::ArrayRangeEquals(array, array, a, a + 1, b,
                                 arrow::EqualOptions::Defaults().nans_equal(true));
}

}  // namespace

void MarkDifferences(const arrow::Array& array, const std::vector<int64_t>& rows,
                     const std::vector<int64_t>& others, std::vector<bool>& differ) {
  const arrow::ArrayData& data = *array.data();
  const bool words = data.type->id() != arrow::Type::BOOL && arrow::is_fixed_width(*data.type) &&
                     data.type->byte_width() == 8 && data.GetNullCount() == 0;
  const auto* values = words ? data.GetValues<uint64_t>(1) : nullptr;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (differ[i]) continue;
    differ[i] =
        words ? values[rows[i]] != values[others[i]] : !SameValue(array, rows[i], others[i]);
  }
}

}  // namespace millrace
