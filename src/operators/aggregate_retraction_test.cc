// Every aggregate, plain, DISTINCT, with FILTER and with both, under rows that are added and taken back at
// random: after each batch it must show what it shows when it is computed anew from the rows left.
#include <arrow/api.h>
#include <arrow/compute/initialize.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "data/pretty.h"
#include "functions/registry.h"
#include "operators/aggregate_set.h"

namespace millrace {
namespace {

constexpr uint32_t kSlots = 3;
// Columns of the input.
constexpr int kInt = 0, kDouble = 1, kDecimal = 2, kText = 3, kTake = 4;

struct Row {
  int number = 0;  // 0: NULLs; all columns follow from it
  bool takes = false;
  uint32_t slot = 0;
};

const std::vector<SqlType>& Types() {
  static const std::vector<SqlType> types = {SqlType::Int(), SqlType::Double(),
                                             SqlType::Of(TypeKind::kDecimal, 10, 2),
                                             SqlType::String(), SqlType::Boolean()};
  return types;
}

std::shared_ptr<arrow::Array> ColumnOf(int column, const std::vector<Row>& rows) {
  std::unique_ptr<arrow::ArrayBuilder> builder;
  const auto type = Types()[static_cast<size_t>(column)].ToArrow();
  EXPECT_TRUE(arrow::MakeBuilder(arrow::default_memory_pool(), type, &builder).ok());
  for (const Row& row : rows) {
    arrow::Status status;
    if (column == kTake) {
      status = static_cast<arrow::BooleanBuilder&>(*builder).Append(row.takes);
    } else if (row.number == 0) {
      status = builder->AppendNull();
    } else if (column == kInt) {
      status = static_cast<arrow::Int32Builder&>(*builder).Append(row.number - 4);
    } else if (column == kDouble) {
      status = static_cast<arrow::DoubleBuilder&>(*builder).Append(row.number * 0.25);
    } else if (column == kDecimal) {
      status = static_cast<arrow::Decimal128Builder&>(*builder).Append(
          arrow::Decimal128(row.number * 75));
    } else {
      status = static_cast<arrow::StringBuilder&>(*builder).Append(fmt::format("\"t{}\"", row.number));
    }
    EXPECT_TRUE(status.ok()) << status;
  }
  return *builder->Finish();
}

Batch MakeBatch(const std::vector<Row>& rows, const std::vector<RowKind>& kinds) {
  arrow::ArrayVector columns;
  arrow::FieldVector fields;
  for (int c = 0; c <= kTake; ++c) {
    columns.push_back(ColumnOf(c, rows));
    fields.push_back(arrow::field(fmt::format("c{}", c), columns.back()->type()));
  }
  Batch batch;
  batch.rows = arrow::RecordBatch::Make(arrow::schema(fields), static_cast<int64_t>(rows.size()), columns);
  if (!kinds.empty()) batch.kinds = std::make_shared<std::vector<RowKind>>(kinds);
  return batch;
}

std::vector<uint32_t> SlotsOf(const std::vector<Row>& rows) {
  std::vector<uint32_t> slots;
  for (const Row& row : rows) slots.push_back(row.slot);
  return slots;
}

// A call over the columns, in each of the four ways.
void AddCalls(const std::string& name, const std::vector<int>& args, std::vector<AggregateCall>* calls,
              std::shared_ptr<arrow::Scalar> constant = nullptr) {
  const AggregateFunction* function = FunctionRegistry::Default().FindAggregate(name);
  ASSERT_NE(function, nullptr) << name;
  std::vector<SqlType> types;
  for (int arg : args) types.push_back(Types()[static_cast<size_t>(arg)]);
  if (constant) types.push_back(SqlType::Double());
  for (const bool distinct : {false, true}) {
    for (const int filter : {-1, kTake}) {
      AggregateCall call;
      call.function = function;
      call.args = args;
      call.distinct = distinct;
      call.filter = filter;
      auto bound = function->bind(types);
      ASSERT_TRUE(bound.ok()) << bound.status();
      call.bound = *bound;
      if (constant) {
        ASSERT_TRUE(TakeConstant(*function, constant, &call.bound).ok());
      }
      calls->push_back(std::move(call));
    }
  }
}

std::vector<AggregateCall> AllCalls() {
  std::vector<AggregateCall> calls;
  AddCalls("COUNT", {}, &calls);
  for (const char* name : {"COUNT", "SUM", "$SUM0", "AVG", "MIN", "MAX"}) {
    for (const int column : {kInt, kDouble, kDecimal}) AddCalls(name, {column}, &calls);
  }
  for (const char* name :
       {"STDDEV_POP", "STDDEV_SAMP", "STDDEV", "VAR_POP", "VAR_SAMP", "VARIANCE"}) {
    AddCalls(name, {kDouble}, &calls);
  }
  for (const char* name : {"COUNT", "MIN", "MAX", "FIRST_VALUE", "LAST_VALUE", "LISTAGG", "ARRAY_AGG",
                           "COLLECT", "JSON_ARRAYAGG"}) {
    AddCalls(name, {kText}, &calls);
  }
  for (const char* name : {"FIRST_VALUE", "LAST_VALUE", "ARRAY_AGG", "COLLECT"}) {
    AddCalls(name, {kInt}, &calls);
  }
  AddCalls("COUNT", {kInt, kText}, &calls);
  AddCalls("JSON_OBJECTAGG", {kText, kText}, &calls);
  AddCalls("PERCENTILE", {kDouble}, &calls, arrow::MakeScalar(0.5));
  return calls;
}

TEST(AggregateRetraction, NoAggregateIsLeftOut) {
  std::vector<std::string> tested;
  for (const AggregateCall& call : AllCalls()) tested.push_back(call.function->name);
  for (const std::string& name : FunctionRegistry::Default().Names()) {
    if (FunctionRegistry::Default().FindAggregate(name) == nullptr) continue;
    EXPECT_NE(std::find(tested.begin(), tested.end(), name), tested.end()) << name;
  }
}

// DISTINCT keeps the place of a value's first row, also when that one is taken back and another is left.
std::string WithoutOrder(std::string text) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (std::string_view(",[] {}\n\"").find(c) != std::string_view::npos) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  std::sort(parts.begin(), parts.end());
  text.clear();
  for (const std::string& part : parts) text += part.empty() ? "" : part + " ";
  return text;
}

// The edge of a set without order means nothing.
bool Comparable(const AggregateCall& call) {
  return !call.distinct || (call.function->name != "FIRST_VALUE" && call.function->name != "LAST_VALUE");
}

void ExpectSame(const AggregateCall& call, const arrow::Array& found, const arrow::Array& wanted,
                const std::string& when) {
  if (!Comparable(call)) return;
  ASSERT_TRUE(found.ValidateFull().ok());
  const auto options = arrow::EqualOptions::Defaults().nans_equal(true).atol(1e-9);
  if (found.ApproxEquals(wanted, options)) return;
  if (call.distinct) {
    EXPECT_EQ(WithoutOrder(found.ToString()), WithoutOrder(wanted.ToString())) << call.ToString() << when;
  } else {
    EXPECT_TRUE(false) << call.ToString() << when << "\n" << found.ToString() << "\ninstead of\n"
                       << wanted.ToString();
  }
}

class RandomChanges {
 public:
  explicit RandomChanges(unsigned seed) : random_(seed), seed_(seed), calls_(AllCalls()), set_(calls_, true) {
    set_.Resize(kSlots);
  }

  void Step(int number) {
    std::vector<Row> rows;
    std::vector<RowKind> kinds;
    for (size_t i = 0, count = 1 + random_() % 8; i < count; ++i) {
      const bool take = !live_.empty() && random_() % 5 < 2;
      rows.push_back(take ? TakeAny() : AnyRow());
      kinds.push_back(take ? RowKind::kDelete : RowKind::kInsert);
      if (!take) live_.push_back(rows.back());
    }
    const Status status = set_.Update(SlotsOf(rows), MakeBatch(rows, kinds));
    ASSERT_TRUE(status.ok()) << status;
    Compare(fmt::format(" in step {} of seed {}", number, seed_));
  }

 private:
  Row AnyRow() {
    return {static_cast<int>(random_() % 6), random_() % 3 > 0, static_cast<uint32_t>(random_() % kSlots)};
  }

  // Of rows of equal values the first goes: it is the one that lists drop.
  Row TakeAny() {
    const Row any = live_[random_() % live_.size()];
    const auto first = std::find_if(live_.begin(), live_.end(), [&](const Row& row) {
      return row.number == any.number && row.slot == any.slot;
    });
    const Row taken = *first;
    live_.erase(first);
    return taken;
  }

  void Compare(const std::string& when) {
    const std::vector<uint32_t> slots = {0, 1, 2};
    AggregateSet anew(calls_, false);
    anew.Resize(kSlots);
    if (!live_.empty()) {
      ASSERT_TRUE(anew.Update(SlotsOf(live_), MakeBatch(live_, {})).ok());
    }
    arrow::ArrayVector found, wanted;
    ASSERT_TRUE(set_.Finish(slots, found).ok());
    ASSERT_TRUE(anew.Finish(slots, wanted).ok());
    for (size_t c = 0; c < calls_.size(); ++c) ExpectSame(calls_[c], *found[c], *wanted[c], when);
  }

  std::mt19937 random_;
  unsigned seed_;
  std::vector<AggregateCall> calls_;
  AggregateSet set_;
  std::vector<Row> live_;  // in order of arrival
};

TEST(AggregateRetraction, AgreesWithRecomputation) {
  ASSERT_TRUE(arrow::compute::Initialize().ok());
  for (unsigned seed = 1; seed <= 15 && !::testing::Test::HasFailure(); ++seed) {
    RandomChanges changes(seed);
    for (int step = 0; step < 25; ++step) changes.Step(step);
  }
}

}  // namespace
}  // namespace millrace
