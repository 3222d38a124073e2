// Expiry: the time to live of keyed state (`table.exec.state.ttl`), as Flink counts it: by
// processing time since the last write; what has expired is never seen again, though it may still
// be there until it is cleaned up. The clock comes with the messages (arrival of batches,
// processing-time watermarks).
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "data/batch.h"
#include "state/timers.h"
#include "windows/window.h"

namespace millrace {

class Expiry {
 public:
  // ttl in ms; 0: nothing expires, and all calls are cheap.
  explicit Expiry(int64_t ttl) : ttl_(ttl), timers_(ttl / 32) {}

  bool enabled() const { return ttl_ > 0; }
  // Makes room for slots.
  void Resize(size_t slots) {
    if (!enabled()) return;
    written_.resize(slots, 0);
    timers_.Resize(slots);
  }
  // The time is at least `now`.
  void Advance(Timestamp now) {
    if (now != kMaxTimestamp) now_ = std::max(now_, now);
    if (undated_.empty()) return;
    for (uint32_t slot : undated_) {
      if (written_[slot] == 0) Write(slot);
    }
    undated_.clear();
  }
  // The latest time heard of.
  Timestamp now() const { return now_; }
  bool Expired(uint32_t slot) const { return written_[slot] + ttl_ <= now_; }
  // The slot is written to now. Only if enabled.
  void Write(uint32_t slot) {
    written_[slot] = now_;
    if (!timers_.IsSet(slot)) timers_.Set(slot, now_ + ttl_);
  }
  // The slot is not in use any more.
  void Forget(uint32_t slot) {
    if (!enabled()) return;
    timers_.Cancel(slot);
    written_[slot] = kForgotten;
  }
  // Takes away a slot that has expired.
  bool PopExpired(uint32_t* slot) {
    return timers_.PopDue(now_, RealTimes{written_.data(), ttl_}, slot);
  }

  // For saving: when the slot was last written to, 0 if that is not known.
  Timestamp written(uint32_t slot) const { return enabled() ? written_[slot] : 0; }
  // For loading. State that was saved without a TTL lives from the first message on.
  void Restore(uint32_t slot, Timestamp written) {
    if (!enabled()) return;
    written_[slot] = written;
    if (written == 0) return undated_.push_back(slot);
    timers_.Set(slot, written + ttl_);
  }

  // For EXPLAIN: "TTL 3600 s", or empty.
  std::string Bound() const { return enabled() ? "TTL " + DurationText(ttl_) : ""; }

 private:
  static constexpr Timestamp kForgotten = -1;

  struct RealTimes {
    const Timestamp* written;
    int64_t ttl;
    Timestamp operator()(uint32_t slot) const { return written[slot] + ttl; }
    void Prefetch(uint32_t slot) const { __builtin_prefetch(&written[slot]); }
  };

  int64_t ttl_;
  Timestamp now_ = 0;
  std::vector<Timestamp> written_;  // by slot
  std::vector<uint32_t> undated_;   // slots loaded without a time
  Timers timers_;
};

}  // namespace millrace
