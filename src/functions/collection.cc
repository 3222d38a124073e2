// Arrays, maps and rows: their constructors, access to elements, and their size. Members are never copied
// one by one: a row's positions are computed, then Arrow takes all values at once.
#include <arrow/array/concatenate.h>
#include <arrow/array/util.h>
#include <arrow/compute/api.h>

#include "functions/bind.h"
#include "functions/families.h"
#include "functions/vectorized.h"

namespace millrace {
namespace {

bool IsCollection(const SqlType& type) {
  return type.kind == TypeKind::kArray || type.kind == TypeKind::kMap;
}

// One array or map, or a column of them: values of row i at [Begin(i), End(i)).
class Lists {
 public:
  explicit Lists(const Operand& operand)
      : operand_(operand), offsets_(operand.data->GetValues<int32_t>(1)) {}
  int32_t Begin(int64_t row) const { return offsets_[operand_.At(row)]; }
  int32_t End(int64_t row) const { return offsets_[operand_.At(row) + 1]; }
  const std::shared_ptr<arrow::ArrayData>& values() const { return operand_.data->child_data[0]; }

 private:
  const Operand& operand_;
  const int32_t* offsets_;
};

Result<std::shared_ptr<arrow::Array>> TakeAt(const std::shared_ptr<arrow::ArrayData>& values,
                                             const arrow::Datum& positions) {
  static const arrow::compute::TakeOptions kUnchecked(/*boundscheck=*/false);
  MILL_ASSIGN(arrow::Datum taken,
              arrow::compute::Take(arrow::Datum(values), positions, kUnchecked));
  return taken.make_array();
}

// `values` at position(row), which is empty for NULL, for each row without a NULL argument.
template <typename Position>
Result<arrow::Datum> TakeRows(const Operands& operands,
                              const std::shared_ptr<arrow::ArrayData>& values, Position position) {
  MILL_ASSIGN(Validity validity, Validity::Of(operands));
  MILL_ASSIGN(auto writer, Writer<int32_t>::Make(operands.rows));
  for (int64_t row = 0; row < operands.rows; ++row) {
    if (!validity.IsValid(row)) {
      writer.SetNull(row);
      continue;
    }
    const Result<std::optional<int32_t>> at = position(row);
    MILL_RETURN(per_row::Store<int32_t>(&writer, &validity, row, at));
  }
  MILL_ASSIGN(auto buffers, writer.Finish());
  buffers[0] = validity.buffer();
  const arrow::Datum positions(arrow::ArrayData::Make(arrow::int32(), operands.rows,
                                                      std::move(buffers), validity.null_count()));
  MILL_ASSIGN(auto taken, TakeAt(values, positions));
  return AsDatum(taken->data(), operands.scalar);
}

Result<Binding> BindItem(const std::vector<SqlType>& args) {
  if (args.size() != 2) return ArgumentCountError(args.size(), "2");
  if (!IsCollection(args[0])) return ArgumentTypeError(0, args[0], "ARRAY or MAP");
  const bool map = args[0].kind == TypeKind::kMap;
  MILL_ASSIGN(SqlType index,
              MatchParameter(1, args[1], map ? args[0].children[0].type->Nullable()
                                             : SqlType::BigInt()));
  // The key may be any number or text that compares with the map's.
  return Binding{{args[0], std::move(index)}, args[0].children.back().type->Nullable()};
}

Result<arrow::Datum> EvalArrayItem(const Operands& operands) {
  const Lists lists(operands.items[0]);
  const Reader<int64_t> indices(operands.items[1]);
  return TakeRows(operands, lists.values(), [&](int64_t row) -> std::optional<int32_t> {
    const int64_t index = indices[row];
    if (index < 1 || index > lists.End(row) - lists.Begin(row)) return std::nullopt;
    return lists.Begin(row) + static_cast<int32_t>(index) - 1;
  });
}

// Looks keys up from the end: of equal keys the last counts.
template <typename Key>
Result<arrow::Datum> EvalMapItem(const Operands& operands) {
  const Lists lists(operands.items[0]);
  const arrow::ArrayData& entries = *lists.values();
  MILL_ASSIGN(auto keys, Slice(entries, 0));
  MILL_ASSIGN(auto values, Slice(entries, 1));
  const Reader<Key> known(Operand{keys, false});
  const Reader<Key> wanted(operands.items[1]);
  return TakeRows(operands, values, [&](int64_t row) -> std::optional<int32_t> {
    const Key key = wanted[row];
    for (int32_t i = lists.End(row); i-- > lists.Begin(row);) {
      if (known[i] == key) return i;
    }
    return std::nullopt;
  });
}
