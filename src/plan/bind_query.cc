// Queries: SELECT without grouping, VALUES, set operations, LIMIT.
#include <algorithm>

#include "plan/binder.h"
#include "functions/registry.h"

namespace millrace {
namespace {

constexpr int kMaxDepth = 64;
constexpr int kMaxQueries = 5000;

bool IsGrouped(const ast::Select& select) {
  if (select.has_group_by || select.having) return true;
  return std::any_of(select.items.begin(), select.items.end(),
                     [](const ast::SelectItem& item) { return ContainsAggregate(*item.expr); });
}

ast::SelectItem ColumnItem(const Scope& scope, int position, const ast::Place& place) {
  auto expr = std::make_shared<ast::Expr>();
  expr->kind = ast::ExprKind::kColumn;
  expr->place = place;
  expr->name = scope.columns()[static_cast<size_t>(position)].name;
  expr->path = Scope::PathOf(static_cast<size_t>(position));
  return {expr, expr->name};
}

// True if different values stay different.
bool KeepsApart(const SqlType& from, const SqlType& to) {
  if (from.IsInteger() && to.IsInteger()) return from.kind <= to.kind;
  if (from.IsString() && to.IsString()) return from.precision <= to.precision;
  return from.Nullable().SameAs(to.Nullable());
}

// Which output column is input column `c` passed on, unchanged or widened; -1 if none is.
int PassedOn(const std::vector<ExpressionPtr>& expressions, int c) {
  for (size_t i = 0; i < expressions.size(); ++i) {
    const bool cast = expressions[i]->kind == Expression::Kind::kCast &&
                      KeepsApart(expressions[i]->args[0]->type, expressions[i]->type);
    const Expression& e = cast ? *expressions[i]->args[0] : *expressions[i];
    if (e.kind == Expression::Kind::kColumn && e.column == c) return static_cast<int>(i);
  }
  return -1;
}

constexpr std::string_view kStateTtl = "STATE_TTL.";

// The time to live that a hint of `select` gives to the state over its input; "" if there is none.
Result<std::string> StateTtlOf(const ast::Select& select) {
  std::string ttl;
  const std::string input = !select.from                  ? ""
                            : select.from->alias.empty() ? select.from->name
                                                         : select.from->alias;
  for (const auto& [key, value] : select.hints) {
    if (!key.starts_with(kStateTtl)) continue;
    const std::string name = key.substr(kStateTtl.size());
    if (name != input) {
      return ErrorAt(select.place, "the hint STATE_TTL names '{}', but what is read from is '{}'",
                     name, input);
    }
    ttl = value;
  }
  return ttl;
}

// Gives `ttl` to the aggregates between `top` and `input`.
void SetStateTtl(PlanPtr top, const PlanPtr& input, const std::string& ttl) {
  for (; top != input && !top->inputs.empty(); top = top->inputs[0]) {
    if (top->kind == PlanKind::kGroupAggregate) top->state_ttl = ttl;
    if (top->kind == PlanKind::kWindowAggregate) return;
  }
}

}  // namespace

PlanPtr MakeFilter(PlanPtr input, ExpressionPtr condition) {
  auto plan = std::make_shared<Plan>();
  plan->kind = PlanKind::kFilter;
  plan->schema = input->schema;
  plan->traits = input->traits;
  plan->updating = input->updating;
  plan->upsert_key = input->upsert_key;
  plan->condition = std::move(condition);
  plan->inputs = {std::move(input)};
  return plan;
}

PlanPtr MakeProject(PlanPtr input, std::vector<ExpressionPtr> expressions,
                    std::vector<std::string> names) {
  auto plan = std::make_shared<Plan>();
  plan->kind = PlanKind::kProject;
  plan->updating = input->updating;
  for (size_t i = 0; i < expressions.size(); ++i) {
    const Expression& e = *expressions[i];
    plan->schema.columns.push_back({std::move(names[i]), e.type});
    ColumnTraits traits;
    if (e.kind == Expression::Kind::kColumn) traits = input->traits[static_cast<size_t>(e.column)];
    if (e.kind == Expression::Kind::kCall && e.function->name == "PROCTIME") {
      traits.time = TimeAttribute::kProcessing;
    }
    plan->traits.push_back(traits);
  }
  for (int key : input->upsert_key) {
    const int at = PassedOn(expressions, key);
    if (at < 0) {
      plan->upsert_key.clear();
      break;
    }
    plan->upsert_key.push_back(at);
  }
  plan->expressions = std::move(expressions);
  plan->inputs = {std::move(input)};
  return plan;
}

bool ReadsWindow(const Plan& input, const Expression& expression) {
  std::vector<bool> read(input.schema.columns.size(), false);
  CollectColumns(expression, read);
  for (size_t i = 0; i < read.size(); ++i) {
    if (read[i] && input.traits[i].window != WindowProperty::kNone) return true;
  }
  return false;
}

std::string ItemName(const ast::SelectItem& item, size_t position) {
  if (!item.alias.empty()) return item.alias;
  if (item.expr->kind == ast::ExprKind::kColumn) return item.expr->path.back();
  if (item.expr->kind == ast::ExprKind::kField) return item.expr->path.back();
  return fmt::format("EXPR${}", position);
}

Result<std::vector<ast::SelectItem>> ExpandStars(const ast::Select& select, const Scope& scope) {
  std::vector<ast::SelectItem> items;
  for (const ast::SelectItem& item : select.items) {
    if (item.expr->kind != ast::ExprKind::kStar) {
      items.push_back(item);
      continue;
    }
    const std::string qualifier = item.expr->path.empty() ? "" : item.expr->path.back();
    const std::vector<int> columns = scope.ColumnsOf(qualifier);
    if (columns.empty()) {
      return ErrorAt(item.expr->place, "there is no table '{}' in FROM", qualifier);
    }
    for (int c : columns) {
      items.push_back(ColumnItem(scope, c, item.expr->place));
    }
  }
  return items;
}

Result<PlanPtr> Binder::BindQuery(const ast::Query& query) {
  if (++queries_ > kMaxQueries) {
    return ErrorAt(query.place, "too many queries: with its views this is more than {}", kMaxQueries);
  }
  if (++depth_ > kMaxDepth) {
    return ErrorAt(query.place, "queries and views are nested more than {} deep", kMaxDepth);
  }
  const CommonTables outer = common_tables_;
  for (const auto& [name, table] : query.with) common_tables_[name] = table;
  auto body = BindBody(query);
  if (body.ok()) body = BindTail(query, *body);
  common_tables_ = outer;
  --depth_;
  return body;
}

Result<PlanPtr> Binder::BindBody(const ast::Query& query) {
  if (query.select) return BindSelect(*query.select);
  if (query.set_op) return BindSetOperation(query);
  if (!query.values.empty()) return BindValues(query.values);
  if (query.left) return BindQuery(*query.left);
  return ErrorAt(query.place, "this query is empty");
}

Result<PlanPtr> Binder::BindValues(const std::vector<std::vector<ast::ExprPtr>>& rows) {
  auto plan = std::make_shared<Plan>();
  plan->kind = PlanKind::kValues;
  const Scope empty;
  for (const auto& row : rows) {
    if (row.size() != rows[0].size()) {
      return ErrorAt(row[0]->place, "a VALUES row has {} values, the first has {}", row.size(),
                     rows[0].size());
    }
    std::vector<ExpressionPtr> bound;
    for (const ast::ExprPtr& value : row) {
      MILL_ASSIGN(ExpressionPtr e, ExpressionBinder(empty).Bind(*value));
      bound.push_back(std::move(e));
    }
    plan->values.push_back(std::move(bound));
  }
  for (size_t c = 0; c < rows[0].size(); ++c) {
    std::vector<SqlType> types;
    for (const auto& row : plan->values) types.push_back(row[c]->type);
    auto common = CommonType(types);
    if (!common.ok()) return AtPlace(common.status(), rows[0][c]->place);
    for (auto& row : plan->values) row[c] = MakeCast(row[c], *common);
    plan->schema.columns.push_back({fmt::format("EXPR${}", c), *common});
    plan->traits.push_back({});
  }
  return plan;
}

Result<PlanPtr> Binder::BindSelect(const ast::Select& select) {
  Relation input;
  if (select.from) {
    MILL_ASSIGN(input, BindFrom(*select.from));
  } else {
    input.plan = std::make_shared<Plan>();  // one row without columns
    input.plan->values.push_back({});
  }
  if (select.where) {
    MILL_ASSIGN(ExpressionPtr condition, ExpressionBinder(input.scope).BindCondition(*select.where));
    input.plan = MakeFilter(input.plan, condition);
  }
  PlanPtr plan;
  if (IsGrouped(select)) {
    MILL_ASSIGN(plan, HasGroupWindow(select) ? BindGroupWindow(select, input)
                                             : BindGrouped(select, input));
  } else {
    MILL_ASSIGN(plan, BindProjection(select, input));
  }
  if (select.distinct) {
    MILL_ASSIGN(plan, BindDistinct(plan));
  }
  MILL_ASSIGN(const std::string ttl, StateTtlOf(select));
  if (!ttl.empty()) SetStateTtl(plan, input.plan, ttl);
  return plan;
}

Result<PlanPtr> Binder::BindProjection(const ast::Select& select, const Relation& input) {
  MILL_ASSIGN(auto items, ExpandStars(select, input.scope));
  std::vector<ExpressionPtr> expressions;
  std::vector<std::string> names;
  ExpressionBinder binder(input.scope);
  for (size_t i = 0; i < items.size(); ++i) {
    MILL_ASSIGN(ExpressionPtr e, binder.Bind(*items[i].expr));
    expressions.push_back(std::move(e));
    names.push_back(ItemName(items[i], i));
  }
  return MakeProject(input.plan, std::move(expressions), std::move(names));
}

Result<PlanPtr> Binder::BindDistinct(PlanPtr input) {
  auto plan = std::make_shared<Plan>();
  plan->kind = PlanKind::kGroupAggregate;
  plan->schema = input->schema;
  plan->traits.resize(input->traits.size());
  for (int i = 0; i < input->schema.size(); ++i) plan->keys.push_back(i);
  plan->upsert_key = plan->keys;
  plan->updating = input->updating;  // over inserts only, each key comes out once
  plan->inputs = {std::move(input)};
  return plan;
}

}  // namespace millrace
