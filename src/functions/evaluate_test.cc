// Expressions over batches: nulls, offsets, lazy branches, empty input.
#include "functions/test_values.h"

namespace millrace {
namespace {

using namespace testing;  // NOLINT: the helpers are made for this

std::shared_ptr<arrow::RecordBatch> Numbers() {
  arrow::Int64Builder builder;
  for (int64_t i = 0; i < 100; ++i) {
    EXPECT_TRUE((i % 7 == 6 ? builder.AppendNull() : builder.Append(i)).ok());
  }
  // Sliced, so that offsets matter.
  auto array = builder.Finish().ValueOrDie()->Slice(3, 90);
  return arrow::RecordBatch::Make(arrow::schema({arrow::field("x", arrow::int64())}), 90, {array});
}

ExpressionPtr X() { return MakeColumn(0, "x", SqlType::BigInt()); }

std::shared_ptr<arrow::Array> EvalOn(const Result<ExpressionPtr>& expression,
                                  const std::shared_ptr<arrow::RecordBatch>& rows) {
  EXPECT_TRUE(expression.ok()) << expression.status().ToString();
  auto result = EvaluateArray(**expression, *rows, {});
  EXPECT_TRUE(result.ok()) << result.status().ToString();
  EXPECT_TRUE((*result)->ValidateFull().ok());
  EXPECT_TRUE((*result)->type()->Equals((*expression)->type.ToArrow()));
  return *result;
}

std::string At(const std::shared_ptr<arrow::Array>& array, int64_t row) {
  auto scalar = array->GetScalar(row);
  return (*scalar)->is_valid ? (*scalar)->ToString() : "NULL";
}

TEST(Batches, NullsAndOffsetsAreKept) {
  const auto rows = Numbers();
  const auto sum = EvalOn(MakeCall("+", {X(), Int(1)}), rows);
  EXPECT_EQ(At(sum, 0), "4");
  EXPECT_EQ(At(sum, 3), "NULL");
  const auto less = EvalOn(MakeCall("<", {X(), Int(50)}), rows);
  EXPECT_EQ(At(less, 46), "true");
  EXPECT_EQ(At(less, 47), "false");
  EXPECT_EQ(At(less, 45), "NULL");
  const auto text = EvalOn(MakeCall("CONCAT", {MakeCast(X(), SqlType::String()), Str("!")}), rows);
  EXPECT_EQ(At(text, 1), "4!");
  EXPECT_EQ(At(text, 3), "NULL");
}

TEST(Batches, CaseRunsOnlyWhatIsChosen) {
  const auto rows = Numbers();
  const auto zero = *MakeCall("%", {X(), Int(2)});
  const auto guarded = MakeCase({*MakeCall("=", {zero, Int(0)}), Big(-1), *MakeCall("/", {X(), zero})});
  const auto result = EvalOn(guarded, rows);
  EXPECT_EQ(At(result, 0), "3");
  EXPECT_EQ(At(result, 1), "-1");
  EXPECT_EQ(At(result, 3), "NULL");
  EXPECT_EQ(At(result, 86), "89");
  const auto none = MakeCase({*MakeCall(">", {X(), Int(1000)}), Str("big")});
  EXPECT_EQ(EvalOn(none, rows)->null_count(), 90);
  const auto all = MakeCase({*MakeCall(">=", {X(), Int(0)}), X(), Big(0)});
  EXPECT_EQ(At(EvalOn(all, rows), 3), "0");
}

TEST(Batches, AndStopsEarly) {
  const auto rows = Numbers();
  const auto zero = *MakeCall("%", {X(), Int(2)});
  const auto quotient = *MakeCall("/", {X(), zero});
  const auto both = MakeCall("AND", {*MakeCall("<>", {zero, Int(0)}), *MakeCall(">", {quotient, Int(50)})});
  const auto result = EvalOn(both, rows);
  EXPECT_EQ(At(result, 1), "false");
  EXPECT_EQ(At(result, 0), "false");
  EXPECT_EQ(At(result, 48), "true");
  EXPECT_EQ(At(result, 3), "NULL");
  EXPECT_EQ(Show(MakeCall("OR", {Bool(true), *MakeCall("=", {*MakeCall("/", {Int(1), Int(0)}), Int(1)})})),
            "TRUE");
}

TEST(Batches, CollectionsOfColumns) {
  const auto rows = Numbers();
  const auto array = *MakeCall("ARRAY", {X(), Big(7)});
  EXPECT_EQ(At(EvalOn(MakeCall("ITEM", {array, Int(1)}), rows), 2), "5");
  EXPECT_EQ(At(EvalOn(MakeCall("ITEM", {array, Int(1)}), rows), 3), "NULL");
  EXPECT_EQ(At(EvalOn(MakeCast(array, SqlType::String()), rows), 0), "[3, 7]");
  const auto map = *MakeCall("MAP", {Str("k"), X()});
  EXPECT_EQ(At(EvalOn(MakeCall("ITEM", {map, Str("k")}), rows), 1), "4");
  const auto row = *MakeCall("ROW", {X(), Str("a")});
  EXPECT_EQ(At(EvalOn(MakeField(row, "EXPR$0"), rows), 1), "4");
  EXPECT_EQ(At(EvalOn(MakeCall("IN", {X(), Big(3), Big(5), Big(8), Big(9)}), rows), 2), "true");
}

TEST(Batches, EmptyBatchesAreFine) {
  const auto rows = Numbers()->Slice(0, 0);
  for (const char* name : {"+", "/", "<", "="}) EXPECT_EQ(EvalOn(MakeCall(name, {X(), Int(1)}), rows)->length(), 0);
  EXPECT_EQ(EvalOn(MakeCast(X(), SqlType::String()), rows)->length(), 0);
  EXPECT_EQ(EvalOn(MakeCase({*MakeCall("=", {X(), Int(0)}), X()}), rows)->length(), 0);
  EXPECT_EQ(EvalOn(MakeCall("ARRAY", {X()}), rows)->length(), 0);
  EXPECT_EQ(EvalOn(MakeCall("UPPER", {MakeCast(X(), SqlType::String())}), rows)->length(), 0);
}

TEST(Expressions, PrintAndReplace) {
  const auto call = *MakeCall("+", {X(), Big(1)});
  EXPECT_EQ(call->ToString(), "(x + 1)");
  EXPECT_EQ((*MakeCall("LIKE", {Str("it's"), Str("%")}))->ToString(), "('it''s' LIKE '%')");
  EXPECT_EQ(ReplaceColumns(call, {Big(5)})->ToString(), "(5 + 1)");
  EXPECT_TRUE(IsConstant(*ReplaceColumns(call, {Big(5)})));
  std::vector<bool> read;
  CollectColumns(*call, read);
  EXPECT_EQ(read, std::vector<bool>{true});
}

}  // namespace
}  // namespace millrace
