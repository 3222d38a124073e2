#include "plan/optimizer.h"

#include <algorithm>

#include "plan/binder.h"
#include "plan/pushdown.h"

namespace millrace {
namespace {

// ---- constants ----

Result<ExpressionPtr> Fold(const ExpressionPtr& e) {
  if (e->kind == Expression::Kind::kLiteral || e->kind == Expression::Kind::kColumn) return e;
  if (IsConstant(*e)) {
    auto value = EvaluateConstant(*e);
    // A constant that fails (1 / 0) fails when a row needs it, not before.
    if (value.ok()) return MakeLiteral(*value, e->type);
    return e;
  }
  auto copy = std::make_shared<Expression>(*e);
  for (ExpressionPtr& arg : copy->args) {
    MILL_ASSIGN(arg, Fold(arg));
  }
  return copy;
}

Result<PlanPtr> FoldPlan(const PlanPtr& plan) {
  auto copy = std::make_shared<Plan>(*plan);
  for (PlanPtr& input : copy->inputs) {
    MILL_ASSIGN(input, FoldPlan(input));
  }
  if (copy->condition) {
    MILL_ASSIGN(copy->condition, Fold(copy->condition));
  }
  for (ExpressionPtr& e : copy->expressions) {
    MILL_ASSIGN(e, Fold(e));
  }
  return copy;
}

// ---- projections ----

// True if putting `inner` in the place of columns of `outer` computes nothing twice.
bool Mergeable(const std::vector<ExpressionPtr>& outer, const Plan& inner) {
  std::vector<int> uses(inner.expressions.size(), 0);
  for (const ExpressionPtr& e : outer) {
    std::vector<bool> read(uses.size(), false);
    CollectColumns(*e, read);
    for (size_t i = 0; i < uses.size(); ++i) uses[i] += read[i] ? 1 : 0;
  }
  for (size_t i = 0; i < uses.size(); ++i) {
    const Expression::Kind kind = inner.expressions[i]->kind;
    const bool cheap = kind == Expression::Kind::kColumn || kind == Expression::Kind::kLiteral;
    if (uses[i] > 1 && !cheap) return false;
  }
  return true;
}

PlanPtr MergeProjections(const PlanPtr& plan) {
  auto copy = std::make_shared<Plan>(*plan);
  for (PlanPtr& input : copy->inputs) input = MergeProjections(input);
  while (copy->kind == PlanKind::kProject && copy->inputs[0]->kind == PlanKind::kProject &&
         Mergeable(copy->expressions, *copy->inputs[0])) {
    const PlanPtr inner = copy->inputs[0];
    for (ExpressionPtr& e : copy->expressions) e = ReplaceColumns(e, inner->expressions);
    copy->inputs = inner->inputs;
  }
  return copy;
}

// ---- columns ----

// A plan that yields fewer columns, and where each old one is now (-1: gone).
struct Pruned {
  PlanPtr plan;
  std::vector<int> moved;
};

using Needed = std::vector<bool>;

Pruned Prune(const PlanPtr& plan, const Needed& needed);

std::vector<ExpressionPtr> Moved(const Plan& old_input, const Pruned& input) {
  std::vector<ExpressionPtr> columns;
  for (size_t i = 0; i < input.moved.size(); ++i) {
    const Column& column = old_input.schema.columns[i];
    columns.push_back(MakeColumn(input.moved[i], column.name, column.type));
  }
  return columns;
}

Pruned Identity(PlanPtr plan) {
  Pruned pruned{std::move(plan), {}};
  for (int i = 0; i < pruned.plan->schema.size(); ++i) pruned.moved.push_back(i);
  return pruned;
}

// Keeps the columns of `copy` that are marked, in order.
std::vector<int> KeepColumns(Plan* copy, const Needed& kept) {
  std::vector<int> moved(kept.size(), -1);
  Schema schema;
  std::vector<ColumnTraits> traits;
  for (size_t i = 0; i < kept.size(); ++i) {
    if (!kept[i]) continue;
    moved[i] = schema.size();
    schema.columns.push_back(copy->schema.columns[i]);
    traits.push_back(copy->traits[i]);
  }
  copy->schema = std::move(schema);
  copy->traits = std::move(traits);
  return moved;
}

void MoveAll(std::vector<int>& columns, const std::vector<int>& moved) {
  for (int& c : columns) c = moved[static_cast<size_t>(c)];
}

Pruned PruneScan(const PlanPtr& plan, Needed needed) {
  const TableDefinition& table = *plan->table;
  Needed table_needs(table.columns.size(), false);
  if (table.rowtime >= 0) table_needs[static_cast<size_t>(table.rowtime)] = true;
  if (table.watermark) CollectColumns(*table.watermark, table_needs);
  for (size_t i = 0; i < needed.size(); ++i) {
    if (table_needs[static_cast<size_t>(plan->scan_columns[i])]) needed[i] = true;
  }
  auto copy = std::make_shared<Plan>(*plan);
  copy->scan_columns.clear();
  for (size_t i = 0; i < needed.size(); ++i) {
    if (needed[i]) copy->scan_columns.push_back(plan->scan_columns[i]);
  }
  std::vector<int> moved = KeepColumns(copy.get(), needed);
  return {copy, moved};
}

Pruned PruneProject(const PlanPtr& plan, const Needed& needed) {
  const Plan& input = *plan->inputs[0];
  Needed below(input.schema.columns.size(), false);
  for (size_t i = 0; i < needed.size(); ++i) {
    if (needed[i]) CollectColumns(*plan->expressions[i], below);
  }
  const Pruned pruned = Prune(plan->inputs[0], below);
  const auto columns = Moved(input, pruned);
  auto copy = std::make_shared<Plan>(*plan);
  copy->inputs = {pruned.plan};
  copy->expressions.clear();
  for (size_t i = 0; i < needed.size(); ++i) {
    if (needed[i]) copy->expressions.push_back(ReplaceColumns(plan->expressions[i], columns));
  }
  std::vector<int> moved = KeepColumns(copy.get(), needed);
  return {copy, moved};
}

// Filter, Window, Sessionize, Expand, Sort ...: the input's columns, and maybe more behind them.
Pruned PrunePassing(const PlanPtr& plan, const Needed& needed) {
  const size_t width = plan->inputs[0]->schema.columns.size();
  Needed below(needed.begin(), needed.begin() + static_cast<long>(width));
  if (plan->condition) CollectColumns(*plan->condition, below);
  for (int key : plan->keys) below[static_cast<size_t>(key)] = true;
  for (int key : plan->window.partition) below[static_cast<size_t>(key)] = true;
  if (plan->window.time_column >= 0) below[static_cast<size_t>(plan->window.time_column)] = true;
  for (int column : plan->expand_columns) below[static_cast<size_t>(column)] = true;
  for (const SortKey& key : plan->sort_keys) below[static_cast<size_t>(key.column)] = true;
  const Pruned pruned = Prune(plan->inputs[0], below);
  auto copy = std::make_shared<Plan>(*plan);
  copy->inputs = {pruned.plan};
  MoveAll(copy->expand_columns, pruned.moved);
  for (SortKey& key : copy->sort_keys) key.column = pruned.moved[static_cast<size_t>(key.column)];
  if (copy->condition) {
    copy->condition = ReplaceColumns(plan->condition, Moved(*plan->inputs[0], pruned));
  }
  MoveAll(copy->keys, pruned.moved);
  MoveAll(copy->window.partition, pruned.moved);
  if (plan->window.time_column >= 0) {
    copy->window.time_column = pruned.moved[static_cast<size_t>(plan->window.time_column)];
  }
  std::vector<int> moved = pruned.moved;
  copy->schema = pruned.plan->schema;
  copy->traits = pruned.plan->traits;
  for (size_t i = width; i < plan->schema.columns.size(); ++i) {
    moved.push_back(copy->schema.size());
    copy->schema.columns.push_back(plan->schema.columns[i]);
    copy->traits.push_back(plan->traits[i]);
  }
  return {copy, moved};
}

// The collection, or the number of copies, is the input's last column and does not come out.
Pruned PruneUnnest(const PlanPtr& plan, const Needed& needed) {
  const size_t width = plan->inputs[0]->schema.columns.size() - 1;
  Needed below(needed.begin(), needed.begin() + static_cast<long>(width));
  below.push_back(true);
  const Pruned pruned = Prune(plan->inputs[0], below);
  auto copy = std::make_shared<Plan>(*plan);
  copy->inputs = {pruned.plan};
  Needed kept(plan->schema.columns.size(), true);
  for (size_t i = 0; i < width; ++i) kept[i] = pruned.moved[i] >= 0;
  std::vector<int> moved = KeepColumns(copy.get(), kept);
  return {copy, moved};
}

// Aggregates keep all of their own columns; below, only what they read stays.
Pruned PruneAggregate(const PlanPtr& plan) {
  Needed below(plan->inputs[0]->schema.columns.size(), false);
  const auto need = [&](int c) {
    if (c >= 0) below[static_cast<size_t>(c)] = true;
  };
  for (int key : plan->keys) need(key);
  for (const AggregateCall& call : plan->calls) {
    for (int arg : call.args) need(arg);
    need(call.filter);
  }
  need(plan->window.time_column);
  need(plan->window.start_column);
  need(plan->window.end_column);
  const Pruned pruned = Prune(plan->inputs[0], below);
  auto copy = std::make_shared<Plan>(*plan);
  copy->inputs = {pruned.plan};
  const auto move = [&](int& c) {
    if (c >= 0) c = pruned.moved[static_cast<size_t>(c)];
  };
  MoveAll(copy->keys, pruned.moved);
  MoveAll(copy->window.partition, pruned.moved);
  for (AggregateCall& call : copy->calls) {
    MoveAll(call.args, pruned.moved);
    move(call.filter);
  }
  move(copy->window.time_column);
  move(copy->window.start_column);
  move(copy->window.end_column);
  return Identity(copy);
}

// The sides of a union are projections: asked for the same columns they yield the same layout.
Pruned PruneUnion(const PlanPtr& plan, const Needed& needed) {
  auto copy = std::make_shared<Plan>(*plan);
  for (PlanPtr& input : copy->inputs) input = Prune(input, needed).plan;
  std::vector<int> moved = KeepColumns(copy.get(), needed);
  return {copy, moved};
}

Pruned Prune(const PlanPtr& plan, const Needed& needed) {
  switch (plan->kind) {
    case PlanKind::kScan:
      return PruneScan(plan, needed);
    case PlanKind::kProject:
      return PruneProject(plan, needed);
    case PlanKind::kFilter:
    case PlanKind::kWindow:
    case PlanKind::kSessionize:
    case PlanKind::kNormalize:
    case PlanKind::kExpand:
    case PlanKind::kSort:
      return PrunePassing(plan, needed);
    case PlanKind::kLimit:  // what is taken back is found by the whole row
      return PrunePassing(plan, plan->updating ? Needed(needed.size(), true) : needed);
    case PlanKind::kMaterialize:
      return PrunePassing(plan, Needed(needed.size(), true));
    case PlanKind::kUnnest:
    case PlanKind::kReplicate:
      return PruneUnnest(plan, needed);
    case PlanKind::kWindowAggregate:
    case PlanKind::kGroupAggregate:
      return PruneAggregate(plan);
    case PlanKind::kUnion:
      return PruneUnion(plan, needed);
    case PlanKind::kSink: {
      auto copy = std::make_shared<Plan>(*plan);
      copy->inputs = {Prune(plan->inputs[0], needed).plan};
      return Identity(copy);
    }
    case PlanKind::kValues:
      return Identity(plan);
  }
  return Identity(plan);
}

}  // namespace

Result<PlanPtr> Optimize(const PlanPtr& plan) {
  MILL_ASSIGN(PlanPtr folded, FoldPlan(plan));
  const PlanPtr merged = MergeProjections(folded);
  return PushConditions(Prune(merged, Needed(merged->schema.columns.size(), true)).plan);
}

}  // namespace millrace
