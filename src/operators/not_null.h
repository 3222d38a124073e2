// Before a sink: rows with a NULL where the table has none fail the job, or are dropped and counted.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "operators/operator.h"

namespace millrace {

struct NotNullSpec {
  std::string table;
  std::vector<int> columns;  // those that take no NULL
  bool drop = false;         // else a NULL is an error
};

std::unique_ptr<Operator> MakeNotNull(NotNullSpec spec);

}  // namespace millrace
