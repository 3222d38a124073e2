// Slices: the slices of a windowed aggregate that are still needed, and the windows that read them.
// A slice's number is the namespace of its keys. See slice_aggregate.cc.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "base/status.h"
#include "windows/window.h"

namespace millrace {

// Start of a slice, and the end of the first window that reads it.
using SliceId = std::pair<Timestamp, Timestamp>;

struct Slice {
  Timestamp last_end = 0;  // of the last window that reads it
  int64_t number = 0;      // its namespace in the key table
  std::vector<uint32_t> slots;  // with state on disk only while windows are emitted
  bool cold = false;            // rows of it may be on disk
  bool saved = false;      // stands in a snapshot
};

class Slices {
 public:
  // Finds or makes the slice that `windows` read, which are given earliest end first.
  int64_t Make(SliceId id, const std::vector<Window>& windows) {
    const auto [found, is_new] = slices_.try_emplace(id);
    Slice& slice = found->second;
    if (!is_new) return slice.number;
    slice.last_end = windows.back().end;
    open_windows_.insert(windows.begin(), windows.end());
    slice.number = static_cast<int64_t>(by_number_.size());
    if (free_numbers_.empty()) {
      by_number_.push_back(&*found);
    } else {
      slice.number = free_numbers_.back();
      free_numbers_.pop_back();
      by_number_[static_cast<size_t>(slice.number)] = &*found;
    }
    return slice.number;
  }
  Slice& At(int64_t number) { return by_number_[static_cast<size_t>(number)]->second; }
  SliceId IdOf(int64_t number) const { return by_number_[static_cast<size_t>(number)]->first; }

  // The slice of this id, which is there.
  int64_t NumberOf(SliceId id) const {
    const auto found = slices_.find(id);
    MILL_CHECK(found != slices_.end());
    return found->second.number;
  }
  std::vector<SliceId> All() const {
    std::vector<SliceId> all;
    for (const auto& [id, slice] : slices_) all.push_back(id);
    return all;
  }
  template <typename Visit>
  void ForAll(Visit visit) {
    for (auto& [id, slice] : slices_) visit(slice);
  }

  // Takes away the first window that closes under `watermark`; false: there is none.
  bool TakeClosed(Timestamp watermark, Window* window) {
    if (open_windows_.empty() || open_windows_.begin()->end - 1 > watermark) return false;
    *window = *open_windows_.begin();
    open_windows_.erase(open_windows_.begin());
    return true;
  }
  // Takes away the slice that is the whole window, and returns its slots.
  std::vector<uint32_t> Take(const Window& window) {
    const auto found = slices_.find({window.start, window.end});
    std::vector<uint32_t> slots = std::move(found->second.slots);
    Remove(found);
    return slots;
  }
  // Calls visit(slice) for the slices that the window reads.
  template <typename Visit>
  void ForWindow(const Window& window, Visit visit) {
    for (auto it = slices_.lower_bound({window.start, kMinTimestamp});
         it != slices_.end() && it->first.first < window.end; ++it) {
      if (it->first.second <= window.end) visit(it->second);
    }
  }
  // Takes away a slice that no window needs that ends after `closed_end`, and returns its slots;
  // false: there is none. The windows of later slices end no earlier.
  bool TakeUnneeded(Timestamp closed_end, std::vector<uint32_t>* slots) {
    if (slices_.empty() || slices_.begin()->second.last_end > closed_end) return false;
    *slots = std::move(slices_.begin()->second.slots);
    Remove(slices_.begin());
    return true;
  }

  // For a snapshot: the slices that were saved and are gone; those that are there count as saved
  // from now on.
  std::vector<SliceId> TakeForgotten() {
    for (auto& [id, slice] : slices_) slice.saved = true;
    return std::exchange(forgotten_, {});
  }

 private:
  // Order of emission.
  struct EarlierEnd {
    bool operator()(const Window& a, const Window& b) const {
      return a.end != b.end ? a.end < b.end : a.start < b.start;
    }
  };
  using Map = std::map<SliceId, Slice>;

  void Remove(Map::iterator slice) {
    if (slice->second.saved) forgotten_.push_back(slice->first);
    by_number_[static_cast<size_t>(slice->second.number)] = nullptr;
    free_numbers_.push_back(slice->second.number);
    slices_.erase(slice);
  }

  Map slices_;
  std::vector<Map::value_type*> by_number_;  // null: free
  std::vector<int64_t> free_numbers_;
  std::set<Window, EarlierEnd> open_windows_;
  std::vector<SliceId> forgotten_;
};

}  // namespace millrace
