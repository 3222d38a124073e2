#include "formats/message_metadata.h"

#include <functional>

#include "formats/columns.h"

namespace millrace {
namespace {

const char* TimestampTypeName(Messages::TimestampType type) {
  switch (type) {
    case Messages::TimestampType::kCreateTime: return "CreateTime";
    case Messages::TimestampType::kLogAppendTime: return "LogAppendTime";
    default: return "NoTimestampType";
  }
}

void AppendHeaders(ColumnBuilder& column, const Messages::Headers& headers) {
  for (const auto& [name, value] : headers) {
    column.child(0).AppendBytes(name);
    column.child(1).AppendBytes(value);
  }
  column.EndList();
}

using Appender = std::function<void(ColumnBuilder&, const Messages&, size_t)>;

Appender AppenderOf(const std::string& key) {
  if (key == "topic") {
    return [](ColumnBuilder& column, const Messages& m, size_t) { column.AppendBytes(m.topic); };
  }
  if (key == "partition") {
    return [](ColumnBuilder& column, const Messages& m, size_t) { column.Append(m.partition); };
  }
  if (key == "offset") {
    return [](ColumnBuilder& column, const Messages& m, size_t i) { column.Append(m.offsets[i]); };
  }
  if (key == "timestamp") {
    return [](ColumnBuilder& column, const Messages& m, size_t i) {
      column.Append(m.timestamps[i]);
    };
  }
  if (key == "timestamp-type") {
    return [](ColumnBuilder& column, const Messages& m, size_t i) {
      column.AppendBytes(TimestampTypeName(m.timestamp_types[i]));
    };
  }
  if (key == "headers") {
    return [](ColumnBuilder& column, const Messages& m, size_t i) {
      AppendHeaders(column, m.headers.empty() ? Messages::Headers{} : m.headers[i]);
    };
  }
  return [](ColumnBuilder& column, const Messages& m, size_t i) {
    if (m.keys[i].data()) {
      column.AppendBytes(m.keys[i]);
    } else {
      column.AppendNull();
    }
  };
}

}  // namespace

const std::vector<MessageMetadata>& AllMessageMetadata() {
  static const std::vector<MessageMetadata> kAll = {
      {"topic", SqlType::String().NotNull(), "The topic's name."},
      {"partition", SqlType::Int().NotNull(), "The partition's number."},
      {"offset", SqlType::BigInt().NotNull(), "The message's place in the partition."},
      {"timestamp", SqlType::TimestampLtz(3).NotNull(), "The message's timestamp."},
      {"timestamp-type", SqlType::String().NotNull(),
       "NoTimestampType, CreateTime or LogAppendTime."},
      {"headers", SqlType::Map(SqlType::String().NotNull(), SqlType::Bytes()).NotNull(),
       "The message's headers; of headers with the same name, which is kept is not defined."},
      {"key", SqlType::Bytes(), "The bytes of the message's key."},
  };
  return kAll;
}

Result<std::shared_ptr<arrow::Array>> MetadataColumn(const std::string& key,
                                                     const Messages& messages,
                                                     const std::vector<int64_t>& indices) {
  for (const MessageMetadata& metadata : AllMessageMetadata()) {
    if (metadata.key != key) continue;
    ColumnBuilder column(metadata.type);
    const Appender append = AppenderOf(key);
    for (const int64_t i : indices) append(column, messages, static_cast<size_t>(i));
    return column.Finish();
  }
  return UserError("a message has no metadata '{}'", key);
}

}  // namespace millrace
