// The formats 'avro', 'protobuf' and 'debezium-json' message by message: what one message is, that
// a broken one is a dead letter that leaves its neighbours alone, and that what is written reads
// back.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "formats/decode_testing.h"
#include "formats/protobuf/proto_file.h"
#include "formats/protobuf/test_descriptors.h"
#include "formats/record_decoder.h"
#include "formats/record_encoder.h"

namespace millrace {
namespace {

using Texts = std::vector<std::string>;

struct Read {
  Texts rows;
  std::vector<int64_t> sources;
  std::vector<RowKind> kinds;
  Texts bad;
};

Read DecodeRecords(const std::string& format, const Schema& schema, const Schema& all,
                   const Options& options, const Texts& records) {
  auto decoder = MakeRecordDecoder(format, schema, all, options);
  EXPECT_TRUE(decoder.ok()) << decoder.status().ToString();
  if (!decoder.ok()) return {};
  const std::vector<std::string_view> views(records.begin(), records.end());
  KeptDeadLetters dead;
  auto decoded = (*decoder)->Decode(views, nullptr, dead);
  EXPECT_TRUE(decoded.ok()) << decoded.status().ToString();
  if (!decoded.ok()) return {};
  Read read{{}, decoded->sources, decoded->kinds, dead.reasons};
  if (decoded->rows) {
    EXPECT_TRUE(decoded->rows->ValidateFull().ok()) << decoded->rows->ValidateFull();
    read.rows = RowTexts(*decoded->rows);
  }
  return read;
}

Texts EncodeRecords(const std::string& format, const Schema& schema, const Options& options,
                    const std::string& json_lines, RowKinds kinds = nullptr) {
  auto rows = MakeDecoder("json", schema, schema, {});
  Chunk chunk;
  chunk.bytes = arrow::Buffer::FromString(json_lines);
  chunk.first_line = 1;
  KeptDeadLetters dead;
  auto batch = (*rows)->Decode(chunk, dead);
  EXPECT_TRUE(batch.ok() && dead.reasons.empty());
  auto encoder = MakeRecordEncoder(format, schema, options);
  EXPECT_TRUE(encoder.ok()) << encoder.status().ToString();
  std::string bytes;
  std::vector<int64_t> ends;
  (*encoder)->SetKinds(std::move(kinds));
  const Status status = (*encoder)->Encode(**batch, bytes, ends);
  if (!status.ok()) return {"error: " + status.message()};
  Texts records;
  int64_t begin = 0;
  for (const int64_t end : ends) {
    records.push_back(bytes.substr(static_cast<size_t>(begin), static_cast<size_t>(end - begin)));
    begin = end;
  }
  return records;
}

std::string MakeError(const std::string& format, const Schema& schema, const Options& options) {
  const auto decoder = MakeRecordDecoder(format, schema, schema, options);
  return decoder.ok() ? "" : decoder.status().message();
}

bool Holds(const std::string& text, const std::string& part) {
  return text.find(part) != text.npos;
}

const Schema kTwo{{{"a", SqlType::String()}, {"b", SqlType::BigInt().NotNull()}}};

TEST(AvroFormat, ReadsWhatItWrites) {
  const Texts records =
      EncodeRecords("avro", kTwo, {}, "{\"a\":\"x\",\"b\":1}\n{\"b\":-2}\n");
  EXPECT_EQ(records, (Texts{std::string("\x02\x02x\x02"), std::string("\x00\x03", 2)}));
  const Read read = DecodeRecords("avro", kTwo, kTwo, {}, records);
  EXPECT_EQ(read.rows, (Texts{"x, 1", "null, -2"}));
  // Only one of the columns is wanted, and one message of four is sound.
  const Schema b{{kTwo.columns[1]}};
  const Read few = DecodeRecords("avro", b, kTwo, {},
                                 {"\x02\x02x", records[0] + "!", records[0], "\x08\x02"});
  EXPECT_EQ(few.rows, (Texts{"1"}));
  EXPECT_EQ(few.sources, (std::vector<int64_t>{2}));
  EXPECT_EQ(few.bad,
            (Texts{"0: field `b`: the record is cut off or no Avro of this schema",
                   "1: 1 bytes behind the record: it is of another schema",
                   "3: field `a`: the record is cut off or no Avro of this schema"}));
  EXPECT_TRUE(Holds(MakeError("avro", kTwo, {{"avro.encoding", "xml"}}), "neither binary nor"));
  EXPECT_TRUE(Holds(MakeError("avro-confluent", kTwo, {}), "missing option 'avro-confluent.url'"));
}

TEST(AvroFormat, ReadsAndWritesItsJson) {
  const SqlType text = SqlType::String();
  SqlType row = SqlType::Of(TypeKind::kRow);
  row.children.push_back({"x", std::make_shared<SqlType>(SqlType::Int())});
  const Schema all{{{"n", SqlType::BigInt().NotNull()},
                    {"b", SqlType::Boolean()},
                    {"f", SqlType::Of(TypeKind::kFloat)},
                    {"d", SqlType::Double()},
                    {"s", text},
                    {"y", SqlType::Bytes()},
                    {"m", SqlType::Of(TypeKind::kDecimal, 6, 2)},
                    {"a", SqlType::Array(SqlType::Int())},
                    {"p", SqlType::Map(text.NotNull(), SqlType::BigInt().NotNull())},
                    {"r", row}}};
  const Options json{{"avro.encoding", "json"}};
  const Texts records = EncodeRecords(
      "avro", all, json,
      R"({"n":-5,"b":true,"f":1,"d":1e300,"s":"q\"\u00fc","y":"gP8K","m":-1.28,"a":[1,null],)"
      R"("p":{"k":7},"r":{"x":3}})" "\n" R"({"n":0})" "\n");
  // Bytes are characters: 0x80 is C2 80 in UTF-8.
  EXPECT_EQ(records,
            (Texts{R"({"n":-5,"b":{"boolean":true},"f":{"float":1.0},"d":{"double":1e+300},)"
                   R"("s":{"string":"q\")" "\xC3\xBC" R"("},"y":{"bytes":")" "\xC2\x80\xC3\xBF"
                   R"(\u000a"},"m":{"bytes":")" "\xC2\x80" R"("},"a":{"array":[{"int":1},null]},)"
                   R"("p":{"map":{"k":7}},"r":{"org.apache.flink.avro.generated.record_r":)"
                   R"({"x":{"int":3}}}})",
                   R"({"n":0,"b":null,"f":null,"d":null,"s":null,"y":null,"m":null,"a":null,)"
                   R"("p":null,"r":null})"}));
  const Read read = DecodeRecords("avro", all, all, json, records);
  EXPECT_TRUE(read.bad.empty()) << read.bad.front();
  EXPECT_EQ(read.rows, (Texts{"-5, TRUE, 1.0, 1.0E300, q\"\xC3\xBC, x'80ff0a', -1.28, [1, NULL], {k=7}, "
                              "(3)",
                              "0, null, null, null, null, null, null, null, null, null"}));
}

TEST(AvroFormat, BrokenJsonIsADeadLetter) {
  const Options json{{"avro.encoding", "json"}};
  const Read read = DecodeRecords(
      "avro", kTwo, kTwo, json,
      {R"({"b":1,"a":null})", R"({"a":null})", R"({"a":"x","b":1})", R"({"a":{"int":1},"b":1})",
       R"({"a":{"string":1},"b":1})", R"({"a":null,"b":1.5})", "{", R"({"a":{},"b":1})",
       R"( {"more":[], "a":{"string":"y"},"b":2} )"});
  EXPECT_EQ(read.rows, (Texts{"null, 1", "y, 2"}));
  EXPECT_EQ(read.sources, (std::vector<int64_t>{0, 8}));
  ASSERT_EQ(read.bad.size(), 7U);
  EXPECT_EQ(read.bad[0], "1: field `b`: it is not there");
  EXPECT_EQ(read.bad[1], "2: field `a`: a value of a union is null or as {\"string\": ...}");
  EXPECT_EQ(read.bad[2], "3: field `a`: the union has no 'int'");
  EXPECT_EQ(read.bad[3], "4: field `a`: 1 is no string");
  EXPECT_EQ(read.bad[4], "5: field `b`: 1.5 is no long");
  EXPECT_TRUE(Holds(read.bad[5], "broken JSON")) << read.bad[5];
  EXPECT_TRUE(Holds(read.bad[6], "is null or as")) << read.bad[6];
}

class ProtobufFormat : public testing::Test {
 protected:
  void SetUp() override {
    path_ = testing::TempDir() + "millrace-shop.desc";
    std::ofstream(path_, std::ios::binary) << ShopDescriptors();
    options_ = {{"protobuf.message-class-name", "shop.Order"}, {"protobuf.descriptor-file", path_}};
  }
  void TearDown() override { std::filesystem::remove(path_); }

  std::string path_;
  Options options_;
};

SqlType Item() {
  SqlType row = SqlType::Of(TypeKind::kRow);
  row.children = {{"name", std::make_shared<SqlType>(SqlType::String())},
                  {"n", std::make_shared<SqlType>(SqlType::Int())}};
  return row;
}

const Schema& Orders() {
  static const Schema kOrders{
      {{"id", SqlType::BigInt()},
       {"who", SqlType::String()},
       {"xs", SqlType::Array(SqlType::Int())},
       {"items", SqlType::Array(Item())},
       {"counts", SqlType::Map(SqlType::String().NotNull(), SqlType::BigInt())},
       {"color", SqlType::String()},
       {"d", SqlType::Double()},
       {"u", SqlType::BigInt()},
       {"item", Item()},
       {"b", SqlType::Bytes()},
       {"f", SqlType::Boolean()},
       {"x", SqlType::BigInt()},
       {"y", SqlType::Of(TypeKind::kFloat)}}};
  return kOrders;
}

TEST_F(ProtobufFormat, ReadsWhatItWrites) {
  const Texts records = EncodeRecords(
      "protobuf", Orders(), options_,
      R"({"id":-1,"who":"me","xs":[1,-2],"items":[{"name":"p","n":3},{"n":4}],"counts":{"k":5},)"
      R"("color":"BLUE","d":0.5,"u":4294967295,"item":{"name":"q"},"b":"AA==","f":true,"x":7,)"
      R"("y":1.5})" "\n{}\n");
  ASSERT_EQ(records.size(), 2U);
  EXPECT_EQ(records[0],
            std::string("\x08\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01"  // id
                        "\x12\x02me\x1A\x02\x02\x03"                    // who, xs packed
                        "\x22\x05\x0A\x01p\x10\x03\x22\x02\x10\x04"     // items
                        "\x2A\x05\x0A\x01k\x10\x05\x30\x02"             // counts, color
                        "\x39\x00\x00\x00\x00\x00\x00\xE0\x3F"          // d
                        "\x40\xFF\xFF\xFF\xFF\x0F\x4A\x03\x0A\x01q"     // u, item
                        "\x52\x01\x00\x58\x01\x65\x07\x00\x00\x00"      // b, f, x
                        "\x6D\x00\x00\xC0\x3F",                         // y
                        74));
  EXPECT_EQ(records[1], "");
  const Read read = DecodeRecords("protobuf", Orders(), Orders(), options_, records);
  EXPECT_TRUE(read.bad.empty()) << read.bad.front();
  EXPECT_EQ(read.rows,
            (Texts{"-1, me, [1, -2], [(p, 3), (, 4)], {k=5}, BLUE, 0.5, 4294967295, (q, 0), x'00', "
                   "TRUE, 7, 1.5",
                   "0, null, null, null, null, RED, 0.0, 0, null, x'', FALSE, 0, 0.0"}));
  Options defaults = options_;
  defaults["protobuf.read-default-values"] = "true";
  EXPECT_EQ(DecodeRecords("protobuf", Orders(), Orders(), defaults, {""}).rows,
            (Texts{"0, , [], [], {}, RED, 0.0, 0, null, x'', FALSE, 0, 0.0"}));
}

TEST_F(ProtobufFormat, TakesWhatOthersMayWrite) {
  const Schema some{{{"xs", SqlType::Array(SqlType::Int())},
                     {"id", SqlType::Int()},
                     {"color", SqlType::String()},
                     {"counts", SqlType::Map(SqlType::String().NotNull(), SqlType::BigInt())}}};
  // Not packed and with another field between; the last id counts; unknown fields, also a group;
  // an enum without a name; a map's entry without its value.
  const std::string record =
      std::string("\x18\x02\x08\x05\x1A\x01\x04\x08\x06\x18\x01\x30\x09", 13) +
      std::string("\xA3\x06\x08\x01\xA4\x06\xFA\x06\x01z\x2A\x03\x0A\x01k", 15);
  const Read read = DecodeRecords("protobuf", some, some, options_, {record});
  EXPECT_TRUE(read.bad.empty()) << read.bad.front();
  EXPECT_EQ(read.rows, (Texts{"[1, 2, -1], 6, 9, {k=0}"}));
}

TEST_F(ProtobufFormat, BrokenMessagesAreDeadLetters) {
  const Schema some{{{"id", SqlType::Of(TypeKind::kTinyInt)},
                     {"items", SqlType::Array(Item())},
                     {"who", SqlType::String().NotNull()}}};
  const std::string good("\x22\x03\x0A\x01p\x12\x01x", 8);
  const Read read = DecodeRecords(
      "protobuf", some, some, options_,
      {good, good.substr(0, 7), std::string("\x08\x80\x01", 3) + good, "\x22\x02\x0A\x05", good,
       "\x12\x01\xFF", "\x0A\x01x", "\x08\x01", std::string("\x07", 1), good});
  EXPECT_EQ(read.rows, (Texts(3, "0, [(p, 0)], x")));
  EXPECT_EQ(read.sources, (std::vector<int64_t>{0, 4, 9}));
  EXPECT_EQ(read.bad, (Texts{"1: field `who`: the message is cut off or none of this type",
                             "2: field `id`: 128 is out of range of TINYINT",
                             "3: field `items.name`: the message is cut off or none of this type",
                             "5: field `who`: invalid UTF-8",
                             "6: field `id`: the message is cut off or none of this type",
                             "7: field `who`: NULL, but the column is NOT NULL",
                             "8: the message is cut off or none of this type"}));
}

TEST_F(ProtobufFormat, NamesWhatDoesNotFit) {
  const Schema wrong{{{"ids", SqlType::BigInt()}}};
  EXPECT_TRUE(Holds(MakeError("protobuf", wrong, options_), "no field `ids`. did you mean 'id'?"));
  const Schema text{{{"id", SqlType::String()}}};
  EXPECT_TRUE(Holds(MakeError("protobuf", text, options_), "column `id` is STRING"));
  Options options = options_;
  options["protobuf.message-class-name"] = "shop.Ordr";
  EXPECT_TRUE(Holds(MakeError("protobuf", Orders(), options), "did you mean 'shop.Order'?"));
  options["protobuf.descriptor-file"] = "/does/not/exist";
  EXPECT_TRUE(Holds(MakeError("protobuf", Orders(), options), "cannot be read"));
  std::ofstream(path_, std::ios::binary) << "syntax = \"proto3\";";
  EXPECT_TRUE(Holds(MakeError("protobuf", Orders(), options_), "protoc --include_imports"));
  const Schema small{{{"color", SqlType::String()}, {"u", SqlType::BigInt()}}};
  std::ofstream(path_, std::ios::binary | std::ios::trunc) << ShopDescriptors();
  EXPECT_EQ(EncodeRecords("protobuf", small, options_, R"({"u":-1})").front(),
            "error: format 'protobuf': field `u`: -1 is out of range of the field's type");
  EXPECT_EQ(EncodeRecords("protobuf", small, options_, R"({"color":"PINK"})").front(),
            "error: format 'protobuf': field `color`: 'PINK' is no value of enum shop.Color");
}

TEST_F(ProtobufFormat, ReadsProtoFiles) {
  const std::filesystem::path folder = testing::TempDir() + "millrace-protos";
  std::filesystem::create_directories(folder / "shop");
  std::ofstream(folder / "shop/order.proto") << R"(// An order.
      syntax = "proto3";
      package shop;
      import public "shop/item.proto"; import "google/protobuf/timestamp.proto";
      option java_package = "x.\"y\"";
      option (custom) = { a: 1; b: { c: "}" } };
      enum Color { option allow_alias = true; RED = 0; BLUE = 0x2 [deprecated = true]; reserved 3; }
      service Shop { rpc Buy (Order) returns (Order) { option x = 1; } }
      message Order { /* map and list */
        reserved 100 to 200, 300; reserved "old";
        int64 id = 1; optional string who = 2;
        repeated sint32 xs = 3 [packed = true, (o).p = {q: 1}];
        repeated Item items = 4; map<string, int64> counts = 5; Color color = 6; double d = 7;
        uint32 u = 8; .shop.Item item = 9; bytes b = 10; bool f = 11; fixed32 x = 12; float y = 13;
        message Inner { enum Color { A = 0; } Color color = 1; }
        oneof choice { string text = 20; Inner inner = 21; }
        google.protobuf.Timestamp at = 22;
      })";
  std::ofstream(folder / "shop/item.proto")
      << "syntax = 'proto3'; package shop; message Item { string name = 1; int32 n = 2; }";
  const std::string json =
      R"({"id":7,"who":"w","xs":[1,-2],"items":[{"name":"i","n":3}],"counts":{"k":4},)"
      R"("color":"BLUE","d":0.5,"u":9,"item":{"name":"j"},"f":true,"x":1,"y":2.5})" "\n";
  const Options from_text{{"protobuf.message-class-name", "shop.Order"},
                          {"protobuf.descriptor-file", folder / "shop/order.proto"}};
  EXPECT_EQ(EncodeRecords("protobuf", Orders(), from_text, json),
            EncodeRecords("protobuf", Orders(), options_, json));
  const SqlType text = SqlType::String(), whole = SqlType::BigInt();
  SqlType at = SqlType::Of(TypeKind::kRow);
  at.children = {{"seconds", std::make_shared<SqlType>(whole)},
                 {"nanos", std::make_shared<SqlType>(SqlType::Int())}};
  SqlType inner = SqlType::Of(TypeKind::kRow);
  inner.children = {{"color", std::make_shared<SqlType>(text)}};
  const Schema more{{{"text", text}, {"inner", inner}, {"at", at}}};
  const Texts records =
      EncodeRecords("protobuf", more, from_text,
                    R"({"inner":{"color":"A"},"at":{"seconds":5,"nanos":6}})" "\n");
  EXPECT_EQ(DecodeRecords("protobuf", more, more, from_text, records).rows,
            (Texts{"null, (A), (5, 6)"}));
  std::filesystem::remove_all(folder);
}

std::string ProtoError(const std::string& text) {
  const auto parsed = ParseProtoText("x.proto", text, [](const std::string& name) {
    return Result<std::string>(UserError("no '{}'", name));
  });
  return parsed.ok() ? "" : parsed.status().message();
}

TEST(ProtoFiles, SayWhereTheyAreWrong) {
  EXPECT_EQ(ProtoError("syntax = \"proto2\"; message M { optional E e = 3 [default = B]; "
                       "required group G = 1 { optional int32 a = 2; } extensions 10 to max; "
                       "enum E { B = -1; } }\nextend M { optional int32 x = 10; };"),
            "");
  EXPECT_EQ(ProtoError("message M {\n int32 = 1;\n}"),
            "x.proto: line 2: expected a name, found '='");
  EXPECT_EQ(ProtoError("message M {\n int32 a = 0;\n}"),
            "x.proto: line 2: 0 is no field's number: 1 to 536870911");
  EXPECT_EQ(ProtoError("message M { N a = 1; }"), "message M, field 'a': there is no type 'N'");
  EXPECT_EQ(ProtoError("\nmessage M { int32 a = 1"),
            "x.proto: line 2: expected ';', found 'the end'");
  EXPECT_EQ(ProtoError("import \"y.proto\";"), "x.proto: no 'y.proto'");
  EXPECT_EQ(ProtoError("edition = \"2023\";"),
            "x.proto: line 1: expected message, enum, import or another definition of proto2 or "
            "proto3, found 'edition'");
  EXPECT_EQ(ProtoError("/* no end"), "x.proto: line 1: a comment does not end");
  EXPECT_EQ(ProtoError("option a = 'x\n';"), "x.proto: line 1: a string does not end");
  std::string deep;
  for (int i = 0; i < 100; ++i) deep += "message M { ";
  EXPECT_TRUE(Holds(ProtoError(deep), "deeper than"));
}

TEST(DebeziumFormat, IsAChangelog) {
  const Read read = DecodeRecords(
      "debezium-json", kTwo, kTwo, {},
      {R"({"before":null,"after":{"a":"x","b":1},"op":"c","source":{"n":"{\"}"},"ts_ms":1})",
       R"({"before":{"a":"x","b":1},"after":{"a":"y","b":1},"op":"u"})",
       "{\"op\":\"r\",\n\"after\":{\"b\":2}}", R"({"before":{"b":2},"after":null,"op":"d"})"});
  EXPECT_TRUE(read.bad.empty()) << read.bad.front();
  EXPECT_EQ(read.rows, (Texts{"x, 1", "x, 1", "y, 1", "null, 2", "null, 2"}));
  EXPECT_EQ(read.sources, (std::vector<int64_t>{0, 1, 1, 2, 3}));
  EXPECT_EQ(read.kinds,
            (std::vector<RowKind>{RowKind::kInsert, RowKind::kUpdateBefore, RowKind::kUpdateAfter,
                                  RowKind::kInsert, RowKind::kDelete}));
}

TEST(DebeziumFormat, BrokenChangesAreDeadLettersAsAWhole) {
  const std::string good = R"({"after":{"b":7},"op":"c"})";
  const Read read = DecodeRecords(
      "debezium-json", kTwo, kTwo, {},
      {good, R"({"before":{"b":1},"after":{"b":"z"},"op":"u"})",
       R"({"before":{},"after":{},"op":"u"})", R"({"before":null,"after":{"b":1},"op":"u"})",
       R"({"after":{"b":1}})", "broken", R"({"after":{"b":1},"op":"t"})", good});
  EXPECT_EQ(read.rows, (Texts{"null, 7", "null, 7"}));
  EXPECT_EQ(read.sources, (std::vector<int64_t>{0, 7}));
  ASSERT_EQ(read.bad.size(), 6U);
  Texts bad = read.bad;
  std::sort(bad.begin(), bad.end());
  EXPECT_TRUE(bad[0].starts_with("1: after: field `b`")) << bad[0];
  EXPECT_TRUE(bad[1].starts_with("2: before: field `b`: NULL")) << bad[1];
  EXPECT_TRUE(Holds(bad[2], "REPLICA IDENTITY")) << bad[2];
  EXPECT_TRUE(Holds(bad[3], "\"op\" is missing")) << bad[3];
  EXPECT_TRUE(Holds(bad[4], "broken JSON")) << bad[4];
  EXPECT_TRUE(Holds(bad[5], "not c, r, u or d")) << bad[5];
  const Read lenient = DecodeRecords(
      "debezium-json", kTwo, kTwo, {{"debezium-json.ignore-parse-errors", "true"}},
      {"broken", R"({"op":"x"})", good});
  EXPECT_EQ(lenient.rows, (Texts{"null, 7"}));
  EXPECT_TRUE(lenient.bad.empty());
}

TEST(DebeziumFormat, TellsWhereChangesComeFrom) {
  Schema wanted = kTwo;
  const Schema facts{{{"ingestion-timestamp", SqlType::TimestampLtz(3)},
                      {"source.timestamp", SqlType::TimestampLtz(3)},
                      {"source.database", SqlType::String()},
                      {"source.schema", SqlType::String()},
                      {"source.table", SqlType::String()},
                      {"source.properties",
                       SqlType::Map(SqlType::String().NotNull(), SqlType::String())},
                      {"schema", SqlType::String()}}};
  wanted.columns.insert(wanted.columns.end(), facts.columns.begin(), facts.columns.end());
  const std::vector<std::string_view> records = {
      R"({"payload":{"op":"u","before":{"b":1},"after":{"b":2},"ts_ms":2,"source":{"ts_ms":1,)"
      R"("db":"sh\u006fp","schema":null,"table":"t","lsn":7,"x":{"y": [1, 2]}}},"schema": {"a": 1}})",
      R"({"payload":{"op":"c","after":{"b":"bad"},"ts_ms":9}})",
      R"({"payload":{"op":"c","after":{"b":3},"ts_ms":"late","source":[]}})"};
  const auto decoder = MakeRecordDecoder("debezium-json", wanted, kTwo,
                                         {{"debezium-json.schema-include", "true"}}, 7);
  ASSERT_TRUE(decoder.ok()) << decoder.status();
  KeptDeadLetters dead;
  const auto decoded = (*decoder)->Decode(records, nullptr, dead);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  ASSERT_TRUE(decoded->rows->ValidateFull().ok());
  const std::string told =
      "1970-01-01 00:00:00.002, 1970-01-01 00:00:00.001, shop, null, t, "
      "{ts_ms=1, db=shop, schema=NULL, table=t, lsn=7, x={\"y\":[1,2]}}, {\"a\":1}";
  EXPECT_EQ(RowTexts(*decoded->rows),
            (Texts{"null, 1, " + told, "null, 2, " + told,
                   "null, 3, null, null, null, null, null, null, null"}));
  EXPECT_EQ(dead.reasons.size(), 1U);
}

TEST(DebeziumFormat, ReadsEnvelopesWithASchemaAndWritesThemWithout) {
  EXPECT_EQ(DecodeRecords("debezium-json", kTwo, kTwo, {{"debezium-json.schema-include", "true"}},
                          {R"({"schema":{},"payload":{"op":"c","after":{"b":3}}})"})
                .rows,
            (Texts{"null, 3"}));
  const auto kinds = std::make_shared<std::vector<RowKind>>(
      std::vector<RowKind>{RowKind::kUpdateBefore, RowKind::kUpdateAfter});
  EXPECT_EQ(EncodeRecords("debezium-json", kTwo, {}, "{\"a\":\"x\",\"b\":1}\n{\"b\":2}\n", kinds),
            (Texts{R"({"before":{"a":"x","b":1},"after":null,"op":"d"})",
                   R"({"before":null,"after":{"a":null,"b":2},"op":"c"})"}));
}

}  // namespace
}  // namespace millrace
