// What a SliceAggregate saves, and what of it is on disk. See slice_aggregate.h.
#include <arrow/array.h>

#include "data/take_rows.h"
#include "operators/slice_aggregate.h"
#include "state/snapshot_fold.h"

namespace millrace {

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

Status SliceAggregate::Open(const OperatorContext& context) {
  MILL_RETURN(Operator::Open(context));
  MILL_ASSIGN(keys_, KeyTable::Make(*saved_.table().schema, saved_.key_places(), true));
  return MakeSpilled(context, saved_, SpillBy(), keys_.get(), this).Value(&spilled_);
}

// Rows go with the last window that reads them, which ends a size behind the slice's start.
SpillOptions SliceAggregate::SpillBy() const {
  SpillOptions options;
  options.slice = {OwnPlace(saved_, 0), OwnPlace(saved_, 1)};
  options.slice_first = !merges_;
  options.slots_per_key = merges_ ? 2 : 1;
  if (merges_) {
    options.drop = {{options.slice[0], spec_.window.size - 1, false}};
  } else {
    options.drop = {{options.slice[1], -1, false}};
  }
  return options;
}

// ---- snapshots ----

Status SliceAggregate::Save(StateWriter& writer) {
  MILL_RETURN(SaveClock(writer));
  if (spilled_) {
    MILL_RETURN(SaveSlices(writer));
    return spilled_->Save(writer);
  }
  std::vector<std::vector<int64_t>> forgotten(2);
  for (const SliceId& id : slices_.TakeForgotten()) {
    forgotten[0].push_back(id.first);
    forgotten[1].push_back(id.second);
  }
  if (writer.mode() == SaveMode::kDelta) {
    MILL_RETURN(saved_.EraseByOwn(writer, std::move(forgotten)));
  }
  MILL_ASSIGN(KeyChanges changes, keys_->TakeChanges(writer.mode(), saved_.rewrite()));
  MILL_RETURN(saved_.WriteErased(writer, changes));
  return SaveSlots(changes.slots, writer.mode(), writer);
}

Status SliceAggregate::SaveSlots(std::span<const uint32_t> all, SaveMode mode,
                                 StateWriter& writer) {
  return InPortions(all, [&](std::span<const uint32_t> slots) -> Status {
    std::vector<std::vector<int64_t>> own(3);
    for (uint32_t slot : slots) {
      const SliceId id = slices_.IdOf(keys_->NamespaceOf(slot));
      own[0].push_back(id.first);
      own[1].push_back(id.second);
      own[2].push_back(spec_.retract ? rows_[slot] : 0);
    }
    MILL_ASSIGN(arrow::ArrayVector keys, keys_->KeyColumns(slots));
    arrow::ArrayVector aggregates;
    MILL_RETURN(aggregates_.Save(slots, mode, aggregates));
    return saved_.Write(writer, std::move(keys), std::move(own), std::move(aggregates));
  });
}

Status SliceAggregate::Load(const StateReader& reader) {
  MILL_RETURN(LoadClock(reader));
  if (spilled_) {
    MILL_ASSIGN(const bool adopted, spilled_->Adopt(reader));
    if (adopted) return LoadSlices(reader);
  }
  return reader.ForEach(saved_.table(), [this](std::shared_ptr<arrow::RecordBatch> rows) {
    return LoadRows(std::move(rows));
  });
}

// Two slices of a key can become one: those differ only in windows that have been emitted since.
Status SliceAggregate::LoadRows(std::shared_ptr<arrow::RecordBatch> rows) {
  MILL_ASSIGN(rows, FindSavedSlices(rows));
  inserted_.clear();
  MILL_RETURN(
      keys_->FindOrInsert(*rows, saved_.key_places(), numbers_.data(), slots_, inserted_));
  Grow();
  std::vector<uint32_t> targets(slots_.size(), kNoSlot);
  if (spilled_) MILL_RETURN(FetchCold());
  for (uint32_t row : inserted_) {
    if (!spilled_) slices_.At(numbers_[row]).slots.push_back(slots_[row]);
    if (!spilled_ || !keys_->Saved(slots_[row])) targets[row] = slots_[row];
  }
  std::vector<uint32_t> scratch;
  for (uint32_t& target : targets) {
    if (target == kNoSlot) scratch.push_back(target = keys_->Allocate());
  }
  Grow();
  MILL_RETURN(aggregates_.Load(targets, saved_.Aggregates(*rows)));
  for (size_t i = 0; i < slots_.size(); ++i) {
    if (spec_.retract) rows_[slots_[i]] += saved_.Own(*rows, 2)[i];
    if (targets[i] != slots_[i]) aggregates_.Merge(slots_[i], targets[i]);
  }
  Free(scratch);
  return spilled_ ? spilled_->Trim() : Status::OK();
}

// Sets numbers_ to the rows' slices; returns the rows that some window will still read.
Result<std::shared_ptr<arrow::RecordBatch>> SliceAggregate::FindSavedSlices(
    const std::shared_ptr<arrow::RecordBatch>& rows) {
  MILL_ASSIGN(const std::vector<uint32_t> groups,
              KeyGroupsOf(saved_.table(), *rows, context_.key_groups));
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

// ---- on disk ----

Status SliceAggregate::LoadSlots(const arrow::RecordBatch& rows, std::span<const uint32_t> slots) {
  if (spec_.retract) {
    for (size_t i = 0; i < slots.size(); ++i) rows_[slots[i]] = saved_.Own(rows, 2)[i];
  }
  return aggregates_.Load(slots, saved_.Aggregates(rows));
}

void SliceAggregate::ForgetSlots(std::span<const uint32_t> slots) {
  for (uint32_t slot : slots) {
    aggregates_.Reset(slot);
    if (spec_.retract) rows_[slot] = 0;
    slices_.At(keys_->NamespaceOf(slot)).cold = true;
  }
}

arrow::ArrayVector SliceAggregate::SlicesOf(std::span<const uint32_t> slots) const {
  std::vector<int64_t> numbers[2];
  for (uint32_t slot : slots) {
    const SliceId id = slices_.IdOf(keys_->NamespaceOf(slot));
    numbers[0].push_back(id.first);
    numbers[1].push_back(id.second);
  }
  arrow::ArrayVector columns;
  for (auto& values : numbers) {
    columns.push_back(arrow::MakeArray(arrow::ArrayData::Make(
        arrow::timestamp(arrow::TimeUnit::MILLI), std::ssize(slots),
        {nullptr, arrow::Buffer::FromVector(std::move(values))}, 0)));
  }
  return columns;
}

// Which slices there are the database does not tell.
Status SliceAggregate::SaveSlices(StateWriter& writer) const {
  for (const SliceId& id : slices_.All()) {
    MILL_RETURN(saved_slices_.Write(writer, context_, {id.first, id.second}));
  }
  return Status::OK();
}

// Those of this instance, which has the key groups that it had.
Status SliceAggregate::LoadSlices(const StateReader& reader) {
  MILL_ASSIGN(const auto saved, saved_slices_.Read(reader));
  for (const auto& numbers : saved) {
    if (numbers[0] != context_.instance || numbers[1] != context_.parallelism) continue;
    windows_.clear();
    if (attached_) {
      windows_.push_back({numbers[2], numbers[3]});
    } else {
      AssignWindows(spec_.window, numbers[2], windows_);
    }
    const Timestamp watermark = SavedWatermark(GroupsOfTask(
        static_cast<size_t>(context_.instance), static_cast<size_t>(context_.parallelism),
        context_.key_groups).begin);
    std::erase_if(windows_, [&](const Window& window) {
      return window.end < numbers[3] || window.end - 1 <= watermark;
    });
    if (windows_.empty()) continue;
    slices_.At(slices_.Make({numbers[2], numbers[3]}, windows_)).cold = true;
  }
  return Status::OK();
}

// Loads those of the batch's new keys that may be on disk.
Status SliceAggregate::FetchCold() {
  std::vector<uint32_t> maybe;
  for (uint32_t row : inserted_) {
    if (slices_.At(numbers_[row]).cold) maybe.push_back(slots_[row]);
  }
  return spilled_->Fetch(maybe);
}

// Lists the slots of each slice, which Trim may have changed since.
void SliceAggregate::FindHot() {
  slices_.ForAll([](Slice& slice) { slice.slots.clear(); });
  for (uint32_t slot = 0; slot < keys_->slot_count(); ++slot) {
    if (keys_->HasKey(slot)) slices_.At(keys_->NamespaceOf(slot)).slots.push_back(slot);
  }
}

// Begins to read what is on disk of the closing window.
void SliceAggregate::StartScan() {
  bool cold = false;
  if (merges_) {
    slices_.ForWindow(closing_, [&](const Slice& slice) { cold = cold || slice.cold; });
  } else {
    closing_number_ = slices_.NumberOf({closing_.start, closing_.end});
    cold = slices_.At(closing_number_).cold;
  }
  if (!cold) return;
  const Window window = closing_;
  scan_ = SliceScan{{window.start, window.end}, [window](const SliceId& id) {
                      return id.first >= window.start && id.first < window.end &&
                             id.second <= window.end;
                    }};
}

// Emits a portion of what is on disk of the closing window, or merges it with what is in memory.
Status SliceAggregate::EmitCold(Output& out) {
  MILL_ASSIGN(auto rows, spilled_->ReadSlices(*scan_));
  if (!rows) {
    scan_.reset();
    if (merges_) ForgetSlices(closing_.end);
    return Status::OK();
  }
  numbers_.assign(static_cast<size_t>(rows->num_rows()), closing_number_);
  for (size_t i = 0; merges_ && i < numbers_.size(); ++i) {
    numbers_[i] = slices_.NumberOf({saved_.Own(*rows, 0)[i], saved_.Own(*rows, 1)[i]});
  }
  MILL_RETURN(keys_->Find(*rows, saved_.key_places(), numbers_.data(), slots_));
  std::vector<int32_t> cold;  // what is in memory is newer
  for (size_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i] == KeyTable::kNone) cold.push_back(static_cast<int32_t>(i));
  }
  if (cold.empty()) return Status::OK();
  MILL_ASSIGN(rows, TakeRows(rows, cold));
  std::vector<uint32_t> scratch;
  for (size_t i = 0; i < cold.size(); ++i) scratch.push_back(keys_->Allocate());
  Grow();
  MILL_RETURN(LoadSlots(*rows, scratch));
  if (merges_) {
    MILL_RETURN(MergeCold(*rows, scratch, out));
  } else {
    const arrow::ArrayVector columns = rows->columns();
    MILL_RETURN(EmitSlots({columns.begin(), columns.begin() + std::ssize(saved_.key_places())},
                          scratch, out));
  }
  Free(scratch);
  return Status::OK();
}

// Keys that are not among those in memory are complete with the portion.
Status SliceAggregate::MergeCold(const arrow::RecordBatch& rows, std::span<const uint32_t> slots,
                                 Output& out) {
  numbers_.assign(slots.size(), merged_namespace_);
  inserted_.clear();
  MILL_RETURN(
      keys_->FindOrInsert(rows, saved_.key_places(), numbers_.data(), slots_, inserted_));
  Grow();
  for (size_t i = 0; i < slots.size(); ++i) {
    aggregates_.Merge(slots_[i], slots[i]);
    if (spec_.retract) rows_[slots_[i]] += rows_[slots[i]];
  }
  std::vector<uint32_t> complete;
  for (uint32_t row : inserted_) complete.push_back(slots_[row]);
  MILL_ASSIGN(arrow::ArrayVector keys, keys_->KeyColumns(complete));
  MILL_RETURN(EmitSlots(std::move(keys), complete, out));
  Free(complete);
  return Status::OK();
}

// Emits the closing window's results for these keys, in order.
Status SliceAggregate::EmitSlots(arrow::ArrayVector keys, std::span<const uint32_t> slots,
                                 Output& out) {
  arrow::ArrayVector columns = std::move(keys);
  MILL_RETURN(aggregates_.Finish(slots, columns));
  std::vector<int32_t> filled;
  for (size_t i = 0; i < slots.size(); ++i) {
    if (!spec_.retract || rows_[slots[i]] > 0) filled.push_back(static_cast<int32_t>(i));
  }
  if (filled.empty()) return Status::OK();
  if (filled.size() < slots.size()) {
    const auto& all = spec_.output->fields();
    const arrow::FieldVector fields(all.begin(), all.begin() + std::ssize(columns));
    const auto rows = arrow::RecordBatch::Make(arrow::schema(fields), std::ssize(slots), columns);
    MILL_ASSIGN(const auto taken, TakeRows(rows, filled));
    columns = taken->columns();
  }
  return EmitResults(std::move(columns), std::vector<Window>(filled.size(), closing_), out);
}

}  // namespace millrace
