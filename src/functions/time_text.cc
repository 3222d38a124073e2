// Points in time from text and numbers and back: DATE_FORMAT, TO_TIMESTAMP, UNIX_TIMESTAMP ... What cannot
// be read is NULL, as in Flink.
#include "functions/bind.h"
#include "functions/calendar.h"
#include "functions/date_format.h"
#include "functions/families.h"
#include "functions/vectorized.h"

namespace millrace {
namespace {

using View = std::string_view;

const SqlType kString = SqlType::String();
constexpr View kDefaultPattern = "yyyy-MM-dd HH:mm:ss";

// The same memory, not only the same text.
bool IsSame(View a, View b) {
  return a.data() != nullptr && a.data() == b.data() && a.size() == b.size();
}

// The format of the rows' patterns: constant for most queries, so the last one is kept.
class FormatSource {
 public:
  Result<const DateFormat*> Get(View pattern) {
    if (IsSame(pattern, seen_)) return &*format_;
    if (!format_ || pattern != pattern_) {
      seen_ = {};
      MILL_ASSIGN(format_, DateFormat::Make(pattern));
      pattern_ = pattern;
      ++made_;
    }
    seen_ = pattern;
    return &*format_;
  }
  // How many formats there were: it changes with the format.
  int made() const { return made_; }

 private:
  std::optional<DateFormat> format_;
  std::string pattern_;
  int made_ = 0;
  View seen_;  // the row's that was last looked at: a constant is the same memory for all
};

// Writes times, and a time that reads like the one before by copying: streams are nearly in order and
// patterns coarse, so most are.
class TimeWriter {
 public:
  explicit TimeWriter(int64_t ticks) : ticks_(ticks) {}

  Status Append(int64_t time, View pattern, std::string* out) {
    MILL_ASSIGN(const DateFormat* format, source_.Get(pattern));
    if (source_.made() != made_) {
      made_ = source_.made();
      unit_ = format->resolution() * ticks_;
      text_.clear();
    }
    if (unit_ == 0) {
      format->Format(time, ticks_, out);
      return Status::OK();
    }
    if (text_.empty() || static_cast<uint64_t>(time) - start_ >= static_cast<uint64_t>(unit_)) {
      start_ = static_cast<uint64_t>(time) - static_cast<uint64_t>(FloorMod(time, unit_));
      text_.clear();
      format->Format(time, ticks_, &text_);
    }
    out->append(text_);
    return Status::OK();
  }

 private:
  const int64_t ticks_;  // a second
  FormatSource source_;
  int made_ = 0;
  int64_t unit_ = 0;  // ticks that read alike; 0: none
  uint64_t start_ = 0;  // a time; unsigned, so that the far ends of the range wrap
  std::string text_;    // of the times from start_
};

Result<Binding> BindFormat(const std::vector<SqlType>& args) {
  if (args.size() != 2) return ArgumentCountError(args.size(), "2");
  if (!args[1].IsString() && args[1].kind != TypeKind::kNull) {
    return ArgumentTypeError(1, args[1], "STRING");
  }
  // Text is read as a TIMESTAMP; what is none gives NULL.
  SqlType time = args[0].IsString() ? kString : SqlType::Timestamp();
  if (args[0].IsTimestamp()) time = SqlType::Timestamp(args[0].precision);
  const bool fits = args[0].IsTimestamp() || args[0].IsString() || args[0].kind == TypeKind::kDate ||
                    args[0].kind == TypeKind::kNull;
  if (!fits) return ArgumentTypeError(0, args[0], "TIMESTAMP");
  return Binding{{time, kString}, WithNullable(kString, AnyNullable(args) || args[0].IsString())};
}

Result<arrow::Datum> EvalFormat(const Call& call);

// Text is read as a TIMESTAMP first.
Result<arrow::Datum> EvalFormatOfText(const Call& call) {
  const std::vector<SqlType> types = {SqlType::Timestamp(), call.arg_types[1]};
  MILL_ASSIGN(arrow::Datum time,
              CastDatum(call.args[0], call.arg_types[0], types[0], call.context, /*try_cast=*/true));
  const std::vector<arrow::Datum> args = {time, call.args[1]};
  return EvalFormat(Call{args, types, call.type, call.rows, call.context});
}

Result<arrow::Datum> EvalFormat(const Call& call) {
  if (call.arg_types[0].IsString()) return EvalFormatOfText(call);
  const int64_t ticks = UnitsPerSecond(call.arg_types[0].precision);
  TimeWriter writer(ticks);
  return RunPerRow<Text(int64_t, View)>(
      call, [&](int64_t time, View pattern, std::string* out) {
        return writer.Append(time, pattern, out);
      });
}

using MaybeTime = std::optional<int64_t>;

Result<arrow::Datum> EvalToTimestamp(const Call& call) {
  const int precision = call.type.precision;
  if (call.args.size() == 1) {
    return RunPerRow<int64_t(View)>(call, [=](View text) { return ParseTimestamp(text, precision); });
  }
  FormatSource source;
  return RunPerRow<int64_t(View, View)>(call, [&](View text, View pattern) -> Result<MaybeTime> {
    MILL_ASSIGN(const DateFormat* format, source.Get(pattern));
    return format->Parse(text, UnitsPerSecond(precision));
  });
}

Result<arrow::Datum> EvalToDate(const Call& call) {
  if (call.args.size() == 1) return RunPerRow<int32_t(View)>(call, ParseDateOfTime);
  FormatSource source;
  using MaybeDate = std::optional<int32_t>;
  return RunPerRow<int32_t(View, View)>(call, [&](View text, View pattern) -> Result<MaybeDate> {
    MILL_ASSIGN(const DateFormat* format, source.Get(pattern));
    const MaybeTime seconds = format->Parse(text, 1);
    if (!seconds) return MaybeDate();
    return MaybeDate(static_cast<int32_t>(FloorDiv(*seconds, 86400)));
  });
}

// TO_TIMESTAMP_LTZ(number [, precision]) or (text [, pattern [, zone]]).
Result<Binding> BindToLtz(const std::vector<SqlType>& args) {
  if (args.empty() || args.size() > 3) return ArgumentCountError(args.size(), "1 to 3");
  std::vector<SqlType> types = args;
  if (args[0].IsNumeric()) {
    if (args.size() > 2) return ArgumentCountError(args.size(), "1 or 2");
    types[0] = args[0].IsInteger() ? SqlType::BigInt() : SqlType::Double();
    if (args.size() == 2 && !args[1].IsInteger()) return ArgumentTypeError(1, args[1], "INT");
    if (args.size() == 2) types[1] = SqlType::Int();
  } else {
    for (SqlType& type : types) {
      if (!type.IsString() && type.kind != TypeKind::kNull) {
        return UserError("argument is {}, expected a number or STRING", type.ToString());
      }
      type = kString;
    }
  }
  return Binding{std::move(types), SqlType::TimestampLtz(3)};
}

Result<arrow::Datum> EpochToLtz(const Call& call) {
  const bool real = call.arg_types[0].kind == TypeKind::kDouble;
  const auto convert = [](auto value, int32_t precision) -> Result<MaybeTime> {
    if (precision != 0 && precision != 3) {
      return UserError("precision {} is not supported. hint: 0 is seconds, 3 milliseconds", precision);
    }
    const auto factor = precision == 0 ? kMillisPerSecond : int64_t{1};
    // Flink knows instants of the years 0 to 9999 only; others are NULL.
    constexpr int64_t kFirst = -62167219200000, kLast = 253402300799999;
    const auto per_unit = static_cast<decltype(value)>(factor);
    const bool fits = value >= static_cast<decltype(value)>(kFirst) / per_unit &&
                      value <= static_cast<decltype(value)>(kLast) / per_unit;
    if (!fits) return MaybeTime();
    return MaybeTime(static_cast<int64_t>(value * per_unit));
  };
  std::vector<arrow::Datum> args = call.args;
  if (args.size() == 1) args.emplace_back(int32_t{3});
  const Call full{args, call.arg_types, call.type, call.rows, call.context};
  if (real) return RunPerRow<int64_t(double, int32_t)>(full, convert);
  return RunPerRow<int64_t(int64_t, int32_t)>(full, convert);
}

int64_t MillisToUtc(TimeZone* zone, int64_t local) {
  const int64_t seconds = FloorDiv(local, kMillisPerSecond);
  return local + (zone->LocalToUtc(seconds) - seconds) * kMillisPerSecond;
}

int64_t MillisToLocal(TimeZone* zone, int64_t utc) {
  return utc + zone->OffsetAt(FloorDiv(utc, kMillisPerSecond)) * kMillisPerSecond;
}

// TO_TIMESTAMP_LTZ(text [, pattern [, zone]]): without a zone the text is in UTC, as in Flink.
Result<arrow::Datum> TextToLtz(const Call& call) {
  std::vector<arrow::Datum> args = call.args;
  if (args.size() < 2) args.emplace_back(std::make_shared<arrow::StringScalar>("yyyy-MM-dd HH:mm:ss.SSS"));
  if (args.size() < 3) args.emplace_back(std::make_shared<arrow::StringScalar>("UTC"));
  const bool plain = call.args.size() == 1;
  FormatSource source;
  std::string zone_name = "UTC";
  MILL_ASSIGN(TimeZone zone, TimeZone::Make(zone_name));
  return RunPerRow<int64_t(View, View, View)>(
      Call{args, call.arg_types, call.type, call.rows, call.context},
      [&](View text, View pattern, View name) -> Result<MaybeTime> {
        if (name != zone_name) {
          zone_name = name;
          MILL_ASSIGN(zone, TimeZone::Make(zone_name));
        }
        // A bad pattern in a column is NULL; a constant one was refused when the call was bound.
        const auto made = source.Get(pattern);
        if (!made.ok()) return MaybeTime();
        const DateFormat* format = *made;
        MaybeTime time = plain ? ParseTimestamp(text, 3) : format->Parse(text, kMillisPerSecond);
        if (time) time = MillisToUtc(&zone, *time);
        return time;
      });
}

// Refuses constant patterns and zones that are none.
Status RefineToLtz(const std::vector<ExpressionPtr>& args, Binding* binding) {
  if (!binding->arg_types[0].IsString()) return Status::OK();
  for (size_t i = 1; i < args.size(); ++i) {
    if (!args[i]->type.IsString() || !IsConstant(*args[i])) continue;
    MILL_ASSIGN(const auto value, EvaluateConstant(*args[i]));
    if (!value->is_valid) continue;
    if (i == 1) MILL_RETURN(DateFormat::Make(value->ToString()).status());
    if (i == 2) MILL_RETURN(TimeZone::Make(value->ToString()).status());
  }
  return Status::OK();
}

Result<arrow::Datum> EvalToLtz(const Call& call) {
  return call.arg_types[0].IsString() ? TextToLtz(call) : EpochToLtz(call);
}

Result<arrow::Datum> EvalUnixTimestamp(const Call& call) {
  if (call.args.empty()) return arrow::Datum(FloorDiv(call.context.processing_time, kMillisPerSecond));
  MILL_ASSIGN(TimeZone zone, TimeZone::Make(call.context.time_zone));
  FormatSource source;
  std::vector<arrow::Datum> args = call.args;
  if (args.size() == 1) args.emplace_back(std::make_shared<arrow::StringScalar>(std::string(kDefaultPattern)));
  return RunPerRow<int64_t(View, View)>(
      Call{args, call.arg_types, call.type, call.rows, call.context},
      [&](View text, View pattern) -> Result<int64_t> {
        MILL_ASSIGN(const DateFormat* format, source.Get(pattern));
        const MaybeTime seconds = format->Parse(text, 1);
        // Flink's answer for what it cannot read.
        return seconds ? zone.LocalToUtc(*seconds) : std::numeric_limits<int64_t>::min();
      });
}

Result<arrow::Datum> EvalFromUnixtime(const Call& call) {
  MILL_ASSIGN(TimeZone zone, TimeZone::Make(call.context.time_zone));
  FormatSource source;
  std::vector<arrow::Datum> args = call.args;
  if (args.size() == 1) args.emplace_back(std::make_shared<arrow::StringScalar>(std::string(kDefaultPattern)));
  return RunPerRow<Text(int64_t, View)>(
      Call{args, call.arg_types, call.type, call.rows, call.context},
      [&](int64_t seconds, View pattern, std::string* out) -> Status {
        MILL_ASSIGN(const DateFormat* format, source.Get(pattern));
        format->Format(seconds + zone.OffsetAt(seconds), 1, out);
        return Status::OK();
      });
}

// CONVERT_TZ(text, from, to): both texts in the default pattern.
Result<arrow::Datum> EvalConvertZone(const Call& call) {
  Status failure;
  auto result = RunPerRow<Text(View, View, View)>(
      call, [&](View text, View from_name, View to_name, std::string* out) -> bool {
        auto from = TimeZone::Make(std::string(from_name));
        auto to = TimeZone::Make(std::string(to_name));
        if (!from.ok()) failure = from.status();
        if (!to.ok()) failure = to.status();
        const MaybeTime local = ParseTimestamp(text, 0);
        if (!from.ok() || !to.ok() || !local) return false;
        AppendTimestamp(MillisToLocal(&*to, MillisToUtc(&*from, *local)), 0, out);
        return true;
      });
  MILL_RETURN(failure);
  return result;
}

Bind Nullable(Bind bind) {
  return [bind = std::move(bind)](const std::vector<SqlType>& args) -> Result<Binding> {
    MILL_ASSIGN(Binding binding, bind(args));
    binding.type.nullable = true;
    return binding;
  };
}

void RegisterUnixTime(FunctionRegistry& registry) {
  registry.Add({.name = "UNIX_TIMESTAMP", .signature = "UNIX_TIMESTAMP([STRING [, pattern]]) -> BIGINT",
                .doc = "Seconds since 1970 of a text in the session's time zone, or of now.",
                .examples = {{"UNIX_TIMESTAMP('1970-01-02 00:00:00')", "86400"}},
                .bind = Fixed({kString, kString}, SqlType::BigInt(), 2), .eval = EvalUnixTimestamp,
                .deterministic = false, .may_fail = true});
  registry.Add({.name = "FROM_UNIXTIME", .signature = "FROM_UNIXTIME(BIGINT [, pattern]) -> STRING",
                .doc = "Seconds since 1970 as text in the session's time zone.",
                .examples = {{"FROM_UNIXTIME(44)", "1970-01-01 00:00:44"}},
                .bind = Fixed({SqlType::BigInt(), kString}, kString, 1), .eval = EvalFromUnixtime,
                .deterministic = false, .may_fail = true});
  registry.Add({.name = "CONVERT_TZ", .signature = "CONVERT_TZ(STRING, from zone, to zone) -> STRING",
                .doc = "A local time in another time zone.",
                .examples = {{"CONVERT_TZ('1970-01-01 00:00:00', 'UTC', 'America/Los_Angeles')",
                              "1969-12-31 16:00:00"}},
                .bind = Nullable(Fixed({kString, kString, kString}, kString)),
                .eval = EvalConvertZone, .may_fail = true});
}

}  // namespace

void RegisterTimeText(FunctionRegistry& registry) {
  registry.Add({.name = "DATE_FORMAT", .signature = "DATE_FORMAT(TIMESTAMP, pattern) -> STRING",
                .doc = "A point in time as text, by a Java date pattern.",
                .examples = {{"DATE_FORMAT(TIMESTAMP '2024-05-06 10:11:12.345', 'yyyy/MM/dd HH:mm:ss.SSS')",
                              "2024/05/06 10:11:12.345"},
                             {"DATE_FORMAT(TIMESTAMP '2024-05-06 10:11:12', 'E d MMM h a')",
                              "Mon 6 May 10 AM"}},
                .bind = BindFormat, .eval = EvalFormat, .may_fail = true});
  registry.Add({.name = "TO_TIMESTAMP", .signature = "TO_TIMESTAMP(STRING [, pattern]) -> TIMESTAMP(3)",
                .doc = "A TIMESTAMP from text; NULL if it is none.",
                .examples = {{"TO_TIMESTAMP('06.05.2024', 'dd.MM.yyyy')", "2024-05-06 00:00:00.000"}},
                .bind = Nullable(Fixed({kString, kString}, SqlType::Timestamp(3), 1)),
                .eval = EvalToTimestamp, .may_fail = true});
  registry.Add({.name = "TO_DATE", .signature = "TO_DATE(STRING [, pattern]) -> DATE",
                .doc = "A DATE from text; NULL if it is none.",
                .examples = {{"TO_DATE('2024-05-06')", "2024-05-06"}},
                .bind = Nullable(Fixed({kString, kString}, SqlType::Of(TypeKind::kDate), 1)),
                .eval = EvalToDate, .may_fail = true});
  registry.Add({.name = "TO_TIMESTAMP_LTZ",
                .signature = "TO_TIMESTAMP_LTZ(numeric, precision) -> TIMESTAMP_LTZ(3)",
                .doc = "An instant from seconds (precision 0) or milliseconds (3) since 1970, or from text.",
                .examples = {{"TO_TIMESTAMP_LTZ(1000, 3)", "1970-01-01 00:00:01.000"}},
                .bind = BindToLtz, .eval = EvalToLtz, .may_fail = true,
                .refine = RefineToLtz});
  RegisterUnixTime(registry);
}

}  // namespace millrace
