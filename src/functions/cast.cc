// CAST: finds the part that converts between two types. See cast_internal.h.
#include <arrow/array/util.h>

#include "functions/cast_internal.h"

namespace millrace {
namespace {

arrow::Datum NullOf(const arrow::Datum& value, const std::shared_ptr<arrow::DataType>& type) {
  if (value.is_scalar()) return arrow::Datum(arrow::MakeNullScalar(type));
  auto array = arrow::MakeArrayOfNull(type, value.length());
  return array.ok() ? arrow::Datum(array.MoveValueUnsafe()) : arrow::Datum(arrow::MakeNullScalar(type));
}

bool IsNumberLike(const SqlType& type) {
  return type.IsNumeric() || type.kind == TypeKind::kBoolean || type.IsInterval();
}

// The type that text or bytes are produced in, before they are cut or padded.
SqlType Unlimited(const SqlType& to) { return to.IsBinary() ? SqlType::Bytes() : SqlType::String(); }

Result<arrow::Datum> ToUnlimitedText(const CastJob& job) {
  const SqlType& from = job.from();
  if (from.IsString() || from.IsBinary()) return Relabel(job.value(), job.to());
  if (!from.children.empty()) return FormatNested(job);
  return FormatText(job);
}

Result<arrow::Datum> ToText(const CastJob& job) {
  const SqlType wide = Unlimited(job.to());
  const Call& call = job.call;
  MILL_ASSIGN(arrow::Datum text, ToUnlimitedText({{call.args, call.arg_types, wide, call.rows,
                                                   call.context}, job.try_cast}));
  const std::vector<arrow::Datum> args = {text};
  const std::vector<SqlType> types = {job.from().IsString() || job.from().IsBinary() ? job.from() : wide};
  return FitLength({{args, types, job.to(), call.rows, call.context}, job.try_cast});
}

Result<arrow::Datum> Convert(const CastJob& job) {
  if (job.to().IsString() || job.to().IsBinary()) return ToText(job);
  if (job.from().IsString()) return ParseText(job);
  if (IsNumberLike(job.from()) && IsNumberLike(job.to())) return CastNumber(job);
  if (!job.from().children.empty()) return CastNested(job);
  return CastTime(job);
}

}  // namespace

arrow::Datum Relabel(const arrow::Datum& value, const SqlType& to) {
  auto type = to.ToArrow();
  if (value.type()->Equals(*type)) return value;
  if (value.is_array()) {
    auto copy = value.array()->Copy();
    copy->type = std::move(type);
    return arrow::Datum(std::move(copy));
  }
  auto array = arrow::MakeArrayFromScalar(*value.scalar(), 1);
  if (!array.ok()) return NullOf(value, type);
  auto copy = (*array)->data()->Copy();
  copy->type = type;
  auto scalar = arrow::MakeArray(copy)->GetScalar(0);
  return scalar.ok() ? arrow::Datum(scalar.MoveValueUnsafe()) : NullOf(value, type);
}

Status CastError(std::string_view text, const SqlType& to) {
  constexpr size_t kShown = 100;
  return UserError("cannot cast '{}{}' to {}. hint: TRY_CAST gives NULL instead",
                   text.substr(0, kShown), text.size() > kShown ? "..." : "",
                   to.Nullable().ToString());
}

Result<arrow::Datum> CastDatum(const arrow::Datum& value, const SqlType& from, const SqlType& to,
                               const EvalContext& context, bool try_cast) {
  if (from.SameAs(to)) return value;
  if (from.kind == TypeKind::kNull) return NullOf(value, to.ToArrow());
  if (!Castable(from, to)) {
    return UserError("cannot cast {} to {}", from.Nullable().ToString(), to.Nullable().ToString());
  }
  const std::vector<arrow::Datum> args = {value};
  const std::vector<SqlType> types = {from};
  return Convert({{args, types, to, value.is_scalar() ? 1 : value.length(), context}, try_cast});
}

}  // namespace millrace
