// Manifests and manifest lists there and back.
#include "connectors/iceberg/manifest.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

namespace millrace {
namespace {

class IcebergManifestTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() /
              fmt::format("millrace_manifest_{}", getpid());
    std::filesystem::remove_all(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string Path(const std::string& name) const { return (folder_ / name).string(); }

  std::filesystem::path folder_;
  IcebergFiles files_{{}};
};

TEST_F(IcebergManifestTest, EntriesKeepPartitionsOfAllTypesAndStatistics) {
  const std::vector<std::pair<std::string, IcebergValue>> values = {
      {"boolean", true},
      {"int", int64_t{-7}},
      {"long", int64_t{1} << 60},
      {"float", 0.5F},
      {"double", -0.25},
      {"decimal(20, 3)", arrow::Decimal128(-123456)},
      {"date", int64_t{19000}},
      {"time", int64_t{3600000000}},
      {"timestamp", int64_t{1510871468000000}},
      {"timestamptz", int64_t{-1}},
      {"string", std::string("a \"b\"")},
      {"uuid", std::string("0123456789abcdef")},
      {"fixed[3]", std::string("x\0y", 3)},
      {"binary", std::string()},
      {"string", IcebergValue()},
  };
  IcebergSchema schema;
  IcebergPartitionSpec spec;
  IcebergEntry entry;
  for (size_t i = 0; i < values.size(); ++i) {
    const int id = static_cast<int>(i) + 1;
    schema.fields.push_back(
        {id, fmt::format("c {}", id), false, ParseIcebergType(values[i].first).ValueOrDie(), ""});
    spec.fields.push_back({id, 1000 + id, fmt::format("p-{}", id), {}});
    entry.file.partition.push_back(values[i].second);
  }
  entry.file.path = "/data/x.parquet";
  entry.file.rows = 10;
  entry.file.bytes = 1000;
  entry.file.value_counts = {{1, 10}, {2, 9}};
  entry.file.null_counts = {{1, 0}};
  entry.file.lower_bounds = {{2, std::string("\1\0\0\0", 4)}};
  entry.file.upper_bounds = {{2, std::string("\5\0\0\0", 4)}};
  entry.file.split_offsets = {4, 1000000};
  const auto written = WriteManifest(&files_, Path("m.avro"), schema, spec, false, {entry, entry});
  ASSERT_TRUE(written.ok()) << written.status();
  IcebergManifest manifest = *written;
  EXPECT_EQ(manifest.added_rows, 20);
  EXPECT_EQ(manifest.length, static_cast<int64_t>(std::filesystem::file_size(manifest.path)));
  EXPECT_TRUE(manifest.partitions.back().contains_null);
  manifest.sequence_number = manifest.min_sequence_number = 5;
  manifest.added_snapshot_id = 77;
  const auto entries = ReadManifest(&files_, manifest, spec, schema);
  ASSERT_TRUE(entries.ok()) << entries.status();
  ASSERT_EQ(entries->size(), 2U);
  const IcebergEntry& read = (*entries)[1];
  EXPECT_EQ(read.file.partition, entry.file.partition);
  EXPECT_EQ(read.sequence_number, 5);
  EXPECT_EQ(read.snapshot_id, 77);
  EXPECT_EQ(read.file.path, entry.file.path);
  EXPECT_EQ(read.file.value_counts, entry.file.value_counts);
  EXPECT_EQ(read.file.lower_bounds, entry.file.lower_bounds);
  EXPECT_EQ(read.file.split_offsets, entry.file.split_offsets);
}

TEST_F(IcebergManifestTest, ListsKeepWhatManifestsAreMadeOf) {
  IcebergManifest manifest;
  manifest.path = "/m.avro";
  manifest.length = 12345;
  manifest.spec_id = 3;
  manifest.deletes = true;
  manifest.sequence_number = 9;
  manifest.min_sequence_number = 2;
  manifest.added_snapshot_id = (int64_t{1} << 62) + 1;
  manifest.added_files = 1;
  manifest.deleted_rows = 4;
  manifest.partitions = {{true, false, "a", "b"},
                         {false, std::nullopt, std::nullopt, std::nullopt}};
  ASSERT_TRUE(WriteManifestList(&files_, Path("list.avro"), {}, {manifest, {}}).ok());
  const auto read = ReadManifestList(&files_, Path("list.avro"));
  ASSERT_TRUE(read.ok()) << read.status();
  ASSERT_EQ(read->size(), 2U);
  const IcebergManifest& first = read->front();
  EXPECT_EQ(first.path, manifest.path);
  EXPECT_EQ(first.length, 12345);
  EXPECT_EQ(first.spec_id, 3);
  EXPECT_TRUE(first.deletes);
  EXPECT_EQ(first.min_sequence_number, 2);
  EXPECT_EQ(first.added_snapshot_id, manifest.added_snapshot_id);
  EXPECT_EQ(first.deleted_rows, 4);
  ASSERT_EQ(first.partitions.size(), 2U);
  EXPECT_EQ(first.partitions[0].lower, "a");
  EXPECT_EQ(first.partitions[0].contains_nan, false);
  EXPECT_FALSE(first.partitions[1].upper.has_value());
}

TEST_F(IcebergManifestTest, DamagedFilesAreErrorsThatNameThem) {
  ASSERT_TRUE(WriteManifestList(&files_, Path("list.avro"), {}, {IcebergManifest()}).ok());
  const std::string bytes = files_.Read(Path("list.avro")).ValueOrDie();
  for (size_t i = 0; i < bytes.size(); i += 3) {
    std::string broken = bytes;
    broken[i] = static_cast<char>(broken[i] ^ 0x41);
    ASSERT_TRUE(files_.Replace(Path("broken.avro"), broken).ok());
    const auto read = ReadManifestList(&files_, Path("broken.avro"));
    if (!read.ok()) {
      EXPECT_NE(read.status().message().find("broken.avro"), std::string::npos) << read.status();
    }
  }
}

}  // namespace
}  // namespace millrace
