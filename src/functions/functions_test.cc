// Types, casts and the function families, value by value.
#include "functions/test_values.h"

namespace millrace {
namespace {

using namespace testing;  // NOLINT: the helpers are made for this

const SqlType kDecimal52 = SqlType::Of(TypeKind::kDecimal, 5, 2);

TEST(Types, PrintAsInFlink) {
  EXPECT_EQ(SqlType::String().ToString(), "STRING");
  EXPECT_EQ(SqlType::Of(TypeKind::kVarchar, 10).NotNull().ToString(), "VARCHAR(10) NOT NULL");
  EXPECT_EQ(SqlType::TimestampLtz().ToString(), "TIMESTAMP_LTZ(3)");
  EXPECT_EQ(kDecimal52.ToString(), "DECIMAL(5, 2)");
  EXPECT_EQ(SqlType::Array(SqlType::Int()).ToString(), "ARRAY<INT>");
  EXPECT_EQ(SqlType::Map(SqlType::String().NotNull(), SqlType::Bytes()).ToString(),
            "MAP<STRING NOT NULL, BYTES>");
  SqlType row = SqlType::Of(TypeKind::kRow);
  row.children = {{"a", std::make_shared<const SqlType>(SqlType::Int())}};
  EXPECT_EQ(row.ToString(), "ROW<`a` INT>");
}

TEST(Types, CommonTypeFollowsFlink) {
  EXPECT_EQ(CommonType({SqlType::Int(), SqlType::BigInt()})->ToString(), "BIGINT");
  EXPECT_EQ(CommonType({SqlType::Int(), kDecimal52})->ToString(), "DECIMAL(12, 2)");
  EXPECT_EQ(CommonType({SqlType::Double(), kDecimal52})->ToString(), "DOUBLE");
  EXPECT_EQ(CommonType({SqlType::Of(TypeKind::kDate), SqlType::Timestamp(3)})->ToString(), "TIMESTAMP(3)");
  EXPECT_EQ(CommonType({SqlType::Null(), SqlType::Int().NotNull()})->ToString(), "INT");
  EXPECT_FALSE(CommonType({SqlType::Int(), SqlType::String()}).ok());
}

TEST(Casts, TextToNumbers) {
  EXPECT_EQ(Cast(Str(" 42 "), SqlType::Int()), "42");
  EXPECT_EQ(Cast(Str("+7.9"), SqlType::Int()), "7");
  EXPECT_EQ(Cast(Str("abc"), SqlType::Int()).substr(0, 30), "error: cannot cast 'abc' to IN");
  EXPECT_EQ(TryCast(Str("abc"), SqlType::Int()), "NULL");
  EXPECT_EQ(TryCast(Str("99999999999"), SqlType::Int()), "NULL");
  EXPECT_EQ(Cast(Str("-1.5e3"), SqlType::Double()), "-1500.0");
  EXPECT_EQ(TryCast(Str("inf"), SqlType::Double()), "NULL");
  EXPECT_EQ(Cast(Str("1.005"), kDecimal52), "1.01");
  EXPECT_EQ(TryCast(Str("12345"), kDecimal52), "NULL");
  EXPECT_EQ(Cast(Str("12345"), kDecimal52).substr(0, 6), "error:");
  EXPECT_EQ(Cast(Str("YES"), SqlType::Boolean()), "TRUE");
}

TEST(Casts, NumbersNarrowAsInJava) {
  EXPECT_EQ(Cast(Big(4294967297), SqlType::Int()), "1");
  EXPECT_EQ(Cast(Real(-2.9), SqlType::Int()), "-2");
  EXPECT_EQ(Cast(Real(1e30), SqlType::BigInt()), "9223372036854775807");
  EXPECT_EQ(Cast(Real(300), SqlType::Of(TypeKind::kTinyInt)), "44");
  EXPECT_EQ(Cast(Real(2.345), kDecimal52), "2.35");
  EXPECT_EQ(Cast(Int(1000), kDecimal52), "NULL");
  EXPECT_EQ(Cast(Dec("9.99", 5, 2), SqlType::Int()), "9");
  EXPECT_EQ(Cast(Dec("9.99", 5, 2), SqlType::Double()), "9.99");
}

TEST(Casts, DoublesPrintAsInJava) {
  EXPECT_EQ(Cast(Real(1e10), SqlType::String()), "1.0E10");
  EXPECT_EQ(Cast(Real(123456.5), SqlType::String()), "123456.5");
  EXPECT_EQ(Cast(Real(0.001), SqlType::String()), "0.001");
  EXPECT_EQ(Cast(Real(1.5e-5), SqlType::String()), "1.5E-5");
  EXPECT_EQ(Cast(Real(100), SqlType::String()), "100.0");
  EXPECT_EQ(Cast(Real(-0.0), SqlType::String()), "-0.0");
}

TEST(Casts, TimesAndTexts) {
  EXPECT_EQ(Cast(Time("2024-05-06 10:11:12.3"), SqlType::String()), "2024-05-06 10:11:12.300");
  EXPECT_EQ(Cast(Time("2024-05-06 10:11:12.345678", 6), SqlType::Timestamp(3)), "2024-05-06 10:11:12.345");
  EXPECT_EQ(Cast(Time("2024-05-06 10:11:12.345"), SqlType::Timestamp(0)), "2024-05-06 10:11:12");
  EXPECT_EQ(Cast(Time("2024-05-06"), SqlType::Of(TypeKind::kTime)), "00:00:00");
  EXPECT_EQ(Cast(Time("1969-12-31 23:59:59.999"), SqlType::Of(TypeKind::kDate)), "1969-12-31");
  EXPECT_EQ(Cast(Date("2024-02-29"), SqlType::Timestamp(0)), "2024-02-29 00:00:00");
  EXPECT_EQ(TryCast(Str("2023-02-29"), SqlType::Of(TypeKind::kDate)), "NULL");
  EXPECT_EQ(Cast(Str("hello"), SqlType::Of(TypeKind::kVarchar, 3)), "hel");
  EXPECT_EQ(Cast(Str("hi"), SqlType::Of(TypeKind::kChar, 4)), "hi  ");
  EXPECT_EQ(Cast(Bool(true), SqlType::String()), "TRUE");
}

TEST(Casts, TimeZones) {
  EvalContext berlin;
  berlin.time_zone = "Europe/Berlin";
  const auto instant = MakeCast(Time("2024-07-01 12:00:00"), SqlType::TimestampLtz(3));
  const auto utc = Evaluate(*instant, *arrow::RecordBatch::Make(arrow::schema({}), 1, arrow::ArrayDataVector()),
                            berlin);
  ASSERT_TRUE(utc.ok());
  EXPECT_EQ(static_cast<const arrow::TimestampScalar&>(*utc->scalar()).value, 1719828000000);
  EXPECT_EQ(Show(instant, berlin), "2024-07-01 12:00:00.000");
  EvalContext shifted;
  shifted.time_zone = "+05:30";
  EXPECT_EQ(Show(MakeCast(MakeCast(Str("1970-01-01 05:30:00"), SqlType::TimestampLtz(3)),
                          SqlType::Timestamp(3)), shifted),
            "1970-01-01 05:30:00.000");
  EvalContext wrong;
  wrong.time_zone = "Mars/Base";
  EXPECT_EQ(Show(instant, wrong).substr(0, 24), "error: unknown time zone");
}

TEST(Arithmetic, KeepsFlinksTypes) {
  EXPECT_EQ(ValueOf("+", {Int(2), Big(3)}), "5");
  EXPECT_EQ(TypeOf("+", {Int(2), Big(3)}), "BIGINT");
  EXPECT_EQ(ValueOf("/", {Int(-7), Int(2)}), "-3");
  EXPECT_EQ(ValueOf("/", {Real(1), Int(0)}), "Infinity");
  EXPECT_EQ(ValueOf("/", {Int(1), Int(0)}).substr(0, 33), "error: (1 / 0): division by zero.");
  EXPECT_EQ(ValueOf("%", {Int(-7), Int(3)}), "-1");
  EXPECT_EQ(ValueOf("+", {Int(2147483647), Int(1)}), "-2147483648");
  EXPECT_EQ(TypeOf("*", {Dec("0.908", 4, 3), Big(100)}), "DECIMAL(24, 3)");
  EXPECT_EQ(ValueOf("*", {Dec("0.908", 4, 3), Big(100)}), "90.800");
  EXPECT_EQ(TypeOf("/", {Dec("1.0", 2, 1), Int(3)}), "DECIMAL(13, 12)");
  EXPECT_EQ(ValueOf("/", {Dec("1.0", 2, 1), Int(3)}), "0.333333333333");
  EXPECT_EQ(ValueOf("-", {Dec("1.5", 2, 1), Int(2)}), "-0.5");
  EXPECT_EQ(TypeOf("*", {Dec("1", 38, 10), Dec("1", 38, 10)}), "DECIMAL(38, 6)");
  EXPECT_EQ(ValueOf("*", {Dec("123456789012345678901234.5", 38, 10), Dec("2.5", 38, 10)}),
            "308641972530864197253086.250000");
  EXPECT_EQ(ValueOf("NEG", {Dec("1.5", 2, 1)}), "-1.5");
  EXPECT_EQ(ValueOf("+", {Null(), Int(1)}), "NULL");
}

TEST(Arithmetic, MovesTimes) {
  const auto month = MakeLiteral(arrow::MakeScalar(int32_t{1}), SqlType::Of(TypeKind::kIntervalMonth));
  const auto second = MakeLiteral(arrow::MakeScalar(int64_t{1000}), SqlType::Of(TypeKind::kIntervalDay));
  EXPECT_EQ(ValueOf("+", {Date("2024-01-31"), month}), "2024-02-29");
  EXPECT_EQ(ValueOf("-", {Time("2024-03-01 00:00:00"), second}), "2024-02-29 23:59:59.000");
  EXPECT_EQ(ValueOf("+", {second, Time("2024-03-01 00:00:00", 6)}), "2024-03-01 00:00:01.000000");
  EXPECT_EQ(ValueOf("-", {Time("2024-03-02 00:00:01"), Time("2024-03-01 00:00:00")}), "+1 00:00:01.000");
  EXPECT_EQ(ValueOf("*", {second, Int(90)}), "+0 00:01:30.000");
}

TEST(Comparison, CastsToACommonType) {
  EXPECT_EQ(ValueOf("=", {Int(1), Dec("1.0", 2, 1)}), "TRUE");
  EXPECT_EQ(ValueOf("<", {Time("2024-01-01 00:00:00"), Str("2024-01-02 00:00:00")}), "TRUE");
  EXPECT_EQ(ValueOf("=", {Str("a"), Str("ab")}), "FALSE");
  EXPECT_EQ(ValueOf(">", {Null(), Int(1)}), "NULL");
  EXPECT_EQ(ValueOf("BETWEEN", {Int(2), Int(1), Int(3)}), "TRUE");
  EXPECT_EQ(ValueOf("NOT BETWEEN", {Int(2), Int(3), Null()}), "TRUE");
  EXPECT_EQ(ValueOf("IN", {Int(2), Int(1), Big(2)}), "TRUE");
  EXPECT_EQ(ValueOf("IN", {Str("c"), Str("a"), Null()}), "NULL");
  EXPECT_EQ(ValueOf("NOT IN", {Int(9), Int(1), Int(2), Int(3), Int(4), Int(5)}), "TRUE");
  EXPECT_EQ(ValueOf("IS DISTINCT FROM", {Null(), Int(1)}), "TRUE");
  EXPECT_EQ(ValueOf("IS NOT DISTINCT FROM", {Null(), Null()}), "TRUE");
  EXPECT_EQ(ValueOf("<", {Bool(true), Int(1)}).substr(0, 6), "error:");
}

TEST(Logic, HasThreeValues) {
  EXPECT_EQ(ValueOf("AND", {Bool(false), Null()}), "FALSE");
  EXPECT_EQ(ValueOf("AND", {Bool(true), Null()}), "NULL");
  EXPECT_EQ(ValueOf("OR", {Bool(true), Null()}), "TRUE");
  EXPECT_EQ(ValueOf("NOT", {Null()}), "NULL");
  EXPECT_EQ(ValueOf("IS NOT TRUE", {Null()}), "TRUE");
  EXPECT_EQ(ValueOf("IS FALSE", {Bool(false)}), "TRUE");
  EXPECT_EQ(ValueOf("IS NOT FALSE", {Bool(false)}), "FALSE");
  EXPECT_EQ(ValueOf("IS NULL", {Null()}), "TRUE");
}

TEST(Conditions, ChooseAValue) {
  EXPECT_EQ(ValueOf("COALESCE", {Null(), Int(2)}), "2");
  EXPECT_EQ(ValueOf("NULLIF", {Int(5), Int(5)}), "NULL");
  EXPECT_EQ(ValueOf("IF", {Bool(false), Str("yes"), Str("no")}), "no");
  EXPECT_EQ(ValueOf("GREATEST", {Int(1), Int(3), Int(2)}), "3");
  EXPECT_EQ(ValueOf("LEAST", {Int(1), Null()}), "NULL");
}

TEST(Strings, CountCharacters) {
  EXPECT_EQ(ValueOf("UPPER", {Str("straße")}), "STRASSE");
  EXPECT_EQ(ValueOf("LOWER", {Str("ÄB")}), "äb");
  EXPECT_EQ(ValueOf("CHAR_LENGTH", {Str("äöü")}), "3");
  EXPECT_EQ(ValueOf("SUBSTRING", {Str("häuser"), Int(2), Int(3)}), "äus");
  EXPECT_EQ(ValueOf("SUBSTRING", {Str("hello"), Int(-3)}), "llo");
  EXPECT_EQ(ValueOf("SUBSTRING", {Str("hello"), Int(2), Int(-1)}), "NULL");
  EXPECT_EQ(ValueOf("TRIM", {Str("BOTH"), Str("x"), Str("xxaxx")}), "a");
  EXPECT_EQ(ValueOf("TRIM", {Str("LEADING"), Str(" "), Str(" a ")}), "a ");
  EXPECT_EQ(ValueOf("SPLIT_INDEX", {Str("a/b/c"), Str("/"), Int(2)}), "c");
  EXPECT_EQ(ValueOf("SPLIT_INDEX", {Str("a/b/c"), Str("/"), Int(3)}), "NULL");
  EXPECT_EQ(ValueOf("CONCAT_WS", {Str("-"), Str("a"), Null(), Str("c")}), "a-c");
  EXPECT_EQ(ValueOf("||", {Str("a"), Null()}), "NULL");
  EXPECT_EQ(ValueOf("LPAD", {Str("hi"), Int(5), Str("xy")}), "xyxhi");
  EXPECT_EQ(ValueOf("RPAD", {Str("hello"), Int(2), Str("x")}), "he");
  EXPECT_EQ(ValueOf("REVERSE", {Str("häl")}), "läh");
  EXPECT_EQ(ValueOf("INITCAP", {Str("hello WORLD-wide")}), "Hello World-Wide");
  EXPECT_EQ(ValueOf("LOCATE", {Str("l"), Str("hello"), Int(4)}), "4");
  EXPECT_EQ(ValueOf("RIGHT", {Str("hello"), Int(2)}), "lo");
  EXPECT_EQ(ValueOf("REPLACE", {Str("hello"), Str("l"), Str("LL")}), "heLLLLo");
}

TEST(Patterns, Match) {
  EXPECT_EQ(ValueOf("LIKE", {Str("hello"), Str("h%o")}), "TRUE");
  EXPECT_EQ(ValueOf("LIKE", {Str("hello"), Str("%ell%")}), "TRUE");
  EXPECT_EQ(ValueOf("LIKE", {Str("hällo"), Str("h_llo")}), "TRUE");
  EXPECT_EQ(ValueOf("LIKE", {Str("aXbXc"), Str("a%X%_c")}), "TRUE");
  EXPECT_EQ(ValueOf("LIKE", {Str("aXbXc"), Str("a%X%___c")}), "FALSE");
  EXPECT_EQ(ValueOf("LIKE", {Str("100%"), Str("100!%"), Str("!")}), "TRUE");
  EXPECT_EQ(ValueOf("LIKE", {Str("abcabd"), Str("%ab_")}), "TRUE");
  EXPECT_EQ(ValueOf("NOT LIKE", {Str("hello"), Str("hello")}), "FALSE");
  EXPECT_EQ(ValueOf("SIMILAR TO", {Str("abc"), Str("(a|b)%")}), "TRUE");
  EXPECT_EQ(ValueOf("SIMILAR TO", {Str("a.c"), Str("a.[^b]")}), "TRUE");
  EXPECT_EQ(ValueOf("REGEXP", {Str("hello"), Str("l+")}), "TRUE");
  EXPECT_EQ(ValueOf("REGEXP_EXTRACT", {Str("foothebar"), Str("foo(.*?)(bar)"), Int(2)}), "bar");
  EXPECT_EQ(ValueOf("REGEXP_EXTRACT", {Str("x"), Str("y")}), "NULL");
  EXPECT_EQ(ValueOf("REGEXP_REPLACE", {Str("a1b22"), Str("([0-9]+)"), Str("<$1>")}), "a<$1>b<$1>");
  EXPECT_EQ(ValueOf("REGEXP", {Str("x"), Str("(")}), "FALSE");
}

TEST(Encodings, RoundTrip) {
  EXPECT_EQ(ValueOf("HEX", {Int(255)}), "FF");
  EXPECT_EQ(ValueOf("HEX", {Str("hi")}), "6869");
  EXPECT_EQ(ValueOf("BIN", {Int(5)}), "101");
  for (const char* text : {"", "a", "ab", "abc", "abcd"}) {
    const auto encoded = MakeCall("TO_BASE64", {Str(text)});
    EXPECT_EQ(ValueOf("FROM_BASE64", {*encoded}), text);
  }
  EXPECT_EQ(ValueOf("TO_BASE64", {Str("hello")}), "aGVsbG8=");
  EXPECT_EQ(ValueOf("URL_ENCODE", {Str("a b&ü")}), "a+b%26%C3%BC");
  EXPECT_EQ(ValueOf("URL_DECODE", {Str("a+b%26%C3%BC")}), "a b&ü");
  EXPECT_EQ(ValueOf("MD5", {Str("")}), "d41d8cd98f00b204e9800998ecf8427e");
  EXPECT_EQ(ValueOf("MD5", {Str(std::string(60, 'a'))}), "cc7ed669cf88f201c3297c6a91e1d18d");
  EXPECT_EQ(ValueOf("SHA1", {Str("abc")}), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(ValueOf("SHA224", {Str("abc")}), "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7");
  EXPECT_EQ(ValueOf("SHA256", {Str("abc")}),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(ValueOf("SHA384", {Str("abc")}).substr(0, 16), "cb00753f45a35e8b");
  EXPECT_EQ(ValueOf("SHA512", {Str("abc")}).substr(0, 32), "ddaf35a193617abacc417349ae204131");
}

TEST(Math, Computes) {
  EXPECT_EQ(ValueOf("ABS", {Int(-3)}), "3");
  EXPECT_EQ(ValueOf("FLOOR", {Real(-2.5)}), "-3.0");
  EXPECT_EQ(ValueOf("CEIL", {Dec("2.1", 2, 1)}), "3");
  EXPECT_EQ(ValueOf("ROUND", {Dec("2.456", 4, 3), Int(2)}), "2.46");
  EXPECT_EQ(ValueOf("ROUND", {Real(1.005), Int(2)}), "1.01");
  EXPECT_EQ(ValueOf("ROUND", {Int(1250), Int(-2)}), "1300");
  EXPECT_EQ(ValueOf("TRUNCATE", {Real(42.345), Int(2)}), "42.34");
  EXPECT_EQ(ValueOf("POWER", {Int(2), Int(10)}), "1024.0");
  EXPECT_EQ(ValueOf("LOG", {Int(2), Int(8)}), "3.0");
  EXPECT_EQ(ValueOf("MOD", {Big(7), Int(3)}), "1");
  EXPECT_EQ(ValueOf("PI", {}), "3.141592653589793");
}

TEST(Times, PartsAndUnits) {
  const auto time = Time("2024-05-06 10:11:12.345");
  EXPECT_EQ(ValueOf("EXTRACT", {Str("MONTH"), time}), "5");
  EXPECT_EQ(ValueOf("EXTRACT", {Str("DOW"), Date("2024-05-06")}), "2");
  EXPECT_EQ(ValueOf("EXTRACT", {Str("WEEK"), Date("2021-01-03")}), "53");
  EXPECT_EQ(ValueOf("EXTRACT", {Str("MILLISECOND"), time}), "345");
  EXPECT_EQ(ValueOf("HOUR", {time}), "10");
  EXPECT_EQ(ValueOf("DAYOFYEAR", {time}), "127");
  EXPECT_EQ(ValueOf("FLOOR", {time, Str("HOUR")}), "2024-05-06 10:00:00.000");
  EXPECT_EQ(ValueOf("CEIL", {time, Str("MONTH")}), "2024-06-01 00:00:00.000");
  EXPECT_EQ(ValueOf("FLOOR", {Date("2024-05-08"), Str("WEEK")}), "2024-05-05");
  EXPECT_EQ(ValueOf("TIMESTAMPADD", {Str("MONTH"), Int(1), Time("2024-01-31 00:00:00", 0)}),
            "2024-02-29 00:00:00");
  EXPECT_EQ(ValueOf("TIMESTAMPADD", {Str("HOUR"), Int(1), Date("2024-01-31")}),
            "2024-01-31 01:00:00.000000");
  EXPECT_EQ(ValueOf("TIMESTAMPDIFF", {Str("DAY"), Date("2024-02-28"), Date("2024-03-01")}), "2");
  EXPECT_EQ(ValueOf("TIMESTAMPDIFF", {Str("MONTH"), Date("2024-01-31"), Date("2024-02-29")}), "0");
}

TEST(Times, Texts) {
  const auto time = Time("2024-05-06 10:11:12.345");
  EXPECT_EQ(ValueOf("DATE_FORMAT", {time, Str("yyyy-MM-dd HH:mm:ss.SSS")}), "2024-05-06 10:11:12.345");
  EXPECT_EQ(ValueOf("DATE_FORMAT", {time, Str("EEEE d MMM yy h 'o''clock' a")}),
            "Monday 6 May 24 10 o'clock AM");
  EXPECT_EQ(ValueOf("TO_TIMESTAMP", {Str("06.05.2024 1:02 PM"), Str("dd.MM.yyyy h:mm a")}),
            "2024-05-06 13:02:00.000");
  EXPECT_EQ(ValueOf("TO_TIMESTAMP", {Str("nonsense")}), "NULL");
  EXPECT_EQ(ValueOf("TO_TIMESTAMP", {Str("20240506"), Str("yyyyMMdd")}), "2024-05-06 00:00:00.000");
  EXPECT_EQ(ValueOf("TO_TIMESTAMP_LTZ", {Int(1000), Int(3)}), "1970-01-01 00:00:01.000");
  EXPECT_EQ(ValueOf("TO_TIMESTAMP_LTZ", {Int(1000), Int(0)}), "1970-01-01 00:16:40.000");
  EXPECT_EQ(ValueOf("FROM_UNIXTIME", {Int(44)}), "1970-01-01 00:00:44");
  EXPECT_EQ(ValueOf("UNIX_TIMESTAMP", {Str("1970-01-02 00:00:00")}), "86400");
  EXPECT_EQ(ValueOf("TO_DATE", {Str("2024-05-06")}), "2024-05-06");
  EXPECT_EQ(ValueOf("CONVERT_TZ", {Str("1970-01-01 00:00:00"), Str("UTC"), Str("America/Los_Angeles")}),
            "1969-12-31 16:00:00");
}

TEST(Times, ClocksAnswerFromTheContext) {
  EvalContext context;
  context.processing_time = 1719828000123;
  context.time_zone = "Europe/Berlin";
  EXPECT_EQ(Show(MakeCall("PROCTIME", {}), context), "2024-07-01 12:00:00.123");
  EXPECT_EQ(Show(MakeCall("LOCALTIMESTAMP", {}), context), "2024-07-01 12:00:00.123");
  EXPECT_EQ(Show(MakeCall("CURRENT_DATE", {}), context), "2024-07-01");
  EXPECT_EQ(Show(MakeCall("CURRENT_WATERMARK", {Time("2024-01-01")}), context), "NULL");
  EXPECT_FALSE(IsConstant(**MakeCall("NOW", {})));
}

TEST(Collections, HoldElements) {
  const auto array = *MakeCall("ARRAY", {Int(1), Int(2), Null()});
  EXPECT_EQ(Show(array), "[1, 2, NULL]");
  EXPECT_EQ(ValueOf("ITEM", {array, Int(2)}), "2");
  EXPECT_EQ(ValueOf("ITEM", {array, Int(4)}), "NULL");
  EXPECT_EQ(ValueOf("CARDINALITY", {array}), "3");
  EXPECT_EQ(ValueOf("ARRAY_CONTAINS", {array, Int(2)}), "TRUE");
  const auto map = *MakeCall("MAP", {Str("a"), Int(1), Str("b"), Int(2)});
  EXPECT_EQ(Show(map), "{a=1, b=2}");
  EXPECT_EQ(ValueOf("ITEM", {map, Str("b")}), "2");
  EXPECT_EQ(ValueOf("ITEM", {map, Str("c")}), "NULL");
  const auto row = *MakeCall("ROW", {Int(1), Str("x")});
  EXPECT_EQ(Show(row), "(1, x)");
  EXPECT_EQ(Show(MakeField(row, "EXPR$1")), "x");
  EXPECT_FALSE(MakeField(row, "nothing").ok());
}

TEST(Json, FollowsPaths) {
  const auto json = Str(R"({"a": {"b": [1, "two", null]}, "c": true, "d": 1.50})");
  EXPECT_EQ(ValueOf("JSON_VALUE", {json, Str("$.a.b[1]")}), "two");
  EXPECT_EQ(ValueOf("JSON_VALUE", {json, Str("$.c")}), "true");
  EXPECT_EQ(ValueOf("JSON_VALUE", {json, Str("$['a']['b'][2]")}), "NULL");
  EXPECT_EQ(ValueOf("JSON_VALUE", {json, Str("$.a")}), "NULL");
  EXPECT_EQ(ValueOf("JSON_QUERY", {json, Str("$.a")}), R"({"b":[1,"two",null]})");
  EXPECT_EQ(ValueOf("JSON_EXISTS", {json, Str("$.x")}), "FALSE");
  EXPECT_EQ(ValueOf("IS JSON", {Str("{")}), "FALSE");
  EXPECT_EQ(ValueOf("JSON_VALUE", {json, Str("a")}).substr(0, 6), "error:");
}

TEST(Registry, KnowsItsFunctions) {
  EXPECT_NE(FunctionRegistry::Default().FindScalar("upper"), nullptr);
  EXPECT_NE(FunctionRegistry::Default().FindAggregate("Sum"), nullptr);
  EXPECT_EQ(ValueOf("UPER", {Str("a")}), "error: no function 'UPER'. hint: did you mean UPPER?");
  EXPECT_EQ(ValueOf("UPPER", {Int(1)}).substr(0, 56),
            "error: UPPER: argument 1 is INT NOT NULL, expected STRIN");
}

TEST(UserAgent, HeadersOfAWebLog) {
  const auto parts = [](const char* header) {
    std::string text;
    for (const char* part : {"browser", "version", "os", "device"}) {
      text += ValueOf("USER_AGENT", {Str(header), Str(part)}) + " ";
    }
    return text;
  };
  EXPECT_EQ(parts("Opera/9.80 (J2ME/MIDP; Opera Mini/4.2.24721/37.6066; U; en) Presto/2.12.423 Version/12.16"),
            "Opera Mini 4.2.24721 NULL phone ");
  EXPECT_EQ(parts("Opera/9.80 (Windows NT 6.1; WOW64) Presto/2.12.388 Version/12.17"),
            "Opera 12.17 Windows desktop ");
  EXPECT_EQ(parts("UCWEB/2.0 (MIDP-2.0; U; Adr 4.4.2; en-US; A82) U2/1.0.0 UCBrowser/10.2.0.584 U2/1.0.0 Mobile"),
            "UC Browser 10.2.0.584 Android phone ");
  EXPECT_EQ(parts("Mozilla/5.0 (SymbianOS/9.4; Series60/5.0 Nokia5233/51.1.002; Profile/MIDP-2.1) AppleWebKit/533.4"),
            "NULL NULL Symbian phone ");
  EXPECT_EQ(parts("Mozilla/5.0 (Linux; Android 4.4.2; SM-T231) AppleWebKit/537.36 Chrome/43.0.2357.93 Safari/537.36"),
            "Chrome 43.0.2357.93 Android tablet ");
  EXPECT_EQ(parts("Mozilla/5.0 (Unknown; Linux x86_64) AppleWebKit/538.1 PhantomJS/2.0.0 Safari/538.1"),
            "PhantomJS 2.0.0 Linux bot ");
  EXPECT_EQ(parts("Amazon Route 53 Health Check Service"), "NULL NULL NULL bot ");
  EXPECT_EQ(parts("WinHTTP"), "NULL NULL NULL NULL ");
}

}  // namespace
}  // namespace millrace
