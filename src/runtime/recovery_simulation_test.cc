// Whole jobs, stepped by one thread under a seed, that crash at the named points of checkpoint and
// commit, with storage that is slow and fails, and go on at another parallelism until they end. Then
// every row must have been counted once and published once. A failure prints its seed; SEEDS=n runs
// more of them, SEED=n only one.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <set>

#include "base/random.h"
#include "runtime/file_checkpoint_store.h"
#include "runtime/memory_checkpoint_store.h"
#include "runtime/test_parts.h"

namespace millrace {
namespace {

constexpr int64_t kKeys = 7;
constexpr int64_t kMany = 100000;  // more than the rows of a key

// What outlives a crash, and what decides when there is one.
struct World {
  explicit World(uint64_t seed) : random(seed) {}

  Status At(const char* point) {
    Trace(point);
    if (crashes_left == 0 || !random.Chance(crash_chance)) return Status::OK();
    --crashes_left;
    points.insert(point);
    return Status::IOError("crash ", point);
  }
  void Trace(std::string_view what) {
    for (const char c : what) trace = (trace ^ static_cast<uint8_t>(c)) * 0x100000001b3u;
    trace = Mix64(trace + static_cast<uint64_t>(now));
  }

  Random random;
  double crash_chance = 0.02;
  int crashes_left = 12;
  int incarnation = 0;
  Timestamp now = 1000;
  uint64_t trace = 0xcbf29ce484222325u;
  std::set<std::string> points;  // crashed at
  std::set<std::string> done;    // parts of commits: "writer/epoch/part"
  std::vector<int64_t> published;
  std::vector<std::string> rejected;
};

// Rows of one lane; a position is a row's number.
class WorldSource final : public Source {
 public:
  WorldSource(World* world, int lane, std::vector<TestRow> rows)
      : world_(world), lane_(lane), rows_(std::move(rows)) {}
  Status Open() override { return Status::OK(); }
  Result<Polled> Poll(std::chrono::milliseconds) override {
    world_->now += static_cast<int64_t>(world_->random.Below(20));
    Polled polled;
    polled.state = next_ < rows_.size() ? Polled::State::kData : Polled::State::kEnd;
    if (next_ == rows_.size()) return polled;
    const size_t end = std::min(rows_.size(), next_ + 1 + world_->random.Below(4));
    polled.rows = TestRows({rows_.begin() + static_cast<std::ptrdiff_t>(next_),
                            rows_.begin() + static_cast<std::ptrdiff_t>(end)});
    next_ = end;
    polled.position = std::to_string(next_);
    return polled;
  }
  Status Seek(const std::string& position) override {
    next_ = std::stoul(position);
    return Status::OK();
  }
  bool bounded() const override { return true; }
  std::string name() const override { return "lane " + std::to_string(lane_); }

 private:
  World* world_;
  int lane_;
  std::vector<TestRow> rows_;
  size_t next_ = 0;
};

// Emits for the n-th row of key k the row k * kMany + n. Saves whole or what has changed.
class Counting final : public Operator {
 public:
  static StateTable Table() {
    return {"counts", "rows of a key",
            arrow::schema({StateField("id", arrow::int64(), "the key"),
                           StateField("count", arrow::int64(), "its rows")}),
            {0}, {0}};
  }
  Result<Progress> OnBatch(int, const Batch& rows, Output& out) override {
    std::vector<TestRow> counted;
    for (const int64_t id : Ids(*rows.rows)) {
      changed_.insert(id);
      counted.emplace_back(id * kMany + ++counts_[id], 0);
    }
    MILL_RETURN(out.Emit(Batch{TestRows(counted), nullptr, nullptr, 0}));
    return Progress::kDone;
  }
  Status Save(StateWriter& writer) override {
    arrow::Int64Builder ids, counts;
    for (const auto& [id, count] : counts_) {
      if (writer.mode() == SaveMode::kDelta && !changed_.contains(id)) continue;
      MILL_RETURN(ids.Append(id));
      MILL_RETURN(counts.Append(count));
    }
    changed_.clear();
    const int64_t rows = ids.length();
    MILL_ASSIGN(auto id_column, ids.Finish());
    MILL_ASSIGN(auto count_column, counts.Finish());
    return writer.Write(
        Table(), arrow::RecordBatch::Make(Table().schema, rows, {id_column, count_column}));
  }
  Status Load(const StateReader& reader) override {
    MILL_ASSIGN(const auto batches, reader.Read(Table()));
    for (const auto& batch : batches) {
      const auto& counts = static_cast<const arrow::Int64Array&>(*batch->column(1));
      const auto ids = Ids(*batch);
      for (size_t i = 0; i < ids.size(); ++i) {
        EXPECT_TRUE(counts_.try_emplace(ids[i], counts.Value(static_cast<int64_t>(i))).second);
      }
    }
    return Status::OK();
  }
  std::string Describe() const override { return "counting"; }

 private:
  std::map<int64_t, int64_t> counts_;
  std::set<int64_t> changed_;
};

// Publishes an epoch in two parts, and may crash or fail before, between and behind them.
class WorldSink final : public Sink {
 public:
  explicit WorldSink(World* world)
      : world_(world), writer_(std::to_string(world->incarnation)) {}
  Status Open() override { return Status::OK(); }
  Status Write(const Batch& batch) override {
    for (const int64_t id : Ids(*batch.rows)) written_ += " " + std::to_string(id);
    return Status::OK();
  }
  Result<Committable> Stage(int64_t epoch) override {
    return Committable{epoch, writer_ + std::exchange(written_, "")};
  }
  Status Publish(const Committable& staged) override {
    if (world_->random.Chance(0.1)) return Status::IOError("the table is locked");
    std::istringstream words(staged.payload);
    std::string writer;
    words >> writer;
    std::vector<int64_t> rows;
    for (int64_t row = 0; words >> row;) rows.push_back(row);
    for (size_t part = 0; part < 2; ++part) {
      const size_t half = rows.size() / 2;
      const std::string name = fmt::format("{}/{}/{}", writer, staged.epoch, part);
      if (part == 1) MILL_RETURN(world_->At("in the middle of a sink's commit"));
      if (!world_->done.insert(name).second) continue;
      const auto begin = rows.begin() + static_cast<std::ptrdiff_t>(part == 0 ? 0 : half);
      const auto end = part == 0 ? rows.begin() + static_cast<std::ptrdiff_t>(half) : rows.end();
      world_->published.insert(world_->published.end(), begin, end);
    }
    world_->Trace("published");
    return Status::OK();
  }
  Status Abort() override { return Status::OK(); }
  bool takes_changelog() const override { return false; }

 private:
  World* world_;
  std::string writer_, written_;
};

class WorldRejects final : public RejectLog {
 public:
  explicit WorldRejects(World* world) : world_(world) {}
  void Dead(int64_t epoch, const BadRow& row) override {
    pending_[epoch].push_back(std::string(row.bytes.substr(0, row.bytes.find(','))));
  }
  void Late(int64_t, const Batch&, int64_t, const LateRow&, const SplitName*) override {}
  Result<Committable> Stage(int64_t epoch) override {
    std::string payload = std::to_string(world_->rejected.size());
    for (const auto& [of, rows] : pending_) {
      for (const std::string& row : of <= epoch ? rows : std::vector<std::string>{}) {
        payload += "\n" + row;
      }
    }
    return Committable{epoch, payload};
  }
  Status Publish(const Committable& staged) override {
    Show(staged.payload);
    std::erase_if(pending_, [&](const auto& each) { return each.first <= staged.epoch; });
    return Status::OK();
  }
  Committable Shown(int64_t epoch) const override {
    return {epoch, std::to_string(world_->rejected.size())};
  }
  Status Restore(const Committable* published) override {
    pending_.clear();
    if (published) {
      Show(published->payload);
    } else {
      world_->rejected.clear();
    }
    return Status::OK();
  }

 private:
  void Show(const std::string& payload) {
    std::istringstream words(payload);
    size_t before = 0;
    words >> before;
    words.ignore();
    ASSERT_GE(world_->rejected.size(), before);
    world_->rejected.resize(before);
    for (std::string row; std::getline(words, row);) world_->rejected.push_back(row);
  }
  World* world_;
  std::map<int64_t, std::vector<std::string>> pending_;
};

// Slow, and fails before or behind the commit point.
class FaultyStore final : public CheckpointStore {
 public:
  FaultyStore(World* world, CheckpointStore* store) : world_(world), store_(store) {}
  Result<WrittenCheckpoint> Write(const Checkpoint& checkpoint) override {
    world_->now += static_cast<int64_t>(world_->random.Below(100));
    if (world_->random.Chance(0.05)) return Status::IOError("the disk is full");
    MILL_ASSIGN(WrittenCheckpoint written, store_->Write(checkpoint));
    if (world_->random.Chance(0.03)) return Status::IOError("the folder cannot be synced");
    return written;
  }
  bool wants_full() const override { return store_->wants_full(); }
  Result<std::shared_ptr<const RestorePoint>> Newest() override { return store_->Newest(); }

 private:
  World* world_;
  CheckpointStore* store_;
};

class Simulation {
 public:
  explicit Simulation(uint64_t seed) : world_(seed) {
    const auto lanes = 1 + world_.random.Below(3);
    for (size_t lane = 0; lane < lanes; ++lane) {
      const auto rows = world_.random.Below(200);
      std::vector<TestRow>& made = lanes_.emplace_back();
      for (size_t row = 0; row < rows; ++row) {
        const auto key = static_cast<int64_t>(world_.random.Below(kKeys));
        const bool bad = world_.random.Chance(0.05);
        made.emplace_back(key, bad ? std::nullopt
                                   : std::optional<Timestamp>(static_cast<int64_t>(row)));
      }
    }
  }

  // Runs the job until it ends, over its crashes. False if it does not.
  bool Run(CheckpointStore* store) {
    FaultyStore faulty(&world_, store);
    for (int run = 0; run < 200; ++run) {
      ++world_.incarnation;
      if (RunOnce(faulty)) return true;
    }
    return false;
  }

  void Check() {
    std::vector<int64_t> wanted;
    std::map<int64_t, int64_t> counts;
    size_t rejected = 0;
    for (const auto& lane : lanes_) {
      for (const auto& [key, time] : lane) {
        if (time) wanted.push_back(key * kMany + ++counts[key]);
        rejected += time ? 0 : 1;
      }
    }
    std::sort(wanted.begin(), wanted.end());
    std::sort(world_.published.begin(), world_.published.end());
    EXPECT_EQ(world_.published, wanted);
    EXPECT_EQ(world_.rejected.size(), rejected);
    EXPECT_EQ(rows_read_, static_cast<int64_t>(wanted.size() + rejected)) << "the books";
  }

  uint64_t trace() const { return world_.trace; }
  const std::set<std::string>& points() const { return world_.points; }

 private:
  Graph MakeGraph() {
    std::vector<std::vector<std::shared_ptr<arrow::RecordBatch>>> none(lanes_.size());
    Node source = TestSource(std::move(none));
    for (size_t i = 0; i < lanes_.size(); ++i) {
      source.lanes[i].source = std::make_unique<WorldSource>(&world_, static_cast<int>(i), lanes_[i]);
    }
    const int parallelism = 1 + static_cast<int>(world_.random.Below(3));
    const OperatorMaker counting = [](int) -> Result<std::unique_ptr<Operator>> {
      return std::make_unique<Counting>();
    };
    Node sink = TestNode("sink", 1, {Gather(1)});
    sink.sink = std::make_unique<WorldSink>(&world_);
    sink.sink_table = "out";
    return TestGraph(std::move(source), TestNode("counting", parallelism, {HashById(0)}, {counting}),
                     std::move(sink));
  }

  JobOptions Options(const RestorePoint* from) {
    JobOptions options;
    options.workers = 3;
    options.messages_per_run = 1 + static_cast<int>(world_.random.Below(3));
    options.batch_rows = 1 + static_cast<int64_t>(world_.random.Below(5));
    options.queue_bytes = 1 + static_cast<int64_t>(world_.random.Below(2000));
    options.barrier_interval = std::chrono::milliseconds{30};
    options.checkpoints.timeout = std::chrono::milliseconds{400};
    options.checkpoints.tolerable_failures = 1000;
    options.checkpoints.last_epoch = from ? from->name().epoch : 0;
    options.clock = [this] { return world_.now; };
    options.crash_point = [this](const char* point) { return world_.At(point); };
    options.message_order = [this] { return world_.random.Next(); };
    return options;
  }

  bool RunOnce(CheckpointStore& store) {
    const auto from = *store.Newest();
    WorldRejects rejects(&world_);
    auto job = Job::Make(MakeGraph(), Options(from.get()), {&rejects, &store, from.get()});
    EXPECT_TRUE(job.ok()) << job.status();
    for (int look = 0; look < 10000; ++look) {
      const auto ended = (*job)->Step(world_.random.Next());
      if (!ended.ok()) return false;
      if (*ended) {
        rows_read_ = 0;
        for (const auto& source : (*job)->Counts().sources) rows_read_ += source.rows;
        return true;
      }
      world_.now += 50;
    }
    ADD_FAILURE() << "the job hangs";
    return true;
  }

  World world_;
  std::vector<std::vector<TestRow>> lanes_;
  int64_t rows_read_ = 0;
};

uint64_t FromEnvironment(const char* name, uint64_t fallback) {
  const char* text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 10) : fallback;
}

TEST(RecoverySimulation, NothingIsLostOrDoubled) {
  const uint64_t only = FromEnvironment("SEED", 0);
  const uint64_t seeds = FromEnvironment("SEEDS", 1500);
  std::set<std::string> points;
  for (uint64_t seed = only ? only : 1; seed <= (only ? only : seeds); ++seed) {
    Simulation simulation(seed);
    MemoryCheckpointStore store;
    EXPECT_TRUE(simulation.Run(&store)) << "the job never ends";
    simulation.Check();
    points.insert(simulation.points().begin(), simulation.points().end());
    ASSERT_FALSE(::testing::Test::HasFailure())
        << "replay: SEED=" << seed << " build/unit_tests --gtest_filter='RecoverySimulation.No*'";
  }
  if (only) return;
  for (const char* point :
       {"before the barrier", "before an operator saves", "before a sink stages", "after a sink has staged",
        "before the manifest", "after the manifest", "before a sink publishes",
        "in the middle of a sink's commit", "after a sink has published", "before a sink recovers"}) {
    EXPECT_TRUE(points.contains(point)) << "never crashed " << point;
  }
}

TEST(RecoverySimulation, FilesHoldWhatMemoryDoes) {
  // In memory where there is such a folder: each of the many checkpoints is synced.
  const std::filesystem::path memory = "/dev/shm";
  const auto root =
      access(memory.c_str(), W_OK) == 0 ? memory : std::filesystem::temp_directory_path();
  const std::string folder = (root / fmt::format("millrace_simulation_{}", getpid())).string();
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    std::filesystem::remove_all(folder);
    Simulation simulation(seed);
    auto store = FileCheckpointStore::Open(folder, 2).ValueOrDie();
    EXPECT_TRUE(simulation.Run(store.get())) << "the job never ends";
    simulation.Check();
    ASSERT_FALSE(::testing::Test::HasFailure()) << "seed " << seed;
  }
  std::filesystem::remove_all(folder);
}

TEST(RecoverySimulation, SameSeedSameTrace) {
  std::set<uint64_t> traces;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    uint64_t trace[2];
    for (uint64_t& each : trace) {
      Simulation simulation(seed);
      MemoryCheckpointStore store;
      EXPECT_TRUE(simulation.Run(&store));
      each = simulation.trace();
    }
    EXPECT_EQ(trace[0], trace[1]) << "seed " << seed;
    traces.insert(trace[0]);
  }
  EXPECT_EQ(traces.size(), 20u);
}

}  // namespace
}  // namespace millrace
