// Chain: the operators of one task, one after the other without queues between them, and the end
// that takes what the last one emits. A message goes through by nested calls. Where an operator
// answers kMore, what follows for it waits in its slot, and Resume() goes on, most downstream
// first.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "operators/operator.h"
#include "runtime/checkpoint.h"
#include "runtime/reject_log.h"

namespace millrace {

// What stands behind the last operator: an exchange or a sink. Owned by one task.
class ChainEnd {
 public:
  virtual ~ChainEnd() = default;
  // Takes the next message; never waits.
  virtual Status Accept(Message message) = 0;
  // True when nothing more should be made until there is room.
  virtual bool Full() const = 0;
  // Hands on what it holds back: the task has no more input for now.
  virtual Status Flush() { return Status::OK(); }
};

// Sees a barrier on its way through a chain.
class BarrierObserver {
 public:
  virtual ~BarrierObserver() = default;
  // Operator `index` has handled it: now its state can be saved.
  virtual Status BarrierPassed(size_t index, Operator& op, int64_t epoch) = 0;
  // The end has taken it.
  virtual Status BarrierLeft(int64_t epoch) = 0;
};

// Counters of one operator instance for reports; written by its task, read by any thread.
struct OperatorStats {
  std::atomic<int64_t> rows_in{0}, rows_out{0}, late{0}, filtered{0};
  std::vector<std::atomic<int64_t>> late_of_split;  // of `late`; by SplitId
  std::atomic<Timestamp> watermark{kMinTimestamp};
};

// Adds to a counter that only the calling thread writes.
inline void Count(std::atomic<int64_t>& counter, int64_t more) {
  counter.store(counter.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
}

class Chain {
 public:
  // Batches between operators are cut to `batch_rows`.
  Chain(std::vector<std::unique_ptr<Operator>> operators, std::unique_ptr<ChainEnd> end,
        int64_t batch_rows);

  // Says who sees barriers; before any.
  void Observe(BarrierObserver* observer) { observer_ = observer; }
  // Late rows come from this many splits; before Open.
  void CountSplits(size_t count);
  // Opens the operators.
  Status Open(const OperatorContext& context);
  // Lets operator `i` take up `state`, and count on from `counted`.
  Status Load(int i, const StateReader& state);
  // `splits`: the job's, by SplitId.
  void CountOn(int i, const OperatorCounters& counted, const std::vector<SplitName>& splits);
  OperatorCounters CountersOf(size_t i, const std::vector<SplitName>& splits) const;
  // Passes `message` in at the front. Where there is a backlog it waits behind that: new input
  // should only come when there is none.
  Status Feed(int input, Message message) { return Deliver(0, input, std::move(message)); }
  // True while some operator has not yet said all it has to say.
  bool HasBacklog() const { return backlog_ > 0; }
  // Goes on with the backlog until it is gone or the end is full.
  Status Resume();

  ChainEnd& end() { return *end_; }
  int size() const { return static_cast<int>(slots_.size()); }
  std::string Describe(int i) const { return slots_[static_cast<size_t>(i)]->op->Describe(); }
  const OperatorStats& stats(int i) const { return slots_[static_cast<size_t>(i)]->stats; }

 private:
  struct Delivery {
    Delivery(int to, Message&& what) : input(to), message(std::move(what)) {}
    int input;
    Message message;
  };
  // An operator, its output, and what waits for it.
  struct Slot final : Output {
    Status Emit(Batch batch) override;
    bool Full() const override { return chain->FullBehind(index); }
    bool busy() const { return more || !waiting.empty(); }

    Chain* chain = nullptr;
    size_t index = 0;
    std::unique_ptr<Operator> op;
    bool more = false;               // it answered kMore
    std::optional<Message> forward;  // what goes on to the next operator when it is done
    std::deque<Delivery> waiting;    // came while it was busy
    OperatorStats stats;
    int64_t late_before = 0, filtered_before = 0;  // counted before a restore
    std::vector<int64_t> late_told;  // by SplitId: what of the operator's count is in stats
  };

  // Hands `message` to slot `index` or to the end; later, if the slot is busy.
  Status Deliver(size_t index, int input, Message message);
  Status DeliverToEnd(Message message);
  Status DeliverBatch(size_t index, int input, Batch batch);
  Status Handle(Slot& slot, int input, Message message);
  Result<Progress> Call(Slot& slot, int input, const Message& message);
  // Shows what the slot's operator has counted.
  void TellCounts(Slot& slot);
  // Takes note of `progress`; when done, passes `forward` on.
  Status Conclude(Slot& slot, Progress progress, std::optional<Message> forward);
  // One more step of the most downstream busy slot.
  Status ResumeOne();
  bool FullBehind(size_t index) const;
  void UpdateBacklog(const Slot& slot, bool was_busy);

  std::vector<std::unique_ptr<Slot>> slots_;
  std::unique_ptr<ChainEnd> end_;
  int64_t batch_rows_;
  BarrierObserver* observer_ = nullptr;
  int backlog_ = 0;  // number of busy slots
};

}  // namespace millrace
