// DistinctTable: the set of values of every slot in one flat hash table, keyed by (group, value). A slot's
// values belong to a group; emptying the slot gives it a new group and leaves the old entries to the next
// rebuild, so it costs nothing. The entries of a group are chained, so that they can be listed.
//
//   slot -> group -> head -> entry -> next -> entry ...      entry: value, group, next (16 bytes)
//
// Owned by one accumulator, used by one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace millrace {

class DistinctTable {
 public:
  // counting: each value has a count and can be taken back; else it is just there.
  explicit DistinctTable(bool counting);

  void Resize(size_t slots);
  void Reset(uint32_t slot);
  // Adds `times` (negative: takes back) to a value's count: +1 if it appeared, -1 if it vanished, else 0.
  int Add(uint32_t slot, uint64_t value, int64_t times);
  // Loads what Add(slot, value) will need into the cache.
  void Prefetch(uint32_t slot, uint64_t value) const;
  struct Item {
    uint64_t value;
    int64_t count;
  };
  std::vector<Item> Items(uint32_t slot) const;
  size_t size() const { return live_; }

  // Drops all entries that do not count; `rename` may change the values of the others in place.
  using Rename = std::function<void(std::span<uint64_t> values)>;
  void Rebuild(const Rename& rename = nullptr);

 private:
  static constexpr uint32_t kNone = 0xFFFFFFFFu;
  struct Entry {
    uint64_t value = 0;
    uint32_t group = kNone;  // kNone: free
    uint32_t next = kNone;
  };
  struct Group {
    bool alive = false;
    uint32_t head = kNone;
    uint32_t live = 0;  // entries that count
  };

  size_t Home(uint32_t group, uint64_t value) const;
  uint32_t GroupOf(uint32_t slot);
  // The entry of a value: the one that is there, or the free one where it belongs.
  size_t FindEntry(uint32_t group, uint64_t value) const;
  bool IsLive(size_t at) const;
  int CountAt(size_t at, int64_t times);

  const bool counting_;
  std::vector<Entry> entries_;  // a power of two
  std::vector<int64_t> counts_;  // beside entries_, if counting
  std::vector<Group> groups_;
  std::vector<uint32_t> group_of_slot_;
  std::vector<uint32_t> free_groups_;
  std::vector<uint32_t> dead_groups_;  // free after the next rebuild
  size_t used_ = 0;  // entries that are not free
  size_t live_ = 0;  // of them, those that count
  int shift_ = 0;    // 64 - log2(size)
};

}  // namespace millrace
