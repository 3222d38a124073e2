// ARRAY_*: functions over arrays. Elements are compared by number (value_ids.h), so that each
// function is a
// walk over positions.
#include <arrow/compute/api.h>

#include <algorithm>
#include <unordered_set>

#include "functions/bind.h"
#include "functions/families.h"
#include "functions/lists.h"
#include "functions/value_ids.h"

namespace millrace {
namespace {

const SqlType kString = SqlType::String();
const SqlType kBoolean = SqlType::Boolean();

Status NoArray(size_t position, const SqlType& type) {
  return ArgumentTypeError(position, type, "ARRAY");
}

// Arrays of one common type; `arrays` of them at least.
Result<Binding> BindArrays(const std::vector<SqlType>& args, size_t least, size_t most) {
  if (args.size() < least || args.size() > most) {
    return ArgumentCountError(args.size(), fmt::format("{} or more", least));
  }
  MILL_ASSIGN(SqlType common, CommonType(args));
  if (common.kind != TypeKind::kArray) return NoArray(0, common);
  std::vector<SqlType> types;
  for (const SqlType& arg : args) types.push_back(WithNullable(common, arg.nullable));
  return Binding{std::move(types), common};
}

// An array and a value to stand among its elements.
Result<Binding> BindWithElement(const std::vector<SqlType>& args) {
  if (args.size() != 2) return ArgumentCountError(args.size(), "2");
  if (args[0].kind != TypeKind::kArray) return NoArray(0, args[0]);
  SqlType element = *args[0].children[0].type;
  if (!ImplicitlyCastable(args[1], element))
    return ArgumentTypeError(1, args[1], element.ToString());
  element.nullable = element.nullable || args[1].nullable || args[1].kind == TypeKind::kNull;
  const SqlType array = WithNullable(SqlType::Array(element), args[0].nullable);
  return Binding{{args[0], WithNullable(element, args[1].nullable)}, array};
}

// Runs fill(elements, row, builder) for each row in which none of the first `strict` arguments is
// NULL.
template <typename Fill>
Result<arrow::Datum> BuildLists(const Call& call, size_t used, size_t strict, Fill fill) {
  MILL_ASSIGN(Elements elements, Elements::Of(call, used));
  ListBuilder builder;
  for (int64_t row = 0; row < elements.operands().rows; ++row) {
    bool null = false;
    for (size_t arg = 0; arg < strict; ++arg) null = null || elements.IsNull(arg, row);
    if (null) {
      builder.EndNull();
    } else {
      fill(elements, row, &builder);
      builder.EndRow();
    }
  }
  return builder.Finish(elements.all(), call.type, elements.operands().scalar);
}

void AddAll(const Elements& elements, size_t arg, int64_t row, ListBuilder* builder) {
  for (int32_t i = elements.Begin(arg, row); i < elements.End(arg, row); ++i) builder->Add(i);
}

Result<arrow::Datum> EvalConcat(const Call& call) {
  const size_t count = call.args.size();
  return BuildLists(call, count, count,
                    [=](const Elements& elements, int64_t row, ListBuilder* out) {
                      for (size_t arg = 0; arg < count; ++arg) AddAll(elements, arg, row, out);
                    });
}

Result<arrow::Datum> EvalAdd(const Call& call, bool in_front) {
  return BuildLists(call, 2, 1, [=](const Elements& elements, int64_t row, ListBuilder* out) {
    if (in_front) out->Add(elements.At(1, row));
    AddAll(elements, 0, row, out);
    if (!in_front) out->Add(elements.At(1, row));
  });
}

Result<arrow::Datum> EvalReverse(const Call& call) {
  return BuildLists(call, 1, 1, [](const Elements& elements, int64_t row, ListBuilder* out) {
    for (int32_t i = elements.End(0, row); i-- > elements.Begin(0, row);) out->Add(i);
  });
}

// Distinct elements of the first argument, or of all, that the second holds (or does not).
enum class SetOperation { kDistinct, kUnion, kExcept, kIntersect };

Result<arrow::Datum> EvalSet(const Call& call, SetOperation operation) {
  MILL_ASSIGN(Elements keys, Elements::Of(call, call.args.size()));
  MILL_ASSIGN(const auto ids, ValueIds(keys.all()));
  std::unordered_set<int32_t> seen, other;
  const auto id = [&](int32_t position) { return ids[static_cast<size_t>(position)]; };
  return BuildLists(
      call, call.args.size(), call.args.size(),
      [&](const Elements& elements, int64_t row, ListBuilder* out) {
        seen.clear();
        other.clear();
        const bool filters =
            operation == SetOperation::kExcept || operation == SetOperation::kIntersect;
        for (int32_t i = filters ? elements.Begin(1, row) : 0; filters && i < elements.End(1, row);
             ++i) {
          other.insert(id(i));
        }
        const size_t lists = operation == SetOperation::kUnion ? call.args.size() : 1;
        for (size_t arg = 0; arg < lists; ++arg) {
          for (int32_t i = elements.Begin(arg, row); i < elements.End(arg, row); ++i) {
            const bool wanted =
                !filters || other.contains(id(i)) == (operation == SetOperation::kIntersect);
            if (wanted && seen.insert(id(i)).second) out->Add(i);
          }
        }
      });
}

Result<arrow::Datum> EvalRemove(const Call& call) {
  MILL_ASSIGN(Elements keys, Elements::Of(call, 2));
  MILL_ASSIGN(const auto ids, ValueIds(keys.all()));
  return BuildLists(call, 2, 1, [&](const Elements& elements, int64_t row, ListBuilder* out) {
    const int32_t removed = ids[static_cast<size_t>(elements.At(1, row))];
    for (int32_t i = elements.Begin(0, row); i < elements.End(0, row); ++i) {
      if (ids[static_cast<size_t>(i)] != removed) out->Add(i);
    }
  });
}

// Number of the first element, from 1, that equals the second argument; 0 without one.
Result<std::vector<int32_t>> Positions(const Elements& elements) {
  MILL_ASSIGN(const auto ids, ValueIds(elements.all()));
  std::vector<int32_t> found;
  for (int64_t row = 0; row < elements.operands().rows; ++row) {
    const int32_t sought = ids[static_cast<size_t>(elements.At(1, row))];
    const int32_t begin = elements.Begin(0, row), end = elements.End(0, row);
    int32_t i = begin;
    while (i < end && ids[static_cast<size_t>(i)] != sought) ++i;
    found.push_back(i < end ? i - begin + 1 : 0);
  }
  return found;
}

Result<arrow::Datum> EvalPosition(const Call& call) {
  MILL_ASSIGN(Elements elements, Elements::Of(call, 2));
  MILL_ASSIGN(const auto found, Positions(elements));
  MILL_ASSIGN(Validity validity, Validity::Of(elements.operands()));
  return AsDatum(arrow::ArrayData::Make(arrow::int32(), elements.operands().rows,
                                        {validity.buffer(), arrow::Buffer::FromVector(found)},
                                        validity.null_count()),
                 elements.operands().scalar);
}

// A NULL is sought like any other value.
Result<arrow::Datum> EvalContains(const Call& call) {
  MILL_ASSIGN(Elements elements, Elements::Of(call, 2));
  MILL_ASSIGN(const auto found, Positions(elements));
  Operands list = elements.operands();
  list.items.resize(1);
  MILL_ASSIGN(Validity validity, Validity::Of(list));
  MILL_ASSIGN(auto writer, Writer<bool>::Make(list.rows));
  for (int64_t row = 0; row < list.rows; ++row)
    writer.Set(row, found[static_cast<size_t>(row)] > 0);
  MILL_ASSIGN(auto buffers, writer.Finish());
  buffers[0] = validity.buffer();
  return AsDatum(arrow::ArrayData::Make(arrow::boolean(), list.rows, std::move(buffers),
                                        validity.null_count()),
                 list.scalar);
}

Result<Binding> BindSearch(const std::vector<SqlType>& args, SqlType result, bool null_is_value) {
  MILL_ASSIGN(Binding binding, BindWithElement(args));
  const bool nullable = args[0].nullable || (!null_is_value && args[1].nullable);
  binding.type = WithNullable(std::move(result), nullable);
  return binding;
}

Result<Binding> BindSlice(const std::vector<SqlType>& args) {
  if (args.size() < 2 || args.size() > 3) return ArgumentCountError(args.size(), "2 or 3");
  if (args[0].kind != TypeKind::kArray) return NoArray(0, args[0]);
  std::vector<SqlType> types = {args[0]};
  for (size_t i = 1; i < args.size(); ++i) {
    if (!args[i].IsInteger() && args[i].kind != TypeKind::kNull) {
      return ArgumentTypeError(i, args[i], "an integer");
    }
    types.push_back(WithNullable(SqlType::Int(), args[i].nullable));
  }
  return Binding{std::move(types), WithNullable(args[0], AnyNullable(args))};
}

// An offset from 1; 0 is the first, negative ones count from the end.
int64_t OffsetOf(int32_t offset, int64_t length) {
  return offset < 0 ? length + offset + 1 : std::max<int64_t>(offset, 1);
}

Result<arrow::Datum> EvalSlice(const Call& call) {
  return BuildLists(
      call, 1, call.args.size(), [&](const Elements& elements, int64_t row, ListBuilder* out) {
        const auto value = [&](size_t arg) {
          return Reader<int32_t>(elements.operands().items[arg])[row];
        };
        const int64_t length = elements.End(0, row) - elements.Begin(0, row);
        const int64_t from = std::max<int64_t>(OffsetOf(value(1), length), 1);
        const int64_t to =
            call.args.size() > 2 ? std::min(OffsetOf(value(2), length), length) : length;
        for (int64_t i = from; i <= to; ++i) {
          out->Add(elements.Begin(0, row) + static_cast<int32_t>(i - 1));
        }
      });
}

// Places of the elements of `values` in their order; equal ones in any order. NULLs are last.
Result<std::vector<int64_t>> RanksOf(const ArrayPtr& values) {
  MILL_ASSIGN(ArrayPtr order, arrow::compute::SortIndices(*values));
  const auto& sorted = static_cast<const arrow::UInt64Array&>(*order);
  std::vector<int64_t> ranks(static_cast<size_t>(values->length()));
  for (int64_t i = 0; i < sorted.length(); ++i) ranks[sorted.Value(i)] = i;
  return ranks;
}

Result<Binding> BindSort(const std::vector<SqlType>& args) {
  if (args.empty() || args.size() > 3) return ArgumentCountError(args.size(), "1 to 3");
  if (args[0].kind != TypeKind::kArray) return NoArray(0, args[0]);
  if (!args[0].children[0].type->children.empty())
    return ArgumentTypeError(0, args[0], "ARRAY of values with an order");
  std::vector<SqlType> types = {args[0]};
  for (size_t i = 1; i < args.size(); ++i) {
    MILL_ASSIGN(SqlType type, MatchParameter(i, args[i], kBoolean));
    types.push_back(std::move(type));
  }
  return Binding{std::move(types), WithNullable(args[0], AnyNullable(args))};
}

Result<arrow::Datum> EvalSort(const Call& call) {
  MILL_ASSIGN(Elements keys, Elements::Of(call, 1));
  MILL_ASSIGN(const auto ranks, RanksOf(keys.all()));
  return BuildLists(
      call, 1, call.args.size(), [&](const Elements& elements, int64_t row, ListBuilder* out) {
        const auto flag = [&](size_t arg, bool otherwise) {
          return arg < call.args.size() ? Reader<bool>(elements.operands().items[arg])[row]
                                        : otherwise;
        };
        const bool ascending = flag(1, true), nulls_first = flag(2, ascending);
        AddAll(elements, 0, row, out);
        const auto begin = out->positions().begin() + static_cast<int64_t>(out->row_begin());
        std::sort(begin, out->positions().end(), [&](int32_t a, int32_t b) {
          const bool a_null = elements.all()->IsNull(a), b_null = elements.all()->IsNull(b);
          if (a_null != b_null) return a_null == nulls_first;
          const int64_t x = ranks[static_cast<size_t>(a)], y = ranks[static_cast<size_t>(b)];
          return ascending ? x < y : x > y;
        });
      });
}

Result<Binding> BindExtreme(const std::vector<SqlType>& args) {
  if (args.size() != 1) return ArgumentCountError(args.size(), "1");
  if (args[0].kind != TypeKind::kArray) return NoArray(0, args[0]);
  const SqlType& element = *args[0].children[0].type;
  if (!element.children.empty() || element.kind == TypeKind::kBoolean) {
    return ArgumentTypeError(0, args[0], "ARRAY of values with an order");
  }
  return Binding{args, element.Nullable()};
}

Result<arrow::Datum> EvalExtreme(const Call& call, bool greatest) {
  MILL_ASSIGN(Elements elements, Elements::Of(call, 1));
  MILL_ASSIGN(const auto ranks, RanksOf(elements.all()));
  std::vector<int32_t> chosen;
  for (int64_t row = 0; row < elements.operands().rows; ++row) {
    int32_t best = kAbsent;
    for (int32_t i = elements.Begin(0, row); i < elements.End(0, row); ++i) {
      if (elements.all()->IsNull(i)) continue;
      const bool better = best == kAbsent || (ranks[static_cast<size_t>(i)] >
                                              ranks[static_cast<size_t>(best)]) == greatest;
      if (better) best = i;
    }
    chosen.push_back(best);
  }
  MILL_ASSIGN(ArrayPtr values, TakeAt(elements.all(), chosen));
  return ArrayOrScalar(values, elements.operands().scalar);
}

Result<Binding> BindJoin(const std::vector<SqlType>& args) {
  if (args.size() < 2 || args.size() > 3) return ArgumentCountError(args.size(), "2 or 3");
  if (args[0].kind != TypeKind::kArray || !args[0].children[0].type->IsString()) {
    return ArgumentTypeError(0, args[0], "ARRAY<STRING>");
  }
  std::vector<SqlType> types = {args[0]};
  for (size_t i = 1; i < args.size(); ++i) {
    MILL_ASSIGN(SqlType type, MatchParameter(i, args[i], kString));
    types.push_back(std::move(type));
  }
  return Binding{std::move(types), WithNullable(kString, AnyNullable(args))};
}

Result<arrow::Datum> EvalJoin(const Call& call) {
  MILL_ASSIGN(Elements elements, Elements::Of(call, 1));
  const Operands& operands = elements.operands();
  MILL_ASSIGN(Validity validity, Validity::Of(operands));
  MILL_ASSIGN(auto writer, Writer<Text>::Make(operands.rows));
  const auto& texts = static_cast<const arrow::StringArray&>(*elements.all());
  for (int64_t row = 0; row < operands.rows; ++row) {
    bool first = true;
    const bool valid = validity.IsValid(row);
    for (int32_t i = elements.Begin(0, row); valid && i < elements.End(0, row); ++i) {
      if (texts.IsNull(i) && operands.items.size() < 3) continue;
      if (!first) writer.text()->append(Reader<std::string_view>(operands.items[1])[row]);
      first = false;
      writer.text()->append(texts.IsNull(i) ? Reader<std::string_view>(operands.items[2])[row]
                                            : texts.GetView(i));
    }
    if (writer.IsFull()) return UserError("more than 2 GB of text in one batch");
    writer.End(row, valid);
  }
  MILL_ASSIGN(auto buffers, writer.Finish());
  buffers[0] = validity.buffer();
  return AsDatum(arrow::ArrayData::Make(call.type.ToArrow(), operands.rows, std::move(buffers),
                                        validity.null_count()),
                 operands.scalar);
}

void RegisterSets(FunctionRegistry& registry) {
  const auto add = [&](const char* name, const char* doc, SetOperation operation, Example example) {
    const size_t count = operation == SetOperation::kDistinct ? 1 : 2;
    registry.Add(
        {.name = name,
         .signature = fmt::format("{}(ARRAY{}) -> ARRAY", name, count > 1 ? ", ARRAY" : ""),
         .doc = doc,
         .examples = {std::move(example)},
         .bind = [=](const auto& args) { return BindArrays(args, count, count); },
         .eval = [=](const Call& call) { return EvalSet(call, operation); }});
  };
  add("ARRAY_DISTINCT", "Each element once, in their order.", SetOperation::kDistinct,
      {"ARRAY_DISTINCT(ARRAY[1, 2, 1])", "[1, 2]"});
  add("ARRAY_UNION", "The elements of both arrays, each once.", SetOperation::kUnion,
      {"ARRAY_UNION(ARRAY[1, 2], ARRAY[2, 3])", "[1, 2, 3]"});
  add("ARRAY_EXCEPT", "The elements of the first array that the second has not, each once.",
      SetOperation::kExcept, {"ARRAY_EXCEPT(ARRAY[1, 2, 2], ARRAY[1])", "[2]"});
  add("ARRAY_INTERSECT", "The elements that both arrays have, each once.", SetOperation::kIntersect,
      {"ARRAY_INTERSECT(ARRAY[1, 1, 2], ARRAY[1, 4])", "[1]"});
}

void RegisterChange(FunctionRegistry& registry) {
  registry.Add({.name = "ARRAY_CONCAT", .signature = "ARRAY_CONCAT(ARRAY, ...) -> ARRAY",
                .doc = "The elements of several arrays one after the other.",
                .examples = {{"ARRAY_CONCAT(ARRAY[1], ARRAY[2, 3])", "[1, 2, 3]"}},
                .bind = [](const auto& args) { return BindArrays(args, 1, SIZE_MAX); },
                .eval = EvalConcat});
  registry.Add({.name = "ARRAY_APPEND", .signature = "ARRAY_APPEND(ARRAY, any) -> ARRAY",
                .doc = "With one more element at the end.",
                .examples = {{"ARRAY_APPEND(ARRAY[1], 2)", "[1, 2]"}}, .bind = BindWithElement,
                .eval = [](const Call& call) { return EvalAdd(call, false); }});
  registry.Add({.name = "ARRAY_PREPEND", .signature = "ARRAY_PREPEND(ARRAY, any) -> ARRAY",
                .doc = "With one more element at the beginning.",
                .examples = {{"ARRAY_PREPEND(ARRAY[1], 2)", "[2, 1]"}}, .bind = BindWithElement,
                .eval = [](const Call& call) { return EvalAdd(call, true); }});
  registry.Add({.name = "ARRAY_REMOVE", .signature = "ARRAY_REMOVE(ARRAY, any) -> ARRAY",
                .doc = "Without the elements that equal a value, which may be NULL.",
                .examples = {{"ARRAY_REMOVE(ARRAY[1, 2, 1], 1)", "[2]"}},
                .bind = [](const auto& args) -> Result<Binding> {
                  MILL_ASSIGN(Binding binding, BindWithElement(args));
                  binding.type = args[0];
                  return binding;
                },
                .eval = EvalRemove});
  registry.Add({.name = "ARRAY_REVERSE",
                .signature = "ARRAY_REVERSE(ARRAY) -> ARRAY",
                .doc = "The elements in reverse order.",
                .examples = {{"ARRAY_REVERSE(ARRAY[1, 2])", "[2, 1]"}},
                .bind = [](const auto& args) { return BindArrays(args, 1, 1); },
                .eval = EvalReverse});
  registry.Add({.name = "ARRAY_SLICE",
                .signature = "ARRAY_SLICE(ARRAY, from [, to]) -> ARRAY",
                .doc =
                    "The elements from one offset to another, both included. Offsets begin at 1; "
                    "negative ones count from the end.",
                .examples = {{"ARRAY_SLICE(ARRAY[1, 2, 3, 4], 2, -2)", "[2, 3]"}},
                .bind = BindSlice,
                .eval = EvalSlice});
  registry.Add({.name = "ARRAY_SORT",
                .signature = "ARRAY_SORT(ARRAY [, ascending [, nulls first]]) -> ARRAY",
                .doc = "The elements in their order; NULLs come first where it is ascending.",
                .examples = {{"ARRAY_SORT(ARRAY[2, 3, 1], FALSE)", "[3, 2, 1]"}},
                .bind = BindSort, .eval = EvalSort});
}

}  // namespace

void RegisterArray(FunctionRegistry& registry) {
  RegisterSets(registry);
  RegisterChange(registry);
  registry.Add({.name = "ARRAY_CONTAINS", .signature = "ARRAY_CONTAINS(ARRAY, any) -> BOOLEAN",
                .doc = "Whether a value, which may be NULL, is an element of an array.",
                .examples = {{"ARRAY_CONTAINS(ARRAY[1, 2], 2)", "TRUE"}},
                .bind = [](const auto& args) { return BindSearch(args, kBoolean, true); },
                .eval = EvalContains});
  registry.Add({.name = "ARRAY_POSITION", .signature = "ARRAY_POSITION(ARRAY, any) -> INT",
                .doc = "Number of the first element, from 1, that equals a value; 0 without one.",
                .examples = {{"ARRAY_POSITION(ARRAY['a', 'b'], 'b')", "2"}},
                .bind = [](const auto& args) { return BindSearch(args, SqlType::Int(), false); },
                .eval = EvalPosition});
  registry.Add({.name = "ARRAY_MAX", .signature = "ARRAY_MAX(ARRAY) -> any",
                .doc = "The greatest element, NULL if there is none.",
                .examples = {{"ARRAY_MAX(ARRAY[1, 3, 2])", "3"}}, .bind = BindExtreme,
                .eval = [](const Call& call) { return EvalExtreme(call, true); }});
  registry.Add({.name = "ARRAY_MIN", .signature = "ARRAY_MIN(ARRAY) -> any",
                .doc = "The least element, NULL if there is none.",
                .examples = {{"ARRAY_MIN(ARRAY[2, 1, 3])", "1"}}, .bind = BindExtreme,
                .eval = [](const Call& call) { return EvalExtreme(call, false); }});
  registry.Add({.name = "ARRAY_JOIN",
                .signature = "ARRAY_JOIN(ARRAY<STRING>, separator [, for NULL]) -> STRING",
                .doc =
                    "The elements joined by a separator; NULLs are left out or stand as the third "
                    "argument.",
                .examples = {{"ARRAY_JOIN(ARRAY['a', 'b'], '-')", "a-b"}},
                .bind = BindJoin,
                .eval = EvalJoin});
}

}  // namespace millrace
