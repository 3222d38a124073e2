#include "data/column_condition.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

using Kind = ColumnCondition::Kind;

// Whether a value meets the condition, one by one.
bool Meets(int64_t value, const ColumnCondition& condition) {
  const int64_t first = std::get<int64_t>(condition.values[0]);
  switch (condition.kind) {
    case Kind::kEqual: return value == first;
    case Kind::kNotEqual: return value != first;
    case Kind::kLess: return value < first;
    case Kind::kLessEqual: return value <= first;
    case Kind::kGreater: return value > first;
    case Kind::kGreaterEqual: return value >= first;
    default: return value == first || value == std::get<int64_t>(condition.values[1]);
  }
}

// Bounds [least, greatest] of whole numbers that all occur: passing and being met are the same, but
// for IN, whose values may lie outside.
TEST(ColumnCondition, PassesExactlyWhatSomeValueMeets) {
  for (const Kind kind : {Kind::kEqual, Kind::kNotEqual, Kind::kLess, Kind::kLessEqual,
                          Kind::kGreater, Kind::kGreaterEqual, Kind::kIn}) {
    for (int64_t least = 0; least < 4; ++least) {
      for (int64_t greatest = least; greatest < 4; ++greatest) {
        for (int64_t value = -1; value < 5; ++value) {
          const ColumnCondition condition{"x", kind, {value, int64_t{-7}}, ""};
          const ColumnFacts facts{10, 0, true, least, greatest};
          bool met = false;
          for (int64_t v = least; v <= greatest; ++v) met |= Meets(v, condition);
          EXPECT_EQ(MayPass(condition, facts), met)
              << static_cast<int>(kind) << " " << value << " in " << least << ".." << greatest;
        }
      }
    }
  }
}

TEST(ColumnCondition, WhatIsNotKnownMayPass) {
  const ColumnCondition equal{"x", Kind::kEqual, {int64_t{5}}, ""};
  const ColumnCondition null{"x", Kind::kIsNull, {}, ""};
  const ColumnCondition not_null{"x", Kind::kIsNotNull, {}, ""};
  const ColumnFacts unknown{10, -1, false, {}, {}};
  for (const auto& condition : {equal, null, not_null}) EXPECT_TRUE(MayPass(condition, unknown));
  const ColumnFacts all_null{10, 10, false, {}, {}};
  EXPECT_FALSE(MayPass(equal, all_null));
  EXPECT_TRUE(MayPass(null, all_null));
  EXPECT_FALSE(MayPass(not_null, all_null));
  const ColumnFacts texts{10, 0, true, std::string("a"), std::string("b")};
  EXPECT_TRUE(MayPass(equal, texts)) << "values of another type";
  EXPECT_FALSE(MayPass(equal, ColumnFacts{}));
}

}  // namespace
}  // namespace millrace
