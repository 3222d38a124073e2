#include "formats/avro/writer.h"

#include <arrow/util/decimal.h>

#include <algorithm>

#include "formats/avro/binary.h"
#include "formats/avro/write_plan.h"

namespace millrace {
namespace {

using Op = AvroWriteStep::Op;
using arrow::Type;

template <typename T>
const T& As(const arrow::Array& array) {
  return static_cast<const T&>(array);
}

int64_t IntegerAt(const arrow::Array& array, int64_t row) {
  switch (array.type_id()) {
    case Type::INT8: return As<arrow::Int8Array>(array).Value(row);
    case Type::INT16: return As<arrow::Int16Array>(array).Value(row);
    case Type::INT32: return As<arrow::Int32Array>(array).Value(row);
    case Type::DATE32: return As<arrow::Date32Array>(array).Value(row);
    case Type::TIME32: return As<arrow::Time32Array>(array).Value(row);
    case Type::TIME64: return As<arrow::Time64Array>(array).Value(row);
    case Type::TIMESTAMP: return As<arrow::TimestampArray>(array).Value(row);
    default: return As<arrow::Int64Array>(array).Value(row);
  }
}

std::string_view BytesAt(const arrow::Array& array, int64_t row) {
  if (array.type_id() == Type::FIXED_SIZE_BINARY) {
    return As<arrow::FixedSizeBinaryArray>(array).GetView(row);
  }
  return As<arrow::BinaryArray>(array).GetView(row);
}

Status WriteValue(const AvroWriteStep& step, const arrow::Array& array, int64_t row,
                  std::string& out);

Status WriteTime(const AvroWriteStep& step, int64_t value, std::string& out) {
  int64_t scaled = 0;
  if (__builtin_mul_overflow(value, step.multiply, &scaled)) {
    return UserError("a time is out of range");
  }
  const int64_t rest = scaled % step.divide;
  AppendAvroLong(out, scaled / step.divide - (rest < 0 ? 1 : 0));
  return Status::OK();
}

Status WriteText(const AvroWriteStep& step, std::string_view bytes, std::string& out) {
  if (step.op == Op::kBytes) {
    AppendAvroString(out, bytes);
  } else if (step.op == Op::kFixed) {
    if (std::ssize(bytes) != step.type->size) {
      return UserError("{} bytes, but {} has {}", bytes.size(), AvroTypeName(*step.type),
                       step.type->size);
    }
    out += bytes;
  } else {
    const auto& symbols = step.type->symbols;
    const auto found = std::find(symbols.begin(), symbols.end(), bytes);
    if (found == symbols.end()) {
      return UserError("'{}' is no symbol of {}", bytes, AvroTypeName(*step.type));
    }
    AppendAvroLong(out, found - symbols.begin());
  }
  return Status::OK();
}

// The fewest big-endian bytes that hold the value, or as many as the fixed has.
Status WriteDecimal(const AvroWriteStep& step, const arrow::Decimal128& value, std::string& out) {
  const auto scaled = value.Rescale(0, step.digits);
  if (!scaled.ok()) return UserError("a decimal is out of range of {}", AvroTypeName(*step.type));
  auto bytes = scaled->ToBytes();
  std::reverse(bytes.begin(), bytes.end());
  const char sign = scaled->IsNegative() ? '\xFF' : '\0';
  std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  while (text.size() > 1 && text[0] == sign && (text[1] < 0) == (sign != 0)) text.remove_prefix(1);
  if (step.type->kind != AvroKind::kFixed) {
    AppendAvroString(out, text);
    return Status::OK();
  }
  if (std::ssize(text) > step.type->size) {
    return UserError("a decimal is out of range of {}", AvroTypeName(*step.type));
  }
  out.append(static_cast<size_t>(step.type->size) - text.size(), sign);
  out += text;
  return Status::OK();
}

Status WriteItems(const AvroWriteStep& step, const arrow::Array& array, int64_t row,
                  std::string& out) {
  const auto& lists = As<arrow::ListArray>(array);  // maps are lists too
  const int64_t begin = lists.value_offset(row), end = lists.value_offset(row + 1);
  if (begin < end) AppendAvroLong(out, end - begin);
  for (int64_t i = begin; i < end; ++i) {
    if (step.op == Op::kArray) {
      MILL_RETURN(WriteValue(step.children[0], *lists.values(), i, out));
      continue;
    }
    const auto& map = As<arrow::MapArray>(array);
    if (step.op == Op::kMap) {
      AppendAvroString(out, BytesAt(*map.keys(), i));
    } else {
      MILL_RETURN(WriteValue(step.children[0], *map.keys(), i, out));
    }
    MILL_RETURN(WriteValue(step.children.back(), *map.items(), i, out));
  }
  out += '\0';
  return Status::OK();
}

Status WriteField(const AvroWriteStep& record, size_t i, const arrow::Array* column, int64_t row,
                  std::string& out) {
  const AvroWriteStep& step = record.children[i];
  if (!column) {  // resolved as a column of NULLs
    if (step.branch >= 0) AppendAvroLong(out, step.branch);
    return Status::OK();
  }
  const Status status = WriteValue(step, *column, row, out);
  if (status.ok()) [[likely]] return status;
  return Annotate(status, fmt::format("field `{}`", record.type->fields[i].name));
}

Status WriteStruct(const AvroWriteStep& step, const arrow::StructArray& rows, int64_t row,
                   std::string& out) {
  for (size_t i = 0; i < step.children.size(); ++i) {
    const int at = step.columns[i];
    const arrow::Array* column = at < 0 ? nullptr : rows.field(at).get();
    MILL_RETURN(WriteField(step, i, column, row, out));
  }
  return Status::OK();
}

Status WriteValue(const AvroWriteStep& step, const arrow::Array& array, int64_t row,
                  std::string& out) {
  if (array.IsNull(row) && step.op != Op::kNull) {
    if (step.null_branch < 0) return UserError("NULL, but {} is not nullable",
                                               AvroTypeName(*step.type));
    AppendAvroLong(out, step.null_branch);
    return Status::OK();
  }
  if (step.branch >= 0) AppendAvroLong(out, step.branch);
  switch (step.op) {
    case Op::kNull: break;
    case Op::kBool: out += As<arrow::BooleanArray>(array).Value(row) ? '\1' : '\0'; break;
    case Op::kInteger: AppendAvroLong(out, IntegerAt(array, row)); break;
    case Op::kIntegerToFloat:
      AppendAvroFixed(out, static_cast<float>(IntegerAt(array, row)));
      break;
    case Op::kIntegerToDouble:
      AppendAvroFixed(out, static_cast<double>(IntegerAt(array, row)));
      break;
    case Op::kFloat: AppendAvroFixed(out, As<arrow::FloatArray>(array).Value(row)); break;
    case Op::kFloatToDouble:
      AppendAvroFixed(out, static_cast<double>(As<arrow::FloatArray>(array).Value(row)));
      break;
    case Op::kDouble: AppendAvroFixed(out, As<arrow::DoubleArray>(array).Value(row)); break;
    case Op::kTime: return WriteTime(step, IntegerAt(array, row), out);
    case Op::kBytes:
    case Op::kFixed:
    case Op::kEnum: return WriteText(step, BytesAt(array, row), out);
    case Op::kDecimal: {
      const auto& decimals = As<arrow::Decimal128Array>(array);
      return WriteDecimal(step, arrow::Decimal128(decimals.GetValue(row)), out);
    }
    case Op::kRecord: return WriteStruct(step, As<arrow::StructArray>(array), row, out);
    default: return WriteItems(step, array, row, out);
  }
  return Status::OK();
}

}  // namespace

AvroWriter::AvroWriter(std::shared_ptr<const AvroSchema> schema,
                       std::unique_ptr<AvroWriteStep> root)
    : schema_(std::move(schema)), root_(std::move(root)) {}
AvroWriter::~AvroWriter() = default;

Result<std::unique_ptr<AvroWriter>> AvroWriter::Make(std::shared_ptr<const AvroSchema> schema,
                                                     const arrow::Schema& columns) {
  const AvroType& record = schema->root();
  if (record.kind != AvroKind::kRecord) {
    return UserError("an Avro schema for rows is a record, not {}", AvroTypeName(record));
  }
  auto root = std::make_unique<AvroWriteStep>();
  root->type = &record;
  MILL_RETURN(ResolveAvroWrite(record, columns.fields(), "", root.get()));
  return std::unique_ptr<AvroWriter>(new AvroWriter(std::move(schema), std::move(root)));
}

Status AvroWriter::Append(int64_t row, std::string& out) const {
  for (size_t i = 0; i < root_->children.size(); ++i) {
    const int at = root_->columns[i];
    const arrow::Array* column = at < 0 ? nullptr : columns_[static_cast<size_t>(at)].get();
    MILL_RETURN(WriteField(*root_, i, column, row, out));
  }
  return Status::OK();
}

}  // namespace millrace
