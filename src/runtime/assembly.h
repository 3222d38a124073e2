// Assembly: all parts of a job, made from its graph: tasks with their channels, lanes with their
// queues and parsers. It only builds and owns; the job runs them.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "runtime/job.h"
#include "runtime/lane.h"
#include "runtime/source_task.h"

namespace millrace {

// What the parts of a job share.
struct AssemblyContext {
  RejectLog* rejects = nullptr;  // may be null
  CheckpointListener* checkpoints = nullptr;
  Scheduler* scheduler = nullptr;
};

// A lane's parts; `task` is among the node's tasks.
struct LaneParts {
  size_t node = 0;
  size_t lane = 0;
  std::string split;  // the source's name
  std::string id;     // "table/split"
  std::unique_ptr<LaneQueue> queue;
  std::unique_ptr<LaneReader> reader;
  std::vector<std::unique_ptr<ParseTask>> parsers;
  SourceTask* task = nullptr;
};

// Destroyed from the bottom up: tasks before the graph that they refer to.
struct Assembly {
  Graph graph;
  std::vector<std::unique_ptr<TableClock>> tables;  // by node; null for nodes without lanes
  std::map<std::string, std::unique_ptr<AlignmentGroup>> alignments;  // by name
  std::vector<std::unique_ptr<Channel>> channels;
  std::vector<SplitName> splits;  // by SplitId: all lanes of the graph, in its order
  std::vector<LaneParts> lanes;
  std::vector<std::vector<std::unique_ptr<Task>>> tasks;  // by node and instance

  int num_tasks() const;
};

// Builds the parts of `graph`; a failure names the node. Both clocks of `options` are set.
Result<std::unique_ptr<Assembly>> Assemble(Graph graph, const JobOptions& options,
                                           const AssemblyContext& context);

}  // namespace millrace
