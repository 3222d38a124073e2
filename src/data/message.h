// Message: all that flows between operators. A channel carries messages in order.
#pragma once

#include <cstdint>
#include <variant>

#include "data/batch.h"

namespace millrace {

enum class TimeDomain : uint8_t { kEvent, kProcessing };

// No row older than or at `time` will follow on this channel.
struct Watermark {
  TimeDomain domain = TimeDomain::kEvent;
  Timestamp time = kMinTimestamp;
};

// The channel holds back no time until its next batch or watermark.
struct Idle {};

// Everything before it belongs to checkpoint `epoch`.
struct Barrier {
  int64_t epoch = 0;
};

// Nothing follows but, once all inputs have ended, the final barrier.
struct End {};

using Message = std::variant<Batch, Watermark, Idle, Barrier, End>;

}  // namespace millrace
