#include "plan/pushdown.h"

#include <arrow/array/util.h>
#include <arrow/scalar.h>

#include <cmath>
#include <map>
#include <optional>

#include "functions/registry.h"

namespace millrace {
namespace {

using Kind = ColumnCondition::Kind;

bool IsCall(const Expression& e, const char* name) {
  return e.kind == Expression::Kind::kCall && e.function->name == name;
}

// Types whose values ColumnValue has.
bool IsComparable(const SqlType& type) {
  return type.IsInteger() || type.IsApproximate() || type.IsTimestamp() ||
         type.kind == TypeKind::kDate || type.kind == TypeKind::kVarchar;
}

std::optional<ColumnValue> ValueOf(const Expression& literal) {
  if (literal.kind != Expression::Kind::kLiteral || !literal.literal->is_valid) return {};
  const auto made = arrow::MakeArrayFromScalar(*literal.literal, 1);
  if (!made.ok()) return {};
  const arrow::ArrayData& data = *(*made)->data();
  switch ((*made)->type_id()) {
    case arrow::Type::INT8: return data.GetValues<int8_t>(1)[0];
    case arrow::Type::INT16: return data.GetValues<int16_t>(1)[0];
    case arrow::Type::INT32:
    case arrow::Type::DATE32: return data.GetValues<int32_t>(1)[0];
    case arrow::Type::INT64:
    case arrow::Type::TIMESTAMP: return data.GetValues<int64_t>(1)[0];
    case arrow::Type::FLOAT:
    case arrow::Type::DOUBLE: {
      const double value = (*made)->type_id() == arrow::Type::FLOAT ? data.GetValues<float>(1)[0]
                                                                    : data.GetValues<double>(1)[0];
      if (std::isnan(value)) return {};
      return value;
    }
    case arrow::Type::STRING:
      return static_cast<const arrow::StringArray&>(**made).GetString(0);
    default: return {};
  }
}

// The column that `e` is, maybe widened within integers or floating numbers; null if it is none.
const Expression* ColumnOf(const Expression& e) {
  const Expression* column = &e;
  if (e.kind == Expression::Kind::kCast) {
    const SqlType& from = e.args[0]->type;
    const bool widened = (from.IsInteger() && e.type.IsInteger() && from.kind <= e.type.kind) ||
                         (from.IsApproximate() && e.type.kind == TypeKind::kDouble) ||
                         (from.kind == TypeKind::kVarchar && e.type.kind == TypeKind::kVarchar &&
                          from.precision <= e.type.precision);
    if (!widened) return nullptr;
    column = e.args[0].get();
  }
  const bool usable = column->kind == Expression::Kind::kColumn && IsComparable(column->type);
  return usable ? column : nullptr;
}

// Takes the conditions of `scan` out of those of the filters above it.
class Collector {
 public:
  explicit Collector(const Plan& scan) : scan_(scan) {}

  void Add(const Expression& e) {
    if (IsCall(e, "AND")) {
      for (const ExpressionPtr& arg : e.args) Add(*arg);
      return;
    }
    if (e.kind != Expression::Kind::kCall || e.args.empty()) return;
    if (IsCall(e, "IS NULL")) return AddNullTest(e, Kind::kIsNull);
    if (IsCall(e, "IS NOT NULL")) return AddNullTest(e, Kind::kIsNotNull);
    if (IsCall(e, "IN")) return AddValues(e, Kind::kIn, 0, 1, e.args.size());
    if (IsCall(e, "BETWEEN")) {
      AddValues(e, Kind::kGreaterEqual, 0, 1, 2);
      return AddValues(e, Kind::kLessEqual, 0, 2, 3);
    }
    static const std::map<std::string, std::pair<Kind, Kind>> kSigns = {
        {"=", {Kind::kEqual, Kind::kEqual}},
        {"<>", {Kind::kNotEqual, Kind::kNotEqual}},
        {"<", {Kind::kLess, Kind::kGreater}},
        {"<=", {Kind::kLessEqual, Kind::kGreaterEqual}},
        {">", {Kind::kGreater, Kind::kLess}},
        {">=", {Kind::kGreaterEqual, Kind::kLessEqual}}};
    const auto sign = kSigns.find(e.function->name);
    if (sign == kSigns.end()) return;
    AddValues(e, sign->second.first, 0, 1, 2);
    AddValues(e, sign->second.second, 1, 0, 1);
  }

  std::vector<ColumnCondition> Take() { return std::move(found_); }

 private:
  // The name of the table's own column that `column` of the scan is; "" if it is computed.
  std::string NameOf(const Expression& column) const {
    const auto at = static_cast<size_t>(scan_.scan_columns[static_cast<size_t>(column.column)]);
    const TableColumn& own = scan_.table->columns[at];
    return own.kind == TableColumn::Kind::kPhysical ? own.name : "";
  }

  void AddNullTest(const Expression& e, Kind kind) {
    const Expression& column = *e.args[0];
    if (column.kind != Expression::Kind::kColumn || NameOf(column).empty()) return;
    found_.push_back({NameOf(column), kind, {}, e.ToString()});
  }

  // A condition of the column args[of] on the constants args[first .. last).
  void AddValues(const Expression& e, Kind kind, size_t of, size_t first, size_t last) {
    const Expression* column = ColumnOf(*e.args[of]);
    if (column == nullptr || NameOf(*column).empty()) return;
    ColumnCondition condition{NameOf(*column), kind, {}, e.ToString()};
    for (size_t i = first; i < last; ++i) {
      const SqlType& type = e.args[i]->type;
      const bool alike = column->type.IsInteger() ? type.IsInteger()
                         : column->type.IsApproximate()
                             ? type.IsApproximate()
                             : type.ToArrow()->Equals(column->type.ToArrow());
      auto value = ValueOf(*e.args[i]);
      if (!alike || !value) return;
      condition.values.push_back(std::move(*value));
    }
    found_.push_back(std::move(condition));
  }

  const Plan& scan_;
  std::vector<ColumnCondition> found_;
};

// The scan below `plan` through filters and projections, and the filters' conditions in terms of it.
const Plan* FindScan(const Plan& plan, std::vector<ExpressionPtr>& conditions) {
  if (plan.kind == PlanKind::kScan) return &plan;
  if (plan.kind == PlanKind::kFilter) conditions.push_back(plan.condition);
  if (plan.kind == PlanKind::kProject) {
    for (ExpressionPtr& e : conditions) e = ReplaceColumns(e, plan.expressions);
  }
  const bool passes = plan.kind == PlanKind::kFilter || plan.kind == PlanKind::kProject;
  return passes ? FindScan(*plan.inputs[0], conditions) : nullptr;
}

// `plan`, a chain of filters and projections, over `scan` in the place of its own.
PlanPtr WithScan(const PlanPtr& plan, const PlanPtr& scan) {
  if (plan->kind == PlanKind::kScan) return scan;
  auto copy = std::make_shared<Plan>(*plan);
  copy->inputs = {WithScan(plan->inputs[0], scan)};
  return copy;
}

}  // namespace

PlanPtr PushConditions(const PlanPtr& plan) {
  std::vector<ExpressionPtr> conditions;
  if (const Plan* scan = FindScan(*plan, conditions)) {
    Collector collector(*scan);
    for (const ExpressionPtr& condition : conditions) collector.Add(*condition);
    auto copy = std::make_shared<Plan>(*scan);
    copy->conditions = collector.Take();
    return copy->conditions.empty() ? plan : WithScan(plan, copy);
  }
  auto copy = std::make_shared<Plan>(*plan);
  for (PlanPtr& input : copy->inputs) input = PushConditions(input);
  return copy;
}

bool WatermarkFollowsTime(const TableDefinition& table) {
  if (!table.watermark) return true;
  if (table.rowtime < 0) return false;
  const auto& time = table.columns[static_cast<size_t>(table.rowtime)];
  if (time.kind != TableColumn::Kind::kPhysical) return false;
  const Expression* mark = table.watermark.get();
  if (IsCall(*mark, "-") && IsConstant(*mark->args[1]) && mark->args[1]->type.IsInterval()) {
    mark = mark->args[0].get();
  }
  if (mark->kind == Expression::Kind::kCast && mark->type.IsTimestamp()) mark = mark->args[0].get();
  return mark->kind == Expression::Kind::kColumn && mark->column == table.rowtime;
}

}  // namespace millrace
