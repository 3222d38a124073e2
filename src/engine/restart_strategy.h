// RestartStrategy: whether and when a failed job is started again, with Flink's names and defaults:
// restart-strategy.type = none | fixed-delay | exponential-delay, and the options of each. Without a
// type a job is not restarted.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>

#include "connectors/connector.h"

namespace millrace {

class RestartStrategy {
 public:
  using Time = std::chrono::steady_clock::time_point;
  enum class Kind { kNone, kFixedDelay, kExponentialDelay };

  // From the session's options; errors name option and value.
  static Result<RestartStrategy> Make(const Options& options);

  Kind kind() const { return kind_; }
  // The job has failed at `now`: how long to wait before it is started again; none: it stays failed.
  // `random` in [0, 1) spreads the exponential delays.
  std::optional<std::chrono::milliseconds> Failed(Time now, double random);

 private:
  Kind kind_ = Kind::kNone;
  int64_t attempts_ = 1;
  std::chrono::milliseconds delay_{1000};  // fixed, or the first
  std::chrono::milliseconds max_delay_{60000};
  double multiplier_ = 1.5;
  double jitter_ = 0.1;
  std::chrono::milliseconds reset_after_{3600000};
  int64_t failures_ = 0;
  double backoff_ = 0;  // ms; the next exponential delay
  Time started_ = Time::min();  // again, after the last failure
};

}  // namespace millrace
