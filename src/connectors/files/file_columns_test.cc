#include "connectors/files/file_columns.h"

#include <gtest/gtest.h>

#include "connectors/files/partition_filter.h"
#include "connectors/files/partition_path.h"
#include "formats/decode_testing.h"

namespace millrace {
namespace {

TableInfo LogTable() {
  TableInfo table;
  table.name = "log";
  table.schema = {{{"n", SqlType::BigInt()},
                   {"dt", SqlType::Of(TypeKind::kDate)},
                   {"hour", SqlType::Int()},
                   {"s", SqlType::String()}}};
  table.partitioned_by = {"dt", "hour"};
  table.options = {{"format", "csv"}};
  return table;
}

Schema Wanted(const TableInfo& table, const std::vector<std::string>& names) {
  Schema wanted;
  for (const std::string& name : names) {
    wanted.columns.push_back(table.schema.columns[static_cast<size_t>(table.schema.Find(name))]);
  }
  for (const std::string& key : table.metadata) {
    for (const MetadataSpec& spec : FileMetadata()) {
      if (spec.key == key) wanted.columns.push_back({key, spec.type});
    }
  }
  return wanted;
}

// Rows of the text as if it stood in `file`, or the error.
std::string ReadFrom(const std::string& file, const TableInfo& table, const Schema& wanted,
                     const std::string& text) {
  auto decoder = MakeFileDecoder(table, wanted);
  if (!decoder.ok()) return decoder.status().message();
  Chunk chunk;
  chunk.bytes = arrow::Buffer::FromString(text);
  chunk.file = file;
  chunk.file_bytes = 7;
  chunk.file_modified = 86400001;
  chunk.first_line = 1;
  KeptDeadLetters dead;
  auto rows = (*decoder)->Decode(chunk, dead);
  if (!rows.ok()) return rows.status().message();
  EXPECT_TRUE((*rows)->ValidateFull().ok());
  EXPECT_TRUE((*rows)->schema()->Equals(*wanted.ToArrow()));
  return fmt::format("{}", fmt::join(RowTexts(**rows), "; "));
}

TEST(FileColumns, PartitionsComeFromFolders) {
  const TableInfo table = LogTable();
  const Schema all = table.schema;
  EXPECT_EQ(ReadFrom("/x/dt=2024-01-02/hour=03/a.csv", table, all, "1,a\n2,b\n"),
            "1, 2024-01-02, 3, a; 2, 2024-01-02, 3, b");
  const Schema some = Wanted(table, {"hour", "s"});
  EXPECT_EQ(ReadFrom("dt=1/hour=__DEFAULT_PARTITION__/a", table, some, "1,a\n"), "null, a");
  EXPECT_EQ(ReadFrom("/x/a.csv", table, Wanted(table, {"s"}), "1,a\n"), "a");
  EXPECT_EQ(ReadFrom("dt=2024-01-02/hour=4/a", table, Wanted(table, {"hour"}), "1,a\n2,b\n"),
            "4; 4");
}

TEST(FileColumns, WrongPartitionsAreErrors) {
  TableInfo table = LogTable();
  const Schema hour = Wanted(table, {"hour"});
  EXPECT_EQ(ReadFrom("/x/hour=9.csv", table, hour, "1,a\n"),
            "no folder of '/x/hour=9.csv' is named 'hour=...', which the table is PARTITIONED BY");
  EXPECT_EQ(ReadFrom("hour=x/a", table, hour, "1,a\n"),
            "partition 'hour=x' of 'hour=x/a' cannot be read as INT");
  table.options["partition.default-name"] = "none";
  EXPECT_EQ(ReadFrom("hour=none/a", table, hour, "1,a\n"), "null");
  table.schema.columns[2].type.nullable = false;
  const Schema not_null = Wanted(table, {"hour"});
  EXPECT_NE(ReadFrom("hour=none/a", table, not_null, "1,a\n").find("is NOT NULL"),
            std::string::npos);
}

TEST(FileColumns, MetadataOfTheFile) {
  TableInfo table = LogTable();
  table.metadata = {"file.path", "file.name", "file.size", "file.modification-time"};
  EXPECT_EQ(ReadFrom("/x/../y/a.csv", table, Wanted(table, {"n"}), "5,a\n"),
            "5, /y/a.csv, a.csv, 7, 1970-01-02 00:00:00.001");
}

TEST(PartitionFilter, FoldersTellWhatCannotPass) {
  using Kind = ColumnCondition::Kind;
  const auto passes = [](const std::string& column, Kind kind, std::vector<ColumnValue> values,
                         const std::string& path) {
    TableInfo table = LogTable();
    table.conditions = {{column, kind, std::move(values), ""}};
    return PartitionFilter(table).MayPass(path);
  };
  const std::string path = "s3://b/dt=2024-01-02/hour=03/a.csv";
  EXPECT_TRUE(passes("hour", Kind::kEqual, {int64_t{3}}, path));
  EXPECT_FALSE(passes("hour", Kind::kEqual, {int64_t{4}}, path));
  EXPECT_FALSE(passes("hour", Kind::kIn, {int64_t{4}, int64_t{5}}, path));
  EXPECT_TRUE(passes("hour", Kind::kIn, {int64_t{4}, int64_t{3}}, path));
  EXPECT_FALSE(passes("hour", Kind::kIsNull, {}, path));
  EXPECT_FALSE(passes("hour", Kind::kGreater, {int64_t{3}}, "hour=__DEFAULT_PARTITION__/a"));
  constexpr int64_t kDay = 19724;  // 2024-01-02
  EXPECT_TRUE(passes("dt", Kind::kGreaterEqual, {kDay}, path));
  EXPECT_FALSE(passes("dt", Kind::kLess, {kDay}, path));
  // What is in the file, or cannot be read, may pass.
  EXPECT_TRUE(passes("n", Kind::kEqual, {int64_t{4}}, path));
  EXPECT_TRUE(passes("hour", Kind::kEqual, {int64_t{4}}, "s3://b/hour=x/a.csv"));
  EXPECT_TRUE(passes("hour", Kind::kEqual, {int64_t{4}}, "s3://b/a.csv"));
}

TEST(PartitionFilter, TextAndFractions) {
  TableInfo table = LogTable();
  table.schema.columns[2].type = SqlType::Of(TypeKind::kDouble);
  table.partitioned_by = {"hour", "s"};
  table.conditions = {{"s", ColumnCondition::Kind::kEqual, {std::string("x/y")}, ""}};
  EXPECT_TRUE(PartitionFilter(table).MayPass("hour=1/s=x%2Fy/a"));
  EXPECT_FALSE(PartitionFilter(table).MayPass("hour=1/s=z/a"));
  table.conditions = {{"hour", ColumnCondition::Kind::kLess, {1.5}, ""}};
  EXPECT_TRUE(PartitionFilter(table).MayPass("hour=1.25/s=z/a"));
  EXPECT_FALSE(PartitionFilter(table).MayPass("hour=1.75/s=z/a"));
}

TEST(PartitionPath, EscapesAndBack) {
  const std::string text = "a/b=c%\x01 \xC3\xA9";
  EXPECT_EQ(EscapePathName(text), "a%2Fb%3Dc%25%01 \xC3\xA9");
  EXPECT_EQ(UnescapePathName(EscapePathName(text)), text);
  EXPECT_EQ(UnescapePathName("50%, %4"), "50%, %4");
  EXPECT_EQ(PartitionValue("/a/k=1/k=2/file", "k"), "2");
  EXPECT_FALSE(PartitionValue("/a/kk=1/k=2", "k").has_value());
}

}  // namespace
}  // namespace millrace
