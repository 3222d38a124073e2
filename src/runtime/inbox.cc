#include "runtime/inbox.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace millrace {

void Inbox::Add(Channel* channel, int input) {
  Lane lane{};
  lane.channel = channel;
  lane.input = input;
  lanes_.push_back(lane);
}

bool Inbox::Next(Delivery& delivery) {
  while (ready_.empty()) {
    std::optional<Message> message;
    for (size_t tried = 0; tried < lanes_.size() && !message; ++tried) {
      Lane& lane = lanes_[next_];
      next_ = next_ + 1 == lanes_.size() ? 0 : next_ + 1;
      if (lane.blocked || lane.channel->Empty()) continue;
      message = lane.channel->Pop();
      if (message) Receive(lane, std::move(*message));
    }
    if (!message) return false;
  }
  delivery = std::move(ready_.front());
  ready_.pop_front();
  return true;
}

void Inbox::Receive(Lane& lane, Message message) {
  if (auto* batch = std::get_if<Batch>(&message)) {
    Wake(lane);
    ready_.push_back({std::move(*batch), lane.input, false});
  } else if (const auto* watermark = std::get_if<Watermark>(&message)) {
    ReceiveWatermark(lane, *watermark);
  } else if (std::holds_alternative<Idle>(message)) {
    lane.idle = true;
    Combine();
    CombineIdleness();
  } else if (const auto* barrier = std::get_if<Barrier>(&message)) {
    ReceiveBarrier(lane, *barrier);
  } else {
    lane.ended = true;
    ++ended_;
    Combine();
    CombineIdleness();
    if (ended_ == lanes_.size()) ready_.push_back({End{}, 0, false});
  }
}

void Inbox::ReceiveWatermark(Lane& lane, const Watermark& watermark) {
  if (watermark.domain == TimeDomain::kEvent) {
    Wake(lane);
    lane.event = std::max(lane.event, watermark.time);
  } else {
    lane.processing = std::max(lane.processing, watermark.time);
  }
  Combine();
}

void Inbox::ReceiveBarrier(Lane& lane, const Barrier& barrier) {
  lane.blocked = true;
  const auto now = std::chrono::steady_clock::now();
  if (blocked_ == 0) aligning_since_ = now;
  if (++blocked_ < lanes_.size()) return;
  alignment_ = std::chrono::duration_cast<std::chrono::microseconds>(now - aligning_since_);
  for (Lane& each : lanes_) each.blocked = false;
  blocked_ = 0;
  ready_.push_back({barrier, 0, false});
}

// Downstream may count this task as idle still: a watermark, even one that says nothing new, ends
// that.
void Inbox::Wake(Lane& lane) {
  lane.idle = false;
  if (!idle_) return;
  idle_ = false;
  ready_.push_back({Watermark{TimeDomain::kEvent, event_}, 0, true});
}

void Inbox::Combine() {
  const Timestamp event = EventTime();
  if (event > event_) {
    event_ = event;
    ready_.push_back({Watermark{TimeDomain::kEvent, event}, 0, false});
  }
  const Timestamp processing = ProcessingTime();
  if (processing > processing_) {
    processing_ = processing;
    ready_.push_back({Watermark{TimeDomain::kProcessing, processing}, 0, false});
  }
}

void Inbox::CombineIdleness() {
  bool any = false;
  for (const Lane& lane : lanes_) {
    if (lane.ended) continue;
    if (!lane.idle) return;
    any = true;
  }
  if (!any || idle_) return;
  idle_ = true;
  ready_.push_back({Idle{}, 0, false});
}

// When all are idle nobody holds back time: the furthest counts, as in Flink, so that the result
// does not depend on which of them went idle last.
Timestamp Inbox::EventTime() const {
  Timestamp least = kMaxTimestamp;
  Timestamp furthest_idle = kMinTimestamp;
  bool open = false;
  for (const Lane& lane : lanes_) {
    if (lane.event == kMaxTimestamp) continue;
    if (lane.ended) continue;
    open = true;
    if (lane.idle) {
      furthest_idle = std::max(furthest_idle, lane.event);
    } else {
      least = std::min(least, lane.event);
    }
  }
  return open && least == kMaxTimestamp ? furthest_idle : least;
}

// Idle sources tick on; those that have ended do not.
Timestamp Inbox::ProcessingTime() const {
  Timestamp least = kMaxTimestamp;
  for (const Lane& lane : lanes_) {
    if (!lane.ended) least = std::min(least, lane.processing);
  }
  return least == kMaxTimestamp ? kMinTimestamp : least;
}

}  // namespace millrace
