#include "data/text_table.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

TEST(TextTable, EscapesWhatATerminalWouldObey) {
  EXPECT_EQ(Printable("a\nb\tc\r"), "a\\nb\\tc\\r");
  EXPECT_EQ(Printable("\x1b[2J"), "\\x1b[2J");
  EXPECT_EQ(Printable("\xC2\x9B"), "\\u009b");
  EXPECT_EQ(Printable("gr\xC3\xBC\xC3\x9F"), "gr\xC3\xBC\xC3\x9F");
  EXPECT_EQ(Printable("\xff\xC3"), "\\xff\\xc3");
  EXPECT_EQ(Printable("\xED\xA0\x80"), "\\xed\\xa0\\x80");
}

TEST(TextTable, KnowsUtf8) {
  EXPECT_TRUE(IsUtf8(""));
  EXPECT_TRUE(IsUtf8("a\xC3\xBC\xF0\x9F\x98\x80"));
  for (const char* bad : {"\xC3", "\xC0\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\x80", "\xE0\x80\x80"}) {
    EXPECT_FALSE(IsUtf8(bad)) << Printable(bad);
  }
}

TEST(TextTable, WidthsAreThoseOfTheTerminal) {
  EXPECT_EQ(DisplayWidth("gr\xC3\xBC\xC3\x9F"), 4u);
  EXPECT_EQ(DisplayWidth("\xE6\x97\xA5\xE6\x9C\xAC"), 4u);
  EXPECT_EQ(DisplayWidth("e\xCC\x81"), 1u);
  EXPECT_EQ(Clip("\xE6\x97\xA5\xE6\x9C\xAC", 3), "\xE6\x97\xA5");
  EXPECT_EQ(Clip("abc", 10), "abc");
  EXPECT_EQ(Padded("\xC3\xBC", 3), "\xC3\xBC  ");
}

TEST(TextTable, AlignsRows) {
  EXPECT_EQ(TextTable({"a"}, {{"\xC3\xBC\xC3\xBC"}, {"x"}}),
            "+----+\n| a  |\n+----+\n| \xC3\xBC\xC3\xBC |\n| x  |\n+----+\n");
}

}  // namespace
}  // namespace millrace
