// Every example of the function registry, through the parser and the binder: its SQL must give the value that
// the manual prints.
#include "functions/test_values.h"
#include "plan/bind_expression.h"
#include "sql/parser.h"

namespace millrace {
namespace {

std::string Evaluated(const std::string& sql) {
  const auto parsed = ParseExpression(sql);
  if (!parsed.ok()) return "error: " + parsed.status().message();
  const Scope empty;
  return testing::Show(ExpressionBinder(empty).Bind(**parsed));
}

TEST(FunctionExamples, GiveWhatTheManualPrints) {
  const FunctionRegistry& registry = FunctionRegistry::Default();
  for (const std::string& name : registry.Names()) {
    const ScalarFunction* function = registry.FindScalar(name);
    if (function == nullptr) continue;
    for (const Example& example : function->examples) {
      EXPECT_EQ(Evaluated(example.sql), example.result) << example.sql;
    }
  }
}

TEST(FunctionExamples, EveryFunctionHasOneAndADoc) {
  const FunctionRegistry& registry = FunctionRegistry::Default();
  for (const std::string& name : registry.Names()) {
    const ScalarFunction* function = registry.FindScalar(name);
    if (function == nullptr) continue;
    EXPECT_FALSE(function->doc.empty()) << name;
    // FIELD is a form of the binder's; the watermark needs a source.
    const bool exempt = name == "FIELD" || name == "CURRENT_WATERMARK";
    EXPECT_TRUE(exempt || !function->examples.empty()) << name;
  }
}

}  // namespace
}  // namespace millrace
