// Normalizes upserts: rows that replace or delete others by key become full changes, each with the row
// that it takes the place of: +I, or -U and +U, or -D. A row that changes nothing, and the deletion of
// a key that is not there, are dropped, as in Flink.
#pragma once

#include <memory>
#include <vector>

#include "operators/operator.h"

namespace millrace {

struct NormalizeSpec {
  std::vector<int> keys;  // columns
  std::shared_ptr<arrow::Schema> output;  // the input's; no nested columns
};

std::unique_ptr<Operator> MakeNormalize(NormalizeSpec spec);

}  // namespace millrace
