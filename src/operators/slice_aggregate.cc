// Rows into slices, and windows that close. See slice_aggregate.h.
#include "operators/slice_aggregate.h"

namespace millrace {

Result<Progress> SliceAggregate::OnBatch(int /*input*/, const Batch& rows, Output&) {
  now_ = std::max(now_, rows.arrival);
  const bool all_kept = attached_ ? FindAttached(rows) : FindSlices(rows);
  if (all_kept) {
    MILL_RETURN(AddRows(rows));
  } else {
    MILL_ASSIGN(Batch kept, TakeKept(rows));
    MILL_RETURN(AddRows(kept));
  }
  return Progress::kDone;
}

// Sets numbers_; false if some row belongs to no open window.
bool SliceAggregate::FindSlices(const Batch& rows) {
  const RowTimes times(spec_.window, watermark_, rows);
  const RowWatermarks watermarks(spec_.window.domain, watermark_, rows);
  const auto count = static_cast<size_t>(rows.num_rows());
  numbers_.resize(count);
  Recent current;
  bool all_kept = true;
  for (size_t i = 0; i < count; ++i) {
    const Timestamp time = times[i];
    const Timestamp watermark = watermarks[i];
    const auto distance = static_cast<uint64_t>(time) - static_cast<uint64_t>(current.start);
    if (distance < static_cast<uint64_t>(slice_size_) && current.first_end != kMinTimestamp &&
        current.first_end - 1 > watermark && !times.IsNull(i)) {
      numbers_[i] = current.number;
      continue;
    }
    numbers_[i] = times.IsNull(i) ? kLate : SliceOf(time, watermark);
    all_kept = all_kept && numbers_[i] >= 0;
    if (numbers_[i] >= 0)
      current = RecentSlice(AlignedStart(time, slice_size_, spec_.window.offset));
  }
  return all_kept || DropLate(rows, watermarks);
}

bool SliceAggregate::FindAttached(const Batch& rows) {
  const RowWatermarks watermarks(spec_.window.domain, watermark_, rows);
  const arrow::Array& start_column = *rows.rows->column(spec_.window.start_column);
  const arrow::Array& end_column = *rows.rows->column(spec_.window.end_column);
  const auto* starts = start_column.data()->GetValues<Timestamp>(1);
  const auto* ends = end_column.data()->GetValues<Timestamp>(1);
  const auto count = static_cast<size_t>(rows.num_rows());
  numbers_.resize(count);
  Window last{0, kMinTimestamp};
  bool all_kept = true;
  for (size_t i = 0; i < count; ++i) {
    const Window window{starts[i], ends[i]};
    const auto row = static_cast<int64_t>(i);
    const bool null = start_column.IsNull(row) || end_column.IsNull(row);
    if (!null && i > 0 && window == last && watermarks.constant()) {
      numbers_[i] = numbers_[i - 1];
      continue;
    }
    numbers_[i] = null ? kLate : AttachedSlice(window, watermarks[i]);
    all_kept = all_kept && numbers_[i] >= 0;
    last = null ? Window{0, kMinTimestamp} : window;
  }
  return all_kept || DropLate(rows, watermarks);
}

bool SliceAggregate::DropLate(const Batch& rows, const RowWatermarks& watermarks) {
  for (size_t i = 0; i < numbers_.size(); ++i) {
    if (numbers_[i] == kLate) CountLate(rows, i, watermarks[i]);
  }
  return false;
}

int64_t SliceAggregate::SliceOf(Timestamp time, Timestamp watermark) {
  const Timestamp start = AlignedStart(time, slice_size_, spec_.window.offset);
  Recent& recent = RecentSlice(start);
  if (recent.first_end != kMinTimestamp && recent.start == start &&
      recent.first_end - 1 > watermark) {
    return recent.number;
  }
  return LocateSlice(start, watermark);
}

// All rows of a slice have the same windows; `watermark` decides which of them are still open.
int64_t SliceAggregate::LocateSlice(Timestamp start, Timestamp watermark) {
  windows_.clear();
  AssignWindows(spec_.window, start, windows_);
  if (windows_.empty()) return kNoWindow;
  const auto open = std::find_if(windows_.begin(), windows_.end(),
                                 [=](const Window& w) { return w.end - 1 > watermark; });
  if (open == windows_.end()) return kLate;
  const bool whole = open == windows_.begin();
  windows_.erase(windows_.begin(), open);
  const Timestamp first_end = windows_.front().end;
  const int64_t number = slices_.Make({start, first_end}, windows_);
  RecentSlice(start) = {start, whole ? first_end : kMinTimestamp, number};
  return number;
}

int64_t SliceAggregate::AttachedSlice(const Window& window, Timestamp watermark) {
  if (window.end - 1 <= watermark) return kLate;
  windows_.assign(1, window);
  return slices_.Make({window.start, window.end}, windows_);
}

Result<Batch> SliceAggregate::TakeKept(const Batch& rows) {
  std::vector<int32_t> kept;
  for (size_t i = 0; i < numbers_.size(); ++i) {
    if (numbers_[i] < 0) continue;
    numbers_[kept.size()] = numbers_[i];
    kept.push_back(static_cast<int32_t>(i));
  }
  numbers_.resize(kept.size());
  return rows.Take(kept);
}

Status SliceAggregate::AddRows(const Batch& rows) {
  if (rows.num_rows() == 0) return Status::OK();
  inserted_.clear();
  MILL_RETURN(keys_->FindOrInsert(*rows.rows, spec_.keys, numbers_.data(), slots_, inserted_));
  Grow();
  if (spilled_) {
    MILL_RETURN(FetchCold());
  } else {
    for (uint32_t row : inserted_) slices_.At(numbers_[row]).slots.push_back(slots_[row]);
  }
  if (spec_.retract) {
    for (size_t i = 0; i < slots_.size(); ++i) {
      rows_[slots_[i]] += Adds(rows.kind(static_cast<int64_t>(i))) ? 1 : -1;
    }
  }
  MILL_RETURN(aggregates_.Update(slots_, rows));
  return spilled_ ? spilled_->Trim() : Status::OK();
}

void SliceAggregate::Grow() {
  aggregates_.Resize(keys_->slot_count());
  if (spec_.retract) rows_.resize(keys_->slot_count(), 0);
}

Result<bool> SliceAggregate::EmitChunk(Output& out) {
  if (scan_) {
    MILL_RETURN(EmitCold(out));
    return true;
  }
  std::vector<uint32_t> done, filled;
  std::vector<Window> windows;
  while (done.size() < kMaxResultRows) {
    if (emitted_ == closing_slots_.size() && !StartNextWindow()) break;
    if (scan_) break;
    for (; emitted_ < closing_slots_.size() && done.size() < kMaxResultRows; ++emitted_) {
      const uint32_t slot = closing_slots_[emitted_];
      done.push_back(slot);
      if (spec_.retract && rows_[slot] <= 0) continue;
      filled.push_back(slot);
      windows.push_back(closing_);
    }
  }
  if (!filled.empty()) {
    MILL_ASSIGN(arrow::ArrayVector columns, keys_->KeyColumns(filled));
    MILL_RETURN(aggregates_.Finish(filled, columns));
    MILL_RETURN(EmitResults(std::move(columns), windows, out));
  }
  Free(done);
  if (!done.empty() || scan_) return true;
  drained_ = true;
  // Not before all is emitted: rows may go at any time from now on.
  if (spilled_) spilled_->SetDropLimit(0, watermark_);
  return false;
}

bool SliceAggregate::StartNextWindow() {
  if (!slices_.TakeClosed(watermark_, &closing_)) return false;
  if (spilled_ && drained_) FindHot();
  drained_ = false;
  closing_slots_.clear();
  emitted_ = 0;
  recent_.fill(Recent());
  if (spilled_) StartScan();
  if (merges_) {
    --merged_namespace_;
    slices_.ForWindow(closing_, [this](const Slice& slice) { MergeSlice(slice); });
    if (!scan_) ForgetSlices(closing_.end);
  } else {
    closing_slots_ = slices_.Take(closing_);
  }
  return true;
}

// The first slice that holds a key brings its scratch slot.
void SliceAggregate::MergeSlice(const Slice& slice) {
  inserted_.clear();
  keys_->FindOrInsertIn(merged_namespace_, slice.slots, slots_, inserted_);
  for (uint32_t i : inserted_) closing_slots_.push_back(slots_[i]);
  Grow();
  for (size_t i = 0; i < slots_.size(); ++i) {
    aggregates_.Merge(slots_[i], slice.slots[i]);
    if (spec_.retract) rows_[slots_[i]] += rows_[slice.slots[i]];
  }
}

void SliceAggregate::ForgetSlices(Timestamp closed_end) {
  std::vector<uint32_t> slots;
  while (slices_.TakeUnneeded(closed_end, &slots)) Free(slots);
}

void SliceAggregate::Free(const std::vector<uint32_t>& slots) {
  for (uint32_t slot : slots) {
    aggregates_.Reset(slot);
    if (spec_.retract) rows_[slot] = 0;
  }
  keys_->Erase(slots);
}

std::unique_ptr<Operator> MakeSliceAggregate(WindowAggregateSpec spec) {
  return std::make_unique<SliceAggregate>(std::move(spec));
}

}  // namespace millrace
