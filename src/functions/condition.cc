// COALESCE, NULLIF, IF, GREATEST and their like. MakeCall turns IF into CASE, and COALESCE too where its
// later arguments can fail.
#include <arrow/array/util.h>
#include <arrow/compute/api.h>

#include "functions/bind.h"
#include "functions/compare.h"
#include "functions/families.h"

namespace millrace {
namespace {

using arrow::compute::CallFunction;

Result<Binding> BindCommon(const std::vector<SqlType>& args, size_t at_least) {
  if (args.size() < at_least) return ArgumentCountError(args.size(), fmt::format("{} or more", at_least));
  MILL_ASSIGN(SqlType common, CommonType(args));
  std::vector<SqlType> types;
  for (const SqlType& arg : args) types.push_back(WithNullable(common, arg.nullable));
  return Binding{std::move(types), common};
}

Result<Binding> BindCoalesce(const std::vector<SqlType>& args) {
  MILL_ASSIGN(Binding binding, BindCommon(args, 1));
  for (const SqlType& arg : args) {
    if (!arg.nullable) binding.type.nullable = false;
  }
  return binding;
}

Result<arrow::Datum> EvalCoalesce(const Call& call) {
  if (call.type.kind == TypeKind::kNull) return call.args[0];
  return CallFunction("coalesce", call.args);
}

Result<Binding> BindIf(const std::vector<SqlType>& args) {
  if (args.size() != 3) return ArgumentCountError(args.size(), "3");
  if (!ImplicitlyCastable(args[0], SqlType::Boolean())) return ArgumentTypeError(0, args[0], "BOOLEAN");
  MILL_ASSIGN(SqlType common, CommonType({args[1], args[2]}));
  return Binding{{SqlType::Boolean(), common, common}, common};
}

Result<arrow::Datum> EvalIf(const Call& call) {
  MILL_ASSIGN(auto condition, CallFunction("coalesce", {call.args[0], arrow::Datum(false)}));
  return CallFunction("if_else", {condition, call.args[1], call.args[2]});
}

Result<Binding> BindNullIf(const std::vector<SqlType>& args) {
  if (args.size() != 2) return ArgumentCountError(args.size(), "2");
  MILL_ASSIGN(SqlType common, ComparisonType(args));
  return Binding{{args[0], WithNullable(common, args[1].nullable)}, args[0].Nullable()};
}

Result<arrow::Datum> EvalNullIf(const Call& call) {
  MILL_ASSIGN(arrow::Datum left, CastDatum(call.args[0], call.arg_types[0], call.arg_types[1],
                                           call.context, false));
  MILL_ASSIGN(auto equal, Compare(Comparison::kEqual, left, call.args[1], call.arg_types[1], call));
  MILL_ASSIGN(auto same, CallFunction("coalesce", {equal, arrow::Datum(false)}));
  const arrow::Datum null(arrow::MakeNullScalar(call.type.ToArrow()));
  return CallFunction("if_else", {same, null, call.args[0]});
}

// The extreme of the arguments; NULL if one of them is.
Result<arrow::Datum> EvalExtreme(const Call& call, Comparison better) {
  arrow::Datum best = call.args[0];
  for (size_t i = 1; i < call.args.size(); ++i) {
    const arrow::Datum& other = call.args[i];
    // A NULL on either side makes the condition, and so the result, NULL.
    MILL_ASSIGN(auto keeps, Compare(better, best, other, call.arg_types[0], call));
    MILL_ASSIGN(best, CallFunction("if_else", {keeps, best, other}));
  }
  return best;
}

void AddExtreme(FunctionRegistry& registry, const char* name, Comparison better, Example example) {
  registry.Add({.name = name, .signature = fmt::format("{}(any, any, ...) -> any", name),
                .doc = "The extreme of its arguments; NULL if one of them is.",
                .examples = {std::move(example)},
                .bind = [](const std::vector<SqlType>& args) { return BindCommon(args, 1); },
                .eval = [=](const Call& call) { return EvalExtreme(call, better); }});
}

}  // namespace

void RegisterCondition(FunctionRegistry& registry) {
  registry.Add({.name = "COALESCE", .signature = "COALESCE(any, any, ...) -> any",
                .doc = "The first argument that is not NULL.",
                .examples = {{"COALESCE(CAST(NULL AS INT), 2)", "2"}},
                .bind = BindCoalesce, .eval = EvalCoalesce});
  registry.Add({.name = "IFNULL", .signature = "IFNULL(any, any) -> any",
                .doc = "The first argument, or the second where the first is NULL.",
                .examples = {{"IFNULL(CAST(NULL AS INT), 5)", "5"}},
                .bind = [](const std::vector<SqlType>& args) -> Result<Binding> {
                  if (args.size() != 2) return ArgumentCountError(args.size(), "2");
                  return BindCoalesce(args);
                },
                .eval = EvalCoalesce});
  registry.Add({.name = "IF", .signature = "IF(BOOLEAN, any, any) -> any",
                .doc = "The second argument where the condition holds, else the third.",
                .examples = {{"IF(1 < 2, 'yes', 'no')", "yes"}}, .bind = BindIf, .eval = EvalIf});
  registry.Add({.name = "NULLIF", .signature = "NULLIF(any, any) -> any",
                .doc = "NULL where both are equal, else the first.",
                .examples = {{"NULLIF(5, 5)", "NULL"}, {"NULLIF(5, 0)", "5"}},
                .bind = BindNullIf, .eval = EvalNullIf});
  AddExtreme(registry, "GREATEST", Comparison::kGreaterEqual, {"GREATEST(1, 3, 2)", "3"});
  AddExtreme(registry, "LEAST", Comparison::kLessEqual, {"LEAST(1, 3, 2)", "1"});
}

}  // namespace millrace
