// Rows into sessions, and sessions that end. See ordered_session_aggregate.h.
#include "operators/ordered_session_aggregate.h"

#include <algorithm>

namespace millrace {
namespace {

// When the open sessions of partitions end by now, for the timers.
struct LastTimes {
  const std::vector<uint32_t>& open;
  const std::vector<CutSession>& sessions;
  int64_t gap;
  Timestamp operator()(uint32_t key) const { return sessions[open[key]].last + gap - 1; }
  void Prefetch(uint32_t) const {}
};

}  // namespace

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
  options.clocks = 1;
  options.ends_all = true;
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
  if (spilled_) MILL_RETURN(spilled_->DeleteMany());
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

std::unique_ptr<Operator> MakeOrderedSessionAggregate(WindowAggregateSpec spec) {
  return std::make_unique<OrderedSessionAggregate>(std::move(spec));
}

}  // namespace millrace
