#include "plan/logical.h"

#include <fmt/ranges.h>

#include "plan/bind_expression.h"

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
    if (call.bound.constant) text += ", '" + call.bound.constant->ToString() + "'";
    text += ")";
    if (call.filter >= 0) {
      const auto filter = static_cast<size_t>(call.filter);
      text += " FILTER (WHERE " + input.columns[filter].name + ")";
    }
    texts.push_back(text == call.name ? text : text + " AS " + call.name);
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

std::string EmitText(const EmitSpec& emit) {
  const std::string text = emit.ToString();
  return text.empty() ? "" : ", emit=[" + text + "]";
}

std::string Sets(const Plan& plan) {
  std::vector<std::string> sets;
  for (const auto& has : plan.expand_sets) {
    std::vector<int> columns;
    for (size_t i = 0; i < has.size(); ++i) {
      if (has[i]) columns.push_back(plan.expand_columns[i]);
    }
    sets.push_back("(" + ColumnNames(plan.inputs[0]->schema, columns) + ")");
  }
  return fmt::format("{}", fmt::join(sets, ", "));
}

std::string SortKeys(const Plan& plan) {
  std::vector<std::string> texts;
  for (const SortKey& key : plan.sort_keys) {
    texts.push_back(plan.schema.columns[static_cast<size_t>(key.column)].name +
                    (key.descending ? " DESC" : " ASC"));
  }
  return fmt::format("{}", fmt::join(texts, ", "));
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
      return fmt::format("Filter({})", condition->ToClause());
    case PlanKind::kProject:
      return fmt::format("Project({})", Projection(*this));
    case PlanKind::kWindow:
      return fmt::format("Window({})", window.ToString());
    case PlanKind::kWindowAggregate:
      return fmt::format("WindowAggregate({}, keys=[{}], [{}]{})", window.ToString(),
                         ColumnNames(inputs[0]->schema, keys), Calls(*this), EmitText(emit));
    case PlanKind::kGroupAggregate:
      return fmt::format("GroupAggregate(keys=[{}], [{}])", ColumnNames(inputs[0]->schema, keys),
                         Calls(*this));
    case PlanKind::kSessionize:
      return fmt::format("Sessionize({}, keys=[{}])", window.ToString(),
                         ColumnNames(inputs[0]->schema, keys));
    case PlanKind::kNormalize:
      return fmt::format("Normalize(keys=[{}])", ColumnNames(inputs[0]->schema, keys));
    case PlanKind::kMaterialize:
      return fmt::format("Materialize(keys=[{}])", ColumnNames(inputs[0]->schema, keys));
    case PlanKind::kUnnest:
      return fmt::format("{}Unnest({}{})", outer ? "Outer" : "",
                         inputs[0]->schema.columns.back().name,
                         with_ordinality ? ", with ordinality" : "");
    case PlanKind::kReplicate:
      return fmt::format("Replicate({} times)", inputs[0]->schema.columns.back().name);
    case PlanKind::kExpand:
      return fmt::format("Expand(sets=[{}])", Sets(*this));
    case PlanKind::kSort:
      return fmt::format("{}([{}])", window.time_column >= 0 ? "TemporalSort" : "Sort",
                         SortKeys(*this));
    case PlanKind::kUnion:
      return "UnionAll";
    case PlanKind::kLimit:
      return fmt::format("Limit({}{})", limit < 0 ? "none" : std::to_string(limit),
                         offset > 0 ? fmt::format(", offset={}", offset) : "");
    case PlanKind::kSink:
      return fmt::format("Sink(table={})", table ? table->name : "$result");
  }
  return "";
}

namespace {

std::string Numbers(const std::vector<int>& numbers) {
  return fmt::format("[{}]", fmt::join(numbers, ","));
}

std::string WindowFingerprint(const WindowSpec& window) {
  return fmt::format("{}:{}:{}:{}:{}:{}:{}:{}:{}:{}:{}:{}", static_cast<int>(window.kind),
                     static_cast<int>(window.domain), window.time_column, window.size,
                     window.slide, window.offset, window.timeout, window.max_duration,
                     window.max_events,
                     Numbers(window.partition), window.start_column, window.end_column);
}

std::string CallFingerprint(const AggregateCall& call) {
  std::string text = call.function->name + (call.distinct ? "!" : "") + Numbers(call.args);
  for (const SqlType& type : call.bound.arg_types) text += type.ToString() + ",";
  return text + fmt::format("?{}>{}", call.filter, call.bound.type.ToString());
}

}  // namespace

std::string Fingerprint(const Plan& plan) {
  std::string text = fmt::format("{}({}|{}|{}|{}", static_cast<int>(plan.kind),
                                 plan.schema.ToString(), WindowFingerprint(plan.window),
                                 Numbers(plan.keys), Numbers(plan.scan_columns));
  if (plan.table) {
    text += plan.table->name;
    for (const auto& [key, value] : plan.table->options) text += "\n" + key + "=" + value;
  }
  if (plan.condition) text += "|" + Fingerprint(*plan.condition);
  for (const ExpressionPtr& e : plan.expressions) text += "|" + Fingerprint(*e);
  for (const auto& row : plan.values) {
    for (const ExpressionPtr& e : row) text += "|" + Fingerprint(*e);
    text += ";";
  }
  for (const AggregateCall& call : plan.calls) text += "|" + CallFingerprint(call);
  for (const SortKey& key : plan.sort_keys) {
    text += fmt::format("|{}{}", key.column, key.descending);
  }
  text += "|" + plan.emit.ToString() + "|" + plan.state_ttl;
  text += fmt::format("|{}:{}:{}:{}:{}", plan.limit, plan.offset, plan.outer,
                      plan.with_ordinality, Numbers(plan.expand_columns));
  for (const auto& set : plan.expand_sets) text += fmt::format("|{}", fmt::join(set, ""));
  for (const PlanPtr& input : plan.inputs) text += "\n" + Fingerprint(*input);
  return text + ")";
}

std::string PlanToString(const Plan& plan) {
  std::string out;
  Print(plan, 0, out);
  return out;
}

}  // namespace millrace
