#include <arrow/api.h>
#include <arrow/json/from_string.h>
#include <gtest/gtest.h>

#include <random>
#include <set>

#include "functions/families.h"
#include "functions/registry.h"

namespace millrace {
namespace {

using Slots = std::vector<uint32_t>;
using Kinds = std::vector<RowKind>;
using ArrayPtr = std::shared_ptr<arrow::Array>;
constexpr RowKind kAdd = RowKind::kInsert;
constexpr RowKind kTake = RowKind::kDelete;

const AggregateFunction& Function(const std::string& name) {
  static const auto* const registry = [] {
    auto* made = new FunctionRegistry;
    RegisterAggregates(*made);
    return made;
  }();
  return *registry->FindAggregate(name);
}

SqlType Decimal(int precision, int scale) {
  return SqlType::Of(TypeKind::kDecimal, precision, scale);
}
SqlType TinyInt() { return SqlType::Of(TypeKind::kTinyInt); }

ArrayPtr FromJson(const SqlType& type, const std::string& json) {
  return arrow::json::ArrayFromJSONString(type.ToArrow(), json).ValueOrDie();
}

// One aggregate call with two slots, fed with JSON.
class Tester {
 public:
  Tester(const std::string& name, std::vector<SqlType> types, bool retract = false,
         bool distinct = false) {
    call_.function = &Function(name);
    call_.distinct = distinct;
    call_.bound = call_.function->bind(types).ValueOrDie();
    accumulators_ = MakeAccumulators(call_, retract);
    accumulators_->Resize(4);
  }

  Tester& Add(const Slots& slots, const std::vector<std::string>& columns, Kinds kinds = {}) {
    std::vector<ArrayPtr> args;
    for (size_t i = 0; i < columns.size(); ++i) {
      // A slice, so that offsets are seen to be heeded.
      const ArrayPtr plain = FromJson(call_.bound.arg_types[i], columns[i]);
      const ArrayPtr twice = arrow::Concatenate({plain, plain}).ValueOrDie();
      args.push_back(twice->Slice(plain->length()));
    }
    const RowKind* kind = kinds.empty() ? nullptr : kinds.data();
    const Status status = accumulators_->Update(slots, args, kind);
    EXPECT_TRUE(status.ok()) << status;
    return *this;
  }

  void Expect(const Slots& slots, const std::string& json) const {
    const ArrayPtr found = accumulators_->Finish(slots).ValueOrDie();
    EXPECT_TRUE(found->ValidateFull().ok());
    const ArrayPtr wanted = FromJson(call_.bound.type, json);
    EXPECT_TRUE(found->Equals(*wanted)) << found->ToString() << " instead of " << json;
  }

  Accumulators& operator*() { return *accumulators_; }
  Accumulators* operator->() { return accumulators_.get(); }

 private:
  AggregateCall call_;
  std::unique_ptr<Accumulators> accumulators_;
};

std::string BindError(const std::string& name, std::vector<SqlType> types) {
  return Function(name).bind(types).status().message();
}

TEST(Aggregates, CountsRowsAndValues) {
  Tester("COUNT", {}).Add({0, 1, kNoSlot, 0}, {}).Expect({0, 1, 2, kNoSlot}, "[2, 1, 0, 0]");
  Tester("COUNT", {SqlType::Int()}).Add({0, 0, 1}, {"[1, null, 3]"}).Expect({1, 0}, "[1, 1]");
  Tester("COUNT", {SqlType::Int(), SqlType::String()})
      .Add({0, 0, 0}, {"[1, null, 3]", R"(["a", "b", null])"})
      .Expect({0}, "[1]");
}

TEST(Aggregates, CountTakesBack) {
  Tester("COUNT", {}, true).Add({0, 0, 0}, {}, {kAdd, kAdd, kTake}).Expect({0}, "[1]");
}

TEST(Aggregates, SumKeepsTheTypeAndWraps) {
  Tester("SUM", {TinyInt()})
      .Add({0, 0}, {"[127, 1]"})
      .Expect({0, 1, kNoSlot}, "[-128, null, null]");
  Tester("SUM", {SqlType::BigInt()}).Add({0, 1, 0}, {"[1, null, -3]"}).Expect({0, 1}, "[-2, null]");
  Tester("SUM", {SqlType::Double()}).Add({0, 0}, {"[0.5, 1.25]"}).Expect({0}, "[1.75]");
  Tester("$SUM0", {SqlType::Int()}).Add({0}, {"[4]"}).Expect({0, 1, kNoSlot}, "[4, 0, 0]");
}

TEST(Aggregates, SumOfDecimals) {
  EXPECT_EQ(Function("SUM").bind({Decimal(10, 2)})->type.ToString(), "DECIMAL(38, 2)");
  Tester("SUM", {Decimal(10, 2)}).Add({0, 0}, {R"(["1.25", "-3.50"])"}).Expect({0}, R"(["-2.25"])");
  const std::string nines(38, '9');
  Tester large("SUM", {Decimal(38, 0)}, true);
  const std::string column = fmt::format("[{0}, {0}, {0}, {0}]", '"' + nines + '"');
  large.Add({0, 0, 0, 0}, {column}).Expect({0}, "[null]");
  large.Add({0, 0, 0, kNoSlot}, {column}, {kTake, kTake, kTake, kTake});
  large.Expect({0}, "[\"" + nines + "\"]");
}

TEST(Aggregates, SumReturnsToNull) {
  Tester sum("SUM", {SqlType::Int()}, true);
  sum.Add({0, 0}, {"[5, 7]"}, {kAdd, RowKind::kUpdateAfter}).Expect({0}, "[12]");
  sum.Add({0}, {"[5]"}, {RowKind::kUpdateBefore}).Expect({0}, "[7]");
  sum.Add({0}, {"[7]"}, {kTake}).Expect({0}, "[null]");
}

TEST(Aggregates, AvgTruncatesIntegersAndRoundsDecimals) {
  Tester("AVG", {SqlType::Int()})
      .Add({0, 0, 1}, {"[-3, -4, 9]"})
      .Expect({0, 1, 2}, "[-3, 9, null]");
  Tester("AVG", {SqlType::Double()}).Add({0, 0}, {"[1, 2]"}).Expect({0}, "[1.5]");
  EXPECT_EQ(Function("AVG").bind({Decimal(10, 2)})->type.ToString(), "DECIMAL(38, 6)");
  Tester("AVG", {Decimal(10, 2)})
      .Add({0, 0, 0}, {R"(["1.00", "0.50", "0.50"])"})
      .Expect({0}, R"(["0.666667"])");
}

TEST(Aggregates, MinAndMaxOfAllKinds) {
  for (const bool retract : {false, true}) {
    Tester("MIN", {SqlType::Int()}, retract)
        .Add({0, 0, 1}, {"[3, -1, null]"})
        .Expect({0, 1}, "[-1, null]");
    Tester("MAX", {SqlType::Boolean()}, retract)
        .Add({0, 0}, {"[false, true]"})
        .Expect({0}, "[true]");
    Tester("MAX", {SqlType::String()}, retract)
        .Add({0, 0, 1}, {R"(["b", "", "long enough to be on the heap"])"})
        .Expect({0, 1, 2}, R"(["b", "long enough to be on the heap", null])");
    Tester("MIN", {Decimal(5, 1)}, retract)
        .Add({0, 0}, {R"(["1.5", "-2.5"])"})
        .Expect({0}, R"(["-2.5"])");
    Tester("MAX", {SqlType::Of(TypeKind::kDate)}, retract)
        .Add({0, 0}, {"[7, 9]"})
        .Expect({0}, "[9]");
    Tester("MIN", {SqlType::Double()}, retract).Add({0, 0}, {"[NaN, 9]"}).Expect({0}, "[9]");
    Tester("MIN", {SqlType::Timestamp()}, retract)
        .Add({0, 0}, {"[7, 9]"})
        .Expect({0, kNoSlot}, "[7, null]");
  }
}

TEST(Aggregates, MaxTakesBack) {
  Tester max("MAX", {SqlType::Int()}, true);
  max.Add({0, 0, 0}, {"[1, 5, 5]"}).Expect({0}, "[5]");
  max.Add({0}, {"[5]"}, {kTake}).Expect({0}, "[5]");
  max.Add({0}, {"[5]"}, {kTake}).Expect({0}, "[1]");
  max.Add({0}, {"[9]"}, {kTake}).Expect({0}, "[1]");  // overtook its row
  max.Add({0}, {"[9]"}, {kAdd}).Expect({0}, "[1]");
  max.Add({0}, {"[1]"}, {kTake}).Expect({0}, "[null]");
}

TEST(Aggregates, FirstAndLast) {
  for (const bool retract : {false, true}) {
    Tester first("FIRST_VALUE", {SqlType::Int()}, retract);
    Tester last("LAST_VALUE", {SqlType::Int()}, retract);
    for (Tester* tester : {&first, &last}) tester->Add({0, 1, 0, 0}, {"[null, 1, 2, 3]"});
    first.Expect({0, 1, 2, kNoSlot}, "[2, 1, null, null]");
    last.Expect({0, 1, 2, kNoSlot}, "[3, 1, null, null]");
    first->Merge(0, 1);
    last->Merge(0, 1);
    first.Expect({0}, "[1]");
    last.Expect({0}, "[3]");
  }
}

TEST(Aggregates, FirstAndLastOfOtherTypes) {
  const SqlType list = SqlType::Array(SqlType::Int());
  for (const bool retract : {false, true}) {
    Tester("FIRST_VALUE", {SqlType::String()}, retract)
        .Add({0, 0}, {R"(["a", "b"])"})
        .Expect({0}, R"(["a"])");
    Tester last("LAST_VALUE", {list}, retract);
    last.Add({0, 0}, {"[[1], [2, null]]"}).Expect({0, 1}, "[[2, null], null]");
    if (retract) last.Add({0}, {"[[2, null]]"}, {kTake}).Expect({0}, "[[1]]");
  }
}

TEST(Aggregates, FirstTakesBack) {
  Tester first("FIRST_VALUE", {SqlType::Double()}, true);
  first.Add({0, 0, 0}, {"[NaN, 2, NaN]"}).Add({0}, {"[NaN]"}, {kTake}).Expect({0}, "[2]");
  first.Add({0, 0}, {"[2, NaN]"}, {kTake, kTake}).Expect({0}, "[null]");
}

TEST(Aggregates, MergeAndReset) {
  for (const char* name : {"COUNT", "SUM", "MIN", "MAX"}) {
    for (const bool retract : {false, true}) {
      Tester tester(name, {SqlType::BigInt()}, retract);
      tester.Add({0, 1, 1}, {"[2, 1, 1]"});
      tester->Merge(0, 1);
      tester->Merge(0, 2);
      const std::string both = *name == 'C' ? "3" : *name == 'S' ? "4" : name[1] == 'I' ? "1" : "2";
      const std::string one = *name == 'C' || *name == 'S' ? "2" : "1";
      tester.Expect({0, 1}, fmt::format("[{}, {}]", both, one));
      tester->Reset(0);
      tester.Expect({0}, *name == 'C' ? "[0]" : "[null]");
    }
  }
}

TEST(Aggregates, BindErrorsNameWhatWasExpected) {
  EXPECT_EQ(BindError("SUM", {SqlType::String()}), "SUM wants a number, found STRING");
  EXPECT_EQ(BindError("AVG", {SqlType::Boolean().NotNull()}), "AVG wants a number, found BOOLEAN");
  EXPECT_EQ(BindError("MAX", {}), "MAX wants one argument, found 0");
  EXPECT_EQ(BindError("MIN", {SqlType::Array(SqlType::Int())}),
            "MIN wants a type that has an order, found ARRAY<INT>");
  EXPECT_EQ(Function("SUM").bind({SqlType::Null()})->type.ToString(), "INT");
  EXPECT_EQ(Function("COUNT").bind({})->type.ToString(), "BIGINT NOT NULL");
}

TEST(Aggregates, CallPrints) {
  AggregateCall call;
  call.function = &Function("COUNT");
  EXPECT_EQ(call.ToString(), "COUNT(*)");
  call.args = {1, 2};
  call.distinct = true;
  call.filter = 3;
  call.name = "n";
  EXPECT_EQ(call.ToString(), "COUNT(DISTINCT $1, $2) FILTER $3 AS n");
}

TEST(Distinct, AllKeyForms) {
  const std::vector<std::pair<SqlType, std::string>> columns = {
      {SqlType::BigInt(), "[1, 2, 1, null]"},
      {TinyInt(), "[1, 2, 1, null]"},
      {SqlType::Boolean(), "[true, false, true, null]"},
      {SqlType::Double(), "[NaN, 2, NaN, null]"},
      {SqlType::String(), R"(["", "b", "", null])"},
      {SqlType::Bytes(), R"(["a", "b", "a", null])"},
      {Decimal(5, 1), R"(["1.5", "2.5", "1.5", null])"},
      {SqlType::Array(SqlType::Int()), "[[1], [1, null], [1], null]"},
      {SqlType::Map(SqlType::String(), SqlType::Int()), R"([[["a", 1]], [], [["a", 1]], null])"}};
  for (const auto& [type, json] : columns) {
    for (const bool retract : {false, true}) {
      Tester count("COUNT", {type}, retract, true);
      count.Add({0, 0, 0, 0}, {json}).Add({0, 1, kNoSlot, 1}, {json});
      count.Expect({0, 1, 2, kNoSlot}, "[2, 1, 0, 0]");
      count->Merge(1, 0);
      count->Merge(2, 1);
      count.Expect({0, 1, 2}, "[2, 2, 2]");
      count->Reset(1);
      count.Add({1, 1, 1, 1}, {json}).Expect({0, 1}, "[2, 2]");
    }
  }
}

TEST(Distinct, SeveralArguments) {
  for (const bool retract : {false, true}) {
    Tester("COUNT", {SqlType::String(), SqlType::Int()}, retract, true)
        .Add({0, 0, 0, 0}, {R"(["a", "a", "a", null])", "[1, 2, 1, 1]"})
        .Expect({0}, "[2]");
  }
}

TEST(Distinct, SumsAndMergesValues) {
  for (const bool retract : {false, true}) {
    Tester sum("SUM", {TinyInt()}, retract, true);
    sum.Add({0, 0, 1, 1}, {"[3, 3, 3, -4]"}).Expect({0, 1}, "[3, -1]");
    sum->Merge(0, 1);
    sum.Expect({0, 1}, "[-1, -1]");
    Tester decimals("AVG", {Decimal(5, 1)}, retract, true);
    decimals.Add({0, 0, 1}, {R"(["1.5", "1.5", "2.5"])"})->Merge(0, 1);
    decimals.Expect({0}, R"(["2.000000"])");
    Tester last("LAST_VALUE", {SqlType::String()}, retract, true);
    last.Add({0, 0, 0, 1}, {R"(["a", "b", "a", "c"])"}).Expect({0}, R"(["b"])");
    last->Merge(0, 1);
    last.Expect({0}, R"(["c"])");
  }
}

TEST(Distinct, TakesBackWhatIsLastGone) {
  Tester sum("SUM", {SqlType::Int()}, true, true);
  sum.Add({0, 0, 0}, {"[5, 5, 2]"}).Add({0}, {"[5]"}, {kTake}).Expect({0}, "[7]");
  sum.Add({0}, {"[5]"}, {kTake}).Expect({0}, "[2]");
  sum.Add({0, 0}, {"[8, 8]"}, {kTake, kAdd}).Expect({0}, "[2]");
}

// Many slots that come and go, with merges between them, against plain sets.
template <typename MakeText>
void RunAgainstSets(const SqlType& type, bool retract, MakeText text) {
  constexpr uint32_t kSlots = 4;
  std::mt19937 random(7);
  Tester count("COUNT", {type}, retract, true);
  std::vector<std::set<unsigned>> sets(kSlots);
  for (int round = 0; round < 300; ++round) {
    std::string json;
    Slots slots;
    for (int i = 0; i < 50; ++i) {
      const unsigned slot = static_cast<unsigned>(random()) % kSlots;
      const unsigned value = static_cast<unsigned>(random()) % 1000;
      sets[slot].insert(value);
      slots.push_back(slot);
      json += (i > 0 ? ", " : "") + text(value);
    }
    count.Add(slots, {"[" + json + "]"});
    const unsigned a = static_cast<unsigned>(random()) % kSlots;
    if (round % 5 == 0) {
      count->Reset(a);
      sets[a].clear();
    } else if (round > 100 && round % 7 == 0) {
      const unsigned b = (a + 1) % kSlots;
      count->Merge(a, b);
      sets[a].insert(sets[b].begin(), sets[b].end());
    }
    count.Expect({0, 1, 2, 3}, fmt::format("[{}, {}, {}, {}]", sets[0].size(), sets[1].size(),
                                           sets[2].size(), sets[3].size()));
  }
}

TEST(Distinct, AgreesWithSets) {
  for (const bool retract : {false, true}) {
    RunAgainstSets(SqlType::BigInt(), retract, [](unsigned v) { return std::to_string(v); });
    RunAgainstSets(SqlType::String(), retract,
                   [](unsigned v) { return fmt::format("\"value number {}\"", v); });
  }
}

}  // namespace
}  // namespace millrace
