// Parquet files through the filesystem connector's sink and source, and files that others write.
#include <arrow/api.h>
#include <arrow/io/file.h>
#include <gtest/gtest.h>
#include <parquet/arrow/writer.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "connectors/files/file_sink.h"
#include "connectors/files/parquet_source.h"
#include "formats/decode_testing.h"

namespace millrace {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using Texts = std::vector<std::string>;

class ParquetTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ =
        fs::temp_directory_path() / fmt::format("millrace_parquet_{}_{}", info->name(), getpid());
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    table_.name = "t";
    table_.options = {
        {"connector", "filesystem"}, {"path", folder_.string()}, {"format", "parquet"}};
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::unique_ptr<FileSink> OpenSink() {
    auto sink = FileSink::Make(table_);
    EXPECT_TRUE(sink.ok()) << sink.status().ToString();
    EXPECT_TRUE((*sink)->Open().ok());
    return std::move(*sink);
  }

  void WriteRows(const std::shared_ptr<arrow::RecordBatch>& rows) {
    auto sink = OpenSink();
    const Status written = sink->Write({rows, nullptr, nullptr, 0});
    ASSERT_TRUE(written.ok()) << written.ToString();
    ASSERT_TRUE(sink->Publish(sink->Stage(1).ValueOrDie()).ok());
  }

  // A file as another program writes it.
  std::string WriteFile(const std::string& name, const std::shared_ptr<arrow::Table>& rows,
                        int64_t group_rows = 1 << 20, bool int96 = false) {
    const std::string path = (folder_ / name).string();
    fs::create_directories(fs::path(path).parent_path());
    auto out = arrow::io::FileOutputStream::Open(path).ValueOrDie();
    parquet::ArrowWriterProperties::Builder properties;
    if (int96) properties.enable_deprecated_int96_timestamps();
    EXPECT_TRUE(parquet::arrow::WriteTable(*rows, arrow::default_memory_pool(), out, group_rows,
                                           parquet::default_writer_properties(),
                                           properties.build())
                    .ok());
    EXPECT_TRUE(out->Close().ok());
    return path;
  }

  std::unique_ptr<ParquetSource> OpenSource(const Schema& columns) {
    LaneFilesOptions files;
    files.path = table_.options["path"];
    auto source = std::make_unique<ParquetSource>(files, table_, FileColumns(table_, columns));
    status_ = source->Open();
    return source;
  }

  // The rows as text; positions_ get the position after each batch, with the rows until there.
  Texts ReadAll(ParquetSource& source) {
    Texts rows;
    while (true) {
      auto polled = source.Poll(milliseconds(0));
      status_ = polled.status();
      if (!polled.ok() || polled->state != Polled::State::kData) return rows;
      EXPECT_TRUE(polled->rows->ValidateFull().ok());
      for (std::string& row : RowTexts(*polled->rows)) rows.push_back(std::move(row));
      positions_.emplace_back(polled->position, rows.size());
    }
  }
  Texts Read(const Schema& columns) {
    auto source = OpenSource(columns);
    if (!status_.ok()) return {};
    EXPECT_TRUE(source->bounded());
    return ReadAll(*source);
  }
  // What reading one column of one array as `type` gives.
  std::string ReadAs(const std::shared_ptr<arrow::Array>& array, const SqlType& type,
                     bool int96 = false) {
    auto schema = arrow::schema({arrow::field("v", array->type())});
    WriteFile("one.parquet", arrow::Table::Make(schema, {array}), 1 << 20, int96);
    const Texts rows = Read(Schema{{{"v", type}}});
    return status_.ok() ? fmt::format("{}", fmt::join(rows, " ")) : status_.message();
  }

  fs::path folder_;
  TableInfo table_;
  Status status_;
  std::vector<std::pair<std::string, size_t>> positions_;
};

std::shared_ptr<arrow::Array> Numbers(int64_t count, int64_t first = 0) {
  arrow::Int64Builder builder;
  for (int64_t i = 0; i < count; ++i) EXPECT_TRUE(builder.Append(first + i).ok());
  return builder.Finish().ValueOrDie();
}

template <typename Builder, typename... Values>
std::shared_ptr<arrow::Array> ArrayOf(std::shared_ptr<arrow::DataType> type, Values... values) {
  Builder builder(std::move(type), arrow::default_memory_pool());
  const bool appended = (builder.Append(values).ok() && ...);
  EXPECT_TRUE(appended);
  return builder.Finish().ValueOrDie();
}

TEST_F(ParquetTest, EveryTypeComesBack) {
  const Schema all{{{"b", SqlType::Boolean()},
                    {"t", SqlType::Of(TypeKind::kTinyInt)},
                    {"s", SqlType::Of(TypeKind::kSmallInt)},
                    {"i", SqlType::Int()},
                    {"l", SqlType::BigInt()},
                    {"f", SqlType::Of(TypeKind::kFloat)},
                    {"d", SqlType::Double()},
                    {"n", SqlType::Of(TypeKind::kDecimal, 10, 2)},
                    {"v", SqlType::String()},
                    {"y", SqlType::Bytes()},
                    {"da", SqlType::Of(TypeKind::kDate)},
                    {"ti", SqlType::Of(TypeKind::kTime, 3)},
                    {"t3", SqlType::Timestamp(3)},
                    {"t6", SqlType::Timestamp(6)},
                    {"t9", SqlType::Timestamp(9)},
                    {"lt", SqlType::TimestampLtz(3)},
                    {"a", SqlType::Array(SqlType::Int())},
                    {"m", SqlType::Map(SqlType::String().NotNull(), SqlType::BigInt())}}};
  const std::string json =
      R"({"b":true,"t":1,"s":2,"i":3,"l":4,"f":1.5,"d":2.5,"n":12.34,"v":"x","y":"AQI=",)"
      R"("da":"2024-02-29","ti":"01:02:03.004","t3":"2024-02-29 01:02:03.004",)"
      R"("t6":"2024-02-29 01:02:03.004005","t9":"2024-02-29 01:02:03.004005006",)"
      R"("lt":"2024-02-29 01:02:03.004Z","a":[1,null,3],"m":{"k":7}})" "\n{}\n";
  auto decoder = MakeDecoder("json", all, all, {}).ValueOrDie();
  Chunk chunk;
  chunk.bytes = arrow::Buffer::FromString(json);
  KeptDeadLetters dead;
  const auto rows = decoder->Decode(chunk, dead).ValueOrDie();
  ASSERT_EQ(rows->num_rows(), 2) << fmt::format("{}", fmt::join(dead.reasons, "\n"));
  table_.schema = all;
  WriteRows(rows);
  EXPECT_EQ(Read(all), RowTexts(*rows));
  // Some columns only, in another order.
  EXPECT_EQ(Read(Schema{{all.columns[16], all.columns[4]}}),
            (Texts{"[1, NULL, 3], 4", "null, null"}));
  EXPECT_EQ(Read(Schema{}).size(), 2u);
}

TEST_F(ParquetTest, OtherProgramsTypesAreRead) {
  using arrow::TimeUnit;
  EXPECT_EQ(ReadAs(ArrayOf<arrow::Int32Builder>(arrow::int32(), 7, -7), SqlType::BigInt()), "7 -7");
  const SqlType tiny = SqlType::Of(TypeKind::kTinyInt);
  EXPECT_EQ(ReadAs(ArrayOf<arrow::Int32Builder>(arrow::int32(), 7), tiny), "7");
  const std::string too_big = ReadAs(ArrayOf<arrow::Int32Builder>(arrow::int32(), 700), tiny);
  EXPECT_NE(too_big.find("cannot read column 'v' of"), std::string::npos) << too_big;
  EXPECT_EQ(ReadAs(ArrayOf<arrow::FloatBuilder>(arrow::float32(), 1.5f), SqlType::Double()), "1.5");
  // Before 1970, towards the past; micro- to milliseconds, nano- to microseconds.
  const auto micros = arrow::timestamp(TimeUnit::MICRO, "Europe/Berlin");
  EXPECT_EQ(ReadAs(ArrayOf<arrow::TimestampBuilder>(micros, -1, 1999), SqlType::Timestamp(3)),
            "1969-12-31 23:59:59.999 1970-01-01 00:00:00.001");
  EXPECT_EQ(ReadAs(ArrayOf<arrow::TimestampBuilder>(arrow::timestamp(TimeUnit::MILLI), 5),
                   SqlType::TimestampLtz(6)),
            "1970-01-01 00:00:00.005000");
  EXPECT_EQ(ReadAs(ArrayOf<arrow::TimestampBuilder>(arrow::timestamp(TimeUnit::NANO), 1500000),
                   SqlType::Timestamp(3), true),
            "1970-01-01 00:00:00.001");
  EXPECT_EQ(ReadAs(ArrayOf<arrow::Time64Builder>(arrow::time64(TimeUnit::MICRO), 3723004005LL),
                   SqlType::Of(TypeKind::kTime, 3)),
            "01:02:03.004");
  EXPECT_EQ(ReadAs(ArrayOf<arrow::BinaryBuilder>(arrow::binary(), "text"), SqlType::String()),
            "text");
  EXPECT_NE(ReadAs(ArrayOf<arrow::BinaryBuilder>(arrow::binary(), "\xff"), SqlType::String())
                .find("UTF8"),
            std::string::npos);
}

TEST_F(ParquetTest, TextIsChecked) {
  const auto read = [this](const char* a, const char* b) {
    return ReadAs(ArrayOf<arrow::StringBuilder>(arrow::utf8(), a, "", b), SqlType::String());
  };
  EXPECT_EQ(read("\xC3\xA9", "x"), "\xC3\xA9  x");
  EXPECT_NE(read("\xC3", "\xA9").find("invalid UTF-8"), std::string::npos);  // half each
  EXPECT_NE(read("a", "\xFF").find("column 'v'"), std::string::npos);
}

TEST_F(ParquetTest, RowsInRowsAreReadByName) {
  auto number = Numbers(2, 5);
  arrow::StringBuilder text;
  ASSERT_TRUE(text.AppendValues({"x", "y"}).ok());
  auto inner = arrow::StructArray::Make({number, text.Finish().ValueOrDie()}, Texts{"n", "s"});
  SqlType row = SqlType::Of(TypeKind::kRow);
  row.children = {{"s", std::make_shared<SqlType>(SqlType::String())},
                  {"n", std::make_shared<SqlType>(SqlType::BigInt())}};
  EXPECT_EQ(ReadAs(inner.ValueOrDie(), row), "(x, 5) (y, 6)");
}

TEST_F(ParquetTest, MistakesNameFileAndColumn) {
  auto schema = arrow::schema({arrow::field("price", arrow::int64())});
  const std::string path = WriteFile("a.parquet", arrow::Table::Make(schema, {Numbers(3)}));
  Read(Schema{{{"prise", SqlType::BigInt()}}});
  EXPECT_EQ(status_.message(), "'" + path + "' has no column 'prise'. did you mean 'price'?");
  Read(Schema{{{"zzz", SqlType::BigInt()}}});
  EXPECT_EQ(status_.message(), "'" + path + "' has no column 'zzz'. its columns: price");
  Read(Schema{{{"price", SqlType::String()}}});
  EXPECT_EQ(status_.message(),
            "column 'price' of '" + path + "' is int64: it cannot be read as STRING");
  for (const std::string text : {"", "PAR1", "not a Parquet file at all, by no means"}) {
    std::ofstream(path) << text;
    Read(Schema{{{"price", SqlType::BigInt()}}});
    EXPECT_TRUE(status_.IsIOError());
    EXPECT_NE(status_.message().find(path), std::string::npos) << status_.message();
  }
}

// A file that is cut or changed somewhere is an error or other rows, never a crash.
TEST_F(ParquetTest, DamagedFilesAreErrors) {
  auto schema = arrow::schema({arrow::field("n", arrow::int64())});
  const std::string path = WriteFile("a.parquet", arrow::Table::Make(schema, {Numbers(1000)}), 100);
  std::string good(fs::file_size(path), '\0');
  std::ifstream(path).read(good.data(), static_cast<std::streamsize>(good.size()));
  for (size_t cut = 0; cut < good.size(); cut += 97) {
    std::ofstream(path) << good.substr(0, cut);
    Read(Schema{{{"n", SqlType::BigInt()}}});
    EXPECT_FALSE(status_.ok());
    std::string changed = good;
    changed[cut] = static_cast<char>(changed[cut] ^ 0x55);
    std::ofstream(path) << changed;
    Read(Schema{{{"n", SqlType::BigInt()}}});
  }
}

TEST_F(ParquetTest, GoesOnAfterAnyBatch) {
  auto schema = arrow::schema({arrow::field("n", arrow::int64())});
  for (int file = 0; file < 3; ++file) {
    WriteFile(fmt::format("{}.parquet", file),
              arrow::Table::Make(schema, {Numbers(100000, file * 100000)}), 60000);
  }
  const Schema columns{{{"n", SqlType::BigInt()}}};
  const Texts all = Read(columns);
  ASSERT_EQ(all.size(), 300000u);
  const auto positions = positions_;
  ASSERT_EQ(positions.size(), 12u);
  for (const auto& [position, rows] : positions) {
    auto source = OpenSource(columns);
    ASSERT_TRUE(source->Seek(position).ok());
    EXPECT_EQ(ReadAll(*source), Texts(all.begin() + static_cast<long>(rows), all.end()));
  }
  EXPECT_FALSE(OpenSource(columns)->Seek("9:0:0:" + (folder_ / "0.parquet").string()).ok());
}

TEST_F(ParquetTest, PartitionsAndMetadataComeFromThePath) {
  table_.schema = {{{"day", SqlType::Of(TypeKind::kDate)}, {"n", SqlType::BigInt()},
                    {"kind", SqlType::String()}}};
  table_.partitioned_by = {"day", "kind"};
  arrow::Date32Builder day;
  arrow::StringBuilder kind;
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(day.Append(19000 + i / 2).ok());
    ASSERT_TRUE((i % 2 == 0 ? kind.Append("a/b") : kind.AppendNull()).ok());
  }
  WriteRows(arrow::RecordBatch::Make(
      table_.schema.ToArrow(), 4,
      {day.Finish().ValueOrDie(), Numbers(4), kind.Finish().ValueOrDie()}));
  Texts rows = Read(table_.schema);
  std::sort(rows.begin(), rows.end());
  EXPECT_EQ(rows, (Texts{"2022-01-08, 0, a/b", "2022-01-08, 1, null", "2022-01-09, 2, a/b",
                         "2022-01-09, 3, null"}));
  table_.metadata = {"file.name", "file.size"};
  Schema wanted{{{"n", SqlType::BigInt()}, {"file.name", SqlType::String()},
                 {"file.size", SqlType::BigInt()}}};
  for (const std::string& row : Read(wanted)) {
    EXPECT_NE(row.find(".parquet, "), std::string::npos) << row;
  }
  table_.metadata.clear();
  table_.partitioned_by = {"month"};
  table_.schema.columns.push_back({"month", SqlType::Int()});
  Read(Schema{{{"month", SqlType::Int()}}});
  EXPECT_NE(status_.message().find("is named 'month=...'"), std::string::npos);
}

// 1000 rows in ten row groups: n, its text, a time a second later each row, a fraction and a flag that
// is NULL in the first five groups.
class ParquetConditionsTest : public ParquetTest {
 protected:
  using Kind = ColumnCondition::Kind;
  void SetUp() override {
    ParquetTest::SetUp();
    table_.schema = {{{"n", SqlType::BigInt()},
                      {"s", SqlType::String()},
                      {"ts", SqlType::Timestamp(3)},
                      {"f", SqlType::Double()},
                      {"maybe", SqlType::Int()}}};
    arrow::StringBuilder text;
    arrow::DoubleBuilder fraction;
    arrow::Int32Builder maybe;
    arrow::TimestampBuilder time(arrow::timestamp(arrow::TimeUnit::MICRO),
                                 arrow::default_memory_pool());
    for (int i = 0; i < 1000; ++i) {
      const double half = i % 100 == 7 ? std::nan("") : i / 2.0;
      ASSERT_TRUE(text.Append(fmt::format("row {:04}", i)).ok() && fraction.Append(half).ok() &&
                  time.Append(i * 1000000LL).ok() &&
                  (i < 500 ? maybe.AppendNull() : maybe.Append(1)).ok());
    }
    const arrow::ArrayVector columns = {
        Numbers(1000), text.Finish().ValueOrDie(), time.Finish().ValueOrDie(),
        fraction.Finish().ValueOrDie(), maybe.Finish().ValueOrDie()};
    arrow::FieldVector fields;
    for (size_t i = 0; i < columns.size(); ++i) {
      fields.push_back(arrow::field(table_.schema.columns[i].name, columns[i]->type()));
    }
    WriteFile("t.parquet", arrow::Table::Make(arrow::schema(fields), columns), 100);
  }
  // The row groups read for these conditions.
  int64_t GroupsRead(std::vector<ColumnCondition> conditions) {
    table_.conditions = std::move(conditions);
    auto source = OpenSource(table_.schema);
    rows_ = ReadAll(*source);
    EXPECT_TRUE(status_.ok()) << status_.ToString();
    EXPECT_EQ(source->groups_read() + source->groups_skipped(), 10);
    EXPECT_EQ(std::ssize(rows_), source->groups_read() * 100);
    return source->groups_read();
  }
  Texts rows_;
};

TEST_F(ParquetConditionsTest, RowGroupsThatCannotMatchAreNotRead) {
  EXPECT_EQ(GroupsRead({}), 10);
  EXPECT_EQ(GroupsRead({{"n", Kind::kEqual, {int64_t{250}}, ""}}), 1);
  EXPECT_TRUE(rows_.front().starts_with("200, row 0200"));
  EXPECT_EQ(GroupsRead({{"n", Kind::kEqual, {int64_t{5000}}, ""}}), 0);
  EXPECT_EQ(GroupsRead({{"n", Kind::kLess, {int64_t{200}}, ""}}), 2);
  EXPECT_EQ(GroupsRead({{"n", Kind::kLessEqual, {int64_t{200}}, ""}}), 3);
  EXPECT_EQ(GroupsRead({{"n", Kind::kGreater, {int64_t{899}}, ""}}), 1);
  EXPECT_EQ(GroupsRead({{"n", Kind::kGreaterEqual, {int64_t{899}}, ""}}), 2);
  EXPECT_EQ(GroupsRead({{"n", Kind::kNotEqual, {int64_t{5}}, ""}}), 10);
  EXPECT_EQ(GroupsRead({{"n", Kind::kIn, {int64_t{5}, int64_t{950}, int64_t{-1}}, ""}}), 2);
  EXPECT_EQ(GroupsRead({{"s", Kind::kGreaterEqual, {std::string("row 07")}, ""}}), 3);
  EXPECT_EQ(GroupsRead({{"s", Kind::kEqual, {std::string("Row")}, ""}}), 0);
  EXPECT_EQ(GroupsRead({{"ts", Kind::kLess, {int64_t{100000}}, ""}}), 1) << "in milliseconds";
  EXPECT_EQ(GroupsRead({{"f", Kind::kLess, {50.0}, ""}}), 1);
  EXPECT_EQ(GroupsRead({{"f", Kind::kNotEqual, {0.0}, ""}}), 10);
  EXPECT_EQ(GroupsRead({{"maybe", Kind::kIsNull, {}, ""}}), 5);
  EXPECT_EQ(GroupsRead({{"maybe", Kind::kIsNotNull, {}, ""}}), 5);
  EXPECT_EQ(GroupsRead({{"maybe", Kind::kEqual, {int64_t{1}}, ""}}), 5);
  EXPECT_EQ(GroupsRead({{"maybe", Kind::kNotEqual, {int64_t{1}}, ""}}), 0);
  EXPECT_EQ(GroupsRead({{"n", Kind::kLess, {int64_t{600}}, ""},
                        {"maybe", Kind::kIsNotNull, {}, ""}}), 1);
  EXPECT_EQ(GroupsRead({{"of another type", Kind::kEqual, {1.5}, ""}}), 10);
}

TEST_F(ParquetConditionsTest, TimesOfSkippedRowsAreTold) {
  table_.time_column = "ts";
  table_.conditions = {{"n", Kind::kIn, {int64_t{150}, int64_t{420}}, ""}};
  auto source = OpenSource(table_.schema);
  for (const int64_t last_skipped : {99, 399}) {
    const auto polled = source->Poll(milliseconds(0)).ValueOrDie();
    ASSERT_EQ(polled.state, Polled::State::kData);
    EXPECT_EQ(polled.skipped_time, last_skipped * 1000);
    // And the same again where a job goes on.
    auto again = OpenSource(table_.schema);
    ASSERT_TRUE(again->Seek(polled.position).ok());
    const auto next = again->Poll(milliseconds(0)).ValueOrDie();
    const bool at_end = last_skipped == 399;
    EXPECT_EQ(next.skipped_time, at_end ? std::optional<int64_t>() : 399000);
    EXPECT_EQ(next.state, at_end ? Polled::State::kEnd : Polled::State::kData);
  }
  // Where times may be NULL the rows are dead letters, so they are read.
  table_.time_column = "maybe";
  EXPECT_EQ(GroupsRead({{"n", Kind::kLess, {int64_t{0}}, ""}}), 5);
}

TEST_F(ParquetTest, RollsAtItsSize) {
  table_.schema = {{{"n", SqlType::BigInt()}}};
  table_.options["sink.rolling-policy.file-size"] = "200 kb";
  auto sink = OpenSink();
  for (int i = 0; i < 20; ++i) {
    auto rows = arrow::RecordBatch::Make(table_.schema.ToArrow(), 10000,
                                         {Numbers(10000, i * 10000)});
    ASSERT_TRUE(sink->Write({rows, nullptr, nullptr, 0}).ok());
  }
  ASSERT_TRUE(sink->Publish(sink->Stage(1).ValueOrDie()).ok());
  int files = 0;
  for (const auto& entry : fs::directory_iterator(folder_)) {
    if (entry.path().filename().string()[0] == '.') continue;
    EXPECT_LT(entry.file_size(), 400u << 10);
    ++files;
  }
  EXPECT_GT(files, 2);
  EXPECT_LT(files, 11);
  EXPECT_EQ(Read(table_.schema).size(), 200000u);
}

TEST_F(ParquetTest, OptionsAreChecked) {
  table_.schema = {{{"n", SqlType::BigInt()}}};
  const auto error = [&](const std::string& key, const std::string& value) {
    TableInfo table = table_;
    table.options[key] = value;
    return FileSink::Make(table).status().message();
  };
  EXPECT_NE(error("parquet.compression", "zip").find("'zip' is none of zstd"), std::string::npos);
  EXPECT_NE(error("parquet.compresion", "zstd").find("did you mean 'parquet.compression'?"),
            std::string::npos);
  EXPECT_NE(error("parquet.block.size", "0").find("above 0"), std::string::npos);
  EXPECT_NE(error("parquet.utc-timezone", "false").find("UTC"), std::string::npos);
  for (const char* codec : {"snappy", "GZIP", "lz4_raw", "uncompressed", "brotli"}) {
    table_.options["parquet.compression"] = codec;
    WriteRows(arrow::RecordBatch::Make(table_.schema.ToArrow(), 10, {Numbers(10)}));
  }
  EXPECT_EQ(Read(table_.schema).size(), 50u);
}

}  // namespace
}  // namespace millrace
