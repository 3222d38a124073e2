#include "state/spilled_table.h"

#include <arrow/api.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "state/snapshot_files.h"

namespace millrace {
namespace {

class Folder {
 public:
  Folder() : path_(::testing::TempDir() + "millrace-spill-XXXXXX") {
    EXPECT_NE(mkdtemp(path_.data()), nullptr);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

std::shared_ptr<arrow::Array> Numbers(const std::vector<int64_t>& values) {
  arrow::Int64Builder builder;
  EXPECT_TRUE(builder.AppendValues(values).ok());
  return *builder.Finish();
}

StateTable Counts() {
  return {"counts", "Count by key.",
          arrow::schema({StateField("k", arrow::int64(), "Key."),
                         StateField("time", arrow::int64(), "When it is due."),
                         StateField("n", arrow::int64(), "Count.")}),
          {0}, {0}};
}

// An operator that counts keys.
class Counter : private SlotOwner {
 public:
  Counter(const std::shared_ptr<RocksDbSpace>& space, bool timers, bool drops = false) {
    keys_ = *KeyTable::Make(*Counts().schema, {0});
    SpillOptions options;
    options.keys = {0};
    if (timers) options.clocks = 1;
    options.ends_all = timers;
    if (drops) options.drop = {{1, 10, true}};
    auto made = SpilledTable::Make(space, Counts(), options, KeyGroupRange{0, kKeyGroups}, keys_.get(), this);
    EXPECT_TRUE(made.ok()) << made.status();
    spilled_ = std::move(*made);
  }

  // Counts each key once; all are due at `time`.
  void Add(const std::vector<int64_t>& keys, int64_t time) {
    const auto rows = arrow::RecordBatch::Make(arrow::schema({Counts().schema->field(0)}),
                                               std::ssize(keys), {Numbers(keys)});
    std::vector<uint32_t> slots, inserted;
    ASSERT_TRUE(keys_->FindOrInsert(*rows, {0}, nullptr, slots, inserted).ok());
    for (uint32_t& row : inserted) row = slots[row];
    Grow();
    ASSERT_TRUE(spilled_->Fetch(inserted).ok());
    for (uint32_t slot : slots) {
      ++counts_[slot];
      times_[slot] = time;
    }
    ASSERT_TRUE(spilled_->Trim().ok());
  }
  // The keys in memory that are due at `now`, which are erased.
  std::set<int64_t> TakeDue(int64_t now) {
    std::set<int64_t> due;
    while (true) {
      for (uint32_t slot = 0; slot < keys_->slot_count(); ++slot) {
        if (!keys_->HasKey(slot) || times_[slot] > now) continue;
        EXPECT_TRUE(due.insert(KeyOf(slot)).second) << "twice";
        counts_[slot] = 0;
        keys_->Erase(slot);
      }
      auto more = spilled_->LoadDue(now);
      EXPECT_TRUE(more.ok()) << more.status();
      if (!more.ok() || !*more) return due;
    }
  }
  // Puts off all keys that are due at `now`, as they are found.
  void PutOff(int64_t now, int64_t time) {
    while (true) {
      for (uint32_t slot = 0; slot < keys_->slot_count(); ++slot) {
        if (!keys_->HasKey(slot) || times_[slot] > now) continue;
        times_[slot] = time;
        keys_->Touch(slot);
      }
      ASSERT_TRUE(spilled_->Trim().ok());
      auto more = spilled_->LoadDue(now);
      ASSERT_TRUE(more.ok()) << more.status();
      if (!*more) return;
    }
  }
  std::shared_ptr<FrozenState> Save(SaveMode mode = SaveMode::kDelta) {
    auto state = std::make_shared<FrozenState>(mode);
    const Status saved = spilled_->Save(*state);
    EXPECT_TRUE(saved.ok()) << saved;
    return state;
  }
  Status Load(const StateReader& reader) { return spilled_->Load(reader); }
  size_t hot() const { return keys_->size(); }
  SpilledTable& spilled() { return *spilled_; }

 private:
  void Grow() {
    counts_.resize(keys_->slot_count(), 0);
    times_.resize(keys_->slot_count(), 0);
  }
  int64_t KeyOf(uint32_t slot) const {
    const std::vector<uint32_t> slots = {slot};
    return (*keys_->KeyColumns(slots))[0]->data()->GetValues<int64_t>(1)[0];
  }

  Status SaveSlots(std::span<const uint32_t> slots, SaveMode, StateWriter& writer) override {
    std::vector<int64_t> times, counts;
    for (uint32_t slot : slots) {
      times.push_back(times_[slot]);
      counts.push_back(counts_[slot]);
    }
    MILL_ASSIGN(arrow::ArrayVector columns, keys_->KeyColumns(slots));
    columns.push_back(Numbers(times));
    columns.push_back(Numbers(counts));
    return writer.Write(Counts(), arrow::RecordBatch::Make(Counts().schema, std::ssize(slots),
                                                           std::move(columns)));
  }
  Status LoadSlots(const arrow::RecordBatch& rows, std::span<const uint32_t> slots) override {
    Grow();
    for (size_t i = 0; i < slots.size(); ++i) {
      EXPECT_EQ(counts_[slots[i]], 0);
      times_[slots[i]] = rows.column(1)->data()->GetValues<int64_t>(1)[i];
      counts_[slots[i]] = rows.column(2)->data()->GetValues<int64_t>(1)[i];
    }
    return Status::OK();
  }
  void ForgetSlots(std::span<const uint32_t> slots) override {
    for (uint32_t slot : slots) counts_[slot] = 0;
  }
  std::optional<Timestamp> DueOf(uint32_t slot, size_t) const override { return times_[slot]; }

  std::unique_ptr<KeyTable> keys_;
  std::unique_ptr<SpilledTable> spilled_;
  std::vector<int64_t> counts_, times_;
};

std::map<int64_t, int64_t> CountsIn(const StateReader& reader) {
  std::map<int64_t, int64_t> counts;
  const Status read = reader.ForEach(Counts(), [&](std::shared_ptr<arrow::RecordBatch> rows) {
    for (int64_t i = 0; i < rows->num_rows(); ++i) {
      const int64_t key = rows->column(0)->data()->GetValues<int64_t>(1)[i];
      EXPECT_FALSE(counts.contains(key));
      counts[key] = rows->column(2)->data()->GetValues<int64_t>(1)[i];
    }
    return Status::OK();
  });
  EXPECT_TRUE(read.ok()) << read;
  return counts;
}

std::vector<int64_t> Range(int64_t begin, int64_t end) {
  std::vector<int64_t> keys;
  for (int64_t key = begin; key < end; ++key) keys.push_back(key);
  return keys;
}

class SpilledTableTest : public ::testing::Test {
 protected:
  std::shared_ptr<RocksDbSpace> Space(int64_t bytes) {
    auto space = RocksDbSpace::Make(folder_.path(), bytes);
    EXPECT_TRUE(space.ok()) << space.status();
    return *space;
  }
  StateChain Write(const FrozenState& state, const std::string& name, const StoredMode& mode) {
    auto files = WriteSnapshot(state, folder_.path(), name, 0, mode);
    EXPECT_TRUE(files.ok()) << files.status();
    return *files;
  }

  Folder folder_;
};

TEST_F(SpilledTableTest, KeepsFewInMemoryAndCountsAll) {
  Counter counter(Space(20000), false);
  for (int round = 1; round <= 3; ++round) {
    for (int64_t begin = 0; begin < 2000; begin += 500) {
      counter.Add(Range(begin, begin + 500), 0);
      EXPECT_LT(counter.hot(), 200u);
    }
    const FrozenReader reader({{counter.Save()}}, 0, 1);
    const auto counts = CountsIn(reader);
    ASSERT_EQ(counts.size(), 2000u);
    for (const auto& [key, count] : counts) ASSERT_EQ(count, round) << key;
  }
}

TEST_F(SpilledTableTest, FindsColdKeysThatAreDue) {
  Counter counter(Space(20000), true);
  counter.Add(Range(0, 6000), 100);
  counter.Add(Range(6000, 9000), 200);
  counter.Add(Range(0, 1000), 200);  // put off: their first timers come early
  EXPECT_TRUE(counter.TakeDue(99).empty());
  auto due = counter.TakeDue(100);
  EXPECT_EQ(due.size(), 5000u);
  EXPECT_EQ(*due.begin(), 1000);
  EXPECT_EQ(counter.TakeDue(250).size(), 4000u);
  EXPECT_TRUE(CountsIn(FrozenReader({{counter.Save()}}, 0, 1)).empty());
}

// Behind the end of the input keys come as they lie on disk, whatever their times, also those that were in
// memory and have an older row there.
TEST_F(SpilledTableTest, TheEndFindsEachKeyOnce) {
  Counter counter(Space(20000), true);
  counter.Add(Range(0, 9000), 100);
  counter.Add(Range(9000, 12000), 50);
  counter.Add(Range(0, 1000), 5000);
  EXPECT_EQ(counter.TakeDue(60).size(), 3000u);
  EXPECT_EQ(counter.TakeDue(kMaxTimestamp).size(), 9000u);
  EXPECT_TRUE(CountsIn(FrozenReader({{counter.Save()}}, 0, 1)).empty());
  EXPECT_TRUE(counter.TakeDue(kMaxTimestamp).empty());
}

// Timers that come while their keys are in memory are gone when the keys go back to disk, although
// more timers of the same time are still to come.
TEST_F(SpilledTableTest, KeysThatAreHotWhenTheirTimerComesAreFoundLater) {
  Counter counter(Space(20000), true);
  counter.Add(Range(0, 9000), 100);
  counter.Add(Range(0, 100), 200);  // hot
  counter.PutOff(100, 200);
  EXPECT_TRUE(counter.TakeDue(150).empty());
  EXPECT_EQ(counter.TakeDue(250).size(), 9000u);
}

// Timers that came before the snapshot do not come again, those after it do.
TEST_F(SpilledTableTest, TimersSurviveARestore) {
  auto state = [&] {
    Counter counter(Space(20000), true);
    counter.Add(Range(0, 3000), 100);
    counter.Add(Range(3000, 5000), 200);
    counter.Add(Range(0, 500), 300);
    EXPECT_EQ(counter.TakeDue(150).size(), 2500u);
    return counter.Save();
  }();
  Counter restored(Space(20000), true);
  ASSERT_TRUE(restored.Load(FrozenReader({{state}}, 0, 1)).ok());
  EXPECT_TRUE(restored.TakeDue(199).empty());
  EXPECT_EQ(restored.TakeDue(200).size(), 2000u);
  EXPECT_EQ(restored.TakeDue(1000).size(), 500u);
}

TEST_F(SpilledTableTest, CheckpointsLinkWhatIsNew) {
  StateChain first, second;
  {
    Counter counter(Space(16 << 20), false);  // too few files to be compacted

    counter.Add(Range(0, 20000), 0);
    first = Write(*counter.Save(), "1", {});
    counter.Add(Range(0, 10), 0);
    second = Write(*counter.Save(), "2", {false, &first});
  }
  int64_t all = 0, added = 0, shared = 0;
  for (const StateFile& file : second) {
    EXPECT_TRUE(file.stored);
    all += file.bytes;
    if (file.path.starts_with("2/")) added += file.bytes;
    if (file.path.starts_with("1/")) ++shared;
  }
  EXPECT_GT(shared, 0);
  EXPECT_LT(added, all / 5);
  for (const StateChain& chain : {first, second}) {
    ASSERT_TRUE(VerifyFiles(folder_.path(), chain).ok());
  }
  const StateFilesReader reader(folder_.path(), {second}, 0, 1);
  auto counts = CountsIn(reader);
  EXPECT_EQ(counts.size(), 20000u);
  EXPECT_EQ(counts[5] + counts[500], 3);
  Counter adopted(Space(200000), false);
  ASSERT_TRUE(adopted.Load(reader).ok());
  EXPECT_EQ(adopted.hot(), 0u);  // nothing was read
  adopted.Add(Range(5, 6), 0);
  EXPECT_EQ(CountsIn(FrozenReader({{adopted.Save()}}, 0, 1))[5], 3);
}

// A savepoint is Parquet; another parallelism reads its part of either.
TEST_F(SpilledTableTest, SavepointsAreParquet) {
  Counter counter(Space(200000), false);
  counter.Add(Range(0, 5000), 0);
  const auto state = counter.Save(SaveMode::kFull);
  const StateChain parquet = Write(*state, "savepoint", {true, nullptr});
  const StateChain linked = Write(*state, "checkpoint", {});
  ASSERT_EQ(parquet.size(), 1u);
  EXPECT_EQ(parquet[0].rows, 5000);
  EXPECT_FALSE(parquet[0].stored);
  EXPECT_TRUE(ReadStateFile(folder_.path(), parquet[0]).ok());
  for (const StateChain& chain : {parquet, linked}) {
    size_t total = 0;
    for (size_t instance = 0; instance < 3; ++instance) {
      const StateFilesReader reader(folder_.path(), {chain}, instance, 3);
      const size_t part = CountsIn(reader).size();
      EXPECT_GT(part, 1000u);
      total += part;
    }
    EXPECT_EQ(total, 5000u);
    Counter restored(Space(20000), false);
    ASSERT_TRUE(restored.Load(StateFilesReader(folder_.path(), {chain}, 0, 1)).ok());
    restored.Add(Range(0, 10), 0);
    EXPECT_EQ(CountsIn(FrozenReader({{restored.Save()}}, 0, 1))[7], 2);
  }
}

TEST_F(SpilledTableTest, DamageIsFound) {
  Counter counter(Space(200000), false);
  counter.Add(Range(0, 5000), 0);
  const StateChain chain = Write(*counter.Save(), "1", {});
  for (const StateFile& file : chain) {
    if (!file.path.ends_with(".sst")) continue;
    std::fstream bytes(folder_.path() + "/" + file.path, std::ios::in | std::ios::out);
    bytes.seekp(file.bytes / 2);
    bytes.put('\x7f');
  }
  const Status damaged = VerifyFiles(folder_.path(), chain);
  EXPECT_NE(damaged.message().find(".sst of table 'counts' is damaged"), std::string::npos)
      << damaged;
}

// What has expired goes when RocksDB compacts; what has no time stays.
TEST_F(SpilledTableTest, CompactionDropsWhatHasExpired) {
  const auto space = Space(1 << 20);
  auto rule = std::make_shared<DropRule>();
  rule->offset = 1;
  rule->add = 10;
  rule->keep_zero = true;
  auto store = *RocksDbStore::Open(space, space->NewPath(), {{rule}, {}});
  for (int64_t time = 0; time < 100; ++time) {
    std::string value(1, '\1');
    value.append(reinterpret_cast<const char*>(&time), sizeof time);
    store->Put(std::string(1, static_cast<char>(time)), value);
  }
  ASSERT_TRUE(store->Commit().ok());
  rule->limit = 59;
  ASSERT_TRUE(store->Compact().ok());
  std::vector<int> left;
  ASSERT_TRUE(store->Scan("", "\x7f", [&](std::string_view key, std::string_view) -> Result<bool> {
    left.push_back(key[0]);
    return true;
  }).ok());
  ASSERT_EQ(left.size(), 51u);
  EXPECT_EQ(left[0], 0);
  EXPECT_EQ(left[1], 50);
}

TEST_F(SpilledTableTest, FoldersOfDeadProcessesGo) {
  const std::string dead = folder_.path() + "/rocksdb-999999999-1";
  std::filesystem::create_directories(dead);
  std::string own;
  {
    const auto space = Space(20000);
    EXPECT_FALSE(std::filesystem::exists(dead));
    own = std::filesystem::path(space->NewPath()).parent_path().string();
    EXPECT_TRUE(std::filesystem::exists(own));
  }
  EXPECT_FALSE(std::filesystem::exists(own));
}

}  // namespace
}  // namespace millrace
