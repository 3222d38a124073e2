#include "plan/grouped_binder.h"

#include <algorithm>

#include "functions/registry.h"

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

Result<ExpressionPtr> GroupedBinder::BindAggregate(const ast::Expr& expr) {
  BoundCall bound;
  ExpressionBinder inner(input_.scope);
  bound.call.function = FunctionRegistry::Default().FindAggregate(expr.name);
  bound.call.distinct = expr.distinct;
  std::vector<SqlType> types;
  for (const ast::ExprPtr& arg : expr.args) {
    if (arg->kind == ast::ExprKind::kStar) continue;
    MILL_ASSIGN(ExpressionPtr value, inner.Bind(*arg));
    types.push_back(value->type);
    bound.args.push_back(std::move(value));
  }
  auto types_bound = bound.call.function->bind(types);
  if (!types_bound.ok()) return AtPlace(types_bound.status(), expr.place);
  bound.call.bound = *types_bound;
  for (size_t i = 0; i < bound.args.size(); ++i) {
    bound.args[i] = MakeCast(bound.args[i], bound.call.bound.arg_types[i]);
  }
  if (expr.filter) {
    MILL_ASSIGN(bound.filter, inner.BindCondition(*expr.filter));
  }
  return AddCall(std::move(bound));
}

Result<ExpressionPtr> GroupedBinder::AddCall(BoundCall bound) {
  bound.fingerprint = bound.call.function->name + (bound.call.distinct ? "!" : "");
  for (const ExpressionPtr& arg : bound.args) bound.fingerprint += Fingerprint(*arg) + ",";
  if (bound.filter) bound.fingerprint += "?" + Fingerprint(*bound.filter);
  size_t at = 0;
  while (at < calls_.size() && calls_[at].fingerprint != bound.fingerprint) ++at;
  if (at == calls_.size()) {
    bound.call.name = fmt::format("$a{}", at);
    calls_.push_back(std::move(bound));
  }
  return MakeColumn(kCallBase + static_cast<int>(at), calls_[at].call.name,
                    calls_[at].call.bound.type);
}

}  // namespace millrace
