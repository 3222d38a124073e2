// Avro schemas (Avro 1.12): read from their JSON text and written as such. Whatever the
// specification does not know ("field-id", "element-id", ...) is kept as it stood.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"

namespace millrace {

enum class AvroKind {
  kNull, kBoolean, kInt, kLong, kFloat, kDouble, kBytes, kString,  // primitive: in this order
  kRecord, kEnum, kFixed, kArray, kMap, kUnion,
};

// What a value means beyond its bytes. A logical type that the specification does not know, or that
// does not go with its type, is kNone (and kept as attributes).
enum class AvroLogical {
  kNone, kDecimal, kUuid, kDate, kTimeMillis, kTimeMicros,
  kTimestampMillis, kTimestampMicros, kTimestampNanos,
  kLocalTimestampMillis, kLocalTimestampMicros, kLocalTimestampNanos,
  kMap,  // an array of records {key, value}: a map with keys of any type, as Iceberg writes it
};

// Attributes by name, the values as JSON text.
using AvroAttributes = std::vector<std::pair<std::string, std::string>>;

struct AvroType;

struct AvroField {
  std::string name;
  const AvroType* type = nullptr;
  std::string default_json;          // "" if there is none
  std::vector<std::string> aliases;
  AvroAttributes attributes;         // all others, "doc" among them
};

// A node of a schema; all its nodes are owned by the AvroSchema. Named types may be recursive.
struct AvroType {
  AvroKind kind = AvroKind::kNull;
  AvroLogical logical = AvroLogical::kNone;
  int precision = 0, scale = 0;           // of decimals
  std::string name;                       // full name of a record, enum or fixed
  std::vector<AvroField> fields;          // of a record
  std::vector<const AvroType*> children;  // array: items; map: values; union: its branches
  std::vector<std::string> symbols;       // of an enum
  int64_t size = 0;                       // of a fixed, in bytes
  // All others, "logicalType", "precision" and "doc" among them.
  AvroAttributes attributes;

  bool IsNamed() const {
    return kind == AvroKind::kRecord || kind == AvroKind::kEnum || kind == AvroKind::kFixed;
  }
  // The attribute's JSON text, null if there is none of that name.
  const std::string* Attribute(std::string_view name_of_it) const;
};

// An immutable schema. Shared by all who read or write with it.
class AvroSchema {
 public:
  static constexpr int kMaxDepth = 64;  // of types within types, as the text spells them

  // Reads the JSON text; the error says which type or field is wrong.
  static Result<std::shared_ptr<const AvroSchema>> Parse(std::string_view json);

  const AvroType& root() const { return *root_; }
  // As JSON text: named types in full where they stand first.
  std::string ToJson() const;

 private:
  friend class AvroSchemaParser;
  std::deque<AvroType> nodes_;
  const AvroType* root_ = nullptr;
};

// "long", "array", "record a.b.C": for messages.
std::string AvroTypeName(const AvroType& type);

}  // namespace millrace
