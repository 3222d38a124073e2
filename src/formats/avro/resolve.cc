// Resolves a writer's schema against the columns that are wanted.
#include <algorithm>

#include "formats/avro/steps.h"

namespace millrace {
namespace {

using Op = AvroStep::Op;

Status Mismatch(const AvroType& writer, const SqlType& type, const std::string& place) {
  return UserError("{} is {}, which cannot be read from Avro's {}", place, type.ToString(),
                   AvroTypeName(writer));
}

bool IsInteger(const AvroType& type) {
  return type.kind == AvroKind::kInt || type.kind == AvroKind::kLong;
}

// Digits behind the seconds of the writer's timestamps; those of a plain long are the column's own.
int TimestampDigits(const AvroType& writer, int own) {
  switch (writer.logical) {
    case AvroLogical::kTimestampMillis:
    case AvroLogical::kLocalTimestampMillis: return 3;
    case AvroLogical::kTimestampMicros:
    case AvroLogical::kLocalTimestampMicros: return 6;
    case AvroLogical::kTimestampNanos:
    case AvroLogical::kLocalTimestampNanos: return 9;
    default: return own;
  }
}

// Digits of the unit in which a TIMESTAMP of `precision` is kept.
int KeptDigits(int precision) { return precision <= 3 ? 3 : precision <= 6 ? 6 : 9; }

bool ResolveInteger(const AvroType& writer, const SqlType& type, AvroStep* step) {
  if (!IsInteger(writer)) return false;
  const bool plain = writer.logical == AvroLogical::kNone;
  switch (type.kind) {
    case TypeKind::kTinyInt: step->op = Op::kInt8; return true;
    case TypeKind::kSmallInt: step->op = Op::kInt16; return true;
    case TypeKind::kInt: step->op = Op::kInt32; return true;
    case TypeKind::kBigInt: step->op = Op::kInt64; return true;
    case TypeKind::kFloat: step->op = Op::kIntToFloat; return plain;
    case TypeKind::kDouble: step->op = Op::kIntToDouble; return plain;
    case TypeKind::kDate:
      step->op = Op::kInt32;
      return writer.logical == AvroLogical::kDate || (plain && writer.kind == AvroKind::kInt);
    case TypeKind::kTime:
      step->op = Op::kTime;
      step->digits = writer.logical == AvroLogical::kTimeMicros ? -3 : 0;
      return plain || writer.logical == AvroLogical::kTimeMillis ||
             writer.logical == AvroLogical::kTimeMicros;
    case TypeKind::kTimestamp:
    case TypeKind::kTimestampLtz: {
      const int kept = KeptDigits(type.precision);
      step->op = Op::kTimestamp;
      step->digits = kept - TimestampDigits(writer, kept);
      return writer.kind == AvroKind::kLong && writer.logical != AvroLogical::kTimeMicros;
    }
    default: return false;
  }
}

bool ResolveDecimal(const AvroType& writer, const SqlType& type, AvroStep* step) {
  step->op = Op::kDecimal;
  step->is_fixed = writer.kind == AvroKind::kFixed;
  step->digits = type.scale - writer.scale;
  step->precision = type.precision;
  return writer.logical == AvroLogical::kDecimal && step->digits >= 0;
}

// Of types that are neither numbers of any kind nor nested.
bool ResolveBytes(const AvroType& writer, const SqlType& type, AvroStep* step) {
  switch (writer.kind) {
    case AvroKind::kString:
    case AvroKind::kBytes:
      step->op = type.IsString() ? Op::kText : Op::kBytes;
      return type.IsString() || type.IsBinary();
    case AvroKind::kFixed: step->op = Op::kFixed; return type.IsBinary();
    case AvroKind::kEnum: step->op = Op::kEnum; return type.IsString();
    default: return false;
  }
}

bool ResolveScalar(const AvroType& writer, const SqlType& type, AvroStep* step) {
  step->op = Op::kNull;
  if (writer.kind == AvroKind::kNull) return true;
  if (type.kind == TypeKind::kDecimal) return ResolveDecimal(writer, type, step);
  switch (writer.kind) {
    case AvroKind::kBoolean: step->op = Op::kBool; return type.kind == TypeKind::kBoolean;
    case AvroKind::kInt:
    case AvroKind::kLong: return ResolveInteger(writer, type, step);
    case AvroKind::kFloat:
      step->op = type.kind == TypeKind::kFloat ? Op::kFloat : Op::kFloatToDouble;
      return type.IsApproximate();
    case AvroKind::kDouble: step->op = Op::kDouble; return type.kind == TypeKind::kDouble;
    default: return ResolveBytes(writer, type, step);
  }
}

Result<AvroStep> ResolveUnion(const AvroType& writer, const SqlType& type,
                              const std::string& place) {
  AvroStep step;
  step.op = Op::kUnion;
  Status refused;
  for (const AvroType* branch : writer.children) {
    auto resolved = ResolveAvro(*branch, type, place);
    AvroStep child;
    child.op = Op::kRefuse;
    child.writer = branch;
    if (resolved.ok()) child = std::move(*resolved);
    if (!resolved.ok()) refused = resolved.status();
    step.width = std::max(step.width, child.width);
    step.children.push_back(std::move(child));
  }
  const auto usable = [](const AvroStep& child) {
    return child.op != Op::kRefuse && child.op != Op::kNull;
  };
  if (std::none_of(step.children.begin(), step.children.end(), usable)) MILL_RETURN(refused);
  if (writer.children.size() != 2 || !refused.ok()) return step;
  for (int8_t i = 0; i < 2; ++i) {
    if (writer.children[static_cast<size_t>(i)]->kind != AvroKind::kNull) continue;
    step.op = Op::kNullable;
    step.null_branch = i;
  }
  if (step.op == Op::kNullable) step.children.erase(step.children.begin() + step.null_branch);
  return step;
}

bool ChildrenFit(const AvroType& writer, const SqlType& type, Op* op) {
  const TypeKind kind = type.kind;
  if (writer.kind == AvroKind::kArray && kind == TypeKind::kArray) {
    *op = Op::kArray;
    return true;
  }
  if (writer.kind == AvroKind::kMap && kind == TypeKind::kMap) {
    *op = Op::kMap;
    return type.children.front().type->IsString();
  }
  *op = Op::kEntries;
  return writer.kind == AvroKind::kArray && kind == TypeKind::kMap &&
         writer.children.front()->kind == AvroKind::kRecord &&
         writer.children.front()->fields.size() == 2;
}

Result<AvroStep> ResolveNested(const AvroType& writer, const SqlType& type,
                               const std::string& place) {
  AvroStep step;
  if (writer.kind == AvroKind::kRecord && type.kind == TypeKind::kRow) {
    return ResolveAvroRecord(writer, type.children, place);
  }
  if (!ChildrenFit(writer, type, &step.op)) return Mismatch(writer, type, place);
  const AvroType& item = *writer.children.front();
  if (step.op == Op::kEntries) {
    for (size_t i = 0; i < 2; ++i) {
      const std::string where = fmt::format("{} of {}", i == 0 ? "the key" : "the value", place);
      MILL_ASSIGN(AvroStep child,
                  ResolveAvro(*item.fields[i].type, *type.children[i].type, where));
      child.not_null = child.not_null || i == 0;  // Arrow's maps have no NULL keys
      step.children.push_back(std::move(child));
    }
  } else {
    const std::string where = fmt::format("an item of {}", place);
    MILL_ASSIGN(AvroStep child, ResolveAvro(item, *type.children.back().type, where));
    step.children.push_back(std::move(child));
  }
  step.width = 1;
  for (const AvroStep& child : step.children) step.width += child.width;
  return step;
}

bool IsNested(const AvroType& type) {
  return type.kind == AvroKind::kRecord || type.kind == AvroKind::kArray ||
         type.kind == AvroKind::kMap;
}

}  // namespace

Result<AvroStep> ResolveAvro(const AvroType& writer, const SqlType& type,
                             const std::string& place) {
  AvroStep step;
  if (writer.kind == AvroKind::kUnion) {
    MILL_ASSIGN(step, ResolveUnion(writer, type, place));
  } else if (IsNested(writer)) {
    MILL_ASSIGN(step, ResolveNested(writer, type, place));
  } else if (!ResolveScalar(writer, type, &step)) {
    return Mismatch(writer, type, place);
  }
  step.writer = &writer;
  step.not_null = !type.nullable;
  return step;
}

// The depth is that of the columns' type, however deep or endless the writer's is.
Result<AvroStep> ResolveAvroRecord(const AvroType& writer, const std::vector<RowField>& columns,
                                   const std::string& place) {
  AvroStep step;
  step.op = Op::kRecord;
  step.writer = &writer;
  std::vector<bool> found(columns.size());
  for (const AvroField& field : writer.fields) {
    const auto at = std::find_if(columns.begin(), columns.end(),
                                 [&](const RowField& column) { return column.name == field.name; });
    AvroStep child;
    child.writer = field.type;
    int target = -1;
    if (at != columns.end()) {
      target = static_cast<int>(at - columns.begin());
      found[static_cast<size_t>(target)] = true;
      const std::string where = place.empty() ? fmt::format("column `{}`", field.name)
                                              : fmt::format("`{}` of {}", field.name, place);
      MILL_ASSIGN(child, ResolveAvro(*field.type, *at->type, where));
    }
    step.width += child.width;
    step.children.push_back(std::move(child));
    step.targets.push_back(target);
  }
  for (size_t i = 0; i < columns.size(); ++i) {
    ++step.width;
    if (found[i] || columns[i].type->nullable) continue;
    return UserError("{}`{}` is NOT NULL, but the writer's {} has no such field",
                     place.empty() ? "column " : "", columns[i].name, AvroTypeName(writer));
  }
  return step;
}

}  // namespace millrace
