// Binds scalar expressions: names to columns, calls to functions, literals to values, with types.
#pragma once

#include <optional>

#include "functions/expression.h"
#include "plan/scope.h"
#include "sql/ast.h"

namespace millrace {

class ExpressionBinder {
 public:
  explicit ExpressionBinder(const Scope& scope) : scope_(scope) {}
  virtual ~ExpressionBinder() = default;

  // The typed expression; errors name line and column.
  Result<ExpressionPtr> Bind(const ast::Expr& expr);
  // As above, and it must be BOOLEAN.
  Result<ExpressionPtr> BindCondition(const ast::Expr& expr);

 protected:
  // What stands in for `expr` as a whole, if anything does (aggregates, grouped expressions).
  virtual Result<std::optional<ExpressionPtr>> Replace(const ast::Expr&) { return std::nullopt; }

  const Scope& scope() const { return scope_; }

 private:
  Result<ExpressionPtr> BindNode(const ast::Expr& expr);
  Result<std::vector<ExpressionPtr>> BindArgs(const ast::Expr& expr);
  Result<ExpressionPtr> BindCall(const ast::Expr& expr);
  Result<ExpressionPtr> BindItem(std::vector<ExpressionPtr> args);
  Result<ExpressionPtr> BindNamedCall(const ast::Expr& expr, std::vector<ExpressionPtr> args);
  Result<ExpressionPtr> BindOverlaps(const ast::Expr& expr);
  Result<ExpressionPtr> BindBetween(const ast::Expr& expr, std::vector<ExpressionPtr> args);
  Result<ExpressionPtr> BindCase(const ast::Expr& expr);
  Result<ExpressionPtr> BindCast(const ast::Expr& expr);

  const Scope& scope_;
};

// The value a literal or interval node stands for.
Result<ExpressionPtr> BindLiteral(const ast::Expr& expr);
// The constant value of an expression without columns, in milliseconds: window sizes, gaps.
Result<int64_t> BindInterval(const ast::Expr& expr, const std::string& what);
// The constant integer value of an expression without columns.
Result<int64_t> BindCount(const ast::Expr& expr, const std::string& what);
// Text that is equal for equal expressions over the same input, whatever their columns are called.
std::string Fingerprint(const Expression& expression);
// True if `expr` is a call of an aggregate function, or has one inside (not inside subqueries).
bool IsAggregate(const ast::Expr& expr);
bool ContainsAggregate(const ast::Expr& expr);

}  // namespace millrace
