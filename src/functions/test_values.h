// Short ways to write literals, calls and casts in tests, and to see their values as text.
#pragma once

#include <arrow/api.h>
#include <arrow/compute/initialize.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "functions/expression.h"
#include "functions/registry.h"

namespace millrace::testing {

class ArrowEnvironment : public ::testing::Environment {
 public:
  void SetUp() override { ASSERT_TRUE(arrow::compute::Initialize().ok()); }
};
[[maybe_unused]] inline const auto* const kEnvironment = ::testing::AddGlobalTestEnvironment(new ArrowEnvironment);

inline ExpressionPtr Int(int32_t value) {
  return MakeLiteral(arrow::MakeScalar(value), SqlType::Int().NotNull());
}
inline ExpressionPtr Big(int64_t value) {
  return MakeLiteral(arrow::MakeScalar(value), SqlType::BigInt().NotNull());
}
inline ExpressionPtr Real(double value) {
  return MakeLiteral(arrow::MakeScalar(value), SqlType::Double().NotNull());
}
inline ExpressionPtr Str(const std::string& value) {
  return MakeLiteral(arrow::MakeScalar(value),
                     SqlType::Of(TypeKind::kChar, static_cast<int>(value.size())).NotNull());
}
inline ExpressionPtr Bool(bool value) {
  return MakeLiteral(arrow::MakeScalar(value), SqlType::Boolean().NotNull());
}
inline ExpressionPtr Null() { return MakeLiteral(arrow::MakeNullScalar(arrow::null()), SqlType::Null()); }
inline ExpressionPtr As(const ExpressionPtr& value, const SqlType& type) { return MakeCast(value, type); }
inline ExpressionPtr Dec(const std::string& value, int precision, int scale) {
  return As(Str(value), SqlType::Of(TypeKind::kDecimal, precision, scale));
}
inline ExpressionPtr Time(const std::string& value, int precision = 3) {
  return As(Str(value), SqlType::Timestamp(precision));
}
inline ExpressionPtr Date(const std::string& value) { return As(Str(value), SqlType::Of(TypeKind::kDate)); }

inline std::string Show(const Result<ExpressionPtr>& expression, const EvalContext& context = {}) {
  if (!expression.ok()) return "error: " + expression.status().message();
  static const auto kOneRow = arrow::RecordBatch::Make(arrow::schema({}), 1, arrow::ArrayDataVector());
  auto value = Evaluate(**expression, *kOneRow, context);
  if (!value.ok()) return "error: " + value.status().message();
  auto text = CastDatum(*value, (*expression)->type, SqlType::String(), context, false);
  if (!text.ok()) return "error: " + text.status().message();
  auto scalar = text->is_scalar() ? text->scalar() : *text->make_array()->GetScalar(0);
  return scalar->is_valid ? scalar->ToString() : "NULL";
}

inline std::string ValueOf(const char* name, std::vector<ExpressionPtr> args) {
  return Show(MakeCall(name, std::move(args)));
}

inline std::string TypeOf(const char* name, std::vector<ExpressionPtr> args) {
  auto call = MakeCall(name, std::move(args));
  return call.ok() ? (*call)->type.Nullable().ToString() : call.status().message();
}

inline std::string Cast(const ExpressionPtr& value, const SqlType& type) { return Show(MakeCast(value, type)); }
inline std::string TryCast(const ExpressionPtr& value, const SqlType& type) {
  return Show(MakeCast(value, type, true));
}

}  // namespace millrace::testing
