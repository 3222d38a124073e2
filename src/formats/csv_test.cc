#include <random>

#include "formats/decode_testing.h"

namespace millrace {
namespace {

using Texts = std::vector<std::string>;

Schema Events() {
  return {{{"id", SqlType::BigInt()}, {"name", SqlType::String()}, {"price", SqlType::Double()}}};
}

TEST(CsvDecoder, ReadsRows) {
  const Decoded got = Decode("csv", Events(), {},
                             "1,ann,2.5\r\n"
                             "2,\"a \"\"q\"\", b\nc\",-3\n"
                             "\n"
                             "3,,\n"
                             " 4 ,x,\"5\"");
  EXPECT_EQ(got.rows, (Texts{"1, ann, 2.5", "2, a \"q\", b\nc, -3.0", "3, , null", "4, x, 5.0"}));
  EXPECT_TRUE(got.bad.empty());
}

TEST(CsvDecoder, EmptyInput) { EXPECT_TRUE(Decode("csv", Events(), {}, "").rows.empty()); }

TEST(CsvDecoder, BadRows) {
  const Decoded got = Decode("csv", Events(), {},
                             "x,a,1\n"
                             "1,a\n"
                             "1,a,1,2\n"
                             "1,\"a\"b,1\n"
                             "2,\"l\nm\",1\n"
                             "3,\xFF,1\n"
                             "4,ok,1\n"
                             "5,\"open");
  EXPECT_EQ(got.rows, (Texts{"2, l\nm, 1.0", "4, ok, 1.0"}));
  EXPECT_EQ(got.bad,
            (Texts{"1: field `id`: cannot read \"x\" as BIGINT", "2: 2 fields, but the table has 3",
                   "3: 4 fields, but the table has 3", "4: field 2: text behind the closing quote",
                   "7: invalid UTF-8", "9: a quote is not closed"}));
  EXPECT_EQ(got.bad_bytes[3], "1,\"a\"b,1");
}

TEST(CsvDecoder, Options) {
  const Options options{{"csv.field-delimiter", "\\t"}, {"csv.header", "true"},
                        {"csv.allow-comments", "true"}, {"csv.null-literal", "n/a"},
                        {"csv.quote-character", "'"},   {"csv.escape-character", "\\"}};
  const Decoded got = Decode("csv", Events(), options,
                             "id\tname\tprice\n#x\n1\t'a\tb'\t2\nn/a\tn/a\t1\n2\tx\\\ty\t3\n");
  EXPECT_EQ(got.rows, (Texts{"1, a\tb, 2.0", "null, null, 1.0", "2, x\ty, 3.0"}));
  const Decoded raw =
      Decode("csv", Events(), {{"csv.disable-quote-character", "true"}}, "1,\"a,2\n");
  EXPECT_EQ(raw.rows, Texts{"1, \"a, 2.0"});
  const Decoded lenient =
      Decode("csv", Events(), {{"csv.ignore-parse-errors", "true"}}, "x,a,1\n2,b\n");
  EXPECT_EQ(lenient.rows, (Texts{"null, a, 1.0", "2, b, null"}));
  EXPECT_FALSE(MakeDecoder("csv", Events(), Events(), {{"csv.field-delimiter", "ab"}}).ok());
}

TEST(CsvDecoder, ReadsOnlyUsedColumns) {
  const Schema used{{{"price", SqlType::Double()}, {"id", SqlType::BigInt()}}};
  auto decoder = MakeDecoder("csv", used, Events(), {}).ValueOrDie();
  EXPECT_EQ(DecodeWith(*decoder, "1,a,2\n").rows, Texts{"2.0, 1"});
  auto none = MakeDecoder("csv", Schema{}, Events(), {}).ValueOrDie();
  EXPECT_EQ(DecodeWith(*none, "1,a,2\n2,b,3\n").rows.size(), 2U);
}

TEST(CsvDecoder, Arrays) {
  EXPECT_EQ(DecodeOne("csv", SqlType::Array(SqlType::Int()), {}, "1;2;3\n"), "[1, 2, 3]");
}

TEST(CsvDecoder, ElementDelimitersAndNullsInThem) {
  const Options options{{"csv.array-element-delimiter", "|"}};
  EXPECT_EQ(DecodeOne("csv", SqlType::Array(SqlType::String()), options, "a|b;c\n"), "[a, b;c]");
  EXPECT_FALSE(MakeDecoder("csv", Events(), Events(), {{"csv.array-element-delimiter", ""}}).ok());
  EXPECT_FALSE(MakeDecoder("csv", Events(), Events(),
                           {{"csv.disable-quote-character", "true"}, {"csv.quote-character", "'"}})
                   .ok());
}

TEST(CsvDecoder, SurvivesRandomDamage) {
  std::string text;
  for (int i = 0; i < 100; ++i) text += "12,\"some, \"\"text\"\"\",3.5\n";
  auto decoder =
      MakeDecoder("csv", Events(), Events(), {{"csv.escape-character", "\\"}}).ValueOrDie();
  std::mt19937 random(1);
  for (int round = 0; round < 500; ++round) {
    std::string damaged = text.substr(0, random() % text.size());
    for (int hit = 0; hit < 5 && !damaged.empty(); ++hit) {
      damaged[random() % damaged.size()] = "\",\n\\\r\xFFx"[random() % 7];
    }
    DecodeWith(*decoder, damaged);
  }
}

TEST(CsvEncoder, QuotesAsFlink) {
  const Schema schema{
      {{"id", SqlType::BigInt()}, {"s", SqlType::String()}, {"t", SqlType::Timestamp(3)}}};
  const std::string text =
      "1,abc,\"2024-01-01 00:00:00\"\n"
      "2,\"a \"\"b\"\"\",\n"
      ",\"aaaaaaaaaaaaaaaaaaaaaaaaa\",\n";
  auto decoder = MakeDecoder("csv", schema, schema, {}).ValueOrDie();
  Chunk chunk;
  chunk.bytes = arrow::Buffer::FromString(text);
  chunk.first_line = 1;
  KeptDeadLetters dead;
  const auto batch = decoder->Decode(chunk, dead).ValueOrDie();
  auto encoder = MakeEncoder("csv", schema, {{"csv.header", "true"}}).ValueOrDie();
  std::string out;
  ASSERT_TRUE(encoder->Encode(*batch, out).ok());
  EXPECT_EQ(out, text);
  EXPECT_EQ(encoder->Header(), "id,s,t\n");
}

TEST(RawFormat, OneColumn) {
  EXPECT_EQ(Decode("raw", Schema{{{"line", SqlType::String()}}}, {}, "a\n\xFF\n\nb").rows,
            (Texts{"a", "", "b"}));
  EXPECT_EQ(Decode("raw", Schema{{{"line", SqlType::Bytes()}}}, {}, "\xFF\n").rows, Texts{"x'ff'"});
  EXPECT_FALSE(MakeDecoder("raw", Events(), Events(), {}).ok());
  const Schema line{{{"line", SqlType::String()}}};
  EXPECT_FALSE(MakeDecoder("raw", line, line, {{"raw.charset", "ISO-8859-1"}}).ok());
  EXPECT_FALSE(MakeDecoder("raw", line, line, {{"raw.endianness", "middle"}}).ok());
}

}  // namespace
}  // namespace millrace
