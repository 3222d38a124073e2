#include "runtime/job.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "runtime/assembly.h"
#include "runtime/books.h"

namespace millrace {

namespace {

using Steady = std::chrono::steady_clock;

Timestamp SystemTime() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

// Xorshift; the seed is scattered first, so that neighbours give unlike sequences.
class Random {
 public:
  explicit Random(uint64_t seed) : state_((seed + 1) * 0x9E3779B97F4A7C15u | 1u) {}
  uint64_t Next() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return state_ >> 16;
  }

 private:
  uint64_t state_;
};

// Three kinds of threads: the scheduler's workers, one reader per lane, and the control thread,
// which keeps time, and which stops the others and ends the job when it is done, failed or
// cancelled.
class GraphJob final : public Job {
 public:
  explicit GraphJob(JobOptions options);
  ~GraphJob() override;

  Status Build(Graph graph, DeadLetters* dead, LateSink* late);

  Status Start() override;
  Status Wait() override;
  bool WaitFor(std::chrono::milliseconds time) override;
  void Drain() override;
  void Cancel() override;
  JobCounts Counts() const override;
  std::vector<std::string> Imbalances() const override { return millrace::Imbalances(*assembly_); }
  Result<bool> Step(uint64_t seed) override;

 private:
  EpochParticipants Participants();
  Status Open();
  Status OpenParts();
  void Fail(const Status& status);
  // True when nothing more is to run. Under the mutex.
  bool Over() const { return done_ || cancelled_ || !status_.ok(); }
  bool IsOver() const;
  void Read(LaneParts& lane);
  void Control();
  // Does what is due by `now`; returns when to look again.
  Steady::time_point KeepTime(Steady::time_point now);
  void WakeSources();
  void StepBarrier();
  void StopThreads();
  // The last act of a job: drops what was not published.
  void Finish();

  void CountSources(JobCounts& counts) const;
  void CountOperators(size_t node, JobCounts& counts) const;

  JobOptions options_;
  Epochs epochs_;
  Scheduler scheduler_;
  std::unique_ptr<Assembly> assembly_;
  std::vector<std::vector<std::string>> operator_names_;  // by node
  bool ticks_ = false;
  LateSink* late_ = nullptr;
  bool opened_ = false;  // by Start or Step

  std::vector<std::thread> readers_;
  std::thread control_;
  Steady::time_point next_tick_, next_barrier_;
  Timestamp next_step_barrier_ = 0;

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  Status status_;           // the first failure
  bool done_ = false;       // the final epoch is published
  bool cancelled_ = false;
  bool ended_ = false;      // and all threads but the control thread have gone
};

GraphJob::GraphJob(JobOptions options)
    : options_(std::move(options)),
      epochs_([this] {
        std::lock_guard lock(mutex_);
        done_ = true;
        changed_.notify_all();
      }),
      scheduler_([this](const Status& status) { Fail(status); }) {
  options_.workers = std::max(options_.workers, 1);
  options_.batch_rows = std::max<int64_t>(options_.batch_rows, 1);
  options_.queue_bytes = std::max<int64_t>(options_.queue_bytes, 1);
  if (!options_.clock) options_.clock = SystemTime;
}

GraphJob::~GraphJob() {
  Cancel();
  if (control_.joinable()) control_.join();
}

Status GraphJob::Build(Graph graph, DeadLetters* dead, LateSink* late) {
  MILL_ASSIGN(assembly_,
              Assemble(std::move(graph), options_, {dead, &epochs_, &scheduler_}));
  for (const auto& tasks : assembly_->tasks) {
    const Chain& chain = tasks[0]->chain();
    std::vector<std::string>& names = operator_names_.emplace_back();
    for (int i = 0; i < chain.size(); ++i) names.push_back(chain.Describe(i));
  }
  for (const Node& node : assembly_->graph.nodes) {
    ticks_ |= node.ingestion && node.ingestion->needs_processing_time;
  }
  late_ = late;
  epochs_.SetParticipants(Participants());
  return Status::OK();
}

EpochParticipants GraphJob::Participants() {
  EpochParticipants participants;
  participants.tasks = assembly_->num_tasks();
  for (LaneParts& lane : assembly_->lanes) {
    participants.sources.push_back(
        [task = lane.task](int64_t epoch) { task->InjectBarrier(epoch); });
  }
  for (const auto& tasks : assembly_->tasks) {
    Task* task = tasks[0].get();
    if (!task->sink()) continue;
    participants.sinks.push_back([task](int64_t epoch) {
      task->sink()->RequestPublish(epoch);
      task->Wake();
    });
  }
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
      const OperatorContext context{static_cast<int>(i), node.parallelism, late_};
      MILL_RETURN(Annotate(assembly_->tasks[n][i]->chain().Open(context), node.name));
    }
  }
  return Status::OK();
}

Status GraphJob::Start() {
  MILL_RETURN(Open());
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
    if (next == Steady::time_point::max()) {
      changed_.wait(lock, over);
    } else {
      changed_.wait_until(lock, next, over);
    }
  }
  lock.unlock();
  StopThreads();
  Finish();
}

Steady::time_point GraphJob::KeepTime(Steady::time_point now) {
  Steady::time_point next = Steady::time_point::max();
  if (ticks_) {
    if (now >= next_tick_) {
      WakeSources();
      next_tick_ = now + SourceTask::kTick;
    }
    next = next_tick_;
  }
  if (options_.barrier_interval.count() > 0) {
    if (now >= next_barrier_) {
      epochs_.Trigger();
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
  for (LaneParts& lane : assembly_->lanes) lane.queue->Close();
  for (std::thread& reader : readers_) reader.join();
  readers_.clear();
}

void GraphJob::Finish() {
  bool published;
  {
    std::lock_guard lock(mutex_);
    published = done_;
  }
  for (Node& node : assembly_->graph.nodes) {
    if (published || !node.sink) continue;
    const Status aborted = Guarded([&node] { return node.sink->Abort(); });
    if (!aborted.ok()) Fail(Annotate(aborted, node.name));
  }
  std::lock_guard lock(mutex_);
  ended_ = true;
  changed_.notify_all();
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

void GraphJob::Cancel() {
  std::lock_guard lock(mutex_);
  cancelled_ = true;
  changed_.notify_all();
}

Result<bool> GraphJob::Step(uint64_t seed) {
  if (!opened_) {
    for (LaneParts& lane : assembly_->lanes) lane.task->PollBySelf();
    MILL_RETURN(Open());
    next_step_barrier_ = options_.clock() + options_.barrier_interval.count();
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

void GraphJob::StepBarrier() {
  if (options_.barrier_interval.count() == 0) return;
  const Timestamp now = options_.clock();
  if (now < next_step_barrier_) return;
  epochs_.Trigger();
  next_step_barrier_ = now + options_.barrier_interval.count();
}

JobCounts GraphJob::Counts() const {
  JobCounts counts;
  CountSources(counts);
  for (size_t n = 0; n < assembly_->tasks.size(); ++n) {
    CountOperators(n, counts);
    const SinkWriter* sink = assembly_->tasks[n][0]->sink();
    if (!sink) continue;
    counts.sinks.push_back(
        {assembly_->graph.nodes[n].sink_table, sink->rows(), sink->published_epochs()});
  }
  return counts;
}

void GraphJob::CountSources(JobCounts& counts) const {
  for (const LaneParts& lane : assembly_->lanes) {
    const TableClock& table = *assembly_->tables[lane.node];
    const SourceStats& stats = lane.task->stats();
    JobCounts::SourceCount count;
    count.table = assembly_->graph.nodes[lane.node].ingestion->table;
    count.split = lane.split;
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
  for (size_t op = 0; op < operator_names_[node].size(); ++op) {
    JobCounts::OperatorCount count;
    count.name = operator_names_[node][op];
    count.watermark = kMaxTimestamp;
    for (const auto& task : assembly_->tasks[node]) {
      const OperatorStats& stats = task->chain().stats(static_cast<int>(op));
      count.rows_in += stats.rows_in.load(std::memory_order_relaxed);
      count.rows_out += stats.rows_out.load(std::memory_order_relaxed);
      count.late += stats.late.load(std::memory_order_relaxed);
      count.filtered += stats.filtered.load(std::memory_order_relaxed);
      count.watermark =
          std::min(count.watermark, stats.watermark.load(std::memory_order_relaxed));
    }
    counts.operators.push_back(std::move(count));
  }
}

}  // namespace

Result<std::unique_ptr<Job>> Job::Make(Graph graph, JobOptions options, DeadLetters* dead,
                                       LateSink* late) {
  auto job = std::make_unique<GraphJob>(std::move(options));
  MILL_RETURN(job->Build(std::move(graph), dead, late));
  return job;
}

}  // namespace millrace
