#include "connectors/kafka/fields.h"

#include <algorithm>

namespace millrace {
namespace {

bool IsKeyField(const KafkaOptions& options, const std::string& column) {
  const auto& fields = options.key_fields;
  return std::find(fields.begin(), fields.end(), column) != fields.end();
}

Column WithoutPrefix(const KafkaOptions& options, Column column) {
  column.name = column.name.substr(options.key_prefix.size());
  return column;
}

// A column that may be missing, as that of a deleted row.
Column Nullable(Column column) {
  column.type = column.type.Nullable();
  return column;
}

}  // namespace

MessageSpec MessageSpecOf(const KafkaOptions& options, const TableInfo& table,
                          const Schema& columns) {
  MessageSpec spec;
  spec.output = columns;
  spec.metadata = table.metadata;
  spec.upsert = options.upsert;
  spec.value.format = options.value_format;
  spec.value.options = options.value_options;
  spec.key.options = options.key_options;
  const KafkaFields fields = KafkaFieldsOf(options, table);
  spec.value.all = fields.value;
  spec.key.all = fields.key;
  const size_t physical = columns.columns.size() - table.metadata.size();
  for (size_t i = 0; i < physical; ++i) {
    Column column = columns.columns[i];
    // A field that is in both comes from the value, as in Flink; a deleted row has only its key.
    const bool from_key = IsKeyField(options, column.name) &&
                          (!options.value_has_key || options.upsert);
    MessagePart& part = from_key ? spec.key : spec.value;
    if (from_key) column = WithoutPrefix(options, std::move(column));
    part.columns.columns.push_back(std::move(column));
    part.targets.push_back(static_cast<int>(i));
  }
  for (size_t i = physical; i < columns.columns.size(); ++i) {
    const std::string& key = table.metadata[i - physical];
    if (!options.is_changelog() || !key.starts_with(kValueMetadata)) continue;
    spec.value.columns.columns.push_back(
        {key.substr(kValueMetadata.size()), columns.columns[i].type});
    spec.value.targets.push_back(static_cast<int>(i));
    ++spec.value.metadata;
  }
  if (!spec.key.targets.empty() || options.upsert) spec.key.format = options.key_format;
  return spec;
}

KafkaFields KafkaFieldsOf(const KafkaOptions& options, const TableInfo& table) {
  KafkaFields fields;
  for (const std::string& name : options.key_fields) {
    const int at = table.schema.Find(name);
    fields.key.columns.push_back(
        WithoutPrefix(options, table.schema.columns[static_cast<size_t>(at)]));
    fields.key_columns.push_back(at);
  }
  for (int i = 0; i < table.schema.size(); ++i) {
    const Column& column = table.schema.columns[static_cast<size_t>(i)];
    const bool key = IsKeyField(options, column.name);
    if (key && !options.value_has_key) continue;
    fields.value.columns.push_back(options.upsert ? Nullable(column) : column);
    fields.value_columns.push_back(i);
  }
  return fields;
}

}  // namespace millrace
