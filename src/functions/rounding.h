// FLOOR and CEIL have two forms under one name: numbers (math.cc) and points in time (time.cc).
#pragma once

#include "functions/registry.h"

namespace millrace {

Result<Binding> BindNumericFloor(const std::vector<SqlType>& args);
Result<arrow::Datum> EvalNumericFloor(const Call& call, bool up);

}  // namespace millrace
