// Conformance cases: single expressions with the value or error that Flink gives for them. The case
// files lie outside the repository; this reads them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "functions/expression.h"

namespace millrace::conformance {

// A column of the one input row that a group of cases reads.
struct Field {
  std::string name;
  ExpressionPtr literal;    // its value; null if it cannot be had here
  std::string why_missing;  // then: why
};

struct Case {
  std::string test;  // where it came from: class and function or test method
  std::string sql;
  std::string time_zone = "UTC";
  bool wants_error = false;
  bool at_runtime = false;             // the error must come from evaluating, not from binding
  bool at_binding = false;             // the other way round
  std::optional<std::string> text;     // expected: the value cast to STRING, "NULL" for NULL
  ExpressionPtr value;                 // expected: a typed value
  std::string why_missing;             // not empty: what is expected cannot be had here
};

struct Group {
  std::vector<Field> fields;
  std::vector<Case> cases;
};

// Reads a case file of either shape: cases with a `type` expect a typed value, others text.
Result<std::vector<Group>> ReadCases(const std::string& path);

}  // namespace millrace::conformance
