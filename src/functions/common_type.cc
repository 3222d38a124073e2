// Which types go together: the common type of several, implicit and explicit casts. The rules are those
// of Flink's LogicalTypeMerging and LogicalTypeCasts.
#include <algorithm>

#include "functions/decimal.h"
#include "functions/expression.h"

namespace millrace {
namespace {

int IntegerDigits(TypeKind kind) {
  switch (kind) {
    case TypeKind::kTinyInt: return 3;
    case TypeKind::kSmallInt: return 5;
    case TypeKind::kInt: return 10;
    default: return 19;
  }
}

// An exact number as DECIMAL.
SqlType AsDecimal(const SqlType& type) {
  if (type.kind == TypeKind::kDecimal) return type;
  return SqlType::Of(TypeKind::kDecimal, IntegerDigits(type.kind), 0);
}

SqlType CommonDecimal(const SqlType& a, const SqlType& b) {
  const SqlType x = AsDecimal(a), y = AsDecimal(b);
  const int scale = std::max(x.scale, y.scale);
  const int digits = std::max(x.precision - x.scale, y.precision - y.scale);
  const int precision = std::min(digits + scale, kMaxDecimalDigits);
  // Digits before the point win where both do not fit.
  return SqlType::Of(TypeKind::kDecimal, precision, std::min(scale, precision - std::min(digits, precision)));
}

SqlType CommonNumeric(const SqlType& a, const SqlType& b) {
  if (a.IsApproximate() || b.IsApproximate()) {
    const bool exact_fraction = a.kind == TypeKind::kDecimal || b.kind == TypeKind::kDecimal;
    const bool wide = a.kind == TypeKind::kDouble || b.kind == TypeKind::kDouble;
    return SqlType::Of(exact_fraction || wide ? TypeKind::kDouble : TypeKind::kFloat);
  }
  if (a.kind == TypeKind::kDecimal || b.kind == TypeKind::kDecimal) return CommonDecimal(a, b);
  return SqlType::Of(std::max(a.kind, b.kind));
}

bool IsDateTime(const SqlType& type) {
  return type.kind == TypeKind::kDate || type.kind == TypeKind::kTime || type.IsTimestamp();
}

// DATE with TIMESTAMP is TIMESTAMP; with a time zone wins over without.
bool CommonDateTime(const SqlType& a, const SqlType& b, SqlType* common) {
  if (a.kind == b.kind) {
    *common = SqlType::Of(a.kind, std::max(a.precision, b.precision));
    return true;
  }
  if (a.kind == TypeKind::kTime || b.kind == TypeKind::kTime) return false;
  const bool zoned = a.kind == TypeKind::kTimestampLtz || b.kind == TypeKind::kTimestampLtz;
  *common = SqlType::Of(zoned ? TypeKind::kTimestampLtz : TypeKind::kTimestamp,
                        std::max(a.precision, b.precision));
  return true;
}

SqlType CommonText(const SqlType& a, const SqlType& b, TypeKind fixed, TypeKind varying) {
  const bool same = a.kind == fixed && b.kind == fixed && a.precision == b.precision;
  return SqlType::Of(same ? fixed : varying, std::max(a.precision, b.precision));
}

Status Clash(const SqlType& a, const SqlType& b) {
  return UserError("types {} and {} have no common type. hint: write a CAST",
                   a.Nullable().ToString(), b.Nullable().ToString());
}

Result<SqlType> CommonOfTwo(const SqlType& a, const SqlType& b);

Result<SqlType> CommonNested(const SqlType& a, const SqlType& b) {
  if (a.kind != b.kind || a.children.size() != b.children.size()) return Clash(a, b);
  SqlType common = a;
  for (size_t i = 0; i < a.children.size(); ++i) {
    MILL_ASSIGN(SqlType child, CommonOfTwo(*a.children[i].type, *b.children[i].type));
    common.children[i].type = std::make_shared<const SqlType>(std::move(child));
  }
  return common;
}

Result<SqlType> CommonIgnoringNull(const SqlType& a, const SqlType& b) {
  if (a.SameAs(b) || b.kind == TypeKind::kNull) return a;
  if (a.kind == TypeKind::kNull) return b;
  if (a.IsNumeric() && b.IsNumeric()) return CommonNumeric(a, b);
  if (a.IsString() && b.IsString()) return CommonText(a, b, TypeKind::kChar, TypeKind::kVarchar);
  if (a.IsBinary() && b.IsBinary()) {
    return CommonText(a, b, TypeKind::kBinary, TypeKind::kVarbinary);
  }
  SqlType common;
  if (IsDateTime(a) && IsDateTime(b) && CommonDateTime(a, b, &common)) return common;
  if (!a.children.empty()) return CommonNested(a, b);
  return Clash(a, b);
}

Result<SqlType> CommonOfTwo(const SqlType& a, const SqlType& b) {
  MILL_ASSIGN(SqlType common, CommonIgnoringNull(a, b));
  common.nullable = a.nullable || b.nullable || a.kind == TypeKind::kNull || b.kind == TypeKind::kNull;
  return common;
}

using TypeRelation = bool (*)(const SqlType& from, const SqlType& to);

bool ChildrenRelate(const SqlType& from, const SqlType& to, TypeRelation relation) {
  if (from.kind != to.kind || from.children.size() != to.children.size()) return false;
  for (size_t i = 0; i < from.children.size(); ++i) {
    if (!relation(*from.children[i].type, *to.children[i].type)) return false;
  }
  return true;
}

bool ImplicitNumeric(const SqlType& from, const SqlType& to) {
  if (to.IsApproximate()) return from.kind <= to.kind || from.kind == TypeKind::kDecimal;
  if (to.kind == TypeKind::kDecimal) return !from.IsApproximate();
  return from.IsInteger() && from.kind <= to.kind;
}

bool CastableFromText(const SqlType& to) {
  return to.IsNumeric() || to.kind == TypeKind::kBoolean || IsDateTime(to) || to.IsBinary();
}

bool CastableDateTime(const SqlType& from, const SqlType& to) {
  if (from.IsTimestamp()) return true;
  return to.IsTimestamp() || from.kind == to.kind;
}

}  // namespace

Result<SqlType> CommonType(const std::vector<SqlType>& types) {
  if (types.empty()) return SqlType::Null();
  SqlType common = types[0];
  for (size_t i = 1; i < types.size(); ++i) {
    MILL_ASSIGN(common, CommonOfTwo(common, types[i]));
  }
  return common;
}

bool ImplicitlyCastable(const SqlType& from, const SqlType& to) {
  if (from.kind == TypeKind::kNull || from.SameAs(to)) return true;
  if (from.IsNumeric() && to.IsNumeric()) return ImplicitNumeric(from, to);
  if (from.IsString()) return to.IsString();
  if (from.IsBinary()) return to.IsBinary();
  if (IsDateTime(from)) {
    if (from.kind == to.kind) return true;
    if (from.kind == TypeKind::kDate) return to.IsTimestamp();
    if (from.kind == TypeKind::kTime) return false;
    return IsDateTime(to);
  }
  if (from.IsInterval()) return from.kind == to.kind;
  return !from.children.empty() && ChildrenRelate(from, to, ImplicitlyCastable);
}

bool Castable(const SqlType& from, const SqlType& to) {
  if (from.kind == TypeKind::kNull || ImplicitlyCastable(from, to)) return true;
  if (to.IsString()) return true;
  if (from.IsString()) return CastableFromText(to);
  if (from.IsNumeric() && to.IsNumeric()) return true;
  if (from.IsNumeric() && to.kind == TypeKind::kBoolean) return true;
  if (from.kind == TypeKind::kBoolean) return to.IsNumeric();
  if (IsDateTime(from) && IsDateTime(to)) return CastableDateTime(from, to);
  if (from.IsInterval()) return from.kind == to.kind;
  if (to.IsInterval()) return from.IsInteger();
  return !from.children.empty() && ChildrenRelate(from, to, Castable);
}

}  // namespace millrace
