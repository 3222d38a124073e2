// Turns a table's rows into messages: key, value, and what metadata columns say of them.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/kafka/fields.h"
#include "data/batch.h"
#include "formats/messages.h"
#include "formats/record_encoder.h"

namespace millrace {

// A message to be written. Views without data are NULL; they live as long as the call.
struct OutMessage {
  std::string_view topic;
  std::string_view key, value;
  int64_t timestamp = 0;  // ms; 0: when it is sent
  int32_t partition = -1;  // -1: the client's partitioner decides
  Messages::Headers headers;
};

class KafkaEncoder {
 public:
  // The rows are the table's physical columns, then those of table.metadata.
  static Result<std::unique_ptr<KafkaEncoder>> Make(const KafkaOptions& options,
                                                    const TableInfo& table);

  // Calls `visit` for each message of `batch`, in order. For upserts a deleted row is a message
  // without value, and what an update takes back is none, unless its key goes away with it.
  Status Encode(const Batch& batch, const std::function<Status(const OutMessage&)>& visit);

 private:
  // Records of one part, one after the other.
  struct Part {
    std::unique_ptr<RecordEncoder> encoder;  // null: the part is always NULL
    std::vector<int> columns;
    std::string bytes;
    std::vector<int64_t> ends;
    std::vector<std::string_view> records;
  };

  KafkaEncoder() = default;
  static Status EncodePart(const arrow::RecordBatch& rows, Part& part);
  Status FillMetadata(const arrow::RecordBatch& rows, int64_t row, OutMessage* message) const;
  // True if row `row` of an upsert is not to be told.
  bool TakenBack(const Batch& batch, int64_t row) const;

  bool upsert_ = false;
  std::string topic_;
  Part key_, value_;
  int first_metadata_ = 0;
  std::vector<std::string> metadata_;
};

}  // namespace millrace
