// SourceTask: the task of one lane. Takes what the lane's reader polled, computes watermarks in
// order, injects barriers and processing-time ticks, and feeds its chain.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include "runtime/batch_rows.h"
#include "runtime/lane.h"
#include "runtime/watermark_alignment.h"
#include "runtime/task.h"

namespace millrace {

// The lane as its source task sees it. All but the ingestor belong to others and outlive the task.
struct SourceWiring {
  LaneQueue* queue = nullptr;
  LaneReader* reader = nullptr;
  GrowingSource* growing = nullptr;    // the source, if it is one, for NoteCheckpoint
  TableClock* table = nullptr;
  size_t lane = 0;                     // which of the table's
  AlignmentGroup* alignment = nullptr; // null: waits for nobody
  size_t member = 0;                   // of `alignment`
  std::unique_ptr<Ingestor> ingestor;  // null if parse tasks do the work
  SplitId split_id = kNoSplit;         // which of the job's
  std::string table_id;                // what checkpoints name the table by
  std::string split;                   // its name
  std::function<void(const std::string& split)> rename;  // a spare lane has taken up `split`
  CheckpointListener* checkpoints = nullptr;
  BatchRows batch_rows;
  bool ticks = false;                  // emit processing-time watermarks
  bool spare = false;                  // has nothing to read yet
};

// What a source task has read; for reports, from any thread.
struct SourceStats {
  std::atomic<int64_t> rows{0}, bytes{0}, dead_lettered{0};
};

class SourceTask final : public Task {
 public:
  // How often a silent source tells the processing time.
  static constexpr std::chrono::milliseconds kTick{50};

  SourceTask(TaskParts parts, std::unique_ptr<Chain> chain, SourceWiring wiring)
      : Task(std::move(parts), std::move(chain)), wiring_(std::move(wiring)) {}

  // Asks for a barrier; any thread. Also after the end of the lane. Nothing but barriers follows the
  // `last` one.
  void InjectBarrier(int64_t epoch, bool last) {
    if (last) last_.store(epoch, std::memory_order_relaxed);
    requested_.store(epoch, std::memory_order_release);
    Wake();
  }
  // The checkpoint of `epoch` is complete; any thread.
  void NoteCheckpoint(int64_t epoch);
  // Goes on where the lane was at a checkpoint; before it first runs.
  void GoOnFrom(const LaneSnapshot& lane);
  // Makes the task poll by itself, without waiting, when it has nothing; before it first runs.
  void PollBySelf() { polls_ = true; }
  const SourceStats& stats() const { return stats_; }

 private:
  Result<bool> AdvanceUrgently() override;
  Result<bool> Advance() override;
  Status AdvanceRows();
  Result<bool> Tick();
  Result<bool> TakePiece();
  Status BeginPiece(Piece piece);
  void Describe(TaskSnapshot& snapshot) override;
  // Tells the next tasks again what they knew at the checkpoint.
  Status Announce();
  Status WakeUp();
  Status RaiseTo(Timestamp watermark);
  Status GoIdle();
  Status Finish();
  // Tells the other splits how far this one is.
  void Report();

  SourceWiring wiring_;
  LaneClock clock_;
  Ingested current_;    // being fed
  int64_t offset_ = 0;  // rows of it that have been
  std::string position_;  // after the current piece
  std::atomic<int64_t> requested_{0};
  std::atomic<int64_t> last_{-1};
  int64_t injected_ = 0;
  Timestamp ticked_ = kMinTimestamp;
  bool polls_ = false;
  bool idle_ = false;
  bool ended_ = false;
  bool restored_ = false;  // and not yet announced
  std::mutex cut_mutex_;
  int64_t cut_epoch_ = 0;     // guarded: the last barrier
  std::string cut_position_;  // guarded: the position there
  SourceStats stats_;
};

}  // namespace millrace
