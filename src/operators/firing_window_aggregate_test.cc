// Early and late results: what stands at the end against a model, every step a valid changelog, and
// when which change comes.
#include <gtest/gtest.h>

#include <set>

#include "operators/operator_testing.h"
#include "operators/window_aggregate.h"

namespace millrace {
namespace {

using testing::kKey;
using testing::kTime;
using testing::kValue;
using testing::MakeBatch;
using testing::TestOutput;
using testing::TestRow;
using testing::Values;

WindowAggregateSpec Spec(WindowSpec window, EmitSpec emit) {
  WindowAggregateSpec spec;
  spec.window = window;
  spec.window.time_column = kTime;
  spec.window.partition = spec.keys = {kKey};
  spec.calls = {testing::CountCall(), testing::SumCall(kValue)};
  spec.output = testing::ResultSchema({"k", "count", "sum"}, true);
  spec.emit = emit;
  return spec;
}

WindowAggregateSpec RandomSpec(std::mt19937& random) {
  constexpr WindowKind kKinds[] = {WindowKind::kTumble, WindowKind::kHop, WindowKind::kCumulate,
                                   WindowKind::kSession};
  WindowSpec window;
  window.kind = kKinds[random() % 4];
  window.slide = 1 + random() % 10;
  window.size = window.slide * (1 + random() % 5);
  EmitSpec emit;
  emit.early = random() % 2 == 0;
  if (random() % 3 != 0) emit.early_delay = random() % 30;
  if (!emit.early || random() % 2 == 0) emit.lateness = 1 + random() % 60;
  if (random() % 2 == 0) emit.late_delay = random() % 30;
  WindowAggregateSpec spec = Spec(window, emit);
  spec.retract = window.kind != WindowKind::kSession && random() % 3 == 0;
  return spec;
}

std::vector<TestRow> RandomRows(std::mt19937& random, bool retract) {
  std::vector<TestRow> rows;
  const int64_t keys = 1 + random() % 4;
  const int64_t disorder = 1 + random() % 60;
  Timestamp now = 0, max_time = -1000;
  for (size_t count = 1 + random() % 120; count > 0; --count) {
    now += random() % 8;
    TestRow row{.key = static_cast<int64_t>(random()) % keys,
                .time = now - static_cast<int64_t>(random()) % disorder,
                .value = static_cast<int64_t>(random() % 3)};
    if (retract && !rows.empty() && random() % 3 == 0) {
      row = rows[random() % rows.size()];
      row.kind = row.kind == RowKind::kInsert ? RowKind::kDelete : RowKind::kInsert;
    }
    row.watermark = max_time;
    max_time = std::max(max_time, row.time);
    rows.push_back(row);
  }
  return rows;
}

struct ModelWindow {
  int64_t key;
  Window window;
  int64_t rows = 0, sum = 0;
};

// Each window by itself, no state ever forgotten: lateness is decided by the row's watermark.
class Model {
 public:
  explicit Model(const WindowAggregateSpec& spec) : spec_(spec) {}

  void Add(const TestRow& row) {
    std::vector<Window> assigned;
    if (spec_.window.kind == WindowKind::kSession) {
      const Window own = Joined(row);
      if (own.end > own.start) assigned.push_back(own);
    } else {
      AssignWindows(spec_.window, row.time, assigned);
    }
    bool taken = assigned.empty() && spec_.window.kind != WindowKind::kSession;
    for (const Window& window : assigned) {
      if (!TakesRows(window, row)) continue;
      taken = true;
      ModelWindow& w = Find(row.key, window);
      w.rows += Adds(row.kind) ? 1 : -1;
      w.sum += Adds(row.kind) ? row.value : -row.value;
    }
    late += taken ? 0 : 1;
  }
  std::multiset<Values> Results() const {
    std::multiset<Values> results;
    for (const ModelWindow& w : windows_) {
      if (w.rows <= 0) continue;
      results.insert({w.key, w.rows, w.sum, w.window.start, w.window.end, w.window.end - 1});
    }
    return results;
  }
  int64_t late = 0;

 private:
  bool TakesRows(const Window& window, const TestRow& row) const {
    return window.end - 1 + spec_.emit.lateness > row.watermark;
  }
  ModelWindow& Find(int64_t key, const Window& window) {
    for (ModelWindow& w : windows_) {
      if (w.key == key && w.window == window) return w;
    }
    return windows_.emplace_back(ModelWindow{key, window});
  }
  // The row's session, the sessions that it meets merged into one; empty if it is late.
  Window Joined(const TestRow& row) {
    const Window own{row.time, row.time + spec_.window.size};
    ModelWindow joined{row.key, own};
    bool any = false;
    std::erase_if(windows_, [&](const ModelWindow& w) {
      const bool joins = w.key == row.key && TakesRows(w.window, row) &&
                         own.end >= w.window.start && own.start <= w.window.end;
      if (!joins) return false;
      any = true;
      joined.window = {std::min(joined.window.start, w.window.start),
                       std::max(joined.window.end, w.window.end)};
      joined.rows += w.rows;
      joined.sum += w.sum;
      return true;
    });
    if (!any && !TakesRows(own, row)) return {0, 0};
    if (any) windows_.push_back(joined);
    return joined.window;
  }

  const WindowAggregateSpec& spec_;
  std::vector<ModelWindow> windows_;
};

// The rows that stand after a changelog; fails where one is taken back that is not there.
std::multiset<Values> Fold(const TestOutput& out) {
  std::multiset<Values> rows;
  for (size_t i = 0; i < out.rows.size(); ++i) {
    if (Adds(out.kinds[i])) {
      rows.insert(out.rows[i]);
      continue;
    }
    const auto found = rows.find(out.rows[i]);
    EXPECT_NE(found, rows.end()) << "row " << i << " takes back what is not there";
    if (found != rows.end()) rows.erase(found);
  }
  return rows;
}

void Replay(Operator& op, const std::vector<TestRow>& rows, std::mt19937& random, TestOutput& out) {
  ASSERT_TRUE(op.Open({}).ok());
  Timestamp now = 0;
  for (size_t begin = 0; begin < rows.size();) {
    const size_t end = std::min(rows.size(), begin + 1 + random() % 20);
    const std::vector<TestRow> part(rows.begin() + static_cast<long>(begin),
                                    rows.begin() + static_cast<long>(end));
    Batch batch = MakeBatch(part, true);
    batch.arrival = now += random() % 20;
    testing::Finish(op, op.OnBatch(0, batch, out), out);
    now += random() % 20;
    if (random() % 2 == 0) {
      testing::Finish(op, op.OnWatermark(TimeDomain::kProcessing, now, out), out);
    }
    if (random() % 3 != 0) {
      testing::Finish(op, op.OnWatermark(TimeDomain::kEvent, part.back().watermark, out), out);
    }
    begin = end;
  }
  testing::Finish(op, op.OnWatermark(TimeDomain::kEvent, kMaxTimestamp, out), out);
  testing::Finish(op, op.OnEnd(out), out);
}

TEST(FiringWindowAggregate, EndsAsTheModelForAnyOrderAndBatches) {
  for (uint32_t seed = 1; seed <= 4000 && !HasFailure(); ++seed) {
    std::mt19937 random(seed);
    const WindowAggregateSpec spec = RandomSpec(random);
    const std::vector<TestRow> rows = RandomRows(random, spec.retract);
    auto op = MakeWindowAggregate(spec);
    TestOutput out(seed);
    Replay(*op, rows, random, out);
    Model model(spec);
    for (const TestRow& row : rows) model.Add(row);
    ASSERT_EQ(Fold(out), model.Results())
        << "seed " << seed << " " << spec.window.ToString() << " " << spec.emit.ToString();
    ASSERT_EQ(op->counts().late, model.late) << "seed " << seed;
  }
}

// Feeds one operator and tells what comes of each message.
class Stage {
 public:
  explicit Stage(const WindowAggregateSpec& spec) : op_(MakeWindowAggregate(spec)) {
    EXPECT_TRUE(op_->Open({}).ok());
  }
  // Rows of key 1 and value 1 at these times.
  std::vector<std::string> Rows(const std::vector<Timestamp>& times, Timestamp arrival = 0) {
    std::vector<TestRow> rows;
    for (Timestamp time : times) rows.push_back({.key = 1, .time = time, .value = 1});
    Batch batch = MakeBatch(rows, false);
    batch.arrival = arrival;
    TestOutput out;
    testing::Finish(*op_, op_->OnBatch(0, batch, out), out);
    return Changes(out);
  }
  std::vector<std::string> At(Timestamp time, TimeDomain domain = TimeDomain::kEvent) {
    TestOutput out;
    testing::Finish(*op_, op_->OnWatermark(domain, time, out), out);
    return Changes(out);
  }
  std::vector<std::string> Clock(Timestamp time) { return At(time, TimeDomain::kProcessing); }

 private:
  static std::vector<std::string> Changes(const TestOutput& out) {
    std::vector<std::string> changes;
    for (size_t i = 0; i < out.rows.size(); ++i) {
      const Values& row = out.rows[i];
      changes.push_back(std::string(RowKindName(out.kinds[i])) + " " + std::to_string(row[1]) +
                        " [" + std::to_string(row[3]) + "," + std::to_string(row[4]) + ")");
    }
    return changes;
  }
  std::unique_ptr<Operator> op_;
};

using Changes = std::vector<std::string>;

WindowSpec Tumble(int64_t size) {
  WindowSpec window;
  window.size = size;
  return window;
}

WindowSpec SessionOf(int64_t gap) {
  WindowSpec window;
  window.kind = WindowKind::kSession;
  window.size = gap;
  return window;
}

TEST(FiringWindowAggregate, EarlyResultsComeWithTheClockWhereSomethingChanged) {
  Stage stage(Spec(Tumble(10), {.early = true, .early_delay = 100}));
  EXPECT_EQ(stage.Rows({1, 2}, 1010), Changes{});
  EXPECT_EQ(stage.Clock(1099), Changes{});
  EXPECT_EQ(stage.Clock(1100), Changes{"+I 2 [0,10)"});
  EXPECT_EQ(stage.Clock(1300), Changes{});
  EXPECT_EQ(stage.Rows({3, 15}, 1310), Changes{});
  EXPECT_EQ(stage.Clock(1400), (Changes{"-U 2 [0,10)", "+U 3 [0,10)", "+I 1 [10,20)"}));
  EXPECT_EQ(stage.At(9), Changes{}) << "the result on time is what was shown";
  EXPECT_EQ(stage.Rows({16}, 1410), Changes{});
  EXPECT_EQ(stage.At(19), (Changes{"-U 1 [10,20)", "+U 2 [10,20)"}));
  EXPECT_EQ(stage.Clock(2000), Changes{});
}

TEST(FiringWindowAggregate, LateResultsComeWithTheirBatchOrAfterTheDelay) {
  Stage at_once(Spec(Tumble(10), {.lateness = 5}));
  at_once.Rows({1});
  EXPECT_EQ(at_once.At(9), Changes{"+I 1 [0,10)"});
  EXPECT_EQ(at_once.Rows({2, 3}), (Changes{"-U 1 [0,10)", "+U 3 [0,10)"}));
  EXPECT_EQ(at_once.At(14), Changes{});
  EXPECT_EQ(at_once.Rows({4}), Changes{}) << "beyond the allowed lateness";
  Stage delayed(Spec(Tumble(10), {.late_delay = 100, .lateness = 5}));
  delayed.Rows({1}, 1010);
  EXPECT_EQ(delayed.At(9), Changes{"+I 1 [0,10)"});
  EXPECT_EQ(delayed.Rows({2}, 1020), Changes{});
  EXPECT_EQ(delayed.Clock(1100), (Changes{"-U 1 [0,10)", "+U 2 [0,10)"}));
  EXPECT_EQ(delayed.Rows({3}, 1120), Changes{});
  EXPECT_EQ(delayed.At(14), (Changes{"-U 2 [0,10)", "+U 3 [0,10)"})) << "before it is forgotten";
}

TEST(FiringWindowAggregate, ShownSessionsAreTakenBackWhenTheyMergeOrOpenAgain) {
  Stage early(Spec(SessionOf(10), {.early = true, .early_delay = 100}));
  early.Rows({0, 18}, 1010);
  EXPECT_EQ(early.Clock(1100), (Changes{"+I 1 [0,10)", "+I 1 [18,28)"}));
  EXPECT_EQ(early.Rows({9}, 1110),
            (Changes{"-D 1 [18,28)", "-D 1 [0,10)", "+I 3 [0,28)"}));
  EXPECT_EQ(early.At(27), Changes{});
  Stage late(Spec(SessionOf(10), {.lateness = 50}));
  late.Rows({0});
  EXPECT_EQ(late.At(12), Changes{"+I 1 [0,10)"});
  EXPECT_EQ(late.Rows({9}), Changes{"-D 1 [0,10)"}) << "open until 19";
  EXPECT_EQ(late.At(18), Changes{"+I 2 [0,19)"});
  EXPECT_EQ(late.Rows({1}), (Changes{"-U 2 [0,19)", "+U 3 [0,19)"}));
}

}  // namespace
}  // namespace millrace
