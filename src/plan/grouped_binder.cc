#include "plan/grouped_binder.h"

#include <arrow/scalar.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "functions/registry.h"
#include "plan/bind_json.h"

namespace millrace {
namespace {

bool IsGrouping(const ast::Expr& expr) {
  return expr.kind == ast::ExprKind::kCall &&
         (expr.name == "GROUPING" || expr.name == "GROUPING_ID" || expr.name == "GROUP_ID");
}

bool ContainsGrouping(const ast::Expr& expr) {
  return IsGrouping(expr) ||
         std::any_of(expr.args.begin(), expr.args.end(), [](const ast::ExprPtr& arg) {
           return arg && ContainsGrouping(*arg);
         });
}

// "SUM(DISTINCT price) FILTER (WHERE item = 'a')": the call as it was written, nearly.
std::string CallText(const GroupedBinder::BoundCall& bound) {
  std::vector<std::string> args;
  for (const ExpressionPtr& arg : bound.args) args.push_back(arg->ToString());
  if (args.empty()) args.push_back("*");
  if (bound.call.bound.constant) {
    args.push_back("'" + bound.call.bound.constant->ToString() + "'");
  }
  std::string text = fmt::format("{}({}{})", bound.call.function->name,
                                 bound.call.distinct ? "DISTINCT " : "", fmt::join(args, ", "));
  if (bound.filter) text += " FILTER (WHERE " + bound.filter->ToString() + ")";
  return text;
}

}  // namespace

GroupedBinder::GroupedBinder(const Relation& input, std::vector<ExpressionPtr> keys)
    : ExpressionBinder(input.scope), input_(input), keys_(std::move(keys)) {
  for (const ExpressionPtr& key : keys_) fingerprints_.push_back(Fingerprint(*key));
}

void GroupedBinder::SetGroupingSets(const std::vector<std::vector<bool>>& sets) {
  sets_ = sets;
  for (ExpressionPtr& key : keys_) key = MakeCast(key, key->type.Nullable());
}

Result<std::optional<ExpressionPtr>> GroupedBinder::Replace(const ast::Expr& expr) {
  if (IsAggregate(expr)) {
    MILL_ASSIGN(ExpressionPtr column, BindAggregate(expr));
    return std::optional<ExpressionPtr>(column);
  }
  if (IsGrouping(expr)) {
    MILL_ASSIGN(ExpressionPtr number, BindGrouping(expr));
    return std::optional<ExpressionPtr>(number);
  }
  if (ContainsAggregate(expr) || ContainsGrouping(expr)) return std::nullopt;
  auto bound = ExpressionBinder(input_.scope).Bind(expr);
  if (!bound.ok()) return bound.status();
  if (auto key = FindKey(**bound)) return key;
  if (expr.kind == ast::ExprKind::kColumn) {
    return ErrorAt(expr.place, "column '{}' stands neither in GROUP BY nor in an aggregate",
                   expr.name.empty() ? expr.path.back() : expr.name);
  }
  return std::nullopt;
}

std::optional<ExpressionPtr> GroupedBinder::FindKey(const Expression& bound) const {
  const std::string fingerprint = Fingerprint(bound);
  for (size_t i = 0; i < keys_.size(); ++i) {
    if (fingerprints_[i] == fingerprint) {
      return MakeColumn(static_cast<int>(i), KeyName(i), keys_[i]->type);
    }
  }
  if (bound.kind == Expression::Kind::kColumn) {
    const auto window = window_columns_.find(bound.column);
    if (window != window_columns_.end()) {
      return MakeColumn(window->second, bound.name, bound.type);
    }
  }
  return std::nullopt;
}

// The bits of GROUPING_ID(a, b), a's the highest: 1 where the row's set lacks the key.
Result<ExpressionPtr> GroupedBinder::BindGrouping(const ast::Expr& expr) {
  std::vector<size_t> keys;
  for (const ast::ExprPtr& arg : expr.args) {
    MILL_ASSIGN(ExpressionPtr bound, ExpressionBinder(input_.scope).Bind(*arg));
    const auto found = std::find(fingerprints_.begin(), fingerprints_.end(), Fingerprint(*bound));
    if (found == fingerprints_.end()) {
      return ErrorAt(arg->place, "{} wants keys of GROUP BY, found {}", expr.name,
                     bound->ToString());
    }
    keys.push_back(static_cast<size_t>(found - fingerprints_.begin()));
  }
  const SqlType type = SqlType::BigInt().NotNull();
  const auto number = [&](int64_t value) {
    return MakeLiteral(std::make_shared<arrow::Int64Scalar>(value), type);
  };
  const ExpressionPtr set =
      MakeColumn(static_cast<int>(keys_.size()), "$set", SqlType::Int().NotNull());
  std::vector<ExpressionPtr> cases;
  for (size_t s = 0; s < sets_.size(); ++s) {
    int64_t bits = 0;
    for (size_t key : keys) bits = bits * 2 + (sets_[s][key] ? 0 : 1);
    const auto at = std::make_shared<arrow::Int32Scalar>(static_cast<int32_t>(s));
    MILL_ASSIGN(ExpressionPtr here,
                MakeCall("=", {set, MakeLiteral(at, SqlType::Int().NotNull())}));
    cases.push_back(std::move(here));
    cases.push_back(number(bits));
  }
  if (cases.empty()) return number(0);
  cases.push_back(number(0));
  return MakeCase(std::move(cases));
}

Status GroupedBinder::BindArguments(const ast::Expr& expr, std::vector<ExpressionPtr>* args) {
  if (!expr.within_order.empty()) {
    return ErrorAt(expr.place, "{} takes no ORDER BY: its values come in order of arrival",
                   expr.name);
  }
  ExpressionBinder inner(input_.scope);
  for (const ast::ExprPtr& arg : expr.args) {
    if (arg->kind == ast::ExprKind::kStar) continue;
    MILL_ASSIGN(ExpressionPtr value, inner.Bind(*arg));
    args->push_back(std::move(value));
  }
  if (IsJsonAggregate(expr)) return BindJsonAggregate(expr, args);
  if (expr.name != "ARRAY_AGG") return Status::OK();
  if (args->size() != 1) {
    return ErrorAt(expr.place, "ARRAY_AGG takes one argument, found {}", args->size());
  }
  const auto& clauses = expr.clauses;
  if (std::find(clauses.begin(), clauses.end(), "IGNORE NULLS") != clauses.end()) {
    args->push_back(MakeLiteral(std::make_shared<arrow::StringScalar>("IGNORE"),
                                SqlType::String().NotNull()));
  }
  return Status::OK();
}

// Moves the argument that is no column into the call.
Status GroupedBinder::BindConstant(const ast::Expr& expr, BoundCall* bound) {
  const AggregateFunction& function = *bound->call.function;
  const auto at = static_cast<size_t>(function.constant_at);
  if (function.constant_at < 0 || at >= bound->args.size()) return Status::OK();
  const ExpressionPtr argument = bound->args[at];
  if (!IsConstant(*argument)) {
    return ErrorAt(expr.place, "argument {} of {} is {}, but must be a constant", at + 1, expr.name,
                   argument->ToString());
  }
  MILL_ASSIGN(auto constant, EvaluateConstant(*argument));
  const Status taken = TakeConstant(function, std::move(constant), &bound->call.bound);
  if (!taken.ok()) return AtPlace(taken, expr.place);
  bound->constant = Fingerprint(*argument);
  bound->args.erase(bound->args.begin() + function.constant_at);
  return Status::OK();
}

Result<ExpressionPtr> GroupedBinder::BindAggregate(const ast::Expr& expr) {
  BoundCall bound;
  bound.call.function = FunctionRegistry::Default().FindAggregate(expr.name);
  bound.call.distinct = expr.distinct;
  MILL_RETURN(BindArguments(expr, &bound.args));
  std::vector<SqlType> types;
  for (const ExpressionPtr& arg : bound.args) types.push_back(arg->type);
  auto types_bound = bound.call.function->bind(types);
  if (!types_bound.ok()) return AtPlace(types_bound.status(), expr.place);
  bound.call.bound = *types_bound;
  for (size_t i = 0; i < bound.args.size(); ++i) {
    bound.args[i] = MakeCast(bound.args[i], bound.call.bound.arg_types[i]);
  }
  MILL_RETURN(BindConstant(expr, &bound));
  const bool several = expr.distinct && bound.args.size() > 1;
  if (several && expr.name != "COUNT" && !bound.call.function->make_distinct) {
    return ErrorAt(expr.place, "{}(DISTINCT ...) takes one column, found {}", expr.name,
                   bound.args.size());
  }
  if (expr.filter) {
    MILL_ASSIGN(bound.filter, ExpressionBinder(input_.scope).BindCondition(*expr.filter));
  }
  return AddCall(std::move(bound));
}

Result<ExpressionPtr> GroupedBinder::AddCall(BoundCall bound) {
  bound.fingerprint = bound.call.function->name + (bound.call.distinct ? "!" : "");
  for (const ExpressionPtr& arg : bound.args) bound.fingerprint += Fingerprint(*arg) + ",";
  if (bound.call.bound.constant) bound.fingerprint += "=" + bound.constant;
  if (bound.filter) bound.fingerprint += "?" + Fingerprint(*bound.filter);
  size_t at = 0;
  while (at < calls_.size() && calls_[at].fingerprint != bound.fingerprint) ++at;
  if (at == calls_.size()) {
    bound.call.name = CallText(bound);
    calls_.push_back(std::move(bound));
  }
  return MakeColumn(kCallBase + static_cast<int>(at), calls_[at].call.name,
                    calls_[at].call.bound.type);
}

}  // namespace millrace
