#include "state/row_codec.h"

#include <arrow/api.h>
#include <arrow/json/from_string.h>
#include <gtest/gtest.h>

namespace millrace {
namespace {

TEST(RowCodec, RowsOfAllTypesComeBack) {
  const auto schema = arrow::schema(
      {arrow::field("n", arrow::int64()), arrow::field("b", arrow::boolean()),
       arrow::field("s", arrow::utf8()), arrow::field("d", arrow::decimal128(10, 2)),
       arrow::field("l", arrow::list(arrow::struct_(
                             {arrow::field("v", arrow::utf8()), arrow::field("i", arrow::int32())}))),
       arrow::field("m", arrow::map(arrow::utf8(), arrow::float64())),
       arrow::field("nothing", arrow::null())});
  const arrow::ArrayVector columns = {
      *arrow::json::ArrayFromJSONString(schema->field(0)->type(), "[1, null, -3]"),
      *arrow::json::ArrayFromJSONString(schema->field(1)->type(), "[true, false, null]"),
      *arrow::json::ArrayFromJSONString(schema->field(2)->type(), R"([null, "", "text"])"),
      *arrow::json::ArrayFromJSONString(schema->field(3)->type(), R"(["1.50", null, "-2.25"])"),
      *arrow::json::ArrayFromJSONString(
          schema->field(4)->type(),
          R"([[], [{"v": "a", "i": 1}, null, {"v": null, "i": 2}], null])"),
      *arrow::json::ArrayFromJSONString(schema->field(5)->type(), R"([null, [["x", 1.5]], []])"),
      *arrow::json::ArrayFromJSONString(schema->field(6)->type(), "[null, null, null]")};
  auto codec = RowCodec::Make(schema);
  ASSERT_TRUE(codec.ok()) << codec.status();
  EXPECT_FALSE(codec->fixed());
  for (const int64_t skipped : {0, 1}) {  // arrays may begin in the middle of others
    arrow::ArrayVector sliced;
    for (const auto& column : columns) sliced.push_back(column->Slice(skipped));
    const auto rows = arrow::RecordBatch::Make(schema, 3 - skipped, sliced);
    std::string bytes;
    for (int64_t row = 0; row < rows->num_rows(); ++row) {
      RowCodec::Append(sliced, row, bytes);
    }
    RowReader reader(*codec);
    std::string_view left = bytes;
    while (!left.empty()) ASSERT_TRUE(reader.Add(left).ok());
    const auto back = *reader.Finish();
    ASSERT_TRUE(back->ValidateFull().ok());
    EXPECT_TRUE(back->Equals(*rows)) << back->ToString();
  }
}

TEST(RowCodec, DamageIsAnError) {
  const auto schema = arrow::schema({arrow::field("s", arrow::utf8())});
  const auto codec = *RowCodec::Make(schema);
  for (const std::string& bytes : {std::string("\1\5abc"), std::string("\1"), std::string("\1\xff")}) {
    RowReader reader(codec);
    std::string_view left = bytes;
    EXPECT_FALSE(reader.Add(left).ok());
  }
  EXPECT_FALSE(RowCodec::Make(arrow::schema({arrow::field(
                   "d", arrow::dictionary(arrow::int32(), arrow::utf8()))}))
                   .ok());
}

}  // namespace
}  // namespace millrace
