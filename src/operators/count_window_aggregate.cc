// COUNT_WINDOW: windows of `size` rows of a key in the order in which they come, a new one every
// `slide` rows (size = slide: one behind the other). A window is emitted when it is full, or once
// the watermark has passed its first row's time and the timeout; the end of the input is such a
// watermark.
//
//   rows of a key   1 2 3 4 5 6        size 4, slide 2
//                   [-----]
//                       [-----]
//
// Its start is the earliest time of its rows, its end that behind the latest. With a timeout, a
// row is late if a window that it opened would have timed out already; a window that has timed out
// under the row's watermark takes it no more, even if the operator's watermark, which emits it, is
// behind.
#include <deque>

#include "operators/spill.h"
#include "operators/windowed_operator.h"
#include "state/key_table.h"
#include "state/timers.h"

namespace millrace {
namespace {

struct CountedWindow {
  Timestamp opened = 0;  // time of the first row that came
  Timestamp earliest = 0, latest = 0;
  int64_t rows = 0;
  uint32_t key = kNoSlot;
};

struct TimeoutTimes {
  const CountedWindow* windows;
  int64_t timeout;
  Timestamp operator()(uint32_t slot) const { return windows[slot].opened + timeout - 1; }
  void Prefetch(uint32_t slot) const { __builtin_prefetch(&windows[slot]); }
};

class CountWindowAggregate : public WindowedOperator, private SlotOwner {
 public:
  explicit CountWindowAggregate(WindowAggregateSpec spec)
      : WindowedOperator(std::move(spec)),
        timeout_(spec_.window.timeout),
        aggregates_(spec_.calls, false),
        timers_(timeout_ / 32),
        saved_(Layout()) {}

  Status Open(const OperatorContext& context) override {
    MILL_RETURN(Operator::Open(context));
    MILL_ASSIGN(keys_, KeyTable::Make(*saved_.table().schema, saved_.key_places()));
    SpillOptions options;
    if (timeout_ > 0) options.clocks = 1;
    return MakeSpilled(context, saved_, options, keys_.get(), this).Value(&spilled_);
  }
  Result<Progress> OnBatch(int input, const Batch& rows, Output& out) override;
  Result<Progress> OnEnd(Output& out) override;
  Status Save(StateWriter& writer) override;
  Status Load(const StateReader& reader) override;
  std::string Describe() const override { return "CountAggregate " + spec_.window.ToString(); }
  std::vector<StateBound> States() const override {
    const std::string bound = timeout_ > 0 ? ClockBound(DurationText(timeout_)) : "";
    return {{"windows", saved_.table().doc, bound, CanSpill(saved_)}};
  }

 protected:
  Result<bool> EmitChunk(Output& out) override;

 private:
  bool TimedOut(Timestamp opened, Timestamp watermark) const {
    return timeout_ > 0 && opened + timeout_ - 1 <= watermark;
  }
  void FindWindows(const Batch& rows);
  void PlaceRow(size_t row, Timestamp time, Timestamp watermark);
  void Place(size_t row, size_t pass, uint32_t slot, Timestamp time);
  uint32_t OpenWindow(uint32_t key, Timestamp time);
  void Close(uint32_t slot);
  uint32_t Allocate();
  void EraseUnused();
  Result<bool> LoadMore();
  SavedRows Layout() const;
  Status SaveSlots(std::span<const uint32_t> keys, SaveMode mode, StateWriter& writer) override;
  Status LoadSlots(const arrow::RecordBatch& rows, std::span<const uint32_t> keys) override;
  void ForgetSlots(std::span<const uint32_t> keys) override;
  std::optional<Timestamp> DueOf(uint32_t key, size_t clock) const override;

  const int64_t timeout_;
  std::unique_ptr<KeyTable> keys_;
  std::unique_ptr<SpilledTable> spilled_;  // null: all is in memory
  AggregateSet aggregates_;
  Timers timers_;
  SavedRows saved_;
  std::vector<CountedWindow> windows_;         // by slot
  std::vector<uint32_t> free_;                 // slots
  std::vector<std::vector<uint32_t>> open_;    // by the key's slot in keys_: oldest first
  std::deque<uint32_t> closed_;                // to be emitted
  std::vector<uint32_t> touched_;              // keys that may have no window any more
  bool ended_ = false;                         // there are no more rows: all windows close
  std::string next_;                           // then: how far what is on disk was read
  std::vector<uint32_t> loaded_;               // then: keys read last
  // Of the current batch.
  std::vector<uint32_t> key_slots_, inserted_;
  std::vector<std::vector<uint32_t>> targets_;  // by pass, by row: a window of the row, or kNoSlot
};

Result<Progress> CountWindowAggregate::OnBatch(int /*input*/, const Batch& rows, Output& out) {
  now_ = std::max(now_, rows.arrival);
  inserted_.clear();
  MILL_RETURN(keys_->FindOrInsert(*rows.rows, spec_.keys, nullptr, key_slots_, inserted_));
  for (uint32_t& row : inserted_) row = key_slots_[row];
  open_.resize(keys_->slot_count());
  touched_.insert(touched_.end(), inserted_.begin(), inserted_.end());
  if (spilled_) MILL_RETURN(spilled_->Fetch(inserted_));
  FindWindows(rows);
  for (const auto& pass : targets_) MILL_RETURN(aggregates_.Update(pass, rows));
  return Drain(out);
}

// Windows that nothing else closes end with the input.
Result<Progress> CountWindowAggregate::OnEnd(Output& out) {
  for (auto& windows : open_) {
    while (!windows.empty()) Close(windows.front());
  }
  ended_ = true;
  return WindowedOperator::OnEnd(out);
}

void CountWindowAggregate::FindWindows(const Batch& rows) {
  const RowTimes times(spec_.window, watermark_, rows);
  const RowWatermarks watermarks(spec_.window.domain, watermark_, rows);
  targets_.clear();
  for (size_t i = 0; i < key_slots_.size(); ++i) {
    if (times.IsNull(i) || TimedOut(times[i], watermarks[i])) {
      CountLate(rows, i, watermarks[i]);
    } else {
      PlaceRow(i, times[i], watermarks[i]);
    }
  }
}

void CountWindowAggregate::PlaceRow(size_t row, Timestamp time, Timestamp watermark) {
  const uint32_t key = key_slots_[row];
  const auto& open = open_[key];
  for (size_t i = open.size(); i-- > 0;) {
    if (TimedOut(windows_[open[i]].opened, watermark)) Close(open[i]);
  }
  if (open.empty() || windows_[open.back()].rows >= spec_.window.slide) OpenWindow(key, time);
  size_t pass = 0;
  for (size_t i = open.size(); i-- > 0;) Place(row, pass++, open[i], time);
}

void CountWindowAggregate::Place(size_t row, size_t pass, uint32_t slot, Timestamp time) {
  if (pass >= targets_.size()) targets_.emplace_back(key_slots_.size(), kNoSlot);
  targets_[pass][row] = slot;
  CountedWindow& w = windows_[slot];
  w.earliest = std::min(w.earliest, time);
  w.latest = std::max(w.latest, time);
  if (++w.rows == spec_.window.size) Close(slot);
}

uint32_t CountWindowAggregate::OpenWindow(uint32_t key, Timestamp time) {
  const uint32_t slot = Allocate();
  windows_[slot] = {time, time, time, 0, key};
  open_[key].push_back(slot);
  if (timeout_ > 0) timers_.Set(slot, time + timeout_ - 1);
  return slot;
}

// Takes the window out of its key's; it is emitted with the next chunk.
void CountWindowAggregate::Close(uint32_t slot) {
  timers_.Cancel(slot);
  const uint32_t key = windows_[slot].key;
  std::erase(open_[key], slot);
  closed_.push_back(slot);
  touched_.push_back(key);
  keys_->Touch(key);
}

uint32_t CountWindowAggregate::Allocate() {
  if (!free_.empty()) {
    const uint32_t slot = free_.back();
    free_.pop_back();
    return slot;
  }
  windows_.emplace_back();
  timers_.Resize(windows_.size());
  aggregates_.Resize(windows_.size());
  return static_cast<uint32_t>(windows_.size()) - 1;
}

Result<bool> CountWindowAggregate::EmitChunk(Output& out) {
  uint32_t due;
  while (closed_.size() < kMaxResultRows &&
         timers_.PopDue(watermark_, TimeoutTimes{windows_.data(), timeout_}, &due)) {
    Close(due);
  }
  if (closed_.empty()) {
    EraseUnused();
    return LoadMore();
  }
  std::vector<uint32_t> slots, keys;
  std::vector<Window> windows;
  while (!closed_.empty() && slots.size() < kMaxResultRows) {
    const CountedWindow& w = windows_[closed_.front()];
    slots.push_back(closed_.front());
    keys.push_back(w.key);
    windows.push_back({w.earliest, w.latest + 1});
    closed_.pop_front();
  }
  MILL_ASSIGN(arrow::ArrayVector columns, keys_->KeyColumns(keys));
  MILL_RETURN(aggregates_.Finish(slots, columns));
  MILL_RETURN(EmitResults(std::move(columns), windows, out));
  for (uint32_t slot : slots) {
    aggregates_.Reset(slot);
    free_.push_back(slot);
  }
  return true;
}

// Once all results are out, for they need their keys.
void CountWindowAggregate::EraseUnused() {
  for (uint32_t key : touched_) {
    if (open_[key].empty() && keys_->Used(key)) keys_->Erase(key);
  }
  touched_.clear();
}

// Nothing is due of what is in memory. True if something may be after this.
Result<bool> CountWindowAggregate::LoadMore() {
  if (!spilled_) return false;
  MILL_RETURN(spilled_->Trim());
  MILL_ASSIGN(const bool due, spilled_->LoadDue(watermark_));
  if (due || !ended_) return due;
  loaded_.clear();
  MILL_ASSIGN(const bool more, spilled_->LoadNext(&next_));
  for (uint32_t key : loaded_) {
    while (!open_[key].empty()) Close(open_[key].front());
  }
  return more;
}

SavedRows CountWindowAggregate::Layout() const {
  const std::vector<OwnColumn> own = {
      {"opened", "Time of the window's first row; the timeout counts from it.", true},
      {"earliest", "The earliest time of its rows.", true},
      {"latest", "The latest.", true},
      {"rows", "Its rows."}};
  // The exchange hashes these columns.
  const std::vector<int> places =
      PlacesAmong(spec_.keys, ExchangeKeys(spec_.window, spec_.keys));
  // A key's windows share an id and are saved whole, so that none can add to an earlier one.
  const arrow::FieldVector aggregates = WholeFields(aggregates_.StateFields());
  return SavedRows("windows", "A window that is not full.",
                   KeyFields(*spec_.output, spec_.keys.size(), "Column of GROUP BY."), own,
                   aggregates, places, places);
}

Status CountWindowAggregate::Save(StateWriter& writer) {
  MILL_RETURN(SaveClock(writer));
  if (spilled_) return spilled_->Save(writer);
  MILL_ASSIGN(KeyChanges changes, keys_->TakeChanges(writer.mode()));
  MILL_RETURN(saved_.WriteErased(writer, changes));
  return SaveSlots(changes.slots, SaveMode::kFull, writer);
}

Status CountWindowAggregate::SaveSlots(std::span<const uint32_t> of_keys, SaveMode mode,
                                       StateWriter& writer) {
  std::vector<uint32_t> all;
  for (uint32_t key : of_keys) all.insert(all.end(), open_[key].begin(), open_[key].end());
  return InPortions(all, [&](std::span<const uint32_t> slots) -> Status {
    std::vector<std::vector<int64_t>> own(4);
    std::vector<uint32_t> keys;
    for (uint32_t slot : slots) {
      const CountedWindow& w = windows_[slot];
      keys.push_back(w.key);
      own[0].push_back(w.opened);
      own[1].push_back(w.earliest);
      own[2].push_back(w.latest);
      own[3].push_back(w.rows);
    }
    MILL_ASSIGN(arrow::ArrayVector columns, keys_->KeyColumns(keys));
    arrow::ArrayVector aggregates;
    MILL_RETURN(aggregates_.Save(slots, mode, aggregates));
    return saved_.Write(writer, std::move(columns), std::move(own), std::move(aggregates));
  });
}

Status CountWindowAggregate::Load(const StateReader& reader) {
  MILL_RETURN(LoadClock(reader));
  if (spilled_) return spilled_->Load(reader);
  const auto load = [this](const auto& rows, auto slots) { return LoadSlots(rows, slots); };
  return saved_.Load(reader, *keys_, SavedRows::RowsPerKey::kMany, load);
}

Status CountWindowAggregate::LoadSlots(const arrow::RecordBatch& rows,
                                       std::span<const uint32_t> keys) {
  open_.resize(keys_->slot_count());
  std::vector<uint32_t> slots;
  for (size_t i = 0; i < keys.size(); ++i) {
    slots.push_back(OpenWindow(keys[i], saved_.Own(rows, 0)[i]));
    CountedWindow& w = windows_[slots.back()];
    w.earliest = saved_.Own(rows, 1)[i];
    w.latest = saved_.Own(rows, 2)[i];
    w.rows = saved_.Own(rows, 3)[i];
  }
  for (uint32_t key : keys) {  // an older window has more rows
    std::sort(open_[key].begin(), open_[key].end(),
              [this](uint32_t a, uint32_t b) { return windows_[a].rows > windows_[b].rows; });
  }
  if (ended_) loaded_.insert(loaded_.end(), keys.begin(), keys.end());
  return aggregates_.Load(slots, saved_.Aggregates(rows));
}

// When the first of the key's windows times out.
std::optional<Timestamp> CountWindowAggregate::DueOf(uint32_t key, size_t) const {
  Timestamp due = kMaxTimestamp;
  for (uint32_t slot : open_[key]) due = std::min(due, windows_[slot].opened + timeout_ - 1);
  return due;
}

void CountWindowAggregate::ForgetSlots(std::span<const uint32_t> keys) {
  for (uint32_t key : keys) {
    for (uint32_t slot : open_[key]) {
      timers_.Cancel(slot);
      aggregates_.Reset(slot);
      free_.push_back(slot);
    }
    open_[key].clear();
  }
}

}  // namespace

std::unique_ptr<Operator> MakeCountWindowAggregate(WindowAggregateSpec spec) {
  return std::make_unique<CountWindowAggregate>(std::move(spec));
}

}  // namespace millrace
