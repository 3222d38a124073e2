// SESSION windows with caps (MAX_DURATION, MAX_EVENTS), or grouped by more than their partition.
// Where a session is cut depends on the order of its rows, so rows wait until the watermark passes
// them, and are then taken in the order (time, arrival):
//
//   rows -> waiting (by time) -> watermark -> sorted -> session of the partition -> group within it
//
// A row of a partition starts a new session after the gap, when the session is full, or when it
// would grow too long. A row at or behind the watermark under which it comes is late: what lies
// there is cut. So even sessions that never pause are emitted and forgotten, and only rows ahead of
// the watermark wait. Those are in memory; the open sessions may be on disk
// (state/spilled_table.h), a partition's groups together.
#include <arrow/record_batch.h>

#include <algorithm>
#include <numeric>

#include "operators/spill.h"
#include "operators/waiting_rows.h"
#include "operators/windowed_operator.h"
#include "state/key_table.h"
#include "state/timers.h"

namespace millrace {
namespace {

struct CutSession {
  Timestamp start = 0;
  Timestamp last = 0;
  int64_t rows = 0;
  uint32_t key = kNoSlot;          // of the partition
  uint32_t first_group = kNoSlot;  // chained by next_group_
};

// When the open sessions of partitions end by now, for the timers.
struct LastTimes {
  const std::vector<uint32_t>& open;
  const std::vector<CutSession>& sessions;
  int64_t gap;
  Timestamp operator()(uint32_t key) const { return sessions[open[key]].last + gap - 1; }
  void Prefetch(uint32_t) const {}
};

// Places of the partition's columns among the GROUP BY columns.
std::vector<int> PartitionPlaces(const WindowAggregateSpec& spec) {
  std::vector<int> places;
  for (int column : spec.window.partition) {
    const auto key = std::find(spec.keys.begin(), spec.keys.end(), column);
    places.push_back(static_cast<int>(key - spec.keys.begin()));
  }
  return places;
}

// The layouts of the saved tables.
struct Layouts {
  SavedRows waiting, sessions;

  Layouts(const WindowAggregateSpec& spec, const arrow::FieldVector& aggregates)
      : waiting(Waiting(spec)), sessions(Sessions(spec, aggregates)) {}

  // The watermark passes most of these rows between two snapshots: all are written each time.
  static SavedRows Waiting(const WindowAggregateSpec& spec) {
    const std::vector<OwnColumn> own = {
        {"row_time", "The row's time.", true},
        {"row_watermark", "The watermark in ms before the row came."},
        {"row_kind", "0 +I, 1 -U, 2 +U, 3 -D."}};
    arrow::FieldVector input;
    if (spec.input != nullptr) {
      const auto count = static_cast<size_t>(spec.input->num_fields());
      input = KeyFields(*spec.input, count, "Column of the input.");
    }
    return SavedRows("waiting", "A row ahead of the watermark, in order of arrival within its key.",
                     input, own, {}, spec.window.partition, {});
  }
  // Groups of a partition share an id and are saved whole, so that none can add to an earlier one.
  static SavedRows Sessions(const WindowAggregateSpec& spec,
                            const arrow::FieldVector& aggregates) {
    const std::vector<OwnColumn> own = {
        {"start", "Time of the session's first row.", true},
        {"last", "Time of its last row.", true},
        {"session_rows", "Number of its rows."},
        {"rows", "Rows of the group: added less taken back."}};
    const std::vector<int> places = PartitionPlaces(spec);
    return SavedRows("sessions", "A group within the open session of its partition.",
                     KeyFields(*spec.output, spec.keys.size(), "Column of GROUP BY."), own,
                     WholeFields(aggregates), places, places);
  }
};

class OrderedSessionAggregate : public WindowedOperator, private SlotOwner {
 public:
  explicit OrderedSessionAggregate(WindowAggregateSpec spec)
      : WindowedOperator(std::move(spec)),
        gap_(spec_.window.size),
        waiting_(gap_ / 32),
        timers_(gap_ / 32),
        aggregates_(spec_.calls, spec_.retract),
        saved_(spec_, aggregates_.StateFields()) {}

  Status Open(const OperatorContext& context) override;
  Result<Progress> OnBatch(int input, const Batch& rows, Output& out) override;
  Status Save(StateWriter& writer) override;
  Status Load(const StateReader& reader) override;
  std::string Describe() const override {
    return "OrderedSessionAggregate " + spec_.window.ToString();
  }
  std::vector<StateBound> States() const override;

 protected:
  Result<bool> EmitChunk(Output& out) override;

 private:
  static constexpr int kLast = 1;  // own column of sessions

  Status SaveWaiting(StateWriter& writer) const;
  Status SaveSlots(std::span<const uint32_t> keys, SaveMode mode, StateWriter& writer) override;
  Status LoadSlots(const arrow::RecordBatch& rows, std::span<const uint32_t> keys) override;
  void ForgetSlots(std::span<const uint32_t> keys) override;
  Status LoadWaiting(const arrow::RecordBatch& rows);
  Status LoadSessions(const StateReader& reader);
  void Grow();
  Status FindPartitions(const arrow::RecordBatch& rows, const std::vector<int>& columns);
  Status FindGroups(const arrow::RecordBatch& rows, const std::vector<int>& columns,
                    const std::vector<int64_t>& sessions, std::vector<uint32_t>& slots);
  Status Advance();
  Result<bool> LoadDue();
  Status AddRows(const Batch& rows, const std::vector<Timestamp>& times);
  Status AddToGroups(const Batch& rows);
  int64_t SessionOf(uint32_t key, Timestamp time, Timestamp watermark);
  bool Ends(const CutSession& session, Timestamp time, Timestamp watermark) const;
  uint32_t OpenSession(uint32_t key, Timestamp time);
  void Close(uint32_t key);
  Status EmitGroups(const std::vector<uint32_t>& groups, const std::vector<Window>& windows,
                    Output& out);

  const int64_t gap_;
  WaitingRows waiting_;
  Timers timers_;  // by partition slot
  std::unique_ptr<KeyTable> partitions_, groups_;
  std::unique_ptr<SpilledTable> spilled_;  // null: all is in memory
  std::vector<uint32_t> open_;        // by partition slot: its session, or kNoSlot
  std::vector<CutSession> sessions_;  // by session number
  std::vector<uint32_t> free_sessions_;
  std::vector<uint32_t> next_group_;  // by group slot
  std::vector<int64_t> group_rows_;   // by group slot: added less taken back
  AggregateSet aggregates_;
  Layouts saved_;
  std::vector<uint32_t> closed_;  // sessions to be emitted, from emitted_ on
  size_t emitted_ = 0;
  std::vector<uint32_t> slots_, inserted_;  // scratch
  std::vector<int64_t> namespaces_;
};

Status OrderedSessionAggregate::Open(const OperatorContext& context) {
  MILL_RETURN(Operator::Open(context));
  for (int column : spec_.window.partition) {
    if (std::find(spec_.keys.begin(), spec_.keys.end(), column) == spec_.keys.end()) {
      return UserError("a session's PARTITION BY columns must be among the GROUP BY columns");
    }
  }
  const StateTable& table = saved_.sessions.table();
  MILL_ASSIGN(partitions_, KeyTable::Make(*table.schema, table.key_columns));
  MILL_ASSIGN(groups_, KeyTable::Make(*table.schema, saved_.sessions.key_places(), true));
  SpillOptions options;
  options.keys = table.key_columns;
  options.timer_column = OwnPlace(saved_.sessions, kLast);
  options.timer_add = gap_ - 1;
  return MakeSpilled(context, table, options, partitions_.get(), this).Value(&spilled_);
}

Result<Progress> OrderedSessionAggregate::OnBatch(int /*input*/, const Batch& rows, Output&) {
  now_ = std::max(now_, rows.arrival);
  const RowTimes times(spec_.window, watermark_, rows);
  const RowWatermarks watermarks(spec_.window.domain, watermark_, rows);
  std::vector<std::pair<Timestamp, int32_t>> kept;
  kept.reserve(static_cast<size_t>(rows.num_rows()));
  for (size_t i = 0; i < static_cast<size_t>(rows.num_rows()); ++i) {
    if (times.IsNull(i) || times[i] <= watermarks[i]) {
      CountLate(rows, i, watermarks[i]);
    } else {
      kept.emplace_back(times[i], static_cast<int32_t>(i));
    }
  }
  waiting_.Add(rows, kept);
  return Progress::kDone;
}

// Takes in what the watermark has passed, and lists the sessions that are over, earliest end first.
Status OrderedSessionAggregate::Advance() {
  closed_.clear();
  emitted_ = 0;
  // Rows at watermark + 1 may touch a session that ends there; those still to come are behind them.
  const Timestamp until = watermark_ == kMaxTimestamp ? watermark_ : watermark_ + 1;
  MILL_ASSIGN(WaitingRows::Sorted sorted, waiting_.TakeUntil(until));
  if (!sorted.times.empty()) MILL_RETURN(AddRows(sorted.rows, sorted.times));
  uint32_t key;
  const LastTimes real_time{open_, sessions_, gap_};
  while (timers_.PopDue(watermark_, real_time, &key)) {
    Close(key);
    partitions_->Erase(key);
  }
  std::stable_sort(closed_.begin(), closed_.end(), [this](uint32_t a, uint32_t b) {
    return sessions_[a].last < sessions_[b].last;
  });
  return Status::OK();
}

Status OrderedSessionAggregate::AddRows(const Batch& rows, const std::vector<Timestamp>& times) {
  MILL_RETURN(FindPartitions(*rows.rows, spec_.window.partition));
  for (uint32_t& row : inserted_) row = slots_[row];
  if (spilled_) MILL_RETURN(spilled_->Fetch(inserted_));
  namespaces_.resize(slots_.size());
  for (size_t i = 0; i < slots_.size(); ++i) {
    const Timestamp watermark = rows.arrival_watermark(static_cast<int64_t>(i));
    namespaces_[i] = SessionOf(slots_[i], times[i], watermark);
  }
  return AddToGroups(rows);
}

// Sets slots_ to the rows' partitions.
Status OrderedSessionAggregate::FindPartitions(const arrow::RecordBatch& rows,
                                               const std::vector<int>& columns) {
  inserted_.clear();
  MILL_RETURN(partitions_->FindOrInsert(rows, columns, nullptr, slots_, inserted_));
  Grow();
  return Status::OK();
}

void OrderedSessionAggregate::Grow() {
  open_.resize(partitions_->slot_count(), kNoSlot);
  timers_.Resize(partitions_->slot_count());
}

int64_t OrderedSessionAggregate::SessionOf(uint32_t key, Timestamp time, Timestamp watermark) {
  if (open_[key] != kNoSlot && Ends(sessions_[open_[key]], time, watermark)) Close(key);
  const uint32_t session = open_[key] != kNoSlot ? open_[key] : OpenSession(key, time);
  sessions_[session].last = time;
  ++sessions_[session].rows;
  return session;
}

// True if a row that came at `time` under `watermark` does not belong to the session any more.
bool OrderedSessionAggregate::Ends(const CutSession& session, Timestamp time,
                                   Timestamp watermark) const {
  const WindowSpec& window = spec_.window;
  return time - session.last > gap_ || session.last + gap_ - 1 <= watermark ||
         (window.max_events > 0 && session.rows >= window.max_events) ||
         (window.max_duration > 0 && time - session.start > window.max_duration);
}

uint32_t OrderedSessionAggregate::OpenSession(uint32_t key, Timestamp time) {
  uint32_t session = static_cast<uint32_t>(sessions_.size());
  if (free_sessions_.empty()) {
    sessions_.emplace_back();
  } else {
    session = free_sessions_.back();
    free_sessions_.pop_back();
  }
  sessions_[session] = {time, time, 0, key, kNoSlot};
  open_[key] = session;
  timers_.Set(key, time + gap_ - 1);
  return session;
}

void OrderedSessionAggregate::Close(uint32_t key) {
  timers_.Cancel(key);
  partitions_->ForgetSaved(key);
  closed_.push_back(open_[key]);
  open_[key] = kNoSlot;
}

Status OrderedSessionAggregate::AddToGroups(const Batch& rows) {
  MILL_RETURN(FindGroups(*rows.rows, spec_.keys, namespaces_, slots_));
  for (size_t i = 0; i < slots_.size(); ++i) {
    group_rows_[slots_[i]] += Adds(rows.kind(static_cast<int64_t>(i))) ? 1 : -1;
  }
  return aggregates_.Update(slots_, rows);
}

// Sets `slots` to the rows' groups in the sessions.
Status OrderedSessionAggregate::FindGroups(const arrow::RecordBatch& rows,
                                           const std::vector<int>& columns,
                                           const std::vector<int64_t>& sessions,
                                           std::vector<uint32_t>& slots) {
  std::vector<uint32_t> inserted;
  MILL_RETURN(groups_->FindOrInsert(rows, columns, sessions.data(), slots, inserted));
  next_group_.resize(groups_->slot_count(), kNoSlot);
  group_rows_.resize(groups_->slot_count(), 0);
  for (uint32_t row : inserted) {
    CutSession& session = sessions_[static_cast<size_t>(sessions[row])];
    next_group_[slots[row]] = session.first_group;
    session.first_group = slots[row];
  }
  aggregates_.Resize(groups_->slot_count());
  return Status::OK();
}

Result<bool> OrderedSessionAggregate::EmitChunk(Output& out) {
  if (emitted_ == closed_.size()) MILL_RETURN(Advance());
  if (closed_.empty()) return LoadDue();
  std::vector<uint32_t> groups;
  std::vector<Window> windows;
  for (; emitted_ < closed_.size() && groups.size() < kMaxResultRows; ++emitted_) {
    const CutSession& session = sessions_[closed_[emitted_]];
    for (uint32_t group = session.first_group; group != kNoSlot; group = next_group_[group]) {
      groups.push_back(group);
      windows.push_back({session.start, session.last + gap_});
    }
    free_sessions_.push_back(closed_[emitted_]);
  }
  MILL_RETURN(EmitGroups(groups, windows, out));
  for (uint32_t group : groups) {
    aggregates_.Reset(group);
    group_rows_[group] = 0;
    groups_->Erase(group);
  }
  return true;
}

// Nothing is due of what is in memory. True if something may be after this.
Result<bool> OrderedSessionAggregate::LoadDue() {
  if (!spilled_) return false;
  MILL_RETURN(spilled_->Trim());
  return spilled_->LoadDue(watermark_);
}

// Emits the groups that have rows.
Status OrderedSessionAggregate::EmitGroups(const std::vector<uint32_t>& groups,
                                           const std::vector<Window>& windows, Output& out) {
  std::vector<uint32_t> filled;
  std::vector<Window> filled_windows;
  for (size_t i = 0; i < groups.size(); ++i) {
    if (spec_.retract && group_rows_[groups[i]] <= 0) continue;
    filled.push_back(groups[i]);
    filled_windows.push_back(windows[i]);
  }
  if (filled.empty()) return Status::OK();
  MILL_ASSIGN(arrow::ArrayVector columns, groups_->KeyColumns(filled));
  MILL_RETURN(aggregates_.Finish(filled, columns));
  return EmitResults(std::move(columns), filled_windows, out);
}

Status OrderedSessionAggregate::Save(StateWriter& writer) {
  if (spec_.input == nullptr) {
    return Status::UnknownError(Describe(), " does not know its input's columns");
  }
  MILL_RETURN(SaveClock(writer));
  MILL_RETURN(SaveWaiting(writer));
  if (spilled_) return spilled_->Save(writer);
  MILL_ASSIGN(KeyChanges changes, partitions_->TakeChanges(writer.mode()));
  const StateTable& table = saved_.sessions.table();
  MILL_RETURN(WriteErased(writer, table, table.key_columns, changes));
  return SaveSlots(changes.slots, SaveMode::kFull, writer);
}

Status OrderedSessionAggregate::SaveWaiting(StateWriter& writer) const {
  MILL_RETURN(saved_.waiting.WriteNone(writer));
  return waiting_.ForEach([&](Batch rows, std::vector<Timestamp> times) {
    std::vector<std::vector<int64_t>> own(3);
    own[0] = std::move(times);
    for (int64_t i = 0; i < rows.num_rows(); ++i) {
      own[1].push_back(rows.arrival_watermark(i));
      own[2].push_back(static_cast<int64_t>(rows.kind(i)));
    }
    return saved_.waiting.Write(writer, rows.rows->columns(), std::move(own), {});
  });
}

Status OrderedSessionAggregate::SaveSlots(std::span<const uint32_t> keys, SaveMode mode,
                                          StateWriter& writer) {
  std::vector<uint32_t> all, sessions;
  for (uint32_t key : keys) {
    uint32_t group = sessions_[open_[key]].first_group;
    for (; group != kNoSlot; group = next_group_[group]) {
      all.push_back(group);
      sessions.push_back(open_[key]);
    }
  }
  size_t at = 0;
  return InPortions(all, [&](std::span<const uint32_t> slots) -> Status {
    std::vector<std::vector<int64_t>> own(4);
    for (uint32_t slot : slots) {
      const CutSession& session = sessions_[sessions[at++]];
      own[0].push_back(session.start);
      own[1].push_back(session.last);
      own[2].push_back(session.rows);
      own[3].push_back(group_rows_[slot]);
    }
    MILL_ASSIGN(arrow::ArrayVector columns, groups_->KeyColumns(slots));
    arrow::ArrayVector aggregates;
    MILL_RETURN(aggregates_.Save(slots, mode, aggregates));
    return saved_.sessions.Write(writer, std::move(columns), std::move(own),
                                 std::move(aggregates));
  });
}

Status OrderedSessionAggregate::Load(const StateReader& reader) {
  MILL_RETURN(LoadClock(reader));
  MILL_RETURN(LoadSessions(reader));
  MILL_ASSIGN(auto waiting, reader.Read(saved_.waiting.table()));
  for (const auto& rows : waiting) MILL_RETURN(LoadWaiting(*rows));
  return Status::OK();
}

Status OrderedSessionAggregate::LoadSessions(const StateReader& reader) {
  if (spilled_) return spilled_->Load(reader);
  MILL_ASSIGN(auto sessions, reader.Read(saved_.sessions.table()));
  for (const auto& rows : sessions) {
    MILL_RETURN(FindPartitions(*rows, saved_.sessions.table().key_columns));
    const std::vector<uint32_t> keys = slots_;
    MILL_RETURN(LoadSlots(*rows, keys));
  }
  return Status::OK();
}

Status OrderedSessionAggregate::LoadSlots(const arrow::RecordBatch& rows,
                                          std::span<const uint32_t> keys) {
  Grow();
  std::vector<int64_t> of_rows;
  for (size_t i = 0; i < keys.size(); ++i) {
    const uint32_t key = keys[i];
    if (open_[key] == kNoSlot) OpenSession(key, saved_.sessions.Own(rows, 0)[i]);
    CutSession& session = sessions_[open_[key]];
    session.last = saved_.sessions.Own(rows, kLast)[i];
    session.rows = saved_.sessions.Own(rows, 2)[i];
    of_rows.push_back(open_[key]);
  }
  std::vector<uint32_t> slots;
  MILL_RETURN(FindGroups(rows, saved_.sessions.key_places(), of_rows, slots));
  for (size_t i = 0; i < slots.size(); ++i) {
    group_rows_[slots[i]] = saved_.sessions.Own(rows, 3)[i];
  }
  return aggregates_.Load(slots, saved_.sessions.Aggregates(rows));
}

void OrderedSessionAggregate::ForgetSlots(std::span<const uint32_t> keys) {
  for (uint32_t key : keys) {
    for (uint32_t group = sessions_[open_[key]].first_group; group != kNoSlot;) {
      const uint32_t next = next_group_[group];
      aggregates_.Reset(group);
      group_rows_[group] = 0;
      groups_->Erase(group);
      group = next;
    }
    free_sessions_.push_back(open_[key]);
    open_[key] = kNoSlot;
    timers_.Cancel(key);
  }
}

Status OrderedSessionAggregate::LoadWaiting(const arrow::RecordBatch& rows) {
  const auto times = saved_.waiting.Own(rows, 0);
  const auto watermarks = saved_.waiting.Own(rows, 1);
  auto kinds = std::make_shared<std::vector<RowKind>>();
  std::vector<std::pair<Timestamp, int32_t>> kept;
  for (size_t i = 0; i < times.size(); ++i) {
    kept.emplace_back(times[i], static_cast<int32_t>(i));
    kinds->push_back(static_cast<RowKind>(saved_.waiting.Own(rows, 2)[i]));
  }
  Batch batch;
  const arrow::ArrayVector columns = rows.columns();
  batch.rows = arrow::RecordBatch::Make(
      spec_.input, rows.num_rows(),
      arrow::ArrayVector(columns.begin(), columns.begin() + spec_.input->num_fields()));
  batch.kinds = std::move(kinds);
  batch.arrival_watermarks =
      std::make_shared<std::vector<Timestamp>>(watermarks.begin(), watermarks.end());
  waiting_.Add(batch, kept);
  return Status::OK();
}

std::vector<StateBound> OrderedSessionAggregate::States() const {
  const std::string gap = ClockBound(DurationText(gap_));
  return {{"waiting", saved_.waiting.table().doc, "rows ahead of the watermark"},
          {"sessions", saved_.sessions.table().doc, gap,
           CanSpill(saved_.sessions.table(), saved_.sessions.table().key_columns)}};
}

}  // namespace

std::unique_ptr<Operator> MakeOrderedSessionAggregate(WindowAggregateSpec spec) {
  return std::make_unique<OrderedSessionAggregate>(std::move(spec));
}

}  // namespace millrace
