// Numbers for values: equal values of an array have equal numbers. What ARRAY_DISTINCT, MAP_UNION and the
// equality of nested types are built on.
#pragma once

#include <arrow/array.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "base/status.h"

namespace millrace {

// A number from 0 for each element of `values`, nested ones included. NULL equals NULL, 0.0 equals -0.0,
// and maps are equal if their entries are, in any order.
Result<std::vector<int32_t>> ValueIds(const std::shared_ptr<arrow::Array>& values);

}  // namespace millrace
