#include "connectors/iceberg/manifest_schema.h"

#include <cmath>

namespace millrace {
namespace {

std::string Required(int id, const std::string& name, const std::string& type) {
  return fmt::format(R"({{"name":"{}","type":{},"field-id":{}}})", name, type, id);
}

std::string Optional(int id, const std::string& name, const std::string& type) {
  return fmt::format(R"({{"name":"{}","type":["null",{}],"default":null,"field-id":{}}})", name,
                     type, id);
}

// A map with integer keys.
std::string MapOf(int key_id, int value_id, const std::string& value) {
  return fmt::format(
      R"({{"type":"array","logicalType":"map","items":{{"type":"record","name":"k{0}_v{1}",)"
      R"("fields":[{2},{3}]}}}})",
      key_id, value_id, Required(key_id, "key", R"("int")"), Required(value_id, "value", value));
}

std::string ListOf(int element_id, const std::string& items) {
  return fmt::format(R"({{"type":"array","items":{},"element-id":{}}})", items, element_id);
}

std::string FixedOf(const std::string& logical, int size, int field_id) {
  return fmt::format(R"({{"type":"fixed","name":"fixed_{}","size":{}{}}})", field_id, size,
                     logical);
}

std::string AvroTypeOf(const IcebergType& type, int field_id) {
  switch (type.kind) {
    case IcebergKind::kBoolean: return R"("boolean")";
    case IcebergKind::kInt: return R"("int")";
    case IcebergKind::kLong: return R"("long")";
    case IcebergKind::kFloat: return R"("float")";
    case IcebergKind::kDouble: return R"("double")";
    case IcebergKind::kDate: return R"({"type":"int","logicalType":"date"})";
    case IcebergKind::kTime: return R"({"type":"long","logicalType":"time-micros"})";
    case IcebergKind::kTimestamp:
      return R"({"type":"long","logicalType":"timestamp-micros","adjust-to-utc":false})";
    case IcebergKind::kTimestampTz:
      return R"({"type":"long","logicalType":"timestamp-micros","adjust-to-utc":true})";
    case IcebergKind::kUuid: return FixedOf(R"(,"logicalType":"uuid")", 16, field_id);
    case IcebergKind::kFixed: return FixedOf("", type.length, field_id);
    case IcebergKind::kBinary: return R"("bytes")";
    case IcebergKind::kDecimal:
      return FixedOf(fmt::format(R"(,"logicalType":"decimal","precision":{},"scale":{})",
                                 type.precision, type.scale),
                     DecimalWidth(type.precision), field_id);
    default: return R"("string")";
  }
}

// Avro's names have letters, digits and '_' only: others become _x and their code.
std::string AvroName(const std::string& name) {
  std::string made;
  for (const char c : name) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    const bool digit = c >= '0' && c <= '9';
    if (letter || (digit && !made.empty())) {
      made += c;
    } else if (digit) {
      made += '_';
      made += c;
    } else {
      made += fmt::format("_x{:X}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    }
  }
  return made.empty() ? "_" : made;
}

std::string PartitionRecord(const IcebergPartitionSpec& spec, const IcebergSchema& schema) {
  std::vector<std::string> fields;
  for (const IcebergPartitionField& field : spec.fields) {
    const IcebergType type = PartitionTypeOf(field, schema);
    fields.push_back(Optional(field.field_id, AvroName(field.name),
                              AvroTypeOf(type, field.field_id)));
  }
  return fmt::format(R"({{"type":"record","name":"r102","fields":[{}]}})", fmt::join(fields, ","));
}

std::string DataFileRecord(const IcebergPartitionSpec& spec, const IcebergSchema& schema) {
  const std::string kLong = R"("long")", kInt = R"("int")", kText = R"("string")";
  const std::vector<std::string> fields = {
      Required(134, "content", kInt),
      Required(100, "file_path", kText),
      Required(101, "file_format", kText),
      Required(102, "partition", PartitionRecord(spec, schema)),
      Required(103, "record_count", kLong),
      Required(104, "file_size_in_bytes", kLong),
      Optional(108, "column_sizes", MapOf(117, 118, kLong)),
      Optional(109, "value_counts", MapOf(119, 120, kLong)),
      Optional(110, "null_value_counts", MapOf(121, 122, kLong)),
      Optional(137, "nan_value_counts", MapOf(138, 139, kLong)),
      Optional(125, "lower_bounds", MapOf(126, 127, R"("bytes")")),
      Optional(128, "upper_bounds", MapOf(129, 130, R"("bytes")")),
      Optional(131, "key_metadata", R"("bytes")"),
      Optional(132, "split_offsets", ListOf(133, kLong)),
      Optional(135, "equality_ids", ListOf(136, kInt)),
      Optional(140, "sort_order_id", kInt),
  };
  return fmt::format(R"({{"type":"record","name":"r2","fields":[{}]}})", fmt::join(fields, ","));
}

}  // namespace

IcebergType PartitionTypeOf(const IcebergPartitionField& field, const IcebergSchema& schema) {
  const IcebergField* source = schema.FindId(field.source_id);
  if (!source) return IcebergType::Of(IcebergKind::kString);
  return field.transform.ResultOf(source->type);
}

int DecimalWidth(int precision) {
  return static_cast<int>(std::ceil((precision * std::log2(10.0) + 1) / 8));
}

std::string ManifestAvroSchema(const IcebergPartitionSpec& spec, const IcebergSchema& schema) {
  const std::vector<std::string> fields = {
      Required(0, "status", R"("int")"),
      Optional(1, "snapshot_id", R"("long")"),
      Optional(3, "sequence_number", R"("long")"),
      Optional(4, "file_sequence_number", R"("long")"),
      Required(2, "data_file", DataFileRecord(spec, schema)),
  };
  return fmt::format(R"({{"type":"record","name":"manifest_entry","fields":[{}]}})",
                     fmt::join(fields, ","));
}

std::string ManifestListAvroSchema() {
  const std::string kLong = R"("long")", kInt = R"("int")", kBytes = R"("bytes")";
  const std::vector<std::string> summary = {
      Required(509, "contains_null", R"("boolean")"),
      Optional(518, "contains_nan", R"("boolean")"),
      Optional(510, "lower_bound", kBytes),
      Optional(511, "upper_bound", kBytes),
  };
  const std::string summaries = ListOf(508, fmt::format(R"({{"type":"record","name":"r508",)"
                                                        R"("fields":[{}]}})",
                                                        fmt::join(summary, ",")));
  const std::vector<std::string> fields = {
      Required(500, "manifest_path", R"("string")"),
      Required(501, "manifest_length", kLong),
      Required(502, "partition_spec_id", kInt),
      Required(517, "content", kInt),
      Required(515, "sequence_number", kLong),
      Required(516, "min_sequence_number", kLong),
      Required(503, "added_snapshot_id", kLong),
      Required(504, "added_files_count", kInt),
      Required(505, "existing_files_count", kInt),
      Required(506, "deleted_files_count", kInt),
      Required(512, "added_rows_count", kLong),
      Required(513, "existing_rows_count", kLong),
      Required(514, "deleted_rows_count", kLong),
      Optional(507, "partitions", summaries),
  };
  return fmt::format(R"({{"type":"record","name":"manifest_file","fields":[{}]}})",
                     fmt::join(fields, ","));
}

}  // namespace millrace
