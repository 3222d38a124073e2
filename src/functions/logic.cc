// AND, OR, NOT in three-valued logic and the tests IS NULL, IS TRUE ... Evaluate() runs the right side of
// AND and OR only where it matters, if it can fail.
#include <arrow/compute/api.h>

#include "functions/bind.h"
#include "functions/families.h"

namespace millrace {
namespace {

using arrow::compute::CallFunction;

Result<arrow::Datum> RunKernel(const char* kernel, const std::vector<arrow::Datum>& args) {
  return CallFunction(kernel, args);
}

void AddJunction(FunctionRegistry& registry, const char* name, const char* kernel, const char* doc,
                 Example example) {
  registry.Add({.name = name, .signature = fmt::format("BOOLEAN {} BOOLEAN -> BOOLEAN", name),
                .doc = doc, .examples = {std::move(example)},
                .bind = Fixed({SqlType::Boolean(), SqlType::Boolean()}, SqlType::Boolean()),
                .eval = [=](const Call& call) { return RunKernel(kernel, call.args); }});
}

// IS TRUE and its like: where the value is NULL the answer is `if_null`, else value == wanted.
struct TruthTest {
  const char* name;
  bool wanted;
  bool if_null;
};

Result<arrow::Datum> RunTruthTest(const TruthTest& test, const arrow::Datum& value) {
  arrow::Datum matches = value;
  if (!test.wanted) {
    MILL_ASSIGN(matches, CallFunction("invert", {value}));
  }
  return CallFunction("coalesce", {matches, arrow::Datum(test.if_null)});
}

void AddTruthTest(FunctionRegistry& registry, TruthTest test) {
  const bool example = test.if_null;
  registry.Add({.name = test.name, .signature = fmt::format("BOOLEAN {} -> BOOLEAN", test.name),
                .doc = "Tests a truth value; never NULL.",
                .examples = {{fmt::format("CAST(NULL AS BOOLEAN) {}", test.name),
                              example ? "TRUE" : "FALSE"}},
                .bind = Fixed({SqlType::Boolean()}, SqlType::Boolean().NotNull()),
                .eval = [=](const Call& call) { return RunTruthTest(test, call.args[0]); }});
}

Result<Binding> BindAny(const std::vector<SqlType>& args) {
  if (args.size() != 1) return ArgumentCountError(args.size(), "1");
  return Binding{args, SqlType::Boolean().NotNull()};
}

void AddNullTest(FunctionRegistry& registry, const char* name, const char* kernel) {
  registry.Add({.name = name, .signature = fmt::format("any {} -> BOOLEAN", name),
                .doc = "Tests for NULL; never NULL itself.",
                .examples = {{fmt::format("NULL {}", name),
                              std::string_view(kernel) == "is_null" ? "TRUE" : "FALSE"}},
                .bind = BindAny,
                .eval = [=](const Call& call) { return RunKernel(kernel, call.args); }});
}

}  // namespace

void RegisterLogic(FunctionRegistry& registry) {
  AddJunction(registry, "AND", "and_kleene", "Both hold.", {"TRUE AND NULL", "NULL"});
  AddJunction(registry, "OR", "or_kleene", "At least one holds.", {"TRUE OR NULL", "TRUE"});
  registry.Add({.name = "NOT", .signature = "NOT BOOLEAN -> BOOLEAN", .doc = "The opposite.",
                .examples = {{"NOT FALSE", "TRUE"}},
                .bind = Fixed({SqlType::Boolean()}, SqlType::Boolean()),
                .eval = [](const Call& call) { return RunKernel("invert", call.args); }});
  AddTruthTest(registry, {"IS TRUE", true, false});
  AddTruthTest(registry, {"IS FALSE", false, false});
  // "NOT TRUE" is false or NULL.
  AddTruthTest(registry, {"IS NOT TRUE", false, true});
  AddTruthTest(registry, {"IS NOT FALSE", true, true});
  AddNullTest(registry, "IS NULL", "is_null");
  AddNullTest(registry, "IS UNKNOWN", "is_null");
  AddNullTest(registry, "IS NOT NULL", "is_valid");
  AddNullTest(registry, "IS NOT UNKNOWN", "is_valid");
}

}  // namespace millrace
