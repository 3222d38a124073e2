// Replicate: each row as often as its last column says, without that column. A changed number, -U and
// +U beside each other, emits the difference only. For INTERSECT ALL and EXCEPT ALL.
#pragma once

#include <memory>

#include "operators/operator.h"

namespace millrace {

struct ReplicateSpec {
  std::shared_ptr<arrow::Schema> output;  // the input's but for its last column, a BIGINT
};

std::unique_ptr<Operator> MakeReplicate(ReplicateSpec spec);

}  // namespace millrace
