// Resolves columns against the schema that they are written with.
#include "formats/avro/write_plan.h"

#include <algorithm>

namespace millrace {
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
    MILL_RETURN(ResolveAvroWrite(type, column.fields(), place, &step));
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

}  // namespace

Status ResolveAvroWrite(const AvroType& type, const arrow::FieldVector& columns,
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

}  // namespace millrace
