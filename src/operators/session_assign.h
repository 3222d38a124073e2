// SESSION windows without an aggregate: rows wait until the watermark closes their session, then come
// out with window_start, window_end and window_time behind their columns. Sessions are those of
// SessionAggregate; late rows are dropped.
#pragma once

#include <memory>

#include "operators/operator.h"
#include "windows/window.h"

namespace millrace {

struct SessionAssignSpec {
  WindowSpec window;  // its partition: whose sessions; none: of all rows together
  std::shared_ptr<arrow::Schema> output;  // the input's columns and the three
};

std::unique_ptr<Operator> MakeSessionAssign(SessionAssignSpec spec);

}  // namespace millrace
