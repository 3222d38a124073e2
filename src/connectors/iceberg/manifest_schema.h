// The Avro schemas of manifests and manifest lists, with the field ids of the table spec.
#pragma once

#include <string>

#include "connectors/iceberg/metadata.h"

namespace millrace {

// The type of the values of partition field `field`; `schema` has its source column. A column that
// is gone has no type any more: text then.
IcebergType PartitionTypeOf(const IcebergPartitionField& field, const IcebergSchema& schema);
// Bytes that a decimal of `precision` digits needs.
int DecimalWidth(int precision);

std::string ManifestAvroSchema(const IcebergPartitionSpec& spec, const IcebergSchema& schema);
std::string ManifestListAvroSchema();

}  // namespace millrace
