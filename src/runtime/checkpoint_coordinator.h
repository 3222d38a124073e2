// CheckpointCoordinator: cuts checkpoints and commits the output that belongs to them.
//
//   a barrier is asked of each source task -> every task hands it on, with its state, and sinks stage
//   -> all acknowledged -> the store makes the checkpoint durable (on the writing thread): the commit
//   point -> each sink publishes, in a run of its own task
//
// One checkpoint is under way at a time; publishing goes on beside the next one. What is not known
// to be published is carried on in each next checkpoint. A checkpoint that takes too long or cannot
// be written is given up: its barriers go on, and what the sinks staged becomes part of the next one.
// When all sources have ended one more, final checkpoint follows; once its output is published the
// job is done.
// A savepoint is the copy of a checkpoint, written when the sinks have published what belongs to it: so
// nothing of it is elsewhere than in the savepoint itself and in the tables.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "runtime/checkpoint.h"
#include "runtime/job_options.h"
#include "runtime/reject_log.h"

namespace millrace {

// Hears how the tasks get on with a checkpoint. Thread safe; never waits.
class CheckpointListener {
 public:
  virtual ~CheckpointListener() = default;
  // True if somebody keeps the state that tasks save.
  virtual bool keeps_state() const = 0;
  // How operators are to save at the barrier that passes.
  virtual SaveMode save_mode() const = 0;
  // True if sinks are to hold nothing back at the barrier that passes: a savepoint's or the last one.
  virtual bool shows_all() const = 0;
  // True while sources are to take nothing in: a checkpoint is due, and too much of what sinks have
  // staged waits for being published.
  virtual bool holds_sources() const = 0;
  // A source has handed on its End.
  virtual void SourceEnded() = 0;
  // A task has handed on the barrier.
  virtual void Acknowledge(TaskSnapshot snapshot) = 0;
  // Sink number `sink` has published up to `epoch`; or could not, and is to be asked again.
  virtual void Published(size_t sink, int64_t epoch) = 0;
  virtual void PublishFailed(size_t sink, const Status& status) = 0;
};

// What is asked of the tasks. The functions may be called from any thread.
struct CheckpointParticipants {
  int tasks = 0;
  // Inject a barrier; nothing but barriers is to follow it if `last`.
  std::vector<std::function<void(int64_t epoch, bool last)>> sources;
  struct SinkParticipant {
    std::string id;
    std::function<void(const Committable&)> publish;
  };
  std::vector<SinkParticipant> sinks;
  std::function<void(int64_t epoch)> completed;  // what follows a checkpoint; may be null
};

class CheckpointCoordinator final : public CheckpointListener {
 public:
  using Time = std::chrono::steady_clock::time_point;

  struct Events {
    std::function<void()> done;                     // the final checkpoint's output is published
    std::function<void(const Status&)> failed;      // the job cannot go on
    std::function<void()> to_write;                 // WriteNext has something to do
    std::function<void(const CheckpointReport&)> report;
    std::function<Time()> now;                             // null: the steady clock
    std::function<Status(const char* point)> crash_point;  // of the simulator; may be null
  };

  // `store` and `rejects` may be null: then the commit point is in memory only, and nothing is saved.
  CheckpointCoordinator(const CheckpointOptions& options, CheckpointStore* store,
                        RejectLog* rejects, Events events);

  // Says who takes part; before anything else.
  void SetParticipants(CheckpointParticipants participants);

  // Starts a checkpoint unless one is under way, the last one was too short ago, or the final one has
  // begun. Where too much waits for being published it starts when that is done, and sources stop
  // until then.
  void Trigger(Time now);
  // A savepoint, as soon as it is possible, into folder `target`; with `stop` it is the job's end.
  // `done` is called once, with the failure or when it is durable (with `stop`: published).
  void TriggerSavepoint(std::string target, bool stop, std::function<void(Status)> done, Time now);
  // Gives up what takes too long, asks again for what could not be published, and begins what had to
  // wait.
  void KeepTime(Time now);

  // The job ends with `status`: no savepoint will be written any more.
  void Abandon(const Status& status);
  // True if a checkpoint that the store holds, or may hold, names output that is not known to be
  // published: what was staged must not be dropped.
  bool names_staged() const;

  // Writes the checkpoint that is complete, if there is one, and the savepoint that is due. One
  // thread.
  void WriteNext();

  CheckpointTotals totals() const;

  bool keeps_state() const override { return keeps_state_; }
  SaveMode save_mode() const override;
  bool shows_all() const override { return shows_all_; }
  bool holds_sources() const override { return holds_sources_.load(std::memory_order_relaxed); }
  void SourceEnded() override;
  void Acknowledge(TaskSnapshot snapshot) override;
  void Published(size_t sink, int64_t epoch) override;
  void PublishFailed(size_t sink, const Status& status) override;

 private:
  static constexpr size_t kMaxUnpublished = 3;  // epochs of one sink
  static constexpr int kMaxPublishAttempts = 12;

  enum class Phase { kNone, kAligning, kWriting };
  struct Savepoint {
    std::string target;
    bool stop = false;
    std::function<void(Status)> done;
  };
  // A committed savepoint, to be written apart.
  struct Copy {
    Checkpoint image;
    std::function<void(Status)> done;
  };
  struct SinkState {
    std::string id;
    SinkCounters counters;
    std::vector<Committable> staged;     // in no durable checkpoint yet
    std::vector<Committable> committed;  // in one, not known to be published
    int attempts = 0;                    // that failed, of the first of these
    Time retry_at = Time::max();
  };

  Time Now() const { return events_.now ? events_.now() : std::chrono::steady_clock::now(); }
  // All but the last under the mutex.
  bool all_ended() const { return ended_ == participants_.sources.size(); }
  size_t unpublished() const;
  bool PublishingIsBehind() const;
  void Begin(Time now);
  // Begins the final checkpoint, the savepoint that is wanted or the checkpoint that sources are held
  // for, if it is time for it.
  void BeginWhatIsDue(Time now);
  void CollectStaged(SinkSnapshot sink);
  // All tasks have acknowledged: adds what the sinks wait for, and hands the image to the writer.
  void Complete();
  void Commit(const WrittenCheckpoint& written);
  void GiveUp(const std::string& why);
  void Report(const std::string& failure, const WrittenCheckpoint& written);
  void EndSavepoint(const Status& status);
  // Hands a committed savepoint to the writer, and ends the job, once what they wait for is published.
  void AfterPublishing();
  bool IsPublished(int64_t epoch) const;
  void WriteCheckpoint();
  void WriteCopy();
  Result<WrittenCheckpoint> Write(Checkpoint& image);

  const CheckpointOptions options_;
  CheckpointStore* const store_;
  RejectLog* const rejects_;
  const Events events_;
  CheckpointParticipants participants_;

  mutable std::mutex mutex_;  // guards what follows
  Phase phase_ = Phase::kNone;
  int64_t epoch_ = 0;  // under way, or the last one
  Checkpoint image_;   // of it
  bool final_ = false;
  bool committed_final_ = false;
  bool chained_ = false;  // the snapshots of the last epoch are kept: the next may be deltas
  std::atomic<bool> holds_sources_{false};
  std::atomic<bool> full_{true};  // asked of the one under way
  std::atomic<bool> shows_all_{false};  // of the one under way
  std::atomic<bool> keeps_state_{false};  // the one under way holds the operators' state
  size_t ended_ = 0;   // sources
  int missing_ = 0;    // acknowledgements still to come
  std::vector<SinkState> sinks_;
  std::optional<Savepoint> wanted_, savepoint_;  // asked for; under way
  std::optional<Copy> copy_;                     // of a savepoint that is committed
  bool in_doubt_ = false;  // whether the store holds the last one
  Time began_, aligned_;  // of the one under way
  Time last_end_ = Time::min();
  int64_t failures_ = 0;  // one after the other
  std::chrono::microseconds alignment_{0};
  std::map<std::string, CheckpointReport::OperatorCost> costs_;  // of the one under way, by id
  CheckpointTotals totals_;
};

}  // namespace millrace
