#include "engine/restart_strategy.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

using std::chrono::milliseconds;

RestartStrategy::Time At(int64_t ms) { return RestartStrategy::Time(milliseconds(ms)); }

int64_t Wait(RestartStrategy& strategy, int64_t now, double random = 0.5) {
  const auto wait = strategy.Failed(At(now), random);
  return wait ? wait->count() : -1;
}

TEST(RestartStrategy, NoneByDefault) {
  RestartStrategy strategy = RestartStrategy::Make({}).ValueOrDie();
  EXPECT_EQ(Wait(strategy, 0), -1);
}

TEST(RestartStrategy, FixedDelayGivesUpAfterItsAttempts) {
  const Options options = {{"restart-strategy.type", "fixed-delay"},
                           {"restart-strategy.fixed-delay.attempts", "2"},
                           {"restart-strategy.fixed-delay.delay", "3 s"}};
  RestartStrategy strategy = RestartStrategy::Make(options).ValueOrDie();
  EXPECT_EQ(Wait(strategy, 0), 3000);
  EXPECT_EQ(Wait(strategy, 10000000), 3000);
  EXPECT_EQ(Wait(strategy, 20000000), -1);
}

TEST(RestartStrategy, ExponentialDelayGrowsAndForgets) {
  const Options options = {{"restart-strategy.type", "exponential-delay"},
                           {"restart-strategy.exponential-delay.backoff-multiplier", "2"},
                           {"restart-strategy.exponential-delay.max-backoff", "3 s"},
                           {"restart-strategy.exponential-delay.reset-backoff-threshold", "1 min"}};
  RestartStrategy strategy = RestartStrategy::Make(options).ValueOrDie();
  EXPECT_EQ(Wait(strategy, 0), 1000);
  EXPECT_EQ(Wait(strategy, 2000), 2000);
  EXPECT_EQ(Wait(strategy, 5000), 3000) << "no more than max-backoff";
  EXPECT_EQ(Wait(strategy, 9000, 0.0), 2700) << "jitter";
  EXPECT_EQ(Wait(strategy, 9000 + 2700 + 60000), 1000) << "ran well for a minute";
}

TEST(RestartStrategy, UnknownTypeIsNamed) {
  const auto made = RestartStrategy::Make({{"restart-strategy.type", "often"}});
  EXPECT_NE(made.status().message().find("'often'"), std::string::npos);
}

}  // namespace
}  // namespace millrace
