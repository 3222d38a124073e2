#include "runtime/epochs.h"

#include "base/status.h"

namespace millrace {

void Epochs::Trigger() {
  std::lock_guard lock(mutex_);
  if (phase_ == Phase::kNone && !final_) Begin();
}

void Epochs::SourceEnded() {
  std::lock_guard lock(mutex_);
  ++ended_;
  if (ended_ == participants_.sources.size() && phase_ == Phase::kNone) Begin();
}

void Epochs::Begin() {
  ++epoch_;
  final_ = ended_ == participants_.sources.size();
  phase_ = Phase::kAligning;
  missing_ = participants_.tasks;
  for (const auto& inject : participants_.sources) inject(epoch_);
}

void Epochs::Acknowledge(int64_t epoch) {
  std::lock_guard lock(mutex_);
  MILL_CHECK(phase_ == Phase::kAligning && epoch == epoch_ && missing_ > 0);
  if (--missing_ > 0) return;
  phase_ = Phase::kPublishing;
  missing_ = static_cast<int>(participants_.sinks.size());
  for (const auto& publish : participants_.sinks) publish(epoch_);
  if (missing_ == 0) Complete();
}

void Epochs::Published(int64_t epoch) {
  std::lock_guard lock(mutex_);
  MILL_CHECK(phase_ == Phase::kPublishing && epoch == epoch_ && missing_ > 0);
  if (--missing_ == 0) Complete();
}

void Epochs::Complete() {
  phase_ = Phase::kNone;
  if (final_) {
    done_();
  } else if (ended_ == participants_.sources.size()) {
    Begin();
  }
}

}  // namespace millrace
