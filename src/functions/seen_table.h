// The values seen by DISTINCT: one open-addressing table for all slots, since COUNT(DISTINCT x)
// probes it for every input row. Calls that differ only in their FILTER share one
// (functions/shared_distinct.h).
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "data/state_field.h"
#include "functions/aggregate.h"

namespace millrace::distinct {

inline uint64_t Mix(uint64_t x) {
  x *= 0x9E3779B97F4A7C15ull;
  return x ^ (x >> 32);
}

// Keys of 8 bytes: stored as they are.
struct CodeStore {
  using Key = uint64_t;

  static uint64_t Hash(Key key) { return Mix(key); }
  bool Matches(uint64_t stored, Key key, uint64_t) const { return stored == key; }
  Key Load(uint64_t stored) const { return stored; }
  uint64_t Save(Key key, uint64_t) { return key; }
  uint64_t Share(uint64_t stored, uint64_t) const { return stored; }
};

// Keys of any length: in one arena, each after its length. What is stored is the position with the
// upper 16 bits of the hash before it, so that most other keys are told apart without a look.
class TextStore {
 public:
  using Key = std::string_view;

  static uint64_t Hash(Key key) { return std::hash<std::string_view>()(key); }
  bool Matches(uint64_t stored, Key key, uint64_t hash) const {
    return (stored >> kTagShift) == (hash >> kTagShift) && Load(stored) == key;
  }
  Key Load(uint64_t stored) const {
    const char* at = arena_.data() + (stored & kPosition);
    uint32_t length = 0;
    std::memcpy(&length, at, sizeof(length));
    return {at + sizeof(length), length};
  }
  // Copies the key here.
  uint64_t Save(Key key, uint64_t hash) {
    const uint64_t position = arena_.size();
    const auto length = static_cast<uint32_t>(key.size());
    arena_.append(reinterpret_cast<const char*>(&length), sizeof(length));
    arena_.append(key);
    return (hash & ~kPosition) | position;
  }
  // The same copy under another hash.
  uint64_t Share(uint64_t stored, uint64_t hash) const {
    return (hash & ~kPosition) | (stored & kPosition);
  }

 private:
  static constexpr int kTagShift = 48;
  static constexpr uint64_t kPosition = (uint64_t{1} << kTagShift) - 1;

  std::string arena_;
};

// Which of the calls that share a set have seen a key: bit c stands for call c.
struct OneCall {
  explicit OneCall(uint64_t = 1) {}
  uint64_t bits() const { return 1; }
  void Add(uint64_t) {}
};
struct ManyCalls {
  explicit ManyCalls(uint64_t bits = 0) : bits_(bits) {}
  uint64_t bits() const { return bits_; }
  void Add(uint64_t bits) { bits_ |= bits; }

 private:
  uint64_t bits_;
};

// The set of (slot, key), each with the calls that have seen it. Emptying a slot starts a new
// generation of it; entries of older ones are dropped when the table is next rebuilt, so that its
// size follows what is live.
template <typename Store, typename Calls = OneCall>
class SeenTable {
 public:
  using Key = typename Store::Key;

  SeenTable() { entries_.resize(kSmallest); }

  void Resize(size_t slots) {
    generations_.resize(slots);
    if (listing_) lists_.resize(slots);
  }

  void Reset(uint32_t slot) {
    ++generations_[slot];
    if (listing_) lists_[slot] = {};
    if (slot < listed_.size()) listed_[slot] = 0;
  }

  // Room for `count` more entries without a rebuild.
  void Reserve(size_t count) {
    if (used_ + count > entries_.size() / 4 * 3) Rebuild(count);
  }

  uint64_t HashOf(uint32_t slot, uint64_t key_hash) const {
    const uint64_t owner = (uint64_t{generations_[slot]} << 32) | slot;
    return Mix(key_hash ^ (owner * 0xD6E8FEB86659FD93ull));
  }
  // HashOf each row's key; of rows without a slot nothing is said.
  void HashRows(std::span<const uint32_t> slots, std::span<const Key> keys,
                std::vector<uint64_t>& hashes) const {
    hashes.resize(slots.size());
    for (size_t i = 0; i < slots.size(); ++i) {
      if (slots[i] != kNoSlot) hashes[i] = HashOf(slots[i], Store::Hash(keys[i]));
    }
  }
  void Prefetch(uint64_t hash) const { __builtin_prefetch(&entries_[Home(hash)]); }

  // Notes that the calls have the key in the slot; those of them to which it was new. There must be
  // room; hash is HashOf's.
  uint64_t Insert(uint32_t slot, Key key, uint64_t hash, uint64_t calls = 1) {
    Entry& entry = Find(slot, key, hash);
    if (entry.slot != kNoSlot) return Extend(entry, slot, calls);
    Occupy(entry, slot, store_.Save(key, hash), calls);
    return calls;
  }

  // Inserts all of the keys into one slot.
  void InsertAll(uint32_t slot, std::span<const Key> keys, uint64_t calls = 1) {
    Reserve(keys.size());
    for (const Key key : keys) Insert(slot, key, HashOf(slot, Store::Hash(key)), calls);
  }

  // Adds the keys of slot `from` to `into`; calls visit(key, calls) for those that were new to
  // calls.
  template <typename Visit>
  void Merge(uint32_t into, uint32_t from, Visit visit) {
    StartListing();
    Reserve(lists_[from].size());
    for (const Seen& seen : lists_[from]) {
      const Key key = store_.Load(seen.stored);
      const uint64_t hash = HashOf(into, Store::Hash(key));
      Entry& entry = Find(into, key, hash);
      uint64_t added = seen.calls.bits();
      if (entry.slot != kNoSlot) {
        added = Extend(entry, into, added);
      } else {
        Occupy(entry, into, store_.Share(seen.stored, hash), added);
      }
      if (added != 0) visit(key, added);
    }
  }

  // Calls visit(key, calls) for the slot's keys, each call once for a key; in a delta for what came
  // since the last time. What is viewed lives until the next change.
  template <typename Visit>
  void List(uint32_t slot, SaveMode mode, Visit visit) {
    StartListing();
    listed_.resize(generations_.size());
    const std::vector<Seen>& list = lists_[slot];
    for (size_t i = mode == SaveMode::kDelta ? listed_[slot] : 0; i < list.size(); ++i) {
      visit(store_.Load(list[i].stored), list[i].calls.bits());
    }
    listed_[slot] = list.size();
  }

 private:
  static constexpr size_t kSmallest = 64;

  struct Entry {
    uint64_t stored = 0;
    uint32_t slot = kNoSlot;  // kNoSlot: free
    uint32_t generation = 0;
    [[no_unique_address]] Calls calls{};
  };
  struct Seen {
    uint64_t stored = 0;
    [[no_unique_address]] Calls calls{};
  };

  size_t Home(uint64_t hash) const { return hash & (entries_.size() - 1); }

  // The key's entry, or the free one where it belongs.
  Entry& Find(uint32_t slot, Key key, uint64_t hash) {
    const uint32_t generation = generations_[slot];
    size_t at = Home(hash);
    while (entries_[at].slot != kNoSlot) {
      Entry& entry = entries_[at];
      if (entry.slot == slot && entry.generation == generation &&
          store_.Matches(entry.stored, key, hash)) {
        return entry;
      }
      at = (at + 1) & (entries_.size() - 1);
    }
    return entries_[at];
  }

  void Occupy(Entry& entry, uint32_t slot, uint64_t stored, uint64_t calls) {
    entry = {stored, slot, generations_[slot], Calls(calls)};
    ++used_;
    if (listing_) lists_[slot].push_back({stored, Calls(calls)});
  }

  // Adds calls to a key that is there; those that did not have it.
  uint64_t Extend(Entry& entry, uint32_t slot, uint64_t calls) {
    const uint64_t added = calls & ~entry.calls.bits();
    if (added == 0) return 0;
    entry.calls.Add(added);
    if (listing_) lists_[slot].push_back({entry.stored, Calls(added)});
    return added;
  }

  bool Live(const Entry& entry) const {
    return entry.slot != kNoSlot && entry.generation == generations_[entry.slot];
  }

  void Rebuild(size_t more) {
    const auto live = static_cast<size_t>(std::count_if(
        entries_.begin(), entries_.end(), [this](const Entry& entry) { return Live(entry); }));
    std::vector<Entry> old(std::max(kSmallest, std::bit_ceil((live + more) * 2)));
    old.swap(entries_);
    const Store old_store = std::exchange(store_, Store());
    used_ = 0;
    const auto move = [&](uint32_t slot, uint64_t stored, const Calls& calls) {
      const Key key = old_store.Load(stored);
      Insert(slot, key, HashOf(slot, Store::Hash(key)), calls.bits());
    };
    if (!listing_) {
      for (const Entry& entry : old) {
        if (Live(entry)) move(entry.slot, entry.stored, entry.calls);
      }
      return;
    }
    // Lists keep their order.
    for (uint32_t slot = 0; slot < lists_.size(); ++slot) {
      for (const Seen& seen : std::exchange(lists_[slot], {})) move(slot, seen.stored, seen.calls);
    }
  }

  // Lists of each slot's keys are kept from the first merge or snapshot on: who needs neither does
  // not pay.
  void StartListing() {
    if (listing_) return;
    listing_ = true;
    lists_.resize(generations_.size());
    for (const Entry& entry : entries_) {
      if (Live(entry)) lists_[entry.slot].push_back({entry.stored, entry.calls});
    }
  }

  std::vector<Entry> entries_;  // their number is a power of two
  size_t used_ = 0;             // entries that are not free, dead ones included
  std::vector<uint32_t> generations_;
  bool listing_ = false;
  std::vector<std::vector<Seen>> lists_;  // by slot; a key stands again where calls joined it
  std::vector<size_t> listed_;            // by slot: how many of them have been saved
  Store store_;
};

}  // namespace millrace::distinct
