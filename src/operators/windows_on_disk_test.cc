// Windows with far more keys than there is room for in memory: what is on disk is read in several
// portions when a window closes, and merged with what is not.
#include <gtest/gtest.h>
#include <unistd.h>

#include <random>
#include <set>

#include "operators/operator_testing.h"
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

// 60 ms of rows, in which each key has some.
void Run(const WindowAggregateSpec& spec, std::shared_ptr<RocksDbSpace> disk, TestOutput& out) {
  OperatorContext context;
  context.disk = std::move(disk);
  auto op = MakeWindowAggregate(spec);
  ASSERT_TRUE(op->Open(context).ok());
  std::mt19937 random(7);
  for (Timestamp now = 0; now < 60; ++now) {
    std::vector<TestRow> rows;
    for (int i = 0; i < 1000; ++i) {
      const auto key = static_cast<int64_t>(random() % kKeys);
      rows.push_back({.key = key, .time = now, .value = i, .watermark = now - 4, .key2 = key % 3});
    }
    testing::Finish(*op, op->OnBatch(0, MakeBatch(rows, false), out), out);
    testing::Finish(*op, op->OnWatermark(TimeDomain::kEvent, now - 4, out), out);
    if (now % 20 != 19) continue;
    FrozenState state(SaveMode::kDelta);
    ASSERT_TRUE(op->Save(state).ok());
  }
  testing::Finish(*op, op->OnWatermark(TimeDomain::kEvent, kMaxTimestamp, out), out);
  testing::Finish(*op, op->OnEnd(out), out);
}

void ExpectSame(const WindowAggregateSpec& spec) {
  const bool memory = access("/dev/shm", W_OK) == 0;
  auto disk = *RocksDbSpace::Make(memory ? "/dev/shm" : ::testing::TempDir(), 100000);
  TestOutput expected, out;
  Run(spec, nullptr, expected);
  Run(spec, disk, out);
  EXPECT_GT(expected.rows.size(), static_cast<size_t>(kKeys));
  const std::multiset<Values> wanted(expected.rows.begin(), expected.rows.end());
  EXPECT_EQ(std::multiset<Values>(out.rows.begin(), out.rows.end()), wanted);
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

}  // namespace
}  // namespace millrace
