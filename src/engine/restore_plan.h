// RestorePlan: what of a checkpoint a script takes up, told before anything is done. Parts are matched by
// their ids: those of the same table written, operator, keys and window.
#pragma once

#include <string>
#include <vector>

#include "runtime/checkpoint.h"
#include "runtime/graph.h"

namespace millrace {

struct RestorePlan {
  std::string text;                  // a line for each part: kept, converted, rebuilt or dropped
  std::vector<std::string> dropped;  // what the script has no use for
};

Result<RestorePlan> PlanRestore(const Graph& graph, const RestorePoint& point);

}  // namespace millrace
