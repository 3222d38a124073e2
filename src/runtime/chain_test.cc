#include "runtime/chain.h"

#include "runtime/test_parts.h"

namespace millrace {
namespace {

// Logs what comes; full while it holds `limit` messages.
class LogEnd final : public ChainEnd {
 public:
  Status Accept(Message message) override {
    ++held;
    if (const auto* batch = std::get_if<Batch>(&message)) {
      EXPECT_EQ(batch->num_rows(), 1);
      text += " " + std::to_string(Ids(*batch->rows)[0]);
    } else if (const auto* watermark = std::get_if<Watermark>(&message)) {
      text += " w" + TimeText(watermark->time);
    } else {
      text += std::holds_alternative<End>(message) ? " end" : " other";
    }
    return Status::OK();
  }
  bool Full() const override { return held >= limit; }

  std::string text;
  int held = 0;
  int limit = 3;
};

class ChainTest : public ::testing::Test {
 protected:
  void Make(std::vector<int> times, int64_t batch_rows) {
    std::vector<std::unique_ptr<Operator>> operators;
    for (int each : times) operators.push_back(std::make_unique<RepeatOperator>(each));
    auto end = std::make_unique<LogEnd>();
    end_ = end.get();
    chain_ = std::make_unique<Chain>(std::move(operators), std::move(end), batch_rows);
    ASSERT_TRUE(chain_->Open({}).ok());
  }
  void Feed(Message message) { ASSERT_TRUE(chain_->Feed(0, std::move(message)).ok()); }
  // Makes room again and again until all has come out; returns how often.
  int Empty() {
    int rounds = 0;
    for (; chain_->HasBacklog() && rounds < 1000; ++rounds) {
      end_->held = 0;
      EXPECT_TRUE(chain_->Resume().ok());
      EXPECT_LE(end_->held, end_->limit + 1);
    }
    return rounds;
  }

  std::unique_ptr<Chain> chain_;
  LogEnd* end_ = nullptr;
};

TEST_F(ChainTest, WatermarkWaitsBehindWhatIsLeftToSay) {
  Make({2, 2}, 8192);
  Feed(Batch{TestRange(0, 2), nullptr, nullptr, 0});
  EXPECT_TRUE(chain_->HasBacklog());
  EXPECT_EQ(end_->text, " 0 0 0");
  Feed(Watermark{TimeDomain::kEvent, 5});
  Feed(End{});
  EXPECT_EQ(end_->text, " 0 0 0");
  EXPECT_GT(Empty(), 1);
  EXPECT_EQ(end_->text, " 0 0 0 0 1 1 1 1 w5 end");
  EXPECT_EQ(chain_->stats(0).rows_out.load(), 4);
  EXPECT_EQ(chain_->stats(1).rows_in.load(), 4);
  EXPECT_EQ(chain_->stats(1).rows_out.load(), 8);
}

// Emits what it gets without asking whether there is room.
class CarelessOperator final : public Operator {
 public:
  Result<Progress> OnBatch(int, const Batch& rows, Output& out) override {
    MILL_RETURN(out.Emit(rows));
    return Progress::kDone;
  }
  std::string Describe() const override { return "careless"; }
};

TEST(Chain, CutsBatchesAndQueuesThemBeforeABusyOperator) {
  std::vector<std::unique_ptr<Operator>> operators;
  operators.push_back(std::make_unique<CarelessOperator>());
  operators.push_back(std::make_unique<RepeatOperator>(2));
  auto end = std::make_unique<LogEnd>();
  LogEnd* log = end.get();
  Chain chain(std::move(operators), std::move(end), 1);
  ASSERT_TRUE(chain.Feed(0, Batch{TestRange(0, 4), nullptr, nullptr, 0}).ok());
  EXPECT_EQ(log->text, " 0 0 1");
  while (chain.HasBacklog()) {
    log->held = 0;
    ASSERT_TRUE(chain.Resume().ok());
  }
  EXPECT_EQ(log->text, " 0 0 1 1 2 2 3 3");
}

}  // namespace
}  // namespace millrace
