#include "operators/materialize.h"

#include <gtest/gtest.h>

#include "operators/operator_testing.h"

namespace millrace {
namespace {

using testing::MakeBatch;
using testing::TestOutput;

std::vector<std::string> Changes(const TestOutput& out) {
  std::vector<std::string> lines;
  for (size_t i = 0; i < out.rows.size(); ++i) {
    lines.push_back(fmt::format("{} {}={}", RowKindName(out.kinds[i]), out.rows[i][testing::kKey],
                                out.rows[i][testing::kValue]));
  }
  return lines;
}

TEST(Materialize, LastRowOfAKeyStands) {
  const Batch rows = MakeBatch({{1, 0, 10},
                                {1, 0, 20},
                                {1, 0, 10, RowKind::kDelete},
                                {1, 0, 30},
                                {1, 0, 30, RowKind::kUpdateBefore},
                                {1, 0, 20, RowKind::kDelete},
                                {1, 0, 99, RowKind::kDelete}},
                               false);
  auto materialize = MakeMaterialize({{testing::kKey}, rows.rows->schema()});
  ASSERT_TRUE(materialize->Open(OperatorContext{}).ok());
  TestOutput out;
  ASSERT_TRUE(materialize->OnBatch(0, rows, out).ok());
  EXPECT_EQ(Changes(out), (std::vector<std::string>{"+I 1=10", "-U 1=10", "+U 1=20", "-U 1=20",
                                                    "+U 1=30", "-U 1=30", "+U 1=20", "-D 1=20"}));
}

}  // namespace
}  // namespace millrace
