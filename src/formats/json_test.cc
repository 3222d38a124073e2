#include <random>

#include "formats/decode_testing.h"

namespace millrace {
namespace {

using Texts = std::vector<std::string>;

Schema Events() {
  return {{{"id", SqlType::BigInt()}, {"name", SqlType::String()}, {"price", SqlType::Double()}}};
}

std::string Json(const SqlType& type, const std::string& value, const Options& options = {}) {
  return DecodeOne("json", type, options, "{\"v\": " + value + "}");
}

SqlType RowOf(std::vector<RowField> fields) {
  SqlType row = SqlType::Of(TypeKind::kRow);
  row.children = std::move(fields);
  return row;
}

TEST(JsonDecoder, ReadsLinesInAnyKeyOrder) {
  const Decoded got =
      Decode("json", Events(), {},
             "{\"id\": 1, \"name\": \"ann\", \"price\": 2.5}\n"
             "{\"price\":3,\"other\":{\"a\":[1,{\"b\":null}]},\"name\":\"bob\",\"id\":2}\r\n"
             "\n"
             "  {\"id\":3}  \n"
             "{}\n"
             "{\"id\":4,\"name\":null}");
  EXPECT_EQ(got.rows, (Texts{"1, ann, 2.5", "2, bob, 3.0", "3, null, null", "null, null, null",
                             "4, null, null"}));
  EXPECT_TRUE(got.bad.empty());
}

TEST(JsonDecoder, EmptyInput) {
  EXPECT_TRUE(Decode("json", Events(), {}, "").rows.empty());
  EXPECT_TRUE(Decode("json", Events(), {}, "\n\n  \n").rows.empty());
}

TEST(JsonDecoder, BadLinesDoNotSpoilTheirNeighbours) {
  const Decoded got = Decode("json", Events(), {},
                             "{\"id\":1}\n"
                             "{\"id\":2\n"
                             "{\"id\":3}\n"
                             "{\"name\":\"open}\n"
                             "{\"id\":5}\n"
                             "{\"name\":\"\xFF\"}\n"
                             "{\"id\":7}\n"
                             "{\"id\":8} x\n"
                             "garbage\n"
                             "{\"id\":10,}\n"
                             "{\"id\":11}{\"id\":12}\n"
                             "[1]\n"
                             "{\"id\":\"abc\"}\n"
                             "{\"id\":14}\n"
                             "{\"id\":15");
  EXPECT_EQ(got.rows, (Texts{"1, null, null", "3, null, null", "5, null, null", "7, null, null",
                             "14, null, null"}));
  EXPECT_EQ(got.bad, (Texts{"2: broken JSON at byte 8: expected ',' or '}'",
                            "4: broken JSON: a string is not closed", "6: invalid UTF-8",
                            "8: broken JSON at byte 10: text behind the record",
                            "9: broken JSON at byte 1: expected '{'",
                            "10: broken JSON at byte 10: expected a field name",
                            "11: broken JSON at byte 10: text behind the record",
                            "12: broken JSON at byte 1: expected '{'",
                            "13: field `id`: cannot read \"abc\" as BIGINT",
                            "15: broken JSON at byte 9: expected ',' or '}'"}));
  EXPECT_EQ(got.bad_bytes[0], "{\"id\":2");
}

TEST(JsonDecoder, FindsBrokenValuesInUnusedFields) {
  for (const char* value : {"tru", "01", "1.", "-", "nul", "[1,", "[1 2]", "{\"a\"}", "{\"a\":1,}",
                            "\"x\"\"y\"", "1e", "+1", "NaN", "'a'", "[}", "{]"}) {
    const Decoded got =
        Decode("json", Events(), {}, "{\"x\":" + std::string(value) + ",\"id\":1}\n{\"id\":2}\n");
    EXPECT_EQ(got.bad.size(), 1U) << value;
    EXPECT_EQ(got.rows, Texts{"2, null, null"}) << value;
  }
}

TEST(JsonDecoder, Numbers) {
  EXPECT_EQ(Json(SqlType::BigInt(), "-9223372036854775808"), "-9223372036854775808");
  EXPECT_EQ(Json(SqlType::BigInt(), "9223372036854775807"), "9223372036854775807");
  EXPECT_EQ(Json(SqlType::BigInt(), "9223372036854775808"),
            "bad: field `v`: cannot read 9223372036854775808 as BIGINT");
  EXPECT_EQ(Json(SqlType::BigInt(), "\" 12 \""), "12");
  EXPECT_EQ(Json(SqlType::Int(), "1.9"), "1");
  EXPECT_EQ(Json(SqlType::Int(), "1e3"), "1000");
  EXPECT_EQ(Json(SqlType::Int(), "2147483648"), "bad: field `v`: cannot read 2147483648 as INT");
  EXPECT_EQ(Json(SqlType::Of(TypeKind::kTinyInt), "-128"), "-128");
  EXPECT_EQ(Json(SqlType::Int(), "true"), "bad: field `v`: cannot read true as INT");
  EXPECT_EQ(Json(SqlType::Double(), "0.1"), "0.1");
  EXPECT_EQ(Json(SqlType::Double(), "-1.7976931348623157e308"), "-1.7976931348623157E308");
  EXPECT_EQ(Json(SqlType::Double(), "123456789012345678901"), "1.2345678901234568E20");
  EXPECT_EQ(Json(SqlType::Double(), "\"Infinity\""), "Infinity");
  EXPECT_EQ(Json(SqlType::Double(), "-0.0"), "-0.0");
  EXPECT_EQ(Json(SqlType::Of(TypeKind::kFloat), "1.1"), "1.1");
}

TEST(JsonDecoder, Decimals) {
  const SqlType price = SqlType::Of(TypeKind::kDecimal, 5, 2);
  EXPECT_EQ(Json(price, "12.345"), "12.35");
  EXPECT_EQ(Json(price, "-0.005"), "-0.01");
  EXPECT_EQ(Json(price, "\"7\""), "7.00");
  EXPECT_EQ(Json(price, "1.5e2"), "150.00");
  EXPECT_EQ(Json(price, "1000"), "null");
  EXPECT_EQ(Json(price, "999.995"), "null");
  EXPECT_EQ(Json(price, "0.00000001"), "0.00");
  EXPECT_EQ(Json(price, "\"x\""), "bad: field `v`: cannot read \"x\" as DECIMAL(5, 2)");
  EXPECT_EQ(Json(SqlType::Of(TypeKind::kDecimal, 38, 0), "99999999999999999999999999999999999999"),
            "99999999999999999999999999999999999999");
}

TEST(JsonDecoder, Strings) {
  EXPECT_EQ(Json(SqlType::String(), R"("a\"\\\/\n\u00e9\ud83d\ude00")"),
            "a\"\\/\n\u00e9\U0001F600");
  EXPECT_EQ(Json(SqlType::String(), R"("\ud83dx")"), "\uFFFDx");
  EXPECT_EQ(Json(SqlType::String(), R"("\q")").substr(0, 5), "bad: ");
  EXPECT_EQ(Json(SqlType::String(), R"("\u12g4")").substr(0, 5), "bad: ");
  EXPECT_EQ(Json(SqlType::String(), "\"\""), "");
  EXPECT_EQ(Json(SqlType::String(), "12.50"), "12.50");
  EXPECT_EQ(Json(SqlType::String(), "true"), "true");
  EXPECT_EQ(Json(SqlType::String(), "{\"a\" : [1, \"x y\"]}"), "{\"a\":[1,\"x y\"]}");
  const std::string text(5000, 'x');
  EXPECT_EQ(Json(SqlType::String(), "\"" + text + "\""), text);
  EXPECT_EQ(Json(SqlType::Bytes(), "\"aGVsbG8=\""), "x'68656c6c6f'");
  EXPECT_EQ(Json(SqlType::Bytes(), "\"a!\"").substr(0, 5), "bad: ");
  EXPECT_EQ(Json(SqlType::Boolean(), "true"), "TRUE");
  EXPECT_EQ(Json(SqlType::Boolean(), "\"False\""), "FALSE");
  EXPECT_EQ(Json(SqlType::Boolean(), "1"), "bad: field `v`: cannot read 1 as BOOLEAN");
}

TEST(JsonDecoder, Times) {
  EXPECT_EQ(Json(SqlType::Timestamp(3), "\"2024-02-29 12:34:56.789\""), "2024-02-29 12:34:56.789");
  EXPECT_EQ(Json(SqlType::Timestamp(3), "\"2024-02-29T12:34:56Z\""), "2024-02-29 12:34:56.000");
  EXPECT_EQ(Json(SqlType::Timestamp(6), "\"1969-12-31T23:59:59.999999\""),
            "1969-12-31 23:59:59.999999");
  EXPECT_EQ(Json(SqlType::Timestamp(9), "\"2020-01-01 00:00:00.123456789\""),
            "2020-01-01 00:00:00.123456789");
  EXPECT_EQ(Json(SqlType::TimestampLtz(3), "\"2024-01-01T02:00:00+02:00\""),
            "2024-01-01 00:00:00.000");
  for (const char* wrong :
       {"2023-02-29 00:00:00", "2024-13-01 00:00:00", "2024-01-01", "", "2024-01-01 24:00:00",
        "2024-01-01 00:00:00+01:00", "2024-01-01x00:00:00", "2024-01-01 00:00:00."}) {
    EXPECT_EQ(Json(SqlType::Timestamp(3), fmt::format("\"{}\"", wrong)).substr(0, 5), "bad: ")
        << wrong;
  }
  EXPECT_EQ(Json(SqlType::Timestamp(3), "1700000000000").substr(0, 5), "bad: ");
  EXPECT_EQ(Json(SqlType::Of(TypeKind::kDate), "\"1900-03-01\""), "1900-03-01");
  EXPECT_EQ(Json(SqlType::Of(TypeKind::kTime, 3), "\"23:59:59.5\""), "23:59:59.5");
}

TEST(JsonDecoder, NestedTypes) {
  const SqlType ints = SqlType::Array(SqlType::Int());
  EXPECT_EQ(Json(ints, "[1, null, 3]"), "[1, NULL, 3]");
  EXPECT_EQ(Json(ints, "[]"), "[]");
  EXPECT_EQ(Json(ints, "null"), "null");
  EXPECT_EQ(Json(ints, "{}"), "bad: field `v`: cannot read {} as ARRAY<INT>");
  EXPECT_EQ(Json(ints, "[1,\"x\"]"), "bad: field `v`: cannot read \"x\" as INT");
  EXPECT_EQ(Json(ints, "[1,\"x\"]", {{"json.ignore-parse-errors", "true"}}), "[1, NULL]");
  EXPECT_EQ(Json(SqlType::Map(SqlType::String(), SqlType::BigInt()), "{\"a\\n\":1,\"b\":null}"),
            "{a\n=1, b=NULL}");
  const auto integer = std::make_shared<SqlType>(SqlType::Int());
  const auto inner = std::make_shared<SqlType>(RowOf({{"x", integer}}));
  const SqlType row = RowOf({{"a", integer}, {"b", inner}});
  EXPECT_EQ(Json(row, "{\"b\":{\"x\":2,\"y\":0},\"a\":1}"), "(1, (2))");
  EXPECT_EQ(Json(row, "{\"b\":null}"), "(NULL, NULL)");
  EXPECT_EQ(Json(row, "{\"b\":{\"x\":true}}"), "bad: field `v.b.x`: cannot read true as INT");
  EXPECT_EQ(Json(SqlType::Array(row), "[{\"a\":1},{\"b\":{}}]"), "[(1, NULL), (NULL, (NULL))]");
}

TEST(JsonDecoder, HalfReadRowsAreUndone) {
  const SqlType ints = SqlType::Array(SqlType::Int());
  const Schema schema{{{"s", SqlType::String()}, {"a", ints}, {"b", SqlType::Boolean()}}};
  const Decoded got = Decode("json", schema, {},
                             "{\"s\":\"one\",\"a\":[1],\"b\":true}\n"
                             "{\"s\":null,\"a\":[7,8,false],\"b\":null}\n"
                             "{\"s\":\"two\",\"a\":[2,3],\"b\":false}\n"
                             "{\"b\":null,\"a\":[9,9,9,}\n"
                             "{\"a\":null,\"s\":\"three\",\"b\":true}\n");
  EXPECT_EQ(got.rows, (Texts{"one, [1], TRUE", "two, [2, 3], FALSE", "three, null, TRUE"}));
  EXPECT_EQ(got.bad.size(), 2U);
}

TEST(JsonDecoder, DuplicateAndEscapedKeys) {
  EXPECT_EQ(DecodeOne("json", SqlType::Int(), {}, R"({"v":1,"v":2})"), "2");
  EXPECT_EQ(DecodeOne("json", SqlType::Int(), {}, R"({"\u0076":1})"), "1");
  EXPECT_EQ(DecodeOne("json", SqlType::Int(), {}, R"({"v" :1})"), "1");
  EXPECT_EQ(DecodeOne("json", SqlType::Int(), {}, R"({"vv":1,"":2})"), "null");
  const std::string name(100, 'k');
  const Schema schema{{{name, SqlType::Int()}}};
  EXPECT_EQ(Decode("json", schema, {}, "{\"" + name + "\":1}\n{\"" + name + "\":2}").rows,
            (Texts{"1", "2"}));
}

// A guessed key must not carry a record over the end of its line.
TEST(JsonDecoder, KeysBehindTheLinesEnd) {
  const Schema schema{{{"a", SqlType::Int()}, {"b", SqlType::Int()}}};
  const std::string good = "{\"a\":1,\"b\":2}\n";
  const Decoded got = Decode("json", schema, {},
                             good + good + "{\"a\":3,\n\"b\":4}\n" + good +
                                 "{\"a\" : 5 , \"b\" :6}\n{\"a\":7,\"b\":\n" +
                                 "{\"a\":8,\"b\"\n\"a\":9}\n" + good);
  EXPECT_EQ(got.rows, (Texts{"1, 2", "1, 2", "1, 2", "5, 6", "1, 2"}));
  EXPECT_EQ(got.bad.size(), 5U);
}

TEST(JsonDecoder, Digits) {
  for (const char* text : {"0", "-0", "7", "-12345678", "123456789", "1234567890123456",
                           "-12345678901234567", "9223372036854775807", "-9223372036854775808"}) {
    const std::string want = std::string(text) == "-0" ? "0" : text;
    EXPECT_EQ(Json(SqlType::BigInt(), text), want);
    EXPECT_EQ(Json(SqlType::BigInt(), std::string(text) + " "), want);
  }
  for (const char* text :
       {"01", "-01", "-", "1a", "12345678:", "9223372036854775808", "1-", "\xff"}) {
    EXPECT_EQ(Json(SqlType::BigInt(), text).substr(0, 3), "bad") << text;
  }
}

TEST(JsonDecoder, LenientAndStrictOptions) {
  const Options lenient{{"json.ignore-parse-errors", "true"}};
  const Decoded got = Decode("json", Events(), lenient,
                             "{\"id\":\"x\",\"name\":\"a\"}\nbroken\n{\"id\":2,\"price\":[1]}\n");
  EXPECT_EQ(got.rows, (Texts{"null, a, null", "2, null, null"}));
  EXPECT_TRUE(got.bad.empty());
  const Options strict{{"json.fail-on-missing-field", "true"}};
  EXPECT_EQ(Decode("json", Events(), strict, "{\"id\":1,\"name\":null}").bad,
            Texts{"1: field `price` is missing"});
  EXPECT_FALSE(
      MakeDecoder("json", Events(), Events(),
                  {{"json.fail-on-missing-field", "true"}, {"json.ignore-parse-errors", "true"}})
          .ok());
  const auto unknown =
      MakeDecoder("json", Events(), Events(), {{"json.ignore-parse-error", "true"}});
  EXPECT_NE(unknown.status().message().find("did you mean 'json.ignore-parse-errors'?"),
            std::string::npos);
  EXPECT_FALSE(MakeDecoder("jsn", Events(), Events(), {}).ok());
}

TEST(JsonDecoder, NotNullColumns) {
  EXPECT_EQ(Json(SqlType::Int().NotNull(), "null"),
            "bad: field `v`: NULL, but the column is NOT NULL");
  EXPECT_EQ(DecodeOne("json", SqlType::Int().NotNull(), {}, "{}").substr(0, 5), "bad: ");
  EXPECT_EQ(Json(SqlType::Int().NotNull(), "1"), "1");
}

TEST(JsonDecoder, HugeAndDeepLines) {
  const std::string huge = "{\"x\":\"" + std::string(70 << 20, 'x') + "\",\"id\":1}\n";
  const Decoded got = Decode("json", Events(), {}, "{\"id\":1}\n" + huge + "{\"id\":2}\n");
  EXPECT_EQ(got.rows, (Texts{"1, null, null", "2, null, null"}));
  ASSERT_EQ(got.bad.size(), 1U);
  EXPECT_EQ(got.bad[0].substr(0, 2), "2:");
  const std::string deep(100000, '[');
  EXPECT_EQ(Decode("json", Events(), {}, "{\"x\":" + deep + "}\n{\"id\":2}\n").bad.size(), 1U);
  const std::string large = "{\"name\":\"" + std::string(1 << 20, 'y') + "\",\"id\":3}\n";
  EXPECT_EQ(Decode("json", Events(), {}, large + "{\"id\":4}\n").rows.size(), 2U);
}

TEST(JsonDecoder, OversizeChunkIsOneBadRow) {
  auto decoder = MakeDecoder("json", Events(), Events(), {}).ValueOrDie();
  Chunk chunk;
  chunk.bytes = arrow::Buffer::FromString("{\"id\":1}\n{\"id\":2}\n");
  chunk.first_line = 7;
  chunk.oversize = true;
  KeptDeadLetters dead;
  EXPECT_EQ(decoder->Decode(chunk, dead).ValueOrDie()->num_rows(), 0);
  EXPECT_EQ(dead.reasons, Texts{"7: record is too big: over 18 bytes"});
}

TEST(JsonDecoder, SurvivesRandomDamage) {
  const SqlType nested = SqlType::Array(SqlType::Map(SqlType::String(), SqlType::Int()));
  const Schema schema{{{"id", SqlType::BigInt()},
                       {"s", SqlType::String()},
                       {"n", nested},
                       {"t", SqlType::Timestamp(3)},
                       {"d", SqlType::Of(TypeKind::kDecimal, 9, 2)}}};
  const std::string line =
      R"({"id":12,"s":"a\u00e9b","n":[{"k":1},null],"t":"2024-01-01 00:00:00","d":1.5,"z":{"q":[true]}})";
  std::string text;
  for (int i = 0; i < 300; ++i) text += line + "\n";
  auto decoder = MakeDecoder("json", schema, schema, {}).ValueOrDie();
  std::mt19937 random(1);
  for (int round = 0; round < 300; ++round) {
    std::string damaged = text;
    for (int hit = 0; hit < 8; ++hit) {
      size_t at = random() % damaged.size();
      if (damaged[at] == '\n') continue;
      char byte = static_cast<char>(random());
      if (byte == '\n') byte = '{';
      damaged[at] = byte;
    }
    const Decoded got = DecodeWith(*decoder, damaged);
    EXPECT_EQ(got.rows.size() + got.bad.size(), 300U);
    EXPECT_LE(got.bad.size(), 8U);
  }
}

TEST(JsonEncoder, WritesWhatItReads) {
  const Schema schema{{{"id", SqlType::BigInt()},
                       {"s\"", SqlType::String()},
                       {"d", SqlType::Double()},
                       {"n", SqlType::Of(TypeKind::kDecimal, 20, 8)},
                       {"t", SqlType::Timestamp(3)},
                       {"z", SqlType::TimestampLtz(3)},
                       {"b", SqlType::Bytes()},
                       {"a", SqlType::Array(SqlType::Boolean())},
                       {"m", SqlType::Map(SqlType::String(), SqlType::Int())}}};
  const std::string text =
      R"({"id":1,"s\"":"x\"\\\n\u0001é","d":1.0E10,"n":1E-8,"t":"2024-01-01 00:00:00.12",)"
      R"("z":"2024-01-01 00:00:00Z","b":"aGk=","a":[true,null],"m":{"k":1}})"
      "\n"
      R"({"id":null,"s\"":null,"d":"NaN","n":-1.50000000,"t":null,"z":null,"b":null,"a":[],"m":{}})"
      "\n";
  auto decoder = MakeDecoder("json", schema, schema, {}).ValueOrDie();
  Chunk chunk;
  chunk.bytes = arrow::Buffer::FromString(text);
  chunk.first_line = 1;
  KeptDeadLetters dead;
  const auto batch = decoder->Decode(chunk, dead).ValueOrDie();
  EXPECT_TRUE(dead.reasons.empty());
  std::string out;
  ASSERT_TRUE(MakeEncoder("json", schema, {}).ValueOrDie()->Encode(*batch, out).ok());
  EXPECT_EQ(out, text);
  out.clear();
  const Options options{{"json.encode.ignore-null-fields", "true"},
                        {"json.timestamp-format.standard", "ISO-8601"}};
  ASSERT_TRUE(MakeEncoder("json", schema, options).ValueOrDie()->Encode(*batch, out).ok());
  EXPECT_NE(out.find("{\"d\":\"NaN\",\"n\":-1.50000000,\"a\":[],\"m\":{}}"), std::string::npos);
  EXPECT_NE(out.find("2024-01-01T00:00:00Z"), std::string::npos);
}

// One column of one row, or the error.
std::string Encoded(const std::string& format, const SqlType& type,
                    const std::shared_ptr<arrow::Array>& value, const Options& options) {
  const Schema schema{{{"v", type}}};
  auto encoder = MakeEncoder(format, schema, options);
  if (!encoder.ok()) return encoder.status().message();
  std::string out;
  const auto rows = arrow::RecordBatch::Make(schema.ToArrow(), value->length(), {value});
  const Status status = (*encoder)->Encode(*rows, out);
  return status.ok() ? out : status.message();
}

TEST(JsonEncoder, DecimalsAsBigDecimalOrPlain) {
  const SqlType type = SqlType::Of(TypeKind::kDecimal, 20, 9);
  arrow::Decimal128Builder builder(type.ToArrow());
  for (const int64_t unscaled : {27LL, 0LL, -1LL, 1000LL, 12300000000LL}) {
    ASSERT_TRUE(builder.Append(arrow::Decimal128(unscaled)).ok());
  }
  const auto values = builder.Finish().ValueOrDie();
  EXPECT_EQ(Encoded("json", type, values, {}),
            "{\"v\":2.7E-8}\n{\"v\":0E-9}\n{\"v\":-1E-9}\n{\"v\":0.000001000}\n"
            "{\"v\":12.300000000}\n");
  EXPECT_EQ(Encoded("json", type, values, {{"json.encode.decimal-as-plain-number", "true"}}),
            "{\"v\":0.000000027}\n{\"v\":0.000000000}\n{\"v\":-0.000000001}\n"
            "{\"v\":0.000001000}\n{\"v\":12.300000000}\n");
  EXPECT_EQ(Encoded("csv", type, values, {}), "2.7E-8\n0E-9\n-1E-9\n0.000001000\n12.300000000\n");
  const Options plain{{"csv.write-bigdecimal-in-scientific-notation", "false"}};
  EXPECT_EQ(Encoded("csv", type, values, plain).substr(0, 12), "0.000000027\n");
}

TEST(JsonEncoder, NullKeyModeIsChecked) {
  const Schema schema{{{"v", SqlType::Int()}}};
  EXPECT_TRUE(MakeEncoder("json", schema, {{"json.map-null-key.mode", "DROP"}}).ok());
  EXPECT_FALSE(MakeEncoder("json", schema, {{"json.map-null-key.mode", "drop"}}).ok());
}

TEST(JsonDecoder, TimestampStandardIsChecked) {
  const Options iso{{"json.timestamp-format.standard", "ISO-8601"}};
  EXPECT_EQ(DecodeOne("json", SqlType::Timestamp(3), iso, "{\"v\":\"2024-01-01T00:00:00\"}"),
            "2024-01-01 00:00:00.000");
  const Schema schema{{{"v", SqlType::Timestamp(3)}}};
  EXPECT_FALSE(
      MakeDecoder("json", schema, schema, {{"json.timestamp-format.standard", "ISO"}}).ok());
}

}  // namespace
}  // namespace millrace
