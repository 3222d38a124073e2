#include "runtime/ingest.h"

#include <atomic>

#include "runtime/test_parts.h"

namespace millrace {
namespace {

class DeadLog final : public RejectLog {
 public:
  void Dead(int64_t, const BadRow& row) override {
    log.Add(row.file + ":" + std::to_string(row.line) + " " + std::string(row.bytes) + ": " +
            row.reason);
  }
  void Late(int64_t, const Batch&, int64_t, const LateRow&, const SplitName*) override {}
  Result<Committable> Stage(int64_t epoch) override { return Committable{epoch, ""}; }
  Status Publish(const Committable&) override { return Status::OK(); }
  Committable Shown(int64_t epoch) const override { return {epoch, ""}; }
  Status Restore(const Committable*) override { return Status::OK(); }
  TestLog log;
};

Ingested Timed(const std::vector<TestRow>& rows) {
  Ingested piece;
  piece.rows = TestRows(rows);
  piece.times = std::make_shared<arrow::Int64Array>(
      std::ssize(rows), piece.rows->column(1)->data()->buffers[1]);
  piece.watermarks = piece.times;
  return piece;
}

TEST(LaneClock, BatchInOrderCarriesNoArrivalWatermarks) {
  LaneClock clock;
  const Batch batch = clock.Advance(Timed({{0, 5}, {1, 7}, {2, 9}}), 0, 3);
  EXPECT_EQ(batch.arrival_watermarks, nullptr);
  EXPECT_EQ(clock.watermark(), 9);
}

TEST(LaneClock, RowBehindTheOthersIsSeenAcrossBatchesAndSlices) {
  for (int64_t step : {1, 2, 4}) {
    LaneClock clock;
    const Ingested piece = Timed({{0, 5}, {1, 9}, {2, 7}, {3, 10}});
    std::vector<Timestamp> seen;
    for (int64_t offset = 0; offset < 4; offset += step) {
      const Batch batch = clock.Advance(piece, offset, step);
      for (int64_t i = 0; i < step; ++i) {
        if (batch.arrival_watermarks) seen.push_back(batch.arrival_watermark(i));
      }
    }
    EXPECT_NE(std::find(seen.begin(), seen.end(), 9), seen.end()) << "row 2 came behind 9";
    EXPECT_EQ(clock.watermark(), 10);
  }
}

TEST(LaneClock, TimeUpToOneAboveTheWatermarkMayMeetAClosedWindow) {
  for (Timestamp time : {5, 6}) {
    LaneClock clock;
    clock.RaiseTo(5);
    EXPECT_NE(clock.Advance(Timed({{0, time}}), 0, 1).arrival_watermarks, nullptr) << time;
  }
  LaneClock clock;
  clock.RaiseTo(5);
  EXPECT_EQ(clock.Advance(Timed({{0, 7}}), 0, 1).arrival_watermarks, nullptr);
}

TEST(LaneClock, NullWatermarkHoldsTimeWhereItIs) {
  LaneClock clock;
  Ingested piece = Timed({{0, 5}, {1, 9}, {2, 12}});
  arrow::Int64Builder marks;
  ASSERT_TRUE(marks.Append(4).ok() && marks.AppendNull().ok() && marks.Append(2).ok());
  piece.watermarks = std::static_pointer_cast<arrow::Int64Array>(marks.Finish().ValueOrDie());
  clock.Advance(piece, 0, 3);
  EXPECT_EQ(clock.watermark(), 4) << "neither NULL nor an older value moves it";
}

TEST(LaneClock, NoWatermarkStandsAboveTheHighest) {
  LaneClock clock;
  clock.RaiseTo(kMaxTimestamp);
  EXPECT_NE(clock.Advance(Timed({{0, 5}}), 0, 1).arrival_watermarks, nullptr);
}

TEST(TableClock, OthersAreTheLeastOfTheActive) {
  TableClock clock(4);
  clock.Set(0, 1, false, false);
  clock.Set(1, 20, false, false);
  clock.Set(2, 10, true, false);
  clock.Set(3, kMaxTimestamp, false, true);
  EXPECT_EQ(clock.OfOthers(0), 20);
  clock.Set(1, 5, true, false);
  EXPECT_EQ(clock.OfOthers(0), 10) << "all idle: the furthest";
}

std::unique_ptr<Job> MakeJob(Graph graph, JobOptions options, RejectLog* rejects = nullptr) {
  return Job::Make(std::move(graph), std::move(options), {.rejects = rejects}).ValueOrDie();
}

TEST(Ingest, RowsWithoutUsableEventTimeAreDeadLetters) {
  TestTable table;
  DeadLog dead;
  Timestamp now = 1000;
  Node source = TestSource({{TestRows({{0, 900}, {1, std::nullopt}, {2, 1600}, {3, 1500}})}},
                           ListSource::After::kSilence);
  source.ingestion->future_cap = std::chrono::milliseconds{500};
  JobOptions options;
  options.clock = [&now] { return now; };
  auto job = MakeJob(TestGraph(std::move(source), TestSink(&table, {Gather(0)})), options, &dead);
  job->Drain();
  EXPECT_TRUE(*job->Step(0));
  EXPECT_TRUE(table.ids.empty()) << "drained before the first poll";

  Node again = TestSource({{TestRows({{0, 900}, {1, std::nullopt}, {2, 1600}, {3, 1500}})}},
                          ListSource::After::kSilence);
  again.ingestion->future_cap = std::chrono::milliseconds{500};
  job = MakeJob(TestGraph(std::move(again), TestSink(&table, {Gather(0)})), options, &dead);
  EXPECT_FALSE(*job->Step(0));
  const auto counts = job->Counts().sources[0];
  EXPECT_EQ(counts.rows, 4);
  EXPECT_EQ(counts.dead_lettered, 2);
  EXPECT_EQ(counts.watermark, 1500);
  EXPECT_EQ(job->Counts().sinks[0].rows, 2);
  const auto lines = dead.log.lines();
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0], ":0 {\"id\": 1, \"ts\": null}: event time is NULL");
  EXPECT_TRUE(lines[1].ends_with("event time is more than 500 ms ahead of arrival")) << lines[1];
}

TEST(Ingest, SilentLaneGoesIdleAndWakesWhereTheTableIs) {
  TestTable table;
  TestLog log;
  Timestamp now = 0;
  Node source = TestSource({{TestRange(0, 100)}, {}}, ListSource::After::kSilence);
  source.ingestion->idle_timeout = std::chrono::milliseconds{1000};
  auto* slow = static_cast<ListSource*>(source.lanes[1].source.get());
  auto* fast = static_cast<ListSource*>(source.lanes[0].source.get());
  JobOptions options;
  options.clock = [&now] { return now; };
  auto job = MakeJob(TestGraph(std::move(source),
                               TestNode("op", 1, {Gather(0)}, {Logging("op", &log)}),
                               TestSink(&table, {Gather(1)})),
                     options);
  EXPECT_FALSE(*job->Step(0));
  EXPECT_EQ(log.lines().size(), 1u) << "the silent lane holds back time";
  now = 900;
  fast->Append(TestRange(100, 110));
  EXPECT_FALSE(*job->Step(0));
  now = 1100;
  EXPECT_FALSE(*job->Step(0));
  EXPECT_TRUE(job->Counts().sources[1].idle);
  EXPECT_FALSE(job->Counts().sources[0].idle);
  EXPECT_EQ(log.lines().back(), "op0 watermark 109");
  slow->Append(TestRange(50, 51));
  EXPECT_FALSE(*job->Step(0));
  EXPECT_FALSE(job->Counts().sources[1].idle);
  EXPECT_EQ(job->Counts().sources[1].watermark, 109);
  EXPECT_EQ(table.batches.back().arrival_watermark(0), 109);
}

// A source that answers late, as all do to a process that was stopped: 30 s, once.
class StandingStill final : public Source {
 public:
  explicit StandingStill(Timestamp* now) : now_(now) {}
  Status Open() override { return Status::OK(); }
  Result<Polled> Poll(std::chrono::milliseconds) override {
    *now_ += std::exchange(still_, 0);
    return Polled{};
  }
  Status Seek(const std::string&) override { return Status::OK(); }
  bool bounded() const override { return false; }
  std::string name() const override { return "still"; }

 private:
  Timestamp* now_;
  Timestamp still_ = 30000;
};

TEST(Ingest, NeitherStandingStillNorAClockThatIsSetMakesALaneIdle) {
  TestTable table;
  Timestamp now = 0, wall = 1'700'000'000'000;
  Node source = TestSource({{}}, ListSource::After::kSilence);
  source.ingestion->idle_timeout = std::chrono::milliseconds{1000};
  source.lanes[0].source = std::make_unique<StandingStill>(&now);
  JobOptions options;
  options.clock = [&wall] { return wall; };
  options.steady_clock = [&now] { return now; };
  auto job = MakeJob(TestGraph(std::move(source), TestSink(&table, {Gather(0)})), options);
  for (const Timestamp jump : {0, 3600000, -7200000}) {
    wall += jump;
    now += 300;
    EXPECT_FALSE(*job->Step(0));
    EXPECT_FALSE(job->Counts().sources[0].idle) << jump;
  }
  now += 500;
  EXPECT_FALSE(*job->Step(0));
  EXPECT_TRUE(job->Counts().sources[0].idle) << "1,100 ms without anything";
}

// Notes how far ahead of the other lanes it is read.
class LeadSource final : public Source {
 public:
  LeadSource(std::vector<int64_t>* read, size_t lane, int64_t* lead)
      : read_(read), lane_(lane), lead_(lead) {}
  Status Open() override { return Status::OK(); }
  Result<Polled> Poll(std::chrono::milliseconds) override {
    Polled polled;
    int64_t& next = (*read_)[lane_];
    if (next == 300) {
      polled.state = Polled::State::kEnd;
      return polled;
    }
    const int64_t others = (*read_)[1 - lane_];
    *lead_ = std::max(*lead_, next - others);
    polled.state = Polled::State::kData;
    polled.rows = TestRange(next * 1000, next * 1000 + 1);
    ++next;
    return polled;
  }
  Status Seek(const std::string&) override { return Status::OK(); }
  bool bounded() const override { return true; }
  std::string name() const override { return "lane " + std::to_string(lane_); }

 private:
  std::vector<int64_t>* read_;
  size_t lane_;
  int64_t* lead_;
};

// The furthest that one of two lanes is read ahead of the other, in rows a second apart.
int64_t LeadWithin(const std::string& group, uint64_t seed) {
  TestTable table;
  std::vector<int64_t> read(2, 0);
  int64_t lead = 0;
  Node source = TestSource({{}, {}});
  for (size_t lane : {0, 1}) {
    source.lanes[lane].source = std::make_unique<LeadSource>(&read, lane, &lead);
  }
  source.ingestion->alignment_group = group;
  source.ingestion->max_drift = std::chrono::seconds{2};
  JobOptions options;
  options.messages_per_run = 1;
  auto job = MakeJob(TestGraph(std::move(source), TestSink(&table, {Gather(0)})), options);
  EXPECT_TRUE(*job->Step(seed));
  EXPECT_EQ(table.ids.size(), 600u);
  return lead;
}

TEST(Ingest, AlignedSplitsWaitForTheSlowest) {
  for (uint64_t seed = 0; seed < 5; ++seed) {
    EXPECT_GT(LeadWithin("", seed), 5);
    EXPECT_LE(LeadWithin("group", seed), 3);
  }
}

TEST(Ingest, ProcessingTimeTicksNeverPassRowsToCome) {
  TestTable table;
  TestLog log;
  Timestamp now = 1000;
  Node source = TestSource({{TestRange(0, 1)}}, ListSource::After::kSilence);
  source.ingestion->needs_processing_time = true;
  source.ingestion->watermark = nullptr;
  auto* list = static_cast<ListSource*>(source.lanes[0].source.get());
  source.chain = {Logging("op", &log)};
  JobOptions options;
  options.clock = [&now] { return now; };
  auto job = MakeJob(TestGraph(std::move(source), TestSink(&table, {Gather(0)})), options);
  EXPECT_FALSE(*job->Step(0));
  now = 1040;
  EXPECT_FALSE(*job->Step(0));
  now = 1050;
  list->Append(TestRange(1, 2));
  EXPECT_FALSE(*job->Step(0));
  const std::vector<std::string> expected = {"op0 time 999", "op0 rows 0: 0", "op0 time 1049",
                                             "op0 rows 0: 1"};
  EXPECT_EQ(log.lines(), expected);
  EXPECT_EQ(table.batches.back().arrival, 1050);
}

// Yields lines "0\n", "1\n", ... in chunks of a few.
class LineSource final : public Source {
 public:
  explicit LineSource(int64_t lines) : lines_(lines) {}
  Status Open() override { return Status::OK(); }
  Result<Polled> Poll(std::chrono::milliseconds) override {
    Polled polled;
    polled.state = next_ < lines_ ? Polled::State::kData : Polled::State::kEnd;
    std::string text;
    polled.chunk.first_line = next_ + 1;
    for (int i = 0; i < 7 && next_ < lines_; ++i) text += std::to_string(next_++) + "\n";
    if (!text.empty()) polled.chunk.bytes = arrow::Buffer::FromString(std::move(text));
    polled.chunk.file = "lines";
    return polled;
  }
  Status Seek(const std::string&) override { return Status::OK(); }
  bool bounded() const override { return true; }
  int64_t total_bytes() const override { return lines_; }
  std::string name() const override { return "lines"; }

 private:
  int64_t lines_;
  int64_t next_ = 0;
};

// Reads the numbers; those that end in 13 are bad. Takes longer for some chunks than for others.
class LineDecoder final : public Decoder {
 public:
  Result<std::shared_ptr<arrow::RecordBatch>> Decode(const Chunk& chunk,
                                                     DeadLetters& dead) override {
    const std::string text = chunk.bytes->ToString();
    std::vector<TestRow> rows;
    int64_t line = chunk.first_line;
    for (size_t at = 0; at < text.size(); at = text.find('\n', at) + 1, ++line) {
      const int64_t number = std::stoll(text.substr(at));
      if (number % 100 == 13) {
        dead.Add({chunk.file, line, text.substr(at, text.find('\n', at) - at), "unlucky"});
      } else {
        rows.emplace_back(number, 2 * number);
      }
    }
    std::this_thread::sleep_for(std::chrono::microseconds(line * 7919 % 300));
    return TestRows(rows);
  }
};

Node LineNode(int64_t lines) {
  Node source = TestSource({});
  source.lanes.push_back({std::make_unique<LineSource>(lines),
                          []() -> Result<std::unique_ptr<Decoder>> {
                            return std::make_unique<LineDecoder>();
                          }});
  return source;
}

void ExpectInOrder(const TestTable& table, int64_t lines) {
  std::vector<int64_t> expected;
  for (int64_t i = 0; i < lines; ++i) {
    if (i % 100 != 13) expected.push_back(i);
  }
  EXPECT_EQ(table.ids, expected);
  for (const Batch& batch : table.batches) EXPECT_EQ(batch.arrival_watermarks, nullptr);
}

TEST(Ingest, ParallelParsingKeepsTheOrder) {
  for (int workers : {1, 2, 4}) {
    TestTable table;
    DeadLog dead;
    JobOptions options;
    options.workers = workers;
    options.queue_bytes = 4000;
    auto job = MakeJob(TestGraph(LineNode(3000), TestSink(&table, {Gather(0)})), options, &dead);
    ASSERT_TRUE(job->Start().ok());
    ASSERT_TRUE(job->Wait().ok());
    ExpectInOrder(table, 3000);
    const auto counts = job->Counts().sources[0];
    EXPECT_EQ(counts.rows, 3000);
    EXPECT_EQ(counts.dead_lettered, 30);
    EXPECT_EQ(dead.log.lines().size(), 30u);
    EXPECT_EQ(counts.total_bytes, 3000);
  }
}

TEST(Ingest, SteppedParsingKeepsTheOrder) {
  for (uint64_t seed = 0; seed < 5; ++seed) {
    TestTable table;
    JobOptions options;
    options.workers = 3;
    auto job = MakeJob(TestGraph(LineNode(300), TestSink(&table, {Gather(0)})), options);
    EXPECT_TRUE(*job->Step(seed));
    ExpectInOrder(table, 300);
  }
}

}  // namespace
}  // namespace millrace
