// Properties over many values, with seeds: dates against the system's own library, casts there and
// back, JSON against a second parser, regular expressions within a bound.
#include <simdjson.h>

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <ctime>
#include <random>

#include "functions/calendar.h"
#include "functions/json_path.h"
#include "functions/json_text.h"
#include "functions/json_valid.h"
#include "functions/regex.h"
#include "functions/test_values.h"
#include "functions/test_zones.h"

namespace millrace {
namespace {

using namespace testing;  // NOLINT: the helpers are made for this

TEST(CalendarProperty, FourHundredYearsAgreeWithTheSystem) {
  const int64_t first = DaysFromCivil({1800, 1, 1}), last = DaysFromCivil({2200, 12, 31});
  for (int64_t day = first; day <= last; ++day) {
    const time_t seconds = day * 86400;
    std::tm tm{};
    ASSERT_NE(gmtime_r(&seconds, &tm), nullptr);
    const CivilDate date = CivilFromDays(day);
    char iso[16];
    std::strftime(iso, sizeof(iso), "%G %V %u", &tm);
    ASSERT_EQ(date.year, tm.tm_year + 1900) << day;
    ASSERT_EQ(date.month, tm.tm_mon + 1) << day;
    ASSERT_EQ(date.day, tm.tm_mday) << day;
    ASSERT_EQ(DaysFromCivil(date), day);
    ASSERT_EQ(DayOfYear(day), tm.tm_yday + 1) << day;
    ASSERT_EQ(fmt::format("{} {:02} {}", IsoWeekYear(day), IsoWeek(day), IsoWeekday(day)), iso)
        << day;
  }
}

TEST(CalendarProperty, OffsetsOfAllZonesAgreeWithTheSystem) {
  const char* before = std::getenv("TZ");
  const std::string saved = before == nullptr ? "" : before;
  std::mt19937_64 random(1);
  std::uniform_int_distribution<int64_t> instants(0, 2145916800);  // 1970 to 2037
  for (const std::string& name : ZoneNames()) {
    auto zone = TimeZone::Make(name);
    if (!zone.ok()) continue;  // a zone that the system does not install
    setenv("TZ", name.c_str(), 1);
    tzset();
    for (int i = 0; i < 50; ++i) {
      const time_t utc = instants(random);
      std::tm tm{};
      localtime_r(&utc, &tm);
      ASSERT_EQ(zone->OffsetAt(utc), tm.tm_gmtoff) << name << " at " << utc;
      const int64_t local = utc + tm.tm_gmtoff;
      const int64_t back = zone->LocalToUtc(local);
      ASSERT_EQ(back + zone->OffsetAt(back), local) << name << " at " << utc;
    }
  }
  before == nullptr ? unsetenv("TZ") : setenv("TZ", saved.c_str(), 1);
  tzset();
}

// A value cast to text and back is the value.
void ExpectRoundTrip(const ExpressionPtr& value) {
  const std::string text = Show(value);
  const ExpressionPtr there = MakeCast(value, SqlType::String());
  EXPECT_EQ(Show(MakeCast(there, value->type)), text);
}

TEST(CastProperty, TextThereAndBack) {
  std::mt19937_64 random(2);
  for (int i = 0; i < 2000; ++i) {
    const auto bits = static_cast<int64_t>(random());
    ExpectRoundTrip(Big(bits));
    ExpectRoundTrip(Int(static_cast<int32_t>(bits)));
    double real = 0;
    std::memcpy(&real, &bits, sizeof(real));
    if (std::isfinite(real)) ExpectRoundTrip(Real(real));
    ExpectRoundTrip(Dec(fmt::format("{}.{:04}", bits % 1000000000000, i), 20, 4));
    const auto millis =
        static_cast<int64_t>(static_cast<uint64_t>(bits) % 100000000000000);  // to 5138
    ExpectRoundTrip(MakeLiteral(std::make_shared<arrow::TimestampScalar>(
                                    millis, SqlType::Timestamp(3).ToArrow()),
                                SqlType::Timestamp(3).NotNull()));
  }
}

template <typename T>
ExpressionPtr Value(T value, TypeKind kind, int precision = 0) {
  const SqlType type = SqlType::Of(kind, precision);
  return MakeLiteral(*arrow::MakeScalar(type.ToArrow(), value), type.NotNull());
}

TEST(CastProperty, AllTypesAsTextAndBack) {
  std::mt19937_64 random(4);
  for (int i = 0; i < 500; ++i) {
    const auto bits = static_cast<int64_t>(random());
    ExpectRoundTrip(Value(static_cast<int8_t>(bits), TypeKind::kTinyInt));
    ExpectRoundTrip(Value(static_cast<int16_t>(bits), TypeKind::kSmallInt));
    ExpectRoundTrip(Bool(bits % 2 == 0));
    float real = 0;
    std::memcpy(&real, &bits, sizeof(real));
    if (std::isfinite(real)) ExpectRoundTrip(Value(real, TypeKind::kFloat));
    ExpectRoundTrip(Value(static_cast<int32_t>(random() % 2932896), TypeKind::kDate));  // to 9999
    for (int precision = 0; precision <= 3; ++precision) {
      const int32_t unit = MillisPerDigit(precision);
      const auto millis = static_cast<int32_t>(random() % 86400000);
      ExpectRoundTrip(Value(millis / unit * unit, TypeKind::kTime, precision));
    }
    for (int precision = 0; precision <= 9; ++precision) {
      const int64_t time = static_cast<int64_t>(random() % 9000000000) * UnitsPerSecond(precision) +
                           static_cast<int64_t>(random() % 1000);
      const int64_t kept = RescaleTimestamp(time, precision, precision);
      ExpectRoundTrip(Value(kept, TypeKind::kTimestamp, precision));
    }
  }
}

// A number that fits another type is itself again when it comes back.
TEST(CastProperty, NumbersThereAndBack) {
  std::mt19937_64 random(5);
  const SqlType wider[] = {SqlType::BigInt(), SqlType::Double(), SqlType::Of(TypeKind::kDecimal, 10, 0),
                           SqlType::Of(TypeKind::kDecimal, 38, 10), SqlType::String()};
  for (int i = 0; i < 1000; ++i) {
    const ExpressionPtr number = Int(static_cast<int32_t>(random()));
    for (const SqlType& type : wider) {
      EXPECT_EQ(Show(MakeCast(MakeCast(number, type), number->type)), Show(number)) << type.ToString();
    }
    const ExpressionPtr decimal = Dec(fmt::format("{}.{:02}", static_cast<int32_t>(random()), i % 100), 12, 2);
    EXPECT_EQ(Show(MakeCast(MakeCast(decimal, SqlType::Double()), decimal->type)), Show(decimal));
  }
}

// Local time to an instant and back, but in the hour that a zone has twice or not at all.
TEST(CastProperty, InstantsOfZonesThereAndBack) {
  std::mt19937_64 random(6);
  for (const char* zone : {"Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Pacific/Apia", "UTC"}) {
    EvalContext context;
    context.time_zone = zone;
    for (int i = 0; i < 300; ++i) {
      const auto seconds = static_cast<int64_t>(random() % 4000000000);
      const ExpressionPtr instant = Value(seconds * 1000, TypeKind::kTimestampLtz, 3);
      const ExpressionPtr local = MakeCast(instant, SqlType::Timestamp(3));
      const ExpressionPtr back = MakeCast(local, SqlType::TimestampLtz(3));
      EXPECT_EQ(Show(MakeCast(back, SqlType::Timestamp(3)), context), Show(local, context)) << zone;
    }
  }
}

std::string RandomJson(std::mt19937_64& random, int depth) {
  const char* const kScalars[] = {"null", "true", "-12", "3.25", "\"a\\\"b\\u00e9\"", "\"\"", "0"};
  const auto kind = random() % (depth > 3 ? 1 : 3);
  if (kind == 0) return kScalars[random() % std::size(kScalars)];
  std::string text = kind == 1 ? "[" : "{ ";
  for (size_t i = 0, count = random() % 4; i < count; ++i) {
    if (i > 0) text += " ,";
    if (kind == 2) text += fmt::format("\"k{}\" : ", i);
    text += RandomJson(random, depth + 1);
  }
  return text + (kind == 1 ? "]" : "}");
}

TEST(JsonProperty, PathsAgreeWithAnotherParser) {
  std::mt19937_64 random(3);
  simdjson::dom::parser parser;
  for (int i = 0; i < 5000; ++i) {
    const std::string document = RandomJson(random, 0);
    ASSERT_TRUE(IsValidJson(document)) << document;
    std::string canonical, again;
    AppendCanonicalJson(document, &canonical);
    AppendCanonicalJson(canonical, &again);
    ASSERT_EQ(canonical, again) << document;
    const std::string name = fmt::format("k{}", random() % 3);
    const size_t index = random() % 3;
    const auto path = JsonPath::Parse(fmt::format("$.{}[{}]", name, index));
    ASSERT_TRUE(path.ok());
    const auto found = path->Find(document);
    const simdjson::dom::element root = parser.parse(document);
    auto wanted = root.at_key(name).at(index);
    ASSERT_EQ(found.has_value(), wanted.error() == simdjson::SUCCESS) << document;
    if (!found) continue;
    const std::string expected = simdjson::minify(wanted.value());
    simdjson::dom::parser second;
    ASSERT_EQ(std::string(simdjson::minify(second.parse(std::string(*found)).value())), expected);
  }
}

TEST(JsonProperty, BrokenTextIsNoJson) {
  for (const char* text :
       {"", " ", "{", "[1,]", "{\"a\"}", "nul", "\"", "01", "[1 2]", "\"\\x\""}) {
    EXPECT_FALSE(IsValidJson(text)) << text;
  }
  EXPECT_TRUE(IsValidJson("123456789012345678901234567890"));
}

TEST(RegexProperty, CatastrophicPatternsEndWithinABound) {
  const std::string text(60, 'a');
  for (const char* pattern : {"(a+)+b", "(a|aa)+c", "(.*a){20}b", "(?:a?){60}a{61}"}) {
    const auto begin = std::chrono::steady_clock::now();
    auto regex = Regex::Compile(pattern);
    ASSERT_TRUE(regex.ok());
    const auto found = (*regex)->Find(text);
    EXPECT_TRUE(!found.ok() || !*found) << pattern;
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20)) << pattern;
  }
}

// A pattern that takes too long on a text is given up; none holds up a job.
TEST(RegexProperty, NoFunctionHangs) {
  const std::string as(100, 'a'), many(20000, 'a'), words = [] {
    std::string text;
    for (int i = 0; i < 500; ++i) text += "word ";
    return text + "!";
  }();
  for (const char* pattern :
       {"(a+)+$b", "(a*)*b", "(a|a)*b", "(a|aa)+$c", "([a-zA-Z]+)*\\d", "^(([a-z])+.)+[A-Z]([a-z])+$",
        "(\\w+\\s*)+\\.", "(.*)(.*)(.*)(.*)(.*)x", "(?=(a+))a*b\\1", "((a{1,10}){1,10}){1,10}b"}) {
    for (const std::string& text : {as, many, words}) {
      for (const char* function : {"REGEXP", "REGEXP_EXTRACT", "REGEXP_COUNT", "REGEXP_INSTR",
                                   "REGEXP_SUBSTR", "REGEXP_EXTRACT_ALL"}) {
        const std::clock_t begin = std::clock();
        ValueOf(function, {Str(text), Str(pattern)});
        const double seconds = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
        EXPECT_LT(seconds, 5) << function << " of " << pattern << " on " << text.size() << " bytes";
      }
    }
  }
}

TEST(RegexProperty, JavasSyntaxIsRead) {
  const auto replaced = [](const char* text, const char* pattern) {
    return ValueOf("REGEXP_REPLACE", {Str(text), Str(pattern), Str("-")});
  };
  EXPECT_EQ(replaced("aäb", "\\p{L}"), "---");
  EXPECT_EQ(replaced("foobar", "(?<=foo)bar"), "foo-");
  EXPECT_EQ(replaced("aaa", "a++a"), "aaa");
  EXPECT_EQ(replaced("abab", "(?<x>ab)\\k<x>"), "-");
  EXPECT_EQ(replaced("a(b", "\\Q(\\E"), "a-b");
  EXPECT_EQ(replaced("äö", "x*"), "-ä-ö-");
  EXPECT_EQ(replaced("a", "("), "NULL");
  EXPECT_EQ(ValueOf("SIMILAR TO", {Str("a_c"), Str("a[_%]c")}), "TRUE");
  EXPECT_EQ(ValueOf("SIMILAR TO", {Str("abc"), Str("a[_%]c")}), "FALSE");
  EXPECT_EQ(ValueOf("FROM_BASE64", {Str("aGk=====")}), "NULL");
  EXPECT_EQ(ValueOf("URL_DECODE", {Str("%FF")}), "\xEF\xBF\xBD");
}

}  // namespace
}  // namespace millrace
