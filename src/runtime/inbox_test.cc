#include "runtime/inbox.h"

#include "runtime/test_parts.h"

namespace millrace {
namespace {

class NoActivity final : public Activity {
 public:
  Result<Next> Run() override { return Next::kWait; }
};

// An inbox of two channels, and what comes out of it as text.
class InboxTest : public ::testing::Test {
 protected:
  InboxTest() {
    scheduler_.Add(&task_);
    for (auto& channel : channels_) {
      channel = std::make_unique<Channel>(1 << 20, std::chrono::milliseconds{0}, &task_);
      channel->SetProducer(&task_);
      inbox_.Add(channel.get(), 0);
    }
  }

  void Push(size_t channel, Message message) { channels_[channel]->Push(std::move(message)); }
  void PushTime(size_t channel, Timestamp time) {
    Push(channel, Watermark{TimeDomain::kEvent, time});
  }
  void PushRow(size_t channel, int64_t id) {
    Push(channel, Batch{TestRange(id, id + 1), nullptr, nullptr, 0});
  }

  // All that can be taken now.
  std::string Take() {
    std::string text;
    Inbox::Delivery delivery;
    while (inbox_.Next(delivery)) {
      if (!text.empty()) text += ' ';
      if (delivery.only_pass_on) text += '~';
      text += Text(delivery.message);
    }
    return text;
  }

 private:
  static std::string Text(const Message& message) {
    if (const auto* batch = std::get_if<Batch>(&message)) {
      return "row" + std::to_string(Ids(*batch->rows)[0]);
    }
    if (const auto* watermark = std::get_if<Watermark>(&message)) {
      return (watermark->domain == TimeDomain::kEvent ? "w" : "p") + TimeText(watermark->time);
    }
    if (const auto* barrier = std::get_if<Barrier>(&message)) {
      return "barrier" + std::to_string(barrier->epoch);
    }
    return std::holds_alternative<End>(message) ? "end" : "idle";
  }

  NoActivity task_;
  Scheduler scheduler_{[](const Status&) {}};
  std::unique_ptr<Channel> channels_[2];
  Inbox inbox_;
};

TEST_F(InboxTest, WatermarkIsForwardedWhenTheLeastRises) {
  PushTime(0, 10);
  EXPECT_EQ(Take(), "");
  PushTime(1, 5);
  EXPECT_EQ(Take(), "w5");
  PushTime(0, 12);
  EXPECT_EQ(Take(), "");
  PushTime(1, 20);
  EXPECT_EQ(Take(), "w12");
}

TEST_F(InboxTest, IdleChannelsHoldBackNothing) {
  PushTime(0, 10);
  PushTime(1, 5);
  EXPECT_EQ(Take(), "w5");
  Push(1, Idle{});
  EXPECT_EQ(Take(), "w10");
  PushRow(1, 3);
  EXPECT_EQ(Take(), "row3");
  PushTime(0, 11);
  EXPECT_EQ(Take(), "") << "the woken channel counts again";
}

TEST_F(InboxTest, AllIdleGoesToTheFurthestAndWakesWithASign) {
  PushTime(0, 10);
  PushTime(1, 5);
  Push(0, Idle{});
  EXPECT_EQ(Take(), "w5");
  Push(1, Idle{});
  EXPECT_EQ(Take(), "w10 idle");
  PushRow(1, 3);
  EXPECT_EQ(Take(), "~w10 row3");
}

TEST_F(InboxTest, ProcessingTimeIgnoresIdleness) {
  Push(0, Watermark{TimeDomain::kProcessing, 7});
  Push(1, Idle{});
  EXPECT_EQ(Take(), "");
  Push(1, Watermark{TimeDomain::kProcessing, 6});
  EXPECT_EQ(Take(), "p6");
  PushTime(1, kMaxTimestamp);
  Push(1, End{});
  EXPECT_EQ(Take(), "p7");
}

TEST_F(InboxTest, BarriersAreAligned) {
  Push(0, Barrier{1});
  PushRow(0, 1);
  PushRow(1, 2);
  EXPECT_EQ(Take(), "row2") << "what follows the barrier waits";
  Push(1, Barrier{1});
  PushRow(1, 3);
  EXPECT_EQ(Take(), "barrier1 row1 row3");
}

TEST_F(InboxTest, EndedChannelsDeliverBarriersToo) {
  PushTime(0, kMaxTimestamp);
  Push(0, End{});
  Push(0, Barrier{1});
  PushTime(1, 4);
  EXPECT_EQ(Take(), "w4");
  Push(1, Barrier{1});
  EXPECT_EQ(Take(), "barrier1");
  PushTime(1, kMaxTimestamp);
  Push(1, End{});
  Push(1, Barrier{2});
  Push(0, Barrier{2});
  EXPECT_EQ(Take(), "wmax end barrier2");
}

TEST_F(InboxTest, IdleChannelIsNotTakenToTheEndOfTime) {
  PushTime(0, 9);
  Push(0, Idle{});
  PushTime(1, kMaxTimestamp);
  Push(1, End{});
  EXPECT_EQ(Take(), "w9 idle");
}

}  // namespace
}  // namespace millrace
