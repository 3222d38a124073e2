// The physical graph: what the engine hands to the runtime. Nodes are chains of operators run as
// `parallelism` tasks, fed by source lanes or by other nodes, maybe ending in a sink; edges say how
// rows are spread over the tasks of the next node.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "connectors/sink.h"
#include "connectors/source.h"
#include "formats/format.h"
#include "functions/expression.h"
#include "operators/operator.h"

namespace millrace {

// One split of a source, from bytes to batches with watermarks.
struct Lane {
  std::unique_ptr<Source> source;
  // Makes a decoder; null for sources that yield batches. Called once per parsing task.
  std::function<Result<std::unique_ptr<Decoder>>()> make_decoder;
};

// How all lanes of one table turn decoded rows into the table's rows.
struct Ingestion {
  std::string table;
  std::vector<ExpressionPtr> columns;      // over the decoded columns; empty: as they are
  std::shared_ptr<arrow::Schema> schema;   // after `columns`
  int rowtime = -1;                        // column of the event time (timestamp[ms]), -1 if none
  ExpressionPtr watermark;                 // over the table's columns, timestamp; null if none
  std::chrono::milliseconds idle_timeout{60000};   // 0: never idle
  std::chrono::milliseconds future_cap{86400000};  // unbounded sources: beyond arrival + cap is bad
  std::string alignment_group;             // whose splits wait for one another; "": for nobody
  std::chrono::milliseconds max_drift{0};  // in event time, ahead of the slowest of the group
  bool needs_processing_time = false;      // emit processing-time watermarks
  bool watermark_of_each = false;          // all batches carry arrival watermarks
  std::vector<std::string> pushed;         // conditions that the source takes up; for EXPLAIN
};

enum class Partitioning {
  kForward,  // task i to task i; parallelism is equal
  kHash,     // by key columns
  kGather,   // all to task 0
};

struct Edge {
  int from = -1;
  int input = 0;  // which input of the node's first operator
  Partitioning partitioning = Partitioning::kForward;
  std::vector<int> keys;  // columns, for kHash
};

// Makes instance `i` of an operator.
using OperatorMaker = std::function<Result<std::unique_ptr<Operator>>(int instance)>;

struct Node {
  std::string name;
  int parallelism = 1;
  std::vector<Lane> lanes;             // a source node: one task per lane (parallelism = lanes)
  std::unique_ptr<Ingestion> ingestion;
  std::vector<Edge> inputs;            // of any other node
  std::vector<OperatorMaker> chain;
  std::unique_ptr<Sink> sink;          // at the end of the chain; parallelism is 1 then
  std::string sink_table;
  // What state is kept under, over restarts; unique in the graph. "": made from the place in the
  // graph.
  std::string source_id, sink_id;
  std::vector<std::string> operator_ids;  // by place in the chain
};

struct Graph {
  std::vector<Node> nodes;  // each node's inputs stand before it
};

}  // namespace millrace
