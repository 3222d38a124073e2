// What of a SpilledTable is read from disk: keys that are asked for, that are due, or all of them.
#include <algorithm>
#include <numeric>

#include "state/spilled_table.h"

namespace millrace {
namespace {

constexpr size_t kPortion = 4096;  // keys looked for at once

}  // namespace

// Rows read from the store.
struct SpilledTable::Loaded {
  std::vector<uint32_t> found;      // places among the keys asked for, ascending
  std::vector<Timestamp> timers;    // of these, of all clocks
  std::vector<int32_t> counts;      // rows of these
  std::shared_ptr<arrow::RecordBatch> rows;  // null: none
};

Status SpilledTable::Fetch(std::span<const uint32_t> slots) {
  for (Clock& clock : clocks_) {
    clock.timers.resize(keys_->slot_count(), kMinTimestamp);
    for (uint32_t slot : slots) clock.timers[slot] = kMinTimestamp;
  }
  if (!cold_ || slots.empty()) return Status::OK();
  MILL_RETURN(DeleteErased());
  MILL_ASSIGN(arrow::ArrayVector columns, keys_->KeyColumns(slots));
  for (auto& column : owner_->SlicesOf(slots)) columns.push_back(std::move(column));
  const auto rows = layout_.KeyBatch(static_cast<int64_t>(slots.size()), std::move(columns));
  StoreKeys keys;
  MILL_RETURN(layout_.EncodeKeys(*rows, keys));
  MILL_ASSIGN(const Loaded loaded, Read(keys, nullptr, 0));
  return Accept(loaded, slots);
}

// Reads the rows of those keys that are there; with `timers`, whose timer of the clock is that one.
Result<SpilledTable::Loaded> SpilledTable::Read(const StoreKeys& keys,
                                                const std::vector<Timestamp>* timers,
                                                size_t clock) const {
  std::vector<std::string_view> views;
  for (size_t i = 0; i < keys.size(); ++i) views.push_back(keys[i]);
  Loaded loaded;
  StoreKeys found;
  RowReader reader(layout_.rows());
  MILL_RETURN(store_->Get(views, [&](size_t i, std::string_view value) -> Status {
    if (timers && (*timers)[i] != StoredLayout::TimerOf(value, clock)) return Status::OK();
    loaded.found.push_back(static_cast<uint32_t>(i));
    for (size_t c = 0; c < clocks_.size(); ++c) {
      loaded.timers.push_back(StoredLayout::TimerOf(value, c));
    }
    MILL_ASSIGN(const int32_t count, layout_.ReadRows(value, reader));
    loaded.counts.push_back(count);
    found.bytes += views[i];
    found.ends.push_back(found.bytes.size());
    return Status::OK();
  }));
  if (loaded.found.empty()) return loaded;
  MILL_ASSIGN(const auto values, reader.Finish());
  MILL_ASSIGN(loaded.rows, layout_.Join(found, loaded.counts, *values));
  return loaded;
}

// `slots`: of the keys asked for.
Status SpilledTable::Accept(const Loaded& loaded, std::span<const uint32_t> slots) {
  if (!loaded.rows) return Status::OK();
  std::vector<uint32_t> of_rows;
  for (size_t i = 0; i < loaded.found.size(); ++i) {
    const uint32_t slot = slots[loaded.found[i]];
    of_rows.insert(of_rows.end(), static_cast<size_t>(loaded.counts[i]), slot);
    keys_->MarkSaved(slot);
    for (size_t c = 0; c < clocks_.size(); ++c) {
      const Timestamp timer = loaded.timers[i * clocks_.size() + c];
      clocks_[c].timers[slot] = timer < clocks_[c].cursor ? kMinTimestamp : timer;
    }
  }
  return owner_->LoadSlots(*loaded.rows, of_rows);
}

// ---- timers ----

void SpilledTable::Clock::Advance(Timestamp to, std::string key) {
  cursor = to;
  cursor_key = std::move(key);
  *dropped_before = to;
}

Result<bool> SpilledTable::LoadDue(Timestamp until, size_t of_clock) {
  if (of_clock >= clocks_.size()) return false;
  Clock& clock = clocks_[of_clock];
  if (until < clock.cursor || clock.cursor == kMaxTimestamp) return false;
  if (until == kMaxTimestamp && options_.ends_all) return LoadRest();
  const Timestamp behind = until == kMaxTimestamp ? until : until + 1;
  if (!cold_ || until < clock.next) {
    clock.Advance(behind, "");
    return false;
  }
  StoreKeys keys;
  std::vector<Timestamp> timers;
  const auto take = [&](int64_t time, std::string_view key) -> Result<bool> {
    keys.bytes += key;
    keys.ends.push_back(keys.bytes.size());
    timers.push_back(time);
    return keys.size() < kPortion;
  };
  MILL_ASSIGN(clock.next,
              store_->ScanTimers(of_clock, clock.cursor, clock.cursor_key, until, take));
  const bool more = keys.size() == kPortion;
  if (keys.size() > 0) MILL_RETURN(LoadCold(keys, &timers, of_clock));
  if (more) {
    clock.Advance(timers.back(), std::string(keys[keys.size() - 1]) + '\0');
  } else {
    clock.Advance(behind, "");
  }
  return keys.size() > 0;
}

// The input has ended and all keys are due: they are read once, as they lie on disk, which is many times
// as fast as one by one in the order of their times.
Result<bool> SpilledTable::LoadRest() {
  MILL_ASSIGN(const bool more, LoadNext(&rest_));
  if (!more) clocks_[0].Advance(kMaxTimestamp, "");
  return more;
}

// If the key's timer is at `time` it is behind the cursor now, where keys are passed one by one.
void SpilledTable::ForgetTimer(size_t of_clock, uint32_t slot, Timestamp time) {
  Timestamp& timer = clocks_[of_clock].timers[slot];
  if (timer == time) timer = kMinTimestamp;
}

// Loads those of the keys that are not in the key table; with `timers`, whose timer of the clock is
// that one. The others' timers, too, have come.
Status SpilledTable::LoadCold(const StoreKeys& keys, const std::vector<Timestamp>* timers,
                              size_t of_clock) {
  MILL_RETURN(DeleteErased());
  MILL_ASSIGN(const auto all, layout_.DecodeKeys(keys));
  std::vector<uint32_t> slots, inserted;
  MILL_RETURN(keys_->Find(*all, layout_.key_places(), nullptr, slots));
  StoreKeys cold;
  std::vector<Timestamp> cold_timers;
  for (size_t i = 0; i < slots.size(); ++i) {
    if (slots[i] != KeyTable::kNone) {
      if (timers) ForgetTimer(of_clock, slots[i], (*timers)[i]);
      continue;
    }
    cold.bytes += keys[i];
    cold.ends.push_back(cold.bytes.size());
    if (timers) cold_timers.push_back((*timers)[i]);
  }
  MILL_ASSIGN(Loaded loaded, Read(cold, timers ? &cold_timers : nullptr, of_clock));
  if (!loaded.rows) return Status::OK();
  StoreKeys found;
  for (uint32_t i : loaded.found) {
    found.bytes += cold[i];
    found.ends.push_back(found.bytes.size());
  }
  std::iota(loaded.found.begin(), loaded.found.end(), 0);
  MILL_ASSIGN(const auto rows, layout_.DecodeKeys(found));
  MILL_RETURN(keys_->FindOrInsert(*rows, layout_.key_places(), nullptr, slots, inserted));
  for (Clock& clock : clocks_) clock.timers.resize(keys_->slot_count(), kMinTimestamp);
  MILL_RETURN(Accept(loaded, slots));
  if (!timers) return Status::OK();
  for (uint32_t slot : slots) clocks_[of_clock].timers[slot] = kMinTimestamp;  // it has come
  return Status::OK();
}

// ---- all of it ----

Result<bool> SpilledTable::LoadNext(std::string* next) {
  if (!cold_) return false;
  MILL_RETURN(DeleteErased());
  const std::string end = StoredLayout::GroupBytes(groups_.end);
  if (next->empty()) *next = StoredLayout::GroupBytes(groups_.begin);
  StoreKeys keys;
  MILL_RETURN(store_->Scan(*next, end, [&](std::string_view key, std::string_view) -> Result<bool> {
    keys.bytes += key;
    keys.ends.push_back(keys.bytes.size());
    return keys.size() < kPortion;
  }));
  if (keys.size() == 0) return false;
  *next = std::string(keys[keys.size() - 1]) + '\0';
  MILL_RETURN(LoadCold(keys, nullptr, 0));
  return true;
}

// True if the row of `key` is to be read; else scan.next is where the next one may be.
bool SpilledTable::AtSlice(SliceScan& scan, std::string_view key) const {
  const auto slice = StoredLayout::SliceOf(key.substr(layout_.SlicePlace(key.size())));
  if (!layout_.key().slice_first) return scan.wanted(slice);
  if (slice == scan.slice) return true;
  const auto group = static_cast<uint32_t>((static_cast<uint8_t>(key[0]) << 8) |
                                           static_cast<uint8_t>(key[1]));
  const std::string wanted = StoredLayout::SliceBytes(scan.slice.first, scan.slice.second);
  const bool behind = key.substr(StoredLayout::kGroupBytes, wanted.size()) > wanted;
  scan.next = StoredLayout::GroupBytes(group + (behind ? 1 : 0)) + wanted;
  return false;
}

Result<std::shared_ptr<arrow::RecordBatch>> SpilledTable::ReadSlices(SliceScan& scan) const {
  if (!cold_) return nullptr;
  const bool slice_first = layout_.key().slice_first;
  const std::string end = StoredLayout::GroupBytes(groups_.end);
  if (scan.next.empty()) {
    scan.next = StoredLayout::GroupBytes(groups_.begin);
    if (slice_first) scan.next += StoredLayout::SliceBytes(scan.slice.first, scan.slice.second);
  }
  StoreKeys keys;
  std::vector<int32_t> counts;
  RowReader reader(layout_.rows());
  bool more = true;  // scan.next is where to go on
  while (more && keys.size() < kPortion) {
    more = false;
    MILL_RETURN(store_->Scan(scan.next, end, [&](std::string_view key,
                                                 std::string_view value) -> Result<bool> {
      if (!AtSlice(scan, key)) return !(more = slice_first);
      const size_t own = key.size() - (slice_first ? 0 : layout_.slice_bytes());
      const bool same = keys.size() > 0 && !slice_first &&
                        keys[keys.size() - 1].substr(0, own) == key.substr(0, own);
      if (keys.size() >= kPortion && !same) {
        scan.next = key;
        more = true;
        return false;
      }
      keys.bytes += key;
      keys.ends.push_back(keys.bytes.size());
      MILL_ASSIGN(const int32_t count, layout_.ReadRows(value, reader));
      counts.push_back(count);
      return true;
    }));
  }
  if (!more) scan.next = end;
  if (keys.size() == 0) return nullptr;
  MILL_ASSIGN(const auto values, reader.Finish());
  return layout_.Join(keys, counts, *values);
}

}  // namespace millrace
