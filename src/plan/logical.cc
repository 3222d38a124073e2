#include "plan/logical.h"

#include <fmt/ranges.h>

namespace millrace {

Schema TableDefinition::ToSchema() const {
  Schema schema;
  for (const TableColumn& column : columns) schema.columns.push_back({column.name, column.type});
  return schema;
}

namespace {

std::string ColumnNames(const Schema& schema, const std::vector<int>& columns) {
  std::vector<std::string> names;
  for (int c : columns) names.push_back(schema.columns[static_cast<size_t>(c)].name);
  return fmt::format("{}", fmt::join(names, ", "));
}

std::string Calls(const Plan& plan) {
  const Schema& input = plan.inputs[0]->schema;
  std::vector<std::string> texts;
  for (const AggregateCall& call : plan.calls) {
    std::string text = call.function->name + "(" + (call.distinct ? "DISTINCT " : "");
    text += call.args.empty() ? "*" : ColumnNames(input, call.args);
    text += ")";
    if (call.filter >= 0) {
      text += " FILTER " + input.columns[static_cast<size_t>(call.filter)].name;
    }
    texts.push_back(text + " AS " + call.name);
  }
  return fmt::format("{}", fmt::join(texts, ", "));
}

std::string Projection(const Plan& plan) {
  std::vector<std::string> texts;
  for (size_t i = 0; i < plan.expressions.size(); ++i) {
    std::string text = plan.expressions[i]->ToString();
    const std::string& name = plan.schema.columns[i].name;
    texts.push_back(text == name ? name : text + " AS " + name);
  }
  return fmt::format("{}", fmt::join(texts, ", "));
}

std::string WindowText(const Plan& plan) {
  std::string text = plan.window.ToString();
  const int time = plan.window.time_column;
  if (time < 0) return text;
  return text + " on " + plan.inputs[0]->schema.columns[static_cast<size_t>(time)].name;
}

void Print(const Plan& plan, int depth, std::string& out) {
  out += std::string(static_cast<size_t>(depth) * 2, ' ') + plan.Describe();
  if (plan.updating) out += "  [updating]";
  out += "\n";
  for (const PlanPtr& input : plan.inputs) Print(*input, depth + 1, out);
}

}  // namespace

std::string Plan::Describe() const {
  switch (kind) {
    case PlanKind::kScan:
      return fmt::format("Scan(table={}, columns=[{}])", table->name,
                         ColumnNames(table->ToSchema(), scan_columns));
    case PlanKind::kValues:
      return fmt::format("Values(rows={})", values.size());
    case PlanKind::kFilter:
      return fmt::format("Filter({})", condition->ToString());
    case PlanKind::kProject:
      return fmt::format("Project({})", Projection(*this));
    case PlanKind::kWindow:
      return fmt::format("Window({})", WindowText(*this));
    case PlanKind::kWindowAggregate:
      return fmt::format("WindowAggregate({}, keys=[{}], [{}])", WindowText(*this),
                         ColumnNames(inputs[0]->schema, keys), Calls(*this));
    case PlanKind::kGroupAggregate:
      return fmt::format("GroupAggregate(keys=[{}], [{}])", ColumnNames(inputs[0]->schema, keys),
                         Calls(*this));
    case PlanKind::kSessionize:
      return fmt::format("Sessionize({}, keys=[{}])", WindowText(*this),
                         ColumnNames(inputs[0]->schema, keys));
    case PlanKind::kUnion:
      return "UnionAll";
    case PlanKind::kLimit:
      return fmt::format("Limit({})", limit);
    case PlanKind::kSink:
      return fmt::format("Sink(table={})", table ? table->name : "$result");
  }
  return "";
}

std::string PlanToString(const Plan& plan) {
  std::string out;
  Print(plan, 0, out);
  return out;
}

}  // namespace millrace
