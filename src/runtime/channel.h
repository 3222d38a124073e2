// Channel: an ordered queue of messages from one task to another, bounded in bytes. Push never
// fails and never waits: the producer asks Full() before it makes more, so an empty channel always
// takes a message, however large. Pushing wakes the consumer, making room wakes the producer.
//
// A barrier waits for what stands before it. So the bound falls to what a slow consumer takes in
// `queue_time` (Flink calls this buffer debloating), and rises again once the consumer keeps up. It begins
// low: what a slow consumer has been given before it is known to be slow, it must work off.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

#include "data/message.h"
#include "runtime/scheduler.h"

namespace millrace {

class Channel {
 public:
  // `queue_time`: 0: the bound stays as it is, whatever the consumer does.
  Channel(int64_t bound, std::chrono::milliseconds queue_time, Activity* consumer)
      : bound_(bound),
        queue_time_(queue_time),
        consumer_(consumer),
        limit_(queue_time.count() > 0 ? std::min(bound, kFirstBytes) : bound) {}
  // Says who is to be woken when there is room; before anything else.
  void SetProducer(Activity* producer) { producer_ = producer; }

  void Push(Message message);
  std::optional<Message> Pop();
  bool Full() const { return bytes_.load(std::memory_order_relaxed) >= limit(); }
  bool Empty() const { return count_.load(std::memory_order_relaxed) == 0; }

  // The bound at present.
  int64_t limit() const { return limit_.load(std::memory_order_relaxed); }
  bool narrowed() const { return limit() < bound_; }

 private:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr int64_t kFirstBytes = 256 << 10;

  struct Entry {
    Entry(Message&& what, int64_t size, Time when)
        : message(std::move(what)), bytes(size), pushed(when) {}
    Message message;
    int64_t bytes;
    Time pushed;
  };

  // Under the mutex: the consumer takes `entry`. True if there is more room than before.
  bool Adapt(const Entry& entry);

  const int64_t bound_;
  const std::chrono::milliseconds queue_time_;
  Activity* producer_ = nullptr;
  Activity* const consumer_;
  std::mutex mutex_;
  std::deque<Entry> entries_;
  // Since `measured_`: bytes taken, and how long some message stood waiting.
  Time measured_{}, taken_at_{};
  int64_t taken_ = 0;
  std::chrono::nanoseconds waited_{0};
  std::atomic<int64_t> limit_;
  // Written under the mutex; read without it by Full and Empty, whose callers are woken after a
  // change.
  std::atomic<int64_t> bytes_{0};
  std::atomic<int64_t> count_{0};
};

}  // namespace millrace
