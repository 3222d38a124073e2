// Before a sink: rows with a NULL where the table has none fail the job, or are dropped and counted.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "data/type.h"
#include "operators/operator.h"

namespace millrace {

// How far the enforcer looks into values: table.exec.sink.nested-constraint-enforcer.
enum class NestedNulls { kIgnore, kRows, kRowsAndCollections };

// Whether the row of the array, a value of the type, is NULL or has a NULL inside where the type takes
// none. The members of rows are looked at, the elements of arrays and maps where `nested` says so.
bool BreaksNotNull(const SqlType& type, const arrow::Array& array, int64_t row, NestedNulls nested);

struct NotNullSpec {
  struct Guarded {
    int column = -1;
    SqlType type;
  };
  std::string table;
  std::vector<Guarded> columns;  // those that take no NULL, or have parts that take none
  bool drop = false;             // else a NULL is an error
  NestedNulls nested = NestedNulls::kIgnore;
};

std::unique_ptr<Operator> MakeNotNull(NotNullSpec spec);

}  // namespace millrace
