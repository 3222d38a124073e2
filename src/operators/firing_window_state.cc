// What a FiringWindowAggregate saves: a row for each window, and one for each copy of what was
// shown.
#include "operators/firing_window_aggregate.h"

namespace millrace {

SavedRows FiringWindowAggregate::Layout() const {
  const std::vector<OwnColumn> own = {
      {"start", "Start of the window.", true},
      {"end", "Its end; a session's moves on with its rows.", true},
      {"rows", "Its rows, added less taken back."},
      {"due", "Processing time in ms when it fires next; the least number: none."},
      {"shown_start", "Start of the window as it was last emitted.", true},
      {"shown_end", "Its end then.", true},
      {"flags", "1: the watermark has passed it. 2: this is what was last emitted. "
                "4: this is a copy of what was, of a window in another row."}};
  // The exchange hashes these columns.
  const std::vector<int> places =
      PlacesAmong(spec_.keys, ExchangeKeys(spec_.window, spec_.keys));
  // A key's windows share an id and are saved whole, so that none can add to an earlier one.
  const arrow::FieldVector aggregates = WholeFields(windows_.aggregates().StateFields());
  return SavedRows("windows", "A window of a key, or what was emitted of it.",
                   KeyFields(*spec_.output, spec_.keys.size(), "Column of GROUP BY."), own,
                   aggregates, places, places);
}

Status FiringWindowAggregate::Save(StateWriter& writer) {
  MILL_RETURN(SaveClock(writer));
  if (spilled_) return spilled_->Save(writer);
  MILL_ASSIGN(KeyChanges changes, keys_->TakeChanges(writer.mode()));
  MILL_RETURN(saved_.WriteErased(writer, changes));
  return SaveSlots(changes.slots, SaveMode::kFull, writer);
}

Status FiringWindowAggregate::SaveSlots(std::span<const uint32_t> of_keys, SaveMode,
                                        StateWriter& writer) {
  return InPortions(of_keys, [&](std::span<const uint32_t> keys) -> Status {
    std::vector<uint32_t> owners, slots;
    for (uint32_t key : keys) {
      for (uint32_t slot : windows_.OfKey(key)) {
        const uint32_t shown = windows_[slot].shown;
        owners.push_back(slot);
        slots.push_back(slot);
        if (shown == kNoSlot || shown == slot) continue;
        owners.push_back(slot);
        slots.push_back(shown);
      }
    }
    return SaveWindows(owners, slots, writer);
  });
}

// Writes the accumulators of `slots`, each that of the window owners[i] or a copy.
Status FiringWindowAggregate::SaveWindows(std::span<const uint32_t> owners,
                                          std::span<const uint32_t> slots, StateWriter& writer) {
  std::vector<std::vector<int64_t>> own(7);
  std::vector<uint32_t> keys;
  for (size_t i = 0; i < slots.size(); ++i) {
    const FiringWindow& w = windows_[owners[i]];
    keys.push_back(w.key);
    const int64_t flags = (w.closed ? kClosed : 0) | (w.shown == slots[i] ? kShown : 0) |
                          (owners[i] != slots[i] ? kShownCopy : 0);
    size_t column = 0;
    for (int64_t number : {w.window.start, w.window.end, w.rows, w.due, w.shown_window.start,
                           w.shown_window.end, flags}) {
      own[column++].push_back(number);
    }
  }
  MILL_ASSIGN(arrow::ArrayVector columns, keys_->KeyColumns(keys));
  arrow::ArrayVector aggregates;
  MILL_RETURN(windows_.aggregates().Save(slots, SaveMode::kFull, aggregates));
  return saved_.Write(writer, std::move(columns), std::move(own), std::move(aggregates));
}

Status FiringWindowAggregate::Load(const StateReader& reader) {
  MILL_RETURN(LoadClock(reader));
  if (spilled_) return spilled_->Load(reader);
  const auto load = [this](const auto& rows, auto keys) { return LoadSlots(rows, keys); };
  return saved_.Load(reader, *keys_, SavedRows::RowsPerKey::kMany, load);
}

Status FiringWindowAggregate::LoadSlots(const arrow::RecordBatch& rows,
                                        std::span<const uint32_t> keys) {
  windows_.ResizeKeys(keys_->slot_count());
  std::vector<uint32_t> slots;
  for (size_t i = 0; i < keys.size(); ++i) slots.push_back(LoadWindow(rows, i, keys[i]));
  return windows_.aggregates().Load(slots, saved_.Aggregates(rows));
}

// Returns the slot for the row's accumulators. A window's two rows come in any order.
uint32_t FiringWindowAggregate::LoadWindow(const arrow::RecordBatch& rows, size_t row,
                                           uint32_t key) {
  const auto own = [&](size_t column) { return saved_.Own(rows, column)[row]; };
  const int64_t flags = own(6);
  bool is_new = false;
  const uint32_t slot = windows_.FindOrOpen(key, {own(0), own(1)}, &is_new);
  const bool copy = (flags & kShownCopy) != 0;
  const uint32_t target = copy ? windows_.Allocate() : slot;
  FiringWindow& w = windows_[slot];
  w.rows = own(2);
  if (own(3) != kMinTimestamp) windows_.SetFiring(slot, own(3));
  w.shown_window = {own(4), own(5)};
  w.closed = (flags & kClosed) != 0;
  if ((flags & kShown) != 0) w.shown = target;
  if (is_new) windows_.SetTimer(slot);
  return target;
}

std::vector<StateBound> FiringWindowAggregate::States() const {
  std::string time = attached_ ? "the window's size" : DurationText(spec_.window.size);
  if (lateness_ > 0) time += " + " + DurationText(lateness_);
  return {{"windows", saved_.table().doc, ClockBound(time), CanSpill(saved_)}};
}

}  // namespace millrace
