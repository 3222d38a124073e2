#include "connectors/postgres/types.h"

namespace millrace {
namespace {

constexpr int kMostFraction = 6;

bool IsText(PostgresOid oid) {
  return oid == PostgresOid::kText || oid == PostgresOid::kVarchar ||
         oid == PostgresOid::kBpchar || oid == PostgresOid::kName || oid == PostgresOid::kXml ||
         oid == PostgresOid::kJson;
}

// Decimal digits that hold every value of an integer type.
int DigitsOf(TypeKind kind) {
  switch (kind) {
    case TypeKind::kTinyInt: return 3;
    case TypeKind::kSmallInt: return 5;
    case TypeKind::kInt: return 10;
    default: return 19;
  }
}

Status Narrower() { return UserError("values could be lost: it is narrower"); }
Status Different() { return UserError("the types do not fit"); }

Result<PostgresMapping> MapInteger(TypeKind kind, const PostgresType& to) {
  const int bytes = kind <= TypeKind::kSmallInt ? 2 : kind == TypeKind::kInt ? 4 : 8;
  switch (to.oid) {
    case PostgresOid::kInt2:
      if (bytes > 2) return Narrower();
      return PostgresMapping{PostgresWire::kInt2};
    case PostgresOid::kInt4:
      if (bytes > 4) return Narrower();
      return PostgresMapping{PostgresWire::kInt4};
    case PostgresOid::kInt8: return PostgresMapping{PostgresWire::kInt8};
    case PostgresOid::kFloat4:
      if (bytes > 2) return Narrower();
      return PostgresMapping{PostgresWire::kFloat4};
    case PostgresOid::kFloat8:
      if (bytes > 4) return Narrower();
      return PostgresMapping{PostgresWire::kFloat8};
    case PostgresOid::kNumeric:
      if (to.precision() >= 0 && to.precision() - to.scale() < DigitsOf(kind)) return Narrower();
      return PostgresMapping{PostgresWire::kNumeric};
    default: return Different();
  }
}

Result<PostgresMapping> MapDecimal(const SqlType& from, const PostgresType& to) {
  if (to.oid != PostgresOid::kNumeric) return Different();
  if (to.precision() < 0) return PostgresMapping{PostgresWire::kNumeric};
  const bool fits = to.scale() >= from.scale &&
                    to.precision() - to.scale() >= from.precision - from.scale;
  if (!fits) return Narrower();
  return PostgresMapping{PostgresWire::kNumeric};
}

Result<PostgresMapping> MapFloat(TypeKind kind, const PostgresType& to) {
  if (to.oid == PostgresOid::kFloat8) return PostgresMapping{PostgresWire::kFloat8};
  if (to.oid != PostgresOid::kFloat4) return Different();
  if (kind == TypeKind::kDouble) return Narrower();
  return PostgresMapping{PostgresWire::kFloat4};
}

Result<PostgresMapping> MapString(const PostgresType& to) {
  if (IsText(to.oid) || to.category == 'E') return PostgresMapping{PostgresWire::kText};
  if (to.oid == PostgresOid::kJsonb) return PostgresMapping{PostgresWire::kJsonb};
  if (to.oid == PostgresOid::kUuid) return PostgresMapping{PostgresWire::kUuid};
  // Numbers, flags, times and lists have types in the script.
  const bool other = std::string_view("NBDTA").find(to.category) != std::string_view::npos;
  if (other || to.oid == PostgresOid::kBytea) return Different();
  PostgresMapping mapping;
  mapping.cast = true;
  return mapping;
}

Result<PostgresMapping> MapTime(const SqlType& from, const PostgresType& to) {
  const bool zoned = from.kind == TypeKind::kTimestampLtz;
  const PostgresOid wanted = from.kind == TypeKind::kTime ? PostgresOid::kTime
                             : zoned                      ? PostgresOid::kTimestamptz
                                                          : PostgresOid::kTimestamp;
  if (to.oid == PostgresOid::kTimestamptz && from.kind == TypeKind::kTimestamp) {
    return UserError("a TIMESTAMP has no time zone. hint: declare it TIMESTAMP_LTZ({})",
                     from.precision);
  }
  if (to.oid == PostgresOid::kTimestamp && zoned) {
    return UserError("a TIMESTAMP_LTZ is a point in time. hint: make the column timestamptz, or "
                     "declare it TIMESTAMP({})", from.precision);
  }
  if (to.oid != wanted) return Different();
  if (from.precision > kMostFraction) {
    return UserError("PostgreSQL keeps 6 digits behind the second. hint: declare it {}(6)",
                     zoned ? "TIMESTAMP_LTZ" : "TIMESTAMP");
  }
  if (from.precision > to.fraction()) return Narrower();
  return PostgresMapping{from.kind == TypeKind::kTime ? PostgresWire::kTime
                                                      : PostgresWire::kTimestamp};
}

bool IsNested(const SqlType& type) {
  return type.kind == TypeKind::kArray || type.kind == TypeKind::kMap ||
         type.kind == TypeKind::kRow;
}

Result<PostgresMapping> MapNested(const SqlType& from, const PostgresType& to) {
  if (to.oid == PostgresOid::kJson) return PostgresMapping{PostgresWire::kNestedJson};
  if (to.oid == PostgresOid::kJsonb) return PostgresMapping{PostgresWire::kNestedJsonb};
  if (from.kind != TypeKind::kArray) {
    return UserError("the types do not fit. hint: make the column jsonb");
  }
  const SqlType& of = *from.children[0].type;
  if (to.category != 'A') return Different();
  if (IsNested(of)) return UserError("lists of lists go into jsonb");
  PostgresType element;
  element.oid = to.element;
  element.modifier = to.modifier;
  MILL_ASSIGN(const PostgresMapping inner, MapToPostgres(of, element));
  if (inner.cast) return Different();
  return PostgresMapping{PostgresWire::kArray, inner.wire, to.element, false};
}

}  // namespace

int PostgresType::scale() const {
  if (modifier < 4) return -1;
  const int bits = (modifier - 4) & 0x7ff;
  return (bits ^ 1024) - 1024;  // 11 bits with a sign
}

Result<PostgresMapping> MapToPostgres(const SqlType& from, const PostgresType& to) {
  const auto exactly = [&to](PostgresOid oid, PostgresWire wire) -> Result<PostgresMapping> {
    if (to.oid != oid) return Different();
    return PostgresMapping{wire};
  };
  switch (from.kind) {
    case TypeKind::kBoolean: return exactly(PostgresOid::kBool, PostgresWire::kBool);
    case TypeKind::kTinyInt:
    case TypeKind::kSmallInt:
    case TypeKind::kInt:
    case TypeKind::kBigInt: return MapInteger(from.kind, to);
    case TypeKind::kFloat:
    case TypeKind::kDouble: return MapFloat(from.kind, to);
    case TypeKind::kDecimal: return MapDecimal(from, to);
    case TypeKind::kChar:
    case TypeKind::kVarchar: return MapString(to);
    case TypeKind::kBinary:
    case TypeKind::kVarbinary: return exactly(PostgresOid::kBytea, PostgresWire::kBytea);
    case TypeKind::kDate: return exactly(PostgresOid::kDate, PostgresWire::kDate);
    case TypeKind::kTime:
    case TypeKind::kTimestamp:
    case TypeKind::kTimestampLtz: return MapTime(from, to);
    case TypeKind::kIntervalDay:
      return exactly(PostgresOid::kInterval, PostgresWire::kIntervalDay);
    case TypeKind::kIntervalMonth:
      return exactly(PostgresOid::kInterval, PostgresWire::kIntervalMonth);
    case TypeKind::kArray:
    case TypeKind::kMap:
    case TypeKind::kRow: return MapNested(from, to);
    case TypeKind::kNull: break;
  }
  return Different();
}

Result<std::string> PostgresTypeFor(const SqlType& type) {
  const auto limited = [&type](const char* name) {
    if (type.precision == SqlType::kMaxLength || type.precision <= 0) return std::string("text");
    return fmt::format("{}({})", name, type.precision);
  };
  const int fraction = std::min(type.precision, kMostFraction);
  switch (type.kind) {
    case TypeKind::kBoolean: return "boolean";
    case TypeKind::kTinyInt:
    case TypeKind::kSmallInt: return "smallint";
    case TypeKind::kInt: return "integer";
    case TypeKind::kBigInt: return "bigint";
    case TypeKind::kFloat: return "real";
    case TypeKind::kDouble: return "double precision";
    case TypeKind::kDecimal: return fmt::format("numeric({}, {})", type.precision, type.scale);
    case TypeKind::kChar: return limited("char");
    case TypeKind::kVarchar: return limited("varchar");
    case TypeKind::kBinary:
    case TypeKind::kVarbinary: return "bytea";
    case TypeKind::kDate: return "date";
    case TypeKind::kTime: return fmt::format("time({})", fraction);
    case TypeKind::kTimestamp: return fmt::format("timestamp({})", fraction);
    case TypeKind::kTimestampLtz: return fmt::format("timestamptz({})", fraction);
    case TypeKind::kIntervalMonth:
    case TypeKind::kIntervalDay: return "interval";
    case TypeKind::kMap:
    case TypeKind::kRow: return "jsonb";
    case TypeKind::kArray: {
      if (IsNested(*type.children[0].type)) return "jsonb";
      MILL_ASSIGN(const std::string element, PostgresTypeFor(*type.children[0].type));
      return element + "[]";
    }
    case TypeKind::kNull: break;
  }
  return UserError("there is no PostgreSQL type for {}", type.ToString());
}

}  // namespace millrace
