// The clauses of the JSON functions (RETURNING, ON EMPTY, ON ERROR, wrappers) as the extra arguments that
// functions/json.cc and json_make.cc read.
#pragma once

#include <vector>

#include "functions/expression.h"
#include "sql/ast.h"

namespace millrace {

// Whether `call` is a JSON function whose arguments need its clauses.
bool HasJsonClauses(const ast::Expr& call);
// The call with the clauses of `expr`; `args` are its bound arguments.
Result<ExpressionPtr> BindJsonCall(const ast::Expr& expr, std::vector<ExpressionPtr> args);

// Whether `call` is an aggregate that makes JSON.
bool IsJsonAggregate(const ast::Expr& call);
// The arguments of such an aggregate: its value as JSON text, and "NULL" or "ABSENT" behind it.
Status BindJsonAggregate(const ast::Expr& expr, std::vector<ExpressionPtr>* args);

}  // namespace millrace
