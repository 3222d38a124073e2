#include "runtime/batch_rows.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

using std::chrono::milliseconds;

class BatchRowsTest : public testing::Test {
 protected:
  // Hands on batches for a while, of which so many rows are taken in a millisecond.
  void Feed(int64_t rows_taken, bool full) {
    for (const auto end = now_ + std::chrono::seconds{4}; now_ < end;) {
      const int64_t rows = rows_.rows();
      now_ += std::chrono::microseconds{rows * 1000 / rows_taken};
      rows_.Fed(rows, full, now_);
    }
  }
  BatchRows rows_{8192, milliseconds{50}};
  BatchRows::Time now_{std::chrono::hours{1}};
};

TEST_F(BatchRowsTest, BeginsSmallUntilTheNextTasksAreKnown) {
  EXPECT_EQ(rows_.rows(), 1024);
  EXPECT_EQ(BatchRows(8192, milliseconds{0}).rows(), 8192);
}

TEST_F(BatchRowsTest, FastTasksGetWholeBatches) {
  Feed(1000, true);
  EXPECT_EQ(rows_.rows(), 8192);
}

TEST_F(BatchRowsTest, WhatIsTakenInTheTime) {
  Feed(40, true);
  EXPECT_NEAR(static_cast<double>(rows_.rows()), 2000, 20);
}

// 4 rows a millisecond would be 200 in 50 ms: fewer than are worth while.
TEST_F(BatchRowsTest, SlowTasksGetSmallOnes) {
  Feed(4, true);
  EXPECT_EQ(rows_.rows(), 256);
}

// A source that has nothing to hand on is slow as well.
TEST_F(BatchRowsTest, OnlyWhereTheNextTasksAreFull) {
  Feed(4, true);
  Feed(4, false);
  EXPECT_EQ(rows_.rows(), 8192);
}

TEST_F(BatchRowsTest, NotMoreThanThereMayBe) {
  rows_ = BatchRows(10, milliseconds{50});
  EXPECT_EQ(rows_.rows(), 10);
  Feed(4, true);
  EXPECT_EQ(rows_.rows(), 10);
}

}  // namespace
}  // namespace millrace
