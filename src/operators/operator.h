// Operator: turns messages into messages for one slice of the keys. A plain object, owned by one
// thread at a time, called with one message at a time. It never waits, keeps no timers of its own and
// reads no clock. The runtime forwards watermarks after OnWatermark, aligns barriers and ends.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "data/key_hash.h"
#include "data/message.h"
#include "data/type.h"
#include "state/snapshot.h"

namespace millrace {

// kMore: the output is full; the runtime calls OnMore when there is room, before any other message.
enum class Progress { kDone, kMore };

// Where an operator's results go: the next operator of the chain, or an exchange.
class Output {
 public:
  virtual ~Output() = default;
  // Passes `batch` on. Never waits; an operator with much to say asks Full() now and then.
  virtual Status Emit(Batch batch) = 0;
  // True when what has been emitted should be taken away before more is made.
  virtual bool Full() const = 0;
};

// Counters of one operator instance; written by its thread, read by reports (relaxed).
struct OperatorCounts {
  int64_t late = 0;      // rows dropped because their window had closed
  int64_t filtered = 0;  // rows that a condition dropped
  // Of `late`, by the rows' SplitId; as long as need be. Rows without a split are not in it.
  std::vector<int64_t> late_of_split;
};

// A state that an operator keeps, and what keeps it from growing for ever; for EXPLAIN.
struct StateBound {
  std::string name;   // of its table in snapshots
  std::string doc;    // what a row is
  std::string bound;  // "watermark + 10 s", "TTL 1 h"; empty: nothing does
  bool spills = false;  // goes to disk if it is to (OperatorContext::disk)
};

class LateSink;
class RocksDbSpace;

// What an operator may use of the engine.
struct OperatorContext {
  int instance = 0;      // which of `parallelism` this is
  int parallelism = 1;
  // Receives the rows dropped as late, with the reason; may be null.
  LateSink* late = nullptr;
  uint32_t key_groups = kKeyGroups;  // of the job
  // Where state that outgrows memory goes; null: it stays in memory.
  std::shared_ptr<RocksDbSpace> disk = nullptr;
};

// Why a row is late.
struct LateRow {
  Timestamp time = kMinTimestamp;       // its event time; kMinTimestamp: NULL
  Timestamp watermark = kMinTimestamp;  // what it was behind of
  std::string what;                     // the operator
};

// Receives rows that an operator drops as late. Thread safe.
class LateSink {
 public:
  virtual ~LateSink() = default;
  virtual void Late(const Batch& batch, int64_t row, const LateRow& late) = 0;
};

class Operator {
 public:
  virtual ~Operator() = default;
  // Called once, before any input.
  virtual Status Open(const OperatorContext& context) {
    context_ = context;
    return Status::OK();
  }
  // Handles rows from `input` (0 is the left or only side).
  virtual Result<Progress> OnBatch(int input, const Batch& rows, Output& out) = 0;
  // No row at or before `time` will follow in this domain: close windows, drop what has expired.
  virtual Result<Progress> OnWatermark(TimeDomain, Timestamp, Output&) { return Progress::kDone; }
  // A checkpoint is about to be cut: emit or move into state what is buffered.
  virtual Status OnBarrier(int64_t /*epoch*/, Output&) { return Status::OK(); }
  // All inputs have ended: emit what remains. An event-time watermark of kMaxTimestamp has come before.
  virtual Result<Progress> OnEnd(Output&) { return Progress::kDone; }
  // There is room again: go on emitting.
  virtual Result<Progress> OnMore(Output&) { return Progress::kDone; }
  // Writes down all state, or what has changed (StateWriter::mode), between OnBarrier and the next
  // message; the operator goes on with it. Makes arrays and no more: writing is for other threads.
  virtual Status Save(StateWriter&) { return Status::OK(); }
  // Takes up what instances of the same operator saved, maybe at another parallelism; once, after Open
  // and before any input.
  virtual Status Load(const StateReader&) { return Status::OK(); }
  // One line for EXPLAIN.
  virtual std::string Describe() const = 0;
  // The states that it keeps.
  virtual std::vector<StateBound> States() const { return {}; }

  const OperatorCounts& counts() const { return counts_; }

 protected:
  // Row `row` of `batch` is dropped: it is behind `watermark`. `time`: its event time, kMinTimestamp
  // for NULL.
  void DropAsLate(const Batch& batch, int64_t row, Timestamp time, Timestamp watermark) {
    ++counts_.late;
    const SplitId split = batch.split_of(row);
    if (split >= 0) {
      const auto place = static_cast<size_t>(split);
      if (counts_.late_of_split.size() <= place) counts_.late_of_split.resize(place + 1);
      ++counts_.late_of_split[place];
    }
    if (context_.late) context_.late->Late(batch, row, {time, watermark, Describe()});
  }

  OperatorContext context_;
  OperatorCounts counts_;
};

}  // namespace millrace
