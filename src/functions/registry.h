// The function registry: every scalar and aggregate function is one entry with signature, doc,
// examples and code. Families register themselves in an explicit list (registry.cc).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "functions/aggregate.h"
#include "functions/expression.h"

namespace millrace {

// SQL text of an expression, and its value as printed.
struct Example {
  std::string sql;
  std::string result;
};

// One call, ready to run: arguments are arrays of `rows` or scalars, already cast to `arg_types`.
struct Call {
  const std::vector<arrow::Datum>& args;
  const std::vector<SqlType>& arg_types;
  const SqlType& type;  // of the result
  int64_t rows;
  const EvalContext& context;
};

// What binding a call decides: the types that the arguments are cast to and the result's.
struct Binding {
  std::vector<SqlType> arg_types;
  SqlType type;
  // Text arguments that are no literals and cannot be read as their type are NULL instead of errors.
  bool lenient = false;
};

struct ScalarFunction {
  std::string name;       // upper case; operators by their sign: "+", "<=", "AND"
  std::string signature;  // for people: "ASCII(STRING) -> INT"
  std::string doc;
  std::vector<Example> examples;
  // Checks the argument types. The error says what was expected.
  std::function<Result<Binding>(const std::vector<SqlType>& args)> bind;
  std::function<Result<arrow::Datum>(const Call& call)> eval;
  bool deterministic = true;  // false: depends on the context (PROCTIME, NOW ...), never folded
  bool may_fail = false;      // an argument's value can be an error: evaluated only where needed
  // Optional: corrects the binding where it depends on the value of a constant argument.
  std::function<Status(const std::vector<ExpressionPtr>& args, Binding* binding)> refine = {};
};

class FunctionRegistry {
 public:
  // All built-in functions; made once, immutable.
  static const FunctionRegistry& Default();

  void Add(ScalarFunction function);
  void Add(AggregateFunction function);
  // Null if there is none; `name` in any case.
  const ScalarFunction* FindScalar(std::string_view name) const;
  const AggregateFunction* FindAggregate(std::string_view name) const;
  // All names, sorted: for "did you mean" and SHOW FUNCTIONS.
  std::vector<std::string> Names() const;

 private:
  std::vector<std::unique_ptr<ScalarFunction>> scalars_;
  std::vector<std::unique_ptr<AggregateFunction>> aggregates_;
  std::unordered_map<std::string, const ScalarFunction*> scalars_by_name_;
  std::unordered_map<std::string, const AggregateFunction*> aggregates_by_name_;
};

// A call of `function` with its arguments cast as its binding wants.
Result<ExpressionPtr> MakeCall(const ScalarFunction& function, std::vector<ExpressionPtr> args);
// The same by name, e.g. MakeCall("+", {a, b}).
Result<ExpressionPtr> MakeCall(std::string_view name, std::vector<ExpressionPtr> args);

}  // namespace millrace
