// Pushdown: tells scans which rows the filters above them will drop, so that a source that knows its
// rows' bounds need not read them. The filters stay.
#pragma once

#include "plan/logical.h"

namespace millrace {

// The plan with Plan::conditions set in its scans: the comparisons with constants, IN, IS NULL and IS
// NOT NULL of columns of the table, joined by AND, of the filters that stand above a scan with no
// more than projections between.
PlanPtr PushConditions(const PlanPtr& plan);

// True if skipping rows need not change the table's watermarks: it has none, or one that rises with
// its event time, a column of its own, and depends on nothing else.
bool WatermarkFollowsTime(const TableDefinition& table);

}  // namespace millrace
