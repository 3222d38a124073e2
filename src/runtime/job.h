// Job: one running graph. Worker threads run tasks that have input and room for output; each source
// lane has a thread of its own, unless the job is stepped by one thread under a seed.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "runtime/checkpoint.h"
#include "runtime/graph.h"
#include "runtime/job_options.h"
#include "runtime/reject_log.h"

namespace millrace {

// Rows are counted where they come in and where they are dropped; the books must balance:
// read = consumed + filtered + late + dead_lettered.
struct JobCounts {
  struct SourceCount {
    std::string table, split;
    int64_t rows = 0, bytes = 0, total_bytes = 0, dead_lettered = 0;
    Timestamp watermark = kMinTimestamp;
    bool idle = false, ended = false;
  };
  struct OperatorCount {
    std::string id;    // stable over restarts
    std::string name;  // what it does
    int64_t rows_in = 0, rows_out = 0, late = 0, filtered = 0;
    std::map<std::string, int64_t> late_from;  // of `late`, by "table/split" where it is known
    Timestamp watermark = kMinTimestamp;
  };
  struct SinkCount {
    std::string table;
    int64_t rows = 0;
    int64_t published_epochs = 0;
    SinkTroubles troubles;  // failures to publish are among the retries
  };
  std::vector<SourceCount> sources;
  std::vector<OperatorCount> operators;
  std::vector<SinkCount> sinks;
  CheckpointTotals checkpoints;
  int64_t restarts = 0;  // after failures
};

// What a job works with; all may be null, and outlives the job.
struct JobServices {
  RejectLog* rejects = nullptr;
  CheckpointStore* store = nullptr;     // null: nothing is saved, output is committed in memory
  const RestorePoint* from = nullptr;   // where the job goes on
};

class Job {
 public:
  static Result<std::unique_ptr<Job>> Make(Graph graph, JobOptions options,
                                           JobServices services = {});
  virtual ~Job() = default;

  // Starts the threads.
  virtual Status Start() = 0;
  // Waits until the job has ended; the first failure of any task if there was one.
  virtual Status Wait() = 0;
  // Waits up to `time`; true if the job has ended.
  virtual bool WaitFor(std::chrono::milliseconds time) = 0;
  // Ends the sources as if their input had ended: what is in flight is worked off, windows are
  // flushed, the final epoch is published.
  virtual void Drain() = 0;
  // Makes a savepoint in the folder `target` while the job runs on or, with `stop`, as its end.
  // `done` is called once, from some thread of the job's, if the job lives so long.
  virtual void TriggerSavepoint(std::string target, bool stop,
                                std::function<void(Status)> done) = 0;
  // Stops at once; nothing more is published than what a checkpoint has committed.
  virtual void Cancel() = 0;
  // A consistent enough copy of the counters, from any thread.
  virtual JobCounts Counts() const = 0;
  // Of a job that has ended by itself or was drained: where rows handed on are not those that
  // arrived; empty: the books balance.
  virtual std::vector<std::string> Imbalances() const = 0;

  // Instead of Start: runs tasks one by one on the calling thread, in an order drawn from `seed`,
  // until nothing can run. Sources are polled with a deadline of zero. True: the job has ended.
  virtual Result<bool> Step(uint64_t seed) = 0;
};

}  // namespace millrace
