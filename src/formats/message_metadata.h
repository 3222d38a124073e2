// The facts about a message as columns, named and typed as in Flink's kafka connector.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "data/type.h"
#include "formats/messages.h"

namespace millrace {

struct MessageMetadata {
  std::string key;
  SqlType type;
  std::string doc;
};

// topic, partition, offset, timestamp, timestamp-type, headers, key.
const std::vector<MessageMetadata>& AllMessageMetadata();

// The column `key` for the messages at `indices`.
Result<std::shared_ptr<arrow::Array>> MetadataColumn(const std::string& key,
                                                     const Messages& messages,
                                                     const std::vector<int64_t>& indices);

}  // namespace millrace
