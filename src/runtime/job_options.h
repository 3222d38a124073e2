// What a job is told about how to run, and what it tells about its checkpoints. Plain data.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "data/batch.h"
#include "data/key_hash.h"

namespace millrace {

// One checkpoint, completed or given up.
struct CheckpointReport {
  int64_t epoch = 0;
  bool savepoint = false;
  bool final = false;
  std::string failure;  // "" if it was completed
  std::chrono::microseconds duration{0};   // from the request to the commit point
  std::chrono::microseconds barriers{0};   // of that, until the last task had passed the barrier
  std::chrono::microseconds alignment{0};  // the longest that a task's channels stood waiting
  int64_t bytes = 0;

  // What it cost an operator: the longest of its instances waited for its last barrier, and took to
  // save; all of them together took to be written, and have written.
  struct OperatorCost {
    std::string id;
    std::chrono::microseconds alignment{0}, save{0}, write{0};
    int64_t bytes = 0;
  };
  std::vector<OperatorCost> operators;  // of a completed one; those that cost something

  // For the log: a line, and one for each operator.
  std::string ToString() const;
};

struct CheckpointTotals {
  int64_t completed = 0, failed = 0;
  int64_t unpublished = 0;  // epochs that wait for their sinks
  int64_t last_epoch = 0;   // the highest number that was given to one
  CheckpointReport last;    // completed
};

// Names as in Flink's execution.checkpointing.*.
struct CheckpointOptions {
  std::chrono::milliseconds timeout{600000};
  std::chrono::milliseconds min_pause{0};
  int64_t tolerable_failures = 0;
  std::string job;          // its name, for the manifest
  std::string lineage;
  std::string script_hash;
  int64_t last_epoch = 0;   // epochs are counted on from here
  uint32_t key_groups = kKeyGroups;  // pipeline.max-parallelism
};

class RocksDbSpace;

struct JobOptions {
  int workers = 1;
  int64_t batch_rows = 8192;         // target rows of a batch between operators
  int64_t queue_bytes = 4 << 20;     // bound of one channel
  // A channel to a slow task holds no more than it takes in this time, and batches take a tenth of it,
  // so that barriers get through; 0: whatever it takes. Jobs whose clocks are set have 0.
  std::chrono::milliseconds queue_time{500};
  // That a task handles in one run: enough to make up for the switch, few enough to be fair.
  int messages_per_run = 16;
  std::chrono::milliseconds barrier_interval{0};  // 0: only the final epoch
  std::string time_zone = "UTC";
  std::function<Timestamp()> clock;  // wall clock in ms; null: the system's
  // In ms, never set: measures silence and, of a stepped job, the time between checkpoints; null: `clock`, or the system's steady clock.
  std::function<Timestamp()> steady_clock;
  CheckpointOptions checkpoints;
  // Where state that outgrows memory goes; null: it stays in memory.
  std::shared_ptr<RocksDbSpace> disk;
  // Told of each checkpoint, on the job's threads; may be null.
  std::function<void(const CheckpointReport&)> on_checkpoint;
  // The simulator's: called where a crash matters, a failure is the crash; may be null.
  std::function<Status(const char* point)> crash_point;
  // The simulator's: draws which of the messages between tasks and coordinator is delivered next; null:
  // each at once.
  std::function<uint64_t()> message_order;
};

}  // namespace millrace
