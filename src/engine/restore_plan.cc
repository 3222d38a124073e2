#include "engine/restore_plan.h"

#include <map>

#include "connectors/growing_source.h"

namespace millrace {

namespace {

// Ids of the graph's parts, with what operators say of themselves.
struct GraphParts {
  std::map<std::string, std::string> operators, lanes, sinks;
};

Result<GraphParts> PartsOf(const Graph& graph) {
  GraphParts parts;
  for (const Node& node : graph.nodes) {
    for (const Lane& lane : node.lanes) {
      if (!IsSpare(lane.source.get())) parts.lanes[node.source_id + "/" + lane.source->name()];
    }
    if (node.sink) parts.sinks[node.sink_id];
    for (size_t i = 0; i < node.operator_ids.size(); ++i) {
      MILL_ASSIGN(const auto op, node.chain[i](0));
      parts.operators[node.operator_ids[i]] = op->Describe();
    }
  }
  return parts;
}

std::string OperatorLine(const SavedPart& saved, std::map<std::string, std::string>& operators,
                         std::vector<std::string>& dropped) {
  const auto found = operators.find(saved.id);
  if (found == operators.end()) {
    if (saved.rows == 0) return "";
    dropped.push_back(saved.id);
    return fmt::format("dropped    {}: {} rows of state\n", saved.id, saved.rows);
  }
  const bool same = found->second == saved.what || saved.what.empty();
  const std::string what = found->second;
  operators.erase(found);
  if (saved.rows == 0) return "";
  if (same) return fmt::format("kept       {}: {} rows of state\n", saved.id, saved.rows);
  return fmt::format("converted  {}: {} rows of state; columns are found by name\n    from {}\n    to   {}\n",
                     saved.id, saved.rows, saved.what, what);
}

std::string LaneLine(const SavedPart& saved, std::map<std::string, std::string>& lanes,
                     std::vector<std::string>& dropped) {
  if (lanes.erase(saved.id) > 0) {
    return fmt::format("kept       {}: after {} rows\n", saved.id, saved.rows);
  }
  dropped.push_back(saved.id);
  return fmt::format("dropped    {}: its position after {} rows\n", saved.id, saved.rows);
}

std::string SinkLine(const SavedPart& saved, std::map<std::string, std::string>& sinks,
                     std::vector<std::string>& dropped) {
  if (sinks.erase(saved.id) > 0) return fmt::format("kept       {}\n", saved.id);
  if (saved.rows == 0) return "";
  dropped.push_back(saved.id);
  return fmt::format("dropped    {}: output that is not yet published\n", saved.id);
}

}  // namespace

Result<RestorePlan> PlanRestore(const Graph& graph, const RestorePoint& point) {
  MILL_ASSIGN(GraphParts parts, PartsOf(graph));
  RestorePlan plan;
  for (const SavedPart& saved : point.Parts()) {
    switch (saved.kind) {
      case SavedPart::Kind::kOperator:
        plan.text += OperatorLine(saved, parts.operators, plan.dropped);
        break;
      case SavedPart::Kind::kLane:
        plan.text += LaneLine(saved, parts.lanes, plan.dropped);
        break;
      case SavedPart::Kind::kSink: plan.text += SinkLine(saved, parts.sinks, plan.dropped); break;
    }
  }
  for (const auto& [id, what] : parts.operators) {
    if (id.find("/Calc") == std::string::npos) {
      plan.text += fmt::format("rebuilt    {}: starts empty\n", id);
    }
  }
  for (const auto& [id, what] : parts.lanes) {
    plan.text += fmt::format("rebuilt    {}: read from the beginning\n", id);
  }
  return plan;
}

}  // namespace millrace
