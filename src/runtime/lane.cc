#include "runtime/lane.h"

#include <algorithm>
#include <utility>

namespace millrace {

namespace {

// How long a reader stays in one poll: what Drain and Cancel may have to wait for.
constexpr std::chrono::milliseconds kPollWait{50};
// A poll that took longer says nothing about the source: the process stood still.
constexpr Timestamp kStandstill = 1000;
// What a piece costs beside its bytes.
constexpr int64_t kPieceBytes = 256;

int64_t BytesOf(const Polled& polled) {
  if (polled.chunk.bytes) return kPieceBytes + polled.chunk.bytes->size();
  return kPieceBytes + Batch{polled.rows, nullptr, nullptr, 0}.bytes();
}

}  // namespace

void LaneQueue::Connect(Activity* source, std::vector<Activity*> parsers) {
  source_ = source;
  parsers_ = std::move(parsers);
}

LaneQueue::Room LaneQueue::WaitForRoom() {
  std::unique_lock lock(mutex_);
  if (!closed_ && bytes_ < bound_) return Room::kThere;
  room_.wait(lock, [this] { return closed_ || bytes_ < bound_; });
  return closed_ ? Room::kClosed : Room::kAfterWait;
}

void LaneQueue::Push(Piece piece) {
  const bool to_parse = piece.kind == Piece::Kind::kData && !parsers_.empty();
  piece.bytes = BytesOf(piece.polled);
  {
    std::lock_guard lock(mutex_);
    now_ = std::max(now_, clock_());
    piece.arrival = now_;
    bytes_ += piece.bytes;
    pieces_.push_back(std::move(piece));
  }
  if (to_parse) {
    WakeParser();
  } else {
    source_->Wake();
  }
}

void LaneQueue::Close() {
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
  }
  room_.notify_all();
}

// One that rests, if there is one: those that run look again before they rest.
void LaneQueue::WakeParser() {
  for (Activity* parser : parsers_) {
    if (parser->Wake()) return;
  }
}

// Not far from the front: what is parsed has to wait for what stands before it.
Piece* LaneQueue::FirstRaw() {
  const size_t window = std::min(pieces_.size(), 2 * parsers_.size());
  for (size_t i = 0; i < window; ++i) {
    Piece& piece = pieces_[i];
    if (piece.kind == Piece::Kind::kData && piece.stage == Piece::Stage::kRaw) return &piece;
  }
  return nullptr;
}

Piece* LaneQueue::Claim() {
  Piece* piece;
  bool others;
  {
    std::lock_guard lock(mutex_);
    piece = FirstRaw();
    if (!piece) return nullptr;
    piece->stage = Piece::Stage::kClaimed;
    others = FirstRaw() != nullptr;
  }
  if (others) WakeParser();
  return piece;
}

void LaneQueue::Finish(Piece* piece) {
  bool front;
  {
    std::lock_guard lock(mutex_);
    piece->stage = Piece::Stage::kParsed;
    front = piece == &pieces_.front();
  }
  if (front) source_->Wake();
}

bool LaneQueue::Ready(const Piece& piece) const {
  return piece.kind != Piece::Kind::kData || parsers_.empty() ||
         piece.stage == Piece::Stage::kParsed;
}

std::optional<Piece> LaneQueue::Take() {
  std::optional<Piece> piece;
  bool more_to_parse;
  {
    std::lock_guard lock(mutex_);
    if (pieces_.empty() || !Ready(pieces_.front())) return std::nullopt;
    piece = std::move(pieces_.front());
    pieces_.pop_front();
    bytes_ -= piece->bytes;
    more_to_parse = !parsers_.empty() && FirstRaw() != nullptr;
  }
  room_.notify_one();
  if (more_to_parse) WakeParser();
  return piece;
}

bool LaneQueue::Empty() {
  std::lock_guard lock(mutex_);
  return pieces_.empty();
}

// Arrival times are given under the same lock, so none before the answer can come later.
Timestamp LaneQueue::QuietUntil() {
  std::lock_guard lock(mutex_);
  if (!pieces_.empty()) return pieces_.front().arrival - 1;
  now_ = std::max(now_, clock_());
  return now_ - 1;
}

Status LaneReader::Run() {
  while (!ended_) {
    const LaneQueue::Room room = queue_->WaitForRoom();
    if (room == LaneQueue::Room::kClosed) break;
    if (room == LaneQueue::Room::kAfterWait) quiet_since_ = clock_();
    MILL_RETURN(PollOnce(kPollWait));
  }
  return Status::OK();
}

Status LaneReader::Open() {
  MILL_RETURN(source_->Open());
  if (!start_.empty()) MILL_RETURN(source_->Seek(start_));
  if (new_ && growing_) MILL_RETURN(growing_->SeekToNew());
  opened_ = true;
  quiet_since_ = clock_();
  total_bytes_.store(source_->total_bytes(), std::memory_order_relaxed);
  return Status::OK();
}

Status LaneReader::PollOnce(std::chrono::milliseconds wait) {
  if (ended_) return Status::OK();
  if (!opened_) MILL_RETURN(Open());
  if (draining_.load(std::memory_order_relaxed)) {
    PushEnd();
    return Status::OK();
  }
  const Timestamp asked = clock_();
  MILL_ASSIGN(Polled polled, source_->Poll(wait));
  if (clock_() - asked > kStandstill) quiet_since_ = clock_();
  switch (polled.state) {
    case Polled::State::kData: PushData(std::move(polled)); break;
    case Polled::State::kNothing: NoteSilence(); break;
    case Polled::State::kEnd: PushEnd(); break;
  }
  return Status::OK();
}

void LaneReader::PushData(Polled polled) {
  idle_ = false;
  quiet_since_ = clock_();
  Piece piece;
  piece.position = std::move(polled.position);
  if (waits_) piece.split = growing_->taken();
  waits_ = false;
  piece.polled = std::move(polled);
  queue_->Push(std::move(piece));
}

void LaneReader::PushEnd() {
  ended_ = true;
  total_bytes_.store(source_->total_bytes(), std::memory_order_relaxed);
  Piece piece;
  piece.kind = Piece::Kind::kEnd;
  queue_->Push(std::move(piece));
}

void LaneReader::NoteSilence() {
  if (waits_) return GoIdle();
  if (idle_ || source_->bounded() || idle_timeout_.count() == 0) return;
  if (clock_() - quiet_since_ >= idle_timeout_.count()) GoIdle();
}

void LaneReader::GoIdle() {
  if (idle_) return;
  idle_ = true;
  Piece piece;
  piece.kind = Piece::Kind::kIdle;
  queue_->Push(std::move(piece));
}

Result<Activity::Next> ParseTask::Run() {
  Piece* piece = queue_->Claim();
  if (!piece) return Next::kWait;
  auto ingested = Guarded([&] { return ingestor_->Ingest(piece->polled, piece->arrival); });
  if (!ingested.ok()) return Annotate(ingested.status(), name_);
  piece->ingested = std::move(*ingested);
  piece->polled = Polled{};
  queue_->Finish(piece);
  return Next::kAgain;
}

}  // namespace millrace
