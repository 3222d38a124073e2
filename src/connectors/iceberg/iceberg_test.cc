// Tables in a folder: what the sink commits, the source reads; epochs, conflicts, upserts,
// evolution.
#include <arrow/json/from_string.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "base/files.h"
#include "connectors/iceberg/sink.h"
#include "connectors/iceberg/source.h"

namespace millrace {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

class IcebergTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ =
        fs::temp_directory_path() / fmt::format("millrace_iceberg_{}_{}", info->name(), getpid());
    fs::remove_all(folder_);
    table_.name = "t";
    table_.owner = "job/sink t";
    table_.schema = {{{"id", SqlType::BigInt()}, {"day", SqlType::String()}}};
    table_.options = {{"connector", "iceberg"}, {"warehouse", folder_.string()}};
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::unique_ptr<IcebergSink> OpenSink() {
    auto sink = IcebergSink::Make(table_);
    EXPECT_TRUE(sink.ok()) << sink.status();
    const Status opened = (*sink)->Open();
    EXPECT_TRUE(opened.ok()) << opened;
    return std::move(*sink);
  }

  // Rows as JSON, one array each.
  Batch Rows(const std::string& json, std::vector<RowKind> kinds = {}) {
    const auto schema = table_.schema.ToArrow();
    const auto rows =
        arrow::json::ArrayFromJSONString(arrow::struct_(schema->fields()), json).ValueOrDie();
    Batch batch;
    batch.rows = arrow::RecordBatch::Make(
        schema, rows->length(), static_cast<const arrow::StructArray&>(*rows).fields());
    if (!kinds.empty()) batch.kinds = std::make_shared<std::vector<RowKind>>(std::move(kinds));
    return batch;
  }

  void Append(const std::string& json, int64_t epoch = 1) {
    auto sink = OpenSink();
    const Status written = sink->Write(Rows(json));
    ASSERT_TRUE(written.ok()) << written;
    const Status published = sink->Publish(sink->Stage(epoch).ValueOrDie());
    ASSERT_TRUE(published.ok()) << published;
  }

  std::unique_ptr<IcebergSource> OpenSource() {
    const auto options = IcebergOptions::Read(table_);
    EXPECT_TRUE(options.ok()) << options.status();
    auto source = std::make_unique<IcebergSource>(table_, *options, table_.schema, 0, 1);
    const Status opened = source->Open();
    EXPECT_TRUE(opened.ok()) << opened;
    return source;
  }

  static std::vector<std::string> TextsOf(const arrow::RecordBatch& rows) {
    std::vector<std::string> texts;
    for (int64_t row = 0; row < rows.num_rows(); ++row) {
      std::string text;
      for (const auto& column : rows.columns()) {
        text += (text.empty() ? "" : " ") + column->GetScalar(row).ValueOrDie()->ToString();
      }
      texts.push_back(text);
    }
    return texts;
  }

  // All rows as text, sorted.
  std::vector<std::string> Read(IcebergSource* source,
                                std::vector<std::string>* positions = nullptr) {
    std::vector<std::string> all;
    while (true) {
      auto polled = source->Poll(milliseconds(0));
      EXPECT_TRUE(polled.ok()) << polled.status();
      if (!polled.ok() || polled->state != Polled::State::kData) break;
      for (std::string& text : TextsOf(*polled->rows)) all.push_back(std::move(text));
      if (positions) positions->push_back(polled->position);
    }
    std::sort(all.begin(), all.end());
    return all;
  }
  std::vector<std::string> ReadAll() { return Read(OpenSource().get()); }

  IcebergMetadata Metadata() {
    const auto options = IcebergOptions::Read(table_).ValueOrDie();
    auto catalog = OpenIcebergCatalog(options).ValueOrDie();
    return LoadIcebergTable(catalog.get(), "t").ValueOrDie().metadata;
  }

  using Texts = std::vector<std::string>;
  fs::path folder_;
  TableInfo table_;
};

TEST_F(IcebergTest, AppendsAreReadAndNameTheirEpoch) {
  Append(R"([[1, "a"], [2, null]])");
  Append(R"([[3, "b"]])", 2);
  EXPECT_EQ(ReadAll(), (Texts{"1 a", "2 null", "3 b"}));
  const IcebergMetadata table = Metadata();
  ASSERT_EQ(table.snapshots.size(), 2U);
  EXPECT_EQ(table.current()->summary.at("millrace.epoch"), "2");
  EXPECT_EQ(table.current()->summary.at("millrace.job-id"), "job/sink t");
  EXPECT_EQ(table.current()->summary.at("total-records"), "3");
  EXPECT_EQ(table.current()->summary.at("total-data-files"), "2");
}

TEST_F(IcebergTest, AnEpochIsCommittedOnceHoweverOftenItIsPublished) {
  auto sink = OpenSink();
  ASSERT_TRUE(sink->Write(Rows(R"([[1, "a"]])")).ok());
  const Committable staged = sink->Stage(4).ValueOrDie();
  EXPECT_EQ(ReadAll(), Texts{});
  ASSERT_TRUE(sink->Publish(staged).ok());
  ASSERT_TRUE(sink->Publish(staged).ok());
  auto other = OpenSink();
  ASSERT_TRUE(other->Recover({staged}).ok());
  EXPECT_EQ(ReadAll(), Texts{"1 a"});
  EXPECT_EQ(Metadata().snapshots.size(), 1U);
  // Another run that was gone back to an older point counts its epochs anew: they are other rows.
  ASSERT_TRUE(other->Write(Rows(R"([[2, "b"]])")).ok());
  ASSERT_TRUE(other->Publish(other->Stage(4).ValueOrDie()).ok());
  EXPECT_EQ(ReadAll(), (Texts{"1 a", "2 b"}));
}

TEST_F(IcebergTest, EpochsWithoutRowsLeaveNoSnapshot) {
  auto sink = OpenSink();
  const Committable staged = sink->Stage(1).ValueOrDie();
  EXPECT_EQ(staged.payload, "");
  ASSERT_TRUE(sink->Publish(staged).ok());
  EXPECT_TRUE(Metadata().snapshots.empty());
}

TEST_F(IcebergTest, WritersThatCommitInTurnsKeepEachOthersRows) {
  auto one = OpenSink(), two = OpenSink();
  for (int64_t epoch = 1; epoch <= 3; ++epoch) {
    ASSERT_TRUE(one->Write(Rows(fmt::format("[[{}, \"one\"]]", epoch))).ok());
    ASSERT_TRUE(two->Write(Rows(fmt::format("[[{}, \"two\"]]", epoch))).ok());
    const Committable first = one->Stage(epoch).ValueOrDie();
    const Committable second = two->Stage(epoch).ValueOrDie();
    ASSERT_TRUE(two->Publish(second).ok());
    ASSERT_TRUE(one->Publish(first).ok());
  }
  EXPECT_EQ(ReadAll(), (Texts{"1 one", "1 two", "2 one", "2 two", "3 one", "3 two"}));
}

// Between the metadata that one writer has loaded and the file that would replace it, the other one
// commits: the link fails, and the epoch is committed on top of what came between.
TEST_F(IcebergTest, AForcedConflictOfTwoWritersInAFolder) {
  Append(R"([[0, "first"]])");
  auto one = OpenSink(), two = OpenSink();
  ASSERT_TRUE(one->Write(Rows(R"([[1, "one"]])")).ok());
  ASSERT_TRUE(two->Write(Rows(R"([[2, "two"]])")).ok());
  const Committable first = one->Stage(2).ValueOrDie();
  const Committable second = two->Stage(2).ValueOrDie();
  bool between = false;
  InjectFileFaults([&](const std::string_view what, const std::string& path) {
    const bool is_metadata = path.find(".metadata.json.") != std::string::npos;
    if (what == "sync" && is_metadata && !std::exchange(between, true)) {
      EXPECT_TRUE(two->Publish(second).ok());
    }
    return FileFault{};
  });
  const Status published = one->Publish(first);
  InjectFileFaults(nullptr);
  ASSERT_TRUE(published.ok()) << published;
  ASSERT_TRUE(between);
  ASSERT_TRUE(two->Publish(second).ok());
  EXPECT_EQ(ReadAll(), (Texts{"0 first", "1 one", "2 two"}));
  const IcebergMetadata table = Metadata();
  ASSERT_EQ(table.snapshots.size(), 3U);
  EXPECT_EQ(table.snapshots[2].parent, table.snapshots[1].id) << "on top of the other's";
  EXPECT_EQ(table.current()->summary.at("total-records"), "3");
  for (const auto& entry : fs::directory_iterator(folder_ / "default/t/metadata")) {
    EXPECT_FALSE(entry.path().string().ends_with(".tmp")) << entry.path();
  }
}

TEST_F(IcebergTest, ManySmallManifestsAreMerged) {
  table_.options["commit.manifest.min-count-to-merge"] = "3";
  Texts expected;
  for (int64_t epoch = 1; epoch <= 9; ++epoch) {
    Append(fmt::format("[[{}, \"x\"]]", epoch), epoch);
    expected.push_back(fmt::format("{} x", epoch));
  }
  EXPECT_EQ(ReadAll(), expected);
  const IcebergMetadata table = Metadata();
  IcebergFiles files({});
  const auto manifests = ReadManifestList(&files, table.current()->manifest_list).ValueOrDie();
  EXPECT_LE(manifests.size(), 3U);
}

TEST_F(IcebergTest, OldMetadataGoesSoThatCommitsOfEachSecondDoNotFillTheDisk) {
  Append(R"([[1, "x"]])", 1);
  auto catalog = OpenIcebergCatalog(IcebergOptions::Read(table_).ValueOrDie()).ValueOrDie();
  const JsonTree few = JsonTree::Parse(R"({"action":"set-properties",
      "updates":{"write.metadata.previous-versions-max":"3"}})").ValueOrDie();
  const IcebergTable table = LoadIcebergTable(catalog.get(), "t").ValueOrDie();
  ASSERT_EQ(catalog->Commit(table, {}, {few}).ValueOrDie(), IcebergCommit::kDone);
  for (int64_t epoch = 2; epoch <= 8; ++epoch) Append(fmt::format("[[{}, \"x\"]]", epoch), epoch);
  int left = 0;
  for (const auto& entry : fs::directory_iterator(folder_ / "default/t/metadata")) {
    left += entry.path().string().ends_with(".metadata.json") ? 1 : 0;
  }
  EXPECT_EQ(left, 4);  // the table and three before it
  EXPECT_EQ(ReadAll().size(), 8U);
}

TEST_F(IcebergTest, PartitionsAreFoldersAndAreLeftOutWhenNotWanted) {
  table_.options["partitioning"] = "day, bucket(4, id)";
  Append(R"([[1, "mon"], [2, "tue"], [3, "mon"], [4, null], [5, "a/b"]])");
  EXPECT_EQ(ReadAll(), (Texts{"1 mon", "2 tue", "3 mon", "4 null", "5 a/b"}));
  EXPECT_TRUE(fs::exists(folder_ / "default/t/data/day=mon"));
  EXPECT_TRUE(fs::exists(folder_ / "default/t/data/day=a%2Fb"));
  table_.conditions = {{"day", ColumnCondition::Kind::kEqual, {std::string("tue")}, "day = 'tue'"}};
  auto source = OpenSource();
  EXPECT_GE(source->scan().files_pruned, 3);
  EXPECT_EQ(Read(source.get()), Texts{"2 tue"});
}

TEST_F(IcebergTest, AnotherPartitioningThanTheTablesIsAnError) {
  Append(R"([[1, "a"]])");
  table_.options["partitioning"] = "bucket(4, id)";
  auto sink = IcebergSink::Make(table_).ValueOrDie();
  const Status opened = sink->Open();
  EXPECT_NE(opened.message().find("is partitioned by nothing, not by bucket[4](id)"),
            std::string::npos)
      << opened;
}

TEST_F(IcebergTest, APositionGoesOnInTheSnapshotThatWasRead) {
  Append(R"([[1, "a"]])", 1);
  Append(R"([[2, "b"]])", 2);
  std::vector<std::string> positions;
  EXPECT_EQ(Read(OpenSource().get(), &positions).size(), 2U);
  ASSERT_EQ(positions.size(), 2U);
  Append(R"([[3, "c"]])", 3);
  auto source = OpenSource();
  ASSERT_TRUE(source->Seek(positions[0]).ok());
  EXPECT_EQ(Read(source.get()), Texts{"2 b"});
}

TEST_F(IcebergTest, StreamingFollowsNewSnapshotsAlsoAfterARestart) {
  Append(R"([[1, "a"]])", 1);
  table_.options["streaming"] = "true";
  table_.options["monitor-interval"] = "1 ms";
  auto source = OpenSource();
  std::vector<std::string> positions;
  EXPECT_EQ(Read(source.get(), &positions), Texts{"1 a"});
  table_.options.erase("streaming");
  Append(R"([[2, "b"]])", 2);
  Append(R"([[3, "c"]])", 3);
  table_.options["streaming"] = "true";
  const auto follow = [&](IcebergSource* from) {
    Texts all;
    for (int i = 0; i < 2000 && all.size() < 2; ++i) {
      auto polled = from->Poll(milliseconds(2)).ValueOrDie();
      if (polled.state != Polled::State::kData) continue;
      for (std::string& text : TextsOf(*polled.rows)) all.push_back(std::move(text));
    }
    return all;
  };
  EXPECT_EQ(follow(source.get()), (Texts{"2 b", "3 c"}));
  auto restarted = OpenSource();
  ASSERT_TRUE(restarted->Seek(positions.back()).ok());
  EXPECT_EQ(follow(restarted.get()), (Texts{"2 b", "3 c"}));
}

TEST_F(IcebergTest, AStreamWaitsForItsTableAScanDoesNot) {
  IcebergSource scan(table_, IcebergOptions::Read(table_).ValueOrDie(), table_.schema, 0, 1);
  const Status opened = scan.Open();
  EXPECT_NE(opened.message().find("'default.t' is not in the"), std::string::npos) << opened;
  table_.options["streaming"] = "true";
  table_.options["monitor-interval"] = "1 ms";
  table_.options["starting-strategy"] = "INCREMENTAL_FROM_LATEST_SNAPSHOT";
  auto source = OpenSource();
  EXPECT_EQ(source->Poll(milliseconds(2)).ValueOrDie().state, Polled::State::kNothing);
  Append(R"([[1, "a"]])");
  Texts all;
  for (int i = 0; i < 2000 && all.empty(); ++i) {
    auto polled = source->Poll(milliseconds(2)).ValueOrDie();
    if (polled.state == Polled::State::kData) all = TextsOf(*polled.rows);
  }
  EXPECT_EQ(all, Texts{"1 a"});
}

TEST_F(IcebergTest, TimeTravelBySnapshotTimeAndMissingOnes) {
  Append(R"([[1, "a"]])", 1);
  const IcebergMetadata before = Metadata();
  std::this_thread::sleep_for(milliseconds(5));
  Append(R"([[2, "b"]])", 2);
  table_.options["snapshot-id"] = fmt::format("{}", before.current_snapshot_id);
  EXPECT_EQ(ReadAll(), Texts{"1 a"});
  table_.options.erase("snapshot-id");
  table_.options["as-of-timestamp"] = fmt::format("{}", before.snapshot_log[0].first);
  EXPECT_EQ(ReadAll(), Texts{"1 a"});
  table_.options["as-of-timestamp"] = "5";
  IcebergSource source(table_, IcebergOptions::Read(table_).ValueOrDie(), table_.schema, 0, 1);
  const Status opened = source.Open();
  EXPECT_NE(opened.message().find("no snapshot is as old as 5"), std::string::npos) << opened;
}

TEST_F(IcebergTest, UpsertsReplaceRowsOfTheSameAndOfEarlierEpochs) {
  using enum RowKind;
  table_.primary_key = {"id"};
  table_.schema.columns[0].type.nullable = false;
  auto sink = OpenSink();
  EXPECT_TRUE(sink->takes_changelog());
  ASSERT_TRUE(sink->Write(Rows(R"([[1, "a"], [2, "b"], [1, "c"], [3, "d"]])")).ok());
  ASSERT_TRUE(sink->Write(Rows(R"([[2, "e"], [3, "d"]])", {kUpdateAfter, kDelete})).ok());
  ASSERT_TRUE(sink->Publish(sink->Stage(1).ValueOrDie()).ok());
  EXPECT_EQ(ReadAll(), (Texts{"1 c", "2 e"}));
  ASSERT_TRUE(sink->Write(Rows(R"([[1, "c"], [1, "f"], [2, "e"], [4, "g"]])",
                               {kUpdateBefore, kUpdateAfter, kDelete, kInsert}))
                  .ok());
  ASSERT_TRUE(sink->Publish(sink->Stage(2).ValueOrDie()).ok());
  EXPECT_EQ(ReadAll(), (Texts{"1 f", "4 g"}));
  EXPECT_EQ(Metadata().current()->summary.at("total-equality-deletes"), "6");
  EXPECT_EQ(Metadata().schema().identifier_ids, std::vector<int>{1});
}

TEST_F(IcebergTest, MoreKeysThanAreRememberedBecomeSnapshotsOfOneCommit) {
  table_.primary_key = {"id"};
  table_.schema.columns[0].type.nullable = false;
  OpenSink();  // makes the table
  auto catalog = OpenIcebergCatalog(IcebergOptions::Read(table_).ValueOrDie()).ValueOrDie();
  IcebergRowTarget target;
  target.files = &catalog->files();
  target.table = Metadata();
  target.fields = target.table.schema().fields;
  target.key = {0};
  target.writer = "w";
  target.file_bytes = 1 << 20;
  target.max_keys = 2;
  auto writer = MakeIcebergUpserter(target).ValueOrDie();
  for (const char* rows : {R"([[1, "a"], [2, "a"]])", R"([[3, "a"], [1, "b"]])",
                           R"([[2, "c"], [1, "c"]])"}) {
    const Status written = writer->Write(Rows(rows).rows, nullptr);
    ASSERT_TRUE(written.ok()) << written;
  }
  IcebergCommittable staged{target.table.uuid, "j", "w", 1, writer->Finish().ValueOrDie()};
  EXPECT_EQ(staged.layers.size(), 3U);
  for (int i = 0; i < 2; ++i) {
    const auto again = IcebergCommittable::FromPayload(staged.ToPayload()).ValueOrDie();
    const Status committed = CommitIceberg(catalog.get(), again, {});
    ASSERT_TRUE(committed.ok()) << committed;
  }
  EXPECT_EQ(ReadAll(), (Texts{"1 c", "2 c", "3 a"}));
  EXPECT_EQ(Metadata().snapshots.size(), 3U);
  EXPECT_EQ(Metadata().snapshot_log.size(), 1U);
}

TEST_F(IcebergTest, UpsertedTablesArePartitionedByTheirKeyOnly) {
  table_.primary_key = {"id"};
  table_.options["partitioning"] = "day";
  auto sink = IcebergSink::Make(table_).ValueOrDie();
  const Status opened = sink->Open();
  EXPECT_NE(opened.message().find("partitioned by columns of the key only"), std::string::npos)
      << opened;
}

TEST_F(IcebergTest, NewNullableColumnsAreAddedWhereTheOptionAllows) {
  Append(R"([[1, "a"]])", 1);
  table_.schema.columns.push_back({"price", SqlType::Double()});
  auto sink = IcebergSink::Make(table_).ValueOrDie();
  const Status refused = sink->Open();
  EXPECT_NE(refused.message().find("table has no column 'price'"), std::string::npos) << refused;
  EXPECT_NE(refused.message().find("schema.add-columns"), std::string::npos) << refused;
  table_.options["schema.add-columns"] = "true";
  Append(R"([[2, "b", 2.5]])", 2);
  EXPECT_EQ(ReadAll(), (Texts{"1 a null", "2 b 2.5"}));
  EXPECT_EQ(Metadata().schemas.size(), 2U);
}

TEST_F(IcebergTest, WhatDiffersFromTheTableIsNamed) {
  Append(R"([[1, "a"]])", 1);
  table_.schema.columns[1].type = SqlType::Int();
  auto sink = IcebergSink::Make(table_).ValueOrDie();
  const Status opened = sink->Open();
  EXPECT_NE(opened.message().find("column 'day' is string in the table and INT here"),
            std::string::npos)
      << opened;
}

TEST_F(IcebergTest, AbortedEpochsLeaveNoFiles) {
  auto sink = OpenSink();
  ASSERT_TRUE(sink->Write(Rows(R"([[1, "a"]])")).ok());
  ASSERT_TRUE(sink->Abort().ok());
  sink = nullptr;
  EXPECT_TRUE(!fs::exists(folder_ / "default/t/data") || fs::is_empty(folder_ / "default/t/data"));
}

TEST_F(IcebergTest, DamagedMetadataAndManifestsAreErrors) {
  Append(R"([[1, "a"]])", 1);
  const std::string list = Metadata().current()->manifest_list;
  for (uintmax_t cut = fs::file_size(list) - 1; cut > 0; cut -= std::min<uintmax_t>(cut, 7)) {
    fs::resize_file(list, cut);
    IcebergSource source(table_, IcebergOptions::Read(table_).ValueOrDie(), table_.schema, 0, 1);
    const Status opened = source.Open();
    if (opened.ok()) continue;  // cut between blocks: no manifests are left
    EXPECT_NE(opened.message().find("snap-"), std::string::npos) << opened;
  }
}

}  // namespace
}  // namespace millrace
