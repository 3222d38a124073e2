// Sessions against oracles: rows in random order, cut into random batches, must give the sessions
// that a row-by-row model gives.
#include <gtest/gtest.h>

#include <set>

#include "operators/operator_testing.h"
#include "operators/window_aggregate.h"

namespace millrace {
namespace {

using testing::CountCall;
using testing::kKey;
using testing::kKey2;
using testing::kTime;
using testing::kValue;
using testing::MakeBatch;
using testing::MaxCall;
using testing::SumCall;
using testing::TestOutput;
using testing::TestRow;
using testing::Values;

WindowAggregateSpec SessionSpec(int64_t gap) {
  WindowAggregateSpec spec;
  spec.window.kind = WindowKind::kSession;
  spec.window.time_column = kTime;
  spec.window.size = gap;
  spec.window.partition = {kKey};
  spec.keys = {kKey};
  spec.calls = {CountCall(), SumCall(kValue), MaxCall(kValue)};
  spec.output = testing::ResultSchema({"k", "count", "sum", "max"}, true);
  return spec;
}

struct ModelSession {
  Timestamp start, last;
  int64_t count, sum, max;
};

Values ResultRow(int64_t key, const ModelSession& s, int64_t gap) {
  return {key, s.count, s.sum, s.max, s.start, s.last + gap, s.last + gap - 1};
}

// Flink's merging windows, one row after the other, under each row's watermark.
std::multiset<Values> Model(const std::vector<TestRow>& rows, int64_t gap, int64_t* late) {
  std::multiset<Values> results;
  std::map<int64_t, std::vector<ModelSession>> open;
  for (const TestRow& row : rows) {
    ModelSession joined{row.time, row.time, 1, row.value, row.value};
    std::vector<ModelSession> others;
    bool joins = false;
    for (const ModelSession& s : open[row.key]) {
      if (s.last + gap - 1 <= row.watermark) {
        results.insert(ResultRow(row.key, s, gap));
      } else if (row.time < s.start - gap || row.time > s.last + gap) {
        others.push_back(s);
      } else {
        joins = true;
        joined = {std::min(joined.start, s.start), std::max(joined.last, s.last),
                  joined.count + s.count, joined.sum + s.sum, std::max(joined.max, s.max)};
      }
    }
    if (!joins && row.time + gap - 1 <= row.watermark) {
      ++*late;
    } else {
      others.push_back(joined);
    }
    open[row.key] = others;
  }
  for (const auto& [key, sessions] : open) {
    for (const ModelSession& s : sessions) results.insert(ResultRow(key, s, gap));
  }
  return results;
}

struct Scenario {
  std::vector<TestRow> rows;
  int64_t gap, lag;
};

// Times wander up with disorder; some rows lie beyond the lag and may be late.
Scenario RandomScenario(std::mt19937& random) {
  Scenario scenario;
  scenario.gap = 1 + random() % 40;
  scenario.lag = random() % 60;
  const int64_t keys = 1 + random() % 5;
  const int64_t disorder = 1 + random() % 80;
  const size_t count = 1 + random() % 120;
  Timestamp now = 0;
  Timestamp max_time = kMinTimestamp;
  for (size_t i = 0; i < count; ++i) {
    now += random() % (random() % 10 == 0 ? 100 : 12);
    TestRow row;
    row.key = static_cast<int64_t>(random()) % keys;
    row.time = now - static_cast<int64_t>(random()) % disorder;
    row.value = random() % 1000;
    row.watermark = max_time == kMinTimestamp ? kMinTimestamp : max_time - scenario.lag;
    max_time = std::max(max_time, row.time);
    scenario.rows.push_back(row);
  }
  return scenario;
}

// Sends the rows in random batches with watermarks between; returns the operator's count of late
// rows.
int64_t Replay(Operator& op, const Scenario& scenario, std::mt19937& random, TestOutput& out) {
  EXPECT_TRUE(op.Open({}).ok());
  Timestamp max_time = kMinTimestamp;
  for (size_t begin = 0; begin < scenario.rows.size();) {
    const size_t end = std::min(scenario.rows.size(), begin + 1 + random() % 30);
    const std::vector<TestRow> rows(scenario.rows.begin() + static_cast<long>(begin),
                                    scenario.rows.begin() + static_cast<long>(end));
    testing::Finish(op, op.OnBatch(0, MakeBatch(rows, true), out), out);
    for (const TestRow& row : rows) max_time = std::max(max_time, row.time);
    if (random() % 3 != 0) {
      const Timestamp watermark = max_time - scenario.lag;
      const size_t before = out.rows.size();
      testing::Finish(op, op.OnWatermark(TimeDomain::kEvent, watermark, out), out);
      for (size_t i = before; i < out.rows.size(); ++i) {
        EXPECT_LE(out.rows[i].back(), watermark);
        EXPECT_LE(out.rows[i > before ? i - 1 : i].back(), out.rows[i].back());
      }
    }
    begin = end;
  }
  testing::Finish(op, op.OnWatermark(TimeDomain::kEvent, kMaxTimestamp, out), out);
  testing::Finish(op, op.OnEnd(out), out);
  return op.counts().late;
}

TEST(SessionAggregate, MatchesTheModelForAnyOrderAndBatches) {
  for (uint32_t seed = 1; seed <= 6000; ++seed) {
    std::mt19937 random(seed);
    const Scenario scenario = RandomScenario(random);
    auto op = MakeWindowAggregate(SessionSpec(scenario.gap));
    TestOutput out(seed);
    const int64_t late = Replay(*op, scenario, random, out);
    int64_t model_late = 0;
    const std::multiset<Values> expected = Model(scenario.rows, scenario.gap, &model_late);
    ASSERT_EQ(std::multiset<Values>(out.rows.begin(), out.rows.end()), expected) << "seed " << seed;
    ASSERT_EQ(late, model_late) << "seed " << seed;
  }
}

// Sessions of rows sorted by time; with even times and an odd gap no row just touches a session.
TEST(SessionAggregate, MatchesSortThenScanWithoutLateRows) {
  for (uint32_t seed = 1; seed <= 2000; ++seed) {
    std::mt19937 random(seed);
    Scenario scenario = RandomScenario(random);
    scenario.gap = scenario.gap * 2 + 1;
    for (TestRow& row : scenario.rows) row.time *= 2;
    scenario.lag = 1000000;
    for (TestRow& row : scenario.rows) row.watermark = kMinTimestamp;
    auto op = MakeWindowAggregate(SessionSpec(scenario.gap));
    TestOutput out(seed);
    EXPECT_EQ(Replay(*op, scenario, random, out), 0);
    std::vector<TestRow> sorted = scenario.rows;
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](const TestRow& a, const TestRow& b) { return a.time < b.time; });
    int64_t late = 0;
    ASSERT_EQ(std::multiset<Values>(out.rows.begin(), out.rows.end()),
              Model(sorted, scenario.gap, &late));
  }
}

// The capped sessions of on-time rows: sorted, then cut greedily.
std::multiset<Values> CutModel(std::vector<TestRow> rows, const WindowSpec& window) {
  std::stable_sort(rows.begin(), rows.end(),
                   [](const TestRow& a, const TestRow& b) { return a.time < b.time; });
  std::multiset<Values> results;
  std::map<int64_t, ModelSession> open;
  for (const TestRow& row : rows) {
    const auto found = open.find(row.key);
    if (found != open.end()) {
      ModelSession& s = found->second;
      if (row.time - s.last <= window.size && s.last + window.size - 1 > row.watermark &&
          s.count < window.max_events && row.time - s.start <= window.max_duration) {
        s = {s.start, row.time, s.count + 1, s.sum + row.value, std::max(s.max, row.value)};
        continue;
      }
      results.insert(ResultRow(row.key, s, window.size));
    }
    open[row.key] = {row.time, row.time, 1, row.value, row.value};
  }
  for (const auto& [key, s] : open) results.insert(ResultRow(key, s, window.size));
  return results;
}

TEST(SessionAggregate, CutsCappedSessions) {
  for (uint32_t seed = 1; seed <= 500; ++seed) {
    std::mt19937 random(seed);
    const Scenario scenario = RandomScenario(random);
    WindowAggregateSpec spec = SessionSpec(scenario.gap);
    spec.window.max_events = 1 + random() % 6;
    spec.window.max_duration = 1 + random() % 100;
    std::vector<TestRow> on_time;
    for (const TestRow& row : scenario.rows) {
      if (row.time > row.watermark) on_time.push_back(row);
    }
    auto op = MakeWindowAggregate(spec);
    TestOutput out(seed);
    EXPECT_TRUE(op->Open({}).ok());
    Timestamp watermark = kMinTimestamp;
    for (size_t i = 0; i < scenario.rows.size(); ++i) {
      testing::Finish(*op, op->OnBatch(0, MakeBatch({scenario.rows[i]}, true), out), out);
      if (random() % 4 != 0) continue;
      watermark = scenario.rows[i].watermark;
      testing::Finish(*op, op->OnWatermark(TimeDomain::kEvent, watermark, out), out);
    }
    testing::Finish(*op, op->OnWatermark(TimeDomain::kEvent, kMaxTimestamp, out), out);
    ASSERT_EQ(std::multiset<Values>(out.rows.begin(), out.rows.end()),
              CutModel(on_time, spec.window))
        << "seed " << seed;
    ASSERT_EQ(op->counts().late, static_cast<int64_t>(scenario.rows.size() - on_time.size()));
  }
}

TEST(SessionAggregate, GroupsWithinSessionsOfThePartition) {
  WindowAggregateSpec spec = SessionSpec(10);
  spec.keys = {kKey2, kKey};
  spec.output = testing::ResultSchema({"k2", "k", "count", "sum", "max"}, true);
  auto op = MakeWindowAggregate(spec);
  TestOutput out;
  ASSERT_TRUE(op->Open({}).ok());
  std::vector<TestRow> rows = {{.key = 1, .time = 5, .value = 2, .key2 = 7},
                               {.key = 1, .time = 12, .value = 3, .key2 = 8},
                               {.key = 1, .time = 20, .value = 4, .key2 = 7}};
  testing::Finish(*op, op->OnBatch(0, MakeBatch(rows, false), out), out);
  testing::Finish(*op, op->OnWatermark(TimeDomain::kEvent, 28, out), out);
  EXPECT_TRUE(out.rows.empty());
  testing::Finish(*op, op->OnWatermark(TimeDomain::kEvent, 29, out), out);
  EXPECT_EQ(std::multiset<Values>(out.rows.begin(), out.rows.end()),
            (std::multiset<Values>{{7, 1, 2, 6, 4, 5, 30, 29}, {8, 1, 1, 3, 3, 5, 30, 29}}));
}

TEST(SessionAggregate, ProcessingTimeSessionsCloseWithTheInput) {
  WindowAggregateSpec spec = SessionSpec(10);
  spec.window.domain = TimeDomain::kProcessing;
  spec.window.time_column = -1;
  auto op = MakeWindowAggregate(spec);
  TestOutput out;
  ASSERT_TRUE(op->Open({}).ok());
  for (Timestamp arrival : {100, 105, 120}) {
    Batch batch = MakeBatch({{.key = 1, .time = 0, .value = 1}}, false);
    batch.arrival = arrival;
    testing::Finish(*op, op->OnBatch(0, batch, out), out);
    testing::Finish(*op, op->OnWatermark(TimeDomain::kProcessing, arrival, out), out);
  }
  EXPECT_EQ(out.rows, (std::vector<Values>{{1, 2, 2, 1, 100, 115, 114}}));
  testing::Finish(*op, op->OnEnd(out), out);
  EXPECT_EQ(out.rows.back(), (Values{1, 1, 1, 1, 120, 130, 129}));
}

}  // namespace
}  // namespace millrace
