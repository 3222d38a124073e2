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

#include "operators/slices.h"
#include "operators/windowed_operator.h"
#include "state/key_table.h"
#include "state/snapshot_fold.h"

namespace millrace {
namespace {

class SliceAggregate : public WindowedOperator {
 public:
  explicit SliceAggregate(WindowAggregateSpec spec)
      : WindowedOperator(std::move(spec)),
        attached_(spec_.window.kind == WindowKind::kAttached),
        merges_(spec_.window.kind == WindowKind::kHop ||
                spec_.window.kind == WindowKind::kCumulate),
        slice_size_(attached_ ? 1 : SliceSize(spec_.window)),
        aggregates_(spec_.calls, spec_.retract),
        saved_(Layout()) {}

  Status Open(const OperatorContext& context) override {
    MILL_RETURN(Operator::Open(context));
    return KeyTable::Make(*saved_.table().schema, saved_.key_places(), true).Value(&keys_);
  }
  Result<Progress> OnBatch(int input, const Batch& rows, Output& out) override;
  Status Save(StateWriter& writer) override;
  Status Load(const StateReader& reader) override;
  std::string Describe() const override { return "WindowAggregate " + spec_.window.ToString(); }
  std::vector<StateBound> States() const override {
    const std::string size = attached_ ? "the window's size" : DurationText(spec_.window.size);
    return {{"slices", saved_.table().doc, ClockBound(size)}};
  }

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
  SavedRows Layout() const;
  Status LoadRows(std::shared_ptr<arrow::RecordBatch> rows);
  Result<std::shared_ptr<arrow::RecordBatch>> FindSavedSlices(
      const std::shared_ptr<arrow::RecordBatch>& rows);
  int64_t LoadSlice(SliceId id, Timestamp watermark);
  Result<Batch> TakeKept(const Batch& rows);
  Status AddRows(const Batch& rows);
  bool StartNextWindow();
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
  Slices slices_;
  SavedRows saved_;
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
  for (uint32_t row : inserted_) {
    slices_.At(numbers_[row]).slots.push_back(slots_[row]);
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
  if (!slices_.TakeClosed(watermark_, &closing_)) return false;
  closing_slots_.clear();
  emitted_ = 0;
  recent_.fill(Recent());
  if (merges_) {
    --merged_namespace_;
    slices_.ForWindow(closing_, [this](const Slice& slice) { MergeSlice(slice); });
    ForgetSlices(closing_.end);
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
  aggregates_.Resize(keys_->slot_count());
  if (spec_.retract) rows_.resize(keys_->slot_count(), 0);
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

SavedRows SliceAggregate::Layout() const {
  const std::vector<OwnColumn> own = {
      {"slice_start", "Start of the slice.", true},
      {"first_end", "End of the first window that reads it.", true},
      {"rows", "Rows of the key in the slice, added less taken back; 0 if none are taken back."}};
  const auto keys = static_cast<int>(spec_.keys.size());
  std::vector<int> key_columns, id_columns;
  for (int i = 0; i < keys + 2; ++i) {
    if (i < keys) key_columns.push_back(i);
    id_columns.push_back(i);
  }
  return SavedRows("slices", "What the rows of a key in one slice of time add to its windows.",
                   KeyFields(*spec_.output, spec_.keys.size(), "Column of GROUP BY."), own,
                   aggregates_.StateFields(), key_columns, id_columns);
}

Status SliceAggregate::Save(StateWriter& writer) {
  MILL_RETURN(SaveClock(writer));
  std::vector<std::vector<int64_t>> forgotten(2);
  for (const SliceId& id : slices_.TakeForgotten()) {
    forgotten[0].push_back(id.first);
    forgotten[1].push_back(id.second);
  }
  if (writer.mode() == SaveMode::kDelta) {
    MILL_RETURN(saved_.EraseByOwn(writer, std::move(forgotten)));
  }
  MILL_ASSIGN(const KeyChanges changes, keys_->TakeChanges(writer.mode()));
  return InPortions(changes.slots, [&](std::span<const uint32_t> slots) -> Status {
    std::vector<std::vector<int64_t>> own(3);
    for (uint32_t slot : slots) {
      const SliceId id = slices_.IdOf(keys_->NamespaceOf(slot));
      own[0].push_back(id.first);
      own[1].push_back(id.second);
      own[2].push_back(spec_.retract ? rows_[slot] : 0);
    }
    MILL_ASSIGN(arrow::ArrayVector keys, keys_->KeyColumns(slots));
    arrow::ArrayVector aggregates;
    MILL_RETURN(aggregates_.Save(slots, writer.mode(), aggregates));
    return saved_.Write(writer, std::move(keys), std::move(own), std::move(aggregates));
  });
}

Status SliceAggregate::Load(const StateReader& reader) {
  MILL_RETURN(LoadClock(reader));
  MILL_ASSIGN(auto batches, reader.Read(saved_.table()));
  for (auto& rows : batches) MILL_RETURN(LoadRows(std::move(rows)));
  return Status::OK();
}

// Two slices of a key can become one: those differ only in windows that have been emitted since.
Status SliceAggregate::LoadRows(std::shared_ptr<arrow::RecordBatch> rows) {
  MILL_ASSIGN(rows, FindSavedSlices(rows));
  inserted_.clear();
  MILL_RETURN(
      keys_->FindOrInsert(*rows, saved_.key_places(), numbers_.data(), slots_, inserted_));
  std::vector<uint32_t> targets(slots_.size(), kNoSlot);
  for (uint32_t row : inserted_) {
    targets[row] = slots_[row];
    slices_.At(numbers_[row]).slots.push_back(slots_[row]);
  }
  std::vector<uint32_t> scratch;
  for (uint32_t& target : targets) {
    if (target == kNoSlot) scratch.push_back(target = keys_->Allocate());
  }
  aggregates_.Resize(keys_->slot_count());
  MILL_RETURN(aggregates_.Load(targets, saved_.Aggregates(*rows)));
  if (spec_.retract) rows_.resize(keys_->slot_count(), 0);
  for (size_t i = 0; i < slots_.size(); ++i) {
    if (spec_.retract) rows_[slots_[i]] += saved_.Own(*rows, 2)[i];
    if (targets[i] != slots_[i]) aggregates_.Merge(slots_[i], targets[i]);
  }
  Free(scratch);
  return Status::OK();
}

// Sets numbers_ to the rows' slices; returns the rows that some window will still read.
Result<std::shared_ptr<arrow::RecordBatch>> SliceAggregate::FindSavedSlices(
    const std::shared_ptr<arrow::RecordBatch>& rows) {
  MILL_ASSIGN(const std::vector<uint32_t> groups, KeyGroupsOf(saved_.table(), *rows));
  numbers_.clear();
  std::vector<int32_t> kept;
  for (size_t i = 0; i < groups.size(); ++i) {
    const SliceId id = {saved_.Own(*rows, 0)[i], saved_.Own(*rows, 1)[i]};
    const int64_t number = LoadSlice(id, SavedWatermark(groups[i]));
    if (number < 0) continue;
    numbers_.push_back(number);
    kept.push_back(static_cast<int32_t>(i));
  }
  if (kept.size() == groups.size()) return rows;
  return TakeRows(rows, kept);
}

// The slice for those of the saved slice's windows that were still open under `watermark`.
int64_t SliceAggregate::LoadSlice(SliceId id, Timestamp watermark) {
  windows_.clear();
  Timestamp start = id.first;
  if (attached_) {
    windows_.push_back({start, id.second});
  } else {
    start = AlignedStart(start, slice_size_, spec_.window.offset);  // saved by other windows
    AssignWindows(spec_.window, start, windows_);
  }
  std::erase_if(windows_, [&](const Window& window) {
    return window.end < id.second || window.end - 1 <= watermark;
  });
  if (windows_.empty()) return kLate;
  return slices_.Make({start, windows_.front().end}, windows_);
}

}  // namespace

std::unique_ptr<Operator> MakeSliceAggregate(WindowAggregateSpec spec) {
  return std::make_unique<SliceAggregate>(std::move(spec));
}

}  // namespace millrace
