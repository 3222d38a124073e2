// What a sink is told beside its rows if it may hold them back for longer than an epoch, or looks
// at the time: the second interface of those sinks, which the runtime finds by a dynamic_cast.
#pragma once

#include "connectors/sink.h"

namespace millrace {

class GatheringSink {
 public:
  virtual ~GatheringSink() = default;
  // As Sink::Stage, for the last epoch or one that a savepoint ends: all rows are to show with it,
  // also those of earlier epochs that were held back.
  virtual Result<Committable> StageAll(int64_t epoch) = 0;
  // No row older than or at `time` (of the event time) will be written; kMaxTimestamp: none at all.
  virtual void OnWatermark(Timestamp time) = 0;
};

// Stages all rows, or those of the epoch, whatever kind of sink it is.
inline Result<Committable> StageSink(Sink* sink, int64_t epoch, bool all) {
  auto* gathering = all ? dynamic_cast<GatheringSink*>(sink) : nullptr;
  return gathering ? gathering->StageAll(epoch) : sink->Stage(epoch);
}

}  // namespace millrace
