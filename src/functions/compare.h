// Comparison of two columns of the same type, for comparison.cc and its users.
#pragma once

#include "functions/registry.h"

namespace millrace {

enum class Comparison { kEqual, kNotEqual, kLess, kLessEqual, kGreater, kGreaterEqual };

// A BOOLEAN per row; NULL where an operand is. Both sides have the type arg_types[0].
Result<arrow::Datum> Compare(Comparison comparison, const Call& call);
// As above, for two values of type `type`.
Result<arrow::Datum> Compare(Comparison comparison, const arrow::Datum& a, const arrow::Datum& b,
                             const SqlType& type, const Call& call);
// The type that operands are compared in: text next to a number or a time is cast to it.
Result<SqlType> ComparisonType(const std::vector<SqlType>& types);

}  // namespace millrace
