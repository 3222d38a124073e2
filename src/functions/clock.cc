// What time it is: processing time (of the batch, so that a run can be replayed) and the watermark.
#include <arrow/array/util.h>

#include "functions/bind.h"
#include "functions/families.h"

namespace millrace {
namespace {

// The batch's processing time as `type`.
Result<arrow::Datum> Now(const Call& call) {
  const SqlType instant = SqlType::TimestampLtz(3);
  const arrow::Datum now(std::make_shared<arrow::TimestampScalar>(call.context.processing_time,
                                                                  instant.ToArrow()));
  return CastDatum(now, instant, call.type, call.context, false);
}

void AddClock(FunctionRegistry& registry, const char* name, SqlType type, const char* doc) {
  const std::string_view written = name;
  const bool takes_brackets =
      written == "PROCTIME" || written == "NOW" || written == "CURRENT_ROW_TIMESTAMP";
  registry.Add({.name = name, .signature = fmt::format("{}() -> {}", name, type.ToString()), .doc = doc,
                .examples = {{fmt::format("{}{} IS NULL", name, takes_brackets ? "()" : ""), "FALSE"}},
                .bind = Fixed({}, type.NotNull()), .eval = Now, .deterministic = false});
}

Result<Binding> BindWatermark(const std::vector<SqlType>& args) {
  if (args.size() != 1) return ArgumentCountError(args.size(), "1");
  if (!args[0].IsTimestamp()) return ArgumentTypeError(0, args[0], "a time attribute");
  SqlType type = args[0].Nullable();
  type.precision = 3;
  return Binding{args, type};
}

Result<arrow::Datum> EvalWatermark(const Call& call) {
  if (call.context.watermark == kMinTimestamp) return arrow::Datum(arrow::MakeNullScalar(call.type.ToArrow()));
  return arrow::Datum(std::make_shared<arrow::TimestampScalar>(call.context.watermark, call.type.ToArrow()));
}

}  // namespace

void RegisterClock(FunctionRegistry& registry) {
  AddClock(registry, "PROCTIME", SqlType::TimestampLtz(3), "Processing time.");
  AddClock(registry, "NOW", SqlType::TimestampLtz(3), "Processing time.");
  AddClock(registry, "CURRENT_TIMESTAMP", SqlType::TimestampLtz(3), "Processing time.");
  AddClock(registry, "CURRENT_ROW_TIMESTAMP", SqlType::TimestampLtz(3), "Processing time.");
  AddClock(registry, "LOCALTIMESTAMP", SqlType::Timestamp(3), "Processing time, local.");
  AddClock(registry, "LOCALTIME", SqlType::Of(TypeKind::kTime, 0), "Local time of day.");
  AddClock(registry, "CURRENT_TIME", SqlType::Of(TypeKind::kTime, 0), "Local time of day.");
  AddClock(registry, "CURRENT_DATE", SqlType::Of(TypeKind::kDate), "Local date.");
  registry.Add({.name = "CURRENT_WATERMARK", .signature = "CURRENT_WATERMARK(time attribute) -> TIMESTAMP",
                .doc = "The watermark under which the row came, that of the rows before it; NULL before the first.",
                .examples = {},
                .bind = BindWatermark, .eval = EvalWatermark, .deterministic = false});
}

}  // namespace millrace
