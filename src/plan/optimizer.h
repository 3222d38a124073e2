// Optimizer: rewrites a plan into one that does less work and answers the same.
#pragma once

#include "plan/logical.h"

namespace millrace {

// Folds constants, merges neighbouring projections and keeps only the columns that are used, down to
// the scans.
Result<PlanPtr> Optimize(const PlanPtr& plan);

}  // namespace millrace
