// Arrays, maps and rows: their constructors and what is inside them. All of it is done column-wise: elements
// of all rows lie in one child array, from which results are taken by position.
#include <arrow/array.h>
#include <arrow/array/concatenate.h>
#include <arrow/builder.h>
#include <arrow/compute/api.h>

#include "functions/bind.h"
#include "functions/compare.h"
#include "functions/families.h"
#include "functions/lists.h"

namespace millrace {
namespace {

// Columns begin, begin + step ... of the call as one array, row by row.
Result<ArrayPtr> Interleave(const Operands& operands, size_t begin, size_t step) {
  arrow::ArrayVector columns;
  std::vector<int32_t> first;  // where a column begins in their concatenation
  int64_t total = 0;
  std::vector<const Operand*> items;
  for (size_t i = begin; i < operands.items.size(); i += step) {
    items.push_back(&operands.items[i]);
    columns.push_back(arrow::MakeArray(items.back()->data));
    first.push_back(static_cast<int32_t>(total));
    total += columns.back()->length();
  }
  MILL_ASSIGN(ArrayPtr all, arrow::Concatenate(columns));
  std::vector<int32_t> positions;
  for (int64_t row = 0; row < operands.rows; ++row) {
    for (size_t i = 0; i < items.size(); ++i) {
      positions.push_back(first[i] + static_cast<int32_t>(items[i]->At(row)));
    }
  }
  return TakeAt(all, positions);
}

// Offsets of lists that all have `length` elements.
Result<std::shared_ptr<arrow::Buffer>> EvenOffsets(int64_t rows, size_t length) {
  arrow::TypedBufferBuilder<int32_t> offsets;
  for (int64_t row = 0; row <= rows; ++row) {
    MILL_RETURN(offsets.Append(static_cast<int32_t>(row * static_cast<int64_t>(length))));
  }
  return offsets.Finish();
}

Result<Binding> BindArray(const std::vector<SqlType>& args) {
  if (args.empty()) return ArgumentCountError(0, "1 or more");
  MILL_ASSIGN(SqlType element, CommonType(args));
  return Binding{std::vector<SqlType>(args.size(), element), SqlType::Array(element).NotNull()};
}

Result<arrow::Datum> EvalArray(const Call& call) {
  MILL_ASSIGN(Operands operands, MakeOperands(call.args, call.rows));
  MILL_ASSIGN(ArrayPtr values, Interleave(operands, 0, 1));
  MILL_ASSIGN(auto offsets, EvenOffsets(operands.rows, operands.items.size()));
  auto data = arrow::ArrayData::Make(call.type.ToArrow(), operands.rows, {nullptr, offsets},
                                     {values->data()}, 0);
  return AsDatum(std::move(data), operands.scalar);
}

Result<Binding> BindMap(const std::vector<SqlType>& args) {
  if (args.empty() || args.size() % 2 != 0) return ArgumentCountError(args.size(), "key, value pairs");
  std::vector<SqlType> keys, values, types;
  for (size_t i = 0; i < args.size(); ++i) (i % 2 == 0 ? keys : values).push_back(args[i]);
  MILL_ASSIGN(SqlType key, CommonType(keys));
  MILL_ASSIGN(SqlType value, CommonType(values));
  for (size_t i = 0; i < args.size(); ++i) types.push_back(i % 2 == 0 ? key : value);
  return Binding{std::move(types), SqlType::Map(key, value).NotNull()};
}

Result<arrow::Datum> EvalMap(const Call& call) {
  MILL_ASSIGN(Operands operands, MakeOperands(call.args, call.rows));
  MILL_ASSIGN(ArrayPtr keys, Interleave(operands, 0, 2));
  if (keys->null_count() > 0) return UserError("a key of a map is NULL");
  MILL_ASSIGN(ArrayPtr values, Interleave(operands, 1, 2));
  MILL_ASSIGN(auto offsets, EvenOffsets(operands.rows, operands.items.size() / 2));
  const auto type = call.type.ToArrow();
  auto entries = arrow::ArrayData::Make(static_cast<const arrow::MapType&>(*type).value_type(),
                                        keys->length(), {nullptr}, {keys->data(), values->data()}, 0);
  auto data = arrow::ArrayData::Make(type, operands.rows, {nullptr, offsets}, {std::move(entries)}, 0);
  return AsDatum(std::move(data), operands.scalar);
}

Result<Binding> BindRow(const std::vector<SqlType>& args) {
  if (args.empty()) return ArgumentCountError(0, "1 or more");
  SqlType type = SqlType::Of(TypeKind::kRow);
  for (size_t i = 0; i < args.size(); ++i) {
    type.children.push_back({fmt::format("EXPR${}", i), std::make_shared<const SqlType>(args[i])});
  }
  return Binding{args, type.NotNull()};
}

Result<arrow::Datum> EvalRow(const Call& call) {
  const bool scalar = std::all_of(call.args.begin(), call.args.end(),
                                  [](const arrow::Datum& arg) { return arg.is_scalar(); });
  const int64_t rows = scalar ? 1 : call.rows;
  std::vector<std::shared_ptr<arrow::ArrayData>> members;
  for (const arrow::Datum& arg : call.args) {
    if (arg.is_array()) {
      members.push_back(arg.array());
      continue;
    }
    MILL_ASSIGN(ArrayPtr member, arrow::MakeArrayFromScalar(*arg.scalar(), rows));
    members.push_back(member->data());
  }
  return AsDatum(arrow::ArrayData::Make(call.type.ToArrow(), rows, {nullptr}, std::move(members), 0),
                 scalar);
}

Result<Binding> BindSize(const std::vector<SqlType>& args) {
  if (args.size() != 1) return ArgumentCountError(args.size(), "1");
  const bool fits = args[0].kind == TypeKind::kArray || args[0].kind == TypeKind::kMap;
  if (!fits) return ArgumentTypeError(0, args[0], "ARRAY or MAP");
  return Binding{args, WithNullable(SqlType::Int(), args[0].nullable)};
}

Result<arrow::Datum> EvalSize(const Call& call) {
  MILL_ASSIGN(Operands operands, MakeOperands(call.args, call.rows));
  MILL_ASSIGN(Validity validity, Validity::Of(operands));
  MILL_ASSIGN(auto writer, Writer<int32_t>::Make(operands.rows));
  const auto* offsets = operands.items[0].data->GetValues<int32_t>(1);
  for (int64_t row = 0; row < operands.rows; ++row) writer.Set(row, offsets[row + 1] - offsets[row]);
  MILL_ASSIGN(auto buffers, writer.Finish());
  buffers[0] = validity.buffer();
  return AsDatum(arrow::ArrayData::Make(arrow::int32(), operands.rows, std::move(buffers),
                                        validity.null_count()),
                 operands.scalar);
}

Result<Binding> BindElement(const std::vector<SqlType>& args) {
  if (args.size() != 1) return ArgumentCountError(args.size(), "1");
  if (args[0].kind != TypeKind::kArray) return ArgumentTypeError(0, args[0], "ARRAY");
  return Binding{args, args[0].children[0].type->Nullable()};
}

Result<arrow::Datum> EvalElement(const Call& call) {
  MILL_ASSIGN(Operands operands, MakeOperands(call.args, call.rows));
  const arrow::ArrayData& data = *operands.items[0].data;
  const auto* offsets = data.GetValues<int32_t>(1);
  std::vector<int32_t> positions;
  for (int64_t row = 0; row < operands.rows; ++row) {
    const int32_t length = data.IsNull(row) ? 0 : offsets[row + 1] - offsets[row];
    if (length > 1) return UserError("the array has {} elements, expected one at most", length);
    positions.push_back(length == 1 ? offsets[row] : kAbsent);
  }
  MILL_ASSIGN(ArrayPtr values, TakeAt(arrow::MakeArray(data.child_data[0]), positions));
  return ArrayOrScalar(values, operands.scalar);
}

Result<Binding> BindItem(const std::vector<SqlType>& args) {
  if (args.size() != 2) return ArgumentCountError(args.size(), "2");
  if (args[0].kind == TypeKind::kMap) {
    const SqlType& key = *args[0].children[0].type;
    if (!ImplicitlyCastable(args[1], key)) return ArgumentTypeError(1, args[1], key.ToString());
    return Binding{{args[0], key.Nullable()}, args[0].children[1].type->Nullable()};
  }
  if (args[0].kind != TypeKind::kArray) return ArgumentTypeError(0, args[0], "ARRAY or MAP");
  if (!args[1].IsInteger() && args[1].kind != TypeKind::kNull) {
    return ArgumentTypeError(1, args[1], "an integer");
  }
  return Binding{{args[0], SqlType::BigInt()}, args[0].children[0].type->Nullable()};
}

Result<arrow::Datum> ArrayItem(const Operands& operands) {
  const Operand& array = operands.items[0];
  const auto* offsets = array.data->GetValues<int32_t>(1);
  const Reader<int64_t> wanted(operands.items[1]);
  std::vector<int32_t> positions;
  for (int64_t row = 0; row < operands.rows; ++row) {
    const int64_t at = array.At(row);
    const bool present = !array.IsNull(row) && !operands.items[1].IsNull(row);
    const int64_t length = present ? offsets[at + 1] - offsets[at] : 0;
    const int64_t index = present ? wanted[row] : 0;
    const bool inside = index >= 1 && index <= length;
    positions.push_back(inside ? offsets[at] + static_cast<int32_t>(index - 1) : kAbsent);
  }
  MILL_ASSIGN(ArrayPtr values, TakeAt(arrow::MakeArray(array.data->child_data[0]), positions));
  return ArrayOrScalar(values, operands.scalar);
}

// For each row's elements, the row's value of another operand beside them.
struct RowElements {
  std::vector<int32_t> of;    // element positions in the child array
  std::vector<int32_t> rows;  // the row of each
};

RowElements ListElements(const Operands& operands) {
  const Operand& list = operands.items[0];
  const auto* offsets = list.data->GetValues<int32_t>(1);
  RowElements elements;
  for (int64_t row = 0; row < operands.rows; ++row) {
    if (list.IsNull(row)) continue;
    const int64_t at = list.At(row);
    for (int32_t i = offsets[at]; i < offsets[at + 1]; ++i) {
      elements.of.push_back(i);
      elements.rows.push_back(static_cast<int32_t>(row));
    }
  }
  return elements;
}

// For each row the position of the element that equals operand 1, or kAbsent. `type`: of the elements.
Result<std::vector<int32_t>> FindElements(const Operands& operands, const ArrayPtr& elements,
                                          const SqlType& type, const Call& call) {
  const RowElements list = ListElements(operands);
  std::vector<int32_t> found(static_cast<size_t>(operands.rows), kAbsent);
  if (list.of.empty()) return found;
  std::vector<int32_t> sought = list.rows;
  if (operands.items[1].scalar) std::fill(sought.begin(), sought.end(), 0);
  MILL_ASSIGN(ArrayPtr left, TakeAt(elements, list.of));
  MILL_ASSIGN(ArrayPtr right, TakeAt(arrow::MakeArray(operands.items[1].data), sought));
  const std::vector<arrow::Datum> args = {left, right};
  const std::vector<SqlType> types = {type, type};
  MILL_ASSIGN(auto equal, Compare(Comparison::kEqual, Call{args, types, SqlType::Boolean(),
                                                           left->length(), call.context}));
  const arrow::BooleanArray bools(equal.array());
  for (size_t i = 0; i < list.of.size(); ++i) {
    const auto at = static_cast<int64_t>(i);
    int32_t& position = found[static_cast<size_t>(list.rows[i])];
    if (position == kAbsent && bools.IsValid(at) && bools.Value(at)) position = list.of[i];
  }
  return found;
}

Result<arrow::Datum> MapItem(const Call& call, const Operands& operands) {
  const arrow::MapArray maps(operands.items[0].data);
  MILL_ASSIGN(auto found, FindElements(operands, maps.keys(), *call.arg_types[0].children[0].type, call));
  MILL_ASSIGN(ArrayPtr values, TakeAt(maps.items(), found));
  return ArrayOrScalar(values, operands.scalar);
}

Result<arrow::Datum> EvalItem(const Call& call) {
  MILL_ASSIGN(Operands operands, MakeOperands(call.args, call.rows));
  return call.arg_types[0].kind == TypeKind::kMap ? MapItem(call, operands) : ArrayItem(operands);
}

// FIELD(row, 'name') is made into Expression::kField once the name is known.
Result<Binding> BindField(const std::vector<SqlType>& args) {
  if (args.size() != 2) return ArgumentCountError(args.size(), "2");
  return UserError("the member's name must be a constant");
}

}  // namespace

void RegisterCollection(FunctionRegistry& registry) {
  registry.Add({.name = "ARRAY", .signature = "ARRAY[any, ...] -> ARRAY", .doc = "An array of values.",
                .examples = {{"ARRAY[1, 2]", "[1, 2]"}}, .bind = BindArray, .eval = EvalArray});
  registry.Add({.name = "MAP", .signature = "MAP[key, value, ...] -> MAP", .doc = "A map of pairs.",
                .examples = {{"MAP['a', 1]", "{a=1}"}}, .bind = BindMap, .eval = EvalMap,
                .may_fail = true});
  registry.Add({.name = "ROW", .signature = "ROW(any, ...) -> ROW", .doc = "A row of values.",
                .examples = {{"ROW(1, 'a')", "(1, a)"}}, .bind = BindRow, .eval = EvalRow});
  registry.Add({.name = "CARDINALITY", .signature = "CARDINALITY(ARRAY or MAP) -> INT",
                .doc = "Number of elements.", .examples = {{"CARDINALITY(ARRAY[1, 2, 3])", "3"}},
                .bind = BindSize, .eval = EvalSize});
  registry.Add({.name = "ELEMENT", .signature = "ELEMENT(ARRAY) -> any",
                .doc = "The sole element of an array, NULL if it is empty.",
                .examples = {{"ELEMENT(ARRAY[7])", "7"}}, .bind = BindElement, .eval = EvalElement,
                .may_fail = true});
  registry.Add({.name = "ITEM", .signature = "ARRAY[INT] or MAP[key] -> any",
                .doc = "An element by its number, from 1, or a value by its key; NULL if it is missing.",
                .examples = {{"ARRAY['a', 'b'][2]", "b"}, {"MAP['k', 5]['k']", "5"}},
                .bind = BindItem, .eval = EvalItem});
  registry.Add({.name = "FIELD", .signature = "FIELD(ROW, 'name') -> any", .doc = "A member of a row.",
                .examples = {}, .bind = BindField,
                .eval = [](const Call&) -> Result<arrow::Datum> {
                  return Status::NotImplemented("FIELD");
                }});
}

}  // namespace millrace
