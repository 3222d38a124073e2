// The Avro core: schemas, records byte for byte as the specification says, resolution, container
// files, and that broken bytes are errors.
#include <arrow/array/builder_primitive.h>
#include <arrow/io/memory.h>
#include <gtest/gtest.h>

#include "data/pretty.h"
#include "formats/avro/container.h"
#include "formats/avro/types.h"
#include "formats/columns.h"
#include "formats/decode_testing.h"

namespace millrace {
namespace {

std::shared_ptr<const AvroSchema> Parsed(const std::string& json) {
  auto schema = AvroSchema::Parse(json);
  EXPECT_TRUE(schema.ok()) << schema.status();
  return schema.ok() ? *schema : nullptr;
}

std::string ParseError(const std::string& json) {
  const auto schema = AvroSchema::Parse(json);
  return schema.ok() ? "" : schema.status().message();
}

bool Holds(const std::string& text, const std::string& part) { return text.find(part) != text.npos; }

std::string Record(const std::string& fields, const std::string& name = "r") {
  return fmt::format(R"({{"type":"record","name":"{}","fields":[{}]}})", name, fields);
}

std::string Field(const std::string& name, const std::string& type) {
  return fmt::format(R"({{"name":"{}","type":{}}})", name, type);
}

// The one row that `bytes` hold, read into `columns`; "error: ..." if it cannot be read.
std::string ReadRow(const std::string& schema, const Schema& columns, std::string_view bytes) {
  auto reader = AvroReader::Make(Parsed(schema), columns);
  if (!reader.ok()) return "error: " + reader.status().message();
  RowsBuilder rows(columns);
  if (!(*reader)->ReadRecord(&bytes, rows)) return "error: " + (*reader)->error();
  if (rows.EndRow() >= 0) return "error: NOT NULL";
  auto batch = rows.Finish();
  EXPECT_TRUE((*batch)->ValidateFull().ok()) << (*batch)->ValidateFull();
  return RowTexts(**batch).front() + (bytes.empty() ? "" : fmt::format(" +{}", bytes.size()));
}

std::string ReadValue(const std::string& type, const SqlType& column, std::string_view bytes) {
  return ReadRow(Record(Field("v", type)), Schema{{{"v", column}}}, bytes);
}

std::shared_ptr<arrow::RecordBatch> BatchOf(const Schema& columns,
                                            const std::string& json_lines) {
  auto decoder = MakeDecoder("json", columns, columns, {});
  EXPECT_TRUE(decoder.ok()) << decoder.status();
  Chunk chunk;
  chunk.bytes = arrow::Buffer::FromString(json_lines);
  chunk.first_line = 1;
  KeptDeadLetters dead;
  auto batch = (*decoder)->Decode(chunk, dead);
  EXPECT_TRUE(batch.ok()) << batch.status();
  EXPECT_TRUE(dead.reasons.empty()) << dead.reasons.front();
  return *batch;
}

Result<std::string> WriteRow(const std::string& schema, const arrow::RecordBatch& rows) {
  MILL_ASSIGN(const auto writer, AvroWriter::Make(Parsed(schema), *rows.schema()));
  writer->SetRows(rows);
  std::string bytes;
  MILL_RETURN(writer->Append(0, bytes));
  return bytes;
}

std::string WriteValue(const std::string& type, const SqlType& column, const std::string& json) {
  const auto rows = BatchOf(Schema{{{"v", column}}}, fmt::format("{{\"v\": {}}}\n", json));
  const auto bytes = WriteRow(Record(Field("v", type)), *rows);
  return bytes.ok() ? *bytes : "error: " + bytes.status().message();
}

SqlType Decimal(int precision, int scale) {
  return SqlType::Of(TypeKind::kDecimal, precision, scale);
}

TEST(AvroSchema, KeepsWhatItDoesNotKnow) {
  const std::string json =
      R"({"type":"record","name":"manifest_entry","namespace":"a.b","fields":[)"
      R"({"name":"status","type":"int","field-id":0},)"
      R"({"name":"snapshot_id","type":["null","long"],"default":null,"field-id":1},)"
      R"({"name":"counts","type":["null",{"type":"array","items":{"type":"record",)"
      R"("name":"k117_v118","fields":[{"name":"key","type":"int","field-id":117},)"
      R"({"name":"value","type":"long","field-id":118}]},"logicalType":"map"}],"field-id":108},)"
      R"({"name":"splits","type":{"type":"array","items":"long","element-id":133}},)"
      R"({"name":"again","type":"k117_v118"},)"
      R"({"name":"f","type":{"type":"fixed","name":"f4","namespace":"","size":4}},)"
      R"({"name":"e","type":{"type":"enum","name":"x.e","namespace":"x","symbols":["A","B"]}},)"
      R"({"name":"d","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}}],)"
      R"("doc":"say \"x\"","schema-id":7})";
  const auto schema = Parsed(json);
  ASSERT_TRUE(schema);
  std::string expected = json;
  expected.replace(expected.find("x.e"), 3, "e");
  EXPECT_EQ(schema->ToJson(), expected);
  EXPECT_EQ(Parsed(schema->ToJson())->ToJson(), expected);
  const AvroType& root = schema->root();
  EXPECT_EQ(root.name, "a.b.manifest_entry");
  EXPECT_EQ(*root.Attribute("schema-id"), "7");
  EXPECT_EQ(root.fields[2].type->children[1]->logical, AvroLogical::kMap);
  EXPECT_EQ(root.fields[4].type, root.fields[2].type->children[1]->children[0]);
  EXPECT_EQ(root.fields[5].type->name, "f4");
  EXPECT_EQ(root.fields[7].type->precision, 9);
}

TEST(AvroSchema, NamesWhatIsWrong) {
  EXPECT_TRUE(Holds(ParseError("{"), "broken JSON"));
  EXPECT_TRUE(Holds(ParseError("\"strin\""), "unknown type 'strin'"));
  EXPECT_TRUE(Holds(ParseError(Record(Field("a", "\"int\"") + "," + Field("a", "\"int\""))),
                    "field 'a' is defined twice"));
  EXPECT_TRUE(Holds(ParseError(Record(Field("a b", "\"int\""))), "field 'a b'"));
  EXPECT_TRUE(Holds(ParseError(R"(["int","int"])"), "int more than once"));
  EXPECT_TRUE(Holds(ParseError(R"({"type":"array"})"), "no \"items\""));
  EXPECT_TRUE(Holds(ParseError(R"({"type":"fixed","name":"f","size":-1})"), "size"));
  EXPECT_TRUE(Holds(ParseError(Record(Field("a", Record("", "r")))), "'r' is defined twice"));
  std::string deep = "\"int\"";
  for (int i = 0; i < 100; ++i) deep = R"({"type":"array","items":)" + deep + "}";
  EXPECT_TRUE(Holds(ParseError(deep), "deeper than"));
}

TEST(AvroReader, ReadsTheBytesOfTheSpecification) {
  // The specification's example: {"a": 27, "b": "foo"} is 36 06 66 6f 6f.
  const std::string ab = Record(Field("a", "\"long\"") + "," + Field("b", "\"string\""));
  const Schema columns{{{"a", SqlType::BigInt()}, {"b", SqlType::String()}}};
  EXPECT_EQ(ReadRow(ab, columns, "\x36\x06" "foo"), "27, foo");
  EXPECT_EQ(ReadRow(ab, columns, "\x36\x06" "foo!"), "27, foo +1");
  EXPECT_EQ(ReadValue("\"long\"", SqlType::BigInt(), "\x01"), "-1");
  EXPECT_EQ(ReadValue("\"long\"", SqlType::BigInt(), "\x7F"), "-64");
  EXPECT_EQ(ReadValue("\"long\"", SqlType::BigInt(), "\x80\x01"), "64");
  EXPECT_EQ(ReadValue("\"long\"", SqlType::BigInt(), "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01"),
            "-9223372036854775808");
  EXPECT_EQ(ReadValue(R"(["null","string"])", SqlType::String(), "\x02\x02" "a"), "a");
  EXPECT_EQ(ReadValue(R"(["null","string"])", SqlType::String(), std::string_view("\0", 1)),
            "null");
  // Arrays: a block of two, and one that says its size.
  const std::string array = R"({"type":"array","items":"long"})";
  EXPECT_EQ(ReadValue(array, SqlType::Array(SqlType::BigInt()), {"\x04\x06\x36\x00", 4}), "[3, 27]");
  EXPECT_EQ(ReadValue(array, SqlType::Array(SqlType::BigInt()), {"\x03\x04\x06\x36\x02\x02\x00", 7}),
            "[3, 27, 1]");
  EXPECT_EQ(ReadValue(R"({"type":"map","values":"int"})",
                      SqlType::Map(SqlType::String().NotNull(), SqlType::Int()),
                      {"\x02\x02k\x05\x00", 5}),
            "{k=-3}");
}

TEST(AvroReader, PromotesAndRefuses) {
  EXPECT_EQ(ReadValue("\"int\"", SqlType::Double(), "\x05"), "-3.0");
  EXPECT_EQ(ReadValue("\"long\"", SqlType::Of(TypeKind::kTinyInt), "\xFE\x01"), "127");
  EXPECT_EQ(ReadValue("\"long\"", SqlType::Of(TypeKind::kTinyInt), "\x80\x02"),
            "error: field `v`: 128 is out of range of TINYINT");
  EXPECT_TRUE(Holds(ReadValue("\"string\"", SqlType::Int(), ""),
                    "column `v` is INT, which cannot be read from Avro's string"));
  EXPECT_EQ(ReadValue("\"bytes\"", SqlType::String(), "\x02\xFF"), "error: field `v`: invalid UTF-8");
  EXPECT_EQ(ReadValue("\"bytes\"", SqlType::Bytes(), "\x02\xFF"), "x'ff'");
  EXPECT_EQ(ReadValue(R"(["null","int","string"])", SqlType::BigInt(), "\x02\x08"), "4");
  EXPECT_EQ(ReadValue(R"(["null","int","string"])", SqlType::BigInt(), "\x04\x02" "a"),
            "error: field `v`: string cannot be read as BIGINT");
  EXPECT_EQ(ReadValue(R"(["null","int"])", SqlType::Int(), "\x04"),
            "error: field `v`: 2 is no branch of a union of 2");
  EXPECT_EQ(ReadValue(R"({"type":"enum","name":"e","symbols":["A","B"]})", SqlType::String(), "\x02"),
            "B");
  const std::string cents = R"({"type":"bytes","logicalType":"decimal","precision":4,"scale":2})";
  EXPECT_EQ(ReadValue(cents, Decimal(10, 3), {"\x04\xFF\x38", 3}), "-2.000");
  EXPECT_EQ(ReadValue(cents, Decimal(2, 2), {"\x04\x00\xC8", 3}),
            "error: field `v`: a decimal is out of range of DECIMAL(2, 2)");
  EXPECT_EQ(ReadValue(R"({"type":"long","logicalType":"timestamp-micros"})", SqlType::Timestamp(3),
                      "\x01"),
            "1969-12-31 23:59:59.999");
  EXPECT_EQ(ReadValue(R"({"type":"int","logicalType":"date"})", SqlType::Of(TypeKind::kDate), "\x02"),
            "1970-01-02");
}

TEST(AvroReader, SkipsAddsAndNests) {
  const std::string writer = Record(
      Field("gone", Record(Field("x", R"({"type":"array","items":["null","string"]})"), "g")) + "," +
      Field("in", Record(Field("n", "\"int\"") + "," + Field("more", "\"double\""), "i")) + "," +
      Field("pairs", R"({"type":"array","items":)" +
                         Record(Field("key", "\"int\"") + "," + Field("value", "\"long\""), "kv") +
                         "}"));
  SqlType row = SqlType::Of(TypeKind::kRow);
  row.children = {{"added", std::make_shared<SqlType>(SqlType::String())},
                  {"n", std::make_shared<SqlType>(SqlType::Int())}};
  const Schema columns{{{"pairs", SqlType::Map(SqlType::Int().NotNull(), SqlType::BigInt())},
                        {"new", SqlType::BigInt()},
                        {"in", row}}};
  const std::string bytes =
      std::string("\x04\x00\x02\x02z\x00", 6) + "\x0C" + std::string(8, 'd') +
      std::string("\x02\x02\x10\x00", 4);
  EXPECT_EQ(ReadRow(writer, columns, bytes), "{1=8}, null, (NULL, 6)");
  for (size_t cut = 0; cut < bytes.size(); ++cut) {
    EXPECT_TRUE(ReadRow(writer, columns, bytes.substr(0, cut)).starts_with("error: ")) << cut;
  }
  Schema strict = columns;
  strict.columns[1].type.nullable = false;
  EXPECT_TRUE(Holds(ReadRow(writer, strict, bytes), "`new` is NOT NULL"));
}

TEST(AvroReader, BelievesNoLength) {
  const std::string_view huge("\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", 10);
  EXPECT_TRUE(ReadValue("\"string\"", SqlType::String(), huge).starts_with("error"));
  const SqlType longs = SqlType::Array(SqlType::BigInt());
  EXPECT_TRUE(ReadValue(R"({"type":"array","items":"long"})", longs, huge).starts_with("error"));
  // Items of no bytes at all.
  const std::string nulls = R"({"type":"array","items":"null"})";
  EXPECT_EQ(ReadValue(nulls, longs, huge), "error: field `v`: more values than a batch can hold");
  EXPECT_EQ(ReadValue(nulls, longs, {"\x04\x00", 2}), "[NULL, NULL]");
  EXPECT_TRUE(ReadRow(Record(Field("v", nulls)), Schema{{{"x", longs}}}, huge).starts_with("error"));
  // A record that holds itself, skipped.
  const std::string list = Record(Field("next", R"(["null","list"])"), "list");
  EXPECT_EQ(ReadRow(list, Schema{{{"x", longs}}}, {"\x02\x02\x00", 3}), "null");
  EXPECT_TRUE(ReadRow(list, Schema{{{"x", longs}}}, std::string(1000, '\x02')).starts_with("error"));
}

TEST(AvroWriter, WritesTheBytesOfTheSpecification) {
  EXPECT_EQ(WriteValue("\"long\"", SqlType::BigInt(), "27"), "\x36");
  EXPECT_EQ(WriteValue("\"string\"", SqlType::String(), "\"foo\""), "\x06" "foo");
  EXPECT_EQ(WriteValue(R"(["null","string"])", SqlType::String(), "\"a\""), "\x02\x02" "a");
  EXPECT_EQ(WriteValue(R"(["null","string"])", SqlType::String(), "null"), std::string("\0", 1));
  EXPECT_EQ(WriteValue(R"(["string","null"])", SqlType::String(), "null"), "\x02");
  EXPECT_EQ(WriteValue("\"string\"", SqlType::String(), "null"),
            "error: field `v`: NULL, but string is not nullable");
  const SqlType longs = SqlType::Array(SqlType::BigInt());
  const std::string array = R"({"type":"array","items":"long"})";
  EXPECT_EQ(WriteValue(array, SqlType::Array(SqlType::BigInt()), "[3, 27]"),
            std::string("\x04\x06\x36\x00", 4));
  EXPECT_EQ(WriteValue(array, longs, "[]"), std::string("\0", 1));
  const std::string decimal = R"({"type":"bytes","logicalType":"decimal","precision":9,"scale":2})";
  EXPECT_EQ(WriteValue(decimal, Decimal(9, 2), "2.00"), std::string("\x04\x00\xC8", 3));
  EXPECT_EQ(WriteValue(decimal, Decimal(9, 2), "-1.28"), "\x02\x80");
  EXPECT_EQ(WriteValue(decimal, Decimal(9, 2), "0"), std::string("\x02\x00", 2));
  const std::string fixed =
      R"({"type":"fixed","name":"f","size":3,"logicalType":"decimal","precision":6,"scale":2})";
  EXPECT_EQ(WriteValue(fixed, Decimal(6, 2), "-1.28"), "\xFF\xFF\x80");
  EXPECT_EQ(WriteValue(R"({"type":"long","logicalType":"timestamp-micros"})", SqlType::Timestamp(3),
                       "\"1970-01-01 00:00:00.001\""),
            "\xD0\x0F");
  EXPECT_EQ(WriteValue(R"({"type":"enum","name":"e","symbols":["A","B"]})", SqlType::String(),
                       "\"B\""),
            "\x02");
  EXPECT_EQ(WriteValue(R"({"type":"enum","name":"e","symbols":["A","B"]})", SqlType::String(),
                       "\"C\""),
            "error: field `v`: 'C' is no symbol of enum e");
  EXPECT_TRUE(Holds(WriteValue("\"int\"", SqlType::BigInt(), "1"),
                    "`v`: int64 cannot be written as Avro's int"));
}

// All kinds of columns, as Flink's schema says them, in and out.
Schema EveryType() {
  SqlType row = SqlType::Of(TypeKind::kRow);
  row.children = {{"x", std::make_shared<SqlType>(SqlType::Int())},
                  {"y", std::make_shared<SqlType>(SqlType::Array(SqlType::String()))}};
  return Schema{{{"b", SqlType::Boolean()},
                 {"t", SqlType::Of(TypeKind::kTinyInt)},
                 {"s", SqlType::Of(TypeKind::kSmallInt)},
                 {"i", SqlType::Int().NotNull()},
                 {"l", SqlType::BigInt()},
                 {"f", SqlType::Of(TypeKind::kFloat)},
                 {"d", SqlType::Double()},
                 {"m", Decimal(20, 4)},
                 {"c", SqlType::String()},
                 {"y", SqlType::Bytes()},
                 {"da", SqlType::Of(TypeKind::kDate)},
                 {"ti", SqlType::Of(TypeKind::kTime, 3)},
                 {"ts", SqlType::Timestamp(3)},
                 {"tu", SqlType::TimestampLtz(6)},
                 {"a", SqlType::Array(row)},
                 {"mp", SqlType::Map(SqlType::String().NotNull(), SqlType::Double())},
                 {"r", row}}};
}

constexpr char kEveryRow[] =
    R"({"b":true,"t":-1,"s":300,"i":7,"l":-9223372036854775808,"f":1.5,"d":-0.1,)"
    R"("m":"-1234567890123456.7891","c":"grün","y":"AP8=","da":"2024-02-29","ti":"23:59:59.999",)"
    R"("ts":"1969-12-31 23:59:59.999","tu":"2024-01-02 03:04:05.123456Z",)"
    R"("a":[{"x":1,"y":["p",null]},null],"mp":{"k":2.5},"r":{"x":null,"y":[]}})"
    "\n{\"i\": 8}\n";

TEST(AvroTypes, AreThoseOfFlink) {
  const Schema columns{{{"id", SqlType::BigInt().NotNull()},
                        {"name", SqlType::String()},
                        {"at", SqlType::Timestamp(3)},
                        {"r", EveryType().columns.back().type}}};
  const auto schema = AvroSchemaOf(columns, AvroTimestamps::kLegacy);
  ASSERT_TRUE(schema.ok()) << schema.status();
  EXPECT_EQ((*schema)->ToJson(),
            R"({"type":"record","name":"record","namespace":"org.apache.flink.avro.generated",)"
            R"("fields":[{"name":"id","type":"long"},)"
            R"({"name":"name","type":["null","string"],"default":null},)"
            R"({"name":"at","type":["null",{"type":"long","logicalType":"timestamp-millis"}],)"
            R"("default":null},{"name":"r","type":["null",{"type":"record","name":"record_r",)"
            R"("fields":[{"name":"x","type":["null","int"],"default":null},{"name":"y","type":)"
            R"(["null",{"type":"array","items":["null","string"]}],"default":null}]}],)"
            R"("default":null}]})");
  EXPECT_TRUE(Holds((*AvroSchemaOf(columns, AvroTimestamps::kLocal))->ToJson(),
                    "local-timestamp-millis"));
  const Schema nanos{{{"t", SqlType::Timestamp(9)}}};
  EXPECT_TRUE(Holds(AvroSchemaOf(nanos, AvroTimestamps::kLegacy).status().message(), "at most 6"));
}

TEST(AvroContainer, KeepsEveryTypeAndTheMetadata) {
  const Schema columns = EveryType();
  const auto rows = BatchOf(columns, kEveryRow);
  const auto schema = *AvroSchemaOf(columns, AvroTimestamps::kLegacy);
  for (const std::string codec : {"null", "deflate", "snappy", "zstandard"}) {
    const auto bytes = WriteAvroContainer(schema, *rows, {{"schema-id", "3"}}, codec);
    ASSERT_TRUE(bytes.ok()) << bytes.status();
    const auto contents = ReadAvroContainer(*bytes, &columns);
    ASSERT_TRUE(contents.ok()) << codec << contents.status();
    EXPECT_EQ(RowTexts(*contents->rows), RowTexts(*rows));
    EXPECT_EQ(contents->metadata.at("schema-id"), "3");
    EXPECT_EQ(contents->schema->ToJson(), schema->ToJson());
    const auto own = ReadAvroContainer(*bytes);  // in the writer's own columns
    ASSERT_TRUE(own.ok()) << own.status();
    EXPECT_EQ(own->columns.columns[4].type.ToString(), "BIGINT");
    EXPECT_EQ(own->rows->num_rows(), 2);
  }
}

TEST(AvroContainer, IsWrittenByteForByte) {
  const Schema columns{{{"a", SqlType::BigInt().NotNull()}}};
  const auto schema = Parsed(Record(Field("a", "\"long\"")));
  const auto rows = BatchOf(columns, "{\"a\": 27}\n{\"a\": -1}\n");
  const auto bytes = WriteAvroContainer(schema, *rows, {{"k", "v"}}, "null", "0123456789abcdef");
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  const std::string json = R"({"type":"record","name":"r","fields":[{"name":"a","type":"long"}]})";
  ASSERT_EQ(json.size(), 66U);
  EXPECT_EQ(*bytes, std::string("Obj\x01\x06\x14") + "avro.codec" + "\x08null" + "\x16" +
                        "avro.schema" + "\x84\x01" + json + "\x02k\x02v" + std::string(1, '\0') +
                        "0123456789abcdef" + "\x04\x04\x36\x01" + "0123456789abcdef");
}

TEST(AvroContainer, ReadsManyBlocksAndGoesOnBehindOne) {
  const Schema columns{{{"a", SqlType::BigInt().NotNull()}}};
  const auto schema = Parsed(Record(Field("a", "\"long\"")));
  arrow::Int64Builder builder;
  for (int64_t i = 0; i < 100000; ++i) ASSERT_TRUE(builder.Append(1 << 20 | i).ok());
  const auto rows = arrow::RecordBatch::Make(columns.ToArrow(), 100000, {*builder.Finish()});
  const auto bytes = WriteAvroContainer(schema, *rows);
  ASSERT_TRUE(bytes.ok());
  const auto open = [&] {
    auto buffer = std::make_shared<arrow::Buffer>(*bytes);
    auto file = AvroFileReader::Open(std::make_shared<arrow::io::BufferReader>(buffer), "f");
    EXPECT_TRUE(file.ok() && (*file)->Select(columns).ok());
    return std::move(*file);
  };
  const auto first = open();
  const int64_t read = (*first->Next())->num_rows();
  EXPECT_LT(read, 100000);
  const auto second = open();
  ASSERT_TRUE(second->Seek(first->position()).ok());
  int64_t rest = 0;
  while (auto batch = *second->Next()) rest += batch->num_rows();
  EXPECT_EQ(read + rest, 100000);
  EXPECT_FALSE(second->Seek(std::ssize(*bytes) + 1).ok());
}

TEST(AvroContainer, BrokenFilesAreErrors) {
  const Schema columns = EveryType();
  const auto rows = BatchOf(columns, kEveryRow);
  const auto schema = *AvroSchemaOf(columns, AvroTimestamps::kLegacy);
  for (const std::string codec : {"null", "deflate", "snappy", "zstandard"}) {
    const std::string bytes = *WriteAvroContainer(schema, *rows, {}, codec);
    // Cut off anywhere but behind the header, where no block is missing.
    const std::string empty = *WriteAvroContainer(schema, *rows->Slice(0, 0), {}, codec);
    for (size_t cut = 0; cut < bytes.size(); ++cut) {
      if (cut == empty.size()) continue;
      EXPECT_FALSE(ReadAvroContainer(bytes.substr(0, cut)).ok()) << codec << cut;
    }
    for (size_t at = 0; at < bytes.size(); ++at) {  // no crash, no hang
      std::string broken = bytes;
      broken[at] = static_cast<char>(broken[at] ^ 0x55);
      const auto contents = ReadAvroContainer(broken);
      if (!contents.ok()) continue;
      EXPECT_TRUE(contents->rows->ValidateFull().ok()) << codec << at;
    }
  }
  EXPECT_TRUE(Holds(ReadAvroContainer("Obj").status().message(), "no Avro container file"));
}

}  // namespace
}  // namespace millrace
