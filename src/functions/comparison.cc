// Comparison operators, BETWEEN and IN.
#include <arrow/compute/api.h>

#include <algorithm>
#include <string_view>
#include <unordered_set>

#include "functions/bind.h"
#include "functions/compare.h"
#include "functions/families.h"
#include "functions/per_row.h"

namespace millrace {
namespace {

// Cast to the type of the comparison; text and its lengths stay as they are.
Result<Binding> BindComparison(const std::vector<SqlType>& args) {
  MILL_ASSIGN(SqlType common, ComparisonType(args));
  std::vector<SqlType> types;
  for (const SqlType& arg : args) {
    types.push_back(arg.IsString() && common.IsString() ? arg : WithNullable(common, arg.nullable));
  }
  // As in Flink, text beside a point in time that is none makes the comparison NULL.
  const bool has_text = std::any_of(args.begin(), args.end(),
                                    [](const SqlType& arg) { return arg.IsString(); });
  const bool lenient = has_text && (common.IsTimestamp() || common.kind == TypeKind::kDate ||
                                    common.kind == TypeKind::kTime);
  return Binding{std::move(types), WithNullable(SqlType::Boolean(), lenient || AnyNullable(args)),
                 lenient};
}

Result<Binding> BindCount(const std::vector<SqlType>& args, size_t wanted) {
  if (args.size() != wanted) return ArgumentCountError(args.size(), fmt::format("{}", wanted));
  return BindComparison(args);
}

Bind OrderedPair(bool ordered) {
  return [=](const std::vector<SqlType>& args) -> Result<Binding> {
    MILL_ASSIGN(Binding binding, BindCount(args, 2));
    const SqlType& type = binding.arg_types[0];
    if (ordered && !type.children.empty()) {
      return UserError("{} has no order", type.Nullable().ToString());
    }
    return binding;
  };
}

void AddComparison(FunctionRegistry& registry, const char* sign, Comparison comparison,
                   const char* doc, Example example) {
  const bool ordered = comparison != Comparison::kEqual && comparison != Comparison::kNotEqual;
  registry.Add({.name = sign, .signature = fmt::format("any {} any -> BOOLEAN", sign), .doc = doc,
                .examples = {std::move(example)}, .bind = OrderedPair(ordered),
                .eval = [=](const Call& call) { return Compare(comparison, call); }});
}

Result<arrow::Datum> And(const arrow::Datum& a, const arrow::Datum& b) {
  return arrow::compute::CallFunction("and_kleene", {a, b});
}
Result<arrow::Datum> Or(const arrow::Datum& a, const arrow::Datum& b) {
  return arrow::compute::CallFunction("or_kleene", {a, b});
}
Result<arrow::Datum> Not(const arrow::Datum& a) {
  return arrow::compute::CallFunction("invert", {a});
}

Result<arrow::Datum> Within(const Call& call, const arrow::Datum& low, const arrow::Datum& high) {
  const SqlType& type = call.arg_types[0];
  MILL_ASSIGN(auto above, Compare(Comparison::kGreaterEqual, call.args[0], low, type, call));
  MILL_ASSIGN(auto below, Compare(Comparison::kLessEqual, call.args[0], high, type, call));
  return And(above, below);
}

Result<arrow::Datum> Between(const Call& call, bool symmetric, bool negated) {
  MILL_ASSIGN(arrow::Datum result, Within(call, call.args[1], call.args[2]));
  if (symmetric) {
    MILL_ASSIGN(arrow::Datum swapped, Within(call, call.args[2], call.args[1]));
    MILL_ASSIGN(result, Or(result, swapped));
  }
  return negated ? Not(result) : Result<arrow::Datum>(result);
}

void AddBetween(FunctionRegistry& registry, const char* name, bool symmetric, bool negated) {
  registry.Add({.name = name, .signature = fmt::format("a {} b AND c -> BOOLEAN", name),
                .doc = "Whether a lies in the range from b to c, both included.",
                .examples = {{fmt::format("2 {} 1 AND 3", name), negated ? "FALSE" : "TRUE"}},
                .bind = [](const std::vector<SqlType>& args) { return BindCount(args, 3); },
                .eval = [=](const Call& call) { return Between(call, symmetric, negated); }});
}

// The list of an IN as a set; `has_null`: the list holds a NULL.
template <typename T>
struct ValueSet {
  std::unordered_set<T> values;
  bool has_null = false;
};

template <typename T>
Result<ValueSet<T>> ReadSet(const std::vector<Operand>& items) {
  ValueSet<T> set;
  for (size_t i = 1; i < items.size(); ++i) {
    if (items[i].IsNull(0)) {
      set.has_null = true;
    } else {
      set.values.insert(Reader<T>(items[i])[0]);
    }
  }
  return set;
}

template <typename T>
Result<arrow::Datum> InSet(const Call& call, bool negated) {
  MILL_ASSIGN(Operands operands, MakeOperands(call.args, call.rows));
  MILL_ASSIGN(auto set, ReadSet<T>(operands.items));
  const std::vector<arrow::Datum> value = {call.args[0]};
  const Call one{value, call.arg_types, call.type, call.rows, call.context};
  return RunPerRow<bool(T)>(one, [&](T v) -> std::optional<bool> {
    if (set.values.contains(v)) return !negated;
    if (set.has_null) return std::nullopt;
    return negated;
  });
}

// One comparison per item: for items that are columns and for types without a set.
Result<arrow::Datum> InList(const Call& call, bool negated) {
  arrow::Datum result(false);
  for (size_t i = 1; i < call.args.size(); ++i) {
    MILL_ASSIGN(auto equal, Compare(Comparison::kEqual, call.args[0], call.args[i],
                                    call.arg_types[0], call));
    MILL_ASSIGN(result, Or(result, equal));
  }
  return negated ? Not(result) : Result<arrow::Datum>(result);
}

Result<arrow::Datum> In(const Call& call, bool negated) {
  constexpr size_t kFewItems = 3;  // up to this many vectorized comparisons are cheaper than a set
  bool constant = true;
  for (size_t i = 1; i < call.args.size(); ++i) constant = constant && call.args[i].is_scalar();
  const SqlType& type = call.arg_types[0];
  if (constant && type.IsString()) return InSet<std::string_view>(call, negated);
  if (!constant || call.args.size() <= kFewItems + 1) return InList(call, negated);
  switch (type.kind) {
    case TypeKind::kInt:
    case TypeKind::kDate:
    case TypeKind::kTime: return InSet<int32_t>(call, negated);
    case TypeKind::kBigInt:
    case TypeKind::kTimestamp:
    case TypeKind::kTimestampLtz: return InSet<int64_t>(call, negated);
    default: return InList(call, negated);
  }
}

void AddIn(FunctionRegistry& registry, const char* name, bool negated) {
  registry.Add({.name = name, .signature = fmt::format("a {} (b, ...) -> BOOLEAN", name),
                .doc = "Whether a equals one of the values; NULL among them makes a miss NULL.",
                .examples = {{fmt::format("2 {} (1, 2)", name), negated ? "FALSE" : "TRUE"}},
                .bind = [](const std::vector<SqlType>& args) -> Result<Binding> {
                  if (args.size() < 2) return ArgumentCountError(args.size(), "2 or more");
                  return BindComparison(args);
                },
                .eval = [=](const Call& call) { return In(call, negated); }});
}

// Equality where NULL equals NULL.
Result<arrow::Datum> IsSame(const Call& call, bool negated) {
  using arrow::compute::CallFunction;
  MILL_ASSIGN(auto equal, Compare(Comparison::kEqual, call));
  MILL_ASSIGN(auto left_null, CallFunction("is_null", {call.args[0]}));
  MILL_ASSIGN(auto right_null, CallFunction("is_null", {call.args[1]}));
  MILL_ASSIGN(auto both_null, CallFunction("and", {left_null, right_null}));
  // Where one side is NULL the comparison is too: then both have to be.
  MILL_ASSIGN(auto same, CallFunction("coalesce", {equal, both_null}));
  return negated ? Not(same) : Result<arrow::Datum>(same);
}

void AddDistinct(FunctionRegistry& registry, const char* name, bool negated) {
  registry.Add({.name = name, .signature = fmt::format("a {} b -> BOOLEAN", name),
                .doc = "Comparison in which two NULLs are equal; never NULL.",
                .examples = {{fmt::format("1 {} NULL", name), negated ? "TRUE" : "FALSE"}},
                .bind = [](const std::vector<SqlType>& args) -> Result<Binding> {
                  MILL_ASSIGN(Binding binding, BindCount(args, 2));
                  binding.type.nullable = false;
                  return binding;
                },
                .eval = [=](const Call& call) { return IsSame(call, negated); }});
}

}  // namespace

void RegisterComparison(FunctionRegistry& registry) {
  AddComparison(registry, "=", Comparison::kEqual, "Whether both are equal.", {"1 = 1.0", "TRUE"});
  AddComparison(registry, "<>", Comparison::kNotEqual, "Whether they differ.", {"1 <> 1", "FALSE"});
  AddComparison(registry, "<", Comparison::kLess, "Whether a is less.", {"'a' < 'b'", "TRUE"});
  AddComparison(registry, "<=", Comparison::kLessEqual, "Less or equal.", {"2 <= 1", "FALSE"});
  AddComparison(registry, ">", Comparison::kGreater, "Whether a is greater.", {"2 > 1", "TRUE"});
  AddComparison(registry, ">=", Comparison::kGreaterEqual, "Greater or equal.", {"1 >= 2", "FALSE"});
  AddBetween(registry, "BETWEEN", false, false);
  AddBetween(registry, "NOT BETWEEN", false, true);
  AddBetween(registry, "BETWEEN SYMMETRIC", true, false);
  AddBetween(registry, "NOT BETWEEN SYMMETRIC", true, true);
  AddIn(registry, "IN", false);
  AddIn(registry, "NOT IN", true);
  AddDistinct(registry, "IS DISTINCT FROM", true);
  AddDistinct(registry, "IS NOT DISTINCT FROM", false);
}

}  // namespace millrace
