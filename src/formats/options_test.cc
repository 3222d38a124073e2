#include "formats/options.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

int64_t Millis(const std::string& text) {
  const auto duration = ParseDuration(text);
  return duration.ok() ? duration->count() : -1;
}

TEST(Options, Durations) {
  EXPECT_EQ(Millis("10 s"), 10000);
  EXPECT_EQ(Millis("500ms"), 500);
  EXPECT_EQ(Millis("500"), 500);
  EXPECT_EQ(Millis("1 min"), 60000);
  EXPECT_EQ(Millis("2 d"), 172800000);
  EXPECT_EQ(Millis("1500 us"), 1);
  EXPECT_EQ(Millis("PT1.5S"), 1500);
  EXPECT_EQ(Millis("P1DT2H"), 93600000);
  for (const char* wrong : {"", "s", "-1 s", "1 week", "P", "PT", "P1H", "99999999999999 d"}) {
    EXPECT_EQ(Millis(wrong), -1) << wrong;
  }
}

TEST(Options, Sizes) {
  EXPECT_EQ(ParseMemorySize("10 MB").ValueOrDie(), 10 << 20);
  EXPECT_EQ(ParseMemorySize("128mb").ValueOrDie(), 128 << 20);
  EXPECT_EQ(ParseMemorySize("7").ValueOrDie(), 7);
  EXPECT_FALSE(ParseMemorySize("7 apples").ok());
}

TEST(Options, TypedValues) {
  const Options options{{"n", " 12 "}, {"b", "TRUE"}, {"d", "0.5"}, {"x", "y"}};
  EXPECT_EQ(IntOption(options, "n", 0).ValueOrDie(), 12);
  EXPECT_EQ(IntOption(options, "absent", 3).ValueOrDie(), 3);
  EXPECT_TRUE(BoolOption(options, "b", false).ValueOrDie());
  EXPECT_EQ(DoubleOption(options, "d", 0).ValueOrDie(), 0.5);
  EXPECT_EQ(IntOption(options, "x", 0).status().message(),
            "option 'x': cannot read 'y' as a whole number");
  EXPECT_FALSE(BoolOption(options, "x", false).ok());
  EXPECT_FALSE(DurationOption(options, "x", {}).ok());
}

}  // namespace
}  // namespace millrace
