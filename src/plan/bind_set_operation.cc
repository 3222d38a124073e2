// UNION, INTERSECT and EXCEPT.
#include "functions/registry.h"
#include "plan/binder.h"

namespace millrace {
namespace {

// The columns of `input`, and two that count a row of its side: left and right.
PlanPtr WithSides(const PlanPtr& input, bool left) {
  std::vector<ExpressionPtr> expressions;
  std::vector<std::string> names;
  for (int i = 0; i < input->schema.size(); ++i) {
    const Column& column = input->schema.columns[static_cast<size_t>(i)];
    expressions.push_back(MakeColumn(i, column.name, column.type));
    names.push_back(column.name);
  }
  for (const bool of_left : {true, false}) {
    expressions.push_back(MakeLiteral(std::make_shared<arrow::Int64Scalar>(of_left == left ? 1 : 0),
                                      SqlType::BigInt().NotNull()));
    names.push_back(of_left ? "$left" : "$right");
  }
  return MakeProject(input, std::move(expressions), std::move(names));
}

Result<AggregateCall> SumOf(int column, const std::string& name) {
  AggregateCall call;
  call.function = FunctionRegistry::Default().FindAggregate("SUM");
  MILL_ASSIGN(call.bound, call.function->bind({SqlType::BigInt().NotNull()}));
  call.args = {column};
  call.name = name;
  return call;
}

ExpressionPtr ColumnOf(const Plan& plan, int column) {
  const Column& c = plan.schema.columns[static_cast<size_t>(column)];
  return MakeColumn(column, c.name, c.type);
}

Result<ExpressionPtr> Compare(const char* op, const Plan& input, int column) {
  return MakeCall(op, {ColumnOf(input, column), MakeLiteral(std::make_shared<arrow::Int64Scalar>(0),
                                                            SqlType::BigInt().NotNull())});
}

// The columns of `both`, of rows that have them first.
void FirstColumns(const Plan& both, std::vector<ExpressionPtr>* columns,
                  std::vector<std::string>* names) {
  for (int i = 0; i < both.schema.size(); ++i) {
    columns->push_back(ColumnOf(both, i));
    names->push_back(both.schema.columns[static_cast<size_t>(i)].name);
  }
}

// `counted`: the columns of `both`, and how often a row stands on the left and on the right.
Result<PlanPtr> WantedOnce(const Plan& both, PlanPtr counted, bool intersect) {
  const int width = both.schema.size();
  MILL_ASSIGN(ExpressionPtr left, Compare(">", *counted, width));
  MILL_ASSIGN(ExpressionPtr right, Compare(intersect ? ">" : "=", *counted, width + 1));
  MILL_ASSIGN(ExpressionPtr wanted, MakeCall("AND", {left, right}));
  std::vector<ExpressionPtr> columns;
  std::vector<std::string> names;
  FirstColumns(both, &columns, &names);
  return MakeProject(MakeFilter(std::move(counted), wanted), std::move(columns), std::move(names));
}

Result<PlanPtr> WantedCopies(const Plan& both, PlanPtr counted, bool intersect) {
  const int width = both.schema.size();
  std::vector<ExpressionPtr> columns;
  std::vector<std::string> names;
  FirstColumns(both, &columns, &names);
  MILL_ASSIGN(ExpressionPtr copies,
              MakeCall(intersect ? "LEAST" : "-",
                       {ColumnOf(*counted, width), ColumnOf(*counted, width + 1)}));
  columns.push_back(std::move(copies));
  names.push_back("$copies");
  auto plan = std::make_shared<Plan>();
  plan->kind = PlanKind::kReplicate;
  plan->inputs = {MakeProject(std::move(counted), std::move(columns), std::move(names))};
  plan->schema = both.schema;
  plan->traits.resize(both.schema.columns.size());
  plan->updating = true;
  return plan;
}

}  // namespace

Result<PlanPtr> Binder::BindSetOperation(const ast::Query& query) {
  MILL_ASSIGN(PlanPtr left, BindQuery(*query.left));
  MILL_ASSIGN(PlanPtr right, BindQuery(*query.right));
  if (left->schema.size() != right->schema.size()) {
    return ErrorAt(query.place, "the sides of a set operation have {} and {} columns",
                   left->schema.size(), right->schema.size());
  }
  auto plan = std::make_shared<Plan>();
  plan->kind = PlanKind::kUnion;
  std::vector<ExpressionPtr> left_casts, right_casts;
  std::vector<std::string> names;
  for (size_t i = 0; i < left->schema.columns.size(); ++i) {
    const Column& a = left->schema.columns[i];
    const Column& b = right->schema.columns[i];
    auto common = CommonType({a.type, b.type});
    if (!common.ok()) return AtPlace(common.status(), query.place);
    const int c = static_cast<int>(i);
    left_casts.push_back(MakeCast(MakeColumn(c, a.name, a.type), *common));
    right_casts.push_back(MakeCast(MakeColumn(c, b.name, b.type), *common));
    names.push_back(a.name);
    plan->schema.columns.push_back({a.name, *common});
    const bool same = left->traits[i].time == right->traits[i].time;
    plan->traits.push_back({same ? left->traits[i].time : TimeAttribute::kNone, {}});
  }
  plan->updating = left->updating || right->updating;
  plan->inputs = {MakeProject(left, left_casts, names), MakeProject(right, right_casts, names)};
  switch (*query.set_op) {
    case ast::SetOp::kUnion: return BindDistinct(plan);
    case ast::SetOp::kUnionAll: return PlanPtr(plan);
    default: return BindSides(*plan, *query.set_op);
  }
}

// INTERSECT and EXCEPT: both sides together, each distinct row once with how often it stands on the
// left and on the right; of these, those that the operation wants, with ALL as often as it wants.
Result<PlanPtr> Binder::BindSides(const Plan& both, ast::SetOp op) {
  auto marked = std::make_shared<Plan>();
  marked->kind = PlanKind::kUnion;
  marked->inputs = {WithSides(both.inputs[0], true), WithSides(both.inputs[1], false)};
  marked->schema = marked->inputs[0]->schema;
  marked->traits.resize(marked->schema.columns.size());
  marked->updating = both.updating;
  const int width = both.schema.size();
  for (int i = 0; i < width; ++i) {
    marked->schema.columns[static_cast<size_t>(i)] = both.schema.columns[static_cast<size_t>(i)];
  }
  auto counted = std::make_shared<Plan>();
  counted->kind = PlanKind::kGroupAggregate;
  counted->updating = true;
  counted->schema = both.schema;
  for (int i = 0; i < width; ++i) counted->keys.push_back(i);
  counted->upsert_key = counted->keys;
  for (const int side : {0, 1}) {
    MILL_ASSIGN(AggregateCall call, SumOf(width + side, side == 0 ? "$left" : "$right"));
    counted->schema.columns.push_back({call.name, call.bound.type});
    counted->calls.push_back(std::move(call));
  }
  counted->traits.resize(counted->schema.columns.size());
  counted->inputs = {std::move(marked)};
  const bool all = op == ast::SetOp::kIntersectAll || op == ast::SetOp::kExceptAll;
  return all ? WantedCopies(both, std::move(counted), op == ast::SetOp::kIntersectAll)
             : WantedOnce(both, std::move(counted), op == ast::SetOp::kIntersect);
}

}  // namespace millrace
