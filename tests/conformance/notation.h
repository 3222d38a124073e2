// Flink's notations in the case files: types and constants as its Java and Scala tests write them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "functions/expression.h"

namespace millrace::conformance {

// Splits at commas that stand in no bracket or quote.
std::vector<std::string> SplitTop(std::string_view text);
// The text between the bracket at `open` and the last that closes such a one.
std::string Inside(const std::string& text, size_t open);
// A constant that the tests build in code: "new MyPojo()". An error if it is not known.
Result<ExpressionPtr> KnownConstant(const std::string& text);

}  // namespace millrace::conformance
