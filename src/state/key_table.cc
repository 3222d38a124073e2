#include "state/key_table.h"

#include <xxhash.h>

#include <algorithm>
#include <cstring>

namespace millrace {
namespace {

constexpr size_t kFirstCapacity = 64;
constexpr size_t kGroup = 128;             // rows whose cache misses overlap
constexpr size_t kCompactAbove = 1 << 16;  // bytes of arena

}  // namespace

Result<std::unique_ptr<KeyTable>> KeyTable::Make(const arrow::Schema& schema,
                                                 const std::vector<int>& columns,
                                                 bool with_namespace) {
  std::vector<std::shared_ptr<arrow::DataType>> types;
  for (int column : columns) types.push_back(schema.field(column)->type());
  MILL_ASSIGN(KeyCodec codec, KeyCodec::Make(std::move(types), with_namespace));
  return std::unique_ptr<KeyTable>(new KeyTable(std::move(codec)));
}

KeyTable::KeyTable(KeyCodec codec) : codec_(std::move(codec)) { Rehash(kFirstCapacity); }

Status KeyTable::FindOrInsert(const arrow::RecordBatch& rows, const std::vector<int>& columns,
                              const int64_t* namespaces, std::vector<uint32_t>& slots,
                              std::vector<uint32_t>& inserted) {
  MILL_RETURN(codec_.Encode(rows, columns, namespaces, encoded_));
  slots.resize(static_cast<size_t>(rows.num_rows()));
  hashes_.resize(slots.size());
  FindOrInsertEncoded(slots, inserted);
  return Status::OK();
}

Status KeyTable::Find(const arrow::RecordBatch& rows, const std::vector<int>& columns,
                      const int64_t* namespaces, std::vector<uint32_t>& slots) {
  MILL_RETURN(codec_.Encode(rows, columns, namespaces, encoded_));
  slots.resize(static_cast<size_t>(rows.num_rows()));
  hashes_.resize(slots.size());
  for (size_t begin = 0; begin < slots.size(); begin += kGroup) {
    const size_t end = std::min(begin + kGroup, slots.size());
    Prefetch(encoded_, begin, end);
    for (size_t i = begin; i < end; ++i) {
      slots[i] = FindKey(encoded_.data(i), encoded_.size(i), static_cast<uint32_t>(hashes_[i]));
    }
  }
  return Status::OK();
}

void KeyTable::FindOrInsertEncoded(std::vector<uint32_t>& slots, std::vector<uint32_t>& inserted) {
  for (size_t begin = 0; begin < slots.size(); begin += kGroup) {
    const size_t end = std::min(begin + kGroup, slots.size());
    Prefetch(encoded_, begin, end);
    for (size_t i = begin; i < end; ++i) {
      bool is_new = false;
      slots[i] = FindOrInsertKey(encoded_.data(i), encoded_.size(i), hashes_[i], is_new);
      if (is_new) inserted.push_back(static_cast<uint32_t>(i));
    }
  }
  if (tracking_) TouchAll(slots);
}

void KeyTable::TouchAll(const std::vector<uint32_t>& slots) {
  uint8_t* marks = marks_.data();
  for (uint32_t slot : slots) marks[slot] |= kTouched | kLookedUp;
}

// Hashes the rows and pulls in the index entries, then the keys that they lead to.
void KeyTable::Prefetch(const EncodedKeys& keys, size_t begin, size_t end) {
  for (size_t i = begin; i < end; ++i) {
    hashes_[i] = XXH3_64bits(keys.data(i), keys.size(i));
    __builtin_prefetch(&entries_[hashes_[i] & mask_]);
  }
  uint32_t likely[kGroup];
  for (size_t i = begin; i < end; ++i) {
    const uint32_t slot = entries_[hashes_[i] & mask_].slot;
    likely[i - begin] = slot;
    if (slot == kNone) continue;
    if (keys.width > 0) {
      __builtin_prefetch(keys_.data() + slot * keys.width);
    } else {
      __builtin_prefetch(&places_[slot]);
    }
  }
  if (keys.width > 0) return;
  for (size_t i = begin; i < end; ++i) {
    const uint32_t slot = likely[i - begin];
    if (slot != kNone) __builtin_prefetch(keys_.data() + places_[slot].offset);
  }
}

void KeyTable::FindOrInsertIn(int64_t other_namespace, std::span<const uint32_t> slots,
                              std::vector<uint32_t>& others, std::vector<uint32_t>& inserted) {
  CopyKeys(other_namespace, slots);
  others.resize(slots.size());
  hashes_.resize(slots.size());
  FindOrInsertEncoded(others, inserted);
}

// Sets encoded_ to the keys of the slots with another namespace.
void KeyTable::CopyKeys(int64_t other_namespace, std::span<const uint32_t> slots) {
  encoded_.width = codec_.fixed_width();
  encoded_.bytes.clear();
  encoded_.offsets.assign(1, 0);
  for (uint32_t slot : slots) {
    const size_t at = encoded_.bytes.size();
    const uint8_t* key = KeyData(slot);
    encoded_.bytes.insert(encoded_.bytes.end(), key, key + KeySize(slot));
    std::memcpy(encoded_.bytes.data() + at, &other_namespace, sizeof(other_namespace));
    encoded_.offsets.push_back(encoded_.bytes.size());
  }
}

const uint8_t* KeyTable::KeyData(uint32_t slot) const {
  const size_t width = codec_.fixed_width();
  return keys_.data() + (width > 0 ? slot * width : places_[slot].offset);
}

size_t KeyTable::KeySize(uint32_t slot) const {
  const size_t width = codec_.fixed_width();
  return width > 0 ? width : places_[slot].length;
}

inline bool KeyTable::Equal(uint32_t slot, const uint8_t* key, size_t size) const {
  if (codec_.fixed_width() == 16) {
    uint64_t a[2], b[2];
    std::memcpy(a, keys_.data() + size_t{slot} * 16, 16);
    std::memcpy(b, key, 16);
    return a[0] == b[0] && a[1] == b[1];
  }
  return KeySize(slot) == size && std::memcmp(KeyData(slot), key, size) == 0;
}

inline uint32_t KeyTable::FindKey(const uint8_t* key, size_t size, uint32_t tag) const {
  for (size_t at = tag & mask_; entries_[at].slot != kNone; at = (at + 1) & mask_) {
    if (entries_[at].tag == tag && Equal(entries_[at].slot, key, size)) return entries_[at].slot;
  }
  return kNone;
}

uint32_t KeyTable::FindOrInsertKey(const uint8_t* key, size_t size, uint64_t hash, bool& is_new) {
  const auto tag = static_cast<uint32_t>(hash);
  const uint32_t found = FindKey(key, size, tag);
  if (found != kNone) return found;
  is_new = true;
  return InsertKey(key, size, tag);
}

uint32_t KeyTable::InsertKey(const uint8_t* key, size_t size, uint32_t tag) {
  if ((size_ + 1) * 8 > entries_.size() * 5) Rehash(entries_.size() * 2);
  const bool arena = codec_.fixed_width() == 0;
  if (arena && keys_.size() > kCompactAbove && keys_.size() > 2 * live_bytes_) CompactArena();
  const uint32_t slot = Allocate();
  used_[slot] = kKeyed;
  ++size_;
  if (!arena) {
    std::memcpy(keys_.data() + slot * size, key, size);
  } else {
    places_[slot] = {keys_.size(), static_cast<uint32_t>(size)};
    keys_.insert(keys_.end(), key, key + size);
    live_bytes_ += size;
  }
  PutEntry(tag, slot);
  return slot;
}

uint32_t KeyTable::Allocate() {
  if (!free_.empty()) {
    const uint32_t slot = free_.back();
    free_.pop_back();
    used_[slot] = kKeyless;
    return slot;
  }
  const auto slot = static_cast<uint32_t>(used_.size());
  MILL_CHECK(slot != kNone);
  used_.push_back(kKeyless);
  if (tracking_) marks_.push_back(0);
  if (codec_.fixed_width() > 0) {
    keys_.resize(used_.size() * codec_.fixed_width());
  } else {
    places_.push_back({0, 0});
  }
  return slot;
}

void KeyTable::PutEntry(uint32_t tag, uint32_t slot) {
  size_t at = tag & mask_;
  while (entries_[at].slot != kNone) at = (at + 1) & mask_;
  entries_[at] = {tag, slot};
}

void KeyTable::Rehash(size_t capacity) {
  std::vector<Entry> old(capacity, Entry{0, kNone});
  old.swap(entries_);
  mask_ = capacity - 1;
  for (const Entry& entry : old) {
    if (entry.slot != kNone) PutEntry(entry.tag, entry.slot);
  }
}

// At least doubles what it moves: many calls that each ask for a little more cost no more than one.
void KeyTable::Reserve(size_t keys) {
  size_t capacity = entries_.size();
  while ((keys + 1) * 8 > capacity * 5) capacity *= 2;
  if (capacity > entries_.size()) Rehash(capacity);
  const auto reserve = [](auto& items, size_t count) {
    if (count > items.capacity()) items.reserve(std::max(count, 2 * items.capacity()));
  };
  reserve(used_, keys);
  if (tracking_) reserve(marks_, keys);
  if (codec_.fixed_width() > 0) {
    reserve(keys_, keys * codec_.fixed_width());
  } else {
    reserve(places_, keys);
  }
}

void KeyTable::Erase(uint32_t slot) {
  EraseHashed(slot, used_[slot] == kKeyed ? XXH3_64bits(KeyData(slot), KeySize(slot)) : 0);
}

void KeyTable::Erase(std::span<const uint32_t> slots) {
  for (size_t begin = 0; begin < slots.size(); begin += kGroup) {
    const size_t count = std::min(kGroup, slots.size() - begin);
    uint64_t hashes[kGroup];
    for (size_t i = 0; i < count; ++i) {
      const uint32_t slot = slots[begin + i];
      hashes[i] = used_[slot] == kKeyed ? XXH3_64bits(KeyData(slot), KeySize(slot)) : 0;
      __builtin_prefetch(&entries_[hashes[i] & mask_]);
    }
    for (size_t i = 0; i < count; ++i) EraseHashed(slots[begin + i], hashes[i]);
  }
}

void KeyTable::EraseHashed(uint32_t slot, uint64_t hash) {
  MILL_CHECK(used_[slot] != kFree);
  if (used_[slot] == kKeyed) {
    size_t at = static_cast<uint32_t>(hash) & mask_;
    while (entries_[at].slot != slot) at = (at + 1) & mask_;
    EraseEntry(at);
    --size_;
    if (codec_.fixed_width() == 0) live_bytes_ -= places_[slot].length;
  }
  if (tracking_) {
    ForgetSaved(slot);
    marks_[slot] = 0;
  }
  used_[slot] = kFree;
  free_.push_back(slot);
}

void KeyTable::ForgetSaved(uint32_t slot) {
  if (!tracking_ || !(marks_[slot] & kSaved)) return;
  marks_[slot] = static_cast<uint8_t>(marks_[slot] & ~kSaved);
  if (codec_.with_namespace()) return;
  const uint8_t* key = KeyData(slot);
  erased_.insert(erased_.end(), key, key + KeySize(slot));
  erased_lengths_.push_back(static_cast<uint32_t>(KeySize(slot)));
}

Result<KeyChanges> KeyTable::TakeChanges(SaveMode mode, Rewrite rewrite) {
  KeyChanges changes;
  if (!tracking_) marks_.resize(used_.size(), 0);
  tracking_ = true;
  if (rewrite == Rewrite::kInTurns) {
    const size_t changed = CountTouched() + erased_lengths_.size();
    if (mode == SaveMode::kDelta && changed > 0) {
      const size_t again = changed > size_ / kLargeChange ? changed / 2 : changed;
      TouchNext(std::max(again, size_ / kLongestChain + 1));
    }
    changes.last_snapshots = CountSnapshots(mode);
  }
  changes.slots = TakeTouched(mode);
  if (mode == SaveMode::kDelta) MILL_RETURN(TakeErased(changes));
  erased_ = {};
  erased_lengths_ = {};
  return changes;
}

size_t KeyTable::CountTouched() const {
  size_t count = 0;
  for (uint8_t mark : marks_) count += mark & kTouched;
  return count;
}

// Marks that many keys as changed that are not, from where the last call stopped; or all there are.
void KeyTable::TouchNext(size_t count) {
  for (size_t looked = 0; looked < used_.size() && count > 0; ++looked) {
    const uint32_t slot = turn_.slot;
    if (used_[slot] == kKeyed && !(marks_[slot] & kTouched)) {
      marks_[slot] |= kTouched;
      --count;
    }
    if (++turn_.slot < used_.size()) continue;
    turn_.slot = 0;
    ++turn_.round;
  }
}

// Adds the one that is being made; returns how many count.
int64_t KeyTable::CountSnapshots(SaveMode mode) {
  if (mode == SaveMode::kFull) turns_.clear();
  while (!turns_.empty() && WholeRoundSince(turns_.front())) turns_.pop_front();
  if (turns_.empty() || turns_.back().round != turn_.round || turns_.back().slot != turn_.slot) {
    turns_.push_back(turn_);
  }
  ++turns_.back().snapshots;
  int64_t count = 0;
  for (const Turn& turn : turns_) count += turn.snapshots;
  return count;
}

std::vector<uint32_t> KeyTable::TakeTouched(SaveMode mode) {
  std::vector<uint32_t> touched;
  if (mode == SaveMode::kFull) touched.reserve(size_);
  for (size_t slot = 0; slot < marks_.size(); ++slot) {
    const bool wanted = mode == SaveMode::kFull || (marks_[slot] & kTouched);
    if (!wanted || used_[slot] != kKeyed) continue;
    marks_[slot] = static_cast<uint8_t>((marks_[slot] & kLookedUp) | kSaved);
    touched.push_back(static_cast<uint32_t>(slot));
  }
  return touched;
}

Result<KeyChanges> KeyTable::TakeErasedKeys() {
  KeyChanges changes;
  MILL_RETURN(TakeErased(changes));
  erased_.clear();
  erased_lengths_.clear();
  return changes;
}

// Second chance: a key that was looked up is passed over once.
void KeyTable::FindCold(size_t count, std::vector<uint32_t>& slots) {
  const size_t wanted = slots.size() + count;
  for (size_t looks = 2 * used_.size(); looks > 0 && slots.size() < wanted; --looks) {
    hand_ = hand_ + 1 < used_.size() ? hand_ + 1 : 0;
    if (used_[hand_] != kKeyed) continue;
    if (marks_[hand_] & kLookedUp) {
      marks_[hand_] = static_cast<uint8_t>(marks_[hand_] & ~kLookedUp);
      continue;
    }
    slots.push_back(static_cast<uint32_t>(hand_));
    marks_[hand_] |= kLookedUp;  // not twice
  }
}

void KeyTable::Evict(std::span<const uint32_t> slots) {
  for (uint32_t slot : slots) marks_[slot] = 0;
  Erase(slots);
}

Status KeyTable::TakeErased(KeyChanges& changes) {
  std::vector<const uint8_t*> keys;
  size_t at = 0;
  for (uint32_t length : erased_lengths_) {
    keys.push_back(erased_.data() + at);
    at += length;
  }
  changes.erased_count = static_cast<int64_t>(keys.size());
  return codec_.Decode(std::move(keys)).Value(&changes.erased);
}

int64_t KeyTable::NamespaceOf(uint32_t slot) const {
  int64_t value = 0;
  std::memcpy(&value, KeyData(slot), sizeof(value));
  return value;
}

// Closes the hole by moving back each following entry that may stand there.
void KeyTable::EraseEntry(size_t hole) {
  for (size_t at = (hole + 1) & mask_; entries_[at].slot != kNone; at = (at + 1) & mask_) {
    const size_t home = entries_[at].tag & mask_;
    if (((at - home) & mask_) >= ((at - hole) & mask_)) {
      entries_[hole] = entries_[at];
      hole = at;
    }
  }
  entries_[hole].slot = kNone;
}

void KeyTable::CompactArena() {
  std::vector<uint8_t> compact;
  compact.reserve(live_bytes_ * 2);
  for (size_t slot = 0; slot < places_.size(); ++slot) {
    if (used_[slot] != kKeyed) continue;
    Place& place = places_[slot];
    const uint8_t* data = keys_.data() + place.offset;
    place.offset = compact.size();
    compact.insert(compact.end(), data, data + place.length);
  }
  keys_.swap(compact);
}

Result<arrow::ArrayVector> KeyTable::KeyColumns(std::span<const uint32_t> slots) const {
  std::vector<const uint8_t*> keys(slots.size());
  for (size_t i = 0; i < slots.size(); ++i) keys[i] = KeyData(slots[i]);
  return codec_.Decode(std::move(keys));
}

size_t KeyTable::memory_bytes() const {
  return entries_.capacity() * sizeof(Entry) + used_.capacity() + free_.capacity() * 4 +
         keys_.capacity() + places_.capacity() * sizeof(Place) + marks_.capacity() +
         erased_.capacity() + erased_lengths_.capacity() * 4;
}

}  // namespace millrace
