// Success files: when they come, and that they come with the rows.
#include "connectors/files/partition_commit.h"

#include "connectors/files/gather_testing.h"

namespace millrace {
namespace {

namespace fs = std::filesystem;

using PartitionCommitTest = GatherTest;

TEST_F(PartitionCommitTest, WithoutADelayEachFileIsToldOf) {
  table_.options.erase("auto-compaction");
  table_.options["sink.partition-commit.policy.kind"] = "success-file";
  const fs::path zero = folder_ / "day=0/_SUCCESS", one = folder_ / "day=1/_SUCCESS";
  auto sink = Open();
  const Committable staged = Epoch(sink.get(), 0, 9);
  EXPECT_FALSE(fs::exists(zero)) << "its rows cannot be seen yet";
  sink.reset();
  sink = Open();
  ASSERT_TRUE(sink->Recover({staged}).ok());
  EXPECT_EQ(Numbers(), Range(0, 9));
  EXPECT_TRUE(fs::exists(zero));
  fs::remove(zero);
  fs::remove(one);
  ASSERT_TRUE(sink->Publish(sink->Stage(++epoch_).ValueOrDie()).ok());
  EXPECT_FALSE(fs::exists(zero)) << "nothing new";
  Shown(sink.get(), 9, 10);
  EXPECT_TRUE(fs::exists(zero));
  EXPECT_FALSE(fs::exists(one));
}

TEST_F(PartitionCommitTest, SuccessFilesOfPartitions) {
  table_.options["sink.partition-commit.policy.kind"] = "success-file";
  table_.options["sink.partition-commit.delay"] = "1 h";
  auto sink = Open();
  Shown(sink.get(), 0, 9);
  const Committable last = Shown(sink.get(), 9, 10, true);  // a savepoint: no success yet
  EXPECT_FALSE(fs::exists(folder_ / "day=0/_SUCCESS"));
  sink.reset();
  sink = Open();
  ASSERT_TRUE(sink->Recover({}).ok());  // gone on from the savepoint, which names nothing
  sink->OnWatermark(kMaxTimestamp);     // the end
  ASSERT_TRUE(sink->Publish(sink->StageAll(++epoch_).ValueOrDie()).ok());
  for (const char* day : {"0", "1", "2"}) {
    EXPECT_TRUE(fs::exists(folder_ / ("day=" + std::string(day)) / "_SUCCESS")) << day;
  }
}

TEST_F(PartitionCommitTest, PartitionsAreCompleteWhenTheWatermarkHasPassedThem) {
  table_.options["sink.partition-commit.policy.kind"] = "success-file";
  table_.options["sink.partition-commit.success-file.name"] = "_DONE";
  table_.options["sink.partition-commit.trigger"] = "partition-time";
  table_.options["sink.partition-commit.delay"] = "1 d";
  table_.options["partition.time-extractor.timestamp-pattern"] = "2024-01-0$day";
  table_.options["partition.time-extractor.timestamp-formatter"] = "yyyy-MM-dd";
  const fs::path one = folder_ / "day=1/_DONE", two = folder_ / "day=2/_DONE";
  const Timestamp midnight = 1704153600000;  // 2024-01-02T00:00:00Z
  auto sink = Open();
  ASSERT_TRUE(sink->Write(Rows(1, 3)).ok());  // days 1 and 2
  sink->OnWatermark(midnight - 1);
  ASSERT_TRUE(sink->Publish(sink->Stage(++epoch_).ValueOrDie()).ok());
  EXPECT_FALSE(fs::exists(one));
  sink->OnWatermark(midnight);
  Committable staged = sink->Stage(++epoch_).ValueOrDie();
  EXPECT_FALSE(fs::exists(one));
  sink.reset();
  sink = Open();
  ASSERT_TRUE(sink->Recover({staged}).ok());
  EXPECT_TRUE(fs::exists(one));
  EXPECT_FALSE(fs::exists(two));
  EXPECT_EQ(Numbers(), Range(1, 2)) << "the rows came with it";
  fs::remove(one);
  ASSERT_TRUE(sink->Write(Rows(4, 5)).ok());  // a late row: it is told of again
  sink->OnWatermark(midnight + 5);
  ASSERT_TRUE(sink->Publish(sink->Stage(++epoch_).ValueOrDie()).ok());
  EXPECT_TRUE(fs::exists(one));
  EXPECT_EQ(Numbers(), (std::vector<int64_t>{1, 4}));
  EXPECT_FALSE(fs::exists(two)) << "it waits, also behind the restart";
  sink->OnWatermark(kMaxTimestamp);
  ASSERT_TRUE(sink->Publish(sink->StageAll(++epoch_).ValueOrDie()).ok());
  EXPECT_TRUE(fs::exists(two));
  table_.options["partition.time-extractor.timestamp-formatter"] = "yyyyMMdd";
  const Status wrong = Open()->Write(Rows(1, 2));
  EXPECT_NE(wrong.message().find("'2024-01-01' is not of the form yyyyMMdd"), std::string::npos)
      << wrong.ToString();
}

TEST_F(PartitionCommitTest, PartitionCommitOptionsAreChecked) {
  const auto error = [this](const std::string& key, const std::string& value) {
    TableInfo table = table_;
    table.options["sink.partition-commit.policy.kind"] = "success-file";
    table.options[key] = value;
    return FileSink::Make(table).status().message();
  };
  EXPECT_NE(error("sink.partition-commit.policy.kind", "metastore").find("hint: 'success-file'"),
            std::string::npos);
  EXPECT_NE(error("sink.partition-commit.trigger", "x").find("partition-time"), std::string::npos);
  EXPECT_NE(error("sink.partition-commit.success-file.name", "a/b").find("'a/b'"),
            std::string::npos);
  EXPECT_EQ(error("sink.partition-commit.delay", "1 h"), "");
  table_.options["sink.partition-commit.delay"] = "1 h";
  EXPECT_NE(FileSink::Make(table_).status().message().find("wants 'sink.partition-commit.policy"),
            std::string::npos);
  table_.partitioned_by.clear();
  EXPECT_NE(error("x", "y").find("PARTITIONED BY"), std::string::npos);
}

}  // namespace
}  // namespace millrace
