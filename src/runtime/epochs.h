// Epochs: the two-phase commit of a job's output. One epoch is under way at a time:
//
//   request a barrier of each source task -> every task hands it on (sinks stage) ->
//   all acknowledged: the commit point -> each sink publishes, in a run of its own task ->
//   all published
//
// When all sources have ended one more, final epoch follows; then the job is done. The manifest
// that makes an epoch durable lives in memory.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <vector>

namespace millrace {

// Hears how an epoch gets on. Thread safe; never waits.
class EpochListener {
 public:
  virtual ~EpochListener() = default;
  // A source has handed on its End.
  virtual void SourceEnded() = 0;
  // A task has handed on, or its sink has staged, all of `epoch`.
  virtual void Acknowledge(int64_t epoch) = 0;
  // A sink has published `epoch`.
  virtual void Published(int64_t epoch) = 0;
};

// What the epochs ask of the tasks: to inject a barrier, to publish. Called from any thread.
struct EpochParticipants {
  int tasks = 0;
  std::vector<std::function<void(int64_t)>> sources;
  std::vector<std::function<void(int64_t)>> sinks;
};

class Epochs final : public EpochListener {
 public:
  // `done` is called once the final epoch is published.
  explicit Epochs(std::function<void()> done) : done_(std::move(done)) {}

  // Says who takes part; before anything else.
  void SetParticipants(EpochParticipants participants) { participants_ = std::move(participants); }
  // Starts an epoch, unless one is under way or the final one has begun.
  void Trigger();

  void SourceEnded() override;
  void Acknowledge(int64_t epoch) override;
  void Published(int64_t epoch) override;

 private:
  enum class Phase { kNone, kAligning, kPublishing };

  void Begin();
  void Complete();

  std::function<void()> done_;
  EpochParticipants participants_;
  std::mutex mutex_;  // guards what follows
  Phase phase_ = Phase::kNone;
  int64_t epoch_ = 0;
  bool final_ = false;  // the epoch under way, or just completed, is the last
  size_t ended_ = 0;    // sources
  int missing_ = 0;     // acknowledgements or publications still to come
};

}  // namespace millrace
