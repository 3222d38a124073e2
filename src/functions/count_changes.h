// CountChanges: by how much the counts of a slot's values have changed since the slot was last saved.
// That is what a delta holds of a list of values with counts: it grows (GrowingStateField), and
// the counts of a value in all its rows add up. Of a slot that was not saved nothing is noted: its
// first row holds all.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "data/state_field.h"

namespace millrace::aggregates {

// `Less` orders the values.
template <typename T, typename Less>
class CountChanges {
 public:
  void Resize(size_t slots) { changes_.resize(slots); }
  void Reset(uint32_t slot) { changes_[slot] = {}; }
  // True if the slot was saved.
  bool Notes(uint32_t slot) const { return changes_[slot].noted; }
  void Note(uint32_t slot, const T& value, int64_t change) {
    Changes& changes = changes_[slot];
    if (!changes.noted) return;
    changes.list.push_back({value, change});
    if (changes.list.size() < changes.limit) return;
    AddUp(changes.list);
    changes.limit = std::max(kFew, 2 * changes.list.size());
  }

  // Calls visit(value, change) for the changes of the slot. They live until Forget.
  template <typename Visit>
  void ForEach(uint32_t slot, Visit visit) {
    AddUp(changes_[slot].list);
    for (const Change& change : changes_[slot].list) visit(change.value, change.count);
  }
  // The slots have been saved: notes what happens from now on.
  template <typename Slots>
  void Forget(const Slots& slots) {
    for (uint32_t slot : slots) {
      changes_[slot] = {};
      changes_[slot].noted = true;
    }
  }

 private:
  static constexpr size_t kFew = 16;

  struct Change {
    T value;
    int64_t count;
  };
  struct Changes {
    std::vector<Change> list;
    size_t limit = kFew;  // when to add it up
    bool noted = false;
  };

  // Leaves each value once, and those only whose count differs.
  static void AddUp(std::vector<Change>& list) {
    const Less less;
    std::stable_sort(list.begin(), list.end(), [&](const Change& a, const Change& b) {
      return less(a.value, b.value);
    });
    size_t kept = 0;
    for (size_t i = 0; i < list.size(); ++i) {
      if (kept > 0 && !less(list[kept - 1].value, list[i].value)) {
        list[kept - 1].count = static_cast<int64_t>(static_cast<uint64_t>(list[kept - 1].count) +
                                                    static_cast<uint64_t>(list[i].count));
        continue;
      }
      if (kept > 0 && list[kept - 1].count == 0) --kept;
      if (kept != i) list[kept] = std::move(list[i]);
      ++kept;
    }
    if (kept > 0 && list[kept - 1].count == 0) --kept;
    list.erase(list.begin() + static_cast<std::ptrdiff_t>(kept), list.end());
  }

  std::vector<Changes> changes_;  // by slot
};

}  // namespace millrace::aggregates
