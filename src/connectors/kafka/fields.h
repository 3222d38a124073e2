// Which columns of a Kafka table stand in a message's key, its value and its metadata.
#pragma once

#include <string_view>
#include <vector>

#include "connectors/kafka/options.h"
#include "formats/message_decoder.h"

namespace millrace {

// Begins the keys of metadata that come from the value's format, as in Flink.
inline constexpr std::string_view kValueMetadata = "value.";

// How messages become `columns`: the table's physical ones, then those of table.metadata.
MessageSpec MessageSpecOf(const KafkaOptions& options, const TableInfo& table,
                          const Schema& columns);

// How rows of `table` (its columns, then those of table.metadata) become messages: columns by part,
// named as the part's format knows them.
struct KafkaFields {
  Schema key, value;
  std::vector<int> key_columns, value_columns;
};
KafkaFields KafkaFieldsOf(const KafkaOptions& options, const TableInfo& table);

}  // namespace millrace
