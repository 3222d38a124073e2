#include "runtime/watermark_alignment.h"

#include <algorithm>

namespace millrace {

size_t AlignmentGroup::Join(int64_t max_drift) {
  Member member;
  member.max_drift = max_drift;
  members_.push_back(member);
  return members_.size() - 1;
}

Timestamp AlignmentGroup::Slowest() const {
  Timestamp least = kMaxTimestamp;
  for (const Member& each : members_) {
    if (each.counts) least = std::min(least, each.watermark);
  }
  return least;
}

bool AlignmentGroup::IsNear(const Member& member, Timestamp slowest) {
  if (slowest > kMaxTimestamp - member.max_drift) return true;
  return member.watermark <= slowest + member.max_drift;
}

void AlignmentGroup::Set(size_t member, Timestamp watermark, bool counts) {
  std::vector<Activity*> woken;
  {
    const std::lock_guard lock(mutex_);
    members_[member].watermark = watermark;
    members_[member].counts = counts;
    const Timestamp slowest = Slowest();
    for (Member& each : members_) {
      if (!each.waits || !IsNear(each, slowest)) continue;
      each.waits = false;
      woken.push_back(each.task);
    }
  }
  for (Activity* task : woken) task->Wake();
}

bool AlignmentGroup::MayGoOn(size_t member) {
  const std::lock_guard lock(mutex_);
  const bool near = IsNear(members_[member], Slowest());
  members_[member].waits = !near;
  return near;
}

}  // namespace millrace
