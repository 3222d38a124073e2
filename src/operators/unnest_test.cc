// Arrays bigger than one batch of results, and an output that is full now and then.
#include "operators/unnest.h"

#include <arrow/api.h>
#include <gtest/gtest.h>

namespace millrace {
namespace {

class FullOutput : public Output {
 public:
  Status Emit(Batch batch) override {
    rows += batch.num_rows();
    ++room;
    last = batch;
    return Status::OK();
  }
  bool Full() const override { return room % 2 == 1; }
  int64_t rows = 0;
  int room = 0;
  Batch last;
};

TEST(Unnest, LongArraysComeInPieces) {
  constexpr int kElements = 20000;
  arrow::Int64Builder ids;
  const auto elements = std::make_shared<arrow::Int32Builder>();
  arrow::ListBuilder lists(arrow::default_memory_pool(), elements);
  for (int64_t id : {1, 2}) {
    ASSERT_TRUE(ids.Append(id).ok() && lists.Append().ok());
    for (int i = 0; i < kElements; ++i) ASSERT_TRUE(elements->Append(i).ok());
  }
  ASSERT_TRUE(ids.Append(3).ok() && lists.AppendNull().ok());
  const auto input = arrow::schema({arrow::field("id", arrow::int64()),
                                    arrow::field("list", arrow::list(arrow::int32()))});
  Batch batch;
  batch.rows = arrow::RecordBatch::Make(
      input, 3, {ids.Finish().ValueOrDie(), lists.Finish().ValueOrDie()});
  const auto output = arrow::schema({arrow::field("id", arrow::int64()),
                                     arrow::field("e", arrow::int32()),
                                     arrow::field("n", arrow::int32())});
  for (const bool outer : {false, true}) {
    auto unnest = MakeUnnest({outer, true, output});
    FullOutput out;
    auto progress = unnest->OnBatch(0, batch, out);
    while (progress.ok() && *progress == Progress::kMore) {
      out.room = 0;
      progress = unnest->OnMore(out);
    }
    ASSERT_TRUE(progress.ok());
    EXPECT_EQ(out.rows, 2 * kElements + (outer ? 1 : 0));
    const auto& rows = *out.last.rows;
    const int64_t end = rows.num_rows() - 1;
    EXPECT_EQ(rows.column(2)->IsNull(end), outer);
    EXPECT_EQ(rows.column(1)->IsNull(end), outer);
  }
}

}  // namespace
}  // namespace millrace
