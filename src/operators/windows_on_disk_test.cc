// Windows with far more keys than there is room for in memory: what is on disk is read in several
// portions when a window closes, and merged with what is not.
#include <gtest/gtest.h>
#include <unistd.h>

#include <functional>
#include <random>
#include <set>

#include "operators/operator_testing.h"
#include "operators/session_assign.h"
#include "operators/window_aggregate.h"
#include "state/frozen_state.h"
#include "state/rocksdb_store.h"

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

constexpr int64_t kKeys = 15000;

WindowAggregateSpec Spec(WindowKind kind, int64_t size, int64_t slide) {
  WindowAggregateSpec spec;
  spec.window.kind = kind;
  spec.window.time_column = kTime;
  spec.window.size = size;
  spec.window.slide = slide;
  spec.keys = {kKey2, kKey};
  spec.window.partition = {kKey};
  spec.calls = {testing::CountCall(), testing::SumCall(kValue)};
  spec.output = testing::ResultSchema({"k2", "k", "count", "sum"}, true);
  spec.input = MakeBatch({}, false).rows->schema();
  return spec;
}

using MakeOperator = std::function<std::unique_ptr<Operator>()>;

// 60 ms of rows, in which each key has some.
void Run(const MakeOperator& make, std::shared_ptr<RocksDbSpace> disk, TestOutput& out) {
  OperatorContext context;
  context.disk = std::move(disk);
  auto op = make();
  ASSERT_TRUE(op->Open(context).ok());
  EXPECT_TRUE(op->States().front().spills || op->States().back().spills);
  std::mt19937 random(7);
  for (Timestamp now = 0; now < 60; ++now) {
    std::vector<TestRow> rows;
    for (int i = 0; i < 1000; ++i) {
      const auto key = static_cast<int64_t>(random() % kKeys);
      rows.push_back({.key = key, .time = now, .value = i, .watermark = now - 4, .key2 = key % 3});
    }
    Batch batch = MakeBatch(rows, false);
    batch.arrival = 1000 + 10 * now;
    testing::Finish(*op, op->OnBatch(0, batch, out), out);
    testing::Finish(*op, op->OnWatermark(TimeDomain::kProcessing, batch.arrival + 5, out), out);
    testing::Finish(*op, op->OnWatermark(TimeDomain::kEvent, now - 4, out), out);
    if (now % 20 != 19) continue;
    FrozenState state(SaveMode::kDelta);
    ASSERT_TRUE(op->Save(state).ok());
  }
  testing::Finish(*op, op->OnWatermark(TimeDomain::kEvent, kMaxTimestamp, out), out);
  testing::Finish(*op, op->OnEnd(out), out);
}

std::multiset<std::pair<RowKind, Values>> Results(const TestOutput& out) {
  std::multiset<std::pair<RowKind, Values>> results;
  for (size_t i = 0; i < out.rows.size(); ++i) results.emplace(out.kinds[i], out.rows[i]);
  return results;
}

// Those of `a` that are not in `b`, a few.
std::vector<std::pair<RowKind, Values>> Only(const TestOutput& a, const TestOutput& b) {
  const auto of_a = Results(a), of_b = Results(b);
  std::vector<std::pair<RowKind, Values>> only;
  std::set_difference(of_a.begin(), of_a.end(), of_b.begin(), of_b.end(),
                      std::back_inserter(only));
  if (only.size() > 5) only.resize(5);
  return only;
}

void ExpectSame(const MakeOperator& make) {
  const bool memory = access("/dev/shm", W_OK) == 0;
  auto disk = *RocksDbSpace::Make(memory ? "/dev/shm" : ::testing::TempDir(), 100000);
  TestOutput expected, out;
  Run(make, nullptr, expected);
  Run(make, disk, out);
  EXPECT_GT(expected.rows.size(), static_cast<size_t>(kKeys));
  const std::vector<std::pair<RowKind, Values>> none;
  EXPECT_EQ(Only(out, expected), none);
  EXPECT_EQ(Only(expected, out), none);
}

void ExpectSame(const WindowAggregateSpec& spec) {
  ExpectSame([&] { return MakeWindowAggregate(spec); });
}

TEST(WindowsOnDisk, Tumble) { ExpectSame(Spec(WindowKind::kTumble, 25, 0)); }
TEST(WindowsOnDisk, Hop) { ExpectSame(Spec(WindowKind::kHop, 30, 10)); }
TEST(WindowsOnDisk, Cumulate) { ExpectSame(Spec(WindowKind::kCumulate, 30, 10)); }

TEST(WindowsOnDisk, Count) {
  WindowAggregateSpec spec = Spec(WindowKind::kCount, 4, 2);
  spec.window.partition = spec.keys;
  ExpectSame(spec);
  spec.window.timeout = 30;
  ExpectSame(spec);
}

TEST(WindowsOnDisk, CappedSessions) {
  WindowAggregateSpec spec = Spec(WindowKind::kSession, 20, 0);
  spec.window.max_events = 3;
  ExpectSame(spec);
}

// Windows that are shown before they close and after: what waits for processing time is on disk,
// too.
TEST(WindowsOnDisk, EarlyAndLateResults) {
  WindowAggregateSpec spec = Spec(WindowKind::kTumble, 25, 0);
  spec.emit = {.early = true, .early_delay = 100, .late_delay = 70, .lateness = 15};
  ExpectSame(spec);
  spec = Spec(WindowKind::kSession, 20, 0);
  spec.window.partition = spec.keys;
  spec.emit = {.lateness = 25};
  ExpectSame(spec);
}

TEST(WindowsOnDisk, SessionsRowByRow) {
  SessionAssignSpec spec;
  spec.window.kind = WindowKind::kSession;
  spec.window.time_column = kTime;
  spec.window.size = 20;
  spec.window.partition = {kKey};
  arrow::FieldVector fields = MakeBatch({}, false).rows->schema()->fields();
  for (const char* name : {"window_start", "window_end", "window_time"}) {
    fields.push_back(arrow::field(name, testing::TimeType()));
  }
  spec.output = arrow::schema(fields);
  ExpectSame([&] { return MakeSessionAssign(spec); });
}

}  // namespace
}  // namespace millrace
