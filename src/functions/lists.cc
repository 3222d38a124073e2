#include "functions/lists.h"

#include <arrow/array/concatenate.h>
#include <arrow/builder.h>
#include <arrow/compute/api.h>

namespace millrace {

Result<ArrayPtr> TakeAt(const ArrayPtr& values, const std::vector<int32_t>& positions) {
  arrow::Int32Builder builder;
  MILL_RETURN(builder.Reserve(static_cast<int64_t>(positions.size())));
  for (int32_t at : positions) {
    if (at == kAbsent) builder.UnsafeAppendNull();
    else builder.UnsafeAppend(at);
  }
  MILL_ASSIGN(ArrayPtr indices, builder.Finish());
  MILL_ASSIGN(arrow::Datum taken,
              arrow::compute::Take(arrow::Datum(values), arrow::Datum(indices)));
  return taken.make_array();
}

Result<arrow::Datum> ArrayOrScalar(const ArrayPtr& array, bool scalar) {
  if (!scalar) return arrow::Datum(array);
  MILL_ASSIGN(auto value, array->GetScalar(0));
  return arrow::Datum(std::move(value));
}

namespace {

// Whether argument `i` is to stand among the elements of argument 0, itself being a list.
bool IsElement(const Call& call, size_t i) {
  return call.arg_types[0].kind == TypeKind::kArray &&
         !call.arg_types[0].SameAs(call.arg_types[i]);
}

}  // namespace

Result<Elements> Elements::Of(const Call& call, size_t used, size_t from) {
  Elements elements;
  MILL_ASSIGN(elements.operands_, MakeOperands(call.args, call.rows));
  arrow::ArrayVector pieces;
  int64_t total = 0;
  elements.bases_.resize(from);
  for (size_t i = from; i < used; ++i) {
    const arrow::ArrayData& data = *elements.operands_.items[i].data;
    // A second list is an element where the first one holds lists.
    const bool list = data.type->id() == arrow::Type::LIST && !(i > 0 && IsElement(call, i));
    pieces.push_back(arrow::MakeArray(list ? data.child_data[0] : data.Copy()));
    elements.bases_.push_back(static_cast<int32_t>(total));
    total += pieces.back()->length();
  }
  if (total > std::numeric_limits<int32_t>::max())
    return UserError("too many elements in one batch");
  MILL_ASSIGN(elements.all_, arrow::Concatenate(pieces));
  return elements;
}

int32_t Elements::Begin(size_t arg, int64_t row) const {
  const Operand& list = operands_.items[arg];
  return bases_[arg] + list.data->GetValues<int32_t>(1)[list.At(row)];
}

int32_t Elements::End(size_t arg, int64_t row) const {
  if (IsNull(arg, row)) return Begin(arg, row);
  const Operand& list = operands_.items[arg];
  return bases_[arg] + list.data->GetValues<int32_t>(1)[list.At(row) + 1];
}

void ListBuilder::End(bool valid) {
  if (!valid) positions_.resize(row_begin());
  offsets_.push_back(static_cast<int32_t>(positions_.size()));
  valid_.push_back(valid);
}

Result<arrow::Datum> ListBuilder::Finish(const ArrayPtr& elements, const SqlType& type,
                                         bool scalar) {
  MILL_ASSIGN(ArrayPtr values, TakeAt(elements, positions_));
  const auto rows = static_cast<int64_t>(valid_.size());
  MILL_ASSIGN(std::shared_ptr<arrow::Buffer> bits, arrow::AllocateEmptyBitmap(rows));
  int64_t nulls = 0;
  for (int64_t row = 0; row < rows; ++row) {
    const bool valid = valid_[static_cast<size_t>(row)];
    if (valid) arrow::bit_util::SetBit(bits->mutable_data(), row);
    nulls += !valid;
  }
  return AsDatum(arrow::ArrayData::Make(type.ToArrow(), rows,
                                        {std::move(bits), arrow::Buffer::FromVector(offsets_)},
                                        {values->data()}, nulls),
                 scalar);
}

Status TextListBuilder::Add(std::string_view text) {
  lists_.Add(count_++);
  return texts_.Append(text);
}

Status TextListBuilder::AddNull() {
  lists_.Add(count_++);
  return texts_.AppendNull();
}

Result<arrow::Datum> TextListBuilder::Finish(const SqlType& type, bool scalar) {
  MILL_ASSIGN(ArrayPtr texts, texts_.Finish());
  return lists_.Finish(texts, type, scalar);
}

}  // namespace millrace
