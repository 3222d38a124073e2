// Checkpoint: a consistent picture of a job, cut by barriers: the state of every operator, the
// position of every lane, what the sinks have staged, and the counters of the books. It is complete
// when a store has made it durable; that is the one commit point of all its sinks.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "connectors/sink.h"
#include "data/batch.h"
#include "state/frozen_state.h"

namespace millrace {

// Of one operator; over all its instances where it is restored.
struct OperatorCounters {
  int64_t rows_in = 0, rows_out = 0, late = 0, filtered = 0;
  std::map<std::string, int64_t> late_from = {};  // of `late`, by "table/split" where it is known
  void Add(const OperatorCounters& more) {
    rows_in += more.rows_in;
    rows_out += more.rows_out;
    late += more.late;
    filtered += more.filtered;
    for (const auto& [split, rows] : more.late_from) late_from[split] += rows;
  }
};

struct SourceCounters {
  int64_t rows = 0, bytes = 0, dead_lettered = 0;
};

struct SinkCounters {
  int64_t rows = 0, published_epochs = 0;
  SinkTroubles troubles;
};

// An operator instance at the barrier.
struct OperatorSnapshot {
  std::string id;    // stable over restarts and changes of the script
  std::string what;  // Describe()
  int instance = 0;
  std::shared_ptr<const FrozenState> state;  // null where nobody will keep it
  OperatorCounters counters;
  // How long its task's channels waited for the last barrier, and how long it took to save.
  std::chrono::microseconds alignment{0}, save{0};
};

// A lane at the barrier: where its source goes on, and the clock of its rows.
struct LaneSnapshot {
  std::string id;        // "table/split"
  std::string position;  // "": from the beginning
  Timestamp watermark = kMinTimestamp;
  Timestamp processing_time = kMinTimestamp;
  bool idle = false;
  bool ended = false;
  SourceCounters counters;
};

// A sink: at a barrier with what it has staged there, in a checkpoint with all that is not known to be
// published.
struct SinkSnapshot {
  std::string id;
  std::vector<Committable> pending;  // epochs ascending
  SinkCounters counters;
};

// What a task hands over when it has passed a barrier.
struct TaskSnapshot {
  int64_t epoch = 0;
  std::vector<OperatorSnapshot> operators;
  std::optional<LaneSnapshot> lane;
  std::optional<SinkSnapshot> sink;
  std::chrono::microseconds alignment{0};  // from its first channel's barrier to the last one's
};

// Which job, and which point of it. (lineage, epoch) is never used for two different points.
struct CheckpointName {
  std::string job;
  std::string lineage;  // of runs that continue one another; new when an old point is gone back to
  int64_t epoch = 0;
  std::string script_hash;
  bool savepoint = false;
  bool finished = false;  // the job had ended: nothing is left to do but to publish
  uint32_t key_groups = kKeyGroups;  // by which its state is divided
};

struct Checkpoint {
  CheckpointName name;
  std::string target;  // folder of a savepoint, "" where the store puts its checkpoints
  std::vector<OperatorSnapshot> operators;
  std::vector<LaneSnapshot> lanes;
  std::vector<SinkSnapshot> sinks;
  std::optional<Committable> rejects;  // dead letters and late rows
};

// What is saved under an id; to be listed and compared.
struct SavedPart {
  enum class Kind { kOperator, kLane, kSink };
  Kind kind = Kind::kOperator;
  std::string id;
  std::string what;  // the operator, or the lane's position
  int64_t rows = 0;  // of state, read from the lane, or epochs that wait for their sink
};

// A complete checkpoint, to be gone on from. Immutable, so thread safe.
class RestorePoint {
 public:
  virtual ~RestorePoint() = default;
  virtual const CheckpointName& name() const = 0;
  // Null if the checkpoint has none of that id.
  virtual const LaneSnapshot* FindLane(const std::string& id) const = 0;
  virtual const SinkSnapshot* FindSink(const std::string& id) const = 0;
  virtual const OperatorCounters* FindOperator(const std::string& id) const = 0;
  virtual const std::optional<Committable>& rejects() const = 0;
  virtual std::vector<SavedPart> Parts() const = 0;
  // The state of operator `id` for `instance` of `parallelism`; null if there is none of that id.
  virtual Result<std::unique_ptr<StateReader>> OpenState(const std::string& id, int instance,
                                                         int parallelism) const = 0;
};

// What a checkpoint cost to write.
struct WrittenCheckpoint {
  struct Part {
    int64_t bytes = 0;
    std::chrono::microseconds time{0};
  };
  int64_t bytes = 0;                      // of all
  std::map<std::string, Part> operators;  // by id, the state of all instances
};

// Keeps checkpoints. Write is called by one thread at a time.
class CheckpointStore {
 public:
  virtual ~CheckpointStore() = default;
  // Makes `checkpoint` durable, all or nothing, drops those that are too old, and says what it has
  // written. When it fails, the newest one before is still there.
  virtual Result<WrittenCheckpoint> Write(const Checkpoint& checkpoint) = 0;
  // True when the state should be written whole again, not only what has changed.
  virtual bool wants_full() const { return false; }
  // The newest complete checkpoint; null if there is none.
  virtual Result<std::shared_ptr<const RestorePoint>> Newest() = 0;
};

}  // namespace millrace
