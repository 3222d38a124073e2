// Window assignment without an aggregate: each row comes out once for each window it belongs to, with
// window_start, window_end (timestamp[ms]) and window_time added. Not for SESSION.
#pragma once

#include <memory>

#include "operators/operator.h"
#include "windows/window.h"

namespace millrace {

struct WindowAssignSpec {
  WindowSpec window;
  std::shared_ptr<arrow::Schema> output;
  std::string time_zone;  // windows lie in it; "": in the times as they are
};

std::unique_ptr<Operator> MakeWindowAssign(WindowAssignSpec spec);

}  // namespace millrace
