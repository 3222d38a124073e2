#include "runtime/channel.h"

#include <algorithm>
#include <utility>

namespace millrace {

namespace {

// What a message costs beside the buffers of its batch: so that many small ones fill a channel too.
constexpr int64_t kMessageBytes = 256;

// How long a consumer is looked at, and the least that the bound falls to.
constexpr std::chrono::milliseconds kMeasure{100};
constexpr int64_t kLeastBytes = 64 << 10;

int64_t BytesOf(const Message& message) {
  const Batch* batch = std::get_if<Batch>(&message);
  return kMessageBytes + (batch ? batch->bytes() : 0);
}

}  // namespace

void Channel::Push(Message message) {
  const int64_t bytes = BytesOf(message);
  const Time now = queue_time_.count() > 0 ? std::chrono::steady_clock::now() : Time();
  {
    std::lock_guard lock(mutex_);
    entries_.emplace_back(std::move(message), bytes, now);
    bytes_.store(bytes_.load(std::memory_order_relaxed) + bytes, std::memory_order_relaxed);
    count_.store(count_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
  consumer_->Wake();
}

// A consumer that is waited for is slow: what it takes in a second is what it took, by the time that
// messages stood waiting meanwhile.
bool Channel::Adapt(const Entry& entry) {
  if (queue_time_.count() == 0) return false;
  const Time now = std::chrono::steady_clock::now();
  waited_ += now - std::max(entry.pushed, taken_at_);
  taken_at_ = now;
  taken_ += entry.bytes;
  if (measured_ == Time()) measured_ = now;
  if (now - measured_ < kMeasure) return false;
  const double share = std::chrono::duration<double>(queue_time_) /
                       std::max(std::chrono::duration<double>(waited_),
                                std::chrono::duration<double>(1e-6));
  const double wanted = std::min(static_cast<double>(taken_) * share, static_cast<double>(bound_));
  const int64_t before = limit();
  const int64_t limit =
      std::max(static_cast<int64_t>(wanted), std::min(kLeastBytes, bound_));
  limit_.store(limit, std::memory_order_relaxed);
  measured_ = now;
  taken_ = 0;
  waited_ = {};
  return limit > before;
}

// The producer is woken when the channel is half empty, not for each message, so that it has a
// stretch of work then.
std::optional<Message> Channel::Pop() {
  Message message;
  int64_t before;
  int64_t after;
  bool widened;
  {
    std::lock_guard lock(mutex_);
    if (entries_.empty()) return std::nullopt;
    Entry& entry = entries_.front();
    before = bytes_.load(std::memory_order_relaxed);
    after = before - entry.bytes;
    widened = Adapt(entry);
    message = std::move(entry.message);
    entries_.pop_front();
    bytes_.store(after, std::memory_order_relaxed);
    count_.store(count_.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
  }
  const int64_t half = limit() / 2;
  if (widened || (before > half && after <= half)) producer_->Wake();
  return message;
}

}  // namespace millrace
