#include "connectors/files/file_sink.h"

#include <arrow/array.h>
#include <arrow/builder.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "connectors/files/lane_files.h"

namespace millrace {
namespace {

namespace fs = std::filesystem;

class FileSinkTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ =
        fs::temp_directory_path() / fmt::format("millrace_sink_{}_{}", info->name(), getpid());
    fs::remove_all(folder_);
    table_.name = "out";
    table_.schema = {{{"day", SqlType::String()}, {"n", SqlType::BigInt()}}};
    table_.options = {{"connector", "filesystem"}, {"path", folder_.string()}, {"format", "json"}};
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::unique_ptr<FileSink> Open() {
    auto sink = FileSink::Make(table_);
    EXPECT_TRUE(sink.ok()) << sink.status().ToString();
    EXPECT_TRUE((*sink)->Open().ok());
    return std::move(*sink);
  }

  // Rows of the day, numbered from 0; "" is NULL.
  Batch Rows(const std::vector<std::string>& days) {
    arrow::StringBuilder day;
    arrow::Int64Builder number;
    for (size_t i = 0; i < days.size(); ++i) {
      EXPECT_TRUE((days[i].empty() ? day.AppendNull() : day.Append(days[i])).ok());
      EXPECT_TRUE(number.Append(static_cast<int64_t>(i)).ok());
    }
    Batch batch;
    batch.rows =
        arrow::RecordBatch::Make(table_.schema.ToArrow(), static_cast<int64_t>(days.size()),
                                 {day.Finish().ValueOrDie(), number.Finish().ValueOrDie()});
    return batch;
  }

  // Contents of the visible files, and their number.
  std::string Visible(const std::string& below = "") {
    std::string text;
    if (!fs::exists(folder_ / below)) return text;
    for (const auto& entry : fs::recursive_directory_iterator(folder_ / below)) {
      if (!entry.is_regular_file() || entry.path().filename().string()[0] == '.') continue;
      std::stringstream content;
      content << std::ifstream(entry.path()).rdbuf();
      text += content.str();
      ++files_;
    }
    return text;
  }
  int Hidden() {
    int count = 0;
    for (const auto& entry : fs::recursive_directory_iterator(folder_)) {
      count += entry.path().filename().string()[0] == '.';
    }
    return count;
  }

  fs::path folder_;
  TableInfo table_;
  int files_ = 0;
};

TEST_F(FileSinkTest, RowsAppearWhenPublished) {
  auto sink = Open();
  ASSERT_TRUE(sink->Write(Rows({"a", "b"})).ok());
  EXPECT_EQ(Visible(), "");
  const Committable staged = sink->Stage(1).ValueOrDie();
  EXPECT_EQ(Visible(), "");
  ASSERT_TRUE(sink->Publish(staged).ok());
  const std::string text = "{\"day\":\"a\",\"n\":0}\n{\"day\":\"b\",\"n\":1}\n";
  EXPECT_EQ(Visible(), text);
  EXPECT_TRUE(sink->Publish(staged).ok());
  EXPECT_TRUE(Open()->Publish(staged).ok());
  EXPECT_EQ(Visible(), text);
  const Committable nothing = sink->Stage(2).ValueOrDie();
  EXPECT_TRUE(sink->Publish(nothing).ok());
  EXPECT_EQ(Visible(), text);
  EXPECT_EQ(Open()->Stage(1).ValueOrDie().payload, "");
}

TEST_F(FileSinkTest, SourcesSeeWholeFilesOnly) {
  table_.options["sink.rolling-policy.file-size"] = "1 b";
  const auto listed = [this] {
    const auto found = ListFiles(folder_.string()).ValueOrDie();
    const auto matching = ListFiles((folder_ / "*").string());
    EXPECT_EQ(matching.ok() ? matching->size() : 0, found.size());
    return found.size();
  };
  auto sink = Open();
  ASSERT_TRUE(sink->Write(Rows({"a"})).ok());
  ASSERT_TRUE(sink->Write(Rows({"b"})).ok());
  EXPECT_EQ(listed(), 0U);
  const Committable staged = sink->Stage(1).ValueOrDie();
  ASSERT_TRUE(sink->Write(Rows({"c"})).ok());
  EXPECT_EQ(listed(), 0U);
  ASSERT_TRUE(sink->Publish(staged).ok());
  EXPECT_EQ(listed(), 2U);
}

TEST_F(FileSinkTest, AnotherProcessPublishes) {
  auto sink = Open();
  ASSERT_TRUE(sink->Write(Rows({"a"})).ok());
  const Committable staged = sink->Stage(1).ValueOrDie();
  sink.reset();
  EXPECT_TRUE(Open()->Publish(staged).ok());
  EXPECT_EQ(Visible(), "{\"day\":\"a\",\"n\":0}\n");
  const Committable lost{2, "w\n.x\nx\n"};
  EXPECT_TRUE(Open()->Publish(lost).IsIOError());
  EXPECT_FALSE(Open()->Publish({2, "w\n../.x\n../x\n"}).ok());
  EXPECT_FALSE(Open()->Publish({2, "nonsense"}).ok());
}

TEST_F(FileSinkTest, AbortDropsWhatIsUnpublished) {
  auto sink = Open();
  ASSERT_TRUE(sink->Write(Rows({"a"})).ok());
  ASSERT_TRUE(sink->Publish(sink->Stage(1).ValueOrDie()).ok());
  ASSERT_TRUE(sink->Write(Rows({"b"})).ok());
  ASSERT_TRUE(sink->Stage(2).ok());
  ASSERT_TRUE(sink->Write(Rows({"c"})).ok());
  std::ofstream(folder_ / ".another-program") << "x";
  ASSERT_TRUE(sink->Abort().ok());
  EXPECT_EQ(Visible(), "{\"day\":\"a\",\"n\":0}\n");
  sink.reset();
  EXPECT_EQ(Hidden(), 1);
}

// What a killed process leaves behind: its file in progress, what it staged, its lock file.
TEST_F(FileSinkTest, LeftoversOfTheDeadAreRemoved) {
  table_.partitioned_by = {"day"};
  auto dead = Open();
  ASSERT_TRUE(dead->Write(Rows({"a"})).ok());
  const Committable named = dead->Stage(1).ValueOrDie();
  ASSERT_TRUE(dead->Write(Rows({"a"})).ok());
  ASSERT_TRUE(dead->Stage(2).ok());
  dead.reset();
  const std::string writer = named.payload.substr(0, named.payload.find('\n'));
  std::ofstream(folder_ / ("day=a/.part-" + writer + "-9.inprogress")) << "x";
  std::ofstream(folder_ / (".part-" + writer + ".lock")) << "";
  auto alive = Open();
  ASSERT_TRUE(alive->Write(Rows({"b"})).ok());
  EXPECT_EQ(Hidden(), 4);  // two staged; lock and file in progress of the living one
  auto restored = Open();
  ASSERT_TRUE(restored->Recover({named}).ok());
  EXPECT_EQ(Visible(), "{\"n\":0}\n");
  EXPECT_EQ(Hidden(), 3);  // two locks and a file in progress
  ASSERT_TRUE(restored->Recover({named}).ok());
  ASSERT_TRUE(alive->Publish(alive->Stage(1).ValueOrDie()).ok());
  EXPECT_EQ(Visible("day=b"), "{\"n\":0}\n");
}

// A run that was killed before its first checkpoint, and one that was restored and killed again: no
// manifest names their writers.
TEST_F(FileSinkTest, WhatTheOwnersDeadWritersStagedIsRemoved) {
  table_.owner = "job/sink out";
  auto first = Open(), second = Open();
  ASSERT_TRUE(first->Write(Rows({"a"})).ok());
  ASSERT_TRUE(second->Write(Rows({"b"})).ok());
  const Committable named = second->Stage(1).ValueOrDie();
  ASSERT_TRUE(first->Stage(1).ok());
  table_.owner = "another/sink out";
  auto other = Open();
  ASSERT_TRUE(other->Write(Rows({"c"})).ok());
  const Committable others = other->Stage(1).ValueOrDie();
  first.reset();
  second.reset();
  other.reset();
  EXPECT_EQ(Hidden(), 3);
  table_.owner = "job/sink out";
  auto restored = Open();
  ASSERT_TRUE(restored->Recover({named}).ok());
  EXPECT_EQ(Visible(), "{\"day\":\"b\",\"n\":0}\n");
  EXPECT_EQ(Hidden(), 2) << "the lock, and what the other job staged";
  ASSERT_TRUE(restored->Publish(others).ok());
}

TEST_F(FileSinkTest, RollsWhenOld) {
  table_.options["sink.rolling-policy.rollover-interval"] = "10 s";
  table_.options["sink.rolling-policy.check-interval"] = "1 s";
  auto sink = Open();
  for (const Timestamp arrival : {1000, 5000, 10900, 11000, 12000}) {
    Batch batch = Rows({"a"});
    batch.arrival = arrival;
    ASSERT_TRUE(sink->Write(batch).ok());
  }
  ASSERT_TRUE(sink->Publish(sink->Stage(1).ValueOrDie()).ok());
  Visible();
  EXPECT_EQ(files_, 2);
}

TEST_F(FileSinkTest, PartitionsByTwoColumnsInOrderOfRows) {
  table_.partitioned_by = {"day", "n"};
  table_.schema.columns.push_back({"v", SqlType::BigInt()});
  table_.options["partition.default-name"] = "none";
  arrow::StringBuilder day;
  arrow::Int64Builder number, value;
  for (int i = 0; i < 8; ++i) {
    ASSERT_TRUE((i % 2 == 0 ? day.Append("a") : day.AppendNull()).ok());
    ASSERT_TRUE(number.Append(i / 4).ok());
    ASSERT_TRUE(value.Append(i).ok());
  }
  Batch batch;
  batch.rows = arrow::RecordBatch::Make(
      table_.schema.ToArrow(), 8,
      {day.Finish().ValueOrDie(), number.Finish().ValueOrDie(), value.Finish().ValueOrDie()});
  auto sink = Open();
  ASSERT_TRUE(sink->Write(batch).ok());
  ASSERT_TRUE(sink->Publish(sink->Stage(1).ValueOrDie()).ok());
  EXPECT_EQ(Visible("day=a/n=0"), "{\"v\":0}\n{\"v\":2}\n");
  EXPECT_EQ(Visible("day=none/n=1"), "{\"v\":5}\n{\"v\":7}\n");
}

TEST_F(FileSinkTest, PartitionsByColumns) {
  table_.partitioned_by = {"day"};
  auto sink = Open();
  ASSERT_TRUE(sink->Write(Rows({"a", "", "x/y", "a"})).ok());
  ASSERT_TRUE(sink->Publish(sink->Stage(1).ValueOrDie()).ok());
  EXPECT_EQ(Visible("day=a"), "{\"n\":0}\n{\"n\":3}\n");
  EXPECT_EQ(Visible("day=__DEFAULT_PARTITION__"), "{\"n\":1}\n");
  EXPECT_EQ(Visible("day=x%2Fy"), "{\"n\":2}\n");
}

TEST_F(FileSinkTest, ManyPartitionsCloseFilesInBetween) {
  table_.partitioned_by = {"day"};
  auto sink = Open();
  std::vector<std::string> days;
  for (int i = 0; i < 150; ++i) days.push_back(std::to_string(i));
  ASSERT_TRUE(sink->Write(Rows(days)).ok());
  ASSERT_TRUE(sink->Publish(sink->Stage(1).ValueOrDie()).ok());
  Visible();
  EXPECT_EQ(files_, 150);
}

TEST_F(FileSinkTest, RollsAtItsSizeWithHeaders) {
  table_.options["format"] = "csv";
  table_.options["csv.header"] = "true";
  table_.options["sink.rolling-policy.file-size"] = "1 b";
  auto sink = Open();
  ASSERT_TRUE(sink->Write(Rows({"a"})).ok());
  ASSERT_TRUE(sink->Write(Rows({"a"})).ok());
  ASSERT_TRUE(sink->Publish(sink->Stage(1).ValueOrDie()).ok());
  EXPECT_EQ(Visible(), "day,n\na,0\nday,n\na,0\n");
  EXPECT_EQ(files_, 2);
}

TEST_F(FileSinkTest, UnwritableFolderIsNamed) {
  std::ofstream(folder_.string()) << "a file";
  auto sink = FileSink::Make(table_).ValueOrDie();
  const Status status = sink->Open();
  EXPECT_TRUE(status.IsIOError());
  EXPECT_NE(status.message().find(folder_.string()), std::string::npos);
}

}  // namespace
}  // namespace millrace
