// Numeric functions. Those of real analysis compute in DOUBLE; rounding keeps exact types exact.
#include <cmath>
#include <numbers>

#include "functions/bind.h"
#include "functions/decimal_types.h"
#include "functions/families.h"
#include "functions/rounding.h"
#include "functions/vectorized.h"

namespace millrace {
namespace {

const SqlType kDouble = SqlType::Double();

using RealFunction = double (*)(double);

void AddReal(FunctionRegistry& registry, const char* name, RealFunction function, const char* doc,
             Example example) {
  registry.Add({.name = name, .signature = fmt::format("{}(numeric) -> DOUBLE", name), .doc = doc,
                .examples = {std::move(example)}, .bind = Fixed({kDouble}, kDouble),
                .eval = [=](const Call& call) { return MapValues<double, double>(call, function); }});
}

void AddRealPair(FunctionRegistry& registry, const char* name, double (*function)(double, double),
                 const char* doc, Example example) {
  registry.Add({.name = name, .signature = fmt::format("{}(numeric, numeric) -> DOUBLE", name),
                .doc = doc, .examples = {std::move(example)},
                .bind = Fixed({kDouble, kDouble}, kDouble), .eval = [=](const Call& call) {
                  return MapValues<double, double, double>(call, function);
                }});
}

void AddConstant(FunctionRegistry& registry, const char* name, double value, const char* text) {
  registry.Add({.name = name, .signature = fmt::format("{}() -> DOUBLE", name),
                .doc = fmt::format("The number {}.", text),
                .examples = {{fmt::format("{}()", name), text}},
                .bind = Fixed({}, kDouble.NotNull()),
                .eval = [=](const Call&) -> Result<arrow::Datum> { return arrow::Datum(value); }});
}

Result<arrow::Datum> EvalAbs(const Call& call) {
  if (call.type.kind == TypeKind::kDecimal) {
    return RunPerRow<Int128(Int128)>(call, [](Int128 value) { return value < 0 ? -value : value; });
  }
  return WithNumberType(call.type.kind, [&](auto number) -> Result<arrow::Datum> {
    using T = decltype(number);
    return MapValues<T, T>(call, [](T value) {
      if constexpr (std::is_floating_point_v<T>) return std::abs(value);
      else return static_cast<T>(value < 0 ? T{0} - static_cast<std::make_unsigned_t<T>>(value) : value);
    });
  });
}

Result<arrow::Datum> EvalSign(const Call& call) {
  if (call.type.kind == TypeKind::kDecimal) {
    const Int128 one = PowerOfTen(call.type.scale);
    return RunPerRow<Int128(Int128)>(
        call, [=](Int128 value) { return value < 0 ? -one : value > 0 ? one : Int128{0}; });
  }
  return WithNumberType(call.type.kind, [&](auto number) -> Result<arrow::Datum> {
    using T = decltype(number);
    return MapValues<T, T>(call, [](T value) {
      return static_cast<T>(value < T{0} ? -1 : value > T{0} ? 1 : 0);
    });
  });
}

// The whole part of value / unit towards minus infinity, or plus infinity for `up`.
Int128 DivideTowards(Int128 value, Int128 unit, bool up) {
  const Int128 quotient = value / unit;
  const Int128 rest = value % unit;
  if (rest == 0) return quotient;
  if (up) return rest > 0 ? quotient + 1 : quotient;
  return rest < 0 ? quotient - 1 : quotient;
}

// FLOOR(numeric) and CEIL(numeric); their forms for times are made in time.cc.
Result<arrow::Datum> EvalWhole(const Call& call, bool up) {
  switch (call.arg_types[0].kind) {
    case TypeKind::kDecimal: {
      const Int128 unit = PowerOfTen(call.arg_types[0].scale);
      return RunPerRow<Int128(Int128)>(
          call, [=](Int128 value) { return DivideTowards(value, unit, up); });
    }
    case TypeKind::kFloat:
      return MapValues<float, float>(
          call, [=](float value) { return up ? std::ceil(value) : std::floor(value); });
    case TypeKind::kDouble:
      return MapValues<double, double>(
          call, [=](double value) { return up ? std::ceil(value) : std::floor(value); });
    default: return call.args[0];
  }
}

Result<Binding> BindWhole(const std::vector<SqlType>& args) {
  MILL_ASSIGN(Binding binding, SameNumeric()(args));
  if (binding.type.kind == TypeKind::kDecimal) {
    // Rounding up may need no more digits before the point than there were, save for 9.9.
    binding.type.precision = std::min(kMaxDecimalDigits, binding.type.precision - binding.type.scale + 1);
    binding.type.scale = 0;
  }
  return binding;
}

double PowerOfTenDouble(int places) { return std::pow(10.0, places); }

double RoundDouble(double value, int places, bool truncate) {
  if (!std::isfinite(value) || places > 300) return value;
  // Through decimal digits, as BigDecimal does: 1.005 rounds by what is printed.
  const std::optional<Int128> exact =
      places >= 0 && places <= 15 ? DecimalFromDouble(value, kMaxDecimalDigits, 18) : std::nullopt;
  if (exact) {
    const Int128 unit = PowerOfTen(18 - places);
    const Int128 rounded = truncate ? *exact / unit : DropDigits(*exact, 18 - places);
    return DecimalToDouble(rounded, places);
  }
  const double unit = PowerOfTenDouble(places);
  return (truncate ? std::trunc(value * unit) : std::round(value * unit)) / unit;
}

Int128 RoundInteger(Int128 value, int places, bool truncate) {
  if (places >= 0) return value;
  if (places < -kMaxDecimalDigits) return 0;
  const Int128 unit = PowerOfTen(-places);
  return (truncate ? value / unit : DropDigits(value, -places)) * unit;
}

std::optional<Int128> RoundDecimal(Int128 value, int places, bool truncate, const SqlType& from,
                                   const SqlType& to) {
  Int128 rounded = value;
  if (places < from.scale) {
    const int dropped = from.scale - places;
    if (dropped > kMaxDecimalDigits) return Int128{0};
    const Int128 unit = PowerOfTen(dropped);
    rounded = (truncate ? value / unit : DropDigits(value, dropped)) * unit;
  }
  return RescaleDecimal(rounded, from.scale, to.scale, to.precision);
}

Result<arrow::Datum> RoundBy(const Call& call, bool truncate) {
  const SqlType& from = call.arg_types[0];
  if (from.kind == TypeKind::kDecimal) {
    return RunPerRow<Int128(Int128, int32_t)>(call, [&](Int128 value, int32_t places) {
      return RoundDecimal(value, places, truncate, from, call.type);
    });
  }
  return WithNumberType(from.kind, [&](auto number) -> Result<arrow::Datum> {
    using T = decltype(number);
    return RunPerRow<T(T, int32_t)>(call, [&](T value, int32_t places) {
      if constexpr (std::is_floating_point_v<T>) {
        return static_cast<T>(RoundDouble(value, places, truncate));
      } else {
        return static_cast<T>(RoundInteger(value, places, truncate));
      }
    });
  });
}

Result<arrow::Datum> EvalRound(const Call& call, bool truncate) {
  if (call.args.size() == 2) return RoundBy(call, truncate);
  const std::vector<arrow::Datum> args = {call.args[0], arrow::Datum(int32_t{0})};
  return RoundBy({args, call.arg_types, call.type, call.rows, call.context}, truncate);
}

// Where the number of places is no constant the scale stays.
Result<Binding> BindRound(const std::vector<SqlType>& args) {
  if (args.empty() || args.size() > 2) return ArgumentCountError(args.size(), "1 or 2");
  MILL_ASSIGN(Binding binding, SameNumeric()({args[0]}));
  if (args.size() == 2) {
    if (!ImplicitlyCastable(args[1], SqlType::Int())) return ArgumentTypeError(1, args[1], "INT");
    binding.arg_types.push_back(SqlType::Int());
  }
  if (binding.type.kind == TypeKind::kDecimal) {
    const int places = args.size() == 1 ? 0 : binding.type.scale;
    binding.type = WithNullable(RoundType(binding.type, places), true);
  }
  binding.type.nullable = AnyNullable(args);
  return binding;
}

// A constant number of places decides the scale of a DECIMAL.
Status RefineRound(const std::vector<ExpressionPtr>& args, Binding* binding) {
  if (binding->type.kind != TypeKind::kDecimal || args.size() < 2 || !IsConstant(*args[1])) {
    return Status::OK();
  }
  MILL_ASSIGN(auto value, EvaluateConstant(*MakeCast(args[1], SqlType::Int())));
  if (!value->is_valid) return Status::OK();
  const int places = static_cast<const arrow::Int32Scalar&>(*value).value;
  binding->type = WithNullable(RoundType(binding->arg_types[0], places), binding->type.nullable);
  return Status::OK();
}

Result<arrow::Datum> EvalLog(const Call& call) {
  if (call.args.size() == 1) {
    return MapValues<double, double>(call, [](double x) { return std::log(x); });
  }
  return MapValues<double, double, double>(
      call, [](double base, double x) { return std::log(x) / std::log(base); });
}

void RegisterRounding(FunctionRegistry& registry) {
  registry.Add({.name = "ABS", .signature = "ABS(numeric) -> numeric", .doc = "Absolute value.",
                .examples = {{"ABS(-3)", "3"}}, .bind = SameNumeric(), .eval = EvalAbs});
  registry.Add({.name = "SIGN", .signature = "SIGN(numeric) -> numeric", .doc = "-1, 0 or 1.",
                .examples = {{"SIGN(-3)", "-1"}}, .bind = SameNumeric(), .eval = EvalSign});
  registry.Add({.name = "ROUND", .signature = "ROUND(numeric [, places]) -> numeric",
                .doc = "Rounded half up to a number of decimal places.",
                .examples = {{"ROUND(2.456, 2)", "2.46"}, {"ROUND(CAST(2.5 AS DOUBLE))", "3.0"}},
                .bind = BindRound,
                .eval = [](const Call& call) { return EvalRound(call, false); },
                .refine = RefineRound});
  registry.Add({.name = "TRUNCATE", .signature = "TRUNCATE(numeric [, places]) -> numeric",
                .doc = "Cut to a number of decimal places.",
                .examples = {{"TRUNCATE(CAST(42.345 AS DOUBLE), 2)", "42.34"}}, .bind = BindRound,
                .eval = [](const Call& call) { return EvalRound(call, true); },
                .refine = RefineRound});
}

void RegisterAnalysis(FunctionRegistry& registry) {
  AddReal(registry, "SQRT", [](double x) { return std::sqrt(x); }, "Square root.", {"SQRT(16)", "4.0"});
  AddReal(registry, "EXP", [](double x) { return std::exp(x); }, "e to a power.", {"EXP(0)", "1.0"});
  AddReal(registry, "LN", [](double x) { return std::log(x); }, "Natural logarithm.", {"LN(1)", "0.0"});
  AddReal(registry, "LOG10", [](double x) { return std::log10(x); }, "Logarithm to 10.",
          {"LOG10(100)", "2.0"});
  AddReal(registry, "LOG2", [](double x) { return std::log(x) / std::log(2.0); }, "Logarithm to 2.",
          {"LOG2(8)", "3.0"});
  AddReal(registry, "SIN", [](double x) { return std::sin(x); }, "Sine.", {"SIN(0)", "0.0"});
  AddReal(registry, "COS", [](double x) { return std::cos(x); }, "Cosine.", {"COS(0)", "1.0"});
  AddReal(registry, "TAN", [](double x) { return std::tan(x); }, "Tangent.", {"TAN(0)", "0.0"});
  AddReal(registry, "COT", [](double x) { return 1 / std::tan(x); }, "Cotangent.",
          {"ROUND(COT(1), 2)", "0.64"});
  AddReal(registry, "ASIN", [](double x) { return std::asin(x); }, "Arc sine.", {"ASIN(0)", "0.0"});
  AddReal(registry, "ACOS", [](double x) { return std::acos(x); }, "Arc cosine.", {"ACOS(1)", "0.0"});
  AddReal(registry, "ATAN", [](double x) { return std::atan(x); }, "Arc tangent.", {"ATAN(0)", "0.0"});
  AddReal(registry, "SINH", [](double x) { return std::sinh(x); }, "Hyperbolic sine.",
          {"SINH(0)", "0.0"});
  AddReal(registry, "COSH", [](double x) { return std::cosh(x); }, "Hyperbolic cosine.",
          {"COSH(0)", "1.0"});
  AddReal(registry, "TANH", [](double x) { return std::tanh(x); }, "Hyperbolic tangent.",
          {"TANH(0)", "0.0"});
  AddReal(registry, "DEGREES", [](double x) { return x * 57.29577951308232; },
          "Radians in degrees.", {"DEGREES(0)", "0.0"});
  AddReal(registry, "RADIANS", [](double x) { return x * 0.017453292519943295; },
          "Degrees in radians.", {"RADIANS(0)", "0.0"});
}

}  // namespace

Result<Binding> BindNumericFloor(const std::vector<SqlType>& args) { return BindWhole(args); }
Result<arrow::Datum> EvalNumericFloor(const Call& call, bool up) { return EvalWhole(call, up); }

void RegisterMath(FunctionRegistry& registry) {
  RegisterRounding(registry);
  RegisterAnalysis(registry);
  for (const char* name : {"POWER", "POW"}) {
    AddRealPair(registry, name, [](double x, double y) { return std::pow(x, y); }, "x to the power y.",
                {"POWER(2, 10)", "1024.0"});
  }
  AddRealPair(registry, "ATAN2", [](double y, double x) { return std::atan2(y, x); },
              "Angle of the point (x, y).", {"ATAN2(0, 1)", "0.0"});
  registry.Add({.name = "LOG", .signature = "LOG([base,] numeric) -> DOUBLE",
                .doc = "Logarithm to a base; the natural one without.",
                .examples = {{"LOG(2, 8)", "3.0"}}, .bind = Fixed({kDouble, kDouble}, kDouble, 1),
                .eval = EvalLog});
  AddConstant(registry, "PI", std::numbers::pi, "3.141592653589793");
  AddConstant(registry, "E", std::numbers::e, "2.718281828459045");
}

}  // namespace millrace
