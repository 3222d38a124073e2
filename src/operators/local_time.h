// Windows over TIMESTAMP_LTZ and processing time lie in the session's time zone: a day there may have
// 23 or 25 hours. LocalClock converts; MakeInLocalTime runs a windowed operator on local time.
#pragma once

#include <memory>
#include <string>

#include "functions/calendar.h"
#include "operators/operator.h"

namespace millrace {

// Between UTC and local time in ms. Cheap where neighbouring times follow each other. One thread.
class LocalClock {
 public:
  static Result<LocalClock> Make(const std::string& zone);
  Timestamp ToLocal(Timestamp utc);
  // The latest local time that no row above `watermark` can have: where clocks are set back, it waits
  // until the repeated hour has passed.
  Timestamp WatermarkToLocal(Timestamp watermark);
  // Where a local time exists twice it is the later one, as for the timers of Flink's windows.
  Timestamp ToUtc(Timestamp local);

 private:
  explicit LocalClock(TimeZone zone) : zone_(std::move(zone)) {}
  TimeZone zone_;
};

struct LocalTimeSpec {
  std::string zone;
  // Event time column, UTC: a local copy of it is put behind the input's columns. -1: none, the
  // operator looks at arrival or at windows that the rows carry.
  int time_column = -1;
};

// `inner`, which sees local times, watermarks and arrivals. Its last output column, window_time, comes
// out in UTC.
std::unique_ptr<Operator> MakeInLocalTime(LocalTimeSpec spec, std::unique_ptr<Operator> inner);

}  // namespace millrace
