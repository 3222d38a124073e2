#include "state/spilled_table.h"

#include <arrow/table.h>

#include <algorithm>
#include <cstring>

#include "state/snapshot_fold.h"

namespace millrace {
namespace {

constexpr size_t kPortion = 4096;             // keys written at once
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

SpilledTable::SpilledTable(std::shared_ptr<RocksDbSpace> space, StoredLayout layout,
                           SpillOptions options, KeyGroupRange groups, KeyTable* keys,
                           SlotOwner* owner)
    : space_(std::move(space)),
      layout_(std::move(layout)),
      options_(std::move(options)),
      groups_(groups),
      keys_(keys),
      owner_(owner),
      clocks_(options_.clocks) {
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
                                 options.clocks));
  std::vector<std::shared_ptr<DropRule>> rules;
  for (const SpillOptions::Drop& drop : options.drop) rules.push_back(RuleOf(layout, drop));
  auto spilled = std::unique_ptr<SpilledTable>(new SpilledTable(
      std::move(space), std::move(layout), std::move(options), groups, keys, owner));
  spilled->drop_ = std::move(rules);
  MILL_RETURN(keys->TakeChanges(SaveMode::kFull).status());  // notes changes from now on
  return spilled;
}

Status SpilledTable::OpenStore(const std::string& folder) {
  RocksDbStore::Options options{drop_, {}};
  for (const Clock& clock : clocks_) options.timers_from.push_back(clock.dropped_before);
  MILL_ASSIGN(store_, RocksDbStore::Open(space_, folder, std::move(options)));
  return Status::OK();
}

Status SpilledTable::NeedStore() {
  if (store_) return Status::OK();
  MILL_RETURN(OpenStore(space_->NewPath()));
  return layout_.Write(*store_);
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
  for (size_t i = 0; i < keys.size(); ++i) {
    if (keys[i] >= std::string_view(rest_)) store_->Delete(keys[i]);
    if (store_->pending_bytes() > kCommitBytes) MILL_RETURN(store_->Commit());
  }
  return store_->Commit();
}

Status SpilledTable::DeleteMany() {
  return keys_->num_erased() < kPortion ? Status::OK() : DeleteErased();
}

// True if the store lacks something of the key.
bool SpilledTable::MustWrite(uint32_t slot) const {
  return keys_->Touched(slot) || LacksTimer(slot);
}

bool SpilledTable::LacksTimer(uint32_t slot) const {
  return std::any_of(clocks_.begin(), clocks_.end(),
                     [slot](const Clock& clock) { return !clock.HasTimer(slot); });
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

// Rows [first, end) have one key.
struct SpilledTable::RowsOfKey {
  size_t first, end;
  uint32_t slot;
};

// `slots`: of the rows' different keys, in order.
std::vector<SpilledTable::RowsOfKey> SpilledTable::SplitByKey(
    const StoreKeys& keys, std::span<const uint32_t> slots) const {
  std::vector<RowsOfKey> parts;
  for (size_t row = 0; row < keys.size();) {
    MILL_CHECK(parts.size() < slots.size());
    RowsOfKey part{row, row, slots[parts.size()]};
    while (row < keys.size() && keys[row] == keys[part.first]) ++row;
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
  std::vector<RowsOfKey> parts = SplitByKey(keys, slots);
  std::sort(parts.begin(), parts.end(), [&](const RowsOfKey& a, const RowsOfKey& b) {
    return keys[a.first] < keys[b.first];
  });
  std::vector<NewTimers> timers(clocks_.size());
  std::string value;
  size_t value_bytes = 0;
  for (const RowsOfKey& part : parts) {
    value.clear();
    for (size_t clock = 0; clock < clocks_.size(); ++clock) {
      StoredLayout::AppendTimer(SetTimer(clock, part, timers[clock]), value);
    }
    for (size_t row = part.first; row < part.end; ++row) {
      RowCodec::Append(values, static_cast<int64_t>(row), value);
    }
    store_->Put(keys[part.first], value);
    value_bytes += value.size();
  }
  for (size_t clock = 0; clock < clocks_.size(); ++clock) {
    PutTimers(clock, std::move(timers[clock]), keys);
  }
  Measure(parts.size(), keys.bytes.size() * parts.size() / std::max<size_t>(1, keys.size()),
          value_bytes);
  return Status::OK();
}

// Returns the time of the key's timer on disk; one that is missing, or too late, goes to `timers`.
Timestamp SpilledTable::SetTimer(size_t of_clock, const RowsOfKey& part, NewTimers& timers) {
  Clock& clock = clocks_[of_clock];
  Timestamp& timer = clock.timers[part.slot];
  const std::optional<Timestamp> known = owner_->DueOf(part.slot, of_clock);
  const Timestamp due = known ? std::min(*known, kMaxTimestamp - 1) : kMaxTimestamp;
  if (clock.HasTimer(part.slot) && due >= timer) return timer;
  timer = std::max(due, clock.cursor);
  if (timer != kMaxTimestamp) timers.emplace_back(timer, part.first);
  return timer;
}

void SpilledTable::PutTimers(size_t clock, NewTimers timers, const StoreKeys& keys) {
  if (timers.empty()) return;
  std::stable_sort(timers.begin(), timers.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  for (const auto& [time, row] : timers) store_->PutTimer(clock, time, keys[row]);
  clocks_[clock].next = std::min(clocks_[clock].next, timers[0].first);
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
  for (uint32_t slot = 0; !clocks_.empty() && slot < clocks_[0].timers.size(); ++slot) {
    if (LacksTimer(slot) && keys_->HasKey(slot)) keys_->Touch(slot);
  }
  MILL_ASSIGN(const KeyChanges changes, keys_->TakeChanges(SaveMode::kDelta, Rewrite::kNothing));
  MILL_RETURN(Write(changes.slots));
  if (clocks_.empty()) return Status::OK();
  std::string cursors;
  for (const Clock& clock : clocks_) StoredLayout::AppendTimer(clock.cursor, cursors);
  store_->Put(kCursorKey, cursors);
  return store_->Commit();
}

Status SpilledTable::Save(StateWriter& writer) {
  MILL_RETURN(Flush());
  if (!rest_.empty()) {
    MILL_RETURN(store_->DeleteRange(StoredLayout::GroupBytes(groups_.begin), rest_));
  }
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
      if (value.size() != layout_.timer_bytes()) return Status::OK();
      for (size_t i = 0; i < clocks_.size(); ++i) {
        clocks_[i].Advance(StoredLayout::TimerOf(value, i), "");
      }
      return Status::OK();
    }));
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
