#include "runtime/channel.h"

#include <utility>

namespace millrace {

namespace {

// What a message costs beside the buffers of its batch: so that many small ones fill a channel too.
constexpr int64_t kMessageBytes = 256;

int64_t BytesOf(const Message& message) {
  const Batch* batch = std::get_if<Batch>(&message);
  return kMessageBytes + (batch ? batch->bytes() : 0);
}

}  // namespace

void Channel::Push(Message message) {
  const int64_t bytes = BytesOf(message);
  {
    std::lock_guard lock(mutex_);
    entries_.emplace_back(std::move(message), bytes);
    bytes_.store(bytes_.load(std::memory_order_relaxed) + bytes, std::memory_order_relaxed);
    count_.store(count_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
  consumer_->Wake();
}

// The producer is woken when the channel is half empty, not for each message, so that it has a
// stretch of work then.
std::optional<Message> Channel::Pop() {
  Message message;
  int64_t before;
  int64_t after;
  {
    std::lock_guard lock(mutex_);
    if (entries_.empty()) return std::nullopt;
    Entry& entry = entries_.front();
    before = bytes_.load(std::memory_order_relaxed);
    after = before - entry.bytes;
    message = std::move(entry.message);
    entries_.pop_front();
    bytes_.store(after, std::memory_order_relaxed);
    count_.store(count_.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
  }
  if (before > bound_ / 2 && after <= bound_ / 2) producer_->Wake();
  return message;
}

}  // namespace millrace
