#include "operators/kept_rows.h"

#include <arrow/api.h>
#include <arrow/compute/initialize.h>
#include <gtest/gtest.h>

#include <random>

#include "operators/operator_testing.h"

namespace millrace {
namespace {

std::shared_ptr<arrow::RecordBatch> Numbered(int64_t first, int64_t count) {
  std::vector<int64_t> numbers;
  for (int64_t i = 0; i < count; ++i) numbers.push_back(first + i);
  return arrow::RecordBatch::Make(arrow::schema({arrow::field("n", arrow::int64())}), count,
                                  {testing::NumberColumn(numbers, arrow::int64())});
}

std::vector<int64_t> NumbersOf(const arrow::RecordBatch& rows) {
  const auto* values = rows.column(0)->data()->GetValues<int64_t>(1);
  return {values, values + rows.num_rows()};
}

std::vector<int64_t> AllFrom(const KeptRows& kept, int64_t from) {
  std::vector<int64_t> all;
  EXPECT_TRUE(kept.ForEach(from, [&](const std::shared_ptr<arrow::RecordBatch>& rows) {
                    for (int64_t number : NumbersOf(*rows)) all.push_back(number);
                    return Status::OK();
                  }).ok());
  return all;
}

TEST(KeptRows, StayKnownByTheirNumbers) {
  ASSERT_TRUE(arrow::compute::Initialize().ok());
  KeptRows kept;
  std::mt19937 random(3);
  std::vector<int64_t> there;
  int64_t next = 0;
  for (int round = 0; round < 300; ++round) {
    const auto count = static_cast<int64_t>(1 + random() % 500);
    std::vector<bool> wanted(static_cast<size_t>(count));
    int64_t added = 0;
    for (size_t i = 0; i < wanted.size(); ++i) {
      wanted[i] = random() % 4 != 0;
      if (wanted[i]) there.push_back(next + static_cast<int64_t>(i));
      added += wanted[i] ? 1 : 0;
    }
    kept.Add(next, Numbered(next, count), wanted, added);
    next += count;
    for (size_t gone = random() % 300; gone > 0 && there.size() > 1; --gone) {
      const auto at = there.begin() + static_cast<int64_t>(random() % there.size());
      kept.Forget(*at);
      there.erase(at);
    }
    ASSERT_TRUE(kept.Compact().ok());
    ASSERT_EQ(kept.size(), std::ssize(there));
    std::vector<int64_t> some;
    for (int i = 0; i < 20; ++i) some.push_back(there[random() % there.size()]);
    EXPECT_EQ(NumbersOf(**kept.Take(some)), some);
  }
  EXPECT_EQ(AllFrom(kept, 0), there);
  const int64_t from = there[there.size() / 2];
  EXPECT_EQ(AllFrom(kept, from), std::vector<int64_t>(there.begin() + std::ssize(there) / 2,
                                                      there.end()));
}

TEST(KeptRows, GiveUpTheMemoryOfWhatHasLeft) {
  ASSERT_TRUE(arrow::compute::Initialize().ok());
  KeptRows kept;
  for (int64_t first = 0; first < 1000000; first += 1000) {
    kept.Add(first, Numbered(first, 1000), std::vector<bool>(1000, true), 1000);
    for (int64_t i = 1; i < 1000; ++i) kept.Forget(first + i);
    ASSERT_TRUE(kept.Compact().ok());
    ASSERT_LE(kept.stored(), 2 * kept.size() + 10000);
  }
  EXPECT_EQ(kept.size(), 1000);
}

}  // namespace
}  // namespace millrace
