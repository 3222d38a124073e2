// TUMBLE, HOP, CUMULATE and attached windows. Time is cut into slices, the longest intervals that
// each window holds entirely or not at all; a row updates the accumulators of (slice, key) once:
//
//   HOP      |-----------------|
//                  |-----------------|
//   slices   |  a  |  b  |  c  |  d  |
//
// A closing window merges its slices' accumulators by key into scratch slots; a slice is forgotten
// with its last window.
//
// A window of one slice (TUMBLE, attached) is emitted as it is. A row that comes too late for the
// first windows of its slice, but not for the last, goes to a slice of its own that only those
// windows read.
#include <array>
#include <map>
#include <set>

#include "operators/windowed_operator.h"
#include "state/key_table.h"

namespace millrace {
namespace {

// Order of emission.
struct EarlierEnd {
  bool operator()(const Window& a, const Window& b) const {
    return a.end != b.end ? a.end < b.end : a.start < b.start;
  }
};

struct Slice {
  Timestamp last_end = 0;  // of the last window that reads it
  int64_t number = 0;      // its namespace in the key table
  std::vector<uint32_t> slots;
};

// A slice and the end of the first window that reads it.
using SliceId = std::pair<Timestamp, Timestamp>;

class SliceAggregate : public WindowedOperator {
 public:
  explicit SliceAggregate(WindowAggregateSpec spec)
      : WindowedOperator(std::move(spec)),
        attached_(spec_.window.kind == WindowKind::kAttached),
        merges_(spec_.window.kind == WindowKind::kHop ||
                spec_.window.kind == WindowKind::kCumulate),
        slice_size_(attached_ ? 1 : SliceSize(spec_.window)),
        aggregates_(spec_.calls, spec_.retract) {}

  Status Open(const OperatorContext& context) override {
    MILL_RETURN(Operator::Open(context));
    MILL_ASSIGN(KeyTable keys,
                KeyTable::Make(LeadingTypes(*spec_.output, spec_.keys.size()), true));
    keys_ = std::make_unique<KeyTable>(std::move(keys));
    return Status::OK();
  }
  Result<Progress> OnBatch(int input, const Batch& rows, Output& out) override;
  std::string Describe() const override { return "WindowAggregate " + spec_.window.ToString(); }

 protected:
  Result<bool> EmitChunk(Output& out) override;

 private:
  static constexpr int64_t kLate = -1;
  static constexpr int64_t kNoWindow = -2;  // between the windows of a HOP
  // The slices that rows have lately gone to.
  struct Recent {
    Timestamp start = 0;
    Timestamp first_end = kMinTimestamp;  // kMinTimestamp: unused
    int64_t number = 0;
  };

  bool FindSlices(const Batch& rows);
  bool FindAttached(const Batch& rows);
  bool DropLate(const Batch& rows, const RowWatermarks& watermarks);
  int64_t SliceOf(Timestamp time, Timestamp watermark);
  int64_t LocateSlice(Timestamp start, Timestamp watermark);
  int64_t AttachedSlice(const Window& window, Timestamp watermark);
  int64_t MakeSlice(SliceId id);
  Result<Batch> TakeKept(const Batch& rows);
  Status AddRows(const Batch& rows);
  bool StartNextWindow();
  void TakeSlice(const Window& window);
  void MergeSlices(const Window& window);
  void MergeSlice(const Slice& slice);
  void ForgetSlices(Timestamp closed_end);
  void Free(const std::vector<uint32_t>& slots);
  Recent& RecentSlice(Timestamp start) {
    return recent_[static_cast<uint64_t>(start / slice_size_) % recent_.size()];
  }

  const bool attached_, merges_;
  const int64_t slice_size_;
  std::unique_ptr<KeyTable> keys_;
  AggregateSet aggregates_;
  std::vector<int64_t> rows_;  // by slot: added less taken back
  std::map<SliceId, Slice> slices_;
  std::vector<Slice*> by_number_;  // null: free
  std::vector<int64_t> free_numbers_;
  std::set<Window, EarlierEnd> open_windows_;
  std::array<Recent, 8> recent_;
  // The window being emitted, and its slots from emitted_ on.
  Window closing_;
  std::vector<uint32_t> closing_slots_;
  size_t emitted_ = 0;
  int64_t merged_namespace_ = -1;  // of the window's scratch slots; a new one for each window
  // Of the current call.
  std::vector<int64_t> numbers_;  // by row: its slice, or one of the above
  std::vector<uint32_t> slots_, inserted_;
  std::vector<Window> windows_;
};

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
  const int64_t number = MakeSlice({start, first_end});
  RecentSlice(start) = {start, whole ? first_end : kMinTimestamp, number};
  return number;
}

int64_t SliceAggregate::AttachedSlice(const Window& window, Timestamp watermark) {
  if (window.end - 1 <= watermark) return kLate;
  windows_.assign(1, window);
  return MakeSlice({window.start, window.end});
}

// Finds or makes the slice that the windows in windows_ read.
int64_t SliceAggregate::MakeSlice(SliceId id) {
  const auto [found, is_new] = slices_.try_emplace(id);
  Slice& slice = found->second;
  if (!is_new) return slice.number;
  slice.last_end = windows_.back().end;
  open_windows_.insert(windows_.begin(), windows_.end());
  slice.number = static_cast<int64_t>(by_number_.size());
  if (free_numbers_.empty()) {
    by_number_.push_back(&slice);
  } else {
    slice.number = free_numbers_.back();
    free_numbers_.pop_back();
    by_number_[static_cast<size_t>(slice.number)] = &slice;
  }
  return slice.number;
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
  for (uint32_t row : inserted_) {
    by_number_[static_cast<size_t>(numbers_[row])]->slots.push_back(slots_[row]);
  }
  aggregates_.Resize(keys_->slot_count());
  if (spec_.retract) {
    rows_.resize(keys_->slot_count(), 0);
    for (size_t i = 0; i < slots_.size(); ++i) {
      rows_[slots_[i]] += Adds(rows.kind(static_cast<int64_t>(i))) ? 1 : -1;
    }
  }
  return aggregates_.Update(slots_, rows);
}

Result<bool> SliceAggregate::EmitChunk(Output& out) {
  std::vector<uint32_t> done, filled;
  std::vector<Window> windows;
  while (done.size() < kMaxResultRows) {
    if (emitted_ == closing_slots_.size() && !StartNextWindow()) break;
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
  return !done.empty();
}

bool SliceAggregate::StartNextWindow() {
  if (open_windows_.empty() || open_windows_.begin()->end - 1 > watermark_) return false;
  closing_ = *open_windows_.begin();
  open_windows_.erase(open_windows_.begin());
  closing_slots_.clear();
  emitted_ = 0;
  recent_.fill(Recent());
  if (merges_) {
    --merged_namespace_;
    MergeSlices(closing_);
    ForgetSlices(closing_.end);
  } else {
    TakeSlice(closing_);
  }
  return true;
}

void SliceAggregate::TakeSlice(const Window& window) {
  const auto found = slices_.find({window.start, window.end});
  closing_slots_ = std::move(found->second.slots);
  by_number_[static_cast<size_t>(found->second.number)] = nullptr;
  free_numbers_.push_back(found->second.number);
  slices_.erase(found);
}

void SliceAggregate::MergeSlices(const Window& window) {
  for (auto it = slices_.lower_bound({window.start, kMinTimestamp});
       it != slices_.end() && it->first.first < window.end; ++it) {
    if (it->first.second <= window.end) MergeSlice(it->second);
  }
}

// The first slice that holds a key brings its scratch slot.
void SliceAggregate::MergeSlice(const Slice& slice) {
  inserted_.clear();
  keys_->FindOrInsertIn(merged_namespace_, slice.slots, slots_, inserted_);
  for (uint32_t i : inserted_) closing_slots_.push_back(slots_[i]);
  aggregates_.Resize(keys_->slot_count());
  if (spec_.retract) rows_.resize(keys_->slot_count(), 0);
  for (size_t i = 0; i < slots_.size(); ++i) {
    aggregates_.Merge(slots_[i], slice.slots[i]);
    if (spec_.retract) rows_[slots_[i]] += rows_[slice.slots[i]];
  }
}

// The windows of later slices end no earlier, so the slices to be forgotten come first.
void SliceAggregate::ForgetSlices(Timestamp closed_end) {
  while (!slices_.empty() && slices_.begin()->second.last_end <= closed_end) {
    const Slice& slice = slices_.begin()->second;
    Free(slice.slots);
    by_number_[static_cast<size_t>(slice.number)] = nullptr;
    free_numbers_.push_back(slice.number);
    slices_.erase(slices_.begin());
  }
}

void SliceAggregate::Free(const std::vector<uint32_t>& slots) {
  for (uint32_t slot : slots) {
    aggregates_.Reset(slot);
    if (spec_.retract) rows_[slot] = 0;
  }
  keys_->Erase(slots);
}

}  // namespace

std::unique_ptr<Operator> MakeSliceAggregate(WindowAggregateSpec spec) {
  return std::make_unique<SliceAggregate>(std::move(spec));
}

}  // namespace millrace
