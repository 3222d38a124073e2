// Casts of arrays, maps and rows: member by member, or to text as "[1, 2]", "{a=1}", "(1, a)".
#include <arrow/array.h>

#include "functions/cast_internal.h"

namespace millrace {
namespace {

// Runs a cast over a child array as a whole.
Result<std::shared_ptr<arrow::ArrayData>> CastChild(const std::shared_ptr<arrow::ArrayData>& child,
                                                    const SqlType& from, const SqlType& to,
                                                    const CastJob& job) {
  MILL_ASSIGN(arrow::Datum value,
              CastDatum(arrow::Datum(child), from, to, job.call.context, job.try_cast));
  return value.array();
}

Result<std::shared_ptr<arrow::ArrayData>> TextOf(const std::shared_ptr<arrow::ArrayData>& child,
                                                 const SqlType& from, const CastJob& job) {
  return CastChild(child, from, SqlType::String(), job);
}

void AppendElement(const arrow::StringArray& values, int64_t at, std::string* out) {
  out->append(values.IsNull(at) ? std::string_view("NULL") : values.GetView(at));
}

// Writes one value per valid row with `append(row, out)`.
template <typename Append>
Result<arrow::Datum> WriteRows(const Operands& operands, const SqlType& type, Append append) {
  MILL_ASSIGN(Validity validity, Validity::Of(operands));
  MILL_ASSIGN(auto writer, Writer<Text>::Make(operands.rows));
  for (int64_t row = 0; row < operands.rows; ++row) {
    const bool valid = validity.IsValid(row);
    if (valid) append(row, writer.text());
    writer.End(row, valid);
  }
  MILL_ASSIGN(auto buffers, writer.Finish());
  buffers[0] = validity.buffer();
  return AsDatum(arrow::ArrayData::Make(type.ToArrow(), operands.rows, std::move(buffers),
                                        validity.null_count()),
                 operands.scalar);
}

Result<arrow::Datum> FormatArray(const CastJob& job, const Operands& operands) {
  const arrow::ArrayData& data = *operands.items[0].data;
  MILL_ASSIGN(auto text, TextOf(data.child_data[0], *job.from().children[0].type, job));
  const arrow::StringArray elements(text);
  const auto* offsets = data.GetValues<int32_t>(1);
  return WriteRows(operands, job.to(), [&](int64_t row, std::string* out) {
    out->push_back('[');
    for (int32_t i = offsets[row]; i < offsets[row + 1]; ++i) {
      if (i > offsets[row]) out->append(", ");
      AppendElement(elements, i, out);
    }
    out->push_back(']');
  });
}

Result<arrow::Datum> FormatMap(const CastJob& job, const Operands& operands) {
  const arrow::ArrayData& data = *operands.items[0].data;
  const arrow::ArrayData& entries = *data.child_data[0];
  MILL_ASSIGN(auto key_text, TextOf(entries.child_data[0], *job.from().children[0].type, job));
  MILL_ASSIGN(auto value_text, TextOf(entries.child_data[1], *job.from().children[1].type, job));
  const arrow::StringArray keys(key_text), values(value_text);
  const auto* offsets = data.GetValues<int32_t>(1);
  return WriteRows(operands, job.to(), [&](int64_t row, std::string* out) {
    out->push_back('{');
    for (int64_t i = offsets[row]; i < offsets[row + 1]; ++i) {
      if (i > offsets[row]) out->append(", ");
      AppendElement(keys, i + entries.offset, out);
      out->push_back('=');
      AppendElement(values, i + entries.offset, out);
    }
    out->push_back('}');
  });
}

Result<arrow::Datum> FormatRow(const CastJob& job, const Operands& operands) {
  const arrow::ArrayData& data = *operands.items[0].data;
  std::vector<arrow::StringArray> members;
  for (size_t i = 0; i < data.child_data.size(); ++i) {
    MILL_ASSIGN(auto text, TextOf(data.child_data[i], *job.from().children[i].type, job));
    members.emplace_back(text);
  }
  return WriteRows(operands, job.to(), [&](int64_t row, std::string* out) {
    out->push_back('(');
    for (size_t i = 0; i < members.size(); ++i) {
      if (i > 0) out->append(", ");
      AppendElement(members[i], row + data.offset, out);
    }
    out->push_back(')');
  });
}

}  // namespace

Result<arrow::Datum> FormatNested(const CastJob& job) {
  MILL_ASSIGN(Operands operands, MakeOperands(job.call.args, job.call.rows));
  if (job.from().kind == TypeKind::kArray) return FormatArray(job, operands);
  return job.from().kind == TypeKind::kMap ? FormatMap(job, operands) : FormatRow(job, operands);
}

Result<arrow::Datum> CastNested(const CastJob& job) {
  MILL_ASSIGN(Operand operand, MakeOperand(job.value()));
  auto result = operand.data->Copy();
  result->type = job.to().ToArrow();
  auto* children = &result->child_data;
  if (job.from().kind == TypeKind::kMap) {
    auto entries = result->child_data[0]->Copy();
    entries->type = static_cast<const arrow::MapType&>(*result->type).value_type();
    result->child_data[0] = entries;
    children = &entries->child_data;
  }
  for (size_t i = 0; i < children->size(); ++i) {
    MILL_ASSIGN((*children)[i], CastChild((*children)[i], *job.from().children[i].type,
                                          *job.to().children[i].type, job));
  }
  if (job.from().kind == TypeKind::kMap && (*children)[0]->GetNullCount() > 0) {
    return UserError("a key of {} has no counterpart in {}", job.from().Nullable().ToString(),
                     job.to().Nullable().ToString());
  }
  return AsDatum(std::move(result), operand.scalar);
}

}  // namespace millrace
