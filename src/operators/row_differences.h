// Which results of an aggregate have changed, column by column.
#pragma once

#include <arrow/array.h>

#include <vector>

namespace millrace {

// Sets differ[i] where row rows[i] of `array` is not equal to its row others[i]; NULL equals NULL,
// and NaN equals NaN. All three lists are of one length; what is marked already stays.
void MarkDifferences(const arrow::Array& array, const std::vector<int64_t>& rows,
                     const std::vector<int64_t>& others, std::vector<bool>& differ);

}  // namespace millrace
