// GROUP BY without a window: an updating result. Per key and batch at most one change is emitted:
// +I for a new group, -U/+U for a changed one, -D when its last row was taken back. A global aggregate
// (no keys) answers from its first row on and then for good, as in Flink. Also DISTINCT (keys, no calls).
// Output columns: the keys, then the aggregates.
//
// With a TTL, a group is forgotten, and never seen again, once no row has come to it for that long, in
// processing time; nothing is emitted then. Its next row makes a new group (+I), as in Flink.
#pragma once

#include <memory>
#include <vector>

#include "functions/aggregate.h"
#include "operators/operator.h"

namespace millrace {

struct GroupAggregateSpec {
  std::vector<int> keys;
  std::vector<AggregateCall> calls;
  bool retract = false;        // the input takes rows back
  bool before_images = true;   // emit -U before +U
  std::shared_ptr<arrow::Schema> output;
  int64_t ttl = 0;  // ms; 0: groups stay for ever
};

std::unique_ptr<Operator> MakeGroupAggregate(GroupAggregateSpec spec);

}  // namespace millrace
