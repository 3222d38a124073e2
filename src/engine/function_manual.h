// The reference manual of functions, printed from the registry: docs/sql/functions.md.
#pragma once

#include <string>

namespace millrace {

// Markdown: operators, functions and aggregates with signature, doc and examples, then Flink's list of
// built-in functions with those that are not there and why.
std::string FunctionManual();

}  // namespace millrace
