// Iceberg's types and schemas (table spec, version 2), and how SQL types stand for them:
//
//   boolean BOOLEAN | int TINYINT, SMALLINT, INT | long BIGINT | float, double FLOAT, DOUBLE
//   decimal(P, S) DECIMAL | date DATE | time TIME | timestamp TIMESTAMP(0..6)
//   timestamptz TIMESTAMP_LTZ(0..6) | string CHAR, VARCHAR, STRING | fixed[L] BINARY(L)
//   uuid BINARY(16) | binary BYTES | list ARRAY | map MAP | struct ROW
//
// Columns are known by their field ids; names may change.
#pragma once

#include <arrow/type.h>

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "connectors/iceberg/json_tree.h"
#include "data/type.h"

namespace millrace {

enum class IcebergKind {
  kBoolean, kInt, kLong, kFloat, kDouble, kDecimal, kDate, kTime, kTimestamp, kTimestampTz,
  kString, kUuid, kFixed, kBinary, kStruct, kList, kMap,
};

struct IcebergField;

struct IcebergType {
  IcebergKind kind = IcebergKind::kInt;
  int precision = 0, scale = 0;      // decimal
  int length = 0;                    // fixed, uuid
  std::vector<IcebergField> fields;  // struct; list: "element"; map: "key", "value"

  static IcebergType Of(IcebergKind kind);
  bool IsNested() const { return kind >= IcebergKind::kStruct; }
  // "decimal(10, 2)", "list<int>".
  std::string ToString() const;
  bool operator==(const IcebergType& other) const;
};

struct IcebergField {
  int id = 0;
  std::string name;
  bool required = false;
  IcebergType type;
  std::string doc;
  bool operator==(const IcebergField&) const = default;
};

struct IcebergSchema {
  int id = 0;
  std::vector<IcebergField> fields;
  std::vector<int> identifier_ids;  // the primary key, if it has one

  // Null if there is none.
  const IcebergField* Find(const std::string& name) const;
  // Also of fields within structs (not within lists and maps).
  const IcebergField* FindId(int id) const;
};

Result<IcebergType> ParseIcebergType(const JsonTree& json);
JsonTree ToJson(const IcebergType& type);
Result<IcebergSchema> ParseIcebergSchema(const JsonTree& json);
JsonTree ToJson(const IcebergSchema& schema);

// The type that a column of `type` is created with. Ids of parts are counted up from `*last_id`. An
// error says which type Iceberg has no place for.
Result<IcebergType> IcebergTypeOf(const SqlType& type, int* last_id);
// A schema for `columns`, ids from 1; `key`: the names of the primary key's columns.
Result<IcebergSchema> IcebergSchemaOf(const Schema& columns, const std::vector<std::string>& key);
// True if a column of `type` in a table can be read (or written) as `sql`: the same type or one
// that holds every value.
bool IsReadableAs(const IcebergType& type, const SqlType& sql);
bool IsWritableFrom(const IcebergType& type, const SqlType& sql);

// How values of `type` stand in data files, ids in the fields' metadata (PARQUET:field_id).
std::shared_ptr<arrow::DataType> StorageTypeOf(const IcebergType& type);
std::shared_ptr<arrow::Field> StorageFieldOf(const IcebergField& field);
// The field id in `field`'s metadata, -1 if it has none.
int FieldIdOf(const arrow::Field& field);

}  // namespace millrace
