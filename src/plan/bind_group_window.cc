// Group windows, the older form of windows: GROUP BY TUMBLE(ts, INTERVAL '1' HOUR), with
// TUMBLE_START and the like beside it. They become the window table functions of the same names.
#include <algorithm>

#include "plan/binder.h"

namespace millrace {
namespace {

constexpr char kWindowQualifier[] = "$window";

struct GroupWindowKind {
  const char* name;
  WindowKind kind;
  size_t intervals;
};

constexpr GroupWindowKind kKinds[] = {{"TUMBLE", WindowKind::kTumble, 1},
                                      {"HOP", WindowKind::kHop, 2},
                                      {"SESSION", WindowKind::kSession, 1}};

const GroupWindowKind* FindKind(const ast::Expr& expr) {
  if (expr.kind != ast::ExprKind::kCall || expr.over) return nullptr;
  for (const GroupWindowKind& kind : kKinds) {
    if (expr.name == kind.name) return &kind;
  }
  return nullptr;
}

ast::ExprPtr WindowColumn(const std::string& name, const ast::Place& place) {
  auto column = std::make_shared<ast::Expr>();
  column->kind = ast::ExprKind::kColumn;
  column->place = place;
  column->path = {kWindowQualifier, name};
  return column;
}

// The window's column that a call such as TUMBLE_START(...) means; "" if it is none.
std::string PropertyColumn(const ast::Expr& expr, const GroupWindowKind& window) {
  if (expr.kind != ast::ExprKind::kCall) return "";
  const std::string name = expr.name, prefix = std::string(window.name) + "_";
  if (name == prefix + "START") return "window_start";
  if (name == prefix + "END") return "window_end";
  if (name == prefix + "ROWTIME" || name == prefix + "PROCTIME") return "window_time";
  return "";
}

// `expr` with the window's auxiliary calls as columns.
ast::ExprPtr Rewritten(const ast::ExprPtr& expr, const GroupWindowKind& window) {
  if (!expr) return expr;
  const std::string property = PropertyColumn(*expr, window);
  if (!property.empty()) return WindowColumn(property, expr->place);
  auto copy = std::make_shared<ast::Expr>(*expr);
  for (ast::ExprPtr& arg : copy->args) arg = Rewritten(arg, window);
  copy->filter = Rewritten(copy->filter, window);
  return copy;
}

ast::Select RewrittenSelect(const ast::Select& select, size_t at, const GroupWindowKind& window) {
  ast::Select rewritten = select;
  const ast::Place place = select.group_by[at]->place;
  const std::vector<ast::ExprPtr> columns = {WindowColumn("window_start", place),
                                             WindowColumn("window_end", place)};
  auto& keys = rewritten.group_by;
  const auto replaced = keys.erase(keys.begin() + static_cast<long>(at));
  keys.insert(replaced, columns.begin(), columns.end());
  for (auto& set : rewritten.grouping_sets) {
    const auto member = std::find(set.begin(), set.end(), select.group_by[at]);
    if (member == set.end()) continue;
    set.insert(set.erase(member), columns.begin(), columns.end());
  }
  for (size_t i = 0; i < rewritten.items.size(); ++i) {
    ast::SelectItem& item = rewritten.items[i];
    if (item.expr->kind == ast::ExprKind::kStar) continue;
    item.alias = ItemName(item, i);
    item.expr = Rewritten(item.expr, window);
  }
  rewritten.having = Rewritten(rewritten.having, window);
  return rewritten;
}

Result<WindowSpec> BindSpec(const ast::Expr& call, const GroupWindowKind& window,
                            const Relation& input) {
  WindowSpec spec;
  spec.kind = window.kind;
  if (call.args.size() != window.intervals + 1) {
    return ErrorAt(call.place, "{} in GROUP BY wants a time column and {} interval{}", call.name,
                   window.intervals, window.intervals == 1 ? "" : "s");
  }
  MILL_ASSIGN(ExpressionPtr time, ExpressionBinder(input.scope).Bind(*call.args[0]));
  ColumnTraits traits;
  if (time->kind == Expression::Kind::kColumn) {
    traits = input.plan->traits[static_cast<size_t>(time->column)];
  }
  if (traits.time == TimeAttribute::kNone) {
    return ErrorAt(call.args[0]->place,
                   "{} wants a time attribute, found {}. hint: a column with a WATERMARK, or one "
                   "AS PROCTIME()", call.name, time->ToString());
  }
  spec.time_column = time->column;
  spec.domain = traits.time == TimeAttribute::kEvent ? TimeDomain::kEvent : TimeDomain::kProcessing;
  MILL_ASSIGN(spec.size, BindInterval(*call.args.back(), "the size of " + call.name));
  if (window.kind == WindowKind::kHop) {
    MILL_ASSIGN(spec.slide, BindInterval(*call.args[1], "the slide of HOP"));
  }
  if (spec.size <= 0 || spec.slide < 0 || (window.kind == WindowKind::kHop && spec.slide == 0)) {
    return ErrorAt(call.place, "the intervals of {} must be above zero", call.name);
  }
  if (window.kind == WindowKind::kHop && spec.size / spec.slide > kMaxWindowsOfRow) {
    return ErrorAt(call.place, "HOP: a size of {} ms every {} ms are more than {} windows for a row. "
                   "hint: a longer slide", spec.size, spec.slide, kMaxWindowsOfRow);
  }
  return spec;
}

// Sessions are those of the other keys, which must be columns.
Result<std::vector<int>> SessionKeys(const ast::Select& select, size_t at, const Relation& input) {
  std::vector<int> keys;
  for (size_t i = 0; i < select.group_by.size(); ++i) {
    if (i == at) continue;
    const ast::Expr& expr = *select.group_by[i];
    MILL_ASSIGN(ExpressionPtr key, ExpressionBinder(input.scope).Bind(expr));
    if (key->kind != Expression::Kind::kColumn) {
      return ErrorAt(expr.place,
                     "beside SESSION, GROUP BY wants columns. hint: compute this one in a subquery");
    }
    keys.push_back(key->column);
  }
  return keys;
}

}  // namespace

bool HasGroupWindow(const ast::Select& select) {
  return std::any_of(select.group_by.begin(), select.group_by.end(),
                     [](const ast::ExprPtr& key) { return FindKind(*key) != nullptr; });
}

Result<PlanPtr> Binder::BindGroupWindow(const ast::Select& select, const Relation& input) {
  size_t at = 0;
  while (FindKind(*select.group_by[at]) == nullptr) ++at;
  const ast::Expr& call = *select.group_by[at];
  const GroupWindowKind& window = *FindKind(call);
  MILL_ASSIGN(WindowSpec spec, BindSpec(call, window, input));
  if (spec.kind == WindowKind::kSession) {
    MILL_ASSIGN(spec.partition, SessionKeys(select, at, input));
  }
  Relation windowed;
  windowed.plan = MakeWindow(input.plan, spec);
  Plan added;
  const auto& columns = windowed.plan->schema.columns;
  added.schema.columns.assign(columns.end() - 3, columns.end());
  windowed.scope = input.scope;
  windowed.scope.Append(Scope(added, kWindowQualifier));
  return BindGrouped(RewrittenSelect(select, at, window), windowed);
}

}  // namespace millrace
