#include "runtime/job.h"

#include <numeric>
#include <set>
#include <stdexcept>

#include "runtime/test_parts.h"

namespace millrace {
namespace {

using After = ListSource::After;
using std::chrono::milliseconds;

std::vector<int64_t> Numbers(int64_t count) {
  std::vector<int64_t> numbers(static_cast<size_t>(count));
  std::iota(numbers.begin(), numbers.end(), 0);
  return numbers;
}

std::unique_ptr<Job> MakeJob(Graph graph, JobOptions options = {}) {
  auto job = Job::Make(std::move(graph), std::move(options));
  EXPECT_TRUE(job.ok()) << job.status();
  return std::move(*job);
}

Status RunJob(Graph graph, JobOptions options = {}) {
  auto job = MakeJob(std::move(graph), std::move(options));
  MILL_RETURN(job->Start());
  return job->Wait();
}

JobOptions Workers(int workers, int64_t batch_rows = 8192) {
  JobOptions options;
  options.workers = workers;
  options.batch_rows = batch_rows;
  return options;
}

// Waits until `condition` holds; false if it does not within seconds.
template <typename Condition>
bool Eventually(Condition condition) {
  for (int i = 0; i < 5000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(milliseconds{1});
  }
  return false;
}

std::vector<std::string> LinesOf(const std::vector<std::string>& lines, const std::string& start) {
  std::vector<std::string> found;
  for (const std::string& line : lines) {
    if (line.starts_with(start)) found.push_back(line);
  }
  return found;
}

// Fails, or throws, at the batch with row `id`.
class FailingOperator final : public Operator {
 public:
  FailingOperator(int64_t id, bool throws) : id_(id), throws_(throws) {}
  Result<Progress> OnBatch(int, const Batch& rows, Output& out) override {
    for (int64_t id : Ids(*rows.rows)) {
      if (id != id_) continue;
      if (throws_) throw std::runtime_error("thrown");
      return Status::Invalid("row ", id, " is bad");
    }
    MILL_RETURN(out.Emit(rows));
    return Progress::kDone;
  }
  std::string Describe() const override { return "failing"; }

 private:
  int64_t id_;
  bool throws_;
};

OperatorMaker Failing(int64_t id, bool throws) {
  return [=](int) -> Result<std::unique_ptr<Operator>> {
    return std::make_unique<FailingOperator>(id, throws);
  };
}

TEST(Job, HashExchangeDeliversEachRowOnce) {
  for (int workers = 1; workers <= 4; ++workers) {
    for (int64_t batch_rows : {1, 100, 8192}) {
      TestTable table;
      TestLog log;
      ASSERT_TRUE(RunJob(TestGraph(TestSource({{TestRange(0, 500), TestRange(500, 1000)}}),
                                   TestNode("middle", 3, {HashById(0)}, {Logging("op", &log)}),
                                   TestSink(&table, {Gather(1)})),
                         Workers(workers, batch_rows))
                      .ok());
      EXPECT_EQ(table.Sorted(), Numbers(1000));
      for (const char* task : {"op0 rows", "op1 rows", "op2 rows"}) {
        EXPECT_FALSE(LinesOf(log.lines(), task).empty()) << task;
      }
      for (const Batch& batch : table.batches) EXPECT_LE(batch.num_rows(), batch_rows);
    }
  }
}

TEST(Job, WatermarkIsTheLeastOfTheLanes) {
  TestTable table;
  TestLog log;
  ASSERT_TRUE(RunJob(TestGraph(TestSource({{TestRange(0, 100)}, {TestRange(50, 60)}}),
                               TestNode("middle", 1, {Gather(0)}, {Logging("op", &log)}),
                               TestSink(&table, {Gather(1)})))
                  .ok());
  const auto lines = log.lines();
  EXPECT_TRUE(std::find(lines.begin(), lines.end(), "op0 watermark 60") == lines.end());
  EXPECT_EQ(lines[lines.size() - 3], "op0 watermark max");
  EXPECT_EQ(lines[lines.size() - 2], "op0 end");
  EXPECT_EQ(lines[lines.size() - 1], "op0 barrier 1");
}

TEST(Job, EndGoesDownTheChainInOrder) {
  TestTable table;
  TestLog log;
  Node source = TestSource({{TestRange(0, 2)}});
  source.chain = {Logging("a", &log), Logging("b", &log)};
  ASSERT_TRUE(RunJob(TestGraph(std::move(source), TestSink(&table, {Gather(0)}))).ok());
  const std::vector<std::string> expected = {
      "a0 rows 0: 0 1",   "b0 rows 0: 0 1",   "a0 watermark 1", "b0 watermark 1",
      "a0 watermark max", "b0 watermark max", "a0 end",         "b0 end",
      "a0 barrier 1",     "b0 barrier 1"};
  EXPECT_EQ(log.lines(), expected);
}

TEST(Job, SmallQueuesHoldBackGenerousOperators) {
  for (int workers : {1, 3}) {
    TestTable table;
    JobOptions options = Workers(workers);
    options.queue_bytes = 1;
    Node middle = TestNode("middle", 2, {HashById(0)}, {Repeating(10), Repeating(10)});
    ASSERT_TRUE(RunJob(TestGraph(TestSource({{TestRange(0, 20), TestRange(20, 30)}}),
                                 std::move(middle), TestSink(&table, {Gather(1)})),
                       options)
                    .ok());
    const auto ids = table.Sorted();
    ASSERT_EQ(ids.size(), 3000u);
    for (int64_t i = 0; i < 3000; ++i) EXPECT_EQ(ids[static_cast<size_t>(i)], i / 100);
  }
}

TEST(Job, SharedNodeFeedsAllItsConsumers) {
  TestTable first, second;
  ASSERT_TRUE(RunJob(TestGraph(TestSource({{TestRange(0, 100)}, {TestRange(100, 200)}}),
                               TestNode("middle", 3, {HashById(0)}),
                               TestSink(&first, {Gather(1)}), TestSink(&second, {Gather(1)}),
                               TestNode("unused", 2, {Forward(0)})),
                     Workers(2))
                  .ok());
  EXPECT_EQ(first.Sorted(), Numbers(200));
  EXPECT_EQ(second.Sorted(), Numbers(200));
}

TEST(Job, EdgesSayWhichInputRowsCameTo) {
  TestTable table;
  TestLog log;
  Edge right = Gather(1);
  right.input = 1;
  ASSERT_TRUE(RunJob(TestGraph(TestSource({{TestRange(0, 1)}}), TestSource({{TestRange(7, 8)}}),
                               TestNode("join", 1, {Gather(0), right}, {Logging("op", &log)}),
                               TestSink(&table, {Gather(2)})))
                  .ok());
  EXPECT_EQ(LinesOf(log.lines(), "op0 rows 0").at(0), "op0 rows 0: 0");
  EXPECT_EQ(LinesOf(log.lines(), "op0 rows 1").at(0), "op0 rows 1: 7");
}

TEST(Job, TableWithoutSplitsEndsAtOnce) {
  TestTable table;
  ASSERT_TRUE(RunJob(TestGraph(TestSource({}), TestSink(&table, {Gather(0)}))).ok());
  EXPECT_EQ(table.epochs, std::vector<int64_t>{1});
}

TEST(Job, EpochsArePublishedInOrder) {
  for (int workers : {1, 3}) {
    TestTable table;
    JobOptions options = Workers(workers);
    options.barrier_interval = milliseconds{3};
    Node endless = TestSource({{TestRange(0, 9)}, {TestRange(9, 18)}}, After::kSilence);
    auto job = MakeJob(TestGraph(std::move(endless), TestSource({{TestRange(18, 20)}}),
                                 TestNode("middle", 3, {HashById(0), HashById(1)}),
                                 TestSink(&table, {Gather(2)})),
                       options);
    ASSERT_TRUE(job->Start().ok());
    ASSERT_TRUE(Eventually([&] { return job->Counts().sinks[0].published_epochs >= 5; }));
    EXPECT_EQ(table.Sorted(), Numbers(20)) << "visible while the job runs";
    job->Drain();
    ASSERT_TRUE(job->Wait().ok());
    EXPECT_EQ(table.Sorted(), Numbers(20));
    for (size_t i = 0; i < table.epochs.size(); ++i) {
      EXPECT_EQ(table.epochs[i], static_cast<int64_t>(i) + 1);
    }
    EXPECT_EQ(table.aborted, 0);
  }
}

TEST(Job, DrainWorksOffWhatIsInFlight) {
  TestTable table;
  auto job = MakeJob(TestGraph(TestSource({{TestRange(0, 100)}}, After::kRepeat),
                               TestNode("middle", 2, {HashById(0)}),
                               TestSink(&table, {Gather(1)})),
                     Workers(2));
  ASSERT_TRUE(job->Start().ok());
  ASSERT_TRUE(Eventually([&] { return job->Counts().sinks[0].rows > 1000; }));
  EXPECT_FALSE(job->WaitFor(milliseconds{1}));
  job->Drain();
  ASSERT_TRUE(job->Wait().ok());
  EXPECT_EQ(std::ssize(table.ids), job->Counts().sources[0].rows);
  EXPECT_TRUE(job->Counts().sources[0].ended);
}

TEST(Job, CancelPublishesNothing) {
  TestTable table;
  auto job = MakeJob(TestGraph(TestSource({{TestRange(0, 100)}}, After::kRepeat),
                               TestSink(&table, {Gather(0)})),
                     Workers(2));
  ASSERT_TRUE(job->Start().ok());
  ASSERT_TRUE(Eventually([&] { return job->Counts().sinks[0].rows > 100; }));
  job->Cancel();
  EXPECT_TRUE(job->Wait().ok());
  EXPECT_TRUE(table.ids.empty());
  EXPECT_EQ(table.aborted, 1);
}

TEST(Job, FirstFailureEndsTheJob) {
  for (bool throws : {false, true}) {
    TestTable table;
    const Status status =
        RunJob(TestGraph(TestSource({{TestRange(0, 5)}, {TestRange(5, 9)}}, After::kRepeat),
                         TestNode("weak", 1, {Gather(0)}, {Failing(7, throws)}),
                         TestSink(&table, {Gather(1)})),
               Workers(2));
    EXPECT_EQ(status.message(), throws ? "weak: exception: thrown" : "weak: row 7 is bad");
    EXPECT_TRUE(table.ids.empty());
    EXPECT_EQ(table.aborted, 1);
  }
}

// Steps a job with two lanes; returns what its operator saw, in order.
std::vector<std::string> StepThrough(uint64_t seed, TestTable* table) {
  TestLog log;
  std::vector<std::shared_ptr<arrow::RecordBatch>> lanes[2];
  for (int64_t i = 0; i < 40; ++i) lanes[i % 2].push_back(TestRange(i * 5, i * 5 + 5));
  JobOptions options = Workers(3, 2);
  options.queue_bytes = 2000;
  auto job = MakeJob(TestGraph(TestSource({lanes[0], lanes[1]}),
                               TestNode("middle", 2, {HashById(0)}, {Logging("op", &log)}),
                               TestSink(table, {Gather(1)})),
                     options);
  const auto ended = job->Step(seed);
  EXPECT_TRUE(ended.ok() && *ended);
  EXPECT_TRUE(*job->Step(seed)) << "an ended job stays ended";
  return log.lines();
}

TEST(Job, StepsAreDeterminedByTheSeed) {
  std::set<std::vector<std::string>> histories;
  for (uint64_t seed = 0; seed < 8; ++seed) {
    TestTable once, again;
    const auto history = StepThrough(seed, &once);
    EXPECT_EQ(history, StepThrough(seed, &again));
    EXPECT_EQ(once.ids, again.ids);
    EXPECT_EQ(once.Sorted(), Numbers(200));
    histories.insert(history);
  }
  EXPECT_GT(histories.size(), 4u) << "seeds should give different orders";
}

TEST(Job, StepReturnsWhenNothingCanRun) {
  TestTable table;
  auto job = MakeJob(TestGraph(TestSource({{TestRange(0, 10)}}, After::kSilence),
                               TestSink(&table, {Gather(0)})));
  EXPECT_FALSE(*job->Step(1));
  EXPECT_FALSE(*job->Step(2));
  EXPECT_EQ(job->Counts().sinks[0].rows, 10);
  job->Drain();
  EXPECT_TRUE(*job->Step(3));
  EXPECT_EQ(table.Sorted(), Numbers(10));
}

TEST(Job, SteppedEpochsFollowTheClock) {
  TestTable table;
  Timestamp now = 1000;
  JobOptions options;
  options.clock = [&now] { return now; };
  options.barrier_interval = milliseconds{100};
  auto job = MakeJob(TestGraph(TestSource({{TestRange(0, 10)}}, After::kSilence),
                               TestSink(&table, {Gather(0)})),
                     options);
  EXPECT_FALSE(*job->Step(1));
  EXPECT_TRUE(table.epochs.empty());
  now += 100;
  EXPECT_FALSE(*job->Step(1));
  EXPECT_EQ(table.epochs, std::vector<int64_t>{1});
  EXPECT_EQ(table.Sorted(), Numbers(10));
}

}  // namespace
}  // namespace millrace
