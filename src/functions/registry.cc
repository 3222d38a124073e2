// The list of function families, lookups and the making of calls.
#include "functions/registry.h"

#include <algorithm>
#include <unordered_map>

#include "base/nearest.h"
#include "functions/families.h"

namespace millrace {
namespace {

std::string UpperCase(std::string_view name) {
  std::string upper(name);
  for (char& c : upper) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return upper;
}

void RegisterAll(FunctionRegistry& registry) {
  RegisterArithmetic(registry);
  RegisterMath(registry);
  RegisterComparison(registry);
  RegisterLogic(registry);
  RegisterCondition(registry);
  RegisterString(registry);
  RegisterPattern(registry);
  RegisterRegex(registry);
  RegisterStringExtra(registry);
  RegisterPrintf(registry);
  RegisterUrl(registry);
  RegisterRandom(registry);
  RegisterEncoding(registry);
  RegisterHash(registry);
  RegisterTime(registry);
  RegisterTimeText(registry);
  RegisterClock(registry);
  RegisterCollection(registry);
  RegisterArray(registry);
  RegisterMap(registry);
  RegisterJson(registry);
  RegisterJsonMake(registry);
  RegisterAggregates(registry);
  RegisterStatistics(registry);
}

ExpressionPtr CallOf(const ScalarFunction& function, std::vector<ExpressionPtr> args, SqlType type) {
  auto expression = std::make_shared<Expression>();
  expression->kind = Expression::Kind::kCall;
  expression->function = &function;
  expression->type = std::move(type);
  expression->args = std::move(args);
  return expression;
}

// AND and OR of more than two are nested, so that each can stop early.
bool IsFoldedOperator(const ScalarFunction& function, size_t args) {
  return args > 2 && (function.name == "AND" || function.name == "OR");
}

// COALESCE whose later arguments can fail becomes a CASE, which does not evaluate them needlessly.
Result<ExpressionPtr> LazyCoalesce(const std::vector<ExpressionPtr>& args) {
  std::vector<ExpressionPtr> branches;
  for (size_t i = 0; i + 1 < args.size(); ++i) {
    MILL_ASSIGN(ExpressionPtr present, MakeCall("IS NOT NULL", {args[i]}));
    branches.push_back(std::move(present));
    branches.push_back(args[i]);
  }
  branches.push_back(args.back());
  return MakeCase(std::move(branches));
}

bool IsLazyCoalesce(const ScalarFunction& function, const std::vector<ExpressionPtr>& args) {
  return (function.name == "COALESCE" || function.name == "IFNULL") && args.size() > 1 &&
         std::any_of(args.begin() + 1, args.end(),
                     [](const ExpressionPtr& arg) { return !NeverFails(*arg); });
}

}  // namespace

const FunctionRegistry& FunctionRegistry::Default() {
  static const FunctionRegistry* const kRegistry = [] {
    auto* registry = new FunctionRegistry;  // lives as long as the program
    RegisterAll(*registry);
    return registry;
  }();
  return *kRegistry;
}

void FunctionRegistry::Add(ScalarFunction function) {
  scalars_.push_back(std::make_unique<ScalarFunction>(std::move(function)));
  scalars_by_name_[scalars_.back()->name] = scalars_.back().get();
}

void FunctionRegistry::Add(AggregateFunction function) {
  aggregates_.push_back(std::make_unique<AggregateFunction>(std::move(function)));
  aggregates_by_name_[aggregates_.back()->name] = aggregates_.back().get();
}

const ScalarFunction* FunctionRegistry::FindScalar(std::string_view name) const {
  const auto found = scalars_by_name_.find(UpperCase(name));
  return found == scalars_by_name_.end() ? nullptr : found->second;
}

const AggregateFunction* FunctionRegistry::FindAggregate(std::string_view name) const {
  const auto found = aggregates_by_name_.find(UpperCase(name));
  return found == aggregates_by_name_.end() ? nullptr : found->second;
}

std::vector<std::string> FunctionRegistry::Names() const {
  std::vector<std::string> names;
  for (const auto& function : scalars_) names.push_back(function->name);
  for (const auto& function : aggregates_) names.push_back(function->name);
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

Result<ExpressionPtr> MakeCall(const ScalarFunction& function, std::vector<ExpressionPtr> args) {
  if (IsFoldedOperator(function, args.size())) {
    ExpressionPtr folded = args[0];
    for (size_t i = 1; i < args.size(); ++i) {
      MILL_ASSIGN(folded, MakeCall(function, {folded, args[i]}));
    }
    return folded;
  }
  if (function.name == "IF" && args.size() == 3) return MakeCase(std::move(args));
  if (IsLazyCoalesce(function, args)) return LazyCoalesce(args);
  std::vector<SqlType> types;
  for (const ExpressionPtr& arg : args) types.push_back(arg->type);
  auto bound = function.bind(types);
  if (!bound.ok()) {
    return UserError("{}: {}. usage: {}", function.name, bound.status().message(),
                     function.signature);
  }
  if (function.refine) MILL_RETURN(function.refine(args, &*bound));
  for (size_t i = 0; i < args.size(); ++i) args[i] = MakeCast(args[i], bound->arg_types[i]);
  return CallOf(function, std::move(args), bound->type);
}

Result<ExpressionPtr> MakeCall(std::string_view name, std::vector<ExpressionPtr> args) {
  const FunctionRegistry& registry = FunctionRegistry::Default();
  if (const ScalarFunction* function = registry.FindScalar(name)) {
    return MakeCall(*function, std::move(args));
  }
  const std::string nearest = NearestName(UpperCase(name), registry.Names());
  return UserError("no function '{}'{}", name,
                   nearest.empty() ? "" : fmt::format(". hint: did you mean {}?", nearest));
}

}  // namespace millrace
