#include "connectors/sqlite_sink.h"

#include <arrow/array.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "formats/decode_testing.h"

namespace millrace {
namespace {

namespace fs = std::filesystem;

class SqliteSinkTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ =
        fs::temp_directory_path() / fmt::format("millrace_sqlite_{}_{}", info->name(), getpid());
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    table_.name = "out";
    table_.schema = {{{"id", SqlType::BigInt()},
                      {"a \"name\"", SqlType::String()},
                      {"price", SqlType::Of(TypeKind::kDecimal, 10, 2)},
                      {"at", SqlType::Timestamp(3)},
                      {"ok", SqlType::Boolean()}}};
    table_.options = {{"connector", "sqlite"}, {"path", (folder_ / "db").string()}};
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::unique_ptr<SqliteSink> Open() {
    auto sink = SqliteSink::Make(table_).ValueOrDie();
    const Status status = sink->Open();
    EXPECT_TRUE(status.ok()) << status.ToString();
    return sink;
  }

  Batch Rows(const std::string& csv, std::vector<RowKind> kinds = {}) {
    auto decoder = MakeDecoder("csv", table_.schema, table_.schema, {}).ValueOrDie();
    Chunk chunk;
    chunk.bytes = arrow::Buffer::FromString(csv);
    chunk.first_line = 1;
    KeptDeadLetters dead;
    Batch batch;
    batch.rows = decoder->Decode(chunk, dead).ValueOrDie();
    EXPECT_TRUE(dead.reasons.empty());
    if (!kinds.empty()) batch.kinds = std::make_shared<const std::vector<RowKind>>(kinds);
    return batch;
  }

  // What another connection reads: "1|ann|..." a row.
  std::string Query(const std::string& sql) {
    sqlite3* database = nullptr;
    sqlite3_open((folder_ / "db").c_str(), &database);
    std::string text;
    const auto add = [](void* out, int count, char** values, char**) {
      for (int i = 0; i < count; ++i) {
        *static_cast<std::string*>(out) +=
            (i ? "|" : "") + std::string(values[i] ? values[i] : "NULL");
      }
      *static_cast<std::string*>(out) += "\n";
      return 0;
    };
    EXPECT_EQ(sqlite3_exec(database, sql.c_str(), add, &text, nullptr), SQLITE_OK) << sql;
    sqlite3_close(database);
    return text;
  }
  std::string All() { return Query("SELECT * FROM out ORDER BY id"); }

  fs::path folder_;
  TableInfo table_;
};

TEST_F(SqliteSinkTest, AppendsOncePublished) {
  auto sink = Open();
  ASSERT_TRUE(sink->Write(Rows("1,ann,1.50,2024-01-01 00:00:00,true\n")).ok());
  const Committable first = sink->Stage(1).ValueOrDie();
  ASSERT_TRUE(sink->Write(Rows("2,,,,\n1,ann,1,,false\n")).ok());
  EXPECT_EQ(All(), "");
  ASSERT_TRUE(sink->Publish(first).ok());
  const std::string row = "1|ann|1.5|2024-01-01 00:00:00.000|1\n";
  EXPECT_EQ(All(), row);
  ASSERT_TRUE(sink->Publish(first).ok());
  EXPECT_EQ(All(), row);
  ASSERT_TRUE(sink->Publish(sink->Stage(2).ValueOrDie()).ok());
  EXPECT_EQ(All(), row + "1|ann|1|NULL|0\n2||NULL|NULL|NULL\n");
  EXPECT_EQ(Query("SELECT sink, epoch FROM millrace_epochs"), "out|2\n");
}

TEST_F(SqliteSinkTest, UpsertsAndDeletesByKey) {
  table_.primary_key = {"id"};
  table_.schema.columns[0].type = SqlType::BigInt().NotNull();
  auto sink = Open();
  EXPECT_TRUE(sink->takes_changelog());
  const auto kinds = {RowKind::kInsert, RowKind::kInsert, RowKind::kUpdateBefore,
                      RowKind::kUpdateAfter, RowKind::kDelete};
  ASSERT_TRUE(sink->Write(Rows("1,a,,,\n2,b,,,\n1,a,,,\n1,c,,,\n2,b,,,\n", kinds)).ok());
  ASSERT_TRUE(sink->Publish(sink->Stage(1).ValueOrDie()).ok());
  EXPECT_EQ(All(), "1|c|NULL|NULL|NULL\n");
}

// The +U may not follow: a filter has dropped it.
TEST_F(SqliteSinkTest, WhatAnUpdateTakesBackIsGone) {
  table_.primary_key = {"id"};
  table_.schema.columns[0].type = SqlType::BigInt().NotNull();
  auto sink = Open();
  const auto kinds = {RowKind::kInsert, RowKind::kInsert, RowKind::kUpdateBefore};
  ASSERT_TRUE(sink->Write(Rows("1,a,,,\n2,b,,,\n1,a,,,\n", kinds)).ok());
  ASSERT_TRUE(sink->Publish(sink->Stage(1).ValueOrDie()).ok());
  EXPECT_EQ(All(), "2|b|NULL|NULL|NULL\n");
}

TEST_F(SqliteSinkTest, AtLeastOnceWritesAtOnce) {
  table_.options["sink.delivery-guarantee"] = "at-least-once";
  auto sink = Open();
  ASSERT_TRUE(sink->Write(Rows("1,a,,,\n")).ok());
  EXPECT_EQ(All(), "1|a|NULL|NULL|NULL\n");
  EXPECT_EQ(sink->Stage(1).ValueOrDie().payload, "");
}

TEST_F(SqliteSinkTest, AnotherProcessPublishesWhatWasStaged) {
  auto sink = Open();
  ASSERT_TRUE(sink->Write(Rows("1,a,,,\n")).ok());
  const Committable first = sink->Stage(1).ValueOrDie();
  ASSERT_TRUE(sink->Publish(first).ok());
  ASSERT_TRUE(sink->Write(Rows("2,a,,,\n")).ok());
  const Committable second = sink->Stage(2).ValueOrDie();
  sink = Open();
  EXPECT_TRUE(sink->Recover({first, second}).ok());
  EXPECT_TRUE(sink->Publish(second).ok());
  ASSERT_TRUE(sink->Write(Rows("3,a,,,\n")).ok());
  ASSERT_TRUE(sink->Publish(sink->Stage(1).ValueOrDie()).ok());
  EXPECT_EQ(Query("SELECT id FROM out ORDER BY id"), "1\n2\n3\n");
}

TEST_F(SqliteSinkTest, StagedChangesKeepTheirKinds) {
  table_.primary_key = {"id"};
  table_.schema.columns[0].type = SqlType::BigInt().NotNull();
  auto sink = Open();
  const auto kinds = {RowKind::kInsert, RowKind::kInsert, RowKind::kDelete};
  ASSERT_TRUE(sink->Write(Rows("1,a,1.25,2024-01-01 00:00:00,true\n2,b,,,\n2,b,,,\n", kinds)).ok());
  const Committable staged = sink->Stage(1).ValueOrDie();
  sink = Open();
  ASSERT_TRUE(sink->Publish(staged).ok());
  EXPECT_EQ(All(), "1|a|1.25|2024-01-01 00:00:00.000|1\n");
  EXPECT_FALSE(sink->Publish({2, "broken"}).ok());
}

TEST_F(SqliteSinkTest, ErrorsNameDatabaseAndReason) {
  const std::string file = (folder_ / "file").string();
  std::ofstream(file) << "no folder";
  table_.options["path"] = file + "/db";
  const Status failed = SqliteSink::Make(table_).ValueOrDie()->Open();
  EXPECT_TRUE(failed.IsIOError()) << failed;
  EXPECT_NE(failed.message().find(file), std::string::npos) << failed;
  table_.options["path"] = (folder_ / "db").string();
  Query("CREATE TABLE out (id INTEGER)");
  EXPECT_FALSE(SqliteSink::Make(table_).ValueOrDie()->Open().ok());
}

TEST_F(SqliteSinkTest, AbortForgetsRows) {
  auto sink = Open();
  ASSERT_TRUE(sink->Write(Rows("1,a,,,\n")).ok());
  ASSERT_TRUE(sink->Abort().ok());
  EXPECT_EQ(sink->Stage(1).ValueOrDie().payload, "");
}

}  // namespace
}  // namespace millrace
