// The functions over time against the system's own library: random moments of 400 years, and all time
// zones. (functions/property_test.cc has the calendar below them.)
#include <cstdlib>
#include <ctime>
#include <random>

#include "functions/calendar.h"
#include "functions/test_values.h"
#include "functions/test_zones.h"

namespace millrace {
namespace {

using namespace testing;  // NOLINT: the helpers are made for this

constexpr int64_t kFirst = -5364662400, kLast = 7289654400;  // 1800-01-01 and 2201-01-01 in seconds

ExpressionPtr Moment(int64_t seconds) {
  return MakeLiteral(std::make_shared<arrow::TimestampScalar>(seconds * 1000, SqlType::Timestamp(3).ToArrow()),
                     SqlType::Timestamp(3).NotNull());
}

ExpressionPtr Instant(int64_t seconds) {
  return MakeLiteral(
      std::make_shared<arrow::TimestampScalar>(seconds * 1000, SqlType::TimestampLtz(3).ToArrow()),
      SqlType::TimestampLtz(3).NotNull());
}

std::string Format(const std::tm& parts, const char* pattern) {
  char text[64];
  return std::string(text, std::strftime(text, sizeof(text), pattern, &parts));
}

std::tm UtcParts(int64_t seconds) {
  const time_t time = seconds;
  std::tm parts{};
  gmtime_r(&time, &parts);
  return parts;
}

class Moments {
 public:
  explicit Moments(unsigned seed) : random_(seed) {}
  int64_t Next() { return any_(random_); }
  int64_t Below(int64_t bound) { return static_cast<int64_t>(random_() % static_cast<uint64_t>(bound)); }

 private:
  std::mt19937_64 random_;
  std::uniform_int_distribution<int64_t> any_{kFirst, kLast};
};

TEST(TimeProperty, FormatsAgreeWithTheSystem) {
  constexpr std::pair<const char*, const char*> kPatterns[] = {
      {"yyyy-MM-dd HH:mm:ss", "%Y-%m-%d %H:%M:%S"}, {"dd.MM.yyyy", "%d.%m.%Y"}, {"DDD", "%j"},
      {"EEE d", "%a %-d"}, {"EEEE", "%A"}, {"MMM yy", "%b %y"}, {"MMMM", "%B"}, {"hh:mm a", "%I:%M %p"},
      {"H'h' m's'", "%-Hh %-Ms"}};
  Moments moments(1);
  for (int i = 0; i < 3000; ++i) {
    const int64_t at = moments.Next();
    const auto& [ours, systems] = kPatterns[i % std::size(kPatterns)];
    ASSERT_EQ(ValueOf("DATE_FORMAT", {Moment(at), Str(ours)}), Format(UtcParts(at), systems))
        << at << " as " << ours;
  }
}

TEST(TimeProperty, PartsAgreeWithTheSystem) {
  constexpr std::pair<const char*, const char*> kParts[] = {
      {"YEAR", "%-Y"}, {"MONTH", "%-m"}, {"DAY", "%-d"}, {"HOUR", "%-H"}, {"MINUTE", "%-M"},
      {"SECOND", "%-S"}, {"DOY", "%-j"}, {"WEEK", "%-V"}, {"ISOYEAR", "%-G"}, {"ISODOW", "%u"},
      {"EPOCH", "%s"}};
  Moments moments(2);
  const char* before = std::getenv("TZ");
  const std::string saved = before == nullptr ? "" : before;
  setenv("TZ", "UTC", 1);  // %s reads local time
  tzset();
  for (int i = 0; i < 3000; ++i) {
    const int64_t at = moments.Next();
    const auto& [ours, systems] = kParts[i % std::size(kParts)];
    ASSERT_EQ(ValueOf("EXTRACT", {Str(ours), Moment(at)}), Format(UtcParts(at), systems))
        << at << " part " << ours;
  }
  before == nullptr ? unsetenv("TZ") : setenv("TZ", saved.c_str(), 1);
  tzset();
}

TEST(TimeProperty, WhatIsWrittenIsRead) {
  Moments moments(3);
  for (int i = 0; i < 2000; ++i) {
    const int64_t at = moments.Next();
    for (const char* pattern : {"yyyy-MM-dd HH:mm:ss", "yyyyMMddHHmmss", "ss/mm/HH dd.MM.yyyy"}) {
      auto text = MakeCall("DATE_FORMAT", {Moment(at), Str(pattern)});
      ASSERT_TRUE(text.ok());
      EXPECT_EQ(ValueOf("TO_TIMESTAMP", {*text, Str(pattern)}), Show(Moment(at))) << pattern;
    }
  }
}

TEST(TimeProperty, RoundingAgreesWithTheSystem) {
  Moments moments(4);
  for (int i = 0; i < 2000; ++i) {
    const int64_t at = moments.Next();
    std::tm parts = UtcParts(at);
    parts.tm_sec = 0;
    EXPECT_EQ(ValueOf("FLOOR", {Moment(at), Str("MINUTE")}), Show(Moment(timegm(&parts))));
    parts.tm_min = parts.tm_hour = 0;
    EXPECT_EQ(ValueOf("FLOOR", {Moment(at), Str("DAY")}), Show(Moment(timegm(&parts))));
    parts.tm_mday = 1;
    const int64_t month = timegm(&parts);
    EXPECT_EQ(ValueOf("FLOOR", {Moment(at), Str("MONTH")}), Show(Moment(month)));
    // Flink looks at the date only: the whole first day of a month is its beginning.
    const bool first_day = UtcParts(at).tm_mday == 1;
    parts.tm_mon += 1;
    const int64_t next = first_day ? month : timegm(&parts);
    EXPECT_EQ(ValueOf("CEIL", {Moment(at), Str("MONTH")}), Show(Moment(next)));
  }
}

// Months later it is the same day and time, or the month's last day.
TEST(TimeProperty, MonthsAreAdded) {
  Moments moments(5);
  for (int i = 0; i < 2000; ++i) {
    const int64_t at = moments.Next();
    const auto months = static_cast<int32_t>(moments.Below(500) - 250);
    std::tm wanted = UtcParts(at);
    const int day = wanted.tm_mday;
    wanted.tm_mday = 1;
    wanted.tm_mon += months;
    const int64_t first = timegm(&wanted);  // normalizes the month
    const int last = DaysInMonth(wanted.tm_year + 1900, wanted.tm_mon + 1);
    const int64_t later = first + (std::min(day, last) - 1) * int64_t{86400};
    ASSERT_EQ(ValueOf("TIMESTAMPADD", {Str("MONTH"), Int(months), Moment(at)}), Show(Moment(later)))
        << at << " and " << months;
  }
}

// Instants as local time in every zone, there and back, and as text.
TEST(TimeProperty, LocalTimesOfAllZonesAgreeWithTheSystem) {
  const char* before = std::getenv("TZ");
  const std::string saved = before == nullptr ? "" : before;
  Moments moments(6);
  int zones = 0;
  for (const std::string& name : ZoneNames()) {
    if (!TimeZone::Make(name).ok()) continue;  // not installed
    ++zones;
    setenv("TZ", name.c_str(), 1);
    tzset();
    EvalContext context;
    context.time_zone = name;
    for (int i = 0; i < 10; ++i) {
      const int64_t at = moments.Below(2145916800);  // 1970 to 2037
      const time_t time = at;
      std::tm parts{};
      localtime_r(&time, &parts);
      const std::string wanted = Format(parts, "%Y-%m-%d %H:%M:%S");
      ASSERT_EQ(Show(MakeCast(Instant(at), SqlType::String()), context), wanted + ".000") << name;
      ASSERT_EQ(Show(MakeCast(MakeCast(Instant(at), SqlType::Timestamp(0)), SqlType::String()), context),
                wanted)
          << name;
      ASSERT_EQ(ValueOf("CONVERT_TZ", {Str(Format(UtcParts(at), "%Y-%m-%d %H:%M:%S")), Str("UTC"),
                                       Str(name)}),
                wanted)
          << name;
    }
  }
  EXPECT_TRUE(zones > 300 || ZoneNames().empty()) << zones;
  before == nullptr ? unsetenv("TZ") : setenv("TZ", saved.c_str(), 1);
  tzset();
}

}  // namespace
}  // namespace millrace
