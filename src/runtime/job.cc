#include "runtime/job.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include "base/random.h"
#include "runtime/assembly.h"
#include "runtime/books.h"
#include "runtime/shuffled_messages.h"

namespace millrace {

namespace {

using Steady = std::chrono::steady_clock;

// How often the control thread looks at what has no time of its own.
constexpr std::chrono::milliseconds kLook{100};

Timestamp SystemTime() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

// Does all of it on so many threads, this one among them; the first failure, if there is one.
Status DoAll(const std::vector<std::function<Status()>>& work, size_t threads) {
  std::vector<Status> done(work.size());
  std::atomic<size_t> next{0};
  const auto take = [&] {
    for (size_t i = next++; i < work.size(); i = next++) done[i] = Guarded(work[i]);
  };
  std::vector<std::thread> others;
  for (size_t i = 1; i < std::min(threads, work.size()); ++i) others.emplace_back(take);
  take();
  for (std::thread& other : others) other.join();
  for (const Status& status : done) MILL_RETURN(status);
  return Status::OK();
}

Timestamp SteadyTime() {
  const auto now = Steady::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

// Writes checkpoints in steps of a job that is stepped.
class WritingStep final : public Activity {
 public:
  explicit WritingStep(CheckpointCoordinator* coordinator) : coordinator_(coordinator) {}
  Result<Next> Run() override {
    coordinator_->WriteNext();
    return Next::kWait;
  }

 private:
  CheckpointCoordinator* coordinator_;
};

// Kinds of threads: the scheduler's workers, one reader per lane, one that writes checkpoints, and
// the control thread, which keeps time, and which stops the others and ends the job when it is
// done, failed or cancelled.
class GraphJob final : public Job {
 public:
  GraphJob(JobOptions options, JobServices services);
  ~GraphJob() override;

  Status Build(Graph graph);

  Status Start() override;
  Status Wait() override;
  bool WaitFor(std::chrono::milliseconds time) override;
  void Drain() override;
  void TriggerSavepoint(std::string target, bool stop, std::function<void(Status)> done) override;
  void Cancel() override;
  JobCounts Counts() const override;
  std::vector<std::string> Imbalances() const override { return millrace::Imbalances(*assembly_); }
  Result<bool> Step(uint64_t seed) override;

 private:
  CheckpointCoordinator::Events Events();
  CheckpointParticipants Participants();
  Status Open();
  Status OpenParts();
  Status TidyUp();
  Status Restore();
  void Fail(const Status& status);
  // True when nothing more is to run. Under the mutex.
  bool Over() const { return done_ || cancelled_ || !status_.ok(); }
  bool IsOver() const;
  void Read(LaneParts& lane);
  void WriteCheckpoints();
  void Control();
  // Does what is due by `now`; returns when to look again.
  Steady::time_point KeepTime(Steady::time_point now);
  void WakeSources();
  // The time that checkpoints are kept by: a stepped job's is that of its steady clock.
  Steady::time_point Now() const;
  void StepBarrier();
  void StopThreads();
  // The last act of a job: publishes what is committed and drops the rest.
  void Finish();
  Status FinishSink(SinkWriter& writer);
  void ShowRejects();

  void CountSources(JobCounts& counts) const;
  void CountOperators(size_t node, JobCounts& counts) const;

  JobOptions options_;
  JobServices services_;
  CheckpointCoordinator coordinator_;
  Scheduler scheduler_;
  WritingStep writing_step_;
  std::unique_ptr<ShuffledMessages> messages_;  // only of a simulated job
  std::unique_ptr<Assembly> assembly_;
  std::vector<std::vector<std::string>> operator_names_;  // by node
  bool ticks_ = false;
  bool opened_ = false;   // by Start or Step
  bool opened_parts_ = false;
  bool stepped_ = false;
  std::atomic<bool> crashed_{false};

  std::vector<std::thread> readers_;
  std::thread control_, writer_;
  Steady::time_point next_tick_, next_barrier_;
  Timestamp next_step_barrier_ = 0;

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  Status status_;           // the first failure
  bool done_ = false;       // the final epoch is published
  bool cancelled_ = false;
  bool ended_ = false;      // and all threads but the control thread have gone
  bool to_write_ = false;
  bool stop_writing_ = false;
};

GraphJob::GraphJob(JobOptions options, JobServices services)
    : options_(std::move(options)),
      services_(services),
      coordinator_(options_.checkpoints, services.store, services.rejects, Events()),
      scheduler_([this](const Status& status) { Fail(status); }),
      writing_step_(&coordinator_) {
  options_.workers = std::max(options_.workers, 1);
  options_.batch_rows = std::max<int64_t>(options_.batch_rows, 1);
  options_.queue_bytes = std::max<int64_t>(options_.queue_bytes, 1);
  if (options_.clock || options_.steady_clock) options_.queue_time = {};
  if (!options_.steady_clock) options_.steady_clock = options_.clock ? options_.clock : SteadyTime;
  if (!options_.clock) options_.clock = SystemTime;
  if (options_.crash_point) {
    options_.crash_point = [this, crash = options_.crash_point](const char* point) {
      const Status status = crash(point);
      if (!status.ok()) {
        crashed_ = true;
        Fail(status);
      }
      return status;
    };
  }
  scheduler_.Add(&writing_step_);
  if (!options_.message_order) return;
  messages_ = std::make_unique<ShuffledMessages>(&coordinator_, options_.message_order);
  scheduler_.Add(messages_.get());
}

CheckpointCoordinator::Events GraphJob::Events() {
  CheckpointCoordinator::Events events;
  events.done = [this] {
    std::lock_guard lock(mutex_);
    done_ = true;
    changed_.notify_all();
  };
  events.failed = [this](const Status& status) { Fail(status); };
  events.to_write = [this] {
    if (stepped_) {
      writing_step_.Wake();
      return;
    }
    std::lock_guard lock(mutex_);
    to_write_ = true;
    changed_.notify_all();
  };
  events.report = options_.on_checkpoint;
  events.now = [this] { return Now(); };
  if (options_.crash_point) {
    events.crash_point = [this](const char* point) { return options_.crash_point(point); };
  }
  return events;
}

GraphJob::~GraphJob() {
  Cancel();
  if (control_.joinable()) control_.join();
}

Status GraphJob::Build(Graph graph) {
  CheckpointListener* listener = &coordinator_;
  if (messages_) listener = messages_.get();
  MILL_ASSIGN(assembly_, Assemble(std::move(graph), options_,
                                  {services_.rejects, listener, &scheduler_}));
  for (const auto& tasks : assembly_->tasks) {
    const Chain& chain = tasks[0]->chain();
    std::vector<std::string>& names = operator_names_.emplace_back();
    for (int i = 0; i < chain.size(); ++i) names.push_back(chain.Describe(i));
  }
  for (const Node& node : assembly_->graph.nodes) {
    ticks_ |= node.ingestion && node.ingestion->needs_processing_time;
  }
  coordinator_.SetParticipants(Participants());
  return Status::OK();
}

// Sinks in the order of their numbers: the assembly builds the last node first.
CheckpointParticipants GraphJob::Participants() {
  CheckpointParticipants participants;
  participants.tasks = assembly_->num_tasks();
  for (LaneParts& lane : assembly_->lanes) {
    participants.sources.push_back([task = lane.task](int64_t epoch, bool last) {
      task->InjectBarrier(epoch, last);
    });
  }
  for (auto tasks = assembly_->tasks.rbegin(); tasks != assembly_->tasks.rend(); ++tasks) {
    Task* task = (*tasks)[0].get();
    if (!task->sink()) continue;
    const auto publish = [task](const Committable& staged) {
      task->sink()->RequestPublish(staged);
      task->Wake();
    };
    participants.sinks.push_back({task->sink()->id(), publish});
  }
  participants.completed = [this](int64_t epoch) {
    for (LaneParts& lane : assembly_->lanes) lane.task->NoteCheckpoint(epoch);
  };
  if (messages_) messages_->Delay(participants);
  return participants;
}

Status GraphJob::Open() {
  MILL_CHECK(!opened_);
  opened_ = true;
  const Status opened = Guarded([this] { return OpenParts(); });
  if (!opened.ok()) {
    Fail(opened);
    Finish();
  }
  return opened;
}

Status GraphJob::OpenParts() {
  for (size_t n = 0; n < assembly_->tasks.size(); ++n) {
    Node& node = assembly_->graph.nodes[n];
    if (node.sink) MILL_RETURN(Annotate(node.sink->Open(), node.name));
    for (size_t i = 0; i < assembly_->tasks[n].size(); ++i) {
      const OperatorContext context{static_cast<int>(i), node.parallelism,
                                    &assembly_->tasks[n][i]->rejects(),
                                    options_.checkpoints.key_groups, options_.disk};
      MILL_RETURN(Annotate(assembly_->tasks[n][i]->chain().Open(context), node.name));
    }
  }
  if (services_.rejects) {
    const auto* from = services_.from;
    const bool known = from && from->rejects();
    MILL_RETURN(services_.rejects->Restore(known ? &*from->rejects() : nullptr));
  }
  if (services_.from) MILL_RETURN(Restore());
  if (!services_.from) MILL_RETURN(TidyUp());
  opened_parts_ = true;
  return Status::OK();
}

// What a run left behind that was killed before its first checkpoint is nobody's.
Status GraphJob::TidyUp() {
  if (!services_.store || options_.checkpoints.last_epoch > 0) return Status::OK();
  for (Node& node : assembly_->graph.nodes) {
    if (node.sink) MILL_RETURN(Annotate(node.sink->Recover({}), node.name));
  }
  return Status::OK();
}

Status GraphJob::Restore() {
  const RestorePoint& from = *services_.from;
  std::set<size_t> known;  // nodes
  for (LaneParts& lane : assembly_->lanes) {
    const LaneSnapshot* snapshot = from.FindLane(lane.id);
    if (!snapshot) continue;
    lane.task->GoOnFrom(*snapshot);
    known.insert(lane.node);
  }
  for (LaneParts& lane : assembly_->lanes) {
    if (known.contains(lane.node) && !from.FindLane(lane.id)) lane.reader->StartNew();
  }
  std::vector<std::function<Status()>> tasks;
  for (size_t n = 0; n < assembly_->tasks.size(); ++n) {
    const Node& node = assembly_->graph.nodes[n];
    for (auto& task : assembly_->tasks[n]) {
      tasks.push_back([&from, &node, task = task.get()] {
        return Annotate(task->Restore(from, node.parallelism), node.name);
      });
    }
  }
  const bool in_order = stepped_ || options_.crash_point;
  return DoAll(tasks, in_order ? 1 : static_cast<size_t>(options_.workers));
}

Status GraphJob::Start() {
  MILL_RETURN(Open());
  writer_ = std::thread([this] { WriteCheckpoints(); });
  scheduler_.Start(options_.workers);
  for (LaneParts& lane : assembly_->lanes) readers_.emplace_back([this, &lane] { Read(lane); });
  WakeSources();
  control_ = std::thread([this] { Control(); });
  return Status::OK();
}

void GraphJob::Read(LaneParts& lane) {
  const Status status = Guarded([&lane] { return lane.reader->Run(); });
  if (!status.ok()) Fail(Annotate(status, assembly_->graph.nodes[lane.node].name));
}

void GraphJob::WriteCheckpoints() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return to_write_ || stop_writing_; });
    if (stop_writing_) return;
    to_write_ = false;
    lock.unlock();
    const Status status = Guarded([this] {
      coordinator_.WriteNext();
      return Status::OK();
    });
    if (!status.ok()) Fail(status);
    lock.lock();
  }
}

void GraphJob::Fail(const Status& status) {
  std::lock_guard lock(mutex_);
  if (!Over()) status_ = status;
  changed_.notify_all();
}

bool GraphJob::IsOver() const {
  std::lock_guard lock(mutex_);
  return Over();
}

void GraphJob::Control() {
  next_tick_ = Steady::now();
  next_barrier_ = next_tick_ + options_.barrier_interval;
  std::unique_lock lock(mutex_);
  while (!Over()) {
    lock.unlock();
    const Steady::time_point next = KeepTime(Steady::now());
    lock.lock();
    const auto over = [this] { return Over(); };
    changed_.wait_until(lock, next, over);
  }
  lock.unlock();
  StopThreads();
  Finish();
}

Steady::time_point GraphJob::KeepTime(Steady::time_point now) {
  Steady::time_point next = now + kLook;
  coordinator_.KeepTime(now);
  if (ticks_) {
    if (now >= next_tick_) {
      WakeSources();
      next_tick_ = now + SourceTask::kTick;
    }
    next = std::min(next, next_tick_);
  }
  if (options_.barrier_interval.count() > 0) {
    if (now >= next_barrier_) {
      coordinator_.Trigger(now);
      next_barrier_ = now + options_.barrier_interval;
    }
    next = std::min(next, next_barrier_);
  }
  return next;
}

void GraphJob::WakeSources() {
  for (LaneParts& lane : assembly_->lanes) lane.task->Wake();
}

void GraphJob::StopThreads() {
  scheduler_.Stop();
  {
    std::lock_guard lock(mutex_);
    stop_writing_ = true;
    changed_.notify_all();
  }
  if (writer_.joinable()) writer_.join();
  for (LaneParts& lane : assembly_->lanes) lane.queue->Close();
  for (std::thread& reader : readers_) reader.join();
  readers_.clear();
}

void GraphJob::Finish() {
  bool published;
  Status status;
  {
    std::lock_guard lock(mutex_);
    published = done_;
    status = status_;
  }
  coordinator_.Abandon(status);
  for (auto& tasks : assembly_->tasks) {
    SinkWriter* writer = tasks[0]->sink();
    if (published || crashed_ || !writer) continue;
    const Status aborted = Guarded([this, writer] { return FinishSink(*writer); });
    if (!aborted.ok()) Fail(Annotate(aborted, tasks[0]->name()));
  }
  if (!published && !crashed_) ShowRejects();
  std::lock_guard lock(mutex_);
  ended_ = true;
  changed_.notify_all();
}

// What a checkpoint has committed, or may have, is published now or, if it cannot be, when the job
// goes on from there: it must not be dropped.
Status GraphJob::FinishSink(SinkWriter& writer) {
  if (opened_parts_) MILL_RETURN(writer.PublishRequested());
  const bool keep = !writer.publishes_all() || coordinator_.names_staged();
  return keep ? Status::OK() : writer.sink().Abort();
}

// A job that cannot be gone on with shows all that it rejected.
void GraphJob::ShowRejects() {
  if (services_.store || !services_.rejects) return;
  const Status shown = Guarded([this]() -> Status {
    MILL_ASSIGN(const Committable all, services_.rejects->Stage(kMaxTimestamp));
    return services_.rejects->Publish(all);
  });
  if (!shown.ok()) Fail(shown);
}

Status GraphJob::Wait() {
  std::unique_lock lock(mutex_);
  if (control_.joinable()) changed_.wait(lock, [this] { return ended_; });
  return status_;
}

bool GraphJob::WaitFor(std::chrono::milliseconds time) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, time, [this] { return ended_; });
}

void GraphJob::Drain() {
  for (LaneParts& lane : assembly_->lanes) lane.reader->Drain();
}

void GraphJob::TriggerSavepoint(std::string target, bool stop, std::function<void(Status)> done) {
  coordinator_.TriggerSavepoint(std::move(target), stop, std::move(done), Now());
}

void GraphJob::Cancel() {
  std::lock_guard lock(mutex_);
  cancelled_ = true;
  changed_.notify_all();
}

Result<bool> GraphJob::Step(uint64_t seed) {
  if (!opened_) {
    stepped_ = true;
    for (LaneParts& lane : assembly_->lanes) lane.task->PollBySelf();
    MILL_RETURN(Open());
    next_step_barrier_ = options_.steady_clock() + options_.barrier_interval.count();
  }
  Random random(seed);
  WakeSources();
  while (!IsOver()) {
    StepBarrier();
    if (!scheduler_.RunOne(random.Next())) return false;
  }
  if (!WaitFor(std::chrono::milliseconds{0})) {
    scheduler_.Stop();
    Finish();
  }
  std::lock_guard lock(mutex_);
  MILL_RETURN(status_);
  return true;
}

Steady::time_point GraphJob::Now() const {
  if (!stepped_) return Steady::now();
  return Steady::time_point(std::chrono::milliseconds(options_.steady_clock()));
}

void GraphJob::StepBarrier() {
  coordinator_.KeepTime(Now());
  if (options_.barrier_interval.count() == 0) return;
  const Timestamp now = options_.steady_clock();
  if (now < next_step_barrier_) return;
  coordinator_.Trigger(Now());
  next_step_barrier_ = now + options_.barrier_interval.count();
}

JobCounts GraphJob::Counts() const {
  JobCounts counts;
  counts.checkpoints = coordinator_.totals();
  CountSources(counts);
  for (size_t n = 0; n < assembly_->tasks.size(); ++n) {
    CountOperators(n, counts);
    const SinkWriter* sink = assembly_->tasks[n][0]->sink();
    if (!sink) continue;
    counts.sinks.push_back(
        {assembly_->graph.nodes[n].sink_table, sink->rows(), sink->published_epochs(),
         sink->troubles()});
  }
  return counts;
}

void GraphJob::CountSources(JobCounts& counts) const {
  const std::lock_guard lock(assembly_->splits_mutex);
  for (const LaneParts& lane : assembly_->lanes) {
    const TableClock& table = *assembly_->tables[lane.node];
    const SourceStats& stats = lane.task->stats();
    JobCounts::SourceCount count;
    count.table = assembly_->graph.nodes[lane.node].ingestion->table;
    count.split = assembly_->splits[static_cast<size_t>(lane.split)].split;
    count.rows = stats.rows.load(std::memory_order_relaxed);
    count.bytes = stats.bytes.load(std::memory_order_relaxed);
    count.total_bytes = lane.reader->total_bytes();
    count.dead_lettered = stats.dead_lettered.load(std::memory_order_relaxed);
    count.watermark = table.watermark(lane.lane);
    count.idle = table.idle(lane.lane);
    count.ended = table.ended(lane.lane);
    counts.sources.push_back(std::move(count));
  }
}

// The instances of an operator are added up; its watermark is the least of theirs.
void GraphJob::CountOperators(size_t node, JobCounts& counts) const {
  const std::lock_guard lock(assembly_->splits_mutex);
  for (size_t op = 0; op < operator_names_[node].size(); ++op) {
    JobCounts::OperatorCount count;
    count.id = assembly_->graph.nodes[node].operator_ids[op];
    count.name = operator_names_[node][op];
    count.watermark = kMaxTimestamp;
    for (const auto& task : assembly_->tasks[node]) {
      const OperatorStats& stats = task->chain().stats(static_cast<int>(op));
      count.rows_in += stats.rows_in.load(std::memory_order_relaxed);
      count.rows_out += stats.rows_out.load(std::memory_order_relaxed);
      count.late += stats.late.load(std::memory_order_relaxed);
      count.filtered += stats.filtered.load(std::memory_order_relaxed);
      for (size_t split = 0; split < stats.late_of_split.size(); ++split) {
        const int64_t late = stats.late_of_split[split].load(std::memory_order_relaxed);
        if (late > 0) count.late_from[assembly_->splits[split].Text()] += late;
      }
      count.watermark =
          std::min(count.watermark, stats.watermark.load(std::memory_order_relaxed));
    }
    counts.operators.push_back(std::move(count));
  }
}

}  // namespace

Result<std::unique_ptr<Job>> Job::Make(Graph graph, JobOptions options, JobServices services) {
  auto job = std::make_unique<GraphJob>(std::move(options), services);
  MILL_RETURN(job->Build(std::move(graph)));
  return job;
}

}  // namespace millrace
