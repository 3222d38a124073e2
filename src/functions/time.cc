// Parts of points in time, rounding them to units and computing with them. TIMESTAMP_LTZ arguments are seen
// in the session's time zone.
#include "functions/bind.h"
#include "functions/calendar.h"
#include "functions/families.h"
#include "functions/rounding.h"
#include "functions/time_unit.h"
#include "functions/vectorized.h"

namespace millrace {
namespace {

bool IsMoment(const SqlType& type) {
  return type.IsTimestamp() || type.kind == TypeKind::kDate || type.kind == TypeKind::kTime;
}

// The local TIMESTAMP in which an argument is seen.
Result<SqlType> LocalType(size_t position, const SqlType& type) {
  if (type.IsTimestamp()) return WithNullable(SqlType::Timestamp(type.precision), type.nullable);
  if (IsMoment(type) || type.kind == TypeKind::kNull) {
    return WithNullable(SqlType::Timestamp(), type.nullable);
  }
  return ArgumentTypeError(position, type, "DATE, TIME or TIMESTAMP");
}

// As LocalType, and intervals as they are.
Result<SqlType> PartsType(size_t position, const SqlType& type) {
  return type.IsInterval() ? Result<SqlType>(type) : LocalType(position, type);
}

Result<Binding> BindExtract(const std::vector<SqlType>& args) {
  if (args.size() != 2) return ArgumentCountError(args.size(), "2");
  MILL_ASSIGN(SqlType local, PartsType(1, args[1]));
  return Binding{{SqlType::String(), local}, WithNullable(SqlType::BigInt(), args[1].nullable)};
}

// Years, quarters and months of an interval of months.
int64_t ExtractFromMonths(TimeUnit unit, int64_t months) {
  if (unit == TimeUnit::kMonth) return months % 12;
  if (unit == TimeUnit::kQuarter) return months % 12 / 3 + 1;
  return months / 12;
}

Result<arrow::Datum> ExtractColumn(const Call& call, const arrow::Datum& time, const SqlType& type,
                                   TimeUnit unit) {
  const std::vector<arrow::Datum> args = {time};
  const Call one{args, call.arg_types, call.type, call.rows, call.context};
  if (type.kind == TypeKind::kIntervalMonth) {
    return MapValues<int64_t, int32_t>(
        one, [=](int32_t months) { return ExtractFromMonths(unit, months); });
  }
  if (type.kind == TypeKind::kIntervalDay && !IsClockUnit(unit)) {
    return MapValues<int64_t, int64_t>(one, [=](int64_t millis) { return millis / kMillisPerDay; });
  }
  const int64_t ticks = UnitsPerSecond(type.IsInterval() ? 3 : type.precision);
  return MapValues<int64_t, int64_t>(
      one, [=](int64_t value) { return ExtractUnit(unit, value, ticks); });
}

Result<arrow::Datum> EvalExtract(const Call& call) {
  MILL_ASSIGN(TimeUnit unit, TimeUnitOf(call.args[0]));
  return ExtractColumn(call, call.args[1], call.arg_types[1], unit);
}

Result<Binding> BindPart(const std::vector<SqlType>& args) {
  if (args.size() != 1) return ArgumentCountError(args.size(), "1");
  MILL_ASSIGN(SqlType local, PartsType(0, args[0]));
  return Binding{{local}, WithNullable(SqlType::BigInt(), args[0].nullable)};
}

void AddPart(FunctionRegistry& registry, const char* name, TimeUnit unit, const char* doc,
             const char* result) {
  registry.Add({.name = name, .signature = fmt::format("{}(DATE or TIMESTAMP) -> BIGINT", name),
                .doc = doc,
                .examples = {{fmt::format("{}(TIMESTAMP '2024-05-06 10:11:12')", name), result}},
                .bind = BindPart, .eval = [=](const Call& call) {
                  return ExtractColumn(call, call.args[0], call.arg_types[0], unit);
                }});
}

Result<Binding> BindFloor(const std::vector<SqlType>& args) {
  if (args.size() != 2) return BindNumericFloor(args);
  MILL_ASSIGN(SqlType local, LocalType(0, args[0]));
  return Binding{{args[0].kind == TypeKind::kNull ? local : args[0], SqlType::String()},
                 args[0].kind == TypeKind::kNull ? local : args[0]};
}

// A function of local timestamps, for arguments of any point in time: there and back.
template <typename F>
Result<arrow::Datum> MapLocal(const Call& call, const arrow::Datum& value, const SqlType& type, F f) {
  const SqlType local = type.IsTimestamp() ? SqlType::Timestamp(type.precision) : SqlType::Timestamp();
  MILL_ASSIGN(arrow::Datum time, CastDatum(value, type, local, call.context, false));
  const std::vector<arrow::Datum> args = {time};
  const int64_t ticks = UnitsPerSecond(local.precision);
  MILL_ASSIGN(arrow::Datum mapped,
              (MapValues<int64_t, int64_t>(Call{args, call.arg_types, local, call.rows, call.context},
                                           [=](int64_t t) { return f(t, ticks); })));
  return CastDatum(mapped, local, call.type, call.context, false);
}

Result<arrow::Datum> EvalFloor(const Call& call, bool up) {
  if (call.args.size() != 2) return EvalNumericFloor(call, up);
  MILL_ASSIGN(TimeUnit unit, TimeUnitOf(call.args[1]));
  return MapLocal(call, call.args[0], call.arg_types[0], [=](int64_t time, int64_t ticks) {
    return FloorToUnit(unit, time, ticks, up);
  });
}

void AddFloor(FunctionRegistry& registry, const char* name, bool up, std::vector<Example> examples) {
  registry.Add({.name = name, .signature = fmt::format("{}(numeric) or {}(time TO unit)", name, name),
                .doc = up ? "Rounded up to a whole number, or to a unit of time."
                          : "Rounded down to a whole number, or to a unit of time.",
                .examples = std::move(examples), .bind = BindFloor,
                .eval = [=](const Call& call) { return EvalFloor(call, up); }});
}

Result<Binding> BindAdd(const std::vector<SqlType>& args) {
  if (args.size() != 3) return ArgumentCountError(args.size(), "3");
  MILL_ASSIGN(SqlType local, LocalType(2, args[2]));
  const SqlType moment = args[2].kind == TypeKind::kNull ? local : args[2];
  if (!ImplicitlyCastable(args[1], SqlType::BigInt())) return ArgumentTypeError(1, args[1], "an integer");
  return Binding{{SqlType::String(), SqlType::BigInt(), moment},
                 WithNullable(moment, AnyNullable({args[1], args[2]}))};
}

// A DATE moved by hours becomes a TIMESTAMP.
Status RefineAdd(const std::vector<ExpressionPtr>& args, Binding* binding) {
  if (binding->type.kind != TypeKind::kDate || !IsConstant(*args[0])) return Status::OK();
  MILL_ASSIGN(auto name, EvaluateConstant(*args[0]));
  MILL_ASSIGN(TimeUnit unit, TimeUnitOf(arrow::Datum(name)));
  if (IsClockUnit(unit)) binding->type = WithNullable(SqlType::Timestamp(6), binding->type.nullable);
  return Status::OK();
}

Result<arrow::Datum> EvalAdd(const Call& call) {
  MILL_ASSIGN(TimeUnit unit, TimeUnitOf(call.args[0]));
  const SqlType& type = call.arg_types[2];
  const int precision = std::max(type.precision, call.type.precision);
  const SqlType local = type.IsTimestamp() || call.type.IsTimestamp() ? SqlType::Timestamp(precision)
                                                                      : SqlType::Timestamp();
  MILL_ASSIGN(arrow::Datum time, CastDatum(call.args[2], type, local, call.context, false));
  const int64_t ticks = UnitsPerSecond(local.precision);
  const std::vector<arrow::Datum> args = {call.args[1], time};
  MILL_ASSIGN(arrow::Datum moved,
              (MapValues<int64_t, int64_t, int64_t>(
                  Call{args, call.arg_types, local, call.rows, call.context},
                  [=](int64_t count, int64_t t) { return AddUnits(unit, t, count, ticks); })));
  return CastDatum(moved, local, call.type, call.context, false);
}

Result<Binding> BindDifference(const std::vector<SqlType>& args) {
  if (args.size() != 3) return ArgumentCountError(args.size(), "3");
  const bool zoned[] = {args[1].kind == TypeKind::kTimestampLtz, args[2].kind == TypeKind::kTimestampLtz};
  const bool untyped = args[1].kind == TypeKind::kNull || args[2].kind == TypeKind::kNull;
  if (zoned[0] != zoned[1] && !untyped) {
    return UserError("{} and {} have no difference. hint: CAST one to the other's type",
                     args[1].Nullable().ToString(), args[2].Nullable().ToString());
  }
  MILL_ASSIGN(SqlType from, LocalType(1, args[1]));
  MILL_ASSIGN(SqlType to, LocalType(2, args[2]));
  MILL_ASSIGN(SqlType common, CommonType({from, to}));
  return Binding{{SqlType::String(), common, common},
                 WithNullable(SqlType::Int(), AnyNullable({args[1], args[2]}))};
}

Result<arrow::Datum> EvalDifference(const Call& call) {
  MILL_ASSIGN(TimeUnit unit, TimeUnitOf(call.args[0]));
  const int64_t ticks = UnitsPerSecond(call.arg_types[1].precision);
  const std::vector<arrow::Datum> args = {call.args[1], call.args[2]};
  return MapValues<int32_t, int64_t, int64_t>(
      Call{args, call.arg_types, call.type, call.rows, call.context}, [=](int64_t from, int64_t to) {
        return static_cast<int32_t>(UnitsBetween(unit, from, to, ticks));
      });
}

void RegisterParts(FunctionRegistry& registry) {
  registry.Add({.name = "EXTRACT", .signature = "EXTRACT(unit FROM time) -> BIGINT",
                .doc = "A part of a point in time. DOW counts from Sunday, 1.",
                .examples = {{"EXTRACT(MONTH FROM DATE '2024-05-06')", "5"},
                             {"EXTRACT(DOW FROM DATE '2024-05-06')", "2"}},
                .bind = BindExtract, .eval = EvalExtract});
  AddPart(registry, "YEAR", TimeUnit::kYear, "The year.", "2024");
  AddPart(registry, "QUARTER", TimeUnit::kQuarter, "The quarter, 1 to 4.", "2");
  AddPart(registry, "MONTH", TimeUnit::kMonth, "The month, 1 to 12.", "5");
  AddPart(registry, "WEEK", TimeUnit::kWeek, "The ISO week, 1 to 53.", "19");
  AddPart(registry, "DAYOFYEAR", TimeUnit::kDayOfYear, "The day of the year from 1.", "127");
  AddPart(registry, "DAYOFMONTH", TimeUnit::kDay, "The day of the month from 1.", "6");
  AddPart(registry, "DAYOFWEEK", TimeUnit::kDayOfWeek, "The day of the week, Sunday is 1.", "2");
  AddPart(registry, "HOUR", TimeUnit::kHour, "The hour, 0 to 23.", "10");
  AddPart(registry, "MINUTE", TimeUnit::kMinute, "The minute, 0 to 59.", "11");
  AddPart(registry, "SECOND", TimeUnit::kSecond, "The second, 0 to 59.", "12");
}

}  // namespace

void RegisterTime(FunctionRegistry& registry) {
  RegisterParts(registry);
  AddFloor(registry, "FLOOR", false,
           {{"FLOOR(CAST(2.7 AS DOUBLE))", "2.0"},
            {"FLOOR(TIMESTAMP '2024-05-06 10:11:12' TO HOUR)", "2024-05-06 10:00:00"}});
  for (const char* name : {"CEIL", "CEILING"}) {
    AddFloor(registry, name, true,
             {{"CEIL(2.1)", "3"}, {"CEIL(TIMESTAMP '2024-05-06 10:11:12' TO DAY)", "2024-05-07 00:00:00"}});
  }
  registry.Add({.name = "TIMESTAMPADD", .signature = "TIMESTAMPADD(unit, INT, time) -> time",
                .doc = "A point in time moved by a number of units.",
                .examples = {{"TIMESTAMPADD(MONTH, 1, TIMESTAMP '2024-01-31 00:00:00')",
                              "2024-02-29 00:00:00"}},
                .bind = BindAdd, .eval = EvalAdd, .refine = RefineAdd});
  registry.Add({.name = "TIMESTAMPDIFF", .signature = "TIMESTAMPDIFF(unit, from, to) -> INT",
                .doc = "Whole units between two points in time.",
                .examples = {{"TIMESTAMPDIFF(DAY, DATE '2024-02-28', DATE '2024-03-01')", "2"}},
                .bind = BindDifference, .eval = EvalDifference});
}

}  // namespace millrace
