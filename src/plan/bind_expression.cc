#include "plan/bind_expression.h"

#include <arrow/scalar.h>

#include "base/nearest.h"
#include "functions/registry.h"
#include "plan/bind_json.h"

namespace millrace {

Result<ExpressionPtr> BindLiteral(const ast::Expr& expr) {
  const SqlType& type = expr.literal_type;
  switch (type.kind) {
    case TypeKind::kNull:
      return MakeLiteral(std::make_shared<arrow::NullScalar>(), type);
    case TypeKind::kIntervalDay:
      return MakeLiteral(std::make_shared<arrow::Int64Scalar>(expr.interval_value), type);
    case TypeKind::kIntervalMonth:
      return MakeLiteral(
          std::make_shared<arrow::Int32Scalar>(static_cast<int32_t>(expr.interval_value)), type);
    case TypeKind::kBinary:
    case TypeKind::kVarbinary:
      return MakeLiteral(std::make_shared<arrow::BinaryScalar>(expr.text), type);
    case TypeKind::kChar:
    case TypeKind::kVarchar:
      return MakeLiteral(std::make_shared<arrow::StringScalar>(expr.text), type);
    default:
      break;
  }
  const arrow::Datum text(std::make_shared<arrow::StringScalar>(expr.text));
  auto value = CastDatum(text, SqlType::String(), type, EvalContext{}, /*try_cast=*/false);
  if (!value.ok()) return AtPlace(value.status(), expr.place);
  return MakeLiteral(value->scalar(), type);
}

namespace {

Result<std::shared_ptr<arrow::Scalar>> ConstantOf(const ast::Expr& expr, const SqlType& type,
                                                  const std::string& what) {
  const Scope empty;
  MILL_ASSIGN(ExpressionPtr bound, ExpressionBinder(empty).Bind(expr));
  if (!IsConstant(*bound)) return ErrorAt(expr.place, "{} must be a constant", what);
  if (!type.IsInterval() ? !bound->type.IsInteger() : bound->type.kind != type.kind) {
    return ErrorAt(expr.place, "{} must be {}, found {}. hint: write {}", what,
                   type.IsInterval() ? "an interval" : "a whole number", bound->type.ToString(),
                   type.IsInterval() ? "INTERVAL '10' SECOND" : "100");
  }
  return EvaluateConstant(*MakeCast(bound, type));
}

}  // namespace

Result<int64_t> BindInterval(const ast::Expr& expr, const std::string& what) {
  MILL_ASSIGN(auto value, ConstantOf(expr, SqlType::Of(TypeKind::kIntervalDay), what));
  return static_cast<const arrow::Int64Scalar&>(*value).value;
}

Result<int64_t> BindCount(const ast::Expr& expr, const std::string& what) {
  MILL_ASSIGN(auto value, ConstantOf(expr, SqlType::BigInt(), what));
  return static_cast<const arrow::Int64Scalar&>(*value).value;
}

std::string Fingerprint(const Expression& expression) {
  std::string text = fmt::format("{}", static_cast<int>(expression.kind));
  if (expression.kind == Expression::Kind::kColumn) return text + fmt::format("#{}", expression.column);
  if (expression.literal) text += ":" + expression.literal->ToString();
  if (expression.function != nullptr) text += expression.function->name;
  text += "<" + expression.type.ToString() + ">" + expression.name + "(";
  for (const ExpressionPtr& arg : expression.args) text += Fingerprint(*arg) + ",";
  return text + ")";
}

bool IsAggregate(const ast::Expr& expr) {
  return expr.kind == ast::ExprKind::kCall && !expr.over &&
         FunctionRegistry::Default().FindAggregate(expr.name) != nullptr;
}

bool ContainsAggregate(const ast::Expr& expr) {
  if (IsAggregate(expr)) return true;
  for (const ast::ExprPtr& arg : expr.args) {
    if (arg && ContainsAggregate(*arg)) return true;
  }
  return false;
}

Result<ExpressionPtr> ExpressionBinder::Bind(const ast::Expr& expr) {
  MILL_ASSIGN(auto replaced, Replace(expr));
  if (replaced) return *replaced;
  auto bound = BindNode(expr);
  if (!bound.ok()) return AtPlace(bound.status(), expr.place);
  return bound;
}

Result<ExpressionPtr> ExpressionBinder::BindCondition(const ast::Expr& expr) {
  MILL_ASSIGN(ExpressionPtr bound, Bind(expr));
  if (bound->type.kind == TypeKind::kNull) return MakeCast(bound, SqlType::Boolean());
  if (bound->type.kind != TypeKind::kBoolean) {
    return ErrorAt(expr.place, "a condition must be BOOLEAN, found {} of type {}", bound->ToString(),
                   bound->type.ToString());
  }
  return bound;
}

Result<ExpressionPtr> ExpressionBinder::BindNode(const ast::Expr& expr) {
  switch (expr.kind) {
    case ast::ExprKind::kLiteral:
    case ast::ExprKind::kInterval:
      return BindLiteral(expr);
    case ast::ExprKind::kColumn:
      return scope_.Resolve(expr.path, expr.place);
    case ast::ExprKind::kCall:
      return BindCall(expr);
    case ast::ExprKind::kCast:
      return BindCast(expr);
    case ast::ExprKind::kCase:
      return BindCase(expr);
    case ast::ExprKind::kField: {
      MILL_ASSIGN(ExpressionPtr row, Bind(*expr.args[0]));
      return MakeField(row, expr.path[0]);
    }
    case ast::ExprKind::kIndex:
    case ast::ExprKind::kArray:
    case ast::ExprKind::kMap:
    case ast::ExprKind::kRow:
      return BindCall(expr);
    case ast::ExprKind::kSubquery:
      return ErrorAt(expr.place, "a subquery inside an expression is not supported");
    case ast::ExprKind::kStar:
      return ErrorAt(expr.place, "'*' cannot stand here");
    case ast::ExprKind::kNamedArg:
    case ast::ExprKind::kDescriptor:
    case ast::ExprKind::kTableArg:
      return ErrorAt(expr.place, "this stands only in the arguments of a table function");
  }
  return ErrorAt(expr.place, "unknown kind of expression");
}

Result<std::vector<ExpressionPtr>> ExpressionBinder::BindArgs(const ast::Expr& expr) {
  std::vector<ExpressionPtr> args;
  for (const ast::ExprPtr& arg : expr.args) {
    MILL_ASSIGN(ExpressionPtr bound, Bind(*arg));
    args.push_back(std::move(bound));
  }
  return args;
}

Result<ExpressionPtr> ExpressionBinder::BindCall(const ast::Expr& expr) {
  if (expr.over) return ErrorAt(expr.place, "{}(...) OVER (...) is not supported", expr.name);
  if (IsAggregate(expr)) {
    return ErrorAt(expr.place, "the aggregate {}(...) cannot stand here", expr.name);
  }
  MILL_ASSIGN(std::vector<ExpressionPtr> args, BindArgs(expr));
  switch (expr.kind) {
    case ast::ExprKind::kIndex: return MakeCall("ITEM", std::move(args));
    case ast::ExprKind::kArray: return MakeCall("ARRAY", std::move(args));
    case ast::ExprKind::kMap: return MakeCall("MAP", std::move(args));
    case ast::ExprKind::kRow: return MakeCall("ROW", std::move(args));
    default: return BindNamedCall(expr, std::move(args));
  }
}

Result<ExpressionPtr> ExpressionBinder::BindNamedCall(const ast::Expr& expr,
                                                      std::vector<ExpressionPtr> args) {
  if (expr.name.find("BETWEEN") != std::string::npos) return BindBetween(expr, std::move(args));
  if (HasJsonClauses(expr)) return BindJsonCall(expr, std::move(args));
  const FunctionRegistry& registry = FunctionRegistry::Default();
  const ScalarFunction* function = registry.FindScalar(expr.name);
  if (function != nullptr) return MakeCall(*function, std::move(args));
  const std::string near = NearestName(expr.name, registry.Names());
  return ErrorAt(expr.place, "there is no function '{}'{}", expr.name,
                 near.empty() ? "" : ". did you mean '" + near + "'?");
}

Result<ExpressionPtr> ExpressionBinder::BindBetween(const ast::Expr& expr,
                                                    std::vector<ExpressionPtr> args) {
  MILL_ASSIGN(ExpressionPtr low, MakeCall(">=", {args[0], args[1]}));
  MILL_ASSIGN(ExpressionPtr high, MakeCall("<=", {args[0], args[2]}));
  MILL_ASSIGN(ExpressionPtr inside, MakeCall("AND", {low, high}));
  if (expr.name.ends_with("SYMMETRIC")) {
    MILL_ASSIGN(ExpressionPtr other_low, MakeCall(">=", {args[0], args[2]}));
    MILL_ASSIGN(ExpressionPtr other_high, MakeCall("<=", {args[0], args[1]}));
    MILL_ASSIGN(ExpressionPtr other, MakeCall("AND", {other_low, other_high}));
    MILL_ASSIGN(inside, MakeCall("OR", {inside, other}));
  }
  if (expr.name.starts_with("NOT")) return MakeCall("NOT", {inside});
  return inside;
}

Result<ExpressionPtr> ExpressionBinder::BindCase(const ast::Expr& expr) {
  auto result = std::make_shared<Expression>();
  result->kind = Expression::Kind::kCase;
  std::vector<SqlType> types;
  for (size_t i = 0; i < expr.args.size(); ++i) {
    const bool condition = i % 2 == 0 && i + 1 < expr.args.size();
    MILL_ASSIGN(ExpressionPtr arg,
                condition ? BindCondition(*expr.args[i]) : Bind(*expr.args[i]));
    if (!condition) types.push_back(arg->type);
    result->args.push_back(std::move(arg));
  }
  if (expr.args.size() % 2 == 0) {  // no ELSE
    types.push_back(SqlType::Null());
    result->args.push_back(MakeLiteral(std::make_shared<arrow::NullScalar>(), SqlType::Null()));
  }
  MILL_ASSIGN(result->type, CommonType(types));
  for (size_t i = 0; i < result->args.size(); ++i) {
    const bool condition = i % 2 == 0 && i + 1 < result->args.size();
    if (!condition) result->args[i] = MakeCast(result->args[i], result->type);
  }
  return result;
}

Result<ExpressionPtr> ExpressionBinder::BindCast(const ast::Expr& expr) {
  MILL_ASSIGN(ExpressionPtr value, Bind(*expr.args[0]));
  if (!Castable(value->type, expr.cast_type)) {
    return ErrorAt(expr.place, "cannot cast {} of type {} to {}", value->ToString(),
                   value->type.ToString(), expr.cast_type.ToString());
  }
  return MakeCast(value, expr.cast_type, expr.name == "TRY_CAST");
}

}  // namespace millrace
