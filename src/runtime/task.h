// Task: one instance of a node: an input, a chain of operators, and an exchange or a sink. Run by
// one thread at a time. A run handles a few messages, and none while an output channel is full; the
// channel's consumer wakes the task when there is room. When a barrier has gone through, the task
// hands its state to the checkpoint.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "connectors/sink.h"
#include "runtime/chain.h"
#include "runtime/checkpoint_coordinator.h"
#include "runtime/inbox.h"
#include "runtime/scheduler.h"

namespace millrace {

// The simulator's crashes; see JobOptions.
using CrashPoint = std::function<Status(const char* point)>;

// The end of a chain whose results leave the engine. Stages at barriers; publishes when asked to.
class SinkWriter final : public ChainEnd {
 public:
  // `number` is what the coordinator knows it by. `crash` may be null.
  SinkWriter(Sink* sink, size_t number, std::string id, CheckpointListener* checkpoints,
             CrashPoint crash)
      : sink_(sink),
        number_(number),
        id_(std::move(id)),
        checkpoints_(checkpoints),
        crash_(std::move(crash)) {}

  Status Accept(Message message) override;
  bool Full() const override { return false; }
  // Asks for `staged` to be published, unless it has been; from any thread, the task is to be woken
  // then.
  void RequestPublish(const Committable& staged);
  // Publishes what has been asked for, in order; what cannot be is to be asked for again.
  Status PublishRequested();
  // Publishes what a checkpoint that is gone on from waits for, and counts on.
  Status Recover(const SinkSnapshot& from);
  // What was staged at the last barrier.
  SinkSnapshot TakeStaged();

  Sink& sink() { return *sink_; }
  const std::string& id() const { return id_; }
  int64_t rows() const { return rows_.load(std::memory_order_relaxed); }
  int64_t published_epochs() const { return published_.load(std::memory_order_relaxed); }
  SinkTroubles troubles() const {
    return {retries_.load(std::memory_order_relaxed), rejected_.load(std::memory_order_relaxed)};
  }
  // False if what a checkpoint has committed could not be published.
  bool publishes_all() const { return !behind_; }

 private:
  Status CrashAt(const char* point) { return crash_ ? crash_(point) : Status::OK(); }
  // Takes over what the sink has counted; after each call to it.
  void CountTroubles();

  Sink* sink_;
  size_t number_;
  std::string id_;
  CheckpointListener* checkpoints_;
  CrashPoint crash_;
  Committable staged_;
  std::mutex mutex_;
  // Under the mutex: what is to be published, epochs ascending; whether the first of it failed.
  std::deque<Committable> requested_;
  std::atomic<bool> behind_{false};
  int64_t last_published_ = 0;
  std::atomic<bool> asked_{false};
  std::atomic<int64_t> rows_{0}, published_{0}, retries_{0}, rejected_{0};
  SinkTroubles taken_over_;  // of these, what the sink had counted
};

// The rows that a task rejects, as of the epoch that it is in.
class TaskRejects final : public DeadLetters, public LateSink {
 public:
  // `splits`: the job's, by SplitId.
  TaskRejects(RejectLog* log, const std::vector<SplitName>* splits) : log_(log), splits_(splits) {}
  void SetEpoch(int64_t epoch) { epoch_ = epoch; }
  void Add(const BadRow& row) override {
    if (log_) log_->Dead(epoch_, row);
  }
  void Late(const Batch& batch, int64_t row, const LateRow& late) override {
    if (!log_) return;
    const SplitId split = batch.split_of(row);
    log_->Late(epoch_, batch, row, late,
               split < 0 ? nullptr : &(*splits_)[static_cast<size_t>(split)]);
  }

 private:
  RejectLog* log_;
  const std::vector<SplitName>* splits_;
  int64_t epoch_ = 1;
};

// What a task is made of, beside its chain.
struct TaskParts {
  std::string name;
  int instance = 0;
  std::vector<std::string> operator_ids;
  SinkWriter* sink = nullptr;  // the chain's end, if that is a sink
  int messages = 16;           // that a run may handle
  CheckpointListener* checkpoints = nullptr;
  RejectLog* rejects = nullptr;  // may be null
  const std::vector<SplitName>* splits = nullptr;  // the job's, by SplitId
  CrashPoint crash;              // may be null
  int64_t last_epoch = 0;        // before the first
  uint32_t key_groups = kKeyGroups;
};

class Task : public Activity, private BarrierObserver {
 public:
  Task(TaskParts parts, std::unique_ptr<Chain> chain)
      : parts_(std::move(parts)), chain_(std::move(chain)), rejects_(parts_.rejects, parts_.splits) {
    rejects_.SetEpoch(parts_.last_epoch + 1);
    chain_->Observe(this);
  }

  Result<Next> Run() final;
  // Takes up the operators' state and counters at `point`; after the chain was opened. Counters go
  // to the first instance.
  Status Restore(const RestorePoint& point, int parallelism);

  const std::string& name() const { return parts_.name; }
  Chain& chain() { return *chain_; }
  const Chain& chain() const { return *chain_; }
  SinkWriter* sink() const { return parts_.sink; }
  TaskRejects& rejects() { return rejects_; }

 protected:
  // Passes into the chain what need not wait until the next tasks have room; false if there is nothing.
  virtual Result<bool> AdvanceUrgently() { return false; }
  // Passes the next input into the chain; false if there is none now.
  virtual Result<bool> Advance() = 0;
  // Adds what the task itself knows at the barrier.
  virtual void Describe(TaskSnapshot& snapshot) = 0;
  Status CrashAt(const char* point) { return parts_.crash ? parts_.crash(point) : Status::OK(); }

 private:
  Result<Next> RunMessages();
  Status BarrierPassed(size_t index, Operator& op, int64_t epoch) override;
  Status BarrierLeft(int64_t epoch) override;

  TaskParts parts_;
  std::unique_ptr<Chain> chain_;
  TaskRejects rejects_;
  std::vector<OperatorSnapshot> saved_;  // while a barrier goes through the chain
};

// A task fed by other tasks.
class OperatorTask final : public Task {
 public:
  using Task::Task;
  Inbox& inbox() { return inbox_; }

 private:
  Result<bool> Advance() override;
  void Describe(TaskSnapshot& snapshot) override { snapshot.alignment = inbox_.alignment(); }
  Inbox inbox_;
};

}  // namespace millrace
