// TUMBLE, HOP, CUMULATE and attached windows against a model that keeps every window by itself.
#include <gtest/gtest.h>

#include <set>

#include "operators/operator_testing.h"
#include "operators/window_aggregate.h"

namespace millrace {
namespace {

using testing::kKey;
using testing::kKey2;
using testing::kTime;
using testing::kValue;
using testing::MakeBatch;
using testing::TestOutput;
using testing::TestRow;
using testing::Values;

WindowAggregateSpec RandomSpec(std::mt19937& random) {
  WindowAggregateSpec spec;
  constexpr WindowKind kKinds[] = {WindowKind::kTumble, WindowKind::kHop, WindowKind::kCumulate};
  spec.window.kind = kKinds[random() % 3];
  spec.window.time_column = kTime;
  spec.window.slide = 1 + random() % 10;
  spec.window.size = spec.window.slide * (1 + random() % 5);
  if (spec.window.kind == WindowKind::kTumble) spec.window.slide = 0;
  if (spec.window.kind == WindowKind::kHop) spec.window.size = 1 + random() % 40;
  spec.window.offset = static_cast<int64_t>(random() % 7) - 3;
  spec.keys = {kKey};
  spec.calls = {testing::CountCall(), testing::SumCall(kValue)};
  spec.retract = random() % 3 == 0;
  spec.output = testing::ResultSchema({"k", "count", "sum"}, true);
  return spec;
}

std::vector<TestRow> RandomRows(std::mt19937& random, bool retract) {
  std::vector<TestRow> rows;
  const int64_t keys = 1 + random() % 4;
  const int64_t disorder = 1 + random() % 60;
  const int64_t lag = random() % 40;
  Timestamp now = 0;
  Timestamp max_time = -1000;
  const size_t count = 1 + random() % 150;
  for (size_t i = 0; i < count; ++i) {
    now += random() % 8;
    TestRow row;
    row.key = random() % keys;
    row.time = now - static_cast<int64_t>(random()) % disorder;
    row.value = random() % 100;
    row.watermark = max_time - lag;
    if (retract && !rows.empty() && random() % 3 == 0) {
      const Timestamp watermark = row.watermark;
      row = rows[random() % rows.size()];
      row.kind = row.kind == RowKind::kInsert ? RowKind::kDelete : RowKind::kInsert;
      row.watermark = watermark;
    }
    max_time = std::max(max_time, row.time);
    rows.push_back(row);
  }
  return rows;
}

std::multiset<Values> Model(const std::vector<TestRow>& rows, const WindowAggregateSpec& spec,
                            int64_t* late) {
  struct Total {
    int64_t rows = 0, sum = 0;
  };
  std::map<std::tuple<int64_t, Timestamp, Timestamp>, Total> totals;
  for (const TestRow& row : rows) {
    std::vector<Window> windows;
    AssignWindows(spec.window, row.time, windows);
    bool taken = windows.empty();
    for (const Window& w : windows) {
      if (w.end - 1 <= row.watermark) continue;
      taken = true;
      const int64_t sign = Adds(row.kind) ? 1 : -1;
      Total& total = totals[{row.key, w.start, w.end}];
      total.rows += sign;
      total.sum += sign * row.value;
    }
    *late += taken ? 0 : 1;
  }
  std::multiset<Values> results;
  for (const auto& [id, total] : totals) {
    const auto& [key, start, end] = id;
    if (total.rows > 0) results.insert({key, total.rows, total.sum, start, end, end - 1});
  }
  return results;
}

void Replay(Operator& op, const std::vector<TestRow>& rows, std::mt19937& random, TestOutput& out) {
  ASSERT_TRUE(op.Open({}).ok());
  for (size_t begin = 0; begin < rows.size();) {
    const size_t end = std::min(rows.size(), begin + 1 + random() % 40);
    const std::vector<TestRow> part(rows.begin() + static_cast<long>(begin),
                                    rows.begin() + static_cast<long>(end));
    testing::Finish(op, op.OnBatch(0, MakeBatch(part, true), out), out);
    if (random() % 3 != 0) {
      const size_t before = out.rows.size();
      const Timestamp watermark = part.back().watermark;
      testing::Finish(op, op.OnWatermark(TimeDomain::kEvent, watermark, out), out);
      for (size_t i = before; i < out.rows.size(); ++i) {
        ASSERT_LE(out.rows[i].back(), watermark);
        ASSERT_LE(out.rows[i > before ? i - 1 : i].back(), out.rows[i].back());
      }
    }
    begin = end;
  }
  testing::Finish(op, op.OnWatermark(TimeDomain::kEvent, kMaxTimestamp, out), out);
  testing::Finish(op, op.OnEnd(out), out);
}

TEST(SliceAggregate, MatchesTheModelForAnyOrderAndBatches) {
  for (uint32_t seed = 1; seed <= 6000; ++seed) {
    std::mt19937 random(seed);
    const WindowAggregateSpec spec = RandomSpec(random);
    const std::vector<TestRow> rows = RandomRows(random, spec.retract);
    auto op = MakeWindowAggregate(spec);
    TestOutput out(seed);
    Replay(*op, rows, random, out);
    int64_t late = 0;
    const std::multiset<Values> expected = Model(rows, spec, &late);
    ASSERT_EQ(std::multiset<Values>(out.rows.begin(), out.rows.end()), expected)
        << "seed " << seed << " " << spec.window.ToString();
    ASSERT_EQ(op->counts().late, late) << "seed " << seed;
  }
}

// Here the window is [k2, ts).
TEST(SliceAggregate, AttachedWindowsAreTakenAsTheyAre) {
  WindowAggregateSpec spec;
  spec.window.kind = WindowKind::kAttached;
  spec.window.start_column = kKey2;
  spec.window.end_column = kTime;
  spec.keys = {kKey};
  spec.calls = {testing::CountCall()};
  spec.output = testing::ResultSchema({"k", "count"}, true);
  auto op = MakeWindowAggregate(spec);
  TestOutput out;
  ASSERT_TRUE(op->Open({}).ok());
  const std::vector<TestRow> rows = {{.key = 1, .time = 10, .key2 = 0},
                                     {.key = 1, .time = 10, .key2 = 5},
                                     {.key = 1, .time = 20, .key2 = 0},
                                     {.key = 1, .time = 10, .key2 = 0},
                                     {.key = 2, .time = 20, .key2 = 0}};
  testing::Finish(*op, op->OnBatch(0, MakeBatch(rows, false), out), out);
  testing::Finish(*op, op->OnWatermark(TimeDomain::kEvent, 9, out), out);
  EXPECT_EQ(out.rows, (std::vector<Values>{{1, 2, 0, 10, 9}, {1, 1, 5, 10, 9}}));
  testing::Finish(*op, op->OnBatch(0, MakeBatch({rows[0]}, false), out), out);
  EXPECT_EQ(op->counts().late, 1);
  testing::Finish(*op, op->OnWatermark(TimeDomain::kEvent, 19, out), out);
  EXPECT_EQ(out.rows.size(), 4u);
}

TEST(SliceAggregate, GlobalWindowsWithoutRowsSayNothing) {
  std::mt19937 random(1);
  WindowAggregateSpec spec = RandomSpec(random);
  spec.window.kind = WindowKind::kTumble;
  spec.window.size = 10;
  spec.window.slide = spec.window.offset = 0;
  spec.keys.clear();
  spec.retract = false;
  spec.output = testing::ResultSchema({"count", "sum"}, true);
  auto op = MakeWindowAggregate(spec);
  TestOutput out;
  ASSERT_TRUE(op->Open({}).ok());
  testing::Finish(
      *op,
      op->OnBatch(0, MakeBatch({{.time = 5, .value = 2}, {.time = 35, .value = 4}}, false), out),
      out);
  testing::Finish(*op, op->OnWatermark(TimeDomain::kEvent, kMaxTimestamp, out), out);
  EXPECT_EQ(out.rows, (std::vector<Values>{{1, 2, 0, 10, 9}, {1, 4, 30, 40, 39}}));
}

}  // namespace
}  // namespace millrace
