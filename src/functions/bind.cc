#include "functions/bind.h"

namespace millrace {
namespace {

std::string ExpectedCount(size_t most, int optional) {
  if (optional == 0) return fmt::format("{}", most);
  return fmt::format("{} to {}", most - static_cast<size_t>(optional), most);
}

Result<std::vector<SqlType>> MatchAll(const std::vector<SqlType>& args,
                                      const std::vector<SqlType>& parameters, int optional) {
  const size_t most = parameters.size();
  if (args.size() > most || args.size() + static_cast<size_t>(optional) < most) {
    return ArgumentCountError(args.size(), ExpectedCount(most, optional));
  }
  std::vector<SqlType> matched;
  for (size_t i = 0; i < args.size(); ++i) {
    MILL_ASSIGN(SqlType type, MatchParameter(i, args[i], parameters[i]));
    matched.push_back(std::move(type));
  }
  return matched;
}

}  // namespace

Status ArgumentCountError(size_t given, std::string_view expected) {
  return UserError("{} argument{} given, expected {}", given, given == 1 ? "" : "s", expected);
}

Status ArgumentTypeError(size_t position, const SqlType& given, std::string_view expected) {
  return UserError("argument {} is {}, expected {}", position + 1, given.ToString(), expected);
}

Result<SqlType> MatchParameter(size_t position, const SqlType& given, const SqlType& parameter) {
  if (given.SameAs(parameter)) return given;
  // Any length of text or bytes is read alike.
  if ((given.IsString() && parameter.IsString()) || (given.IsBinary() && parameter.IsBinary())) {
    return given;
  }
  if (!ImplicitlyCastable(given, parameter)) {
    return ArgumentTypeError(position, given, parameter.ToString());
  }
  return WithNullable(parameter, given.nullable);
}

bool AnyNullable(const std::vector<SqlType>& args) {
  for (const SqlType& arg : args) {
    if (arg.nullable) return true;
  }
  return false;
}

Bind FixedRule(std::vector<SqlType> parameters, ResultRule result, int optional) {
  return [parameters = std::move(parameters), result = std::move(result),
          optional](const std::vector<SqlType>& args) -> Result<Binding> {
    MILL_ASSIGN(auto matched, MatchAll(args, parameters, optional));
    SqlType type = result(matched);
    type.nullable = type.nullable && (args.empty() || AnyNullable(args));
    return Binding{std::move(matched), std::move(type)};
  };
}

Bind Fixed(std::vector<SqlType> parameters, SqlType result, int optional) {
  return FixedRule(std::move(parameters),
                   [result = std::move(result)](const std::vector<SqlType>&) { return result; },
                   optional);
}

Bind Variadic(SqlType parameter, SqlType result, int at_least) {
  return [=](const std::vector<SqlType>& args) -> Result<Binding> {
    if (args.size() < static_cast<size_t>(at_least)) {
      return ArgumentCountError(args.size(), fmt::format("{} or more", at_least));
    }
    MILL_ASSIGN(auto matched, MatchAll(args, std::vector<SqlType>(args.size(), parameter), 0));
    return Binding{std::move(matched), WithNullable(result, result.nullable && AnyNullable(args))};
  };
}

Bind SameNumeric() {
  return [](const std::vector<SqlType>& args) -> Result<Binding> {
    if (args.size() != 1) return ArgumentCountError(args.size(), "1");
    if (args[0].kind == TypeKind::kNull) return Binding{{SqlType::Int()}, SqlType::Int()};
    if (!args[0].IsNumeric()) return ArgumentTypeError(0, args[0], "a number");
    return Binding{args, args[0]};
  };
}

}  // namespace millrace
