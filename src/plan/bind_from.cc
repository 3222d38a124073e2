// FROM: tables, views, subqueries, and the table functions of windows and sessions.
#include <algorithm>

#include "base/nearest.h"
#include "plan/binder.h"

namespace millrace {
namespace {

struct WindowFunction {
  const char* name;
  WindowKind kind;
  // Names of the arguments behind DATA and TIMECOL, in order; those in brackets are optional.
  std::vector<std::string> intervals;
  size_t required;
};

const std::vector<WindowFunction>& WindowFunctions() {
  static const std::vector<WindowFunction> kFunctions = {
      {"TUMBLE", WindowKind::kTumble, {"SIZE", "OFFSET"}, 1},
      {"HOP", WindowKind::kHop, {"SLIDE", "SIZE", "OFFSET"}, 2},
      {"CUMULATE", WindowKind::kCumulate, {"STEP", "SIZE", "OFFSET"}, 2},
      {"SESSION", WindowKind::kSession, {"GAP", "MAX_DURATION", "MAX_EVENTS"}, 1},
      {"COUNT_WINDOW", WindowKind::kCount, {"SIZE", "SLIDE", "TIMEOUT"}, 1}};
  return kFunctions;
}

const char kSessionize[] = "SESSIONIZE";

// A table function's arguments by name; positional ones get their names in order.
struct TableArguments {
  const ast::Expr* data = nullptr;
  const ast::Expr* time = nullptr;
  std::map<std::string, const ast::Expr*> rest;
};

Result<TableArguments> SortArguments(const ast::TableRef& ref,
                                     const std::vector<std::string>& names) {
  TableArguments sorted;
  size_t position = 0;
  for (const ast::ExprPtr& arg : ref.args) {
    std::string name = "DATA";
    const ast::Expr* value = arg.get();
    if (arg->kind == ast::ExprKind::kNamedArg) {
      name = arg->name;
      std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) {
        return static_cast<char>(std::toupper(c));
      });
      value = arg->args[0].get();
    } else if (position == 1) {
      name = "TIMECOL";
    } else if (position > 1) {
      if (position - 2 >= names.size()) {
        return ErrorAt(arg->place, "{} has at most {} arguments", ref.name, names.size() + 2);
      }
      name = names[position - 2];
    }
    ++position;
    if (name == "DATA") {
      sorted.data = value;
    } else if (name == "TIMECOL") {
      sorted.time = value;
    } else if (std::find(names.begin(), names.end(), name) != names.end()) {
      sorted.rest[name] = value;
    } else {
      const std::string near = NearestName(name, names);
      return ErrorAt(arg->place, "{} has no argument '{}'{}", ref.name, name,
                     near.empty() ? "" : ". did you mean '" + near + "'?");
    }
  }
  if (sorted.data == nullptr || sorted.data->kind != ast::ExprKind::kTableArg) {
    return ErrorAt(ref.place, "{} wants a table first. hint: {}(TABLE t, DESCRIPTOR(ts), ...)",
                   ref.name, ref.name);
  }
  if (sorted.time == nullptr || sorted.time->kind != ast::ExprKind::kDescriptor) {
    return ErrorAt(ref.place, "{} wants the time column second. hint: DESCRIPTOR(ts)", ref.name);
  }
  return sorted;
}

// Wraps a TABLE argument as a FROM item.
ast::TableRef TableArgumentRef(const ast::Expr& arg) {
  ast::TableRef ref;
  ref.place = arg.place;
  if (arg.query) {
    ref.kind = ast::TableRefKind::kSubquery;
    ref.query = arg.query;
  } else {
    ref.kind = ast::TableRefKind::kName;
    ref.path = arg.path;
    ref.name = arg.path.empty() ? "" : arg.path.back();
  }
  return ref;
}

Result<int> TimeColumn(const Relation& input, const ast::Expr& descriptor, TimeDomain* domain) {
  MILL_ASSIGN(ExpressionPtr column, input.scope.Resolve(descriptor.path, descriptor.place));
  if (column->kind != Expression::Kind::kColumn) {
    return ErrorAt(descriptor.place, "DESCRIPTOR wants a column, not a member of a row");
  }
  const ColumnTraits& traits = input.plan->traits[static_cast<size_t>(column->column)];
  if (traits.time == TimeAttribute::kNone) {
    return ErrorAt(descriptor.place,
                   "column '{}' ({}) is not a time attribute. hint: declare WATERMARK FOR {} AS {} - "
                   "INTERVAL '5' SECOND in its table, or a column AS PROCTIME()",
                   column->name, column->type.ToString(), column->name, column->name);
  }
  *domain = traits.time == TimeAttribute::kEvent ? TimeDomain::kEvent : TimeDomain::kProcessing;
  return column->column;
}

Result<std::vector<int>> PartitionColumns(const Relation& input, const ast::Expr& data) {
  std::vector<int> columns;
  for (const ast::ExprPtr& arg : data.args) {
    MILL_ASSIGN(ExpressionPtr column, ExpressionBinder(input.scope).Bind(*arg));
    if (column->kind != Expression::Kind::kColumn) {
      return ErrorAt(arg->place, "PARTITION BY wants columns");
    }
    columns.push_back(column->column);
  }
  return columns;
}

// Without a slide, count windows come one behind the other. A row is in no more than kMaxOverlap.
Status CheckCounts(const ast::Place& place, WindowSpec* spec) {
  constexpr int64_t kMaxOverlap = 1000;
  if (spec->slide == 0) spec->slide = spec->size;
  if (spec->slide > spec->size) {
    return ErrorAt(place, "COUNT_WINDOW's SLIDE ({} rows) must not be above its SIZE ({} rows)",
                   spec->slide, spec->size);
  }
  if (spec->size / spec->slide <= kMaxOverlap) return Status::OK();
  return ErrorAt(place, "COUNT_WINDOW: {} rows every {} rows are more than {} windows for a row. "
                 "hint: a longer SLIDE", spec->size, spec->slide, kMaxOverlap);
}

// A row is in size / slide windows; each open one costs memory, and each that closes a look.
Status CheckOverlap(const ast::Place& place, const WindowSpec& spec) {
  const bool hop = spec.kind == WindowKind::kHop;
  if (!hop && spec.kind != WindowKind::kCumulate) return Status::OK();
  const char* name = hop ? "HOP" : "CUMULATE";
  const char* slide = hop ? "slide" : "step";
  const char* size = hop ? "size" : "maxSize";
  if (spec.size % spec.slide != 0) {
    return ErrorAt(place,
                   "{} table function based aggregate requires {} must be an integral multiple of {}, "
                   "but got {} {} ms and {} {} ms",
                   name, size, slide, size, spec.size, slide, spec.slide);
  }
  if (spec.size / spec.slide <= kMaxWindowsOfRow) return Status::OK();
  return ErrorAt(place, "{}: a {} of {} ms by {} ms are {} windows for a row, above the {} that are "
                 "allowed. hint: a longer {}", name, size, spec.size, spec.slide,
                 spec.size / spec.slide, kMaxWindowsOfRow, slide);
}

Status ReadIntervals(const WindowFunction& function, const TableArguments& args,
                     const ast::Place& place, WindowSpec* spec) {
  for (size_t i = 0; i < function.required; ++i) {
    if (!args.rest.contains(function.intervals[i])) {
      return ErrorAt(place, "{} wants {}. hint: {}", function.name, function.intervals[i],
                     spec->kind == WindowKind::kCount ? "SIZE => 100" : "INTERVAL '1' MINUTE");
    }
  }
  for (const auto& [name, value] : args.rest) {
    if (name == "MAX_EVENTS") {
      MILL_ASSIGN(spec->max_events, BindCount(*value, name));
      continue;
    }
    if (spec->kind == WindowKind::kCount && name != "TIMEOUT") {
      MILL_ASSIGN((name == "SIZE" ? spec->size : spec->slide), BindCount(*value, name));
      continue;
    }
    MILL_ASSIGN(const int64_t ms, BindInterval(*value, name));
    if (ms <= 0 && name != "OFFSET") return ErrorAt(value->place, "{} must be above zero", name);
    if (name == "SIZE" || name == "GAP") spec->size = ms;
    if (name == "SLIDE" || name == "STEP") spec->slide = ms;
    if (name == "OFFSET") spec->offset = ms;
    if (name == "MAX_DURATION") spec->max_duration = ms;
    if (name == "TIMEOUT") spec->timeout = ms;
  }
  if (spec->kind == WindowKind::kCount) return CheckCounts(place, spec);
  return CheckOverlap(place, *spec);
}

void AddColumn(Plan* plan, std::string name, SqlType type, ColumnTraits traits) {
  plan->schema.columns.push_back({std::move(name), std::move(type)});
  plan->traits.push_back(traits);
}

// A node with its input's columns, to which more are added.
PlanPtr Extend(PlanKind kind, PlanPtr input) {
  auto plan = std::make_shared<Plan>();
  plan->kind = kind;
  plan->schema = input->schema;
  plan->traits = input->traits;
  plan->updating = input->updating;
  plan->inputs = {std::move(input)};
  return plan;
}

}  // namespace

PlanPtr MakeWindow(PlanPtr input, WindowSpec spec) {
  const SqlType time_type = input->schema.columns[static_cast<size_t>(spec.time_column)].type;
  TimeAttribute time = spec.domain == TimeDomain::kEvent ? TimeAttribute::kEvent
                                                         : TimeAttribute::kProcessing;
  // When a count window is full has nothing to do with the watermark.
  if (spec.kind == WindowKind::kCount) time = TimeAttribute::kNone;
  PlanPtr plan = Extend(PlanKind::kWindow, std::move(input));
  AddColumn(plan.get(), "window_start", SqlType::Timestamp(), {{}, WindowProperty::kStart});
  AddColumn(plan.get(), "window_end", SqlType::Timestamp(), {{}, WindowProperty::kEnd});
  AddColumn(plan.get(), "window_time", time_type, {time, WindowProperty::kTime});
  plan->window = std::move(spec);
  const auto time_at = static_cast<size_t>(plan->window.time_column);
  plan->window.time_name = plan->schema.columns[time_at].name;
  return plan;
}

Result<Relation> Binder::BindFrom(const ast::TableRef& ref) {
  Relation relation;
  switch (ref.kind) {
    case ast::TableRefKind::kName: {
      MILL_ASSIGN(relation.plan, BindTableName(ref));
      break;
    }
    case ast::TableRefKind::kSubquery:
    case ast::TableRefKind::kValues: {
      MILL_ASSIGN(relation.plan, BindQuery(*ref.query));
      break;
    }
    case ast::TableRefKind::kFunction: {
      MILL_ASSIGN(relation.plan, BindTableFunction(ref));
      break;
    }
    case ast::TableRefKind::kJoin:
      return BindJoin(ref);
    case ast::TableRefKind::kUnnest: {
      Relation one_row;
      one_row.plan = std::make_shared<Plan>();
      one_row.plan->values.push_back({});
      return BindUnnest(ref, one_row, false);
    }
  }
  if (!ref.column_aliases.empty()) {
    if (ref.column_aliases.size() != relation.plan->schema.columns.size()) {
      return ErrorAt(ref.place, "'{}' has {} columns but {} names", ref.alias,
                     relation.plan->schema.size(), ref.column_aliases.size());
    }
    auto renamed = std::make_shared<Plan>(*relation.plan);
    for (size_t i = 0; i < ref.column_aliases.size(); ++i) {
      renamed->schema.columns[i].name = ref.column_aliases[i];
    }
    relation.plan = renamed;
  }
  relation.scope = Scope(*relation.plan, ref.alias.empty() ? ref.name : ref.alias);
  return relation;
}

Result<PlanPtr> Binder::BindTableName(const ast::TableRef& ref) {
  const auto common = common_tables_.find(ref.name);
  if (common != common_tables_.end()) {
    const ast::QueryPtr query = common->second;
    const CommonTables outer = common_tables_;
    common_tables_.erase(ref.name);  // a common table cannot mean itself
    auto plan = BindQuery(*query);
    common_tables_ = outer;
    return plan;
  }
  if (auto table = catalog_.FindTable(ref.name)) return BindScan(ref, table);
  if (auto view = catalog_.FindView(ref.name)) return BindView(*view, ref.place);
  const std::string near = NearestName(ref.name, catalog_.Names());
  return ErrorAt(ref.place, "there is no table or view '{}'{}", ref.name,
                 near.empty() ? "" : ". did you mean '" + near + "'?");
}

Result<PlanPtr> Binder::BindScan(const ast::TableRef& ref,
                                 std::shared_ptr<const TableDefinition> table) {
  if (ref.as_of) return ErrorAt(ref.place, "FOR SYSTEM_TIME AS OF is not supported");
  if (!ref.hints.empty()) {
    auto changed = std::make_shared<TableDefinition>(*table);
    for (const auto& [key, value] : ref.hints) changed->options[key] = value;
    table = changed;
  }
  auto plan = std::make_shared<Plan>();
  plan->kind = PlanKind::kScan;
  plan->schema = table->ToSchema();
  for (int i = 0; i < plan->schema.size(); ++i) {
    plan->scan_columns.push_back(i);
    const TableColumn& column = table->columns[static_cast<size_t>(i)];
    ColumnTraits traits;
    if (i == table->rowtime) traits.time = TimeAttribute::kEvent;
    if (column.computed && column.computed->ToString() == "PROCTIME()") {
      traits.time = TimeAttribute::kProcessing;
    }
    plan->traits.push_back(traits);
  }
  plan->table = std::move(table);
  return BindChangelog(std::move(plan), ref.place);
}

// A scan of a changelog: its key, and for upserts the node that makes them full changes.
Result<PlanPtr> Binder::BindChangelog(PlanPtr scan, const ast::Place& place) {
  const TableDefinition& table = *scan->table;
  if (table.changelog == ChangelogMode::kInsertOnly) return scan;
  scan->updating = true;
  std::vector<int> key;
  for (const std::string& name : table.primary_key) key.push_back(scan->schema.Find(name));
  if (table.changelog == ChangelogMode::kRetract) {
    scan->upsert_key = std::move(key);
    return scan;
  }
  if (key.empty()) {
    return ErrorAt(place, "table '{}' holds upserts and has no key. hint: PRIMARY KEY (...) NOT "
                          "ENFORCED", table.name);
  }
  PlanPtr normalize = Extend(PlanKind::kNormalize, std::move(scan));
  normalize->keys = key;
  normalize->upsert_key = std::move(key);
  return normalize;
}

Result<PlanPtr> Binder::BindView(const ViewDefinition& view, const ast::Place& place) {
  const CommonTables outer = std::exchange(common_tables_, {});
  auto bound = BindQuery(*view.query);
  common_tables_ = outer;
  if (!bound.ok()) return Annotate(bound.status(), "in view '" + view.name + "'");
  PlanPtr plan = *bound;
  if (view.columns.empty()) return plan;
  if (view.columns.size() != plan->schema.columns.size()) {
    return ErrorAt(place, "view '{}' names {} columns, its query has {}", view.name,
                   view.columns.size(), plan->schema.size());
  }
  plan = std::make_shared<Plan>(*plan);
  for (size_t i = 0; i < view.columns.size(); ++i) plan->schema.columns[i].name = view.columns[i];
  return plan;
}

Result<PlanPtr> Binder::BindTableFunction(const ast::TableRef& ref) {
  std::vector<std::string> names = {kSessionize};
  if (ref.name == kSessionize) return BindSessionize(ref);
  for (const WindowFunction& function : WindowFunctions()) {
    if (ref.name == function.name) return BindWindowFunction(ref, function.kind);
    names.push_back(function.name);
  }
  const std::string near = NearestName(ref.name, names);
  return ErrorAt(ref.place, "there is no table function '{}'{}", ref.name,
                 near.empty() ? "" : ". did you mean '" + near + "'?");
}

Result<PlanPtr> Binder::BindWindowFunction(const ast::TableRef& ref, WindowKind kind) {
  const auto& all = WindowFunctions();
  const auto function = std::find_if(all.begin(), all.end(),
                                     [&](const WindowFunction& f) { return f.kind == kind; });
  MILL_ASSIGN(TableArguments args, SortArguments(ref, function->intervals));
  MILL_ASSIGN(Relation input, BindFrom(TableArgumentRef(*args.data)));
  if (kind == WindowKind::kCount && input.plan->updating) {
    return ErrorAt(ref.place, "COUNT_WINDOW wants rows that are only added");
  }
  WindowSpec spec;
  spec.kind = kind;
  MILL_ASSIGN(spec.time_column, TimeColumn(input, *args.time, &spec.domain));
  MILL_ASSIGN(spec.partition, PartitionColumns(input, *args.data));
  MILL_RETURN(ReadIntervals(*function, args, ref.place, &spec));
  return MakeWindow(input.plan, std::move(spec));
}

Result<PlanPtr> Binder::BindSessionize(const ast::TableRef& ref) {
  const WindowFunction function{kSessionize, WindowKind::kSession,
                                {"GAP", "MAX_DURATION", "MAX_EVENTS"}, 1};
  MILL_ASSIGN(TableArguments args, SortArguments(ref, function.intervals));
  MILL_ASSIGN(Relation input, BindFrom(TableArgumentRef(*args.data)));
  if (input.plan->updating) return ErrorAt(ref.place, "SESSIONIZE wants rows that are only added");
  PlanPtr plan = Extend(PlanKind::kSessionize, input.plan);
  plan->window.kind = WindowKind::kSession;
  MILL_ASSIGN(plan->window.time_column, TimeColumn(input, *args.time, &plan->window.domain));
  const auto time_at = static_cast<size_t>(plan->window.time_column);
  plan->window.time_name = plan->schema.columns[time_at].name;
  if (plan->window.domain != TimeDomain::kEvent) {
    return ErrorAt(args.time->place, "SESSIONIZE works on event time only");
  }
  MILL_ASSIGN(plan->keys, PartitionColumns(input, *args.data));
  if (plan->keys.empty()) {
    return ErrorAt(ref.place, "SESSIONIZE wants a key. hint: TABLE t PARTITION BY user_id");
  }
  MILL_RETURN(ReadIntervals(function, args, ref.place, &plan->window));
  AddColumn(plan.get(), "session_id", SqlType::BigInt(), {});
  AddColumn(plan.get(), "session_start", SqlType::Timestamp(), {});
  AddColumn(plan.get(), "session_position", SqlType::BigInt(), {});
  AddColumn(plan.get(), "session_duration", SqlType::BigInt(), {});
  return plan;
}

}  // namespace millrace
