// Rows into windows, and windows' firings.
#include "operators/firing_window_aggregate.h"

#include "operators/row_differences.h"

namespace millrace {

// ---- rows ----

Result<Progress> FiringWindowAggregate::OnBatch(int /*input*/, const Batch& rows, Output& out) {
  now_ = std::max(now_, rows.arrival);
  inserted_.clear();
  MILL_RETURN(keys_->FindOrInsert(*rows.rows, spec_.keys, nullptr, key_slots_, inserted_));
  for (uint32_t& row : inserted_) row = key_slots_[row];
  windows_.ResizeKeys(keys_->slot_count());
  if (spilled_) MILL_RETURN(spilled_->Fetch(inserted_));
  FindWindows(rows);
  for (const auto& pass : targets_) MILL_RETURN(windows_.aggregates().Update(pass, rows));
  ApplyMerges();
  DropUnusedKeys();
  return Drain(out);
}

Result<Progress> FiringWindowAggregate::OnWatermark(TimeDomain domain, Timestamp time,
                                                    Output& out) {
  if (domain == TimeDomain::kProcessing && time != kMaxTimestamp) {
    ticked_ = std::max(ticked_, time);
  }
  MILL_ASSIGN(const Progress progress, WindowedOperator::OnWatermark(domain, time, out));
  return domain == spec_.window.domain ? progress : Drain(out);
}

void FiringWindowAggregate::FindWindows(const Batch& rows) {
  const RowTimes times(spec_.window, watermark_, rows);
  const RowWatermarks watermarks(spec_.window.domain, watermark_, rows);
  targets_.clear();
  for (size_t i = 0; i < key_slots_.size(); ++i) {
    const Timestamp time = times.IsNull(i) ? kMinTimestamp : times[i];
    if (times.IsNull(i) || !PlaceRow(rows, i, time, watermarks[i])) {
      CountLate(rows, i, watermarks[i]);
    }
  }
}

// False: the row's windows are all closed for it.
bool FiringWindowAggregate::PlaceRow(const Batch& rows, size_t row, Timestamp time,
                                     Timestamp watermark) {
  const RowKind kind = rows.kind(static_cast<int64_t>(row));
  if (session_) {
    const uint32_t slot = FindSession(key_slots_[row], time, watermark);
    if (slot != kNoSlot) Place(row, 0, slot, kind);
    return slot != kNoSlot;
  }
  assigned_.clear();
  if (attached_) {
    const arrow::Array& starts = *rows.rows->column(spec_.window.start_column);
    const arrow::Array& ends = *rows.rows->column(spec_.window.end_column);
    const auto at = static_cast<int64_t>(row);
    if (starts.IsNull(at) || ends.IsNull(at)) return false;
    assigned_.push_back({starts.data()->GetValues<Timestamp>(1)[row],
                         ends.data()->GetValues<Timestamp>(1)[row]});
  } else {
    AssignWindows(spec_.window, time, assigned_);
  }
  if (assigned_.empty()) return true;  // between the windows of a HOP
  size_t pass = 0;
  for (const Window& window : assigned_) {
    if (!TakesRows(window, watermark)) continue;
    Place(row, pass++, OpenWindow(key_slots_[row], window), kind);
  }
  return pass > 0;
}

void FiringWindowAggregate::Place(size_t row, size_t pass, uint32_t slot, RowKind kind) {
  if (pass >= targets_.size()) {
    targets_.emplace_back(key_slots_.size(), kNoSlot);
  }
  targets_[pass][row] = slot;
  windows_[slot].rows += Adds(kind) ? 1 : -1;
  windows_.KeepShown(slot);
  Schedule(slot);
}

// The key's window of these bounds, which may be late but is not closed.
uint32_t FiringWindowAggregate::OpenWindow(uint32_t key, const Window& window) {
  bool is_new = false;
  const uint32_t slot = windows_.FindOrOpen(key, window, &is_new);
  if (!is_new) return slot;
  windows_[slot].closed = window.max_timestamp() <= watermark_;
  windows_.SetTimer(slot);
  return slot;
}

// Joins the row to the first session that takes it, and all others to that one. kNoSlot: the row is
// late.
uint32_t FiringWindowAggregate::FindSession(uint32_t key, Timestamp time, Timestamp watermark) {
  const Window own{time, time + spec_.window.size};
  uint32_t joined = kNoSlot;
  for (size_t i = 0; i < windows_.OfKey(key).size();) {
    const uint32_t slot = windows_.OfKey(key)[i];
    const Window& window = windows_[slot].window;
    const bool joins = own.end >= window.start && time <= window.end &&
                       TakesRows(window, watermark);
    if (joins && joined != kNoSlot) {
      Absorb(joined, slot);
      continue;
    }
    if (joins) joined = slot;
    ++i;
  }
  if (joined == kNoSlot) {
    return TakesRows(own, watermark) ? OpenWindow(key, own) : kNoSlot;
  }
  Extend(joined, own);
  return joined;
}

// The list stays in order: no session but those absorbed starts between the two starts.
void FiringWindowAggregate::Extend(uint32_t slot, const Window& window) {
  FiringWindow& w = windows_[slot];
  w.window.start = std::min(w.window.start, window.start);
  w.window.end = std::max(w.window.end, window.end);
  if (!w.closed || w.window.max_timestamp() <= watermark_) return;
  w.closed = false;
  windows_.CancelFiring(slot);
  windows_.SetTimer(slot);
  if (!spec_.emit.early && w.shown != kNoSlot) taken_back_.push_back(windows_.TakeShown(slot));
}

// The accumulators follow after the batch, for rows of it may still be on their way to them.
void FiringWindowAggregate::Absorb(uint32_t into, uint32_t from) {
  windows_.KeepShown(into);
  windows_[into].rows += windows_[from].rows;
  if (windows_[from].shown != kNoSlot) {
    const TakenBack shown = windows_.TakeShown(from);
    if (windows_[into].shown == kNoSlot) {
      windows_[into].shown = shown.shown;
      windows_[into].shown_window = shown.window;
    } else {
      taken_back_.push_back(shown);
      FireAtOnce(into);
    }
  }
  Extend(into, windows_[from].window);
  if (!windows_[into].closed && !spec_.emit.early && windows_[into].shown != kNoSlot) {
    taken_back_.push_back(windows_.TakeShown(into));
  }
  windows_.Unlist(from);
  merges_.push_back({into, from});
}

void FiringWindowAggregate::FireAtOnce(uint32_t slot) {
  windows_.CancelFiring(slot);
  windows_[slot].due = kAtOnce;
  pending_.push_back(slot);
}

// Decides when the changed window fires next.
void FiringWindowAggregate::Schedule(uint32_t slot) {
  FiringWindow& w = windows_[slot];
  if (w.due != kMinTimestamp || (!w.closed && !spec_.emit.early)) return;
  const int64_t delay = w.closed ? spec_.emit.late_delay : spec_.emit.early_delay;
  if (delay == 0) return FireAtOnce(slot);
  windows_.SetFiring(slot, NextTick(delay));
}

void FiringWindowAggregate::ApplyMerges() {
  for (const Merge& merge : merges_) {
    windows_.aggregates().Merge(merge.into, merge.from);
    windows_.Free(merge.from);
  }
  merges_.clear();
}

// A late row's key has no window.
void FiringWindowAggregate::DropUnusedKeys() {
  for (uint32_t key : inserted_) {
    if (windows_.OfKey(key).empty()) keys_->Erase(key);
  }
}

// ---- firings ----

Result<bool> FiringWindowAggregate::EmitChunk(Output& out) {
  CollectFirings();
  if (firing_.empty() && closing_.empty() && taken_back_.empty()) return LoadDue();
  MILL_ASSIGN(const std::vector<bool> changed, FindChanged());
  const std::vector<Change> changes = ListChanges(changed);
  if (!changes.empty()) MILL_RETURN(EmitChanges(changes, out));
  Settle();
  return true;
}

// One source at a time, so that no window is in a chunk twice.
void FiringWindowAggregate::CollectFirings() {
  while (!pending_.empty() && firing_.size() < kMaxResultRows) {
    const uint32_t slot = pending_.back();
    pending_.pop_back();
    if (windows_[slot].due != kAtOnce) continue;
    windows_[slot].due = kMinTimestamp;
    firing_.push_back(slot);
  }
  if (firing_.empty()) TakeFiring();
  if (firing_.empty()) TakeClosed();
}

// Those whose processing time has come.
void FiringWindowAggregate::TakeFiring() {
  uint32_t slot;
  while (firing_.size() < kMaxResultRows && windows_.PopFiring(ticked_, &slot)) {
    windows_.CancelFiring(slot);
    firing_.push_back(slot);
  }
}

// The windows whose end the watermark has passed, and those whose lateness is over.
void FiringWindowAggregate::TakeClosed() {
  uint32_t slot;
  while (std::max(firing_.size(), closing_.size()) < kMaxResultRows &&
         windows_.PopDue(watermark_, &slot)) {
    FiringWindow& w = windows_[slot];
    if (!w.closed || w.due != kMinTimestamp) firing_.push_back(slot);
    windows_.CancelFiring(slot);
    if (!w.closed && lateness_ > 0) {
      w.closed = true;
      windows_.SetTimer(slot);
    } else {
      closing_.push_back(slot);
    }
  }
}

// Nothing is due of what is in memory. True if something may be after this.
Result<bool> FiringWindowAggregate::LoadDue() {
  if (!spilled_) return false;
  MILL_RETURN(spilled_->Trim());
  MILL_ASSIGN(const bool more, spilled_->LoadDue(watermark_, kWatermark));
  if (more) return true;
  return spilled_->LoadDue(ticked_, kProcessingTime);
}

// By position in firing_: what was shown differs from the result.
Result<std::vector<bool>> FiringWindowAggregate::FindChanged() const {
  std::vector<uint32_t> slots, shown;
  std::vector<size_t> at;
  std::vector<int64_t> rows, others;
  for (size_t i = 0; i < firing_.size(); ++i) {
    const FiringWindow& w = windows_[firing_[i]];
    if (w.shown == kNoSlot || w.shown == firing_[i]) continue;
    at.push_back(i);
    slots.push_back(firing_[i]);
    shown.push_back(w.shown);
  }
  std::vector<bool> changed(firing_.size(), false);
  if (at.empty()) return changed;
  const auto count = static_cast<int64_t>(at.size());
  for (int64_t i = 0; i < count; ++i) {
    rows.push_back(i);
    others.push_back(count + i);
  }
  slots.insert(slots.end(), shown.begin(), shown.end());
  arrow::ArrayVector values;
  MILL_RETURN(windows_.aggregates().Finish(slots, values));
  std::vector<bool> differ(at.size(), false);
  for (const auto& column : values) MarkDifferences(*column, rows, others, differ);
  for (size_t i = 0; i < at.size(); ++i) {
    const FiringWindow& w = windows_[firing_[at[i]]];
    changed[at[i]] = differ[i] || !(w.window == w.shown_window) || !Filled(w);
  }
  return changed;
}

// A result that moves to other bounds is another row of the output.
std::vector<FiringWindowAggregate::Change> FiringWindowAggregate::ListChanges(
    const std::vector<bool>& changed) const {
  std::vector<Change> changes;
  for (const TakenBack& gone : taken_back_) {
    changes.push_back({gone.shown, gone.key, gone.window, RowKind::kDelete});
  }
  for (size_t i = 0; i < firing_.size(); ++i) {
    const uint32_t slot = firing_[i];
    const FiringWindow& w = windows_[slot];
    const bool was_shown = w.shown != kNoSlot;
    if (was_shown && !changed[i]) continue;
    const bool update = was_shown && Filled(w) && w.window == w.shown_window;
    if (was_shown) {
      const RowKind kind = update ? RowKind::kUpdateBefore : RowKind::kDelete;
      changes.push_back({w.shown, w.key, w.shown_window, kind});
    }
    if (!Filled(w)) continue;
    const RowKind kind = update ? RowKind::kUpdateAfter : RowKind::kInsert;
    changes.push_back({slot, w.key, w.window, kind});
  }
  return changes;
}

Status FiringWindowAggregate::EmitChanges(const std::vector<Change>& changes, Output& out) {
  std::vector<uint32_t> slots, keys;
  std::vector<Window> windows;
  auto kinds = std::make_shared<std::vector<RowKind>>();
  bool inserts_only = true;
  for (const Change& change : changes) {
    slots.push_back(change.slot);
    keys.push_back(change.key);
    windows.push_back(change.window);
    kinds->push_back(change.kind);
    inserts_only = inserts_only && change.kind == RowKind::kInsert;
  }
  MILL_ASSIGN(arrow::ArrayVector columns, keys_->KeyColumns(keys));
  MILL_RETURN(windows_.aggregates().Finish(slots, columns));
  MILL_ASSIGN(Batch results, WindowResults(spec_.output, std::move(columns), windows));
  if (!inserts_only) results.kinds = std::move(kinds);
  results.arrival = now_;
  return out.Emit(std::move(results));
}

// Notes what is shown now, and forgets the windows that are done with.
void FiringWindowAggregate::Settle() {
  for (const TakenBack& gone : taken_back_) windows_.Free(gone.shown);
  taken_back_.clear();
  for (uint32_t slot : firing_) {
    windows_.ForgetShown(slot);
    FiringWindow& w = windows_[slot];
    keys_->Touch(w.key);
    if (!Filled(w)) continue;
    w.shown = slot;
    w.shown_window = w.window;
  }
  for (uint32_t slot : closing_) {
    const uint32_t key = windows_[slot].key;
    keys_->Touch(key);
    windows_.Forget(slot);
    if (windows_.OfKey(key).empty()) keys_->Erase(key);
  }
  firing_.clear();
  closing_.clear();
}

std::unique_ptr<Operator> MakeFiringWindowAggregate(WindowAggregateSpec spec) {
  return std::make_unique<FiringWindowAggregate>(std::move(spec));
}

}  // namespace millrace
