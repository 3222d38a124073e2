// SESSION windows grouped by their partition. A session is the rows of one key no further apart
// than the gap: [first, last + gap). A row joins each open session that its own window [t, t + gap)
// meets or touches, and so may merge two. Most keys have one session, kept at the slot that the key
// table gives; further ones (a disordered key) hang behind it in a chain of keyless slots:
//
//   key -> slot 7 {start, last} -> slot 12 {start, last} -> none
//
// A session is closed for a row once the row's watermark has passed its end, even if the operator's
// watermark, which emits it, has not: then the row opens the next one. So results depend neither on
// batch boundaries nor on when a watermark message comes.
#include <arrow/array.h>

#include <algorithm>

#include "operators/spill.h"
#include "operators/windowed_operator.h"
#include "state/key_table.h"
#include "state/timers.h"

namespace millrace {
namespace {

// State of a slot. `owner` is the key's slot: itself for the first of a chain, kNoSlot if not in
// use.
struct Session {
  Timestamp start = 0;
  Timestamp last = 0;
  int64_t rows = 0;  // added less taken back
  uint32_t next = kNoSlot;
  uint32_t owner = kNoSlot;
};

// When sessions end by now, for the timers.
struct LastTimes {
  const Session* sessions;
  int64_t gap;
  Timestamp operator()(uint32_t slot) const { return sessions[slot].last + gap - 1; }
  void Prefetch(uint32_t slot) const { __builtin_prefetch(&sessions[slot]); }
};

class SessionAggregate : public WindowedOperator, private SlotOwner {
 public:
  explicit SessionAggregate(WindowAggregateSpec spec)
      : WindowedOperator(std::move(spec)),
        gap_(spec_.window.size),
        aggregates_(spec_.calls, spec_.retract),
        timers_(gap_ / 32),
        saved_(Layout()) {}

  Status Open(const OperatorContext& context) override {
    MILL_RETURN(Operator::Open(context));
    MILL_ASSIGN(keys_, KeyTable::Make(*saved_.table().schema, saved_.key_places()));
    SpillOptions options;
    options.clocks = 1;
    options.ends_all = true;
    return MakeSpilled(context, saved_, options, keys_.get(), this).Value(&spilled_);
  }
  Result<Progress> OnBatch(int input, const Batch& rows, Output& out) override;
  Status Save(StateWriter& writer) override;
  Status Load(const StateReader& reader) override;
  std::string Describe() const override { return "SessionAggregate " + spec_.window.ToString(); }
  std::vector<StateBound> States() const override {
    return {{"sessions", saved_.table().doc, ClockBound(DurationText(gap_)), CanSpill(saved_)}};
  }

 protected:
  Result<bool> EmitChunk(Output& out) override;

 private:
  struct Merge {
    uint32_t into, from;
  };

  SavedRows Layout() const;
  Status SaveSlots(std::span<const uint32_t> keys, SaveMode mode, StateWriter& writer) override;
  Status LoadSlots(const arrow::RecordBatch& rows, std::span<const uint32_t> keys) override;
  void ForgetSlots(std::span<const uint32_t> keys) override;
  std::optional<Timestamp> DueOf(uint32_t key, size_t clock) const override;
  uint32_t AppendSession(uint32_t key, Session session);
  void Grow();
  void FindSessions(const Batch& rows);
  uint32_t FindSession(uint32_t key, Timestamp time, Timestamp watermark);
  uint32_t JoinChain(uint32_t key, Timestamp time, Timestamp watermark);
  void Absorb(uint32_t into, uint32_t from, uint32_t previous);
  uint32_t OpenSession(uint32_t key, Timestamp time);
  void ApplyMerges();
  void DropUnusedKeys();
  void CollectDue();
  Result<bool> LoadDue();
  void Release(uint32_t slot);
  void ReleaseFirst(uint32_t key);
  void Free(uint32_t slot);

  // True if a row at `time` may join the session under `watermark`.
  bool Joins(const Session& session, Timestamp time, Timestamp watermark) const {
    return time >= session.start - gap_ && time <= session.last + gap_ &&
           session.last + gap_ - 1 > watermark;
  }

  const int64_t gap_;
  std::unique_ptr<KeyTable> keys_;
  std::unique_ptr<SpilledTable> spilled_;  // null: all is in memory
  std::vector<Session> sessions_;  // by slot
  AggregateSet aggregates_;
  Timers timers_;
  SavedRows saved_;
  // Of the current call.
  std::vector<uint32_t> key_slots_, inserted_, targets_;
  std::vector<Merge> merges_;  // to be done after the batch's rows are in
  std::vector<uint32_t> due_;
  std::vector<uint32_t> freed_;  // to be erased from keys_
};

void SessionAggregate::Grow() {
  if (sessions_.size() >= keys_->slot_count()) return;
  sessions_.resize(keys_->slot_count());
  timers_.Resize(keys_->slot_count());
}

Result<Progress> SessionAggregate::OnBatch(int /*input*/, const Batch& rows, Output&) {
  now_ = std::max(now_, rows.arrival);
  inserted_.clear();
  MILL_RETURN(keys_->FindOrInsert(*rows.rows, spec_.keys, nullptr, key_slots_, inserted_));
  for (uint32_t& row : inserted_) row = key_slots_[row];
  Grow();
  if (spilled_) MILL_RETURN(spilled_->Fetch(inserted_));
  FindSessions(rows);
  aggregates_.Resize(keys_->slot_count());
  MILL_RETURN(aggregates_.Update(targets_, rows));
  ApplyMerges();
  DropUnusedKeys();
  if (spilled_) MILL_RETURN(spilled_->Trim());
  return Progress::kDone;
}

// Sets targets_: the session of each row, kNoSlot for late ones.
void SessionAggregate::FindSessions(const Batch& rows) {
  constexpr size_t kAhead = 24;
  const RowTimes times(spec_.window, watermark_, rows);
  const RowWatermarks watermarks(spec_.window.domain, watermark_, rows);
  const size_t count = key_slots_.size();
  targets_.resize(count);
  for (size_t i = 0; i < count; ++i) {
    if (i + kAhead < count) __builtin_prefetch(&sessions_[key_slots_[i + kAhead]], 1);
    const Timestamp time = times[i];
    const Timestamp watermark = watermarks[i];
    const uint32_t slot = times.IsNull(i) ? kNoSlot : FindSession(key_slots_[i], time, watermark);
    targets_[i] = slot;
    if (slot == kNoSlot) {
      CountLate(rows, i, watermark);
    } else {
      sessions_[slot].rows += Adds(rows.kind(static_cast<int64_t>(i))) ? 1 : -1;
    }
  }
}

inline uint32_t SessionAggregate::FindSession(uint32_t key, Timestamp time, Timestamp watermark) {
  Session& first = sessions_[key];
  if (first.owner == key && first.next == kNoSlot && Joins(first, time, watermark)) {
    first.start = std::min(first.start, time);
    first.last = std::max(first.last, time);
    return key;
  }
  const uint32_t joined = JoinChain(key, time, watermark);
  if (joined != kNoSlot) return joined;
  return time + gap_ - 1 <= watermark ? kNoSlot : OpenSession(key, time);
}

// Joins the row to the first session of the chain that takes it, and all others to that one.
uint32_t SessionAggregate::JoinChain(uint32_t key, Timestamp time, Timestamp watermark) {
  if (sessions_[key].owner == kNoSlot) return kNoSlot;
  uint32_t joined = kNoSlot;
  uint32_t previous = kNoSlot;
  for (uint32_t slot = key; slot != kNoSlot;) {
    const uint32_t next = sessions_[slot].next;
    const bool joins = Joins(sessions_[slot], time, watermark);
    if (joins && joined != kNoSlot) {
      Absorb(joined, slot, previous);
    } else {
      if (joins) joined = slot;
      previous = slot;
    }
    slot = next;
  }
  if (joined == kNoSlot) return kNoSlot;
  sessions_[joined].start = std::min(sessions_[joined].start, time);
  sessions_[joined].last = std::max(sessions_[joined].last, time);
  return joined;
}

// Takes `from`, which comes right after `previous`, out of the chain. Its accumulators follow after
// the batch, for rows of the batch may still be on their way to them.
void SessionAggregate::Absorb(uint32_t into, uint32_t from, uint32_t previous) {
  Session& target = sessions_[into];
  const Session& source = sessions_[from];
  target.start = std::min(target.start, source.start);
  target.last = std::max(target.last, source.last);
  target.rows += source.rows;
  sessions_[previous].next = source.next;
  timers_.Cancel(from);
  merges_.push_back({into, from});
}

uint32_t SessionAggregate::OpenSession(uint32_t key, Timestamp time) {
  uint32_t slot = key;
  uint32_t next = kNoSlot;
  if (sessions_[key].owner == key) {
    slot = keys_->Allocate();
    Grow();
    next = sessions_[key].next;
    sessions_[key].next = slot;
  }
  sessions_[slot] = {time, time, 0, next, key};
  timers_.Set(slot, time + gap_ - 1);
  return slot;
}

void SessionAggregate::ApplyMerges() {
  for (const Merge& merge : merges_) {
    aggregates_.Merge(merge.into, merge.from);
    Free(merge.from);
  }
  keys_->Erase(freed_);
  freed_.clear();
  merges_.clear();
}

// A late row's key has no session.
void SessionAggregate::DropUnusedKeys() {
  for (uint32_t slot : inserted_) {
    if (sessions_[slot].owner == kNoSlot) keys_->Erase(slot);
  }
}

void SessionAggregate::CollectDue() {
  due_.clear();
  const LastTimes real_time{sessions_.data(), gap_};
  uint32_t slot;
  while (due_.size() < kMaxResultRows && timers_.PopDue(watermark_, real_time, &slot)) {
    due_.push_back(slot);
  }
}

Result<bool> SessionAggregate::EmitChunk(Output& out) {
  CollectDue();
  if (due_.empty()) return LoadDue();
  std::vector<uint32_t> slots, owners;
  std::vector<Window> windows;
  for (uint32_t slot : due_) {
    const Session& session = sessions_[slot];
    if (spec_.retract && session.rows <= 0) continue;
    slots.push_back(slot);
    owners.push_back(session.owner);
    windows.push_back({session.start, session.last + gap_});
  }
  if (!slots.empty()) {
    MILL_ASSIGN(arrow::ArrayVector columns, keys_->KeyColumns(owners));
    MILL_RETURN(aggregates_.Finish(slots, columns));
    MILL_RETURN(EmitResults(std::move(columns), windows, out));
  }
  // Chained sessions first: releasing the first of a chain moves another to its slot.
  for (uint32_t slot : due_) {
    if (sessions_[slot].owner != slot) Release(slot);
  }
  for (uint32_t slot : due_) {
    if (sessions_[slot].owner == slot) ReleaseFirst(slot);
  }
  keys_->Erase(freed_);
  freed_.clear();
  if (spilled_) MILL_RETURN(spilled_->DeleteMany());
  return true;
}

// Nothing is due of what is in memory. True if something may be after this.
Result<bool> SessionAggregate::LoadDue() {
  if (!spilled_) return false;
  MILL_RETURN(spilled_->Trim());
  return spilled_->LoadDue(watermark_);
}

void SessionAggregate::Release(uint32_t slot) {
  uint32_t previous = sessions_[slot].owner;
  while (sessions_[previous].next != slot) previous = sessions_[previous].next;
  sessions_[previous].next = sessions_[slot].next;
  keys_->Touch(sessions_[slot].owner);
  Free(slot);
}

void SessionAggregate::ReleaseFirst(uint32_t key) {
  const uint32_t next = sessions_[key].next;
  if (next == kNoSlot) return Free(key);
  keys_->Touch(key);
  aggregates_.Reset(key);
  aggregates_.Merge(key, next);
  sessions_[key] = sessions_[next];
  timers_.Cancel(next);
  timers_.Set(key, sessions_[key].last + gap_ - 1);
  Free(next);
}

void SessionAggregate::Free(uint32_t slot) {
  aggregates_.Reset(slot);
  sessions_[slot] = Session();
  freed_.push_back(slot);
}

SavedRows SessionAggregate::Layout() const {
  const std::vector<OwnColumn> own = {
      {"start", "Time of the session's first row.", true},
      {"last", "Time of its last row; it ends a gap later.", true},
      {"rows", "Its rows, added less taken back."}};
  // The exchange hashes the partition's columns.
  const std::vector<int> places =
      PlacesAmong(spec_.keys, spec_.window.partition);
  // Several rows share an id, so that none can add to an earlier one.
  const arrow::FieldVector aggregates = WholeFields(aggregates_.StateFields());
  return SavedRows("sessions", "An open session. A key has several where its rows are in disorder.",
                   KeyFields(*spec_.output, spec_.keys.size(), "Column of GROUP BY."), own,
                   aggregates, places, places);
}

// A key's sessions are saved together, and whole: they share the key.
Status SessionAggregate::Save(StateWriter& writer) {
  MILL_RETURN(SaveClock(writer));
  if (spilled_) return spilled_->Save(writer);
  MILL_ASSIGN(KeyChanges changes, keys_->TakeChanges(writer.mode()));
  MILL_RETURN(saved_.WriteErased(writer, changes));
  return SaveSlots(changes.slots, SaveMode::kFull, writer);
}

Status SessionAggregate::SaveSlots(std::span<const uint32_t> of_keys, SaveMode mode,
                                   StateWriter& writer) {
  std::vector<uint32_t> all;
  for (uint32_t key : of_keys) {
    for (uint32_t slot = key; slot != kNoSlot; slot = sessions_[slot].next) all.push_back(slot);
  }
  return InPortions(all, [&](std::span<const uint32_t> slots) -> Status {
    std::vector<std::vector<int64_t>> own(3);
    std::vector<uint32_t> owners;
    for (uint32_t slot : slots) {
      const Session& session = sessions_[slot];
      owners.push_back(session.owner);
      own[0].push_back(session.start);
      own[1].push_back(session.last);
      own[2].push_back(session.rows);
    }
    MILL_ASSIGN(arrow::ArrayVector keys, keys_->KeyColumns(owners));
    arrow::ArrayVector aggregates;
    MILL_RETURN(aggregates_.Save(slots, mode, aggregates));
    return saved_.Write(writer, std::move(keys), std::move(own), std::move(aggregates));
  });
}

Status SessionAggregate::Load(const StateReader& reader) {
  MILL_RETURN(LoadClock(reader));
  if (spilled_) return spilled_->Load(reader);
  const auto load = [this](const auto& rows, auto slots) { return LoadSlots(rows, slots); };
  return saved_.Load(reader, *keys_, SavedRows::RowsPerKey::kMany, load);
}

Status SessionAggregate::LoadSlots(const arrow::RecordBatch& rows,
                                   std::span<const uint32_t> keys) {
  Grow();
  targets_.resize(keys.size());
  for (size_t i = 0; i < keys.size(); ++i) {
    targets_[i] = AppendSession(keys[i], {saved_.Own(rows, 0)[i], saved_.Own(rows, 1)[i],
                                          saved_.Own(rows, 2)[i], kNoSlot, keys[i]});
  }
  aggregates_.Resize(keys_->slot_count());
  return aggregates_.Load(targets_, saved_.Aggregates(rows));
}

void SessionAggregate::ForgetSlots(std::span<const uint32_t> keys) {
  for (uint32_t key : keys) {
    for (uint32_t slot = key; slot != kNoSlot;) {
      const uint32_t next = sessions_[slot].next;
      timers_.Cancel(slot);
      aggregates_.Reset(slot);
      sessions_[slot] = Session();
      if (slot != key) keys_->Erase(slot);
      slot = next;
    }
  }
}

// When the first of the key's sessions ends.
std::optional<Timestamp> SessionAggregate::DueOf(uint32_t key, size_t) const {
  Timestamp end = sessions_[key].last + gap_ - 1;
  for (uint32_t slot = key; slot != kNoSlot; slot = sessions_[slot].next) {
    end = std::min(end, sessions_[slot].last + gap_ - 1);
  }
  return end;
}

// Puts a session at the end of the key's chain.
uint32_t SessionAggregate::AppendSession(uint32_t key, Session session) {
  uint32_t slot = key;
  if (sessions_[key].owner == key) {
    slot = keys_->Allocate();
    Grow();
    uint32_t last = key;
    while (sessions_[last].next != kNoSlot) last = sessions_[last].next;
    sessions_[last].next = slot;
  }
  sessions_[slot] = session;
  timers_.Set(slot, session.last + gap_ - 1);
  return slot;
}

}  // namespace

std::unique_ptr<Operator> MakeSessionAggregate(WindowAggregateSpec spec) {
  return std::make_unique<SessionAggregate>(std::move(spec));
}

}  // namespace millrace
