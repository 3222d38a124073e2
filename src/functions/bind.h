// How entries of the registry check their argument types: small binders that are combined, e.g.
// Fixed({SqlType::String()}, SqlType::Int()). The result is nullable if an argument is.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "functions/registry.h"

namespace millrace {

using Bind = std::function<Result<Binding>(const std::vector<SqlType>& args)>;
using ResultRule = std::function<SqlType(const std::vector<SqlType>& args)>;

// Exactly these parameters; the last `optional` of them may be missing. Arguments are cast implicitly.
Bind Fixed(std::vector<SqlType> parameters, SqlType result, int optional = 0);
// The same with a result that depends on the arguments as bound.
Bind FixedRule(std::vector<SqlType> parameters, ResultRule result, int optional = 0);
// At least `at_least` arguments of one type.
Bind Variadic(SqlType parameter, SqlType result, int at_least);
// One argument of any numeric type, which is the result's too.
Bind SameNumeric();

// The error for a wrong number of arguments.
Status ArgumentCountError(size_t given, std::string_view expected);
Status ArgumentTypeError(size_t position, const SqlType& given, std::string_view expected);
// A parameter's type for an argument: the argument's own type where no conversion is needed, else
// `parameter`; an error if it does not fit.
Result<SqlType> MatchParameter(size_t position, const SqlType& given, const SqlType& parameter);
bool AnyNullable(const std::vector<SqlType>& args);
inline SqlType WithNullable(SqlType type, bool nullable) {
  type.nullable = nullable;
  return type;
}

}  // namespace millrace
