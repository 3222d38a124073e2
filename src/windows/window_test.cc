#include "windows/window.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

std::vector<Window> Assign(WindowKind kind, int64_t size, int64_t slide, Timestamp time) {
  WindowSpec spec;
  spec.kind = kind;
  spec.size = size;
  spec.slide = slide;
  std::vector<Window> windows;
  AssignWindows(spec, time, windows);
  return windows;
}

TEST(Window, AlignsBelowZeroAndWithOffset) {
  EXPECT_EQ(AlignedStart(25, 10, 0), 20);
  EXPECT_EQ(AlignedStart(20, 10, 0), 20);
  EXPECT_EQ(AlignedStart(-1, 10, 0), -10);
  EXPECT_EQ(AlignedStart(-10, 10, 0), -10);
  EXPECT_EQ(AlignedStart(25, 10, 7), 17);
  EXPECT_EQ(AlignedStart(25, 10, -3), 17);
}

TEST(Window, TumbleHasOneWindow) {
  EXPECT_EQ(Assign(WindowKind::kTumble, 10, 0, 25), (std::vector<Window>{{20, 30}}));
}

TEST(Window, HopListsEarliestEndFirst) {
  EXPECT_EQ(Assign(WindowKind::kHop, 10, 5, 12), (std::vector<Window>{{5, 15}, {10, 20}}));
  EXPECT_EQ(Assign(WindowKind::kHop, 10, 4, 12), (std::vector<Window>{{4, 14}, {8, 18}, {12, 22}}));
  EXPECT_EQ(Assign(WindowKind::kHop, 10, 5, -1), (std::vector<Window>{{-10, 0}, {-5, 5}}));
}

TEST(Window, HopLeavesOutRowsBetweenWindows) {
  EXPECT_TRUE(Assign(WindowKind::kHop, 2, 5, 3).empty());
  EXPECT_EQ(Assign(WindowKind::kHop, 2, 5, 6), (std::vector<Window>{{5, 7}}));
}

TEST(Window, CumulateGrowsToItsSize) {
  EXPECT_EQ(Assign(WindowKind::kCumulate, 15, 5, 17),
            (std::vector<Window>{{15, 20}, {15, 25}, {15, 30}}));
  EXPECT_EQ(Assign(WindowKind::kCumulate, 15, 5, 29), (std::vector<Window>{{15, 30}}));
}

TEST(Window, SlicesDivideSizeAndSlide) {
  WindowSpec spec;
  spec.size = 10;
  EXPECT_EQ(SliceSize(spec), 10);
  spec.slide = 4;
  EXPECT_EQ(SliceSize(spec), 2);
}

TEST(Window, Prints) {
  WindowSpec spec;
  spec.time_column = 2;
  spec.size = 10000;
  EXPECT_EQ(spec.ToString(), "TUMBLE($2, 10 s)");
  spec.kind = WindowKind::kSession;
  spec.max_events = 5;
  EXPECT_EQ(spec.ToString(), "SESSION($2, gap 10 s, max events 5)");
}

}  // namespace
}  // namespace millrace
