// Reads scripts in the Flink SQL dialect into the syntax tree of ast.h. Nothing is resolved here:
// names, types and functions are checked by the binder.
#pragma once

#include <string_view>
#include <vector>

#include "base/status.h"
#include "sql/ast.h"

namespace millrace {

// Reads a whole script: statements separated by semicolons. An error names the place, what was
// expected and what was found, e.g.
//   line 3, column 8: expected ')' after the column list, found 'FROM'. hint: ...
Result<std::vector<ast::Statement>> ParseScript(std::string_view script);

// Reads one expression, which must fill `text`.
Result<ast::ExprPtr> ParseExpression(std::string_view text);

}  // namespace millrace
