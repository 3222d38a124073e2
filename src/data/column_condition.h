// ColumnCondition: a simple condition on one column, that a source can check against what it knows of many
// rows at once. A row passes if the test is TRUE for it, as in WHERE.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace millrace {

// Integers, dates (days) and times (in the unit of the column's Arrow type); floating; text.
using ColumnValue = std::variant<int64_t, double, std::string>;

struct ColumnCondition {
  enum class Kind {
    kEqual, kNotEqual, kLess, kLessEqual, kGreater, kGreaterEqual,  // than values[0]
    kIn,                                                            // one of `values`
    kIsNull, kIsNotNull,
  };
  std::string column;  // name
  Kind kind = Kind::kEqual;
  std::vector<ColumnValue> values;  // all of one alternative: that of the column's type
  std::string text;                 // "x > 5", for EXPLAIN
};

// What is known of a column in a set of rows.
struct ColumnFacts {
  int64_t rows = 0;
  int64_t nulls = -1;           // -1: not known
  bool bounded = false;         // `least` and `greatest` are known
  ColumnValue least, greatest;  // of the values that are not NULL; NaN is not among them
};

// False if no row can pass.
bool MayPass(const ColumnCondition& test, const ColumnFacts& facts);

}  // namespace millrace
