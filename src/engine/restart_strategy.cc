#include "engine/restart_strategy.h"

#include <algorithm>

namespace millrace {

namespace {

using std::chrono::milliseconds;

constexpr const char* kType = "restart-strategy.type";

Result<RestartStrategy::Kind> KindOf(const std::string& name) {
  using Kind = RestartStrategy::Kind;
  if (name == "none" || name == "off" || name == "disable") return Kind::kNone;
  if (name == "fixed-delay" || name == "fixeddelay") return Kind::kFixedDelay;
  if (name == "exponential-delay" || name == "exponentialdelay") return Kind::kExponentialDelay;
  return UserError("option '{}': '{}' is not none, fixed-delay or exponential-delay", kType, name);
}

}  // namespace

Result<RestartStrategy> RestartStrategy::Make(const Options& options) {
  RestartStrategy made;
  const std::string older = StringOption(options, "restart-strategy", "none");
  MILL_ASSIGN(made.kind_, KindOf(StringOption(options, kType, older)));
  if (made.kind_ == Kind::kFixedDelay) {
    MILL_ASSIGN(made.attempts_, IntOption(options, "restart-strategy.fixed-delay.attempts", 1));
    MILL_ASSIGN(made.delay_,
                DurationOption(options, "restart-strategy.fixed-delay.delay", milliseconds(1000)));
  }
  if (made.kind_ == Kind::kExponentialDelay) {
    const std::string prefix = "restart-strategy.exponential-delay.";
    MILL_ASSIGN(made.delay_, DurationOption(options, prefix + "initial-backoff", made.delay_));
    MILL_ASSIGN(made.max_delay_, DurationOption(options, prefix + "max-backoff", made.max_delay_));
    MILL_ASSIGN(made.multiplier_, DoubleOption(options, prefix + "backoff-multiplier", 1.5));
    MILL_ASSIGN(made.jitter_, DoubleOption(options, prefix + "jitter-factor", 0.1));
    MILL_ASSIGN(made.reset_after_,
                DurationOption(options, prefix + "reset-backoff-threshold", made.reset_after_));
    MILL_ASSIGN(made.attempts_, IntOption(options, prefix + "attempts-before-reset-backoff",
                                          std::numeric_limits<int64_t>::max()));
    if (made.multiplier_ < 1.0 || made.jitter_ < 0 || made.jitter_ > 1) {
      return UserError("{}backoff-multiplier must be 1 or more, {}jitter-factor from 0 to 1", prefix,
                       prefix);
    }
  }
  return made;
}

std::optional<milliseconds> RestartStrategy::Failed(Time now, double random) {
  if (kind_ == Kind::kNone) return std::nullopt;
  const bool calm = started_ != Time::min() && now - started_ >= reset_after_;
  if (kind_ == Kind::kExponentialDelay && calm) failures_ = 0;
  if (++failures_ > attempts_) return std::nullopt;
  milliseconds wait = delay_;
  if (kind_ == Kind::kExponentialDelay) {
    const double first = static_cast<double>(delay_.count());
    const double longest = static_cast<double>(max_delay_.count());
    backoff_ = failures_ == 1 ? first : std::min(backoff_ * multiplier_, longest);
    wait = milliseconds(static_cast<int64_t>(backoff_ * (1 + jitter_ * (2 * random - 1))));
  }
  started_ = now + wait;
  return wait;
}

}  // namespace millrace
