#include "runtime/assembly.h"

#include <algorithm>
#include <utility>

#include "runtime/exchange.h"

namespace millrace {

namespace {

// Stands for a table without splits.
class EmptySource final : public Source {
 public:
  Status Open() override { return Status::OK(); }
  Result<Polled> Poll(std::chrono::milliseconds) override {
    Polled end;
    end.state = Polled::State::kEnd;
    return end;
  }
  Status Seek(const std::string&) override { return Status::OK(); }
  bool bounded() const override { return true; }
  std::string name() const override { return "empty"; }
};

class Builder {
 public:
  Builder(Assembly& assembly, const JobOptions& options, const AssemblyContext& context)
      : assembly_(assembly), options_(options), context_(context) {}

  // Downstream nodes first: an exchange needs the tasks that it feeds.
  Status Build();

 private:
  struct Consumer {
    size_t node;
    const Edge* edge;
  };

  void CheckGraph();
  Status BuildNode(size_t index);
  Status BuildTask(size_t index, int instance);
  void NameParts(size_t index);
  TaskParts PartsOf(size_t index, int instance) const;
  std::unique_ptr<ChainEnd> MakeEnd(size_t index, int instance, SinkWriter*& sink);
  std::vector<Route> MakeRoutes(size_t index, int instance);
  Channel* Connect(size_t consumer, const Edge& edge, size_t instance);
  Result<std::unique_ptr<Task>> MakeSourceTask(size_t index, TaskParts parts,
                                               std::unique_ptr<Chain> chain);
  Status MakeParsers(const Node& node, const IngestOptions& ingest, LaneParts& parts,
                     SourceWiring& wiring);

  Assembly& assembly_;
  const JobOptions& options_;
  const AssemblyContext& context_;
  std::vector<std::vector<Consumer>> consumers_;  // by node
  std::vector<size_t> first_split_;               // by node: the SplitId of its first lane
  std::vector<Channel*> outputs_;  // of the task being built
  size_t sinks_ = 0;
  bool ticks_ = false;
};

void Builder::CheckGraph() {
  auto& nodes = assembly_.graph.nodes;
  consumers_.resize(nodes.size());
  for (size_t i = 0; i < nodes.size(); ++i) {
    Node& node = nodes[i];
    if (node.ingestion) {
      if (node.lanes.empty()) node.lanes.push_back({std::make_unique<EmptySource>(), nullptr});
      node.parallelism = static_cast<int>(node.lanes.size());
      ticks_ |= node.ingestion->needs_processing_time;
    }
    first_split_.push_back(assembly_.splits.size());
    for (const Lane& lane : node.lanes) {
      assembly_.splits.push_back({node.ingestion->table, lane.source->name()});
    }
    MILL_CHECK(node.parallelism > 0 && (node.ingestion != nullptr) == node.inputs.empty());
    MILL_CHECK(!node.sink || node.parallelism == 1);
    for (const Edge& edge : node.inputs) {
      const auto from = static_cast<size_t>(edge.from);
      MILL_CHECK(edge.from >= 0 && from < i);
      MILL_CHECK(edge.partitioning != Partitioning::kForward ||
                 nodes[from].parallelism == node.parallelism);
      MILL_CHECK(edge.partitioning != Partitioning::kGather || node.parallelism == 1);
      consumers_[from].push_back({i, &edge});
    }
  }
}

Status Builder::Build() {
  CheckGraph();
  const size_t nodes = assembly_.graph.nodes.size();
  assembly_.tables.resize(nodes);
  assembly_.tasks.resize(nodes);
  for (size_t i = nodes; i-- > 0;) {
    MILL_RETURN(Annotate(BuildNode(i), assembly_.graph.nodes[i].name));
  }
  std::reverse(assembly_.lanes.begin(), assembly_.lanes.end());
  return Status::OK();
}

// Whoever made the graph may have named them all; tests do not.
void Builder::NameParts(size_t index) {
  Node& node = assembly_.graph.nodes[index];
  if (node.ingestion && node.source_id.empty()) node.source_id = node.ingestion->table;
  if (node.sink && node.sink_id.empty()) node.sink_id = fmt::format("{}#{}", node.sink_table, index);
  for (size_t i = node.operator_ids.size(); i < node.chain.size(); ++i) {
    node.operator_ids.push_back(fmt::format("{}.{}", index, i));
  }
}

TaskParts Builder::PartsOf(size_t index, int instance) const {
  const Node& node = assembly_.graph.nodes[index];
  TaskParts parts;
  parts.name = node.name;
  parts.instance = instance;
  parts.operator_ids = node.operator_ids;
  parts.messages = options_.messages_per_run;
  parts.checkpoints = context_.checkpoints;
  parts.rejects = context_.rejects;
  parts.splits = &assembly_.splits;
  parts.crash = options_.crash_point;
  parts.last_epoch = options_.checkpoints.last_epoch;
  parts.key_groups = options_.checkpoints.key_groups;
  return parts;
}

Status Builder::BuildNode(size_t index) {
  NameParts(index);
  const Node& node = assembly_.graph.nodes[index];
  if (node.ingestion) assembly_.tables[index] = std::make_unique<TableClock>(node.lanes.size());
  assembly_.tasks[index].resize(static_cast<size_t>(node.parallelism));
  for (int i = node.parallelism; i-- > 0;) MILL_RETURN(BuildTask(index, i));
  return Status::OK();
}

Status Builder::BuildTask(size_t index, int instance) {
  const Node& node = assembly_.graph.nodes[index];
  std::vector<std::unique_ptr<Operator>> operators;
  for (const OperatorMaker& make : node.chain) {
    MILL_ASSIGN(auto op, make(instance));
    operators.push_back(std::move(op));
  }
  TaskParts parts = PartsOf(index, instance);
  auto end = MakeEnd(index, instance, parts.sink);
  auto chain = std::make_unique<Chain>(std::move(operators), std::move(end), options_.batch_rows);
  chain->CountSplits(assembly_.splits.size());
  std::unique_ptr<Task> task;
  if (node.ingestion) {
    MILL_ASSIGN(task, MakeSourceTask(index, std::move(parts), std::move(chain)));
  } else {
    task = std::make_unique<OperatorTask>(std::move(parts), std::move(chain));
  }
  context_.scheduler->Add(task.get());
  for (Channel* channel : outputs_) channel->SetProducer(task.get());
  assembly_.tasks[index][static_cast<size_t>(instance)] = std::move(task);
  return Status::OK();
}

std::unique_ptr<ChainEnd> Builder::MakeEnd(size_t index, int instance, SinkWriter*& sink) {
  const Node& node = assembly_.graph.nodes[index];
  outputs_.clear();
  if (node.sink) {
    MILL_CHECK(consumers_[index].empty());
    auto writer = std::make_unique<SinkWriter>(node.sink.get(), sinks_++, node.sink_id,
                                               context_.checkpoints, options_.crash_point);
    sink = writer.get();
    return writer;
  }
  const Coalescing coalescing{options_.batch_rows, ticks_};
  return std::make_unique<Exchange>(MakeRoutes(index, instance), coalescing,
                                    options_.checkpoints.key_groups);
}

std::vector<Route> Builder::MakeRoutes(size_t index, int instance) {
  std::vector<Route> routes;
  for (const auto& [consumer, edge] : consumers_[index]) {
    Route route{edge->keys, {}};
    const size_t tasks = assembly_.tasks[consumer].size();
    switch (edge->partitioning) {
      case Partitioning::kForward:
        route.targets = {Connect(consumer, *edge, static_cast<size_t>(instance))};
        break;
      case Partitioning::kGather: route.targets = {Connect(consumer, *edge, 0)}; break;
      case Partitioning::kHash:
        for (size_t i = 0; i < tasks; ++i) route.targets.push_back(Connect(consumer, *edge, i));
        break;
    }
    routes.push_back(std::move(route));
  }
  return routes;
}

Channel* Builder::Connect(size_t consumer, const Edge& edge, size_t instance) {
  auto* task = static_cast<OperatorTask*>(assembly_.tasks[consumer][instance].get());
  assembly_.channels.push_back(std::make_unique<Channel>(options_.queue_bytes, options_.queue_time, task));
  Channel* channel = assembly_.channels.back().get();
  task->inbox().Add(channel, edge.input);
  outputs_.push_back(channel);
  return channel;
}

Result<std::unique_ptr<Task>> Builder::MakeSourceTask(size_t index, TaskParts task_parts,
                                                      std::unique_ptr<Chain> chain) {
  const Node& node = assembly_.graph.nodes[index];
  LaneParts parts;
  parts.node = index;
  parts.lane = static_cast<size_t>(task_parts.instance);
  Source* source = node.lanes[parts.lane].source.get();
  parts.split = static_cast<SplitId>(first_split_[index] + parts.lane);
  parts.id = node.source_id + "/" + source->name();
  parts.queue = std::make_unique<LaneQueue>(options_.queue_bytes, options_.clock);
  parts.reader = std::make_unique<LaneReader>(source, parts.queue.get(),
                                              node.ingestion->idle_timeout, options_.steady_clock);
  SourceWiring wiring;
  wiring.queue = parts.queue.get();
  wiring.reader = parts.reader.get();
  wiring.table = assembly_.tables[index].get();
  wiring.lane = parts.lane;
  wiring.table_id = node.source_id;
  wiring.split_id = parts.split;
  wiring.split = source->name();
  wiring.rename = [assembly = &assembly_, id = parts.split](const std::string& split) {
    const std::lock_guard lock(assembly->splits_mutex);
    assembly->splits[static_cast<size_t>(id)].split = split;
  };
  wiring.growing = AsGrowing(source);
  wiring.spare = IsSpare(source);
  const std::string& group = node.ingestion->alignment_group;
  if (!group.empty()) {
    auto& alignment = assembly_.alignments[group];
    if (!alignment) alignment = std::make_unique<AlignmentGroup>();
    wiring.alignment = alignment.get();
    wiring.member = alignment->Join(node.ingestion->max_drift.count());
  }
  wiring.checkpoints = context_.checkpoints;
  wiring.batch_rows = BatchRows(options_.batch_rows, options_.queue_time / 10);
  wiring.ticks = ticks_;
  const IngestOptions ingest{options_.time_zone, source->bounded()};
  MILL_RETURN(MakeParsers(node, ingest, parts, wiring));
  AlignmentGroup* const alignment = wiring.alignment;
  const size_t member = wiring.member;
  auto task =
      std::make_unique<SourceTask>(std::move(task_parts), std::move(chain), std::move(wiring));
  if (alignment) alignment->Connect(member, task.get());
  std::vector<Activity*> parsers;
  for (auto& parser : parts.parsers) parsers.push_back(parser.get());
  parts.queue->Connect(task.get(), std::move(parsers));
  parts.task = task.get();
  assembly_.lanes.push_back(std::move(parts));
  return task;
}

// Bytes are parsed by several tasks where there are more workers than lanes to keep them busy.
Status Builder::MakeParsers(const Node& node, const IngestOptions& ingest, LaneParts& parts,
                            SourceWiring& wiring) {
  const Lane& lane = node.lanes[parts.lane];
  const auto busy = std::count_if(node.lanes.begin(), node.lanes.end(),
                                  [](const Lane& each) { return !IsSpare(each.source.get()); });
  const bool spread = lane.make_decoder && !IsSpare(lane.source.get()) && busy < options_.workers;
  if (!spread) {
    MILL_ASSIGN(wiring.ingestor, Ingestor::Make(lane, *node.ingestion, ingest));
    return Status::OK();
  }
  for (int i = 0; i < options_.workers; ++i) {
    MILL_ASSIGN(auto ingestor, Ingestor::Make(lane, *node.ingestion, ingest));
    parts.parsers.push_back(
        std::make_unique<ParseTask>(node.name, parts.queue.get(), std::move(ingestor)));
    context_.scheduler->Add(parts.parsers.back().get());
  }
  return Status::OK();
}

}  // namespace

int Assembly::num_tasks() const {
  int total = 0;
  for (const auto& of_node : tasks) total += static_cast<int>(of_node.size());
  return total;
}

Result<std::unique_ptr<Assembly>> Assemble(Graph graph, const JobOptions& options,
                                           const AssemblyContext& context) {
  auto assembly = std::make_unique<Assembly>();
  assembly->graph = std::move(graph);
  MILL_RETURN(Builder(*assembly, options, context).Build());
  return assembly;
}

}  // namespace millrace
