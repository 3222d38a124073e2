// Lane: one split of a source on its way into the engine.
//
//   LaneReader (own thread: polls) -> LaneQueue -> SourceTask (worker: clock, chain, exchange)
//                                        |  ^
//                                   ParseTasks (any workers: decode), only if the lane has them
//
// The queue keeps the order: parse tasks take pieces as they come, the source task takes them from
// the front once they are parsed. A stepped job has no readers' threads: the source task polls by
// itself.
#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "connectors/growing_source.h"
#include "runtime/ingest.h"
#include "runtime/task.h"

namespace millrace {

using Clock = std::function<Timestamp()>;

// What a poll brought, and what has become of it.
struct Piece {
  enum class Kind { kData, kIdle, kEnd };
  enum class Stage { kRaw, kClaimed, kParsed };
  Kind kind = Kind::kData;
  Stage stage = Stage::kRaw;
  Polled polled;
  std::string position;   // of the source after it
  std::string split;      // of a spare source's first data: what it reads from here on
  Timestamp arrival = 0;  // set by the queue, never falls
  Ingested ingested;      // once parsed
  int64_t bytes = 0;
};

// The pieces between reader, parsers and source task; bounded in bytes. Thread safe.
class LaneQueue {
 public:
  LaneQueue(int64_t bound, Clock clock) : bound_(bound), clock_(std::move(clock)) {}
  // Says whom to wake: before anything else. Without `parsers` the source task gets raw pieces.
  void Connect(Activity* source, std::vector<Activity*> parsers);

  // No piece is to have come before `time`; before anything else.
  void StartAt(Timestamp time) { now_ = std::max(now_, time); }

  // What WaitForRoom found.
  enum class Room { kThere, kAfterWait, kClosed };
  // Waits until there is room for a piece, or nobody wants one any more.
  Room WaitForRoom();
  void Push(Piece piece);
  // Lets the reader go; pieces that stand here are not taken any more.
  void Close();

  // The next piece to parse, null if there is none; it stays in the queue.
  Piece* Claim();
  // `piece` has been parsed.
  void Finish(Piece* piece);

  // Takes the front piece if it is ready for the source task.
  std::optional<Piece> Take();
  bool Empty();
  // The processing time up to which nothing will come any more.
  Timestamp QuietUntil();

 private:
  Piece* FirstRaw();
  void WakeParser();
  bool Ready(const Piece& piece) const;

  const int64_t bound_;
  Clock clock_;
  Activity* source_ = nullptr;
  std::vector<Activity*> parsers_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable room_;
  std::deque<Piece> pieces_;
  int64_t bytes_ = 0;
  Timestamp now_ = kMinTimestamp;  // the last time given out
  bool closed_ = false;
};

// Polls a source into a queue. `clock` measures its silence, in ms. Owned by one thread, but for Drain and total_bytes.
class LaneReader {
 public:
  LaneReader(Source* source, LaneQueue* queue, std::chrono::milliseconds idle_timeout, Clock clock)
      : source_(source),
        growing_(AsGrowing(source)),
        queue_(queue),
        idle_timeout_(idle_timeout),
        clock_(std::move(clock)),
        waits_(IsSpare(source)) {}

  // The thread: polls until the source has ended or the queue is closed.
  Status Run();
  // Opens the source if need be, polls once and hands on what came, or that nothing will.
  Status PollOnce(std::chrono::milliseconds wait);
  // Goes on after `position`; before anything else.
  void StartFrom(std::string position) { start_ = std::move(position); }
  // The split was not there at the checkpoint that the job goes on from; before anything else.
  void StartNew() { new_ = true; }
  // There is nothing to read any more; before anything else.
  void StartEnded() { ended_ = true; }
  // Ends the lane at the next poll as if the source had ended. Any thread.
  void Drain() { draining_.store(true, std::memory_order_relaxed); }
  int64_t total_bytes() const { return total_bytes_.load(std::memory_order_relaxed); }

 private:
  Status Open();
  void PushEnd();
  void PushData(Polled polled);
  void NoteSilence();
  void GoIdle();

  Source* source_;
  GrowingSource* growing_;  // source_, or null
  LaneQueue* queue_;
  std::chrono::milliseconds idle_timeout_;
  Clock clock_;
  std::string start_;
  bool new_ = false;
  bool waits_;  // has nothing to read yet
  bool opened_ = false;
  bool ended_ = false;
  bool idle_ = false;
  Timestamp quiet_since_ = 0;  // the last data, or the last wait for room
  std::atomic<bool> draining_{false};
  std::atomic<int64_t> total_bytes_{0};
};

// Decodes pieces of a lane, beside others of its kind.
class ParseTask final : public Activity {
 public:
  ParseTask(std::string name, LaneQueue* queue, std::unique_ptr<Ingestor> ingestor)
      : name_(std::move(name)), queue_(queue), ingestor_(std::move(ingestor)) {}
  Result<Next> Run() override;

 private:
  std::string name_;
  LaneQueue* queue_;
  std::unique_ptr<Ingestor> ingestor_;
};

}  // namespace millrace
