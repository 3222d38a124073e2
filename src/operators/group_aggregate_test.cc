// The folded changelog against plain totals, and the single changes of small cases.
#include "operators/group_aggregate.h"

#include <gtest/gtest.h>

#include "operators/operator_testing.h"

namespace millrace {
namespace {

using testing::kKey;
using testing::kValue;
using testing::MakeBatch;
using testing::TestOutput;
using testing::TestRow;
using testing::Values;

GroupAggregateSpec Spec(bool retract, bool before_images) {
  GroupAggregateSpec spec;
  spec.keys = {kKey};
  spec.calls = {testing::CountCall(), testing::SumCall(kValue)};
  spec.retract = retract;
  spec.before_images = before_images;
  spec.output = testing::ResultSchema({"k", "count", "sum"}, false);
  return spec;
}

std::vector<std::string> Changes(const TestOutput& out) {
  std::vector<std::string> lines;
  for (size_t i = 0; i < out.rows.size(); ++i) {
    std::string line = RowKindName(out.kinds[i]);
    for (int64_t value : out.rows[i]) line += " " + std::to_string(value);
    lines.push_back(line);
  }
  return lines;
}

// Applies a changelog, checking each change against the table so far.
std::map<int64_t, Values> Fold(const TestOutput& out, bool before_images) {
  std::map<int64_t, Values> table;
  for (size_t i = 0; i < out.rows.size(); ++i) {
    const Values& row = out.rows[i];
    const bool known = table.count(row[0]) > 0;
    switch (out.kinds[i]) {
      case RowKind::kInsert:
        EXPECT_FALSE(known);
        break;
      case RowKind::kUpdateBefore:
        EXPECT_TRUE(before_images);
        [[fallthrough]];
      case RowKind::kDelete:
        EXPECT_EQ(table[row[0]], row);
        break;
      case RowKind::kUpdateAfter:
        EXPECT_EQ(known, !before_images);
    }
    table.erase(row[0]);
    if (Adds(out.kinds[i])) table[row[0]] = row;
  }
  return table;
}

TEST(GroupAggregate, FoldsToTheTotals) {
  for (uint32_t seed = 1; seed <= 2000; ++seed) {
    std::mt19937 random(seed);
    const bool retract = random() % 2 == 0;
    const bool before_images = random() % 2 == 0;
    auto op = MakeGroupAggregate(Spec(retract, before_images));
    TestOutput out;
    ASSERT_TRUE(op->Open({}).ok());
    std::vector<TestRow> present;
    for (int batch = 0; batch < 8; ++batch) {
      std::vector<TestRow> rows;
      for (size_t i = random() % 20; i > 0; --i) {
        TestRow row{.key = static_cast<int64_t>(random() % 6),
                    .value = static_cast<int64_t>(random() % 9)};
        if (retract && !present.empty() && random() % 2 == 0) {
          const size_t victim = random() % present.size();
          row = present[victim];
          row.kind = RowKind::kDelete;
          present.erase(present.begin() + static_cast<long>(victim));
        } else {
          present.push_back(row);
        }
        rows.push_back(row);
      }
      testing::Finish(*op, op->OnBatch(0, MakeBatch(rows, false), out), out);
    }
    std::map<int64_t, Values> expected;
    for (const TestRow& row : present) {
      Values& total = expected.try_emplace(row.key, Values{row.key, 0, 0}).first->second;
      ++total[1];
      total[2] += row.value;
    }
    ASSERT_EQ(Fold(out, before_images), expected) << "seed " << seed;
  }
}

TEST(GroupAggregate, EmitsOneChangePerKeyAndBatch) {
  auto op = MakeGroupAggregate(Spec(true, true));
  TestOutput out;
  ASSERT_TRUE(op->Open({}).ok());
  const auto send = [&](std::vector<TestRow> rows) {
    testing::Finish(*op, op->OnBatch(0, MakeBatch(rows, false), out), out);
  };
  send({{.key = 1, .value = 5}, {.key = 1, .value = 6}, {.key = 2, .value = 1}});
  send({{.key = 1, .value = 1}, {.key = 2, .value = 1, .kind = RowKind::kDelete}});
  send({{.key = 1, .value = 9}, {.key = 1, .value = 9, .kind = RowKind::kDelete}});
  send({{.key = 3, .value = 9, .kind = RowKind::kDelete}});
  EXPECT_EQ(Changes(out), (std::vector<std::string>{"+I 1 2 11", "+I 2 1 1", "-U 1 2 11",
                                                    "+U 1 3 12", "-D 2 1 1"}));
}

TEST(GroupAggregate, GlobalStaysOnceItHasSeenARow) {
  GroupAggregateSpec spec = Spec(true, false);
  spec.keys.clear();
  spec.output = testing::ResultSchema({"count", "sum"}, false);
  auto op = MakeGroupAggregate(spec);
  TestOutput out;
  ASSERT_TRUE(op->Open({}).ok());
  const auto send = [&](std::vector<TestRow> rows) {
    testing::Finish(*op, op->OnBatch(0, MakeBatch(rows, false), out), out);
  };
  send({{.value = 5, .kind = RowKind::kDelete}});
  EXPECT_TRUE(out.rows.empty());
  send({{.value = 5}});
  send({{.value = 5, .kind = RowKind::kDelete}});
  send({{.value = 7}});
  EXPECT_EQ(Changes(out), (std::vector<std::string>{"+I 1 5", "+U 0 -999", "+U 1 7"}));
}

TEST(GroupAggregate, DistinctEmitsNewKeysOnly) {
  GroupAggregateSpec spec = Spec(false, true);
  spec.calls.clear();
  spec.output = testing::ResultSchema({"k"}, false);
  auto op = MakeGroupAggregate(spec);
  TestOutput out;
  ASSERT_TRUE(op->Open({}).ok());
  testing::Finish(*op, op->OnBatch(0, MakeBatch({{.key = 4}, {.key = 4}, {.key = 5}}, false), out),
                  out);
  testing::Finish(*op, op->OnBatch(0, MakeBatch({{.key = 6}, {.key = 5}}, false), out), out);
  EXPECT_EQ(Changes(out), (std::vector<std::string>{"+I 4", "+I 5", "+I 6"}));
}

}  // namespace
}  // namespace millrace
