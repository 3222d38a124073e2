// SQL types and Avro schemas, each derived from the other.
#pragma once

#include <memory>
#include <string>

#include "data/type.h"
#include "formats/avro/schema.h"

namespace millrace {

// The columns of a record's fields, all of which are kept: unions of null and one type are nullable,
// all else is NOT NULL. timestamp-* is TIMESTAMP_LTZ (TIMESTAMP if Iceberg's "adjust-to-utc" is
// false), local-timestamp-* TIMESTAMP, time-micros BIGINT (microseconds), fixed BYTES, enum STRING,
// arrays of {key, value} with logical type map MAP. Fails for other unions, recursive types and
// more than 10,000 columns in all.
Result<Schema> SqlSchemaOf(const AvroSchema& schema);

// How timestamps are written: as Flink does by default ("legacy": TIMESTAMP is timestamp-*), or
// TIMESTAMP as local-timestamp-*. TIMESTAMP_LTZ is timestamp-* either way; precisions up to 3 are in
// milliseconds, up to 6 in microseconds, others are refused.
enum class AvroTimestamps { kLegacy, kLocal };

// The schema that Flink derives from a table's columns: the record
// org.apache.flink.avro.generated.record, whose nested records are record_<field>.
Result<std::shared_ptr<const AvroSchema>> AvroSchemaOf(const Schema& columns,
                                                       AvroTimestamps timestamps);

}  // namespace millrace
