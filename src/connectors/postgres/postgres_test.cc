// What of the PostgreSQL connector needs no server; tests/postgres_test.py has the rest.
#include <arrow/builder.h>
#include <gtest/gtest.h>

#include <random>

#include "connectors/postgres/address.h"
#include "connectors/postgres/catalog.h"
#include "connectors/postgres/conditions.h"
#include "connectors/postgres/decoder.h"
#include "connectors/postgres/encoder.h"
#include "connectors/postgres/options.h"
#include "connectors/secrets.h"
#include "formats/decode_testing.h"

namespace millrace {
namespace {

std::string AddressText(const std::string& url) {
  const auto read = ReadPostgresAddress(url);
  if (!read.ok()) return "error: " + read.status().message();
  std::string text;
  for (const auto& [key, value] : *read) text += (text.empty() ? "" : "|") + key + "=" + value;
  return text;
}

std::string ConditionSql(ColumnCondition::Kind kind, std::vector<ColumnValue> values,
                         const SqlType& type, PostgresOid oid) {
  PostgresColumn column;
  column.name = "x";
  column.type.oid = oid;
  return PostgresCondition({"x", kind, std::move(values), ""}, type, column,
                           [](const std::string& text) { return "'" + text + "'"; });
}

TEST(PostgresConditions, SayNoMoreThanTheyMean) {
  using Kind = ColumnCondition::Kind;
  using Oid = PostgresOid;
  const SqlType whole = SqlType::BigInt(), text = SqlType::String();
  EXPECT_EQ(ConditionSql(Kind::kLess, {int64_t{-5}}, whole, Oid::kInt4), "t.\"x\" < '-5'::bigint");
  EXPECT_EQ(ConditionSql(Kind::kIn, {int64_t{1}, int64_t{2}}, whole, Oid::kInt8),
            "(t.\"x\" = '1'::bigint OR t.\"x\" = '2'::bigint)");
  EXPECT_EQ(ConditionSql(Kind::kEqual, {std::string("a")}, text, Oid::kText), "t.\"x\" = 'a'");
  EXPECT_EQ(ConditionSql(Kind::kGreater, {std::string("a")}, text, Oid::kVarchar),
            "t.\"x\" COLLATE \"C\" > 'a'");
  EXPECT_EQ(ConditionSql(Kind::kIsNull, {}, text, Oid::kJsonb), "t.\"x\" IS NULL");
  EXPECT_EQ(ConditionSql(Kind::kGreaterEqual, {int64_t{-1}}, SqlType::Of(TypeKind::kDate), Oid::kDate),
            "t.\"x\" >= date '1970-01-01' + -1");
  EXPECT_EQ(ConditionSql(Kind::kLessEqual, {int64_t{7}}, SqlType::Timestamp(3), Oid::kTimestamp),
            "t.\"x\" < timestamp '1970-01-01' + 8000 * interval '1 us'");
  EXPECT_EQ(ConditionSql(Kind::kEqual, {int64_t{7}}, SqlType::TimestampLtz(6), Oid::kTimestamptz),
            "(t.\"x\" >= timestamptz '1970-01-01 00:00:00Z' + 7 * interval '1 us' AND "
            "t.\"x\" < timestamptz '1970-01-01 00:00:00Z' + 8 * interval '1 us')");
  // What the database may see in another way is not said.
  EXPECT_EQ(ConditionSql(Kind::kEqual, {1.5}, SqlType::Double(), Oid::kFloat8), "");
  EXPECT_EQ(ConditionSql(Kind::kEqual, {std::string("a")}, text, Oid::kBpchar), "");
  EXPECT_EQ(ConditionSql(Kind::kEqual, {std::string("a\0b", 3)}, text, Oid::kText), "");
  EXPECT_EQ(ConditionSql(Kind::kLess, {int64_t{5}}, whole, Oid::kNumeric), "");
  EXPECT_EQ(ConditionSql(Kind::kLess, {INT64_MAX}, SqlType::Timestamp(3), Oid::kTimestamp), "");
  EXPECT_EQ(ConditionSql(Kind::kLess, {INT64_MIN}, SqlType::Timestamp(6), Oid::kTimestamp), "");
  EXPECT_EQ(ConditionSql(Kind::kLess, {int64_t{5}}, SqlType::TimestampLtz(3), Oid::kTimestamp), "");
}

TEST(PostgresAddress, ReadsUrlsOfLibpqAndJdbc) {
  EXPECT_EQ(AddressText("postgresql://a@h:1/d?sslmode=require"),
            "dbname=postgresql://a@h:1/d?sslmode=require");
  EXPECT_EQ(AddressText("host=h dbname=d"), "dbname=host=h dbname=d");
  EXPECT_EQ(AddressText("jdbc:postgresql://h1:1,h2:2/d"), "dbname=postgresql://h1:1,h2:2/d");
  EXPECT_EQ(AddressText("jdbc:postgresql:d?user=u%40x&ssl=true&currentSchema=s&socketTimeout=3"),
            "dbname=d|user=u@x|sslmode=verify-full|options=-c search_path=s");
  EXPECT_NE(AddressText("jdbc:postgresql://h/d?sslMode=x").find("did you mean"),
            std::string::npos);
  for (const char* bad : {"mysql://h/d", "", "postgresql://h]/d%zz", "host=h nonsense=1"}) {
    EXPECT_EQ(AddressText(bad).substr(0, 6), "error:") << bad;
  }
  // The password of an address that cannot be read is not told.
  EXPECT_EQ(AddressText("postgresql://u:hunter2%zz@h/d").find("hunter2"), std::string::npos);
}

TEST(PostgresAddress, EscapesSecretsInUrls) {
  setenv("MILLRACE_TEST_SECRET", "p@s/s w", 1);
  const auto resolved =
      ResolveAddress({{"dbname", "postgresql://u:${env:MILLRACE_TEST_SECRET}@h/d"},
                      {"password", "${env:MILLRACE_TEST_SECRET}"}});
  ASSERT_TRUE(resolved.ok());
  EXPECT_EQ((*resolved)[0].second, "postgresql://u:p%40s%2Fs%20w@h/d");
  EXPECT_EQ((*resolved)[1].second, "p@s/s w");
}

TEST(PostgresAddress, IsShownWithoutPasswords) {
  EXPECT_EQ(ShownOption("url", "postgresql://u:a@b:c@h:1/d"), "postgresql://u:****@h:1/d");
  EXPECT_EQ(ShownOption("url", "postgresql://u@h:1/d"), "postgresql://u@h:1/d");
  EXPECT_EQ(ShownOption("url", "postgresql://h:1/d"), "postgresql://h:1/d");
  EXPECT_EQ(ShownOption("url", "postgresql://u:${env:X}@h/d"), "postgresql://u:${env:X}@h/d");
  EXPECT_EQ(ShownOption("url", "host=h password = 'a b' user=u"), "host=h password = **** user=u");
  EXPECT_EQ(ShownOption("url", "jdbc:postgresql://h/d?password=x&user=u"),
            "jdbc:postgresql://h/d?password=****&user=u");
  EXPECT_EQ(ShownOption("password", "x"), "****");
}

TEST(PostgresClientTest, KnowsWhatErrorsMean) {
  for (const char* again : {"", "40P01", "40001", "57P01", "57P03", "53100", "08006", "XX000"}) {
    EXPECT_EQ(FaultOf(again), PostgresFault::kAgain) << again;
  }
  for (const char* rows : {"23505", "23502", "22001", "22P02", "54000", "P0001", "22P05"}) {
    EXPECT_EQ(FaultOf(rows), PostgresFault::kRows) << rows;
  }
  for (const char* setup : {"42P01", "42501", "28P01", "0A000", "22P03"}) {
    EXPECT_EQ(FaultOf(setup), PostgresFault::kSetup) << setup;
  }
}

TEST(PostgresCatalog, QuotesTableNames) {
  EXPECT_EQ(*QuotedTableName("t"), "\"t\"");
  EXPECT_EQ(*QuotedTableName("s.t"), "\"s\".\"t\"");
  EXPECT_EQ(*QuotedTableName("\"a.b\".\"c\"\"d\""), "\"a.b\".\"c\"\"d\"");
  for (const char* bad : {"", ".", "a.", "\"a", "a.b.c"}) EXPECT_FALSE(QuotedTableName(bad).ok());
}

PostgresType TypeOf(PostgresOid oid, int32_t modifier = -1, char category = 'U') {
  return {oid, "type", "type", modifier, category, PostgresOid::kNone};
}
PostgresType NumericOf(int precision, int scale) {
  return TypeOf(PostgresOid::kNumeric, ((precision << 16) | (scale & 0x7ff)) + 4, 'N');
}

TEST(PostgresTypes, TakeOnlyWhatSurvives) {
  const auto fits = [](const SqlType& from, const PostgresType& to) {
    return MapToPostgres(from, to).ok();
  };
  const SqlType decimal = SqlType::Of(TypeKind::kDecimal, 10, 2);
  EXPECT_TRUE(fits(SqlType::Int(), TypeOf(PostgresOid::kInt8)));
  EXPECT_FALSE(fits(SqlType::BigInt(), TypeOf(PostgresOid::kInt4)));
  EXPECT_FALSE(fits(SqlType::BigInt(), TypeOf(PostgresOid::kFloat8)));
  EXPECT_TRUE(fits(decimal, NumericOf(10, 2)));
  EXPECT_TRUE(fits(decimal, NumericOf(12, 4)));
  EXPECT_FALSE(fits(decimal, NumericOf(10, 4)));
  EXPECT_FALSE(fits(decimal, NumericOf(12, 1)));
  EXPECT_TRUE(fits(decimal, TypeOf(PostgresOid::kNumeric)));
  EXPECT_EQ(NumericOf(5, -2).scale(), -2);
  EXPECT_TRUE(fits(SqlType::Timestamp(3), TypeOf(PostgresOid::kTimestamp)));
  EXPECT_FALSE(fits(SqlType::Timestamp(3), TypeOf(PostgresOid::kTimestamp, 0)));
  EXPECT_FALSE(fits(SqlType::Timestamp(3), TypeOf(PostgresOid::kTimestamptz)));
  EXPECT_FALSE(fits(SqlType::Timestamp(9), TypeOf(PostgresOid::kTimestamp)));
  EXPECT_FALSE(fits(SqlType::String(), TypeOf(PostgresOid::kInt4, -1, 'N')));
  EXPECT_TRUE(MapToPostgres(SqlType::String(), TypeOf(PostgresOid(869), -1, 'I'))->cast);
  EXPECT_EQ(*PostgresTypeFor(SqlType::Array(decimal)), "numeric(10, 2)[]");
  EXPECT_EQ(*PostgresTypeFor(SqlType::Of(TypeKind::kVarchar, 20)), "varchar(20)");
  EXPECT_EQ(*PostgresTypeFor(SqlType::String()), "text");
}

// One column of each type that goes there and back, with the type it has there.
struct Both {
  SqlType type;
  PostgresType there;
};
std::vector<Both> AllBoth() {
  const auto of = [](TypeKind kind, int precision = 0, int scale = 0) {
    return SqlType::Of(kind, precision, scale);
  };
  PostgresType list = TypeOf(PostgresOid(1007), -1, 'A');
  list.element = PostgresOid::kInt4;
  return {{SqlType::Boolean(), TypeOf(PostgresOid::kBool)},
          {of(TypeKind::kTinyInt), TypeOf(PostgresOid::kInt2)},
          {of(TypeKind::kSmallInt), TypeOf(PostgresOid::kInt2)},
          {SqlType::Int(), TypeOf(PostgresOid::kInt4)},
          {SqlType::BigInt(), TypeOf(PostgresOid::kInt8)},
          {of(TypeKind::kFloat), TypeOf(PostgresOid::kFloat4)},
          {SqlType::Double(), TypeOf(PostgresOid::kFloat8)},
          {of(TypeKind::kDecimal, 38, 0), TypeOf(PostgresOid::kNumeric)},
          {of(TypeKind::kDecimal, 38, 38), TypeOf(PostgresOid::kNumeric)},
          {of(TypeKind::kDecimal, 10, 3), TypeOf(PostgresOid::kNumeric)},
          {SqlType::String(), TypeOf(PostgresOid::kText)},
          {SqlType::Bytes(), TypeOf(PostgresOid::kBytea)},
          {of(TypeKind::kDate), TypeOf(PostgresOid::kDate)},
          {of(TypeKind::kTime, 3), TypeOf(PostgresOid::kTime)},
          {SqlType::Timestamp(3), TypeOf(PostgresOid::kTimestamp)},
          {SqlType::TimestampLtz(6), TypeOf(PostgresOid::kTimestamptz)},
          {SqlType::Array(SqlType::Int()), list}};
}

// CSV lines of AllBoth's columns but the last: one row of each kind of trouble.
const char* const kRows =
    "true,-128,-32768,-2147483648,-9223372036854775808,1.5,-0.0,"
    "-99999999999999999999999999999999999999,0.00000000000000000000000000000000000001,-0.001,"
    "text,AP8=,0001-01-01,00:00:00,1677-01-01 00:00:00.001,2262-01-01 00:00:00.000001Z\n"
    "false,127,32767,2147483647,9223372036854775807,NaN,Infinity,"
    "10000,-0.99999999999999999999999999999999999999,1234567.89,"
    "\"\xE6\x97\xA5\",,9999-12-31,23:59:59.999,9999-12-31 23:59:59.999,"
    "1969-12-31 23:59:59.999999Z\n"
    ",,,,,,,,,,,,,,,\n"
    "true,0,0,0,0,0,0,0,0,0,,,1970-01-01,12:00:00,2000-01-01 00:00:00,2000-01-01 00:00:00Z\n";

class PostgresBinary : public ::testing::Test {
 protected:
  void SetUp() override {
    std::vector<PostgresEncoder::Item> items;
    for (const Both& both : AllBoth()) {
      const Column column{fmt::format("c{}", schema_.size()), both.type};
      items.push_back({schema_.size(), column, *MapToPostgres(both.type, both.there)});
      schema_.columns.push_back(column);
    }
    encoder_ = *PostgresEncoder::Make(std::move(items));
    Schema flat = schema_;
    flat.columns.pop_back();
    auto csv = *MakeDecoder("csv", flat, flat, {{"csv.null-literal", ""}});
    Chunk chunk;
    chunk.bytes = arrow::Buffer::FromString(kRows);
    KeptDeadLetters dead;
    rows_ = *csv->Decode(chunk, dead);
    ASSERT_TRUE(dead.reasons.empty()) << dead.reasons[0];
    arrow::ListBuilder lists(arrow::default_memory_pool(), std::make_shared<arrow::Int32Builder>());
    auto& values = static_cast<arrow::Int32Builder&>(*lists.value_builder());
    ASSERT_TRUE(lists.Append().ok() && values.Append(1).ok() && values.AppendNull().ok());
    ASSERT_TRUE(lists.Append().ok() && lists.AppendNull().ok() && lists.Append().ok());
    ASSERT_TRUE(values.Append(-7).ok());
    auto columns = rows_->columns();
    columns.push_back(*lists.Finish());
    rows_ = arrow::RecordBatch::Make(schema_.ToArrow(), rows_->num_rows(), columns);
    ASSERT_TRUE(encoder_->SetRows(*rows_).ok());
  }

  std::string Encoded() {
    std::string bytes, reason;
    for (int64_t row = 0; row < rows_->num_rows(); ++row) {
      EXPECT_TRUE(encoder_->AppendRow(row, &bytes, &reason)) << reason;
    }
    return bytes;
  }

  Schema schema_;
  std::unique_ptr<PostgresEncoder> encoder_;
  std::shared_ptr<arrow::RecordBatch> rows_;
};

TEST_F(PostgresBinary, ThereAndBack) {
  const auto decoder = MakePostgresDecoder(schema_);
  const Decoded decoded = DecodeWith(*decoder, Encoded());
  EXPECT_EQ(decoded.bad, std::vector<std::string>{});
  EXPECT_EQ(decoded.rows, RowTexts(*rows_));
}

// Whatever comes, the decoder answers with rows, dead letters or an error.
TEST_F(PostgresBinary, BrokenBytesDoNoHarm) {
  std::mt19937_64 random(11);
  const std::string whole = Encoded();
  int64_t rows = 0, failed = 0;
  for (int i = 0; i < 3000; ++i) {
    std::string bytes = whole;
    for (size_t left = 1 + random() % 4; left > 0; --left) {
      const size_t at = random() % bytes.size();
      if (random() % 4 == 0) {
        bytes.erase(at, random() % 9);
      } else {
        bytes[at] = static_cast<char>(random() % 3 == 0 ? 0xff : random());
      }
    }
    Chunk chunk;
    chunk.bytes = arrow::Buffer::FromString(bytes);
    chunk.first_line = 1;
    KeptDeadLetters dead;
    const auto batch = MakePostgresDecoder(schema_)->Decode(chunk, dead);
    failed += !batch.ok();
    if (!batch.ok()) continue;
    rows += (*batch)->num_rows();
    ASSERT_TRUE((*batch)->Validate().ok());
  }
  EXPECT_GT(rows, 0);
  EXPECT_GT(failed, 0);
}

TEST(PostgresEncoderTest, RefusesWhatPostgresCannotHold) {
  const auto refusal = [](const SqlType& type, const PostgresType& there, const std::string& text) {
    const Schema schema{{{"v", type}}};
    auto encoder = *PostgresEncoder::Make({{0, schema.columns[0], *MapToPostgres(type, there)}});
    auto raw = *MakeDecoder("raw", Schema{{{"v", SqlType::String()}}},
                            Schema{{{"v", SqlType::String()}}}, {});
    std::shared_ptr<arrow::Array> array;
    if (type.IsTimestamp()) {
      arrow::TimestampBuilder builder(type.ToArrow(), arrow::default_memory_pool());
      EXPECT_TRUE(builder.Append(std::stoll(text)).ok());
      array = *builder.Finish();
    } else {
      arrow::StringBuilder builder;
      EXPECT_TRUE(builder.Append(text).ok());
      array = *builder.Finish();
    }
    const auto rows = arrow::RecordBatch::Make(schema.ToArrow(), 1, {array});
    EXPECT_TRUE(encoder->SetRows(*rows).ok());
    std::string bytes = "before", reason;
    EXPECT_FALSE(encoder->AppendRow(0, &bytes, &reason));
    EXPECT_EQ(bytes, "before");
    return reason;
  };
  EXPECT_EQ(refusal(SqlType::String(), TypeOf(PostgresOid::kText), std::string("a\0b", 3)),
            "column 'v': the text has a zero byte (0x00), which PostgreSQL cannot hold");
  EXPECT_EQ(refusal(SqlType::String(), TypeOf(PostgresOid::kUuid), "0011223344"),
            "column 'v': the text is no UUID");
  const PostgresType timestamp = TypeOf(PostgresOid::kTimestamp);
  for (const char* out : {"9223372036854775807", "9224318016000000", "-210866803200001"}) {
    EXPECT_NE(refusal(SqlType::Timestamp(3), timestamp, out).find("out of PostgreSQL's range"),
              std::string::npos);
  }
}

TEST(PostgresOptionsTest, AreChecked) {
  TableInfo table;
  table.name = "t";
  table.schema = {{{"id", SqlType::BigInt()}, {"v", SqlType::String()}}};
  const auto error = [&table](Options options) {
    table.options = {{"connector", "postgres"}, {"url", "postgresql://h/d"}, {"table-name", "t"}};
    for (auto& [key, value] : options) table.options[key] = value;
    return PostgresOptions::Read(table).status().message();
  };
  EXPECT_EQ(error({}), "");
  EXPECT_NE(error({{"sink.delivery-guarantee", "twice"}}).find("exactly-once"), std::string::npos);
  EXPECT_NE(error({{"scan.fetch-size", "-1"}}).find("out of range"), std::string::npos);
  EXPECT_NE(error({{"lookup.cache", "ALL"}}).find("PARTIAL"), std::string::npos);
  Options lanes = {{"scan.partition.column", "id"}, {"scan.partition.num", "2"},
                   {"scan.partition.lower-bound", "1"}, {"scan.partition.upper-bound", "9"}};
  EXPECT_EQ(error(lanes), "");
  lanes["scan.partition.column"] = "v";
  EXPECT_NE(error(lanes).find("numbers, dates or timestamps"), std::string::npos);
}

}  // namespace
}  // namespace millrace
