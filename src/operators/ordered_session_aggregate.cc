// SESSION windows with caps (MAX_DURATION, MAX_EVENTS), or grouped by more than their partition.
// Where a session is cut depends on the order of its rows, so rows wait until the watermark passes
// them, and are then taken in the order (time, arrival):
//
//   rows -> waiting (by time) -> watermark -> sorted -> session of the partition -> group within it
//
// A row of a partition starts a new session after the gap, when the session is full, or when it
// would grow too long. A row at or behind the watermark under which it comes is late: what lies
// there is cut. So even sessions that never pause are emitted and forgotten, and only rows ahead of
// the watermark wait.
#include <arrow/record_batch.h>

#include <algorithm>
#include <numeric>

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

std::vector<int> FirstPlaces(size_t count) {
  std::vector<int> places;
  for (size_t i = 0; i < count; ++i) places.push_back(static_cast<int>(i));
  return places;
}

// The layouts of the saved tables.
struct Layouts {
  SavedRows waiting, sessions, groups;

  Layouts(const WindowAggregateSpec& spec, const arrow::FieldVector& aggregates)
      : waiting(Waiting(spec)), sessions(Sessions(spec)), groups(Groups(spec, aggregates)) {}

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
  static SavedRows Sessions(const WindowAggregateSpec& spec) {
    const std::vector<OwnColumn> own = {{"start", "Time of the session's first row.", true},
                                        {"last", "Time of its last row.", true},
                                        {"rows", "Number of its rows."}};
    arrow::FieldVector fields;
    for (int place : PartitionPlaces(spec)) {
      const auto& field = spec.output->field(place);
      fields.push_back(StateField(field->name(), field->type(), "Column of PARTITION BY."));
    }
    const std::vector<int> places = FirstPlaces(fields.size());
    return SavedRows("sessions", "The open session of a partition.", fields, own, {}, places,
                     places);
  }
  static SavedRows Groups(const WindowAggregateSpec& spec, const arrow::FieldVector& aggregates) {
    return SavedRows("groups", "A group within the open session of its partition.",
                     KeyFields(*spec.output, spec.keys.size(), "Column of GROUP BY."),
                     {{"rows", "Rows of the group: added less taken back."}}, aggregates,
                     PartitionPlaces(spec), FirstPlaces(spec.keys.size()));
  }
};

class OrderedSessionAggregate : public WindowedOperator {
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
  Status SaveWaiting(StateWriter& writer) const;
  Status SaveSessions(StateWriter& writer);
  Status SaveGroups(StateWriter& writer);
  Status LoadWaiting(const arrow::RecordBatch& rows);
  Status LoadSessions(const arrow::RecordBatch& rows);
  Status LoadGroups(const arrow::RecordBatch& rows);
  Status FindPartitions(const arrow::RecordBatch& rows, const std::vector<int>& columns);
  Status FindGroups(const arrow::RecordBatch& rows, const std::vector<int>& columns);
  Status Advance();
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
  std::vector<int> keys(spec_.keys.size()), partition;  // places in the output
  std::iota(keys.begin(), keys.end(), 0);
  for (int column : spec_.window.partition) {
    const auto key = std::find(spec_.keys.begin(), spec_.keys.end(), column);
    if (key == spec_.keys.end()) {
      return UserError("a session's PARTITION BY columns must be among the GROUP BY columns");
    }
    partition.push_back(static_cast<int>(key - spec_.keys.begin()));
  }
  MILL_ASSIGN(partitions_, KeyTable::Make(*spec_.output, partition));
  return KeyTable::Make(*spec_.output, keys, true).Value(&groups_);
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
  open_.resize(partitions_->slot_count(), kNoSlot);
  timers_.Resize(partitions_->slot_count());
  return Status::OK();
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
  MILL_RETURN(FindGroups(*rows.rows, spec_.keys));
  for (size_t i = 0; i < slots_.size(); ++i) {
    group_rows_[slots_[i]] += Adds(rows.kind(static_cast<int64_t>(i))) ? 1 : -1;
  }
  return aggregates_.Update(slots_, rows);
}

// Sets slots_ to the rows' groups in the sessions namespaces_.
Status OrderedSessionAggregate::FindGroups(const arrow::RecordBatch& rows,
                                           const std::vector<int>& columns) {
  inserted_.clear();
  MILL_RETURN(groups_->FindOrInsert(rows, columns, namespaces_.data(), slots_, inserted_));
  next_group_.resize(groups_->slot_count(), kNoSlot);
  group_rows_.resize(groups_->slot_count(), 0);
  for (uint32_t row : inserted_) {
    CutSession& session = sessions_[static_cast<size_t>(namespaces_[row])];
    next_group_[slots_[row]] = session.first_group;
    session.first_group = slots_[row];
  }
  aggregates_.Resize(groups_->slot_count());
  return Status::OK();
}

Result<bool> OrderedSessionAggregate::EmitChunk(Output& out) {
  if (emitted_ == closed_.size()) MILL_RETURN(Advance());
  if (closed_.empty()) return false;
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
  MILL_RETURN(SaveSessions(writer));
  return SaveGroups(writer);
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

// The end of a saved session is also that of its groups.
Status OrderedSessionAggregate::SaveSessions(StateWriter& writer) {
  MILL_ASSIGN(const KeyChanges changes, partitions_->TakeChanges(writer.mode()));
  MILL_RETURN(saved_.sessions.Erase(writer, changes.erased, changes.erased_count));
  MILL_RETURN(saved_.groups.Erase(writer, saved_.groups.table().key_columns, changes.erased,
                                  changes.erased_count));
  return InPortions(changes.slots, [&](std::span<const uint32_t> keys) -> Status {
    std::vector<std::vector<int64_t>> own(3);
    for (uint32_t key : keys) {
      const CutSession& session = sessions_[open_[key]];
      own[0].push_back(session.start);
      own[1].push_back(session.last);
      own[2].push_back(session.rows);
    }
    MILL_ASSIGN(arrow::ArrayVector columns, partitions_->KeyColumns(keys));
    return saved_.sessions.Write(writer, std::move(columns), std::move(own), {});
  });
}

Status OrderedSessionAggregate::SaveGroups(StateWriter& writer) {
  MILL_ASSIGN(const KeyChanges changes, groups_->TakeChanges(writer.mode()));
  return InPortions(changes.slots, [&](std::span<const uint32_t> slots) -> Status {
    std::vector<std::vector<int64_t>> own(1);
    for (uint32_t slot : slots) own[0].push_back(group_rows_[slot]);
    MILL_ASSIGN(arrow::ArrayVector keys, groups_->KeyColumns(slots));
    arrow::ArrayVector aggregates;
    MILL_RETURN(aggregates_.Save(slots, writer.mode(), aggregates));
    return saved_.groups.Write(writer, std::move(keys), std::move(own), std::move(aggregates));
  });
}

Status OrderedSessionAggregate::Load(const StateReader& reader) {
  MILL_RETURN(LoadClock(reader));
  MILL_ASSIGN(auto sessions, reader.Read(saved_.sessions.table()));
  for (const auto& rows : sessions) MILL_RETURN(LoadSessions(*rows));
  MILL_ASSIGN(auto groups, reader.Read(saved_.groups.table()));
  for (const auto& rows : groups) MILL_RETURN(LoadGroups(*rows));
  MILL_ASSIGN(auto waiting, reader.Read(saved_.waiting.table()));
  for (const auto& rows : waiting) MILL_RETURN(LoadWaiting(*rows));
  return Status::OK();
}

Status OrderedSessionAggregate::LoadSessions(const arrow::RecordBatch& rows) {
  MILL_RETURN(FindPartitions(rows, saved_.sessions.key_places()));
  MILL_RETURN(saved_.sessions.CheckNew(rows, inserted_));
  for (size_t i = 0; i < slots_.size(); ++i) {
    CutSession& session = sessions_[OpenSession(slots_[i], saved_.sessions.Own(rows, 0)[i])];
    session.last = saved_.sessions.Own(rows, 1)[i];
    session.rows = saved_.sessions.Own(rows, 2)[i];
  }
  return Status::OK();
}

Status OrderedSessionAggregate::LoadGroups(const arrow::RecordBatch& rows) {
  MILL_RETURN(FindPartitions(rows, saved_.groups.table().key_columns));
  if (!inserted_.empty()) {
    return ExternalError("saved state of {}: a group has no open session", Describe());
  }
  namespaces_.assign(slots_.size(), 0);
  for (size_t i = 0; i < slots_.size(); ++i) namespaces_[i] = open_[slots_[i]];
  MILL_RETURN(FindGroups(rows, saved_.groups.key_places()));
  MILL_RETURN(saved_.groups.CheckNew(rows, inserted_));
  for (size_t i = 0; i < slots_.size(); ++i) {
    group_rows_[slots_[i]] = saved_.groups.Own(rows, 0)[i];
  }
  return aggregates_.Load(slots_, saved_.groups.Aggregates(rows));
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
          {"sessions", saved_.sessions.table().doc, gap},
          {"groups", saved_.groups.table().doc, gap}};
}

}  // namespace

std::unique_ptr<Operator> MakeOrderedSessionAggregate(WindowAggregateSpec spec) {
  return std::make_unique<OrderedSessionAggregate>(std::move(spec));
}

}  // namespace millrace
