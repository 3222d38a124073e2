#include "operators/normalize.h"

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

std::unique_ptr<Operator> Make() {
  const Batch rows = MakeBatch({{1, 0, 1}}, false);
  auto normalize = MakeNormalize({{testing::kKey}, rows.rows->schema()});
  EXPECT_TRUE(normalize->Open(OperatorContext{}).ok());
  return normalize;
}

TEST(Normalize, UpsertsBecomeFullChanges) {
  auto normalize = Make();
  TestOutput out;
  const Batch rows = MakeBatch({{1, 0, 10},
                                {2, 0, 20},
                                {1, 0, 11, RowKind::kUpdateAfter},
                                {1, 0, 11},
                                {3, 0, 0, RowKind::kDelete},
                                {2, 0, 0, RowKind::kDelete}},
                               false);
  ASSERT_TRUE(normalize->OnBatch(0, rows, out).ok());
  EXPECT_EQ(Changes(out), (std::vector<std::string>{"+I 1=10", "+I 2=20", "-U 1=10", "+U 1=11",
                                                    "-D 2=20"}));
}

TEST(Normalize, KeyReturnsAfterItsDeletion) {
  auto normalize = Make();
  TestOutput out;
  for (const RowKind kind : {RowKind::kInsert, RowKind::kDelete, RowKind::kInsert}) {
    ASSERT_TRUE(normalize->OnBatch(0, MakeBatch({{7, 0, 1, kind}}, false), out).ok());
  }
  EXPECT_EQ(Changes(out), (std::vector<std::string>{"+I 7=1", "-D 7=1", "+I 7=1"}));
}

}  // namespace
}  // namespace millrace
