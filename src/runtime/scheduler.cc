#include "runtime/scheduler.h"

#include <utility>

namespace millrace {

// Always a read-modify-write, also where the state stays as it is: its order with the exchange in
// RunActivity makes what was done before the wake-up visible to the next run.
bool Activity::Wake() {
  State seen = state_.load(std::memory_order_relaxed);
  State next;
  do {
    next = seen == State::kResting   ? State::kQueued
           : seen == State::kRunning ? State::kRunningAgain
                                     : seen;
  } while (!state_.compare_exchange_weak(seen, next, std::memory_order_acq_rel,
                                         std::memory_order_relaxed));
  if (seen != State::kResting) return false;
  scheduler_->Enqueue(this);
  return true;
}

void Scheduler::Enqueue(Activity* activity) {
  bool notify;
  {
    std::lock_guard lock(mutex_);
    queue_.push_back(activity);
    notify = waiting_ > 0;
  }
  if (notify) work_.notify_one();
}

Activity* Scheduler::Dequeue() {
  std::unique_lock lock(mutex_);
  ++waiting_;
  work_.wait(lock, [this] { return stopped_ || !queue_.empty(); });
  --waiting_;
  if (stopped_) return nullptr;
  Activity* activity = queue_.front();
  queue_.pop_front();
  return activity;
}

void Scheduler::RunActivity(Activity* activity) {
  using State = Activity::State;
  activity->state_.exchange(State::kRunning, std::memory_order_acq_rel);
  Result<Activity::Next> next = Guarded([activity] { return activity->Run(); });
  if (!next.ok()) {
    fail_(next.status());  // its state stays kRunning, so nobody queues it again
    return;
  }
  State running = State::kRunning;
  if (*next == Activity::Next::kWait &&
      activity->state_.compare_exchange_strong(running, State::kResting,
                                               std::memory_order_acq_rel)) {
    return;
  }
  activity->state_.store(State::kQueued, std::memory_order_release);
  Enqueue(activity);
}

void Scheduler::Work() {
  while (Activity* activity = Dequeue()) RunActivity(activity);
}

void Scheduler::Start(int threads) {
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { Work(); });
}

void Scheduler::Stop() {
  {
    std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  work_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

bool Scheduler::RunOne(uint64_t choice) {
  Activity* activity;
  {
    std::lock_guard lock(mutex_);
    if (stopped_ || queue_.empty()) return false;
    const auto chosen = queue_.begin() + static_cast<std::ptrdiff_t>(choice % queue_.size());
    activity = *chosen;
    queue_.erase(chosen);
  }
  RunActivity(activity);
  return true;
}

}  // namespace millrace
