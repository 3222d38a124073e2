// GROUP BY: keys, aggregate calls, HAVING. A GROUP BY on window_start and window_end of a window
// function becomes one windowed aggregate: filters and projections between the two move below it.
#include <algorithm>

#include "plan/binder.h"
#include "plan/grouped_binder.h"

namespace millrace {
namespace {

// A window function under filters and projections, flattened.
struct FlatWindow {
  PlanPtr window;                       // the kWindow node
  std::vector<ExpressionPtr> columns;   // of the top, over the window node's output
  std::vector<ExpressionPtr> conditions;  // over the window node's output

  int width() const { return window->inputs[0]->schema.size(); }
  bool BelowWindow(const Expression& expression) const {
    std::vector<bool> read(window->schema.columns.size(), false);
    CollectColumns(expression, read);
    return std::find(read.begin() + width(), read.end(), true) == read.end();
  }
};

std::optional<FlatWindow> Flatten(PlanPtr plan) {
  FlatWindow flat;
  for (int i = 0; i < plan->schema.size(); ++i) {
    const Column& column = plan->schema.columns[static_cast<size_t>(i)];
    flat.columns.push_back(MakeColumn(i, column.name, column.type));
  }
  while (plan->kind != PlanKind::kWindow) {
    if (plan->kind == PlanKind::kFilter) {
      flat.conditions.push_back(plan->condition);
    } else if (plan->kind == PlanKind::kProject) {
      for (ExpressionPtr& e : flat.columns) e = ReplaceColumns(e, plan->expressions);
      for (ExpressionPtr& e : flat.conditions) e = ReplaceColumns(e, plan->expressions);
    } else {
      return std::nullopt;
    }
    plan = plan->inputs[0];
  }
  flat.window = plan;
  return flat;
}

struct GroupKeys {
  std::vector<ExpressionPtr> plain;
  std::vector<size_t> plain_at;  // where they stand in GROUP BY
  int start = -1, end = -1, time = -1;  // input columns with window properties that are grouped by
  bool windowed() const { return start >= 0 && end >= 0; }
};

Result<GroupKeys> BindKeys(const ast::Select& select, const Relation& input) {
  GroupKeys keys;
  ExpressionBinder binder(input.scope);
  std::vector<ExpressionPtr> window_keys;
  std::vector<size_t> window_keys_at;
  for (size_t i = 0; i < select.group_by.size(); ++i) {
    MILL_ASSIGN(ExpressionPtr key, binder.Bind(*select.group_by[i]));
    WindowProperty property = WindowProperty::kNone;
    if (key->kind == Expression::Kind::kColumn) {
      property = input.plan->traits[static_cast<size_t>(key->column)].window;
    }
    if (property == WindowProperty::kStart) keys.start = key->column;
    if (property == WindowProperty::kEnd) keys.end = key->column;
    if (property == WindowProperty::kTime) keys.time = key->column;
    const bool plain = property == WindowProperty::kNone;
    (plain ? keys.plain : window_keys).push_back(std::move(key));
    (plain ? keys.plain_at : window_keys_at).push_back(i);
  }
  if (keys.windowed()) return keys;
  keys.plain.insert(keys.plain.end(), window_keys.begin(), window_keys.end());
  keys.plain_at.insert(keys.plain_at.end(), window_keys_at.begin(), window_keys_at.end());
  return keys;
}

// Collects the columns that an aggregate's input projection has to make.
class InputColumns {
 public:
  int Add(const ExpressionPtr& expression, const std::string& name) {
    const std::string fingerprint = Fingerprint(*expression);
    for (size_t i = 0; i < fingerprints_.size(); ++i) {
      if (fingerprints_[i] == fingerprint) return static_cast<int>(i);
    }
    fingerprints_.push_back(fingerprint);
    expressions_.push_back(expression);
    names_.push_back(name);
    return static_cast<int>(expressions_.size()) - 1;
  }
  PlanPtr Project(PlanPtr input) { return MakeProject(std::move(input), expressions_, names_); }

 private:
  std::vector<std::string> fingerprints_;
  std::vector<ExpressionPtr> expressions_;
  std::vector<std::string> names_;
};

// Fills keys and calls of `plan` with columns of its input projection, through `map`, which turns an
// expression over the grouped relation into one over the projection's input.
template <typename Map>
void FillAggregate(Plan* plan, const GroupKeys& keys, const GroupedBinder& binder,
                   const Map& map, InputColumns* columns) {
  for (size_t i = 0; i < keys.plain.size(); ++i) {
    const std::string name = keys.plain[i]->ToString();
    plan->keys.push_back(columns->Add(map(keys.plain[i]), name));
    plan->schema.columns.push_back({name, keys.plain[i]->type});
    plan->traits.push_back({});
  }
  for (const GroupedBinder::BoundCall& bound : binder.calls()) {
    AggregateCall call = bound.call;
    for (const ExpressionPtr& arg : bound.args) {
      call.args.push_back(columns->Add(map(arg), arg->ToString()));
    }
    if (bound.filter) {
      call.filter = columns->Add(map(bound.filter), bound.filter->ToString());
    }
    plan->schema.columns.push_back({call.name, call.bound.type});
    plan->traits.push_back({});
    plan->calls.push_back(std::move(call));
  }
}

void AddWindowColumns(Plan* plan, const SqlType& time_type, TimeAttribute time) {
  plan->schema.columns.push_back({"window_start", SqlType::Timestamp()});
  plan->schema.columns.push_back({"window_end", SqlType::Timestamp()});
  plan->schema.columns.push_back({"window_time", time_type});
  plan->traits.push_back({TimeAttribute::kNone, WindowProperty::kStart});
  plan->traits.push_back({TimeAttribute::kNone, WindowProperty::kEnd});
  plan->traits.push_back({time, WindowProperty::kTime});
}

// True if the keys and calls can be computed before the window is known.
bool Fusible(const FlatWindow& flat, const GroupKeys& keys, const GroupedBinder& binder) {
  const auto below = [&](const ExpressionPtr& e) {
    return !e || flat.BelowWindow(*ReplaceColumns(e, flat.columns));
  };
  for (const ExpressionPtr& key : keys.plain) {
    if (!below(key)) return false;
  }
  for (const GroupedBinder::BoundCall& call : binder.calls()) {
    if (!below(call.filter)) return false;
    if (!std::all_of(call.args.begin(), call.args.end(), below)) return false;
  }
  return std::all_of(flat.conditions.begin(), flat.conditions.end(),
                     [&](const ExpressionPtr& e) { return flat.BelowWindow(*e); });
}

// True if the keys are the columns whose sessions these are: then rows need not be kept.
bool AreSessionKeys(const FlatWindow& flat, const GroupKeys& keys) {
  std::vector<int> grouped;
  for (const ExpressionPtr& key : keys.plain) {
    const ExpressionPtr e = ReplaceColumns(key, flat.columns);
    grouped.push_back(e->kind == Expression::Kind::kColumn ? e->column : -1);
  }
  std::vector<int> partition = flat.window->window.partition;
  std::sort(grouped.begin(), grouped.end());
  std::sort(partition.begin(), partition.end());
  return grouped == partition;
}

PlanPtr FusedAggregate(const FlatWindow& flat, const GroupKeys& keys, const GroupedBinder& binder) {
  auto plan = std::make_shared<Plan>();
  plan->kind = PlanKind::kWindowAggregate;
  plan->window = flat.window->window;
  PlanPtr input = flat.window->inputs[0];
  for (const ExpressionPtr& condition : flat.conditions) input = MakeFilter(input, condition);
  InputColumns columns;
  FillAggregate(plan.get(), keys, binder,
                [&](const ExpressionPtr& e) { return ReplaceColumns(e, flat.columns); }, &columns);
  const auto time_column = static_cast<size_t>(plan->window.time_column);
  const Column& time = input->schema.columns[time_column];
  const TimeAttribute attribute = plan->window.kind == WindowKind::kCount
                                      ? TimeAttribute::kNone
                                      : input->traits[time_column].time;
  plan->window.time_column =
      columns.Add(MakeColumn(plan->window.time_column, time.name, time.type), time.name);
  plan->window.partition = plan->keys;
  AddWindowColumns(plan.get(), time.type, attribute);
  plan->inputs = {columns.Project(input)};
  return plan;
}

PlanPtr AttachedAggregate(const PlanPtr& input, const GroupKeys& keys,
                          const GroupedBinder& binder) {
  auto plan = std::make_shared<Plan>();
  plan->kind = PlanKind::kWindowAggregate;
  plan->window.kind = WindowKind::kAttached;
  InputColumns columns;
  FillAggregate(plan.get(), keys, binder, [](const ExpressionPtr& e) { return e; }, &columns);
  const auto add = [&](int column) {
    const Column& c = input->schema.columns[static_cast<size_t>(column)];
    return columns.Add(MakeColumn(column, c.name, c.type), c.name);
  };
  plan->window.start_column = add(keys.start);
  plan->window.end_column = add(keys.end);
  SqlType time_type = SqlType::Timestamp();
  TimeAttribute attribute = TimeAttribute::kEvent;
  for (size_t i = 0; i < input->traits.size(); ++i) {
    if (input->traits[i].window != WindowProperty::kTime) continue;
    time_type = input->schema.columns[i].type;
    attribute = input->traits[i].time;
  }
  if (attribute == TimeAttribute::kProcessing) plan->window.domain = TimeDomain::kProcessing;
  AddWindowColumns(plan.get(), time_type, attribute);
  plan->inputs = {columns.Project(input)};
  return plan;
}

PlanPtr UpdatingAggregate(const PlanPtr& input, const GroupKeys& keys,
                          const GroupedBinder& binder) {
  auto plan = std::make_shared<Plan>();
  plan->kind = PlanKind::kGroupAggregate;
  plan->updating = true;
  InputColumns columns;
  FillAggregate(plan.get(), keys, binder, [](const ExpressionPtr& e) { return e; }, &columns);
  for (size_t i = 0; i < keys.plain.size(); ++i) plan->upsert_key.push_back(static_cast<int>(i));
  plan->inputs = {columns.Project(input)};
  return plan;
}

PlanPtr MakeAggregate(const Relation& input, const GroupKeys& keys, const GroupedBinder& binder) {
  const auto flat = Flatten(input.plan);
  if (!keys.windowed()) return UpdatingAggregate(input.plan, keys, binder);
  if (!flat) return AttachedAggregate(input.plan, keys, binder);
  const WindowKind kind = flat->window->window.kind;
  const bool session = kind == WindowKind::kSession || kind == WindowKind::kCount;
  // Rows that a condition drops still hold their session together.
  const bool sessions_fit = AreSessionKeys(*flat, keys) && flat->conditions.empty();
  const bool fusible = Fusible(*flat, keys, binder) && (!session || sessions_fit);
  return fusible ? FusedAggregate(*flat, keys, binder)
                 : AttachedAggregate(input.plan, keys, binder);
}

// By grouping set, which of the plain keys it has. Window columns must be in all sets.
Result<std::vector<std::vector<bool>>> SetsOfKeys(const ast::Select& select,
                                                  const GroupKeys& keys) {
  std::vector<std::vector<bool>> sets;
  for (const auto& written : select.grouping_sets) {
    const auto has = [&](size_t at) {
      return std::find(written.begin(), written.end(), select.group_by[at]) != written.end();
    };
    std::vector<bool> set;
    for (size_t at : keys.plain_at) set.push_back(has(at));
    for (size_t at = 0; at < select.group_by.size(); ++at) {
      const auto& plain = keys.plain_at;
      if (std::find(plain.begin(), plain.end(), at) != plain.end() || has(at)) continue;
      return ErrorAt(select.group_by[at]->place,
                     "window_start and window_end must be in every grouping set. hint: GROUP BY "
                     "window_start, window_end, GROUPING SETS (...)");
    }
    sets.push_back(std::move(set));
  }
  return sets;
}

// `input` once for each set: its columns, then the keys, NULL where the set lacks them, then the
// set's number. `keys` become those columns.
PlanPtr ExpandSets(const PlanPtr& input, std::vector<std::vector<bool>> sets, GroupKeys* keys) {
  std::vector<ExpressionPtr> expressions;
  std::vector<std::string> names;
  for (int i = 0; i < input->schema.size(); ++i) {
    const Column& column = input->schema.columns[static_cast<size_t>(i)];
    expressions.push_back(MakeColumn(i, column.name, column.type));
    names.push_back(column.name);
  }
  auto plan = std::make_shared<Plan>();
  plan->kind = PlanKind::kExpand;
  for (size_t i = 0; i < keys->plain.size(); ++i) {
    ExpressionPtr& key = keys->plain[i];
    const int at = static_cast<int>(expressions.size());
    const std::string name = key->ToString();
    const SqlType type = key->type.Nullable();
    expressions.push_back(MakeCast(key, type));
    names.push_back(name);
    plan->expand_columns.push_back(at);
    key = MakeColumn(at, name, type);
  }
  PlanPtr projected = MakeProject(input, std::move(expressions), std::move(names));
  plan->schema = projected->schema;
  plan->traits = projected->traits;
  plan->updating = projected->updating;
  plan->expand_sets = std::move(sets);
  keys->plain.push_back(MakeColumn(plan->schema.size(), "$set", SqlType::Int().NotNull()));
  plan->schema.columns.push_back({"$set", SqlType::Int().NotNull()});
  plan->traits.push_back({});
  plan->inputs = {std::move(projected)};
  return plan;
}

// Window columns stand behind keys and calls; until the number of calls is known, they are marked.
constexpr int kWindowBase = 1 << 21;

// Puts the references to aggregate calls and window columns where these stand in the aggregate's
// output: keys, calls, window columns.
ExpressionPtr PlaceColumns(const ExpressionPtr& e, int keys, int calls) {
  if (e->kind == Expression::Kind::kColumn) {
    int at = e->column;
    if (at >= kWindowBase) {
      at += keys + calls - kWindowBase;
    } else if (at >= GroupedBinder::kCallBase) {
      at += keys - GroupedBinder::kCallBase;
    }
    return at == e->column ? e : MakeColumn(at, e->name, e->type);
  }
  if (e->args.empty()) return e;
  auto copy = std::make_shared<Expression>(*e);
  for (ExpressionPtr& arg : copy->args) arg = PlaceColumns(arg, keys, calls);
  return copy;
}

void AllowWindowColumns(const Plan& input, GroupedBinder* binder) {
  for (size_t i = 0; i < input.traits.size(); ++i) {
    const WindowProperty property = input.traits[i].window;
    if (property == WindowProperty::kNone) continue;
    const int position = static_cast<int>(property) - static_cast<int>(WindowProperty::kStart);
    binder->AllowWindowColumn(static_cast<int>(i), kWindowBase + position);
  }
}

// Makes a windowed aggregate one that emits as `emit` says, if that is more than once.
Status SetEmit(const EmitSpec& emit, const ast::Place& place, Plan* plan) {
  if (plan->kind != PlanKind::kWindowAggregate || !emit.Updates(plan->window.domain)) {
    return Status::OK();
  }
  if (plan->window.kind == WindowKind::kCount) return Status::OK();
  if (plan->window.max_events > 0 || plan->window.max_duration > 0) {
    return ErrorAt(place,
                   "sessions with MAX_EVENTS or MAX_DURATION have no early or late results. hint: "
                   "RESET 'table.exec.emit.early-fire.enabled', and "
                   "'table.exec.emit.allow-lateness'");
  }
  plan->emit = emit;
  if (plan->window.domain == TimeDomain::kProcessing) plan->emit.lateness = 0;
  plan->updating = true;
  const int window = static_cast<int>(plan->keys.size() + plan->calls.size());
  for (int i = 0; i < static_cast<int>(plan->keys.size()); ++i) plan->upsert_key.push_back(i);
  plan->upsert_key.push_back(window);
  plan->upsert_key.push_back(window + 1);
  return Status::OK();
}

}  // namespace

Result<PlanPtr> Binder::BindGrouped(const ast::Select& select, const Relation& grouped) {
  Relation input = grouped;
  MILL_ASSIGN(GroupKeys keys, BindKeys(select, input));
  GroupedBinder binder(input, keys.plain);
  if (select.grouping != ast::GroupingKind::kPlain) {
    MILL_ASSIGN(auto sets, SetsOfKeys(select, keys));
    binder.SetGroupingSets(sets);
    input.plan = ExpandSets(input.plan, std::move(sets), &keys);
  }
  if (keys.windowed()) AllowWindowColumns(*input.plan, &binder);
  MILL_ASSIGN(auto items, ExpandStars(select, input.scope));
  std::vector<ExpressionPtr> expressions;
  std::vector<std::string> names;
  for (size_t i = 0; i < items.size(); ++i) {
    MILL_ASSIGN(ExpressionPtr e, binder.Bind(*items[i].expr));
    expressions.push_back(std::move(e));
    names.push_back(ItemName(items[i], i));
  }
  ExpressionPtr having;
  if (select.having) {
    MILL_ASSIGN(having, binder.BindCondition(*select.having));
  }
  PlanPtr plan = MakeAggregate(input, keys, binder);
  MILL_RETURN(SetEmit(emit_, select.items[0].expr->place, plan.get()));
  const auto place = [&](const ExpressionPtr& e) {
    return PlaceColumns(e, static_cast<int>(keys.plain.size()),
                        static_cast<int>(binder.calls().size()));
  };
  if (having) plan = MakeFilter(plan, place(having));
  for (ExpressionPtr& e : expressions) e = place(e);
  return MakeProject(plan, std::move(expressions), std::move(names));
}

}  // namespace millrace
