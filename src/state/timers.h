// Timers: by slot, one time each at which something may be due. Made for times that move on with
// every row (the end of a session): the owner does not tell of each move, a timer just may fire
// early, and is then set again for the time it really has.
//
//   buckets   [b+1: slots] [b+2: slots] ...   by time / width, unordered within
//   opened    heap of (time, slot)            of the buckets that the watermark has reached
//
// Entries are never looked up: one that does not match its slot's time any more is dropped when
// met.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "data/batch.h"

namespace millrace {

class Timers {
 public:
  explicit Timers(int64_t width) : width_(std::max<int64_t>(1, width)) {}

  // Makes room for slots; new ones have no timer.
  void Resize(size_t slots) { times_.resize(slots, kMinTimestamp); }
  // Sets the slot's timer, in place of an earlier one.
  void Set(uint32_t slot, Timestamp time) {
    times_[slot] = time;
    Enter(slot, time);
    if (entries_ > 2 * times_.size() + kStale) DropStale();
  }
  void Cancel(uint32_t slot) { times_[slot] = kMinTimestamp; }
  bool IsSet(uint32_t slot) const { return times_[slot] != kMinTimestamp; }

  // Takes away the earliest timer whose real time is at or before `watermark`, earliest first.
  // real_time(slot) is the time that the slot has by now, never before the one that was set;
  // real_time.Prefetch(slot) announces a call.
  template <typename RealTime>
  bool PopDue(Timestamp watermark, RealTime real_time, uint32_t* slot) {
    while (true) {
      while (!opened_.empty() && opened_.front().first <= watermark) {
        if (TakeFirst(real_time, slot)) return true;
      }
      if (buckets_.empty() || buckets_.begin()->first > Bucket(watermark)) return false;
      OpenFirstBucket(real_time);
    }
  }

 private:
  int64_t Bucket(Timestamp time) const {
    return time >= 0 ? time / width_ : (time + 1) / width_ - 1;
  }

  template <typename RealTime>
  bool TakeFirst(RealTime real_time, uint32_t* slot) {
    const auto [time, first] = opened_.front();
    std::pop_heap(opened_.begin(), opened_.end(), std::greater<>());
    opened_.pop_back();
    --entries_;
    // The next ones to come are near the heap's top.
    for (size_t i = 0; i < std::min<size_t>(opened_.size(), 7); ++i) {
      __builtin_prefetch(&times_[opened_[i].second]);
      real_time.Prefetch(opened_[i].second);
    }
    if (times_[first] != time) return false;
    const Timestamp real = real_time(first);
    if (real > time) {
      Set(first, real);
      return false;
    }
    times_[first] = kMinTimestamp;
    *slot = first;
    return true;
  }

  template <typename RealTime>
  void OpenFirstBucket(RealTime real_time) {
    auto node = buckets_.extract(buckets_.begin());
    const int64_t bucket = node.key();
    opened_until_ = std::max(opened_until_, bucket);
    const std::vector<uint32_t>& slots = node.mapped();
    entries_ -= slots.size();
    constexpr size_t kAhead = 16;
    for (size_t i = 0; i < slots.size(); ++i) {
      if (i + kAhead < slots.size()) {
        __builtin_prefetch(&times_[slots[i + kAhead]]);
        real_time.Prefetch(slots[i + kAhead]);
      }
      const uint32_t slot = slots[i];
      const Timestamp time = times_[slot];
      if (time != kMinTimestamp && Bucket(time) == bucket)
        Set(slot, std::max(time, real_time(slot)));
    }
  }

  void Enter(uint32_t slot, Timestamp time) {
    ++entries_;
    const int64_t bucket = Bucket(time);
    if (bucket <= opened_until_) {
      opened_.emplace_back(time, slot);
      std::push_heap(opened_.begin(), opened_.end(), std::greater<>());
      return;
    }
    buckets_[bucket].push_back(slot);
  }
  // Slots that come and go leave entries behind.
  void DropStale() {
    buckets_.clear();
    opened_.clear();
    entries_ = 0;
    for (uint32_t slot = 0; slot < times_.size(); ++slot) {
      if (IsSet(slot)) Enter(slot, times_[slot]);
    }
  }

  static constexpr size_t kStale = 4096;

  int64_t width_;
  size_t entries_ = 0;
  int64_t opened_until_ = kMinTimestamp;  // bucket
  std::vector<Timestamp> times_;          // by slot
  std::map<int64_t, std::vector<uint32_t>> buckets_;
  std::vector<std::pair<Timestamp, uint32_t>> opened_;
};

}  // namespace millrace
