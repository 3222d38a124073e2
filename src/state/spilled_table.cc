#include "state/spilled_table.h"

#include <arrow/table.h>

#include <algorithm>
#include <cstring>
#include <numeric>

#include "state/snapshot_fold.h"

namespace millrace {
namespace {

constexpr size_t kPortion = 4096;             // keys written or looked for at once
constexpr size_t kCommitBytes = 1 << 20;      // of changes
constexpr size_t kLeastSlots = 1;             // however small the budget
constexpr size_t kSlotBytes = 64;             // of the key table and the operator, about
constexpr size_t kTrimsPerMeasure = 64;
constexpr char kCursorKey[] = "\xFF" "cursor";

// Keeps what an operator writes.
class RowCapture final : public StateWriter {
 public:
  SaveMode mode() const override { return SaveMode::kFull; }
  Status Write(const StateTable&, std::shared_ptr<arrow::RecordBatch> rows) override {
    batches_.push_back(std::move(rows));
    return Status::OK();
  }
  Status Erase(const StateTable&, std::shared_ptr<arrow::RecordBatch>) override {
    return Status::OK();
  }
  Status CountLast(const StateTable&, int64_t) override { return Status::OK(); }
  // Null if there are no rows.
  Result<std::shared_ptr<arrow::RecordBatch>> Rows() const {
    if (batches_.size() <= 1) return batches_.empty() ? nullptr : batches_[0];
    return arrow::ConcatenateRecordBatches(batches_);
  }

 private:
  arrow::RecordBatchVector batches_;
};

std::shared_ptr<DropRule> RuleOf(const StoredLayout& layout, const SpillOptions::Drop& drop) {
  auto rule = std::make_shared<DropRule>();
  rule->add = drop.add;
  rule->keep_zero = drop.keep_zero;
  const std::vector<int>& slice = layout.key().slice;
  const auto place = std::find(slice.begin(), slice.end(), drop.column);
  if (place == slice.end()) {
    // Numbers before it are never NULL: each takes nine bytes.
    rule->offset = layout.timer_bytes() + layout.ValuePlace(drop.column) * 9 + 1;
    return rule;
  }
  const auto before = static_cast<size_t>(place - slice.begin()) * 8;
  const bool first = layout.key().slice_first;
  rule->place = first ? DropRule::Place::kKey : DropRule::Place::kKeyEnd;
  rule->offset = first ? StoredLayout::kGroupBytes + before : layout.slice_bytes() - before;
  return rule;
}

}  // namespace

// Rows read from the store.
struct SpilledTable::Loaded {
  std::vector<uint32_t> found;      // places among the keys asked for, ascending
  std::vector<Timestamp> timers;    // of these
  std::vector<int32_t> counts;      // rows of these
  std::shared_ptr<arrow::RecordBatch> rows;  // null: none
};

SpilledTable::SpilledTable(std::shared_ptr<RocksDbSpace> space, StoredLayout layout,
                           SpillOptions options, KeyGroupRange groups, KeyTable* keys,
                           SlotOwner* owner)
    : space_(std::move(space)),
      layout_(std::move(layout)),
      options_(std::move(options)),
      groups_(groups),
      keys_(keys),
      owner_(owner),
      timers_from_(std::make_shared<std::atomic<int64_t>>(kMinTimestamp)) {
  space_->Join();
}

SpilledTable::~SpilledTable() { space_->Leave(); }

Result<std::unique_ptr<SpilledTable>> SpilledTable::Make(std::shared_ptr<RocksDbSpace> space,
                                                         const StateTable& table,
                                                         SpillOptions options, KeyGroupRange groups,
                                                         KeyTable* keys, SlotOwner* owner) {
  MILL_ASSIGN(StoredLayout layout,
              StoredLayout::Make(table,
                                 {options.keys, options.slice, options.slice_first,
                                  options.key_groups},
                                 options.timer_column >= 0));
  std::vector<std::shared_ptr<DropRule>> rules;
  for (const SpillOptions::Drop& drop : options.drop) rules.push_back(RuleOf(layout, drop));
  auto spilled = std::unique_ptr<SpilledTable>(new SpilledTable(
      std::move(space), std::move(layout), std::move(options), groups, keys, owner));
  spilled->drop_ = std::move(rules);
  MILL_RETURN(keys->TakeChanges(SaveMode::kFull).status());  // notes changes from now on
  return spilled;
}

Status SpilledTable::OpenStore(const std::string& folder) {
  RocksDbStore::Options options{drop_, nullptr};
  if (timed()) options.timers_from = timers_from_;
  MILL_ASSIGN(store_, RocksDbStore::Open(space_, folder, std::move(options)));
  return Status::OK();
}

Status SpilledTable::NeedStore() {
  if (store_) return Status::OK();
  MILL_RETURN(OpenStore(space_->NewPath()));
  return layout_.Write(*store_);
}

// ---- reading ----

Status SpilledTable::Fetch(std::span<const uint32_t> slots) {
  if (timed()) {
    timers_.resize(keys_->slot_count(), kMinTimestamp);
    for (uint32_t slot : slots) timers_[slot] = kMinTimestamp;
  }
  if (!cold_ || slots.empty()) return Status::OK();
  MILL_RETURN(DeleteErased());
  MILL_ASSIGN(arrow::ArrayVector columns, keys_->KeyColumns(slots));
  for (auto& column : owner_->SlicesOf(slots)) columns.push_back(std::move(column));
  const auto rows = layout_.KeyBatch(static_cast<int64_t>(slots.size()), std::move(columns));
  StoreKeys keys;
  MILL_RETURN(layout_.EncodeKeys(*rows, keys));
  MILL_ASSIGN(const Loaded loaded, Read(keys, nullptr));
  return Accept(loaded, slots);
}

// Reads the rows of those keys that are there; with `timers`, whose timer is that one.
Result<SpilledTable::Loaded> SpilledTable::Read(const StoreKeys& keys,
                                                const std::vector<Timestamp>* timers) const {
  std::vector<std::string_view> views;
  for (size_t i = 0; i < keys.size(); ++i) views.push_back(keys[i]);
  Loaded loaded;
  StoreKeys found;
  RowReader reader(layout_.rows());
  MILL_RETURN(store_->Get(views, [&](size_t i, std::string_view value) -> Status {
    const Timestamp timer = layout_.TimerOf(value);
    if (timers && (*timers)[i] != timer) return Status::OK();
    loaded.found.push_back(static_cast<uint32_t>(i));
    loaded.timers.push_back(timer);
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
    if (timed()) timers_[slot] = loaded.timers[i] < cursor_ ? kMinTimestamp : loaded.timers[i];
  }
  return owner_->LoadSlots(*loaded.rows, of_rows);
}

// ---- timers ----

void SpilledTable::Advance(Timestamp cursor, std::string key) {
  cursor_ = cursor;
  cursor_key_ = std::move(key);
  *timers_from_ = cursor;
}

Result<bool> SpilledTable::LoadDue(Timestamp until) {
  if (!timed() || until < cursor_ || cursor_ == kMaxTimestamp) return false;
  const Timestamp behind = until == kMaxTimestamp ? until : until + 1;
  if (!cold_ || until < next_timer_) {
    Advance(behind, "");
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
  MILL_ASSIGN(next_timer_, store_->ScanTimers(cursor_, cursor_key_, until, take));
  const bool more = keys.size() == kPortion;
  if (keys.size() > 0) MILL_RETURN(LoadCold(keys, &timers));
  if (more) {
    Advance(timers.back(), std::string(keys[keys.size() - 1]) + '\0');
  } else {
    Advance(behind, "");
  }
  return keys.size() > 0;
}

// Loads those of the keys that are not in the key table; with `timers`, whose timer is that one.
Status SpilledTable::LoadCold(const StoreKeys& keys, const std::vector<Timestamp>* timers) {
  MILL_RETURN(DeleteErased());
  MILL_ASSIGN(const auto all, layout_.DecodeKeys(keys));
  std::vector<uint32_t> slots, inserted;
  MILL_RETURN(keys_->Find(*all, layout_.key_places(), nullptr, slots));
  StoreKeys cold;
  std::vector<Timestamp> cold_timers;
  for (size_t i = 0; i < slots.size(); ++i) {
    if (slots[i] != KeyTable::kNone) continue;
    cold.bytes += keys[i];
    cold.ends.push_back(cold.bytes.size());
    if (timers) cold_timers.push_back((*timers)[i]);
  }
  MILL_ASSIGN(Loaded loaded, Read(cold, timers ? &cold_timers : nullptr));
  if (!loaded.rows) return Status::OK();
  StoreKeys found;
  for (uint32_t i : loaded.found) {
    found.bytes += cold[i];
    found.ends.push_back(found.bytes.size());
  }
  std::iota(loaded.found.begin(), loaded.found.end(), 0);
  MILL_ASSIGN(const auto rows, layout_.DecodeKeys(found));
  MILL_RETURN(keys_->FindOrInsert(*rows, layout_.key_places(), nullptr, slots, inserted));
  if (timed()) timers_.resize(keys_->slot_count(), kMinTimestamp);
  MILL_RETURN(Accept(loaded, slots));
  if (!timers) return Status::OK();
  for (uint32_t slot : slots) timers_[slot] = kMinTimestamp;  // it has come
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
  MILL_RETURN(LoadCold(keys, nullptr));
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

// ---- writing ----

// What was erased goes before a key may come again.
Status SpilledTable::DeleteErased() {
  if (!keys_->has_erased()) return Status::OK();
  MILL_ASSIGN(KeyChanges changes, keys_->TakeErasedKeys());
  MILL_RETURN(NeedStore());
  const auto rows = layout_.KeyBatch(changes.erased_count, std::move(changes.erased));
  StoreKeys keys;
  MILL_RETURN(layout_.EncodeKeys(*rows, keys));
  for (size_t i = 0; i < keys.size(); ++i) store_->Delete(keys[i]);
  return store_->Commit();
}

// True if the store lacks something of the key.
bool SpilledTable::MustWrite(uint32_t slot) const {
  return keys_->Touched(slot) || (timed() && !HasTimer(slot));
}

Status SpilledTable::Write(std::span<const uint32_t> slots) {
  for (size_t begin = 0; begin < slots.size(); begin += kPortion) {
    const auto portion = slots.subspan(begin, std::min(kPortion, slots.size() - begin));
    RowCapture capture;
    MILL_RETURN(owner_->SaveSlots(portion, SaveMode::kFull, capture));
    MILL_ASSIGN(const auto rows, capture.Rows());
    MILL_CHECK(rows != nullptr);
    MILL_RETURN(WriteRows(*rows, portion));
    if (store_->pending_bytes() > kCommitBytes) MILL_RETURN(store_->Commit());
  }
  return store_->Commit();
}

// Rows [first, end) have one key; `due`: when something is to be done with it.
struct SpilledTable::RowsOfKey {
  size_t first, end;
  uint32_t slot;
  Timestamp due = kMaxTimestamp;
};

// `slots`: of the rows' different keys, in order.
std::vector<SpilledTable::RowsOfKey> SpilledTable::SplitByKey(
    const StoreKeys& keys, const arrow::RecordBatch& rows, std::span<const uint32_t> slots) const {
  const Timestamp* times =
      timed() ? rows.column(options_.timer_column)->data()->GetValues<int64_t>(1) : nullptr;
  std::vector<RowsOfKey> parts;
  for (size_t row = 0; row < keys.size();) {
    MILL_CHECK(parts.size() < slots.size());
    RowsOfKey part{row, row, slots[parts.size()]};
    for (; row < keys.size() && keys[row] == keys[part.first]; ++row) {
      if (times) part.due = std::min(part.due, times[row] + options_.timer_add);
    }
    part.end = row;
    parts.push_back(part);
  }
  MILL_CHECK(parts.size() == slots.size());
  return parts;
}

// In order of the keys, then of the timers: RocksDB takes ordered changes much faster.
Status SpilledTable::WriteRows(const arrow::RecordBatch& rows, std::span<const uint32_t> slots) {
  StoreKeys keys;
  MILL_RETURN(layout_.EncodeKeysOf(rows, keys));
  const arrow::ArrayVector values = layout_.Values(rows);
  std::vector<RowsOfKey> parts = SplitByKey(keys, rows, slots);
  std::sort(parts.begin(), parts.end(), [&](const RowsOfKey& a, const RowsOfKey& b) {
    return keys[a.first] < keys[b.first];
  });
  std::vector<std::pair<Timestamp, size_t>> timers;  // and the row of the key
  std::string value;
  size_t value_bytes = 0;
  for (const RowsOfKey& part : parts) {
    value.assign(layout_.timer_bytes(), '\0');
    for (size_t row = part.first; row < part.end; ++row) {
      RowCodec::Append(values, static_cast<int64_t>(row), value);
    }
    if (timed()) {
      Timestamp& timer = timers_[part.slot];
      if (!HasTimer(part.slot) || part.due < timer) {
        timer = std::max(part.due, cursor_);
        timers.emplace_back(timer, part.first);
      }
      std::memcpy(value.data(), &timer, sizeof timer);
    }
    store_->Put(keys[part.first], value);
    value_bytes += value.size();
  }
  std::stable_sort(timers.begin(), timers.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  for (const auto& [time, row] : timers) store_->PutTimer(time, keys[row]);
  if (!timers.empty()) next_timer_ = std::min(next_timer_, timers[0].first);
  Measure(parts.size(), keys.bytes.size() * parts.size() / std::max<size_t>(1, keys.size()),
          value_bytes);
  return Status::OK();
}

void SpilledTable::Measure(size_t keys, size_t key_bytes, size_t value_bytes) {
  if (measured_ > 1e6) {
    for (double* sum : {&measured_, &measured_key_bytes_, &measured_value_bytes_}) *sum /= 2;
  }
  measured_ += static_cast<double>(keys);
  measured_key_bytes_ += static_cast<double>(key_bytes);
  measured_value_bytes_ += static_cast<double>(value_bytes);
}

// Values of variable width may have grown since they were last written.
Status SpilledTable::MeasureSome() {
  std::vector<uint32_t> slots;
  for (uint32_t slot = 0; slot < keys_->slot_count() && slots.size() < 64; ++slot) {
    const auto spread = static_cast<uint32_t>((slot * 2654435761u + trims_) %
                                              keys_->slot_count());
    if (keys_->HasKey(spread)) slots.push_back(spread);
  }
  if (slots.empty()) return Status::OK();
  RowCapture capture;
  MILL_RETURN(owner_->SaveSlots(slots, SaveMode::kFull, capture));
  MILL_ASSIGN(const auto rows, capture.Rows());
  if (!rows) return Status::OK();
  StoreKeys keys;
  MILL_RETURN(layout_.EncodeKeysOf(*rows, keys));
  const arrow::ArrayVector values = layout_.Values(*rows);
  std::string bytes;
  for (int64_t row = 0; row < rows->num_rows(); ++row) RowCodec::Append(values, row, bytes);
  Measure(slots.size(), keys.bytes.size(), bytes.size());
  return Status::OK();
}

// What varies in width takes more in memory than on disk: nodes, room to grow.
size_t SpilledTable::MostSlots() const {
  const auto least = static_cast<double>(layout_.rows().least_bytes());
  const double key = measured_ > 0 ? measured_key_bytes_ / measured_ : 16;
  const double value = measured_ > 0 ? measured_value_bytes_ / measured_ : least;
  const double bytes = static_cast<double>(options_.slots_per_key) *
                       (kSlotBytes + 1.5 * key + least + 4 * std::max(0.0, value - least));
  const double share = static_cast<double>(space_->hot_bytes());
  return std::max(kLeastSlots, static_cast<size_t>(share / bytes));
}

Status SpilledTable::Trim() {
  if (!layout_.rows().fixed() && ++trims_ % kTrimsPerMeasure == 0) MILL_RETURN(MeasureSome());
  const size_t most = MostSlots();
  if (keys_->size() <= most) return Status::OK();
  MILL_RETURN(DeleteErased());
  MILL_RETURN(NeedStore());
  cold_ = true;
  const size_t wanted = most - most / 8;
  std::vector<uint32_t> cold, changed;
  while (keys_->size() > wanted) {
    cold.clear();
    changed.clear();
    keys_->FindCold(std::min(kPortion, keys_->size() - wanted), cold);
    for (uint32_t slot : cold) {
      if (MustWrite(slot)) changed.push_back(slot);
    }
    MILL_RETURN(Write(changed));
    owner_->ForgetSlots(cold);
    keys_->Evict(cold);
  }
  return Status::OK();
}

// ---- snapshots ----

Status SpilledTable::Flush() {
  MILL_RETURN(DeleteErased());
  MILL_RETURN(NeedStore());
  for (uint32_t slot = 0; timed() && slot < timers_.size(); ++slot) {
    if (!HasTimer(slot) && keys_->HasKey(slot)) keys_->Touch(slot);
  }
  MILL_ASSIGN(const KeyChanges changes, keys_->TakeChanges(SaveMode::kDelta, Rewrite::kNothing));
  MILL_RETURN(Write(changes.slots));
  if (!timed()) return Status::OK();
  store_->Put(kCursorKey, std::string_view(reinterpret_cast<const char*>(&cursor_), 8));
  return store_->Commit();
}

Status SpilledTable::Save(StateWriter& writer) {
  MILL_RETURN(Flush());
  const std::string folder = space_->NewPath();
  MILL_RETURN(store_->Checkpoint(folder));
  return writer.WriteStored(
      layout_.table(), std::make_shared<StoredTable>(DatabaseFiles(folder), groups_,
                                                     store_->rows(), folder, space_));
}

Status SpilledTable::Load(const StateReader& reader) {
  MILL_ASSIGN(const bool adopted, Adopt(reader));
  if (adopted) return Status::OK();
  return reader.ForEach(layout_.table(), [this](std::shared_ptr<arrow::RecordBatch> rows) {
    return LoadRows(*rows);
  });
}

Result<bool> SpilledTable::Adopt(const StateReader& reader) {
  for (const auto& rows : reader.Stored(layout_.table())) {
    const KeyGroupRange groups = rows->groups();
    if (groups.begin != groups_.begin || groups.end != groups_.end) continue;
    const std::string folder = space_->NewPath();
    MILL_RETURN(AdoptFiles(rows->Files(), folder));
    MILL_RETURN(OpenStore(folder));
    MILL_ASSIGN(const StoredLayout layout, StoredLayout::Read(*store_));
    if (!layout.SameAs(layout_)) {
      store_.reset();
      return false;
    }
    cold_ = true;
    const std::vector<std::string_view> keys = {kCursorKey};
    MILL_RETURN(store_->Get(keys, [this](size_t, std::string_view value) {
      if (value.size() == sizeof cursor_) std::memcpy(&cursor_, value.data(), sizeof cursor_);
      return Status::OK();
    }));
    *timers_from_ = cursor_;
    return true;
  }
  return false;
}

Status SpilledTable::LoadRows(const arrow::RecordBatch& rows) {
  std::vector<uint32_t> slots, inserted;
  MILL_RETURN(keys_->FindOrInsert(rows, options_.keys, nullptr, slots, inserted));
  for (uint32_t& row : inserted) row = slots[row];
  MILL_RETURN(Fetch(inserted));
  MILL_RETURN(owner_->LoadSlots(rows, slots));
  return Trim();
}

}  // namespace millrace
