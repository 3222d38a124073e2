// Watermark alignment: splits that run ahead of the slowest of their group pause until it has come
// closer, so that what waits for the slowest downstream stays small. As Flink's
// scan.watermark.alignment.group and max-drift, but asked before each piece of input instead of by a
// timer.
#pragma once

#include <mutex>
#include <vector>

#include "data/batch.h"
#include "runtime/scheduler.h"

namespace millrace {

// The splits of all tables with one group name. Thread safe once all have joined.
class AlignmentGroup {
 public:
  // Adds a split that may be `max_drift` ms ahead of the slowest; it has no watermark yet.
  size_t Join(int64_t max_drift);
  // Says who waits where `member` has to; before anything runs.
  void Connect(size_t member, Activity* task) { members_[member].task = task; }
  // Takes note of a split's watermark; an idle or ended one (`counts` false) holds nobody back.
  // Wakes those that may go on.
  void Set(size_t member, Timestamp watermark, bool counts);
  // False if `member` has to wait; it is woken when that may have changed.
  bool MayGoOn(size_t member);

 private:
  struct Member {
    Timestamp watermark = kMinTimestamp;
    bool counts = true;
    bool waits = false;
    int64_t max_drift = 0;
    Activity* task = nullptr;
  };
  // The least watermark of those that count; the mutex is held.
  Timestamp Slowest() const;
  static bool IsNear(const Member& member, Timestamp slowest);

  std::mutex mutex_;
  std::vector<Member> members_;
};

}  // namespace millrace
