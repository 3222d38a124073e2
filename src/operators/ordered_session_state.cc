// What an OrderedSessionAggregate saves, and what is on disk. See ordered_session_aggregate.h.
#include <arrow/record_batch.h>

#include <algorithm>

#include "operators/ordered_session_aggregate.h"

namespace millrace {
namespace {

// Places of the partition's columns among the GROUP BY columns.
std::vector<int> PartitionPlaces(const WindowAggregateSpec& spec) {
  std::vector<int> places;
  for (int column : spec.window.partition) {
    const auto key = std::find(spec.keys.begin(), spec.keys.end(), column);
    places.push_back(static_cast<int>(key - spec.keys.begin()));
  }
  return places;
}

// The watermark passes most of these rows between two snapshots: all are written each time.
SavedRows WaitingLayout(const WindowAggregateSpec& spec) {
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
SavedRows SessionsLayout(const WindowAggregateSpec& spec, const arrow::FieldVector& aggregates) {
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

}  // namespace

CutSessionLayouts::CutSessionLayouts(const WindowAggregateSpec& spec,
                                     const arrow::FieldVector& aggregates)
    : waiting(WaitingLayout(spec)), sessions(SessionsLayout(spec, aggregates)) {}

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
    session.last = saved_.sessions.Own(rows, 1)[i];
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

}  // namespace millrace
