// What a change of the format 'debezium-json' tells beside the row, as columns, named as in Flink:
// where and when it happened, and when Debezium saw it.
#pragma once

#include <arrow/array.h>

#include <string>
#include <string_view>
#include <vector>

#include "data/type.h"
#include "formats/columns.h"

namespace millrace {

struct DebeziumMetadata {
  std::string key;
  SqlType type;
  std::string doc;
};

// schema, ingestion-timestamp, source.timestamp, source.database, source.schema, source.table,
// source.properties.
const std::vector<DebeziumMetadata>& AllDebeziumMetadata();

// Members of a change, as they stand in its text; "" where they are missing.
struct DebeziumFacts {
  std::string_view source, ts_ms, schema;
};

// The columns of some keys. What is missing or is not of the key's type is NULL.
class DebeziumMetadataColumns {
 public:
  // `columns` are named by their keys.
  static Result<DebeziumMetadataColumns> Make(const Schema& columns);

  bool empty() const { return columns_.empty(); }
  void Append(const DebeziumFacts& facts);
  // The columns of what was appended, in order.
  Result<std::vector<std::shared_ptr<arrow::Array>>> Finish();

 private:
  std::vector<std::string> keys_;
  std::vector<ColumnBuilder> columns_;
};

}  // namespace millrace
