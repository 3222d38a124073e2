// Whole SQL jobs under a seed: sessions and a GROUP BY over one disordered source, planned and built as
// always, stepped by one thread. They crash at the named points of checkpoint and commit, storage is slow
// and fails, messages between tasks and coordinator overtake one another, and each run goes on at another
// parallelism; the wall clock is set by hours now and then. In the end every row must stand in the
// tables once, and the books must balance.
//
// Two worlds: one in memory, quick enough for many seeds; one of real files and an SQLite database, where
// writes, syncs and renames fail. Some seeds of each keep their state in RocksDB, with room for a few keys
// in memory. SEEDS=n runs more seeds, SEED=n only one.
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <unistd.h>

#include <arrow/builder.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "base/files.h"
#include "base/random.h"
#include "connectors/staged_rows.h"
#include "data/pretty.h"
#include "engine/engine.h"
#include "runtime/memory_checkpoint_store.h"

namespace millrace {
namespace {

namespace fs = std::filesystem;
using Rows = std::multiset<std::string>;

struct Click {
  int64_t user = 0, n = 0;
  std::optional<Timestamp> time;
};

// What outlives a crash, and what decides when there is one.
struct World {
  explicit World(uint64_t seed) : random(seed) {
    const auto lanes_wanted = 1 + random.Below(3);
    for (size_t lane = 0; lane < lanes_wanted; ++lane) {
      std::vector<Click>& clicks = lanes.emplace_back();
      Timestamp clock = 1'600'000'000'000;
      for (uint64_t i = random.Below(80); i > 0; --i) {
        clock += static_cast<Timestamp>(random.Below(4000));
        Click click{static_cast<int64_t>(random.Below(6)), static_cast<int64_t>(random.Below(100)), {}};
        if (!random.Chance(0.04)) click.time = clock - static_cast<Timestamp>(random.Below(2000));
        clicks.push_back(click);
      }
    }
  }

  Status At(const char* point) {
    Trace(point);
    if (crashes_left == 0 || !random.Chance(0.02)) return Status::OK();
    --crashes_left;
    points.insert(point);
    return Status::IOError("crash ", point);
  }
  Timestamp Wall() {
    if (!calm && random.Chance(0.001)) set += random.Chance(0.5) ? 3'600'000 : -3'600'000;
    return now + set;
  }
  void Trace(std::string_view what) {
    for (const char c : what) trace = (trace ^ static_cast<uint8_t>(c)) * 0x100000001b3u;
    trace = Mix64(trace + static_cast<uint64_t>(now));
  }

  Random random;
  std::vector<std::vector<Click>> lanes;
  bool calm = false;  // nothing goes wrong
  int crashes_left = 6;
  int incarnation = 0;
  Timestamp now = 1'700'000'000'000;  // never set
  Timestamp set = 0;                  // what the wall clock is ahead of it
  uint64_t trace = 0xcbf29ce484222325u;
  std::set<std::string> points;  // crashed at
  std::set<std::string> done;    // parts of commits: "table/writer/epoch/part"
  std::map<std::string, Rows> appended;         // by table
  std::map<std::string, std::string> upserted;  // by key
};

// One lane; a position is a row's number.
class WorldSource final : public Source {
 public:
  WorldSource(World* world, size_t lane, Schema columns)
      : world_(world), lane_(lane), columns_(std::move(columns)) {}
  Status Open() override { return Status::OK(); }
  Result<Polled> Poll(std::chrono::milliseconds) override {
    world_->now += static_cast<int64_t>(world_->random.Below(20));
    const auto& clicks = world_->lanes[lane_];
    Polled polled;
    polled.state = Polled::State::kEnd;
    if (next_ == clicks.size()) return polled;
    polled.state = Polled::State::kData;
    const size_t end = std::min(clicks.size(), next_ + 1 + world_->random.Below(4));
    MILL_ASSIGN(polled.rows, Make({clicks.begin() + static_cast<std::ptrdiff_t>(next_),
                                   clicks.begin() + static_cast<std::ptrdiff_t>(end)}));
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
  Result<std::shared_ptr<arrow::RecordBatch>> Make(const std::vector<Click>& clicks) const {
    std::vector<std::shared_ptr<arrow::Array>> arrays;
    for (const Column& column : columns_.columns) {
      const auto type = column.type.ToArrow();
      MILL_ASSIGN(auto builder, arrow::MakeBuilder(type));
      for (const Click& click : clicks) MILL_RETURN(Append(column.name, click, *builder));
      MILL_ASSIGN(auto array, builder->Finish());
      arrays.push_back(std::move(array));
    }
    return arrow::RecordBatch::Make(columns_.ToArrow(), std::ssize(clicks), arrays);
  }
  static Status Append(const std::string& name, const Click& click, arrow::ArrayBuilder& to) {
    if (name == "user_id") return static_cast<arrow::Int64Builder&>(to).Append(click.user);
    if (name == "n") return static_cast<arrow::Int64Builder&>(to).Append(click.n);
    if (!click.time) return to.AppendNull();
    return static_cast<arrow::TimestampBuilder&>(to).Append(*click.time);
  }

  World* world_;
  size_t lane_;
  Schema columns_;
  size_t next_ = 0;
};

std::string Text(const Batch& batch, int64_t row) {
  std::string text;
  for (const auto& column : batch.rows->columns()) {
    text += (text.empty() ? "" : "|") + FormatValue(*column, row);
  }
  return text;
}

// Publishes an epoch in two parts, and may crash or fail before, between and behind them.
class WorldSink final : public Sink {
 public:
  WorldSink(World* world, const TableInfo& table)
      : world_(world),
        name_(table.name),
        columns_(table.schema.size()),
        upserts_(!table.primary_key.empty()),
        writer_(std::to_string(world->incarnation)) {}
  Status Open() override { return Status::OK(); }
  Status Write(const Batch& batch) override {
    if (batch.num_rows() > 0) written_.push_back(batch);
    return Status::OK();
  }
  Result<Committable> Stage(int64_t epoch) override {
    if (written_.empty()) return Committable{epoch, ""};
    MILL_ASSIGN(const std::string rows, RowsToBytes(std::exchange(written_, {})));
    return Committable{epoch, writer_ + "\n" + rows};
  }
  Status Publish(const Committable& staged) override {
    if (staged.payload.empty()) return Status::OK();
    if (!world_->calm && world_->random.Chance(0.1)) return Status::IOError("crash: it is locked");
    const size_t end = staged.payload.find('\n');
    const std::string writer = staged.payload.substr(0, end);
    MILL_ASSIGN(const auto batches, RowsFromBytes(staged.payload.substr(end + 1), columns_));
    const size_t half = batches.size() / 2;
    for (size_t part = 0; part < 2; ++part) {
      if (part == 1) MILL_RETURN(world_->At("in the middle of a sink's commit"));
      const std::string id = fmt::format("{}/{}/{}/{}", name_, writer, staged.epoch, part);
      if (!world_->done.insert(id).second) continue;
      for (size_t i = part == 0 ? 0 : half; i < (part == 0 ? half : batches.size()); ++i) {
        Show(batches[i]);
      }
    }
    world_->Trace("published");
    return Status::OK();
  }
  Status Abort() override { return Status::OK(); }
  bool takes_changelog() const override { return upserts_; }

 private:
  void Show(const Batch& batch) {
    for (int64_t row = 0; row < batch.num_rows(); ++row) {
      const std::string key = FormatValue(*batch.rows->column(0), row);
      if (!upserts_) {
        world_->appended[name_].insert(Text(batch, row));
      } else if (Adds(batch.kind(row))) {
        world_->upserted[key] = Text(batch, row);
      } else if (batch.kind(row) == RowKind::kDelete) {
        world_->upserted.erase(key);
      }
    }
  }

  World* world_;
  std::string name_;
  int columns_;
  bool upserts_;
  std::string writer_;
  std::vector<Batch> written_;
};

Connector WorldConnector(World* world) {
  Connector connector;
  connector.name = "world";
  connector.make_source = [world](const TableInfo&, const Schema& columns)
      -> Result<std::vector<std::unique_ptr<Source>>> {
    std::vector<std::unique_ptr<Source>> lanes;
    for (size_t i = 0; i < world->lanes.size(); ++i) {
      lanes.push_back(std::make_unique<WorldSource>(world, i, columns));
    }
    return lanes;
  };
  connector.make_sink = [world](const TableInfo& table) -> Result<std::unique_ptr<Sink>> {
    return std::make_unique<WorldSink>(world, table);
  };
  return connector;
}

// Slow, and fails before or behind the commit point.
class FaultyStore final : public CheckpointStore {
 public:
  FaultyStore(World* world, CheckpointStore* store) : world_(world), store_(store) {}
  Result<WrittenCheckpoint> Write(const Checkpoint& checkpoint) override {
    world_->now += static_cast<int64_t>(world_->random.Below(100));
    if (!world_->calm && world_->random.Chance(0.05)) return Status::IOError("crash: disk full");
    MILL_ASSIGN(WrittenCheckpoint written, store_->Write(checkpoint));
    if (!world_->calm && world_->random.Chance(0.03)) return Status::IOError("crash: no sync");
    return written;
  }
  bool wants_full() const override { return store_->wants_full(); }
  Result<std::shared_ptr<const RestorePoint>> Newest() override { return store_->Newest(); }

 private:
  World* world_;
  CheckpointStore* store_;
};

// In memory where there is such a folder: each of the many checkpoints is synced.
fs::path MemoryFolder() {
  const fs::path memory = "/dev/shm";
  return access(memory.c_str(), W_OK) == 0 ? memory : fs::temp_directory_path();
}

std::string Script(const std::string& sessions, const std::string& totals) {
  return fmt::format(R"(
CREATE TABLE clicks (user_id BIGINT, n BIGINT, ts TIMESTAMP(3),
  WATERMARK FOR ts AS ts - INTERVAL '2' SECOND) WITH ('connector' = 'world');
CREATE TABLE sessions (user_id BIGINT, s STRING, e STRING, c BIGINT, total BIGINT)
  WITH ({});
CREATE TABLE ticks (s TIMESTAMP(3), c BIGINT) WITH ('connector' = 'world');
CREATE TABLE hops (user_id BIGINT, e TIMESTAMP(3), c BIGINT, few BIGINT) WITH ('connector' = 'world');
CREATE VIEW arrived AS SELECT *, PROCTIME() AS p FROM clicks;
CREATE TABLE totals (user_id BIGINT, c BIGINT, total BIGINT, few BIGINT,
  PRIMARY KEY (user_id) NOT ENFORCED) WITH ({});
BEGIN STATEMENT SET;
INSERT INTO sessions
  SELECT user_id, CAST(window_start AS STRING), CAST(window_end AS STRING), COUNT(*), SUM(n)
  FROM TABLE(SESSION(TABLE clicks PARTITION BY user_id, DESCRIPTOR(ts), INTERVAL '10' SECOND))
  GROUP BY user_id, window_start, window_end;
INSERT INTO hops SELECT user_id, window_end, COUNT(*), COUNT(DISTINCT n)
  FROM TABLE(HOP(TABLE clicks, DESCRIPTOR(ts), INTERVAL '10' SECOND, INTERVAL '30' SECOND))
  GROUP BY user_id, window_start, window_end;
INSERT INTO totals SELECT user_id, COUNT(*), SUM(n), COUNT(DISTINCT n) FROM clicks GROUP BY user_id;
INSERT INTO ticks SELECT window_start, COUNT(*)
  FROM TABLE(TUMBLE(TABLE arrived, DESCRIPTOR(p), INTERVAL '1' SECOND)) GROUP BY window_start, window_end;
END;)",
                     sessions, totals);
}

// Runs a job over its crashes until it has ended.
class Simulation {
 public:
  Simulation(World* world, std::string script) : world_(world), script_(std::move(script)) {}

  // Where checkpoints are kept: a store, or a job's folder.
  CheckpointStore* store = nullptr;
  std::string folder;
  bool on_disk = false;  // the state is
  // Called after each run that did not come to its end.
  std::function<void()> crashed = [] {};

  void Run() {
    for (int run = 0; run < 100; ++run) {
      ++world_->incarnation;
      const Status status = RunOnce();
      if (status.ok()) return CheckBooks();
      EXPECT_TRUE(IsOurs(status.message())) << status.message();
      if (::testing::Test::HasFailure()) return;
      crashed();
    }
    ADD_FAILURE() << "the job never ends";
  }

 private:
  // True for what the simulation itself has made go wrong.
  static bool IsOurs(const std::string& message) {
    for (const char* ours : {"crash", "No space left on device", "Input/output error"}) {
      if (message.find(ours) != std::string::npos) return true;
    }
    return false;
  }

  EngineOptions Options() {
    EngineOptions options;
    options.workers = 1 + static_cast<int>(world_->random.Below(3));
    options.job_folder = folder;
    options.checkpoint_store = store;
    options.restore.from = "latest";
    options.clock = [this] { return world_->Wall(); };
    options.steady_clock = [this] { return world_->now; };
    options.message_order = [this] { return world_->random.Next(); };
    options.crash_point = [this](const char* point) {
      return world_->calm ? Status::OK() : world_->At(point);
    };
    options.extra_connectors.push_back(WorldConnector(world_));
    return options;
  }

  Status RunOnce() {
    MILL_ASSIGN(const auto engine, Engine::Make(Options()));
    const auto below = [this](uint64_t bound) { return std::to_string(1 + world_->random.Below(bound)); };
    const std::string failures = world_->random.Chance(0.5) ? "0" : "1000";
    for (const auto& [key, value] : std::map<std::string, std::string>{
             {"millrace.batch-rows", below(5)},
             {"millrace.queue-bytes", below(2000)},
             {"execution.checkpointing.interval", "30ms"},
             {"execution.checkpointing.timeout", "400ms"},
             {"execution.checkpointing.tolerable-failed-checkpoints", failures}}) {
      MILL_RETURN(engine->SetOption(key, value));
    }
    if (on_disk) {
      MILL_RETURN(engine->SetOption("state.backend.type", "rocksdb"));
      MILL_RETURN(engine->SetOption("state.backend.rocksdb.memory.fixed-per-tm", "2 kb"));
      MILL_RETURN(engine->SetOption("state.backend.rocksdb.localdir", MemoryFolder().string()));
    }
    return engine->Execute(script_, nullptr, [&](StatementResult result) {
      return result.job ? Step(*result.job) : Status::OK();
    });
  }

  Status Step(Job& job) {
    for (int look = 0; look < 5000; ++look) {
      MILL_ASSIGN(const bool ended, job.Step(world_->random.Next()));
      if (ended) {
        counts_ = job.Counts();
        imbalances_ = job.Imbalances();
        return job.Wait();
      }
      world_->now += 50;
    }
    return Status::Invalid("the job hangs");
  }

  void CheckBooks() {
    int64_t rows = 0, dead = 0, read = 0, rejected = 0;
    for (const auto& lane : world_->lanes) {
      for (const Click& click : lane) dead += click.time ? 0 : 1;
      rows += std::ssize(lane);
    }
    for (const auto& source : counts_.sources) {
      read += source.rows;
      rejected += source.dead_lettered;
    }
    EXPECT_EQ(read, rows);
    EXPECT_EQ(rejected, dead);
    int64_t ticked = 0;  // when a row came is not the same in each run, but it came once
    for (const std::string& row : world_->appended["ticks"]) {
      ticked += std::stoll(row.substr(row.find('|') + 1));
    }
    EXPECT_EQ(ticked, rows - dead);
    EXPECT_TRUE(imbalances_.empty()) << imbalances_.front();
  }

  World* world_;
  std::string script_;
  JobCounts counts_;
  std::vector<std::string> imbalances_;
};

// The tables as an undisturbed run leaves them; the totals as text by user.
struct Tables {
  Rows sessions, hops, totals;
};

Tables Undisturbed(uint64_t seed) {
  World world(seed);
  world.calm = true;
  MemoryCheckpointStore store;
  Simulation simulation(&world, Script("'connector' = 'world'", "'connector' = 'world'"));
  simulation.store = &store;
  simulation.Run();
  std::map<int64_t, std::pair<int64_t, int64_t>> sums;  // by user: rows and their n, as it should be
  for (const auto& lane : world.lanes) {
    for (const Click& click : lane) {
      if (!click.time) continue;
      ++sums[click.user].first;
      sums[click.user].second += click.n;
    }
  }
  Rows totals;
  for (const auto& [key, row] : world.upserted) {
    const auto& [rows, n] = sums[std::stoll(key)];
    EXPECT_TRUE(row.starts_with(fmt::format("{}|{}|{}|", key, rows, n))) << row;
    totals.insert(row);
  }
  EXPECT_EQ(totals.size(), sums.size());
  return {world.appended["sessions"], world.appended["hops"], totals};
}

// Runs seed number `seed` in memory; where it crashed is added to `points`.
uint64_t RunInMemory(uint64_t seed, std::set<std::string>* points) {
  World world(seed);
  MemoryCheckpointStore memory;
  FaultyStore store(&world, &memory);
  Simulation simulation(&world, Script("'connector' = 'world'", "'connector' = 'world'"));
  simulation.store = &store;
  simulation.on_disk = seed % 20 == 0;
  simulation.Run();
  const auto [sessions, hops, totals] = Undisturbed(seed);
  EXPECT_EQ(world.appended["sessions"], sessions);
  EXPECT_EQ(world.appended["hops"], hops);
  Rows found;
  for (const auto& [key, row] : world.upserted) found.insert(row);
  EXPECT_EQ(found, totals);
  points->insert(world.points.begin(), world.points.end());
  return world.trace;
}

uint64_t FromEnvironment(const char* name, uint64_t fallback) {
  const char* text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 10) : fallback;
}

std::string Replay(uint64_t seed, const char* test) {
  return fmt::format("replay: SEED={} build/unit_tests --gtest_filter='SqlSimulation.{}'", seed, test);
}

TEST(SqlSimulation, NothingIsLostOrDoubled) {
  const uint64_t only = FromEnvironment("SEED", 0);
  const uint64_t seeds = FromEnvironment("SEEDS", 1000);
  std::set<std::string> points;
  for (uint64_t seed = only ? only : 1; seed <= (only ? only : seeds); ++seed) {
    RunInMemory(seed, &points);
    ASSERT_FALSE(::testing::Test::HasFailure()) << Replay(seed, "NothingIsLostOrDoubled");
  }
  if (only) return;
  for (const char* point :
       {"before the barrier", "before an operator saves", "before a sink stages",
        "after a sink has staged", "before the manifest", "after the manifest",
        "before a sink publishes", "in the middle of a sink's commit", "after a sink has published",
        "before a sink recovers"}) {
    EXPECT_TRUE(points.contains(point)) << "never crashed " << point;
  }
}

TEST(SqlSimulation, SameSeedSameTrace) {
  std::set<uint64_t> traces;
  std::set<std::string> points;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    const uint64_t first = RunInMemory(seed, &points);
    EXPECT_EQ(first, RunInMemory(seed, &points)) << "seed " << seed;
    traces.insert(first);
  }
  EXPECT_EQ(traces.size(), 20u);
}

// ---- the world of files ----

class Files {
 public:
  explicit Files(World* world) : world_(world) {
    path_ = MemoryFolder() / fmt::format("millrace_sql_simulation_{}", getpid());
    fs::remove_all(path_);
    fs::create_directories(path_);
    InjectFileFaults([this](const char* what, const std::string&) { return FaultOf(what); });
  }
  ~Files() {
    InjectFileFaults(nullptr);
    if (!::testing::Test::HasFailure()) fs::remove_all(path_);  // else it says why
  }

  std::string path(const char* name) const { return (path_ / name).string(); }
  int faults() const { return faults_; }

  Rows Sessions() const {
    Rows rows;
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(path_ / "sessions", none)) {
      if (entry.path().filename().string().starts_with(".")) continue;
      std::ifstream file(entry.path());
      for (std::string line; std::getline(file, line);) {
        std::erase(line, '"');
        rows.insert(line);
      }
    }
    return rows;
  }
  Rows Totals() const {
    Rows rows;
    sqlite3* database = nullptr;
    EXPECT_EQ(sqlite3_open(path("totals.db").c_str(), &database), SQLITE_OK);
    const auto take = [](void* to, int columns, char** values, char**) {
      std::string text;
      for (int i = 0; i < columns; ++i) text += (i ? "|" : "") + std::string(values[i]);
      static_cast<Rows*>(to)->insert(text);
      return 0;
    };
    sqlite3_exec(database, "SELECT * FROM totals", take, &rows, nullptr);
    sqlite3_close(database);
    return rows;
  }
  int64_t DeadLetters() const {
    std::ifstream file(path_ / "job/dead_letter.json");
    return std::count(std::istreambuf_iterator<char>(file), {}, '\n');
  }
  // Hidden files below the tables' and the job's folder.
  std::vector<std::string> Leftovers() const {
    std::vector<std::string> found;
    for (const auto& entry : fs::recursive_directory_iterator(path_)) {
      const std::string name = entry.path().filename().string();
      if (name.starts_with(".") || name.ends_with(".inprogress")) found.push_back(entry.path());
    }
    return found;
  }

 private:
  FileFault FaultOf(const char* what) {
    if (world_->calm) return {};
    FileFault fault;
    fault.is_short = world_->random.Chance(0.3);
    if (faults_ == 8 || !world_->random.Chance(0.02)) return fault;
    ++faults_;
    fault.error = std::string_view(what) == "write" ? ENOSPC : EIO;
    return fault;
  }

  World* world_;
  fs::path path_;
  int faults_ = 0;
};

TEST(SqlSimulation, FilesThatFailLoseNothing) {
  const uint64_t only = FromEnvironment("SEED", 0);
  const uint64_t seeds = FromEnvironment("SEEDS", 1000) / 20;
  int faults = 0;
  for (uint64_t seed = only ? only : 1; seed <= (only ? only : seeds); ++seed) {
    const auto [sessions, hops, totals] = Undisturbed(seed);
    Rows wanted;
    for (const std::string& row : sessions) {
      std::string csv = row;
      std::replace(csv.begin(), csv.end(), '|', ',');
      wanted.insert(csv);
    }
    World world(seed);
    Files files(&world);
    Simulation simulation(
        &world, Script(fmt::format("'connector' = 'filesystem', 'format' = 'csv', 'path' = '{}'",
                                   files.path("sessions")),
                       fmt::format("'connector' = 'sqlite', 'path' = '{}'", files.path("totals.db"))));
    simulation.folder = files.path("job");
    simulation.on_disk = seed % 3 == 0;
    simulation.crashed = [&] {
      const Rows found = files.Sessions();
      EXPECT_TRUE(std::includes(wanted.begin(), wanted.end(), found.begin(), found.end()))
          << "a row is there that should not be";
    };
    simulation.Run();
    EXPECT_EQ(files.Sessions(), wanted);
    EXPECT_EQ(files.Totals(), totals);
    EXPECT_EQ(world.appended["hops"], hops);
    int64_t dead = 0;
    for (const auto& lane : world.lanes) {
      for (const Click& click : lane) dead += click.time ? 0 : 1;
    }
    EXPECT_EQ(files.DeadLetters(), dead);
    EXPECT_EQ(files.Leftovers(), std::vector<std::string>{});
    faults += files.faults();
    ASSERT_FALSE(::testing::Test::HasFailure()) << Replay(seed, "FilesThatFailLoseNothing");
  }
  if (!only) {
    EXPECT_GT(faults, static_cast<int>(seeds));
  }
}

}  // namespace
}  // namespace millrace
