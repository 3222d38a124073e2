#include "operators/updating_limit.h"

#include <gtest/gtest.h>

#include "operators/operator_testing.h"

namespace millrace {
namespace {

using testing::MakeBatch;
using testing::TestOutput;
using testing::TestRow;

// What LIMIT is: the rows in the order of arrival, and of these a stretch.
struct Model {
  std::vector<int64_t> rows;
  void Apply(const TestRow& row) {
    if (Adds(row.kind)) return rows.push_back(row.value);
    const auto found = std::find(rows.begin(), rows.end(), row.value);
    if (found != rows.end()) rows.erase(found);
  }
  std::map<int64_t, int> Shown(size_t offset, size_t limit) const {
    std::map<int64_t, int> shown;
    for (size_t i = offset; i < std::min(rows.size(), offset + limit); ++i) ++shown[rows[i]];
    return shown;
  }
};

// Folds what came out; a row must not be taken back that does not show.
std::map<int64_t, int> Folded(const TestOutput& out) {
  std::map<int64_t, int> shown;
  for (size_t i = 0; i < out.rows.size(); ++i) {
    int& count = shown[out.rows[i][testing::kValue]];
    count += Adds(out.kinds[i]) ? 1 : -1;
    EXPECT_GE(count, 0);
    if (count == 0) shown.erase(out.rows[i][testing::kValue]);
  }
  return shown;
}

TEST(UpdatingLimit, ShowsTheRowsThatStandFirst) {
  for (const auto& [offset, limit] : {std::pair{0, 3}, {2, 3}, {4, 1}, {0, 100}, {3, 0}}) {
    std::mt19937 random(static_cast<uint32_t>(17 * offset + limit));
    const auto schema = MakeBatch({{}}, false).rows->schema();
    auto op = MakeUpdatingLimit({limit, offset, schema});
    ASSERT_TRUE(op->Open(OperatorContext{}).ok());
    TestOutput out;
    Model model;
    for (int step = 0; step < 400; ++step) {
      const auto value = static_cast<int64_t>(random() % 8);
      const bool adds = model.rows.size() < 12 && random() % 2 == 0;
      const TestRow row{0, 0, value, adds ? RowKind::kInsert : RowKind::kDelete};
      ASSERT_TRUE(op->OnBatch(0, MakeBatch({row}, false), out).ok());
      model.Apply(row);
      ASSERT_EQ(Folded(out), model.Shown(static_cast<size_t>(offset), static_cast<size_t>(limit)))
          << "step " << step << " offset " << offset << " limit " << limit;
    }
  }
}

}  // namespace
}  // namespace millrace
