#include "formats/avro/writer.h"

#include <arrow/array.h>
#include <arrow/util/decimal.h>

#include <algorithm>

#include "formats/avro/binary.h"

namespace millrace {

struct AvroWriteStep {
  enum class Op : uint8_t {
    kNull, kBool, kInteger, kIntegerToFloat, kIntegerToDouble, kFloat, kFloatToDouble, kDouble,
    kTime, kBytes, kFixed, kEnum, kDecimal, kRecord, kArray, kMap, kEntries,
  };
  Op op = Op::kNull;
  int null_branch = -1;    // of a union with null
  int branch = -1;         // of a union: that of the value
  int64_t multiply = 1, divide = 1;    // kTime: into the field's unit
  int digits = 0;                      // kDecimal: to add
  const AvroType* type = nullptr;      // of the value
  std::vector<AvroWriteStep> children;
  std::vector<int> columns;            // kRecord: that of each field; -1: none, always NULL
};

namespace {

using Op = AvroWriteStep::Op;
using arrow::Type;

Result<AvroWriteStep> Resolve(const AvroType& type, const arrow::DataType& column,
                              const std::string& place);

// Ticks of a second; 0 for values that are no times.
int64_t TicksOf(AvroLogical logical) {
  switch (logical) {
    case AvroLogical::kTimeMillis:
    case AvroLogical::kTimestampMillis:
    case AvroLogical::kLocalTimestampMillis: return 1000;
    case AvroLogical::kTimeMicros:
    case AvroLogical::kTimestampMicros:
    case AvroLogical::kLocalTimestampMicros: return 1000000;
    case AvroLogical::kTimestampNanos:
    case AvroLogical::kLocalTimestampNanos: return 1000000000;
    default: return 0;
  }
}

int64_t TicksOf(arrow::TimeUnit::type unit) {
  constexpr int64_t kTicks[] = {1, 1000, 1000000, 1000000000};
  return kTicks[static_cast<size_t>(unit)];
}

int64_t TicksOf(const arrow::DataType& column) {
  if (column.id() == Type::TIMESTAMP) {
    return TicksOf(static_cast<const arrow::TimestampType&>(column).unit());
  }
  if (column.id() == Type::TIME32 || column.id() == Type::TIME64) {
    return TicksOf(static_cast<const arrow::TimeType&>(column).unit());
  }
  return 0;
}

bool ResolveTime(const AvroType& type, const arrow::DataType& column, AvroWriteStep* step) {
  const int64_t ticks = TicksOf(column);
  const int64_t wanted = TicksOf(type.logical);
  step->op = Op::kTime;
  if (wanted > ticks) step->multiply = wanted / ticks;
  if (wanted != 0 && wanted < ticks) step->divide = ticks / wanted;
  const bool of_day = type.logical == AvroLogical::kTimeMillis ||
                      type.logical == AvroLogical::kTimeMicros;
  return wanted == 0 || of_day == (column.id() != Type::TIMESTAMP);
}

// Columns of whole numbers, dates and times.
bool ResolveInteger(const AvroType& type, const arrow::DataType& column, AvroWriteStep* step) {
  const bool wide = column.byte_width() > 4;
  const bool number = arrow::is_signed_integer(column.id());
  step->op = Op::kInteger;
  switch (type.kind) {
    case AvroKind::kInt:
    case AvroKind::kLong:
      if (wide && type.kind == AvroKind::kInt) return false;
      if (column.id() == Type::DATE32) {
        return type.logical == AvroLogical::kDate || type.logical == AvroLogical::kNone;
      }
      return TicksOf(column) == 0 || ResolveTime(type, column, step);
    case AvroKind::kFloat: step->op = Op::kIntegerToFloat; return number && !wide;
    case AvroKind::kDouble: step->op = Op::kIntegerToDouble; return number;
    default: return false;
  }
}

bool ResolveBytes(const AvroType& type, const arrow::DataType& column, AvroWriteStep* step) {
  const bool text = column.id() == Type::STRING;
  switch (type.kind) {
    case AvroKind::kString: step->op = Op::kBytes; return text;
    case AvroKind::kBytes: step->op = Op::kBytes; return true;
    case AvroKind::kFixed: step->op = Op::kFixed; return !text;
    case AvroKind::kEnum: step->op = Op::kEnum; return text;
    default: return false;
  }
}

bool ResolveScalar(const AvroType& type, const arrow::DataType& column, AvroWriteStep* step) {
  switch (column.id()) {
    case Type::NA: step->op = Op::kNull; return type.kind == AvroKind::kNull;
    case Type::BOOL: step->op = Op::kBool; return type.kind == AvroKind::kBoolean;
    case Type::FLOAT:
      step->op = type.kind == AvroKind::kFloat ? Op::kFloat : Op::kFloatToDouble;
      return type.kind == AvroKind::kFloat || type.kind == AvroKind::kDouble;
    case Type::DOUBLE: step->op = Op::kDouble; return type.kind == AvroKind::kDouble;
    case Type::STRING:
    case Type::BINARY:
    case Type::FIXED_SIZE_BINARY: return ResolveBytes(type, column, step);
    case Type::DECIMAL128: {
      const auto& decimal = static_cast<const arrow::Decimal128Type&>(column);
      step->op = Op::kDecimal;
      step->digits = type.scale - decimal.scale();
      return type.logical == AvroLogical::kDecimal && step->digits >= 0;
    }
    case Type::INT8:
    case Type::INT16:
    case Type::INT32:
    case Type::INT64:
    case Type::DATE32:
    case Type::TIME32:
    case Type::TIME64:
    case Type::TIMESTAMP: return ResolveInteger(type, column, step);
    default: return false;
  }
}

Status ResolveRecord(const AvroType& type, const arrow::FieldVector& columns,
                     const std::string& place, AvroWriteStep* step) {
  step->op = Op::kRecord;
  size_t used = 0;
  const std::string of = place.empty() ? "" : " of " + place;
  for (const AvroField& field : type.fields) {
    const auto at = std::find_if(columns.begin(), columns.end(), [&](const auto& column) {
      return column->name() == field.name;
    });
    const bool found = at != columns.end();
    const auto& no_column = arrow::null();
    auto child = Resolve(*field.type, found ? *(*at)->type() : *no_column,
                         fmt::format("`{}`{}", field.name, of));
    if (!found && !child.ok()) {
      return UserError("there is no column for field `{}`{}, which is not nullable", field.name,
                       of);
    }
    MILL_RETURN(child.status());
    used += found;
    step->columns.push_back(found ? static_cast<int>(at - columns.begin()) : -1);
    step->children.push_back(std::move(*child));
  }
  if (used == columns.size()) return Status::OK();
  for (const auto& column : columns) {
    const bool known = std::any_of(type.fields.begin(), type.fields.end(), [&](const auto& field) {
      return field.name == column->name();
    });
    if (!known) return UserError("{} has no field `{}`{}", AvroTypeName(type), column->name(), of);
  }
  return UserError("a column's name stands more than once{}", of);
}

Status ResolveChildren(const AvroType& type, const arrow::DataType& column,
                       const std::string& place, AvroWriteStep* step) {
  const bool entries = type.kind == AvroKind::kArray;
  std::vector<const AvroType*> types = {type.children.front()};
  std::vector<const arrow::DataType*> columns;
  if (column.id() == Type::MAP) {
    const auto& map = static_cast<const arrow::MapType&>(column);
    step->op = entries ? Op::kEntries : Op::kMap;
    if (entries) {
      const AvroType& item = *type.children.front();
      if (item.kind != AvroKind::kRecord || item.fields.size() != 2) {
        return UserError("{}: a map goes into an array of records of two fields", place);
      }
      types = {item.fields[0].type, item.fields[1].type};
      columns.push_back(map.key_type().get());
    } else if (map.key_type()->id() != Type::STRING) {
      return UserError("{}: Avro's maps have keys of text, not {}", place,
                       map.key_type()->ToString());
    }
    columns.push_back(map.item_type().get());
  } else {
    step->op = Op::kArray;
    columns.push_back(static_cast<const arrow::ListType&>(column).value_type().get());
  }
  for (size_t i = 0; i < types.size(); ++i) {
    MILL_ASSIGN(AvroWriteStep child, Resolve(*types[i], *columns[i], "an item of " + place));
    step->children.push_back(std::move(child));
  }
  return Status::OK();
}

Result<AvroWriteStep> ResolveUnion(const AvroType& type, const arrow::DataType& column,
                                   const std::string& place) {
  AvroWriteStep step;
  Status refused;
  int null_branch = -1;
  for (int i = 0; i < static_cast<int>(type.children.size()); ++i) {
    const AvroType& branch = *type.children[static_cast<size_t>(i)];
    if (branch.kind == AvroKind::kNull) null_branch = i;
    if (step.branch >= 0 || (branch.kind == AvroKind::kNull && column.id() != Type::NA)) continue;
    auto child = Resolve(branch, column, place);
    if (!child.ok()) refused = child.status();
    if (!child.ok()) continue;
    step = std::move(*child);
    step.branch = i;
  }
  if (step.branch < 0) return refused;
  step.null_branch = null_branch;
  return step;
}

Result<AvroWriteStep> Resolve(const AvroType& type, const arrow::DataType& column,
                              const std::string& place) {
  if (type.kind == AvroKind::kUnion) return ResolveUnion(type, column, place);
  AvroWriteStep step;
  step.type = &type;
  if (type.kind == AvroKind::kRecord && column.id() == Type::STRUCT) {
    MILL_RETURN(ResolveRecord(type, column.fields(), place, &step));
    return step;
  }
  const bool lists = (type.kind == AvroKind::kArray &&
                      (column.id() == Type::LIST || column.id() == Type::MAP)) ||
                     (type.kind == AvroKind::kMap && column.id() == Type::MAP);
  if (lists) {
    MILL_RETURN(ResolveChildren(type, column, place, &step));
    return step;
  }
  if (ResolveScalar(type, column, &step)) return step;
  return UserError("{}: {} cannot be written as Avro's {}", place, column.ToString(),
                   AvroTypeName(type));
}

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
  MILL_RETURN(ResolveRecord(record, columns.fields(), "", root.get()));
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
