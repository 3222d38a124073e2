#include "state/snapshot_files.h"

#include <arrow/api.h>
#include <arrow/json/from_string.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <set>
#include <thread>

#include "state/snapshot_fold.h"

namespace millrace {
namespace {

// A folder of the test's own.
class Folder {
 public:
  Folder() : path_(::testing::TempDir() + "millrace-state-XXXXXX") {
    EXPECT_NE(mkdtemp(path_.data()), nullptr);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

StateTable Groups() {
  return {"groups", "One row per group.",
          arrow::schema({StateField("name", arrow::utf8(), "The key's first column."),
                         StateField("day", arrow::date32(), "The key's second column."),
                         StateField("sum", arrow::decimal128(38, 2), "Sum of prices."),
                         StateField("seen", arrow::list(arrow::int64()), "Values seen.")}),
          {0, 1}, {0, 1}};
}

StateTable Clock() {
  return {"clock", "The watermark.",
          arrow::schema({StateField("watermark", arrow::int64(), "In ms.")}), {}, {}};
}

struct Group {
  std::string name;
  int32_t day;
  int64_t sum;
  std::vector<int64_t> seen;
  auto operator<=>(const Group&) const = default;
};

std::shared_ptr<arrow::RecordBatch> GroupRows(const std::vector<Group>& groups) {
  arrow::StringBuilder names;
  arrow::Date32Builder days;
  arrow::Decimal128Builder sums(arrow::decimal128(38, 2));
  auto items = std::make_shared<arrow::Int64Builder>();
  arrow::ListBuilder seen(arrow::default_memory_pool(), items);
  for (const Group& group : groups) {
    EXPECT_TRUE(names.Append(group.name).ok());
    EXPECT_TRUE((group.day < 0 ? days.AppendNull() : days.Append(group.day)).ok());
    EXPECT_TRUE(sums.Append(arrow::Decimal128(group.sum)).ok());
    EXPECT_TRUE(seen.Append().ok());
    EXPECT_TRUE(items->AppendValues(group.seen).ok());
  }
  return arrow::RecordBatch::Make(
      Groups().schema, static_cast<int64_t>(groups.size()),
      {*names.Finish(), *days.Finish(), *sums.Finish(), *seen.Finish()});
}

std::vector<Group> ToGroups(const arrow::RecordBatchVector& batches) {
  std::vector<Group> groups;
  for (const auto& batch : batches) {
    EXPECT_TRUE(batch->ValidateFull().ok());
    const auto& names = static_cast<const arrow::StringArray&>(*batch->column(0));
    const auto& days = static_cast<const arrow::Date32Array&>(*batch->column(1));
    const auto& sums = static_cast<const arrow::Decimal128Array&>(*batch->column(2));
    const auto& seen = static_cast<const arrow::ListArray&>(*batch->column(3));
    const auto& items = static_cast<const arrow::Int64Array&>(*seen.values());
    for (int64_t i = 0; i < batch->num_rows(); ++i) {
      Group group{names.GetString(i), days.IsNull(i) ? -1 : days.Value(i), 0, {}};
      group.sum = static_cast<int64_t>(arrow::Decimal128(sums.GetValue(i)).low_bits());
      for (int64_t j = seen.value_offset(i); j < seen.value_offset(i + 1); ++j) {
        group.seen.push_back(items.Value(j));
      }
      groups.push_back(group);
    }
  }
  std::sort(groups.begin(), groups.end());
  return groups;
}

std::shared_ptr<arrow::RecordBatch> Watermark(int64_t time) {
  arrow::Int64Builder builder;
  EXPECT_TRUE(builder.Append(time).ok());
  return arrow::RecordBatch::Make(Clock().schema, 1, {*builder.Finish()});
}

size_t OwnerOf(const Group& group, size_t parallelism) {
  auto keyed = KeyGroupsOf(Groups(), *GroupRows({group}));
  return TaskOfGroup((*keyed)[0], parallelism);
}

std::vector<Group> RandomGroups(uint32_t seed, int count) {
  std::mt19937 random(seed);
  std::set<std::string> names;
  std::vector<Group> groups;
  for (int i = 0; i < count; ++i) {
    Group group{"user " + std::to_string(i), static_cast<int32_t>(random() % 4) - 1,
                static_cast<int64_t>(random()), {}};
    group.seen.resize(random() % 4, static_cast<int64_t>(random()));
    groups.push_back(group);
  }
  return groups;
}

// What `parallelism` instances save, in several batches each.
std::vector<StateChain> SaveAll(const std::string& root, const std::vector<Group>& groups,
                                size_t parallelism) {
  std::vector<StateChain> chains;
  for (size_t instance = 0; instance < parallelism; ++instance) {
    FrozenState state(SaveMode::kFull);
    std::vector<Group> own;
    for (const Group& group : groups) {
      if (OwnerOf(group, parallelism) == instance) own.push_back(group);
    }
    const auto rows = GroupRows(own);
    for (int64_t at = 0; at < rows->num_rows(); at += 300) {
      EXPECT_TRUE(state.Write(Groups(), rows->Slice(at, 300)).ok());
    }
    EXPECT_TRUE(state.Write(Clock(), Watermark(static_cast<int64_t>(instance))).ok());
    auto files = WriteSnapshot(state, root, "chk-1/ops", static_cast<int>(instance));
    EXPECT_TRUE(files.ok()) << files.status();
    chains.push_back(*files);
  }
  return chains;
}

TEST(KeyGroups, TasksShareThemOut) {
  for (size_t parallelism = 1; parallelism <= kKeyGroups; ++parallelism) {
    uint32_t next = 0;
    for (size_t task = 0; task < parallelism; ++task) {
      const KeyGroupRange range = GroupsOfTask(task, parallelism);
      ASSERT_EQ(range.begin, next);
      for (uint32_t g = range.begin; g < range.end; ++g) {
        ASSERT_EQ(TaskOfGroup(g, parallelism), task);
      }
      next = range.end;
    }
    ASSERT_EQ(next, kKeyGroups);
  }
}

TEST(SnapshotFiles, TwoInstancesBecomeThree) {
  const Folder folder;
  const std::vector<Group> groups = RandomGroups(1, 2000);
  const auto chains = SaveAll(folder.path(), groups, 2);
  std::vector<Group> all;
  for (size_t instance = 0; instance < 3; ++instance) {
    const StateFilesReader reader(folder.path(), chains, instance, 3);
    auto rows = reader.Read(Groups());
    ASSERT_TRUE(rows.ok()) << rows.status();
    const std::vector<Group> own = ToGroups(*rows);
    EXPECT_GT(own.size(), 400u);
    for (const Group& group : own) ASSERT_EQ(OwnerOf(group, 3), instance);
    all.insert(all.end(), own.begin(), own.end());
    auto clock = reader.Read(Clock());
    ASSERT_TRUE(clock.ok()) << clock.status();
    EXPECT_EQ(clock->size(), 2u);  // of both
  }
  std::vector<Group> expected = groups;
  std::sort(expected.begin(), expected.end());
  std::sort(all.begin(), all.end());
  EXPECT_EQ(all, expected);
}

TEST(SnapshotFiles, RowsAreSortedByKeyGroupAndDescribed) {
  const Folder folder;
  const auto chains = SaveAll(folder.path(), RandomGroups(2, 1000), 1);
  const StateFile& file = chains[0][0];
  EXPECT_EQ(file.table, "groups");
  EXPECT_EQ(file.path, "chk-1/ops/groups-0.parquet");
  EXPECT_EQ(file.rows, 1000);
  const auto size = std::filesystem::file_size(folder.path() + "/" + file.path);
  EXPECT_EQ(file.bytes, static_cast<int64_t>(size));
  auto rows = ReadStateFile(folder.path(), file);
  ASSERT_TRUE(rows.ok()) << rows.status();
  int32_t last = 0;
  for (const auto& batch : *rows) {
    const auto& column =
        static_cast<const arrow::Int32Array&>(*batch->GetColumnByName("_key_group"));
    for (int64_t i = 0; i < batch->num_rows(); ++i) {
      ASSERT_GE(column.Value(i), last);
      last = column.Value(i);
    }
  }
  EXPECT_EQ(last, static_cast<int32_t>(file.max_group));
  const auto& schema = (*rows)[0]->schema();
  EXPECT_EQ(*schema->metadata()->Get("doc"), "One row per group.");
  EXPECT_EQ(*schema->GetFieldByName("sum")->metadata()->Get("doc"), "Sum of prices.");
}

TEST(SnapshotFiles, MissingColumnsAreNullAndOthersLeftOut) {
  const Folder folder;
  const auto chains = SaveAll(folder.path(), RandomGroups(3, 10), 1);
  StateTable table = Groups();
  table.schema = arrow::schema({table.schema->field(0), table.schema->field(1),
                                StateField("count", arrow::int64(), "New.")});
  const StateFilesReader reader(folder.path(), chains, 0, 1);
  auto rows = reader.Read(table);
  ASSERT_TRUE(rows.ok()) << rows.status();
  EXPECT_EQ((*rows)[0]->column(2)->null_count(), 10);
  table.schema = arrow::schema({table.schema->field(0), table.schema->field(1),
                                StateField("sum", arrow::int64(), "Of another type.")});
  EXPECT_NE(reader.Read(table).status().message().find(
                "column 'sum' was saved as decimal128(38, 2), and is int64 now"),
            std::string::npos);
  table.schema = arrow::schema({StateField("owner", arrow::utf8(), ""), table.schema->field(1)});
  EXPECT_NE(reader.Read(table).status().message().find("was saved without column 'owner'"),
            std::string::npos);
  table.name = "others";
  EXPECT_TRUE(reader.Read(table)->empty());
}

// Rows whose id is their key, of which each has several; so many that a file has several batches.
TEST(SnapshotFiles, RowsThatShareAnIdFold) {
  const StateTable table{"visits", "Rows of a key.",
                         arrow::schema({StateField("key", arrow::int64(), "The key."),
                                        StateField("value", arrow::int64(), "A value.")}),
                         {0}, {0}};
  constexpr int64_t kKeys = 50000, kRowsOfKey = 3;
  const auto rows = [&](int64_t first, int64_t end, int64_t add) {
    arrow::Int64Builder keys, values;
    for (int64_t i = 0; i < kRowsOfKey; ++i) {
      for (int64_t key = first; key < end; ++key) {
        EXPECT_TRUE(keys.Append(key).ok() && values.Append(key * 10 + i + add).ok());
      }
    }
    const int64_t count = (end - first) * kRowsOfKey;
    return arrow::RecordBatch::Make(table.schema, count, {*keys.Finish(), *values.Finish()});
  };
  const Folder folder;
  StateChain chain;
  std::multimap<int64_t, int64_t> expected;
  const auto save = [&](SaveMode mode, int64_t first, int64_t end, int64_t add, int64_t erased) {
    FrozenState state(mode);
    const auto written = rows(first, end, add);
    ASSERT_TRUE(state.Write(table, written).ok());
    if (erased >= 0) {
      const auto ids = rows(erased, erased + 1, 0)->Slice(0, 1)->SelectColumns({0});
      ASSERT_TRUE(ids.ok() && state.Erase(table, *ids).ok());
      expected.erase(erased);
    }
    for (int64_t key = first; key < end; ++key) {
      expected.erase(key);
      for (int64_t i = 0; i < kRowsOfKey; ++i) expected.emplace(key, key * 10 + i + add);
    }
    auto files = WriteSnapshot(state, folder.path(), fmt::format("chk-{}", chain.size()), 0);
    ASSERT_TRUE(files.ok()) << files.status();
    chain.insert(chain.end(), files->begin(), files->end());
  };
  save(SaveMode::kFull, 0, kKeys, 0, -1);
  save(SaveMode::kDelta, 0, kKeys * 9 / 10, 3, kKeys - 1);
  save(SaveMode::kDelta, 100, 200, 5, 7);
  std::multimap<int64_t, int64_t> found;
  for (size_t instance = 0; instance < 5; ++instance) {
    const StateFilesReader reader(folder.path(), {chain}, instance, 5);
    ASSERT_TRUE(reader.ForEach(table, [&](const std::shared_ptr<arrow::RecordBatch>& batch) {
      for (int64_t i = 0; i < batch->num_rows(); ++i) {
        found.emplace(static_cast<const arrow::Int64Array&>(*batch->column(0)).Value(i),
                      static_cast<const arrow::Int64Array&>(*batch->column(1)).Value(i));
      }
      return Status::OK();
    }).ok());
  }
  const auto sorted = [](const std::multimap<int64_t, int64_t>& all) {
    return std::multiset<std::pair<int64_t, int64_t>>(all.begin(), all.end());
  };
  EXPECT_EQ(found.size(), (kKeys - 2) * kRowsOfKey);
  EXPECT_EQ(sorted(found), sorted(expected));
}

TEST(SnapshotFiles, ErasedIdsOfAnotherTypeAreRefused) {
  const Folder folder;
  StateChain chain = SaveAll(folder.path(), RandomGroups(5, 10), 1)[0];
  FrozenState state(SaveMode::kDelta);
  const auto ids = GroupRows({{"user 1", 0, 0, {}}})->SelectColumns({0, 1});
  ASSERT_TRUE(ids.ok() && state.Erase(Groups(), *ids).ok());
  auto files = WriteSnapshot(state, folder.path(), "chk-2", 0);
  ASSERT_TRUE(files.ok()) << files.status();
  chain.insert(chain.end(), files->begin(), files->end());
  StateTable table = Groups();
  table.schema = arrow::schema({table.schema->field(0), StateField("day", arrow::int64(), "")});
  const Status status = StateFilesReader(folder.path(), {chain}, 0, 1).Read(table).status();
  EXPECT_NE(status.message().find("column 'day' was saved as date32[day], and is int64 now"),
            std::string::npos)
      << status;
}

// What a visitor fails with is not the file's fault.
TEST(SnapshotFiles, ErrorsOfTheVisitorComeAsTheyAre) {
  const Folder folder;
  const auto chains = SaveAll(folder.path(), RandomGroups(6, 10), 1);
  const Status status = StateFilesReader(folder.path(), chains, 0, 1)
                            .ForEach(Groups(), [](const auto&) { return UserError("mine"); });
  EXPECT_EQ(status.message(), "mine");
}

// What was found whole is not read through again, but for what was touched since.
TEST(SnapshotFiles, FilesAreHashedOnce) {
  const Folder folder;
  const StateChain chain = SaveAll(folder.path(), RandomGroups(7, 100), 1)[0];
  const auto verified = std::make_shared<VerifiedFiles>();
  ASSERT_TRUE(VerifyFiles(folder.path(), chain, verified.get()).ok());
  const int64_t bytes = verified->bytes();
  EXPECT_GT(bytes, 0);
  const StateFilesReader reader(folder.path(), {chain}, 0, 1, kKeyGroups, verified);
  ASSERT_TRUE(reader.Read(Groups()).ok());
  EXPECT_EQ(verified->bytes(), bytes);
  std::this_thread::sleep_for(std::chrono::milliseconds(30));  // clocks of files are coarse
  const std::string path = folder.path() + "/" + chain[0].path;
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(chain[0].bytes / 2);
  const char old = static_cast<char>(file.get());
  file.seekp(chain[0].bytes / 2);
  file.put(static_cast<char>(old ^ 1));
  file.close();
  const Status status = reader.Read(Groups()).status();
  EXPECT_NE(status.message().find("is damaged: its checksum"), std::string::npos) << status;
}

// Deltas of lists that were written whole cannot be put together with what is added to lists.
TEST(SnapshotFiles, ListsThatDidNotGrowYetAreRefused) {
  const Folder folder;
  const auto list = arrow::list(arrow::int64());
  const auto table = [&](const std::shared_ptr<arrow::Field>& field) {
    return StateTable{"lists", "", arrow::schema({StateField("k", arrow::int64(), ""), field}),
                      {0}, {0}};
  };
  const StateTable before = table(StateField("l", list, ""));
  const auto rows = arrow::RecordBatch::Make(
      before.schema, 1,
      {arrow::json::ArrayFromJSONString(arrow::int64(), "[1]").ValueOrDie(),
       arrow::json::ArrayFromJSONString(list, "[[1, 2]]").ValueOrDie()});
  StateChain chain;
  for (const SaveMode mode : {SaveMode::kFull, SaveMode::kDelta}) {
    FrozenState state(mode);
    ASSERT_TRUE(state.Write(before, rows).ok());
    const std::string name = mode == SaveMode::kFull ? "chk-1" : "chk-2";
    const StateChain files = *WriteSnapshot(state, folder.path(), name, 0);
    chain.insert(chain.end(), files.begin(), files.end());
  }
  const StateTable now = table(GrowingStateField("l", list, ""));
  const Status status = StateFilesReader(folder.path(), {chain}, 0, 1).Read(now).status();
  EXPECT_NE(status.message().find("was saved by an earlier version"), std::string::npos) << status;
  chain.resize(1);
  EXPECT_TRUE(StateFilesReader(folder.path(), {chain}, 0, 1).Read(now).ok());
}

TEST(SnapshotFiles, DamageIsFound) {
  const Folder folder;
  const auto chains = SaveAll(folder.path(), RandomGroups(4, 500), 1);
  const StateFile& file = chains[0][0];
  const std::string path = folder.path() + "/" + file.path;
  const StateFilesReader reader(folder.path(), chains, 0, 1);
  ASSERT_TRUE(VerifyFiles(folder.path(), chains[0]).ok());
  const auto expect_error = [&](const std::string& text) {
    for (const Status& status :
         {reader.Read(Groups()).status(), VerifyFiles(folder.path(), chains[0])}) {
      EXPECT_NE(status.message().find(file.path), std::string::npos) << status;
      EXPECT_NE(status.message().find(text), std::string::npos) << status;
    }
  };
  const auto size = static_cast<long>(file.bytes);
  for (long at = 0; at < size; at += 1009) {
    std::fstream stream(path, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekg(at);
    const auto byte = static_cast<char>(stream.get());
    const auto put = [&](char value) {
      stream.seekp(at);
      stream.put(value);
      stream.flush();
    };
    put(static_cast<char>(byte ^ 4));
    expect_error("is damaged: its checksum is");
    put(byte);
  }
  std::filesystem::resize_file(path, static_cast<uintmax_t>(size - 1));
  expect_error(fmt::format("is damaged: it has {} bytes, expected {}", size - 1, size));
  std::filesystem::remove(path);
  expect_error("cannot be read");
}

TEST(SnapshotFiles, FailsToWriteWhereItCannot) {
  FrozenState state(SaveMode::kFull);
  ASSERT_TRUE(state.Write(Clock(), Watermark(1)).ok());
  const Folder folder;
  std::ofstream(folder.path() + "/file") << "x";
  const Status status = WriteSnapshot(state, folder.path(), "file", 0).status();
  EXPECT_NE(status.message().find("cannot make the folder"), std::string::npos) << status;
}

// ---- deltas ----

// Random changes, saved as deltas; folding must give what the rows are by now.
class RandomHistory {
 public:
  explicit RandomHistory(uint32_t seed) : random_(seed) {}

  // Changes some groups; returns the snapshot, full or a delta.
  FrozenState Step(SaveMode mode) {
    FrozenState state(mode);
    std::map<std::string, Group> changed;
    std::vector<Group> erased;
    for (int i = 0; i < 20; ++i) {
      const std::string name = "user " + std::to_string(random_() % 60);
      if (random_() % 3 == 0 && groups_.contains(name)) {
        erased.push_back(groups_[name]);
        groups_.erase(name);
        changed.erase(name);
      } else {
        const int32_t day = static_cast<int32_t>(name.size() % 3);
        changed[name] = groups_[name] = {name, day, static_cast<int64_t>(random_()), {}};
      }
    }
    const auto& written = mode == SaveMode::kFull ? groups_ : changed;
    std::vector<Group> rows;
    for (const auto& [name, group] : written) rows.push_back(group);
    if (!rows.empty()) {
      EXPECT_TRUE(state.Write(Groups(), GroupRows(rows)).ok());
    }
    if (mode == SaveMode::kDelta && !erased.empty()) {
      EXPECT_TRUE(state.Erase(Groups(), *GroupRows(erased)->SelectColumns({0, 1})).ok());
    }
    EXPECT_TRUE(state.Write(Clock(), Watermark(++snapshots_)).ok());
    return state;
  }
  std::vector<Group> Expected() const {
    std::vector<Group> groups;
    for (const auto& [name, group] : groups_) groups.push_back(group);
    std::sort(groups.begin(), groups.end());
    return groups;
  }
  int64_t snapshots() const { return snapshots_; }

 private:
  std::mt19937 random_;
  std::map<std::string, Group> groups_;
  int64_t snapshots_ = 0;
};

void ExpectState(const StateReader& reader, const RandomHistory& history) {
  auto rows = reader.Read(Groups());
  ASSERT_TRUE(rows.ok()) << rows.status();
  ASSERT_EQ(ToGroups(*rows), history.Expected());
  auto clock = reader.Read(Clock());
  ASSERT_TRUE(clock.ok()) << clock.status();
  ASSERT_EQ(clock->size(), 1u);
  EXPECT_TRUE((*clock)[0]->Equals(*Watermark(history.snapshots())));
}

TEST(SnapshotFiles, DeltasFold) {
  for (uint32_t seed = 1; seed <= 10; ++seed) {
    const Folder folder;
    RandomHistory history(seed);
    StateChain chain;
    FrozenReader::Chain frozen;
    for (int i = 0; i < 6; ++i) {
      FrozenState state = history.Step(i == 0 ? SaveMode::kFull : SaveMode::kDelta);
      auto files = WriteSnapshot(state, folder.path(), fmt::format("chk-{}", i), 0);
      ASSERT_TRUE(files.ok()) << files.status();
      chain.insert(chain.end(), files->begin(), files->end());
      frozen.push_back(std::make_shared<const FrozenState>(std::move(state)));
      ExpectState(StateFilesReader(folder.path(), {chain}, 0, 1), history);
      ExpectState(FrozenReader({frozen}, 0, 1), history);
    }
    EXPECT_TRUE(WantsFull(*frozen.back(), chain));
  }
}

// What newer snapshots hold whole is not read any more, nor kept.
TEST(SnapshotFiles, SupersededSnapshotsLeaveTheChain) {
  const Folder folder;
  StateChain chain;
  FrozenReader::Chain frozen;
  for (int epoch = 1; epoch <= 4; ++epoch) {
    FrozenState state(epoch == 1 ? SaveMode::kFull : SaveMode::kDelta);
    const std::string name(1, static_cast<char>('a' + epoch % 2));  // b a b a
    ASSERT_TRUE(state.Write(Groups(), GroupRows({{name, 0, epoch, {}}})).ok());
    ASSERT_TRUE(state.CountLast(Groups(), epoch == 4 ? 2 : epoch).ok());
    ASSERT_TRUE(state.Write(Clock(), Watermark(epoch)).ok());
    auto files = WriteSnapshot(state, folder.path(), std::to_string(epoch), 0);
    ASSERT_TRUE(files.ok()) << files.status();
    for (StateFile& file : *files) {
      file.epoch = epoch;
      chain.push_back(file);
    }
    DropSuperseded(state, epoch, &chain);
    EXPECT_FALSE(WantsFull(state, chain));
    frozen.push_back(std::make_shared<const FrozenState>(std::move(state)));
  }
  ASSERT_EQ(chain.size(), 3u);  // two of the groups, one of the clock
  const std::vector<Group> expected = {{"a", 0, 4, {}}, {"b", 0, 3, {}}};
  EXPECT_EQ(ToGroups(*StateFilesReader(folder.path(), {chain}, 0, 1).Read(Groups())), expected);
  frozen.erase(frozen.begin(), frozen.begin() + 2);
  EXPECT_EQ(ToGroups(*FrozenReader({frozen}, 0, 1).Read(Groups())), expected);
}

// Ids that are a part of the key erase whole groups of rows.
TEST(SnapshotFiles, ErasesByPartOfTheId) {
  const Folder folder;
  FrozenState full(SaveMode::kFull), delta(SaveMode::kDelta);
  const auto rows = GroupRows({{"a", 1, 1, {}}, {"a", 2, 2, {}}, {"b", 1, 3, {}}});
  ASSERT_TRUE(full.Write(Groups(), rows).ok());
  ASSERT_TRUE(delta.Erase(Groups(), *GroupRows({{"a", 0, 0, {}}})->SelectColumns({0})).ok());
  ASSERT_TRUE(delta.Write(Groups(), GroupRows({{"a", 5, 5, {}}})).ok());
  StateChain chain = *WriteSnapshot(full, folder.path(), "1", 0);
  const StateChain second = *WriteSnapshot(delta, folder.path(), "2", 0);
  chain.insert(chain.end(), second.begin(), second.end());
  const StateFilesReader reader(folder.path(), {chain}, 0, 1);
  EXPECT_EQ(ToGroups(*reader.Read(Groups())),
            (std::vector<Group>{{"a", 5, 5, {}}, {"b", 1, 3, {}}}));
}

}  // namespace
}  // namespace millrace
