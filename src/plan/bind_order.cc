// ORDER BY and LIMIT. A stream can be sorted by time: rows come out as the watermark passes them.
#include <algorithm>
#include <charconv>

#include "plan/binder.h"

namespace millrace {
namespace {

constexpr char kSortHint[] =
    "ORDER BY on a stream must begin with a time attribute, ascending. hint: write the rows to a "
    "table with the sqlite connector and sort there";

// The output column that `key` names, by its name or its number from 1; -1 if none.
int OutputColumn(const Plan& plan, const ast::Expr& key) {
  if (key.kind == ast::ExprKind::kColumn && key.path.size() == 1) {
    return std::max(plan.schema.Find(key.path[0]), -1);
  }
  if (key.kind != ast::ExprKind::kLiteral || !key.literal_type.IsInteger()) return -1;
  int number = 0;
  std::from_chars(key.text.data(), key.text.data() + key.text.size(), number);
  return number >= 1 && number <= plan.schema.size() ? number - 1 : -1;
}

// The first `count` columns of `input`.
PlanPtr FirstColumns(const PlanPtr& input, int count) {
  std::vector<ExpressionPtr> expressions;
  std::vector<std::string> names;
  for (int i = 0; i < count; ++i) {
    const Column& column = input->schema.columns[static_cast<size_t>(i)];
    expressions.push_back(MakeColumn(i, column.name, column.type));
    names.push_back(column.name);
  }
  return MakeProject(input, std::move(expressions), std::move(names));
}

}  // namespace

// The query's rows with the columns that ORDER BY reads: those that are not selected stand behind.
Result<PlanPtr> Binder::BindSortInput(const ast::Query& query, PlanPtr body) {
  if (!query.select) return body;
  ast::Select select = *query.select;
  const size_t selected = select.items.size();
  for (const auto& [key, descending] : query.order_by) {
    if (OutputColumn(*body, *key) >= 0) continue;
    select.items.push_back({key, fmt::format("$o{}", select.items.size() - selected)});
  }
  if (select.items.size() == selected) return body;
  if (select.distinct) {
    return ErrorAt(query.order_by[0].first->place,
                   "with DISTINCT, ORDER BY can only name columns that are selected");
  }
  return BindSelect(select);
}

Result<PlanPtr> Binder::BindOrder(const ast::Query& query, PlanPtr body) {
  const int selected = body->schema.size();
  MILL_ASSIGN(PlanPtr input, BindSortInput(query, std::move(body)));
  auto plan = std::make_shared<Plan>();
  plan->kind = PlanKind::kSort;
  plan->schema = input->schema;
  plan->traits = input->traits;
  int hidden = selected;
  for (const auto& [key, descending] : query.order_by) {
    const int column = OutputColumn(*input, *key);
    plan->sort_keys.push_back({column >= 0 && column < selected ? column : hidden++, descending});
  }
  MILL_RETURN(CheckSort(query, *input, plan.get()));
  const bool by_arrival = plan->window.domain == TimeDomain::kProcessing &&
                          plan->sort_keys.size() == 1;  // rows come in that order anyway
  plan->inputs = {input};
  if (by_arrival) return FirstColumns(input, selected);
  return input->schema.size() == selected ? PlanPtr(plan) : FirstColumns(plan, selected);
}

Status Binder::CheckSort(const ast::Query& query, const Plan& input, Plan* sort) const {
  const ast::Place& place = query.order_by[0].first->place;
  const SortKey& first = sort->sort_keys[0];
  const TimeAttribute time = input.traits[static_cast<size_t>(first.column)].time;
  const bool by_time = time != TimeAttribute::kNone && !first.descending;
  if (!by_time && !sort_at_end_) return ErrorAt(place, "{}", kSortHint);
  if (input.updating && by_time) {
    return ErrorAt(place, "ORDER BY on an updating result is not supported. hint: write the rows "
                          "to a table with the sqlite connector and sort there");
  }
  if (!by_time) return Status::OK();
  sort->window.time_column = first.column;
  const bool event = time == TimeAttribute::kEvent;
  sort->window.domain = event ? TimeDomain::kEvent : TimeDomain::kProcessing;
  return Status::OK();
}

// The rows are kept as keys are.
Status Binder::CheckUpdatingLimit(const ast::Query& query, const Plan& input) const {
  for (const Column& column : input.schema.columns) {
    if (column.type.children.empty()) continue;
    return ErrorAt(query.place, "LIMIT on an updating result cannot keep column '{}' of type {}",
                   column.name, column.type.ToString());
  }
  return Status::OK();
}

Result<PlanPtr> Binder::BindTail(const ast::Query& query, PlanPtr input) {
  if (!query.order_by.empty()) {
    MILL_ASSIGN(input, BindOrder(query, std::move(input)));
  }
  if (!query.limit && !query.offset) return input;
  if (input->updating) MILL_RETURN(CheckUpdatingLimit(query, *input));
  auto plan = std::make_shared<Plan>();
  plan->kind = PlanKind::kLimit;
  plan->schema = input->schema;
  plan->traits = input->traits;
  plan->limit = query.limit.value_or(-1);
  plan->offset = query.offset.value_or(0);
  plan->updating = input->updating;
  plan->upsert_key = input->upsert_key;
  plan->inputs = {std::move(input)};
  return plan;
}

}  // namespace millrace
