#include "runtime/channel.h"

#include <thread>

#include "runtime/test_parts.h"

namespace millrace {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr int64_t kBound = 4 << 20;
constexpr int64_t kRows = 8192;  // 128 kB

class CountedActivity final : public Activity {
 public:
  Result<Next> Run() override {
    ++runs;
    return Next::kWait;
  }
  int runs = 0;
};

class ChannelTest : public ::testing::Test {
 protected:
  void Open(milliseconds queue_time) {
    scheduler_.Add(&producer_);
    scheduler_.Add(&consumer_);
    channel_ = std::make_unique<Channel>(kBound, queue_time, &consumer_);
    channel_->SetProducer(&producer_);
  }
  void Push() { channel_->Push(Batch{TestRange(0, kRows), nullptr, nullptr, 0}); }
  // Takes a batch each `pause`, with another one always waiting, for `time`.
  void Take(milliseconds time, milliseconds pause) {
    for (const auto end = steady_clock::now() + time; steady_clock::now() < end;) {
      Push();
      std::this_thread::sleep_for(pause);
      ASSERT_TRUE(channel_->Pop());
    }
  }
  void Settle() {
    while (scheduler_.RunOne(0)) continue;
  }

  CountedActivity producer_, consumer_;
  Scheduler scheduler_{[](const Status&) {}};
  std::unique_ptr<Channel> channel_;
};

// 128 kB in 40 ms or more are at most 1.6 MB in half a second.
TEST_F(ChannelTest, HoldsWhatASlowConsumerTakesInTheTime) {
  Open(milliseconds{500});
  Take(milliseconds{400}, milliseconds{40});
  EXPECT_LE(channel_->limit(), 1700000);
  EXPECT_GE(channel_->limit(), 64 << 10);
  EXPECT_TRUE(channel_->narrowed());
}

// Who waits for room under a narrow bound must hear of the wide one.
TEST_F(ChannelTest, WidensAgainAndWakesTheProducer) {
  Open(milliseconds{500});
  Take(milliseconds{400}, milliseconds{40});
  ASSERT_TRUE(channel_->narrowed());
  Settle();
  producer_.runs = 0;
  while (channel_->narrowed()) Take(milliseconds{1}, milliseconds{0});
  Settle();
  EXPECT_EQ(channel_->limit(), kBound);
  EXPECT_GT(producer_.runs, 0);
}

TEST_F(ChannelTest, AnIdleProducerDoesNotNarrowIt) {
  Open(milliseconds{500});
  for (int i = 0; i < 8; ++i) {
    std::this_thread::sleep_for(milliseconds{30});
    Push();
    ASSERT_TRUE(channel_->Pop());
  }
  EXPECT_EQ(channel_->limit(), kBound);
}

TEST_F(ChannelTest, BeginsLow) {
  Open(milliseconds{500});
  EXPECT_EQ(channel_->limit(), 256 << 10);
  EXPECT_FALSE(channel_->Full());
  Push();
  EXPECT_FALSE(channel_->Full());
  Push();
  EXPECT_TRUE(channel_->Full());
}

TEST_F(ChannelTest, NoTimeNoNarrowing) {
  Open(milliseconds{0});
  Take(milliseconds{300}, milliseconds{30});
  EXPECT_EQ(channel_->limit(), kBound);
}

}  // namespace
}  // namespace millrace
