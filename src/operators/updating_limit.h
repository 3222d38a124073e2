// LIMIT and OFFSET over rows that are taken back again: keeps all rows in the order of arrival and
// emits the changes of those from `offset` on, `limit` at most, as Flink's Top-N without a sort key
// does. A changed row stands last, for it is taken back and comes again.
#pragma once

#include <memory>

#include "operators/operator.h"

namespace millrace {

struct UpdatingLimitSpec {
  int64_t limit = -1;  // -1: none
  int64_t offset = 0;
  std::shared_ptr<arrow::Schema> output;  // the input's; no nested columns
};

// Wants all rows in one instance.
std::unique_ptr<Operator> MakeUpdatingLimit(UpdatingLimitSpec spec);

}  // namespace millrace
