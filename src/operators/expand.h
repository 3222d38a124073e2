// Grouping sets: each row once for each set, with NULL in the columns that the set lacks and the set's
// number (INT) behind all columns.
#pragma once

#include <memory>
#include <vector>

#include "operators/operator.h"

namespace millrace {

struct ExpandSpec {
  std::vector<int> columns;             // those that some sets lack
  std::vector<std::vector<bool>> sets;  // by set, which of `columns` it has
  std::shared_ptr<arrow::Schema> output;
};

std::unique_ptr<Operator> MakeExpand(ExpandSpec spec);

}  // namespace millrace
