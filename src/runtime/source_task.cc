#include "runtime/source_task.h"

#include <utility>

namespace millrace {

void SourceTask::GoOnFrom(const LaneSnapshot& lane) {
  position_ = lane.position;
  clock_.RaiseTo(lane.watermark);
  ticked_ = lane.processing_time;
  idle_ = lane.idle;
  ended_ = lane.ended;
  restored_ = true;
  Count(stats_.rows, lane.counters.rows);
  Count(stats_.bytes, lane.counters.bytes);
  Count(stats_.dead_lettered, lane.counters.dead_lettered);
  Report();
  wiring_.reader->StartFrom(lane.position);
  wiring_.queue->StartAt(lane.processing_time);
  if (ended_) wiring_.reader->StartEnded();
}

void SourceTask::Describe(TaskSnapshot& snapshot) {
  if (wiring_.spare) return;
  {
    const std::lock_guard lock(cut_mutex_);
    cut_epoch_ = snapshot.epoch;
    cut_position_ = position_;
  }
  LaneSnapshot& lane = snapshot.lane.emplace();
  lane.id = wiring_.table_id + "/" + wiring_.split;
  lane.position = position_;
  lane.watermark = clock_.watermark();
  lane.processing_time = ticked_;
  lane.idle = idle_;
  lane.ended = ended_;
  lane.counters = {stats_.rows, stats_.bytes, stats_.dead_lettered};
}

// Only one checkpoint is under way at a time, so the last barrier's position is that of the epoch.
void SourceTask::NoteCheckpoint(int64_t epoch) {
  const std::lock_guard lock(cut_mutex_);
  if (!wiring_.growing || epoch != cut_epoch_ || cut_position_.empty()) return;
  wiring_.growing->NoteCheckpoint(cut_position_);
}

Status SourceTask::Announce() {
  restored_ = false;
  if (ended_) return Finish();
  if (ticked_ != kMinTimestamp) {
    MILL_RETURN(chain().Feed(0, Watermark{TimeDomain::kProcessing, ticked_}));
  }
  if (clock_.watermark() != kMinTimestamp) {
    MILL_RETURN(chain().Feed(0, Watermark{TimeDomain::kEvent, clock_.watermark()}));
  }
  return idle_ ? chain().Feed(0, Idle{}) : Status::OK();
}

// A barrier that is asked for; between pieces, as positions are.
Result<bool> SourceTask::AdvanceUrgently() {
  const int64_t requested = requested_.load(std::memory_order_acquire);
  if (requested <= injected_ || restored_ || current_.rows) return false;
  MILL_RETURN(CrashAt("before the barrier"));
  injected_ = requested;
  MILL_RETURN(chain().Feed(0, Barrier{requested}));
  return true;
}

Result<bool> SourceTask::Advance() {
  if (restored_) {
    MILL_RETURN(Announce());
    return true;
  }
  if (current_.rows) {
    MILL_RETURN(AdvanceRows());
    return true;
  }
  if (ended_ || injected_ == last_.load(std::memory_order_relaxed)) return false;
  if (wiring_.checkpoints->holds_sources()) return false;  // the barrier that ends it wakes this task
  if (wiring_.ticks) {
    MILL_ASSIGN(bool ticked, Tick());
    if (ticked) return true;
  }
  return TakePiece();
}

// Feeds the next rows of the current piece; pieces are cut evenly, so that no short rest remains.
Status SourceTask::AdvanceRows() {
  const int64_t left = current_.rows->num_rows() - offset_;
  const int64_t most = wiring_.batch_rows.rows();
  const int64_t cuts = (left + most - 1) / most;
  const int64_t length = (left + cuts - 1) / cuts;
  const Timestamp before = clock_.watermark();
  Batch batch = clock_.Advance(current_, offset_, length);
  batch.split = wiring_.split_id;
  offset_ += length;
  if (length == left) current_ = {};
  MILL_RETURN(chain().Feed(0, std::move(batch)));
  wiring_.batch_rows.Fed(length, chain().end().Full());
  if (clock_.watermark() == before) return Status::OK();
  Report();
  return chain().Feed(0, Watermark{TimeDomain::kEvent, clock_.watermark()});
}

Result<bool> SourceTask::Tick() {
  const Timestamp now = wiring_.queue->QuietUntil();
  if (ticked_ != kMinTimestamp && now < ticked_ + kTick.count()) return false;
  ticked_ = now;
  MILL_RETURN(chain().Feed(0, Watermark{TimeDomain::kProcessing, now}));
  return true;
}

void SourceTask::Report() {
  wiring_.table->Set(wiring_.lane, clock_.watermark(), idle_, ended_);
  if (!wiring_.alignment) return;
  wiring_.alignment->Set(wiring_.member, clock_.watermark(), !idle_ && !ended_);
}

Result<bool> SourceTask::TakePiece() {
  if (wiring_.alignment && !wiring_.alignment->MayGoOn(wiring_.member)) return false;
  std::optional<Piece> piece = wiring_.queue->Take();
  if (!piece && polls_ && wiring_.queue->Empty()) {
    MILL_RETURN(wiring_.reader->PollOnce(std::chrono::milliseconds{0}));
    piece = wiring_.queue->Take();
  }
  if (!piece) return false;
  switch (piece->kind) {
    case Piece::Kind::kData: MILL_RETURN(BeginPiece(std::move(*piece))); break;
    case Piece::Kind::kIdle: MILL_RETURN(GoIdle()); break;
    case Piece::Kind::kEnd: MILL_RETURN(Finish()); break;
  }
  return true;
}

Status SourceTask::BeginPiece(Piece piece) {
  if (!piece.split.empty()) {
    wiring_.split = std::move(piece.split);
    wiring_.rename(wiring_.split);
    wiring_.spare = false;
  }
  if (idle_) MILL_RETURN(WakeUp());
  if (wiring_.ingestor) {
    MILL_ASSIGN(current_, wiring_.ingestor->Ingest(piece.polled, piece.arrival));
  } else {
    current_ = std::move(piece.ingested);
  }
  offset_ = 0;
  MILL_RETURN(RaiseTo(current_.skipped_watermark));
  Count(stats_.rows, current_.records);
  Count(stats_.bytes, current_.bytes);
  Count(stats_.dead_lettered, current_.bad.count());
  current_.bad.TellTo(rejects());
  position_ = std::move(piece.position);
  if (current_.rows && current_.rows->num_rows() == 0) current_ = {};
  return Status::OK();
}

Status SourceTask::RaiseTo(Timestamp watermark) {
  if (watermark <= clock_.watermark()) return Status::OK();
  clock_.RaiseTo(watermark);
  Report();
  return chain().Feed(0, Watermark{TimeDomain::kEvent, watermark});
}

// A lane that wakes goes on where the table is: others may have closed windows meanwhile. The next
// tasks are told by a watermark, even one that says nothing new, that this one counts again.
Status SourceTask::WakeUp() {
  const Timestamp before = clock_.watermark();
  clock_.RaiseTo(wiring_.table->OfOthers(wiring_.lane));
  idle_ = false;
  Report();
  Watermark watermark{TimeDomain::kEvent, clock_.watermark()};
  if (watermark.time > before) return chain().Feed(0, watermark);
  return chain().end().Accept(watermark);
}

Status SourceTask::GoIdle() {
  idle_ = true;
  Report();
  return chain().Feed(0, Idle{});
}

Status SourceTask::Finish() {
  clock_.RaiseTo(kMaxTimestamp);
  ended_ = true;
  idle_ = false;
  Report();
  MILL_RETURN(chain().Feed(0, Watermark{TimeDomain::kEvent, kMaxTimestamp}));
  MILL_RETURN(chain().Feed(0, End{}));
  wiring_.checkpoints->SourceEnded();
  return Status::OK();
}

}  // namespace millrace
