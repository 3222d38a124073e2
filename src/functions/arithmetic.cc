// + - * / % and the signs, over numbers, DECIMAL, dates, times and intervals. Integers keep the wider type
// and wrap as in Java; INT / INT cuts; DECIMAL results have Flink's derived precision.
#include <algorithm>
#include <cmath>

#include "functions/bind.h"
#include "functions/calendar.h"
#include "functions/decimal_types.h"
#include "functions/families.h"
#include "functions/vectorized.h"

namespace millrace {
namespace {

// Integers are computed unsigned, where overflow wraps.
template <typename T>
struct Wrapping {
  using type = std::conditional_t<sizeof(T) < sizeof(uint32_t), uint32_t, std::make_unsigned_t<T>>;
};
template <>
struct Wrapping<float> {
  using type = float;
};
template <>
struct Wrapping<double> {
  using type = double;
};

struct Add {
  template <typename T>
  T operator()(T a, T b) const { return static_cast<T>(a + b); }
  static bool Overflows(Int128 a, Int128 b, Int128* sum) {
    return __builtin_add_overflow(a, b, sum);
  }
};
struct Subtract {
  template <typename T>
  T operator()(T a, T b) const { return static_cast<T>(a - b); }
  static bool Overflows(Int128 a, Int128 b, Int128* difference) {
    return __builtin_sub_overflow(a, b, difference);
  }
};
struct Multiply {
  template <typename T>
  T operator()(T a, T b) const { return static_cast<T>(a * b); }
};

template <typename Op>
Result<arrow::Datum> EvalPlain(const Call& call) {
  return WithNumberType(call.type.kind, [&](auto number) -> Result<arrow::Datum> {
    using T = decltype(number);
    using U = typename Wrapping<T>::type;
    return MapValues<T, T, T>(call, [](T a, T b) {
      return static_cast<T>(Op()(static_cast<U>(a), static_cast<U>(b)));
    });
  });
}

// Java's quotient and rest, of which only -1 as divisor needs care (the least number / -1 overflows).
struct Divide {
  template <typename T>
  static T Of(T a, T b) {
    if constexpr (std::is_floating_point_v<T>) {
      return a / b;
    } else {
      using U = std::make_unsigned_t<T>;
      return b == -1 ? static_cast<T>(U{0} - static_cast<U>(a)) : static_cast<T>(a / b);
    }
  }
  static std::optional<Int128> Decimal(Int128 a, Int128 b, const SqlType& x, const SqlType& y,
                                       const SqlType& result) {
    return DivideDecimal(a, b, result.scale - x.scale + y.scale, result.precision);
  }
};
struct Modulo {
  template <typename T>
  static T Of(T a, T b) {
    if constexpr (std::is_floating_point_v<T>) {
      return std::fmod(a, b);
    } else {
      return b == -1 ? T{0} : static_cast<T>(a % b);
    }
  }
  static std::optional<Int128> Decimal(Int128 a, Int128 b, const SqlType& x, const SqlType& y,
                                       const SqlType& result) {
    const int scale = std::max(x.scale, y.scale);
    const auto left = RescaleDecimal(a, x.scale, scale, kMaxDecimalDigits);
    const auto right = RescaleDecimal(b, y.scale, scale, kMaxDecimalDigits);
    if (!left || !right) return std::nullopt;
    return RescaleDecimal(*left % *right, scale, result.scale, result.precision);
  }
};

Status DivisionByZero() {
  return UserError("division by zero. hint: write NULLIF(divisor, 0)");
}

// Evaluates into a per-row optional and reports a zero divisor once, after the loop.
template <typename Op>
Result<arrow::Datum> EvalPlainDivision(const Call& call) {
  return WithNumberType(call.type.kind, [&](auto number) -> Result<arrow::Datum> {
    using T = decltype(number);
    if constexpr (std::is_floating_point_v<T>) {
      return MapValues<T, T, T>(call, [](T a, T b) { return Op::Of(a, b); });
    } else {
      bool by_zero = false;
      auto result = RunPerRow<T(T, T)>(call, [&](T a, T b) {
        by_zero = by_zero || b == 0;
        return b == 0 ? T{0} : Op::Of(a, b);
      });
      if (by_zero) return DivisionByZero();
      return result;
    }
  });
}

// Calls `body` with the type in which an exact operand is read.
template <typename Body>
auto WithExactType(const SqlType& type, Body body) {
  if (type.kind == TypeKind::kDecimal) return body(Int128{});
  if (type.kind == TypeKind::kBigInt) return body(int64_t{});
  return body(int32_t{});
}

// Runs f(Int128, Int128) over two exact operands, integers included, without converting them first.
template <typename F>
Result<arrow::Datum> MapDecimals(const Call& call, F f) {
  return WithExactType(call.arg_types[0], [&](auto left) {
    using A = decltype(left);
    return WithExactType(call.arg_types[1], [&](auto right) -> Result<arrow::Datum> {
      using B = decltype(right);
      return RunPerRow<Int128(A, B)>(call, [&](A a, B b) { return f(Int128{a}, Int128{b}); });
    });
  });
}

template <typename Op>
Result<arrow::Datum> EvalDecimalSum(const Call& call) {
  const int scale = std::max(call.arg_types[0].scale, call.arg_types[1].scale);
  const Int128 left_factor = PowerOfTen(scale - call.arg_types[0].scale);
  const Int128 right_factor = PowerOfTen(scale - call.arg_types[1].scale);
  const SqlType& type = call.type;
  return MapDecimals(call, [&](Int128 a, Int128 b) -> std::optional<Int128> {
    Int128 left = 0, right = 0;
    if (__builtin_mul_overflow(a, left_factor, &left)) return std::nullopt;
    if (__builtin_mul_overflow(b, right_factor, &right)) return std::nullopt;
    if (Op::Overflows(left, right, &left)) return std::nullopt;
    return RescaleDecimal(left, scale, type.scale, type.precision);
  });
}

Result<arrow::Datum> EvalDecimalProduct(const Call& call) {
  const int drop = call.arg_types[0].scale + call.arg_types[1].scale - call.type.scale;
  const int precision = call.type.precision;
  return MapDecimals(call,
                     [=](Int128 a, Int128 b) { return MultiplyDecimal(a, b, drop, precision); });
}

template <typename Op>
Result<arrow::Datum> EvalDecimalDivision(const Call& call) {
  const SqlType& x = call.arg_types[0];
  const SqlType& y = call.arg_types[1];
  bool by_zero = false;
  auto result = MapDecimals(call, [&](Int128 a, Int128 b) -> std::optional<Int128> {
    by_zero = by_zero || b == 0;
    return b == 0 ? std::nullopt : Op::Decimal(a, b, x, y, call.type);
  });
  if (by_zero) return DivisionByZero();
  return result;
}

bool IsDecimal(const SqlType& type) { return type.kind == TypeKind::kDecimal; }

using DecimalRule = SqlType (*)(const SqlType& a, const SqlType& b);

// The wanted types of two numbers under an operator.
Result<Binding> BindNumbers(const SqlType& a, const SqlType& b, DecimalRule rule) {
  MILL_ASSIGN(SqlType common, CommonType({a, b}));
  if (!IsDecimal(common)) return Binding{{common, common}, common};
  // Small integers are widened; BIGINT and INT are read as they are.
  const auto exact = [](const SqlType& type) {
    return type.kind < TypeKind::kInt ? WithNullable(SqlType::Int(), type.nullable) : type;
  };
  const std::vector<SqlType> args = {exact(a), exact(b)};
  return Binding{args, WithNullable(rule(DecimalOf(a), DecimalOf(b)), true)};
}

// An untyped NULL takes the other side's type.
void FillNullTypes(std::vector<SqlType>* args) {
  for (size_t i = 0; i < 2; ++i) {
    if ((*args)[i].kind != TypeKind::kNull) continue;
    const SqlType& other = (*args)[1 - i];
    (*args)[i] = other.kind == TypeKind::kNull ? SqlType::Int() : other.Nullable();
  }
}

Status NoOperator(const char* name, const std::vector<SqlType>& args) {
  return UserError("cannot compute {} {} {}", args[0].Nullable().ToString(), name,
                   args[1].Nullable().ToString());
}

Bind NumbersOnly(const char* name, DecimalRule rule) {
  return [=](const std::vector<SqlType>& given) -> Result<Binding> {
    if (given.size() != 2) return ArgumentCountError(given.size(), "2");
    std::vector<SqlType> args = given;
    FillNullTypes(&args);
    if (!args[0].IsNumeric() || !args[1].IsNumeric()) return NoOperator(name, given);
    return BindNumbers(args[0], args[1], rule);
  };
}

// The rest of two whole numbers has the divisor's type.
Result<Binding> BindModulo(const std::vector<SqlType>& args) {
  MILL_ASSIGN(Binding binding, NumbersOnly("%", ModuloType)(args));
  if (!IsDecimal(binding.type)) return binding;
  if (DecimalOf(args[0]).scale == 0 && DecimalOf(args[1]).scale == 0) {
    binding.type = args[1].Nullable();
  }
  return binding;
}

bool IsMoment(const SqlType& type) {
  return type.kind == TypeKind::kDate || type.kind == TypeKind::kTime || type.IsTimestamp();
}

Result<Binding> BindSum(const char* name, const std::vector<SqlType>& given) {
  if (given.size() != 2) return ArgumentCountError(given.size(), "2");
  std::vector<SqlType> args = given;
  FillNullTypes(&args);
  const SqlType& a = args[0];
  const SqlType& b = args[1];
  const bool nullable = AnyNullable(args);
  if (a.IsNumeric() && b.IsNumeric()) return BindNumbers(a, b, SumType);
  if (a.IsInterval() && b.kind == a.kind) return Binding{args, WithNullable(a, nullable)};
  if (IsMoment(a) && b.IsInterval()) return Binding{args, WithNullable(a, nullable)};
  if (*name == '+' && a.IsInterval() && IsMoment(b)) return Binding{args, WithNullable(b, nullable)};
  if (*name == '-' && IsMoment(a) && IsMoment(b)) {
    MILL_ASSIGN(SqlType common, CommonType({a, b}));
    return Binding{{common, common}, WithNullable(SqlType::Of(TypeKind::kIntervalDay), nullable)};
  }
  return NoOperator(name, given);
}

Result<Binding> BindProduct(const std::vector<SqlType>& args) {
  if (args.size() == 2) {
    const bool nullable = AnyNullable(args);
    const SqlType big = SqlType::BigInt();
    if (args[0].IsInterval() && args[1].IsNumeric()) {
      return Binding{{args[0], big}, WithNullable(args[0], nullable)};
    }
    if (args[1].IsInterval() && args[0].IsNumeric()) {
      return Binding{{big, args[1]}, WithNullable(args[1], nullable)};
    }
  }
  return NumbersOnly("*", ProductType)(args);
}

// A date, time or timestamp of `type` moved by an interval.
int64_t MoveByMonths(int64_t moment, int64_t months, const SqlType& type) {
  if (type.kind == TypeKind::kTime) return moment;
  if (type.kind == TypeKind::kDate) return AddMonths(moment, months);
  const int64_t day = UnitsPerDay(type.precision);
  const int64_t days = FloorDiv(moment, day);
  return AddMonths(days, months) * day + (moment - days * day);
}

int64_t MoveByMillis(int64_t moment, int64_t millis, const SqlType& type) {
  if (type.kind == TypeKind::kDate) return moment + millis / kMillisPerDay;
  if (type.kind == TypeKind::kTime) return FloorMod(moment + millis, kMillisPerDay);
  return moment + millis * (UnitsPerSecond(type.precision) / kMillisPerSecond);
}

template <typename Moment>
Result<arrow::Datum> MoveMoments(const Call& call, bool months, int sign) {
  const SqlType type = call.type;
  if (months) {
    return MapValues<Moment, Moment, int32_t>(call, [=](Moment moment, int32_t interval) {
      return static_cast<Moment>(MoveByMonths(moment, int64_t{sign} * interval, type));
    });
  }
  return MapValues<Moment, Moment, int64_t>(call, [=](Moment moment, int64_t interval) {
    return static_cast<Moment>(MoveByMillis(moment, sign * interval, type));
  });
}

// Moment and interval in either order.
Result<arrow::Datum> EvalMove(const Call& call, int sign) {
  const size_t interval = call.arg_types[0].IsInterval() ? 0 : 1;
  const std::vector<arrow::Datum> args = {call.args[1 - interval], call.args[interval]};
  const std::vector<SqlType> types = {call.arg_types[1 - interval], call.arg_types[interval]};
  const Call ordered{args, types, call.type, call.rows, call.context};
  const bool months = types[1].kind == TypeKind::kIntervalMonth;
  if (types[0].IsTimestamp()) return MoveMoments<int64_t>(ordered, months, sign);
  return MoveMoments<int32_t>(ordered, months, sign);
}

Result<arrow::Datum> EvalMomentDifference(const Call& call) {
  const SqlType& type = call.arg_types[0];
  if (!type.IsTimestamp()) {
    const int64_t unit = type.kind == TypeKind::kDate ? kMillisPerDay : 1;
    return MapValues<int64_t, int32_t, int32_t>(
        call, [=](int32_t a, int32_t b) { return (int64_t{a} - b) * unit; });
  }
  const int64_t unit = UnitsPerSecond(type.precision) / kMillisPerSecond;
  if (unit == 1) {
    return MapValues<int64_t, int64_t, int64_t>(call, [](int64_t a, int64_t b) { return a - b; });
  }
  return MapValues<int64_t, int64_t, int64_t>(
      call, [=](int64_t a, int64_t b) { return FloorDiv(a - b, unit); });
}

template <typename Op>
Result<arrow::Datum> EvalSum(const Call& call) {
  constexpr int kSign = std::is_same_v<Op, Add> ? 1 : -1;
  if (IsDecimal(call.type)) return EvalDecimalSum<Op>(call);
  const bool same = call.arg_types[0].kind == call.arg_types[1].kind;
  if (same && IsMoment(call.arg_types[0])) return EvalMomentDifference(call);
  if (!same && IsMoment(call.type)) return EvalMove(call, kSign);
  return EvalPlain<Op>(call);
}

Result<arrow::Datum> EvalProduct(const Call& call) {
  if (IsDecimal(call.type)) return EvalDecimalProduct(call);
  if (call.type.kind != TypeKind::kIntervalMonth) return EvalPlain<Multiply>(call);
  const bool interval_first = call.arg_types[0].IsInterval();
  if (interval_first) {
    return MapValues<int32_t, int32_t, int64_t>(
        call, [](int32_t a, int64_t b) { return static_cast<int32_t>(a * b); });
  }
  return MapValues<int32_t, int64_t, int32_t>(
      call, [](int64_t a, int32_t b) { return static_cast<int32_t>(a * b); });
}

// Whole numbers whose rest has the divisor's type: computed as DECIMAL.
Result<arrow::Datum> EvalWholeModulo(const Call& call) {
  const SqlType decimal = ModuloType(DecimalOf(call.arg_types[0]), DecimalOf(call.arg_types[1]));
  MILL_ASSIGN(arrow::Datum rest,
              EvalDecimalDivision<Modulo>(Call{call.args, call.arg_types, decimal, call.rows, call.context}));
  return CastDatum(rest, decimal, call.type, call.context, false);
}

template <typename Op>
Result<arrow::Datum> EvalDivision(const Call& call) {
  const bool decimal_argument = IsDecimal(call.arg_types[0]) || IsDecimal(call.arg_types[1]);
  if (std::is_same_v<Op, Modulo> && decimal_argument) return EvalWholeModulo(call);
  return IsDecimal(call.type) ? EvalDecimalDivision<Op>(call) : EvalPlainDivision<Op>(call);
}

Result<arrow::Datum> EvalNegate(const Call& call) {
  if (IsDecimal(call.type)) {
    return RunPerRow<Int128(Int128)>(call, [](Int128 value) { return -value; });
  }
  return WithNumberType(call.type.kind, [&](auto number) -> Result<arrow::Datum> {
    using T = decltype(number);
    using U = typename Wrapping<T>::type;
    return MapValues<T, T>(call, [](T value) {
      if constexpr (std::is_floating_point_v<T>) return -value;
      else return static_cast<T>(U{0} - static_cast<U>(value));
    });
  });
}

Result<Binding> BindNegate(const std::vector<SqlType>& args) {
  if (args.size() == 1 && args[0].IsInterval()) return Binding{args, args[0]};
  return SameNumeric()(args);
}

}  // namespace

void RegisterArithmetic(FunctionRegistry& registry) {
  registry.Add({.name = "+", .signature = "numeric + numeric -> numeric; time + interval -> time",
                .doc = "Sum, or a point in time moved by an interval.",
                .examples = {{"1 + 2", "3"},
                             {"DATE '2024-01-31' + INTERVAL '1' MONTH", "2024-02-29"}},
                .bind = [](const std::vector<SqlType>& args) { return BindSum("+", args); },
                .eval = EvalSum<Add>});
  registry.Add({.name = "-", .signature = "numeric - numeric -> numeric; time - interval -> time",
                .doc = "Difference, or a point in time moved back by an interval.",
                .examples = {{"1.5 - 2", "-0.5"},
                             {"TIMESTAMP '2024-03-01 00:00:00' - INTERVAL '1' SECOND",
                              "2024-02-29 23:59:59"}},
                .bind = [](const std::vector<SqlType>& args) { return BindSum("-", args); },
                .eval = EvalSum<Subtract>});
  registry.Add({.name = "*", .signature = "numeric * numeric -> numeric",
                .doc = "Product.", .examples = {{"0.908 * 100", "90.800"}},
                .bind = BindProduct, .eval = EvalProduct});
  registry.Add({.name = "/", .signature = "numeric / numeric -> numeric",
                .doc = "Quotient; of two integers the integer part. By zero it is an error, for "
                       "floating point infinity.",
                .examples = {{"7 / 2", "3"}, {"1.0 / 3", "0.333333333333"}},
                .bind = NumbersOnly("/", QuotientType), .eval = EvalDivision<Divide>,
                .may_fail = true});
  for (const char* name : {"%", "MOD"}) {
    registry.Add({.name = name, .signature = "numeric % numeric -> numeric",
                  .doc = "Rest of a division, with the sign of the dividend.",
                  .examples = {{"MOD(-7, 3)", "-1"}},
                  .bind = BindModulo, .eval = EvalDivision<Modulo>,
                  .may_fail = true});
  }
  registry.Add({.name = "NEG", .signature = "- numeric -> numeric", .doc = "The opposite number.",
                .examples = {{"-(3)", "-3"}}, .bind = BindNegate, .eval = EvalNegate});
}

}  // namespace millrace
