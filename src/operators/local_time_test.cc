#include "operators/local_time.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

constexpr Timestamp kHour = 3600000;
// 2024-10-27T00:00Z: at 01:00Z the clocks of Berlin go back from 03:00 to 02:00.
constexpr Timestamp kAutumn = 1729987200000;
// 2024-03-31T00:00Z: at 01:00Z they go on from 02:00 to 03:00.
constexpr Timestamp kSpring = 1711843200000;

LocalClock Berlin() { return LocalClock::Make("Europe/Berlin").ValueOrDie(); }

TEST(LocalClock, ConvertsThereAndBack) {
  LocalClock clock = Berlin();
  for (const Timestamp utc : {kSpring - kHour, kSpring + 2 * kHour, kAutumn - kHour,
                              kAutumn + 90 * kHour, Timestamp{-1}, Timestamp{0}}) {
    EXPECT_EQ(clock.ToUtc(clock.ToLocal(utc)), utc) << utc;
  }
}

TEST(LocalClock, RepeatedTimeIsTheLaterOne) {
  LocalClock clock = Berlin();
  const Timestamp first = kAutumn + kHour / 2, second = first + kHour;
  EXPECT_EQ(clock.ToLocal(first), clock.ToLocal(second));
  EXPECT_EQ(clock.ToUtc(clock.ToLocal(first)), second);
}

TEST(LocalClock, WatermarkWaitsForTheRepeatedHour) {
  LocalClock clock = Berlin();
  const Timestamp two = clock.ToLocal(kAutumn);  // 02:00, the first time
  EXPECT_EQ(clock.WatermarkToLocal(kAutumn + kHour / 2), two - 1) << "02:00 will come again";
  EXPECT_EQ(clock.WatermarkToLocal(kAutumn + 2 * kHour - 1), two + kHour - 1);
}

TEST(LocalClock, WatermarkNeverGoesBack) {
  LocalClock clock = Berlin();
  for (const Timestamp day : {kSpring, kAutumn}) {
    Timestamp last = kMinTimestamp;
    for (Timestamp utc = day - 5 * kHour; utc < day + 5 * kHour; utc += 7 * 60000 + 1) {
      const Timestamp local = clock.WatermarkToLocal(utc);
      EXPECT_GE(local, last);
      EXPECT_LE(local, clock.ToLocal(utc));
      last = local;
    }
  }
}

TEST(LocalClock, EndsOfTimeStay) {
  LocalClock clock = Berlin();
  EXPECT_EQ(clock.WatermarkToLocal(kMaxTimestamp), kMaxTimestamp);
  EXPECT_EQ(clock.WatermarkToLocal(kMinTimestamp), kMinTimestamp);
}

}  // namespace
}  // namespace millrace
