// Channel: an ordered queue of messages from one task to another, bounded in bytes. Push never
// fails and never waits: the producer asks Full() before it makes more, so an empty channel always
// takes a message, however large. Pushing wakes the consumer, making room wakes the producer.
#pragma once

#include <atomic>
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
  Channel(int64_t bound, Activity* consumer) : bound_(bound), consumer_(consumer) {}
  // Says who is to be woken when there is room; before anything else.
  void SetProducer(Activity* producer) { producer_ = producer; }

  void Push(Message message);
  std::optional<Message> Pop();
  bool Full() const { return bytes_.load(std::memory_order_relaxed) >= bound_; }
  bool Empty() const { return count_.load(std::memory_order_relaxed) == 0; }

 private:
  struct Entry {
    Entry(Message&& what, int64_t size) : message(std::move(what)), bytes(size) {}
    Message message;
    int64_t bytes;
  };

  const int64_t bound_;
  Activity* producer_ = nullptr;
  Activity* const consumer_;
  std::mutex mutex_;
  std::deque<Entry> entries_;
  // Written under the mutex; read without it by Full and Empty, whose callers are woken after a
  // change.
  std::atomic<int64_t> bytes_{0};
  std::atomic<int64_t> count_{0};
};

}  // namespace millrace
