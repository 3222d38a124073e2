// Builds the physical graph of a statement: operators, exchanges, source lanes and sinks. Scans of the
// same table within one statement set share one source.
#pragma once

#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "connectors/connector.h"
#include "engine/engine.h"
#include "operators/not_null.h"
#include "plan/logical.h"
#include "runtime/graph.h"

namespace millrace {

struct BuildSettings {
  int workers = 1;
  std::string time_zone = "UTC";
  std::chrono::milliseconds state_ttl{0};  // table.exec.state.ttl; 0: state stays
  // table.exec.source.idle-timeout, for tables that do not say it themselves; nothing: the default.
  std::optional<std::chrono::milliseconds> idle_timeout;
  std::string owner;        // names the job in what its sinks leave behind; "": nobody cleans up
  bool drop_nulls = false;  // of rows for columns that are NOT NULL; else they fail the job
  NestedNulls nested_nulls = NestedNulls::kIgnore;  // whether NOT NULL inside of values counts
  std::function<const Connector*(const std::string&)> find_connector;
  ResultSink* results = nullptr;              // for a kSink without a table
  bool committed_results = false;             // they come once their epoch is committed
  std::function<void(const std::string& table, const Batch& rows)> on_sink_rows;  // may be null
  // Set when a LIMIT has been reached: nothing more is wanted of the sources.
  std::shared_ptr<std::atomic<bool>> limit_reached;
};

// The plans' kSink nodes become one graph: one job.
Result<Graph> BuildGraph(const std::vector<PlanPtr>& sinks, const BuildSettings& settings);

// What a connector is told about `table`.
TableInfo InfoOf(const TableDefinition& table);

// The graph for EXPLAIN: one node a line with its operators, its parallelism and its inputs, the
// state that they keep and what bounds it; then a warning for each state that nothing bounds. `disk`:
// state is to go to disk; which does says so.
std::string GraphToString(const Graph& graph, bool disk = false);

}  // namespace millrace
