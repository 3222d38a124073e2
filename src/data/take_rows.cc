#include "data/take_rows.h"

#include <arrow/array.h>
#include <arrow/compute/api.h>

namespace millrace {
namespace {

template <typename Index>
Result<std::shared_ptr<arrow::RecordBatch>> Take(const std::shared_ptr<arrow::RecordBatch>& rows,
                                                 const std::vector<Index>& indices) {
  using Array = typename arrow::CTypeTraits<Index>::ArrayType;
  const int64_t count = std::ssize(indices);
  const Array wanted(count, arrow::Buffer::Wrap(indices));
  const arrow::Datum datum(wanted.data());
  static const arrow::compute::TakeOptions kUnchecked(/*boundscheck=*/false);
  arrow::ArrayVector columns;
  for (const auto& column : rows->columns()) {
    MILL_ASSIGN(const arrow::Datum taken, arrow::compute::Take(column, datum, kUnchecked));
    columns.push_back(taken.make_array());
  }
  return arrow::RecordBatch::Make(rows->schema(), count, std::move(columns));
}

}  // namespace

Result<std::shared_ptr<arrow::RecordBatch>> TakeRows(
    const std::shared_ptr<arrow::RecordBatch>& rows, const std::vector<int32_t>& indices) {
  return Take(rows, indices);
}

Result<std::shared_ptr<arrow::RecordBatch>> TakeRows(
    const std::shared_ptr<arrow::RecordBatch>& rows, const std::vector<int64_t>& indices) {
  return Take(rows, indices);
}

}  // namespace millrace
