// Types of PostgreSQL's catalog beside those of the script: which may be written into which, and in
// what binary form. The rule: a pair is taken if every value survives it as it is.
#pragma once

#include <cstdint>
#include <string>

#include "base/status.h"
#include "data/type.h"

namespace millrace {

// PostgreSQL's built-in types, by object id.
enum class PostgresOid : uint32_t {
  kNone = 0, kBool = 16, kBytea = 17, kName = 19, kInt8 = 20, kInt2 = 21, kInt4 = 23, kText = 25,
  kJson = 114, kXml = 142, kFloat4 = 700, kFloat8 = 701, kBpchar = 1042, kVarchar = 1043,
  kDate = 1082, kTime = 1083, kTimestamp = 1114, kTimestamptz = 1184, kInterval = 1186,
  kNumeric = 1700, kUuid = 2950, kJsonb = 3802,
};

// A type as the catalog describes it; of a domain: what it is made of.
struct PostgresType {
  PostgresOid oid = PostgresOid::kNone;
  std::string name;    // with its limits: "varchar(10)"
  std::string bare;    // without: casts to it cut nothing off
  int32_t modifier = -1;  // pg_attribute.atttypmod: lengths and digits
  char category = 'U';    // pg_type.typcategory: 'A' array, 'E' enum, 'N' numbers, ...
  PostgresOid element = PostgresOid::kNone;  // of an array

  // Of numeric: -1 if it has no limits.
  int precision() const { return modifier < 4 ? -1 : ((modifier - 4) >> 16) & 0xffff; }
  int scale() const;
  // Digits behind the second, of timestamps and times.
  int fraction() const { return modifier < 0 ? 6 : modifier; }
};

// How a value is sent.
enum class PostgresWire : uint8_t {
  kBool, kInt2, kInt4, kInt8, kFloat4, kFloat8, kNumeric, kText, kJsonb, kUuid, kBytea, kDate,
  kTime, kTimestamp, kIntervalDay, kIntervalMonth, kArray,
  kNestedJson, kNestedJsonb,  // MAP, ROW and nested lists as JSON text
};

// How a column of the script goes into a column of the database.
struct PostgresMapping {
  PostgresWire wire = PostgresWire::kText;
  PostgresWire element = PostgresWire::kText;     // of kArray
  PostgresOid element_oid = PostgresOid::kNone;   // of kArray
  bool cast = false;  // sent as text; the database makes its own type of it
};

// Why `from` cannot be written into `to`, as a user error without the column's name.
Result<PostgresMapping> MapToPostgres(const SqlType& from, const PostgresType& to);

// The type of a column that is made for `type`: "numeric(10, 2)".
Result<std::string> PostgresTypeFor(const SqlType& type);

}  // namespace millrace
