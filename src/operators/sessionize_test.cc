#include "operators/sessionize.h"

#include <gtest/gtest.h>

#include <set>

#include "operators/operator_testing.h"

namespace millrace {
namespace {

using testing::kKey;
using testing::kTime;
using testing::MakeBatch;
using testing::TestOutput;
using testing::TestRow;
using testing::Values;

// Columns of the output.
constexpr size_t kId = 4, kStart = 5, kPosition = 6, kDuration = 7;

SessionizeSpec Spec(int64_t gap) {
  SessionizeSpec spec;
  spec.keys = {kKey};
  spec.time_column = kTime;
  spec.gap = gap;
  spec.output =
      arrow::schema({arrow::field("k", arrow::int64()), arrow::field("k2", arrow::int64()),
                     arrow::field("ts", testing::TimeType()), arrow::field("v", arrow::int64()),
                     arrow::field("session_id", arrow::int64()),
                     arrow::field("session_start", testing::TimeType()),
                     arrow::field("session_position", arrow::int64()),
                     arrow::field("session_duration", arrow::int64())});
  return spec;
}

// Sends rows of key 1 at `times` and returns "start/position/duration" of each row that comes out.
std::vector<std::string> Sessions(Operator& op, const std::vector<Timestamp>& times) {
  TestOutput out;
  EXPECT_TRUE(op.Open({}).ok());
  std::vector<TestRow> rows;
  for (Timestamp time : times) rows.push_back({.key = 1, .time = time});
  testing::Finish(op, op.OnBatch(0, MakeBatch(rows, false), out), out);
  std::vector<std::string> sessions;
  for (const Values& row : out.rows) {
    sessions.push_back(fmt::format("{}/{}/{}", row[kStart], row[kPosition], row[kDuration]));
  }
  return sessions;
}

TEST(Sessionize, OpensAfterTheGap) {
  auto op = MakeSessionize(Spec(10));
  EXPECT_EQ(Sessions(*op, {100, 110, 121, 125}),
            (std::vector<std::string>{"100/1/0", "100/2/10", "121/1/0", "121/2/4"}));
}

TEST(Sessionize, TakesDisorderWithinTheGapAndDropsTheRest) {
  auto op = MakeSessionize(Spec(10));
  EXPECT_EQ(Sessions(*op, {100, 105, 95, 90, 89, 103}),
            (std::vector<std::string>{"100/1/0", "100/2/5", "100/3/5", "100/4/5", "100/5/5"}));
  EXPECT_EQ(op->counts().late, 1);
}

TEST(Sessionize, CutsByEventsAndDuration) {
  SessionizeSpec spec = Spec(10);
  spec.max_events = 3;
  spec.max_duration = 12;
  auto op = MakeSessionize(spec);
  EXPECT_EQ(
      Sessions(*op, {0, 1, 2, 3, 12, 16, 17}),
      (std::vector<std::string>{"0/1/0", "0/2/1", "0/3/2", "3/1/0", "3/2/9", "16/1/0", "16/2/1"}));
}

TEST(Sessionize, IdsDifferForSessionsThatStartTogether) {
  SessionizeSpec spec = Spec(10);
  spec.max_events = 1;
  auto op = MakeSessionize(spec);
  TestOutput out;
  ASSERT_TRUE(op->Open({}).ok());
  const std::vector<TestRow> rows(5, TestRow{.key = 1, .time = 7});
  testing::Finish(*op, op->OnBatch(0, MakeBatch(rows, false), out), out);
  std::set<int64_t> ids;
  for (const Values& row : out.rows) ids.insert(row[kId]);
  EXPECT_EQ(ids.size(), 5u);
  EXPECT_GE(*ids.begin(), 0);
}

// The same rows in any batches, with the state dropped at any time, give the same sessions.
TEST(Sessionize, DoesNotDependOnBatchesOrWatermarks) {
  for (uint32_t seed = 1; seed <= 300; ++seed) {
    std::mt19937 random(seed);
    std::vector<TestRow> rows;
    Timestamp now = 0;
    Timestamp max_time = -100;
    for (int i = 0; i < 150; ++i) {
      now += random() % 9;
      TestRow row{.key = static_cast<int64_t>(random() % 3),
                  .time = now - static_cast<int64_t>(random() % 30)};
      row.watermark = max_time - 8;
      max_time = std::max(max_time, row.time);
      rows.push_back(row);
    }
    auto whole = MakeSessionize(Spec(10));
    TestOutput expected;
    ASSERT_TRUE(whole->Open({}).ok());
    testing::Finish(*whole, whole->OnBatch(0, MakeBatch(rows, true), expected), expected);
    auto op = MakeSessionize(Spec(10));
    TestOutput out;
    ASSERT_TRUE(op->Open({}).ok());
    for (const TestRow& row : rows) {
      testing::Finish(*op, op->OnBatch(0, MakeBatch({row}, row.time <= row.watermark), out), out);
      if (random() % 3 == 0) {
        testing::Finish(*op, op->OnWatermark(TimeDomain::kEvent, row.watermark, out), out);
      }
    }
    ASSERT_EQ(out.rows, expected.rows) << "seed " << seed;
    ASSERT_EQ(op->counts().late, whole->counts().late);
  }
}

}  // namespace
}  // namespace millrace
