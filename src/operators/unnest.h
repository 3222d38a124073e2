// UNNEST: each row once for each element of its last column, an ARRAY or MAP, in order. Output: the
// input's columns but the last, then the element (of a ROW its members, of a MAP key and value), then
// the element's number from 1 if asked for. Outer: a row without elements comes out once, with NULLs.
#pragma once

#include <memory>

#include "operators/operator.h"

namespace millrace {

struct UnnestSpec {
  bool outer = false;
  bool with_ordinality = false;
  std::shared_ptr<arrow::Schema> output;
};

std::unique_ptr<Operator> MakeUnnest(UnnestSpec spec);

}  // namespace millrace
