// Engine: the one door. Executes SQL scripts: keeps the catalog and the session's options, plans
// queries, builds jobs and runs them.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/connector.h"
#include "data/batch.h"
#include "data/type.h"
#include "runtime/job.h"

namespace millrace {

// Receives the rows of a SELECT that is run from the shell. Called from one thread at a time.
class ResultSink {
 public:
  virtual ~ResultSink() = default;
  virtual Status Begin(const Schema& schema, bool updating) = 0;
  virtual Status Rows(const Batch& batch) = 0;
  // Of checkpointed queries: the rows of `epoch` follow. False if they have come before.
  virtual bool BeginEpoch(int64_t /*epoch*/) { return true; }
};

// Where a job goes on.
struct RestoreRequest {
  std::string from;            // "": from the beginning; "latest": the job folder's newest; a path
  bool allow_replay = false;   // also where tables that are only appended to would repeat rows
  bool allow_dropped = false;  // also where state would be dropped that the script has no use for
  bool dry_run = false;        // only print what would be kept and dropped
};

struct EngineOptions {
  int workers = 0;               // 0: parallelism.default, else all cores
  // Checkpoints, dead letters and late rows are written below it; "": kept in memory only.
  std::string job_folder = "";
  RestoreRequest restore;        // where the first run of each job goes on
  bool checkpoint_queries = false;  // SELECTs as jobs that write tables are; rows come by epochs
  // Told what the user should know about a job's fate: restarts, damaged checkpoints.
  std::function<void(const std::string&)> on_note;
  bool explain = false;          // print the plans of queries instead of running them
  // Told the rows that go into each table, on the job's threads; for the terminal.
  std::function<void(const std::string& table, const Batch& rows)> on_sink_rows;
  std::function<Timestamp()> clock;  // of the jobs; null: the system's
  std::function<Timestamp()> steady_clock;  // see JobOptions
  // The simulator's: see JobOptions.
  std::function<Status(const char* point)> crash_point;
  std::function<uint64_t()> message_order;
  // The simulator's: holds the checkpoints of the one job that is run, instead of a folder; null: none.
  CheckpointStore* checkpoint_store = nullptr;
  // Connectors beside the built-in ones, found first: the tests' own.
  std::vector<Connector> extra_connectors;
};

// What a statement did.
struct StatementResult {
  enum class Kind { kOk, kText, kRows, kJob } kind = Kind::kOk;
  std::string text;              // EXPLAIN, SHOW, DESCRIBE, HELP: ready to print
  std::unique_ptr<Job> job;      // INSERT, STATEMENT SET, SELECT: not yet started
  std::string job_name;          // of a job that writes tables; "" of others
  std::vector<std::string> sinks;  // tables the job writes
  // Set when a LIMIT has been reached: whoever runs the job should then drain it.
  std::shared_ptr<std::atomic<bool>> limit_reached;
};

// A row that could not be read, or came too late; kept for $dead_letter, $late and the tests.
struct RejectedRow {
  std::string source;     // table, or operator
  std::string split;      // file or lane; "" if not known
  int64_t line = 0;       // from 1; 0 if not known
  std::string position;   // "events.json:17"
  Timestamp time = kMinTimestamp;       // event time; kMinTimestamp: not known
  Timestamp watermark = kMinTimestamp;  // what it was behind of; kMinTimestamp: none
  std::string reason;
  std::string row;        // as JSON or raw bytes
};

class Engine {
 public:
  static Result<std::unique_ptr<Engine>> Make(EngineOptions options);
  virtual ~Engine() = default;

  // Reads a script into single statements' texts; errors name line and column.
  // Executes one after the other; `on_result` gets each statement's result and runs its job.
  virtual Status Execute(std::string_view script, ResultSink* rows,
                         const std::function<Status(StatementResult)>& on_result) = 0;

  // As SET 'key' = 'value'; an unknown key is an error that names the nearest.
  virtual Status SetOption(const std::string& key, const std::string& value) = 0;
  virtual std::string Option(const std::string& key, const std::string& fallback) const = 0;

  // Rows rejected so far (at most the newest 10,000 of each are kept in memory).
  virtual std::vector<RejectedRow> DeadLetterRows() const = 0;
  virtual std::vector<RejectedRow> LateRows() const = 0;
  // The first failure to keep a rejected row in the job's folder; OK if there was none. Any thread.
  virtual Status RejectedFailure() const = 0;
};

}  // namespace millrace
