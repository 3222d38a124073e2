#include "operators/replicate.h"

#include <gtest/gtest.h>

#include "operators/operator_testing.h"

namespace millrace {
namespace {

using testing::MakeBatch;
using testing::TestOutput;

TEST(Replicate, EmitsCopiesAndDifferences) {
  const Batch rows = MakeBatch({{7, 0, 2},
                                {8, 0, 0},
                                {7, 0, 2, RowKind::kUpdateBefore},
                                {7, 0, 5, RowKind::kUpdateAfter},
                                {7, 0, 5, RowKind::kUpdateBefore},
                                {9, 0, 1, RowKind::kUpdateAfter},  // another row: no difference
                                {9, 0, -3, RowKind::kDelete},
                                {6, 0, 20000}},
                               false);
  auto op = MakeReplicate({arrow::schema({rows.rows->schema()->field(0), rows.rows->schema()->field(1),
                                          rows.rows->schema()->field(2)})});
  ASSERT_TRUE(op->Open(OperatorContext{}).ok());
  TestOutput out(/*seed=*/3);
  Finish(*op, op->OnBatch(0, rows, out), out);
  std::map<int64_t, int64_t> copies, deleted;
  for (size_t i = 0; i < out.rows.size(); ++i) {
    ASSERT_EQ(out.rows[i].size(), 3u);
    ++(Adds(out.kinds[i]) ? copies : deleted)[out.rows[i][testing::kKey]];
  }
  EXPECT_EQ(copies, (std::map<int64_t, int64_t>{{7, 5}, {9, 1}, {6, 20000}}));
  EXPECT_EQ(deleted, (std::map<int64_t, int64_t>{{7, 5}}));
}

}  // namespace
}  // namespace millrace
