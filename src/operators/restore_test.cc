// Every operator with state: random input, snapshots at random places, and at one of them the
// operator is thrown away and restored, maybe at another parallelism. What comes out must be what
// comes out of an undisturbed run.
#include <gtest/gtest.h>
#include <unistd.h>

#include <functional>
#include <numeric>
#include <set>

#include "data/key_hash.h"
#include "functions/families.h"
#include "operators/calc.h"
#include "operators/group_aggregate.h"
#include "operators/materialize.h"
#include "operators/normalize.h"
#include "operators/operator_testing.h"
#include "operators/session_assign.h"
#include "operators/sessionize.h"
#include "operators/sort.h"
#include "operators/window_aggregate.h"
#include "state/frozen_state.h"
#include "state/rocksdb_store.h"

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

using MakeOperator = std::function<std::unique_ptr<Operator>()>;

// An operator under test and the columns by which its input is spread.
struct Subject {
  MakeOperator make;
  std::vector<int> exchange;
  bool retract = false;
  uint32_t key_groups = kKeyGroups;
  Timestamp uneven = 0;  // how far the watermarks of instances may lie apart
  // Some of the clusters keep their state here, with room for a few keys in memory.
  std::shared_ptr<RocksDbSpace> disk = nullptr;
};

std::shared_ptr<RocksDbSpace> SmallSpace() {
  const bool memory = access("/dev/shm", W_OK) == 0;
  auto made = RocksDbSpace::Make(memory ? "/dev/shm" : ::testing::TempDir(), 3000);
  EXPECT_TRUE(made.ok()) << made.status();
  return *made;
}

// Rows, then watermarks of both domains.
struct Step {
  std::vector<TestRow> rows;
  Timestamp arrival = 0, watermark = kMinTimestamp, now = 0;
};

std::vector<Step> RandomSteps(std::mt19937& random, bool retract) {
  std::vector<Step> steps;
  std::vector<TestRow> present;
  const int64_t keys = 1 + random() % 12;
  const int64_t disorder = 1 + random() % 60;
  const int64_t lag = random() % 50;
  Timestamp time = 0, max_time = 0, now = 1000;
  for (size_t count = 4 + random() % 20; count > 0; --count) {
    Step step;
    for (size_t rows = random() % 25; rows > 0; --rows) {
      time += random() % (random() % 12 == 0 ? 80 : 6);
      TestRow row{.key = static_cast<int64_t>(random()) % keys,
                  .time = time - static_cast<int64_t>(random()) % disorder,
                  .value = static_cast<int64_t>(random() % 100),
                  .key2 = static_cast<int64_t>(random() % 3)};
      if (retract && !present.empty() && random() % 3 == 0) {
        row = present[random() % present.size()];
        row.kind = RowKind::kDelete;
      } else {
        present.push_back(row);
      }
      row.watermark = max_time - lag;
      max_time = std::max(max_time, row.time);
      step.rows.push_back(row);
    }
    now += random() % 40;
    step.arrival = now;
    step.watermark = max_time - lag - static_cast<int64_t>(random() % 10);
    step.now = now + static_cast<int64_t>(random() % 5);
    steps.push_back(step);
  }
  return steps;
}

// The instances of one operator, fed as the runtime does.
class Cluster {
 public:
  Cluster(const Subject& subject, size_t parallelism, uint32_t seed, bool on_disk)
      : subject_(subject), chains_(parallelism), random_(seed) {
    for (size_t i = 0; i < parallelism; ++i) {
      OperatorContext context;
      context.instance = static_cast<int>(i);
      context.parallelism = static_cast<int>(parallelism);
      context.key_groups = subject.key_groups;
      if (on_disk) context.disk = subject.disk;
      instances_.push_back(subject.make());
      EXPECT_TRUE(instances_.back()->Open(context).ok());
    }
  }

  void Run(const Step& step, TestOutput& out) {
    Send(step, out);
    for (auto& op : instances_) {
      const Timestamp behind = subject_.uneven > 0 ? random_() % subject_.uneven : 0;
      testing::Finish(*op, op->OnWatermark(TimeDomain::kProcessing, step.now, out), out);
      testing::Finish(*op, op->OnWatermark(TimeDomain::kEvent, step.watermark - behind, out), out);
    }
  }

  void End(TestOutput& out) {
    for (auto& op : instances_) {
      testing::Finish(*op, op->OnWatermark(TimeDomain::kEvent, kMaxTimestamp, out), out);
      testing::Finish(*op, op->OnEnd(out), out);
    }
  }

  // A full snapshot or a delta behind the ones before.
  void Snapshot() {
    const bool full = chains_[0].empty() || random_() % 5 == 0;
    for (size_t i = 0; i < instances_.size(); ++i) {
      auto state = std::make_shared<FrozenState>(full ? SaveMode::kFull : SaveMode::kDelta,
                                                 subject_.key_groups);
      const Status saved = instances_[i]->Save(*state);
      ASSERT_TRUE(saved.ok()) << saved;
      if (full) chains_[i].clear();
      chains_[i].push_back(std::move(state));
    }
  }

  // Takes up the last snapshot of another cluster.
  void Restore(const Cluster& other) {
    for (size_t i = 0; i < instances_.size(); ++i) {
      const FrozenReader reader(other.chains_, i, instances_.size());
      const Status loaded = instances_[i]->Load(reader);
      ASSERT_TRUE(loaded.ok()) << loaded;
    }
  }

  int64_t late() const {
    return std::accumulate(instances_.begin(), instances_.end(), int64_t{0},
                           [](int64_t sum, const auto& op) { return sum + op->counts().late; });
  }

 private:
  void Send(const Step& step, TestOutput& out) {
    Batch batch = MakeBatch(step.rows, true);
    batch.arrival = step.arrival;
    std::vector<uint64_t> hashes;
    ASSERT_TRUE(HashKeys(*batch.rows, subject_.exchange, hashes).ok());
    for (size_t i = 0; i < instances_.size(); ++i) {
      std::vector<int32_t> own;
      for (size_t row = 0; row < hashes.size(); ++row) {
        if (TaskOfHash(hashes[row], instances_.size(), subject_.key_groups) == i) {
          own.push_back(static_cast<int32_t>(row));
        }
      }
      if (own.empty()) continue;
      Operator& op = *instances_[i];
      testing::Finish(op, op.OnBatch(0, *batch.Take(own), out), out);
    }
  }

  const Subject& subject_;
  std::vector<std::unique_ptr<Operator>> instances_;
  std::vector<FrozenReader::Chain> chains_;
  std::mt19937 random_;
};

std::multiset<std::pair<RowKind, Values>> Results(const TestOutput& out) {
  std::multiset<std::pair<RowKind, Values>> results;
  for (size_t i = 0; i < out.rows.size(); ++i) results.emplace(out.kinds[i], out.rows[i]);
  return results;
}

// Without keys there is one instance.
size_t Parallelism(const Subject& subject, std::mt19937& random) {
  return subject.exchange.empty() ? 1 : 1 + random() % 4;
}

// Runs with snapshots and restores between the steps; returns how many rows were late.
int64_t RunDisturbed(const Subject& subject, const std::vector<Step>& steps, uint32_t seed,
                     TestOutput& out) {
  std::mt19937 random(seed);
  const auto on_disk = [&] { return subject.disk && random() % 4 != 0; };
  auto cluster = std::make_unique<Cluster>(subject, Parallelism(subject, random), seed, on_disk());
  int64_t late = 0;
  for (const Step& step : steps) {
    cluster->Run(step, out);
    if (random() % 2 == 0) continue;
    cluster->Snapshot();
    if (random() % 2 == 0) continue;
    auto restored = std::make_unique<Cluster>(subject, Parallelism(subject, random), seed + 2,
                                              on_disk());
    restored->Restore(*cluster);
    late += cluster->late();
    cluster = std::move(restored);
  }
  cluster->End(out);
  return late + cluster->late();
}

void CheckSeed(const Subject& subject, uint32_t seed) {
  std::mt19937 random(seed);
  const std::vector<Step> steps = RandomSteps(random, subject.retract);
  TestOutput expected(seed);
  Cluster undisturbed(subject, Parallelism(subject, random), seed, false);
  for (const Step& step : steps) undisturbed.Run(step, expected);
  undisturbed.End(expected);
  TestOutput out(seed + 1);
  const int64_t late = RunDisturbed(subject, steps, seed + 2, out);
  ASSERT_EQ(Results(out), Results(expected)) << "seed " << seed;
  ASSERT_EQ(late, undisturbed.late()) << "seed " << seed;
}

// Each 20th seed also with state on disk (`DISK_SEEDS`=1: each).
void Check(const std::function<Subject(std::mt19937&)>& make, uint32_t seeds = 200) {
  const char* given = std::getenv("DISK_SEEDS");
  const uint32_t each = given != nullptr ? static_cast<uint32_t>(std::max(1, std::atoi(given))) : 20;
  const auto disk = SmallSpace();
  for (uint32_t seed = 1; seed <= seeds && !::testing::Test::HasFailure(); ++seed) {
    std::mt19937 random(seed + 1000000);
    Subject subject = make(random);
    if (random() % 2 == 0) subject.key_groups = 1024;
    CheckSeed(subject, seed);
    subject.disk = disk;
    if (seed % each == 0) CheckSeed(subject, seed);
  }
}

const FunctionRegistry& Registry() {
  static const auto* const registry = [] {
    auto* made = new FunctionRegistry;
    RegisterAggregates(*made);
    return made;
  }();
  return *registry;
}

AggregateCall RealCall(const std::string& name) {
  AggregateCall call;
  call.function = Registry().FindAggregate(name);
  call.args = {kValue};
  call.bound = *call.function->bind({SqlType::BigInt()});
  call.name = name;
  return call;
}

std::vector<AggregateCall> Calls(bool retract) {
  std::vector<AggregateCall> calls = {CountCall(), SumCall(kValue)};
  calls.push_back(retract ? RealCall("MIN") : MaxCall(kValue));
  calls.push_back(RealCall("COUNT"));
  calls.back().distinct = true;
  return calls;
}

std::vector<std::string> Names(const std::vector<int>& keys, bool retract) {
  std::vector<std::string> names;
  for (int key : keys) names.push_back("k" + std::to_string(key));
  for (const AggregateCall& call : Calls(retract)) names.push_back(call.name);
  return names;
}

std::vector<int> RandomKeys(std::mt19937& random) {
  const std::vector<std::vector<int>> choices = {{}, {kKey}, {kKey2, kKey}, {kKey, kKey2}};
  return choices[random() % choices.size()];
}

EmitSpec RandomEmit(std::mt19937& random) {
  EmitSpec emit;
  emit.early = random() % 2 == 0;
  if (random() % 3 != 0) emit.early_delay = 1 + random() % 100;
  if (!emit.early || random() % 2 == 0) emit.lateness = 1 + random() % 80;
  if (random() % 3 != 0) emit.late_delay = 1 + random() % 100;
  return emit;
}

Subject Windowed(std::mt19937& random, WindowSpec window, bool ordered = false,
                 EmitSpec emit = {}) {
  WindowAggregateSpec spec;
  spec.window = window;
  spec.window.time_column = kTime;
  if (window.kind != WindowKind::kAttached && random() % 4 == 0) {
    spec.window.domain = TimeDomain::kProcessing;
  }
  spec.keys = RandomKeys(random);
  spec.window.partition = spec.keys;
  if (ordered && spec.keys.size() > 1) spec.window.partition.resize(random() % 2);
  std::reverse(spec.window.partition.begin(), spec.window.partition.end());
  spec.retract = window.kind != WindowKind::kCount && random() % 2 == 0;
  spec.calls = Calls(spec.retract);
  spec.output = testing::ResultSchema(Names(spec.keys, spec.retract), true);
  spec.input = MakeBatch({}, false).rows->schema();
  spec.emit = emit;
  return {[spec] { return MakeWindowAggregate(spec); }, ExchangeKeys(spec.window, spec.keys),
          spec.retract};
}

TEST(Restore, Tumble) {
  Check([](std::mt19937& random) {
    WindowSpec window;
    window.size = 1 + random() % 60;
    return Windowed(random, window);
  });
}

// Where instances are not at the same watermark, no window comes twice and no row is lost: it is in
// its window or late.
TEST(Restore, NothingTwiceWhereWatermarksDiffer) {
  for (uint32_t seed = 1; seed <= 200 && !HasFailure(); ++seed) {
    std::mt19937 random(seed);
    WindowAggregateSpec spec;
    spec.window.kind = random() % 2 == 0 ? WindowKind::kTumble : WindowKind::kSession;
    spec.window.time_column = kTime;
    spec.window.size = 1 + random() % 60;
    spec.window.partition = spec.keys = {kKey};
    spec.calls = {CountCall()};
    spec.output = testing::ResultSchema({"k", "count"}, true);
    const Subject subject{[spec] { return MakeWindowAggregate(spec); }, {kKey}, false,
                          kKeyGroups, 80};
    const std::vector<Step> steps = RandomSteps(random, false);
    TestOutput out;
    int64_t rows = -RunDisturbed(subject, steps, seed, out);
    for (const Step& step : steps) rows += static_cast<int64_t>(step.rows.size());
    std::set<std::pair<int64_t, int64_t>> windows;
    for (const Values& row : out.rows) {
      ASSERT_TRUE(windows.emplace(row[0], row[2]).second) << "seed " << seed;
      rows -= row[1];
    }
    ASSERT_EQ(rows, 0) << "seed " << seed;
  }
}

TEST(Restore, Hop) {
  Check([](std::mt19937& random) {
    WindowSpec window;
    window.kind = WindowKind::kHop;
    window.slide = 1 + random() % 20;
    window.size = window.slide * (1 + random() % 5) + (random() % 3 == 0 ? random() % 7 : 0);
    return Windowed(random, window);
  });
}

TEST(Restore, Cumulate) {
  Check([](std::mt19937& random) {
    WindowSpec window;
    window.kind = WindowKind::kCumulate;
    window.slide = 1 + random() % 20;
    window.size = window.slide * (1 + random() % 5);
    return Windowed(random, window);
  });
}

TEST(Restore, Sessions) {
  Check([](std::mt19937& random) {
    WindowSpec window;
    window.kind = WindowKind::kSession;
    window.size = 1 + random() % 40;
    return Windowed(random, window);
  });
}

TEST(Restore, CappedSessions) {
  Check([](std::mt19937& random) {
    WindowSpec window;
    window.kind = WindowKind::kSession;
    window.size = 1 + random() % 40;
    window.max_events = 1 + random() % 10;
    if (random() % 2 == 0) window.max_duration = 1 + random() % 80;
    return Windowed(random, window, true);
  });
}

TEST(Restore, CountWindows) {
  Check([](std::mt19937& random) {
    WindowSpec window;
    window.kind = WindowKind::kCount;
    window.slide = 1 + random() % 6;
    window.size = window.slide + random() % 10;
    if (random() % 2 == 0) window.timeout = 1 + random() % 80;
    return Windowed(random, window);
  });
}

TEST(Restore, EarlyAndLateResults) {
  Check([](std::mt19937& random) {
    constexpr WindowKind kKinds[] = {WindowKind::kTumble, WindowKind::kHop, WindowKind::kCumulate,
                                     WindowKind::kSession};
    WindowSpec window;
    window.kind = kKinds[random() % 4];
    window.slide = 1 + random() % 20;
    window.size = window.slide * (1 + random() % 4);
    if (window.kind == WindowKind::kTumble) window.slide = 0;
    return Windowed(random, window, false, RandomEmit(random));
  }, 800);
}

TEST(Restore, GroupAggregate) {
  Check([](std::mt19937& random) {
    GroupAggregateSpec spec;
    spec.keys = RandomKeys(random);
    spec.retract = random() % 2 == 0;
    spec.calls = Calls(spec.retract);
    spec.before_images = random() % 2 == 0;
    spec.output = testing::ResultSchema(Names(spec.keys, spec.retract), false);
    if (random() % 2 == 0) spec.ttl = 1 + random() % 200;
    return Subject{[spec] { return MakeGroupAggregate(spec); }, spec.keys, spec.retract};
  });
}

TEST(Restore, Sessionize) {
  Check([](std::mt19937& random) {
    SessionizeSpec spec;
    spec.keys = RandomKeys(random);
    spec.time_column = kTime;
    spec.gap = 1 + random() % 40;
    if (random() % 2 == 0) spec.max_events = 1 + random() % 10;
    if (random() % 2 == 0) spec.max_duration = 1 + random() % 80;
    if (random() % 2 == 0) spec.ttl = 1 + random() % 200;
    arrow::FieldVector fields = MakeBatch({}, false).rows->schema()->fields();
    for (const char* name :
         {"session_id", "session_start", "session_position", "session_duration"}) {
      fields.push_back(arrow::field(name, arrow::int64()));
    }
    spec.output = arrow::schema(fields);
    return Subject{[spec] { return MakeSessionize(spec); }, spec.keys, false};
  });
}

TEST(Restore, Materialize) {
  Check([](std::mt19937& random) {
    const MaterializeSpec spec{RandomKeys(random), MakeBatch({}, false).rows->schema()};
    return Subject{[spec] { return MakeMaterialize(spec); }, spec.keys, true};
  });
}

TEST(Restore, Normalize) {
  Check([](std::mt19937& random) {
    const NormalizeSpec spec{RandomKeys(random), MakeBatch({}, false).rows->schema()};
    return Subject{[spec] { return MakeNormalize(spec); }, spec.keys, random() % 2 == 0};
  });
}

// Sessions that wait, saved in full snapshots and deltas while rows come and go. Rows may come under
// later watermarks than the operator's: what they keep apart stays apart.
TEST(Restore, SessionAssign) {
  Check([](std::mt19937& random) {
    SessionAssignSpec spec;
    spec.window.kind = WindowKind::kSession;
    spec.window.size = 1 + random() % 40;
    spec.window.time_column = kTime;
    if (random() % 4 == 0) spec.window.domain = TimeDomain::kProcessing;
    spec.window.partition = RandomKeys(random);
    arrow::FieldVector fields = MakeBatch({}, false).rows->schema()->fields();
    for (const char* name : {"window_start", "window_end", "window_time"}) {
      fields.push_back(arrow::field(name, testing::TimeType()));
    }
    spec.output = arrow::schema(fields);
    return Subject{[spec] { return MakeSessionAssign(spec); }, spec.window.partition};
  });
}

TEST(Restore, Sort) {
  Check([](std::mt19937& random) {
    SortSpec spec;
    spec.output = MakeBatch({}, false).rows->schema();
    const bool temporal = random() % 2 == 0;
    if (temporal) spec.time_column = kTime;
    if (temporal) spec.keys = {{kTime, false}};
    spec.keys.push_back({kValue, random() % 2 == 0});
    return Subject{[spec] { return MakeSort(spec); }, {}, !temporal};
  });
}

// Rows that wait for long are not written again each time.
TEST(Restore, DeltaOfWaitingRowsHoldsWhatCame) {
  SortSpec spec;
  spec.output = MakeBatch({}, false).rows->schema();
  spec.keys = {{kValue, false}};
  auto op = MakeSort(spec);
  ASSERT_TRUE(op->Open({}).ok());
  TestOutput out;
  const auto send = [&](int64_t count) {
    std::vector<TestRow> rows;
    for (int64_t i = 0; i < count; ++i) rows.push_back({.key = 1, .value = i});
    testing::Finish(*op, op->OnBatch(0, MakeBatch(rows, false), out), out);
  };
  send(50000);
  FrozenState full(SaveMode::kFull);
  ASSERT_TRUE(op->Save(full).ok());
  EXPECT_EQ(full.rows(), 50000);
  send(100);
  FrozenState delta(SaveMode::kDelta);
  ASSERT_TRUE(op->Save(delta).ok());
  EXPECT_EQ(delta.rows(), 100);
}

TEST(Restore, Limit) {
  Check([](std::mt19937& random) {
    const int64_t limit = random() % 100, offset = random() % 30;
    return Subject{[=] { return MakeLimit(limit, offset, nullptr); }, {}, false};
  }, 50);
}

std::unique_ptr<Operator> Grouped(std::vector<AggregateCall> calls, std::vector<int> keys) {
  GroupAggregateSpec spec;
  std::vector<std::string> names;
  for (int key : keys) names.push_back("k" + std::to_string(key));
  for (const AggregateCall& call : calls) names.push_back(call.name);
  spec.keys = std::move(keys);
  spec.calls = std::move(calls);
  spec.output = testing::ResultSchema(names, false);
  auto op = MakeGroupAggregate(spec);
  EXPECT_TRUE(op->Open({}).ok());
  return op;
}

// A script that computes more goes on; one that groups by something else is told so.
TEST(Restore, AfterAChangeOfTheScript) {
  auto op = Grouped({RealCall("SUM")}, {kKey});
  TestOutput out;
  testing::Finish(*op, op->OnBatch(0, MakeBatch({{.key = 1, .value = 5}}, false), out), out);
  auto state = std::make_shared<FrozenState>(SaveMode::kFull);
  ASSERT_TRUE(op->Save(*state).ok());
  const FrozenReader reader({{state}}, 0, 1);
  for (const bool distinct : {false, true}) {
    AggregateCall added = RealCall("COUNT");
    added.distinct = distinct;
    auto wider = Grouped({added, RealCall("SUM"), RealCall("MAX")}, {kKey});
    ASSERT_TRUE(wider->Load(reader).ok());
    TestOutput more;
    testing::Finish(*wider, wider->OnBatch(0, MakeBatch({{.key = 1, .value = 3}}, false), more),
                    more);
    EXPECT_EQ(more.rows, (std::vector<Values>{{1, 0, 5, -999}, {1, 1, 8, 3}}));
  }
  const Status other = Grouped({RealCall("SUM")}, {kKey2})->Load(reader);
  EXPECT_NE(other.message().find("was saved without column 'k1'"), std::string::npos) << other;
}

// A delta holds what changed, not what is there; sets are not written in turns.
TEST(Restore, DeltaIsAsLargeAsTheChange) {
  GroupAggregateSpec spec;
  spec.keys = {kKey};
  spec.calls = Calls(false);
  spec.output = testing::ResultSchema(Names(spec.keys, false), false);
  auto op = MakeGroupAggregate(spec);
  ASSERT_TRUE(op->Open({}).ok());
  TestOutput out;
  std::vector<TestRow> rows;
  for (int64_t key = 0; key < 50000; ++key) rows.push_back({.key = key, .value = 1});
  testing::Finish(*op, op->OnBatch(0, MakeBatch(rows, false), out), out);
  FrozenState full(SaveMode::kFull), none(SaveMode::kDelta), delta(SaveMode::kDelta);
  ASSERT_TRUE(op->Save(full).ok());
  EXPECT_EQ(full.rows(), 50000);
  ASSERT_TRUE(op->Save(none).ok());
  EXPECT_EQ(none.rows(), 0);
  rows.clear();
  for (int64_t key = 0; key < 50000; key += 100) rows.push_back({.key = key, .value = 1});
  testing::Finish(*op, op->OnBatch(0, MakeBatch(rows, false), out), out);
  ASSERT_TRUE(op->Save(delta).ok());
  EXPECT_EQ(delta.rows(), 500);
  EXPECT_NEAR(static_cast<double>(delta.bytes()) / static_cast<double>(full.bytes()), 0.01, 0.001);
}

// Nor does it hold all values of a set to which some were added.
TEST(Restore, DeltaOfASetHoldsWhatWasAdded) {
  AggregateCall distinct = RealCall("COUNT");
  distinct.distinct = true;
  for (const std::vector<int>& keys : {std::vector<int>(), std::vector<int>{kKey}}) {
    auto op = Grouped({distinct}, keys);
    TestOutput out;
    const auto send = [&](int64_t begin, int64_t end) {
      std::vector<TestRow> rows;
      for (int64_t i = begin; i < end; ++i) rows.push_back({.key = 1, .value = i});
      testing::Finish(*op, op->OnBatch(0, MakeBatch(rows, false), out), out);
    };
    const auto save = [&](SaveMode mode) {
      auto state = std::make_shared<FrozenState>(mode);
      EXPECT_TRUE(op->Save(*state).ok());
      return state;
    };
    FrozenReader::Chain chain;
    send(0, 50000);
    chain.push_back(save(SaveMode::kFull));
    send(49000, 50500);
    chain.push_back(save(SaveMode::kDelta));
    chain.push_back(save(SaveMode::kDelta));
    send(0, 1000);
    chain.push_back(save(SaveMode::kDelta));
    EXPECT_LT(chain[1]->bytes(), chain[0]->bytes() / 50);
    auto restored = Grouped({distinct}, keys);
    ASSERT_TRUE(restored->Load(FrozenReader({chain}, 0, 1)).ok());
    TestOutput more;
    const std::vector<TestRow> rows = {{.key = 1, .value = 7}, {.key = 1, .value = -1}};
    testing::Finish(*restored, restored->OnBatch(0, MakeBatch(rows, false), more), more);
    ASSERT_EQ(more.rows.size(), 2u);
    EXPECT_EQ(more.rows[0].back(), 50500);
    EXPECT_EQ(more.rows[1].back(), 50501);
  }
}

}  // namespace
}  // namespace millrace
