#include "connectors/growing_source.h"

#include "runtime/memory_checkpoint_store.h"
#include "runtime/test_parts.h"

namespace millrace {
namespace {

using std::chrono::milliseconds;

// What a test gives a spare split, and what a split is told.
struct Split {
  std::mutex mutex;  // guards what follows
  std::vector<int64_t> rows;
  std::string taken, noted, sought;
  bool is_new = false;

  void Give(const std::string& name, std::vector<int64_t> ids) {
    const std::lock_guard lock(mutex);
    taken = name;
    rows = std::move(ids);
  }
  std::string Noted() {
    const std::lock_guard lock(mutex);
    return noted;
  }
};

// Yields a split's rows one by one; its position is the last of them.
class SplitSource final : public GrowingSource {
 public:
  SplitSource(std::string name, bool spare, Split* split)
      : name_(std::move(name)), spare_(spare), split_(split) {}
  Status Open() override { return Status::OK(); }
  Result<Polled> Poll(milliseconds) override {
    std::this_thread::sleep_for(milliseconds{1});
    const std::lock_guard lock(split_->mutex);
    Polled polled;
    if (split_->rows.empty()) return polled;
    const int64_t id = split_->rows.front();
    split_->rows.erase(split_->rows.begin());
    polled.state = Polled::State::kData;
    polled.rows = TestRange(id, id + 1);
    polled.position = std::to_string(id);
    return polled;
  }
  Status Seek(const std::string& position) override {
    split_->sought = position;
    return Status::OK();
  }
  Status SeekToNew() override {
    split_->is_new = true;
    return Status::OK();
  }
  void NoteCheckpoint(const std::string& position) override {
    const std::lock_guard lock(split_->mutex);
    split_->noted = position;
  }
  bool spare() const override { return spare_; }
  std::string taken() const override {
    const std::lock_guard lock(split_->mutex);
    return split_->taken;
  }
  bool bounded() const override { return false; }
  std::string name() const override { return name_; }

 private:
  std::string name_;
  bool spare_;
  Split* split_;
};

Graph GraphOf(std::vector<std::unique_ptr<Source>> splits, TestTable* table, TestLog* log) {
  Node source = TestSource({});
  for (auto& split : splits) source.lanes.push_back({std::move(split), nullptr});
  source.ingestion->idle_timeout = milliseconds{0};  // never, but for spares
  return TestGraph(std::move(source),
                   TestNode("middle", 1, {Gather(0)}, {Logging("op", log)}),
                   TestSink(table, {Gather(1)}));
}

template <typename Condition>
bool Eventually(Condition condition) {
  for (int i = 0; i < 5000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(milliseconds{1});
  }
  return false;
}

bool Has(const TestLog& log, const std::string& line) {
  const auto lines = log.lines();
  return std::find(lines.begin(), lines.end(), line) != lines.end();
}

std::unique_ptr<Job> Start(Graph graph, CheckpointStore* store, const RestorePoint* from) {
  JobOptions options;
  options.barrier_interval = milliseconds{5};
  if (from) options.checkpoints.last_epoch = from->name().epoch;
  auto job = Job::Make(std::move(graph), options, {nullptr, store, from});
  EXPECT_TRUE(job.ok()) << job.status();
  EXPECT_TRUE((*job)->Start().ok());
  return std::move(*job);
}

std::unique_ptr<Source> Make(const std::string& name, bool spare, Split* split) {
  return std::make_unique<SplitSource>(name, spare, split);
}

TEST(GrowingSource, SpareSplitHoldsNobodyBackUntilItHasRows) {
  Split first, spare;
  first.rows = {1, 2, 50};
  TestTable table;
  TestLog log;
  std::vector<std::unique_ptr<Source>> splits;
  splits.push_back(Make("a", false, &first));
  splits.push_back(Make("spare", true, &spare));
  auto job = Start(GraphOf(std::move(splits), &table, &log), nullptr, nullptr);
  ASSERT_TRUE(Eventually([&] { return Has(log, "op0 watermark 50"); }));
  EXPECT_TRUE(Eventually([&] { return first.Noted() == "50"; }));
  EXPECT_EQ(job->Counts().sources[1].split, "spare");
  spare.Give("b", {60});
  ASSERT_TRUE(Eventually([&] { return job->Counts().sources[1].split == "b"; }));
  first.Give("", {70});
  ASSERT_TRUE(Eventually([&] { return Has(log, "op0 watermark 60"); }));
  EXPECT_FALSE(Has(log, "op0 watermark 70")) << "the new split stands at 60";
  job->Cancel();
  (void)job->Wait();
}

TEST(GrowingSource, CheckpointsKnowASpareByWhatItReads) {
  MemoryCheckpointStore store;
  Split first, spare;
  first.rows = {1};
  TestTable table;
  TestLog log;
  std::vector<std::unique_ptr<Source>> splits;
  splits.push_back(Make("a", false, &first));
  splits.push_back(Make("spare 1", true, &spare));
  auto job = Start(GraphOf(std::move(splits), &table, &log), &store, nullptr);
  ASSERT_TRUE(Eventually([&] { return first.Noted() == "1"; }));
  EXPECT_EQ((*store.Newest())->FindLane("t/spare 1"), nullptr) << "it reads nothing yet";
  spare.Give("b", {7, 8});
  ASSERT_TRUE(Eventually([&] { return spare.Noted() == "8"; }));
  job->Cancel();
  (void)job->Wait();
  const auto point = *store.Newest();
  EXPECT_EQ(point->FindLane("t/spare 1"), nullptr);
  ASSERT_NE(point->FindLane("t/b"), nullptr);
  EXPECT_EQ(point->FindLane("t/b")->position, "8");

  Split a, b, c;
  c.rows = {9};
  splits.clear();
  splits.push_back(Make("a", false, &a));
  splits.push_back(Make("b", false, &b));
  splits.push_back(Make("c", false, &c));  // has come while nothing ran
  job = Start(GraphOf(std::move(splits), &table, &log), &store, point.get());
  ASSERT_TRUE(Eventually([&] { return c.Noted() == "9"; }));
  job->Cancel();
  (void)job->Wait();
  EXPECT_EQ(a.sought, "1");
  EXPECT_EQ(b.sought, "8");
  EXPECT_EQ(c.sought, "");
  EXPECT_TRUE(c.is_new);
  EXPECT_FALSE(a.is_new || b.is_new);
}

}  // namespace
}  // namespace millrace
