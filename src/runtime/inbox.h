// Inbox: the input channels of one task, merged into one sequence of messages. It combines
// watermarks (minimum over the channels that are neither idle nor at the end of time), idleness and
// ends, and aligns barriers: a channel that has delivered the barrier is left alone until all
// others have too. Ended channels carry each barrier as well, so they need no special care.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <vector>

#include "data/message.h"
#include "runtime/channel.h"

namespace millrace {

class Inbox {
 public:
  struct Delivery {
    Message message;
    int input = 0;  // which input of the node it came to, for batches
    // Tells the next tasks that this one is no longer idle; nothing to the task's own operators.
    bool only_pass_on = false;
  };

  // Reads from `channel` as input number `input`.
  void Add(Channel* channel, int input);
  // Takes the next message for the task; false if there is none now.
  bool Next(Delivery& delivery);
  // How long the first channel had to wait for the last one at the last barrier.
  std::chrono::microseconds alignment() const { return alignment_; }

 private:
  struct Lane {
    Channel* channel;
    int input;
    Timestamp event = kMinTimestamp;
    Timestamp processing = kMinTimestamp;
    bool idle = false;
    bool ended = false;
    bool blocked = false;  // has delivered the barrier that others have not
  };

  void Receive(Lane& lane, Message message);
  void ReceiveWatermark(Lane& lane, const Watermark& watermark);
  void ReceiveBarrier(Lane& lane, const Barrier& barrier);
  void Wake(Lane& lane);
  // Puts the combined watermarks in line where they have risen.
  void Combine();
  void CombineIdleness();
  Timestamp EventTime() const;
  Timestamp ProcessingTime() const;

  std::vector<Lane> lanes_;
  size_t next_ = 0;  // where to look first: channels take turns
  std::deque<Delivery> ready_;  // at most a few: what one received message led to
  Timestamp event_ = kMinTimestamp;       // handed to the task
  Timestamp processing_ = kMinTimestamp;  // handed to the task
  size_t ended_ = 0;
  size_t blocked_ = 0;
  bool idle_ = false;
  std::chrono::steady_clock::time_point aligning_since_;
  std::chrono::microseconds alignment_{0};
};

}  // namespace millrace
