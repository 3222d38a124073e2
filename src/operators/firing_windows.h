// The windows of a FiringWindowAggregate: by key, with their accumulators, what of them was shown,
// and when something is due of them, by the watermark or by processing time. See
// firing_window_aggregate.h.
#pragma once

#include <algorithm>
#include <optional>
#include <vector>

#include "data/message.h"
#include "operators/aggregate_set.h"
#include "state/timers.h"
#include "windows/emit.h"

namespace millrace {

// State of a slot. A shown result has accumulators of its own, at slot `shown`, but only once rows
// have come since: until then `shown` is the window's own slot.
struct FiringWindow {
  Window window;
  int64_t rows = 0;            // added less taken back
  uint32_t key = kNoSlot;      // kNoSlot: the slot is free, or has accumulators only
  uint32_t shown = kNoSlot;    // kNoSlot: nothing was emitted, or it was taken back
  Window shown_window;         // as it was emitted: a session may have grown since
  Timestamp due = kMinTimestamp;  // processing time of the next firing; kMinTimestamp: none
  bool closed = false;         // the watermark has passed its end
};

// A result to be taken back whose window is no more.
struct TakenBack {
  uint32_t key;
  uint32_t shown;  // owned
  Window window;
};

class FiringWindows {
 public:
  // When something is next due of a window, for the timers.
  struct NextTimes {
    const FiringWindow* windows;
    int64_t lateness;
    Timestamp operator()(uint32_t slot) const {
      const FiringWindow& w = windows[slot];
      return w.window.max_timestamp() + (w.closed ? lateness : 0);
    }
    void Prefetch(uint32_t slot) const { __builtin_prefetch(&windows[slot]); }
  };

  // When it fires next, for the timers of processing time.
  struct FiringTimes {
    const FiringWindow* windows;
    Timestamp operator()(uint32_t slot) const { return windows[slot].due; }
    void Prefetch(uint32_t slot) const { __builtin_prefetch(&windows[slot]); }
  };

  // `widths`: of the timers of the watermark and of processing time. `ordered`: the bounds of
  // windows never change (no sessions), and their lists are kept in order.
  FiringWindows(AggregateSet aggregates, int64_t lateness, std::pair<int64_t, int64_t> widths,
                bool ordered)
      : lateness_(lateness),
        ordered_(ordered),
        aggregates_(std::move(aggregates)),
        timers_(widths.first),
        firings_(widths.second) {}

  FiringWindow& operator[](uint32_t slot) { return windows_[slot]; }
  const FiringWindow& operator[](uint32_t slot) const { return windows_[slot]; }
  AggregateSet& aggregates() { return aggregates_; }
  const AggregateSet& aggregates() const { return aggregates_; }

  // Makes room for the lists of keys below `keys`.
  void ResizeKeys(size_t keys) { by_key_.resize(std::max(keys, by_key_.size())); }
  // The key's windows; if ordered, by start, then end.
  std::vector<uint32_t>& OfKey(uint32_t key) { return by_key_[key]; }
  const std::vector<uint32_t>& OfKey(uint32_t key) const { return by_key_[key]; }

  // The key's window with these bounds, made if there is none; `is_new` tells.
  uint32_t FindOrOpen(uint32_t key, const Window& window, bool* is_new) {
    auto& list = by_key_[key];
    const auto at = Find(list, window);
    *is_new = at == list.end() || !(windows_[*at].window == window);
    if (!*is_new) return *at;
    const uint32_t slot = Allocate();
    windows_[slot].window = window;
    windows_[slot].key = key;
    list.insert(at, slot);
    return slot;
  }
  // Sets the timer to when something is next due of the window.
  void SetTimer(uint32_t slot) { timers_.Set(slot, NextTimes{windows_.data(), lateness_}(slot)); }
  bool PopDue(Timestamp watermark, uint32_t* slot) {
    return timers_.PopDue(watermark, NextTimes{windows_.data(), lateness_}, slot);
  }
  // Sets the processing time at which the window fires.
  void SetFiring(uint32_t slot, Timestamp due) {
    windows_[slot].due = due;
    firings_.Set(slot, due);
  }
  // The window is not to fire by processing time, until that is set again.
  void CancelFiring(uint32_t slot) {
    windows_[slot].due = kMinTimestamp;
    firings_.Cancel(slot);
  }
  // Takes away the next window that fires up to this processing time.
  bool PopFiring(Timestamp until, uint32_t* slot) {
    return firings_.PopDue(until, FiringTimes{windows_.data()}, slot);
  }

  // When something is next due by the watermark of a window of the key.
  Timestamp NextTime(uint32_t key) const {
    Timestamp next = kMaxTimestamp;
    for (uint32_t slot : by_key_[key]) {
      next = std::min(next, NextTimes{windows_.data(), lateness_}(slot));
    }
    return next;
  }
  // When a window of the key next fires by processing time, if one does.
  std::optional<Timestamp> NextFiring(uint32_t key) const {
    std::optional<Timestamp> next;
    for (uint32_t slot : by_key_[key]) {
      const Timestamp due = windows_[slot].due;
      if (due != kMinTimestamp && (!next || due < *next)) next = due;
    }
    return next;
  }

  // An empty slot for accumulators.
  uint32_t Allocate() {
    if (!free_.empty()) {
      const uint32_t slot = free_.back();
      free_.pop_back();
      return slot;
    }
    const auto slot = static_cast<uint32_t>(windows_.size());
    windows_.emplace_back();
    timers_.Resize(windows_.size());
    firings_.Resize(windows_.size());
    aggregates_.Resize(windows_.size());
    return slot;
  }
  void Free(uint32_t slot) {
    aggregates_.Reset(slot);
    timers_.Cancel(slot);
    firings_.Cancel(slot);
    windows_[slot] = FiringWindow();
    free_.push_back(slot);
  }
  // Takes the window out of its key's list; its accumulators stay until they are freed.
  void Unlist(uint32_t slot) {
    std::erase(by_key_[windows_[slot].key], slot);
    timers_.Cancel(slot);
    CancelFiring(slot);
    windows_[slot].key = kNoSlot;
  }
  // Forgets the key's windows.
  void ForgetKey(uint32_t key) {
    while (!by_key_[key].empty()) Forget(by_key_[key].back());
  }
  // Forgets a window and what was shown of it.
  void Forget(uint32_t slot) {
    ForgetShown(slot);
    Unlist(slot);
    Free(slot);
  }
  void ForgetShown(uint32_t slot) {
    const uint32_t shown = std::exchange(windows_[slot].shown, kNoSlot);
    if (shown != kNoSlot && shown != slot) Free(shown);
  }
  // Before the window's accumulators change: copies what was shown of it.
  void KeepShown(uint32_t slot) {
    if (windows_[slot].shown != slot) return;
    const uint32_t copy = Allocate();
    aggregates_.Merge(copy, slot);
    windows_[slot].shown = copy;
  }
  // Hands over what was shown of the window, which then counts as never shown.
  TakenBack TakeShown(uint32_t slot) {
    KeepShown(slot);
    FiringWindow& w = windows_[slot];
    return {w.key, std::exchange(w.shown, kNoSlot), w.shown_window};
  }

 private:
  // Where the window stands, or where a new one goes.
  std::vector<uint32_t>::iterator Find(std::vector<uint32_t>& list, const Window& window) {
    if (!ordered_) {
      return std::find_if(list.begin(), list.end(),
                          [&](uint32_t slot) { return windows_[slot].window == window; });
    }
    const auto before = [this](uint32_t slot, const Window& other) {
      const Window& own = windows_[slot].window;
      return own.start != other.start ? own.start < other.start : own.end < other.end;
    };
    return std::lower_bound(list.begin(), list.end(), window, before);
  }

  int64_t lateness_;
  bool ordered_;
  AggregateSet aggregates_;
  Timers timers_, firings_;  // by the watermark, by processing time
  std::vector<FiringWindow> windows_;           // by slot
  std::vector<uint32_t> free_;                  // slots
  std::vector<std::vector<uint32_t>> by_key_;   // by the key's slot in the key table
};

}  // namespace millrace
