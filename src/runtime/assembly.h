// Assembly: all parts of a job, made from its graph: tasks with their channels, lanes with their
// queues and parsers. It only builds and owns; the job runs them.
#pragma once

#include <map>
#include <memory>
#include <mutex>
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
  SplitId split = kNoSplit;
  std::string id;  // "table/split" at the start
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
  // By SplitId: all lanes of the graph, in its order. A spare lane's gets its name from its task, before
  // any row of it is handed on: who has such a row may read it, others lock `splits_mutex`.
  std::vector<SplitName> splits;
  std::mutex splits_mutex;
  std::vector<LaneParts> lanes;
  std::vector<std::vector<std::unique_ptr<Task>>> tasks;  // by node and instance

  int num_tasks() const;
};

// Builds the parts of `graph`; a failure names the node. Both clocks of `options` are set.
Result<std::unique_ptr<Assembly>> Assemble(Graph graph, const JobOptions& options,
                                           const AssemblyContext& context);

}  // namespace millrace
