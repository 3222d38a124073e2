// What the time is: functions of the evaluation's context. Each gives one value for a whole batch, and
// none is folded.
#include <arrow/array/util.h>

#include "functions/bind.h"
#include "functions/calendar.h"
#include "functions/families.h"

namespace millrace {
namespace {

// Milliseconds of the session's local time.
Result<int64_t> LocalMillis(const Call& call) {
  MILL_ASSIGN(TimeZone zone, TimeZone::Make(call.context.time_zone));
  const int64_t now = call.context.processing_time;
  return now + zone.OffsetAt(FloorDiv(now, kMillisPerSecond)) * kMillisPerSecond;
}

Result<arrow::Datum> EvalInstant(const Call& call) {
  return arrow::Datum(std::make_shared<arrow::TimestampScalar>(call.context.processing_time,
                                                               call.type.ToArrow()));
}

Result<arrow::Datum> EvalLocal(const Call& call) {
  MILL_ASSIGN(const int64_t millis, LocalMillis(call));
  return arrow::Datum(std::make_shared<arrow::TimestampScalar>(millis, call.type.ToArrow()));
}

Result<arrow::Datum> EvalDate(const Call& call) {
  MILL_ASSIGN(const int64_t millis, LocalMillis(call));
  const auto days = static_cast<int32_t>(FloorDiv(millis, kMillisPerDay));
  return arrow::Datum(std::make_shared<arrow::Date32Scalar>(days));
}

// TIME(0): whole seconds of the day.
Result<arrow::Datum> EvalTime(const Call& call) {
  MILL_ASSIGN(const int64_t millis, LocalMillis(call));
  const int64_t second = FloorMod(millis, kMillisPerDay) / kMillisPerSecond;
  return arrow::Datum(std::make_shared<arrow::Time32Scalar>(
      static_cast<int32_t>(second * kMillisPerSecond), arrow::TimeUnit::MILLI));
}

Result<Binding> BindWatermark(const std::vector<SqlType>& args) {
  if (args.size() != 1) return ArgumentCountError(args.size(), "1");
  if (!args[0].IsTimestamp()) return ArgumentTypeError(0, args[0], "a time attribute");
  return Binding{args, SqlType::Of(args[0].kind, 3)};
}

// NULL before the first watermark.
Result<arrow::Datum> EvalWatermark(const Call& call) {
  const Timestamp watermark = call.context.watermark;
  if (watermark == kMinTimestamp) return arrow::Datum(arrow::MakeNullScalar(call.type.ToArrow()));
  return arrow::Datum(std::make_shared<arrow::TimestampScalar>(watermark, call.type.ToArrow()));
}

struct Clock {
  const char* name;
  SqlType type;
  const char* doc;
  Result<arrow::Datum> (*eval)(const Call& call);
};

void AddClock(FunctionRegistry& registry, const Clock& clock) {
  const std::string signature = fmt::format("{}() -> {}", clock.name, clock.type.ToString());
  registry.Add({.name = clock.name, .signature = signature, .doc = clock.doc,
                .examples = {{fmt::format("{}() IS NULL", clock.name), "FALSE"}},
                .bind = Fixed({}, clock.type.NotNull()), .eval = clock.eval,
                .deterministic = false});
}

}  // namespace

void RegisterClock(FunctionRegistry& registry) {
  const SqlType instant = SqlType::TimestampLtz(3);
  const SqlType time = SqlType::Of(TypeKind::kTime, 0);
  AddClock(registry, {"PROCTIME", instant, "Processing time: when the batch came in.", EvalInstant});
  AddClock(registry, {"NOW", instant, "The current point in time.", EvalInstant});
  AddClock(registry,
           {"CURRENT_TIMESTAMP", instant, "The current point in time.", EvalInstant});
  AddClock(registry, {"CURRENT_ROW_TIMESTAMP", instant,
                      "The current point in time, for each row anew; here as fine as batches are.",
                      EvalInstant});
  AddClock(registry, {"LOCALTIMESTAMP", SqlType::Timestamp(3),
                      "The current time in the session's time zone.", EvalLocal});
  AddClock(registry, {"CURRENT_DATE", SqlType::Of(TypeKind::kDate),
                      "The current date in the session's time zone.", EvalDate});
  AddClock(registry, {"CURRENT_TIME", time,
                      "The current time of day in the session's time zone.", EvalTime});
  AddClock(registry, {"LOCALTIME", time,
                      "The current time of day in the session's time zone.", EvalTime});
  registry.Add({.name = "CURRENT_WATERMARK",
                .signature = "CURRENT_WATERMARK(TIMESTAMP) -> TIMESTAMP(3)",
                .doc = "The watermark of the argument's stream; NULL as long as there is none.",
                .examples = {{"CURRENT_WATERMARK(TIMESTAMP '2024-05-06 10:11:12')", "NULL"}},
                .bind = BindWatermark, .eval = EvalWatermark, .deterministic = false});
}

}  // namespace millrace
