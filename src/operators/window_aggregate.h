// Windowed GROUP BY: TUMBLE, HOP, CUMULATE, SESSION, COUNT and windows that the rows carry. Keeps
// partial results by slice of time (or by session), not rows: a row updates one slice of its key; a
// closing window merges its slices. Output columns: the keys, the aggregates, window_start and
// window_end (timestamp[ms]), and window_time (timestamp[ms], = window_end - 1).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "functions/aggregate.h"
#include "operators/operator.h"
#include "windows/emit.h"

namespace millrace {

struct WindowAggregateSpec {
  WindowSpec window;
  std::vector<int> keys;  // input columns
  std::vector<AggregateCall> calls;
  bool retract = false;  // the input takes rows back
  std::shared_ptr<arrow::Schema> output;
  std::shared_ptr<arrow::Schema> input;  // for sessions whose rows wait for the watermark
  EmitSpec emit;  // early and late results; not for sessions with caps
};

// The input columns by which the operator's rows must be spread over its instances.
std::vector<int> ExchangeKeys(const WindowSpec& window, const std::vector<int>& keys);

// For SESSION windows (SessionAggregate), for COUNT and for all others (slices); with early or late
// results FiringWindowAggregate, whose output is updating: a changed result comes as -U/+U, one
// that is no more as -D.
std::unique_ptr<Operator> MakeWindowAggregate(WindowAggregateSpec spec);

}  // namespace millrace
