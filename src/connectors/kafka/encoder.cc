#include "connectors/kafka/encoder.h"

#include <arrow/array.h>

namespace millrace {
namespace {

Messages::Headers HeadersAt(const arrow::MapArray& column, int64_t row) {
  Messages::Headers headers;
  const auto& names = static_cast<const arrow::BinaryArray&>(*column.keys());
  const auto& values = static_cast<const arrow::BinaryArray&>(*column.items());
  for (int64_t i = column.value_offset(row); i < column.value_offset(row + 1); ++i) {
    headers.emplace_back(names.GetString(i), values.IsNull(i) ? "" : values.GetString(i));
  }
  return headers;
}

Status CheckWritable(const TableInfo& table) {
  for (const std::string& key : table.metadata) {
    if (key == "topic" || key == "timestamp" || key == "headers") continue;
    return UserError("table '{}': metadata '{}' cannot be written. hint: METADATA VIRTUAL",
                     table.name, key);
  }
  return Status::OK();
}

}  // namespace

Result<std::unique_ptr<KafkaEncoder>> KafkaEncoder::Make(const KafkaOptions& options,
                                                         const TableInfo& table) {
  MILL_RETURN(CheckWritable(table));
  std::unique_ptr<KafkaEncoder> encoder(new KafkaEncoder);
  encoder->upsert_ = options.upsert;
  encoder->topic_ = options.topics.empty() ? "" : options.topics.front();
  encoder->first_metadata_ = table.schema.size();
  encoder->metadata_ = table.metadata;
  const KafkaFields fields = KafkaFieldsOf(options, table);
  MILL_ASSIGN(encoder->value_.encoder,
              MakeRecordEncoder(options.value_format, fields.value, options.value_options));
  encoder->value_.columns = fields.value_columns;
  if (options.key_format.empty()) return encoder;
  MILL_ASSIGN(encoder->key_.encoder,
              MakeRecordEncoder(options.key_format, fields.key, options.key_options));
  encoder->key_.columns = fields.key_columns;
  return encoder;
}

Status KafkaEncoder::EncodePart(const arrow::RecordBatch& rows, Part& part) {
  part.bytes.clear();
  part.ends.clear();
  part.records.assign(static_cast<size_t>(rows.num_rows()), {});
  if (!part.encoder) return Status::OK();
  MILL_ASSIGN(const auto columns, rows.SelectColumns(part.columns));
  MILL_RETURN(part.encoder->Encode(*columns, part.bytes, part.ends));
  MILL_CHECK(part.ends.size() == part.records.size());
  part.bytes.reserve(1);  // an empty record is not NULL
  int64_t begin = 0;
  for (size_t i = 0; i < part.ends.size(); ++i) {
    if (part.ends[i] < 0) continue;
    part.records[i] = {part.bytes.data() + begin, static_cast<size_t>(part.ends[i] - begin)};
    begin = part.ends[i];
  }
  return Status::OK();
}

// The metadata columns have the types of formats/message_metadata.h.
Status KafkaEncoder::FillMetadata(const arrow::RecordBatch& rows, int64_t row,
                                  OutMessage* message) const {
  for (size_t i = 0; i < metadata_.size(); ++i) {
    const arrow::Array& column = *rows.column(first_metadata_ + static_cast<int>(i));
    if (column.IsNull(row)) continue;
    if (metadata_[i] == "topic") {
      message->topic = static_cast<const arrow::BinaryArray&>(column).GetView(row);
    } else if (metadata_[i] == "timestamp") {
      message->timestamp = static_cast<const arrow::TimestampArray&>(column).Value(row);
    } else {
      message->headers = HeadersAt(static_cast<const arrow::MapArray&>(column), row);
    }
  }
  if (!message->topic.empty()) return Status::OK();
  return UserError("a row names no topic. hint: say 'topic', or fill the metadata column 'topic'");
}

bool KafkaEncoder::TakenBack(const Batch& batch, int64_t row) const {
  if (batch.kind(row) != RowKind::kUpdateBefore) return false;
  if (row + 1 == batch.num_rows()) return false;
  const auto at = static_cast<size_t>(row);
  return batch.kind(row + 1) == RowKind::kUpdateAfter && key_.records[at] == key_.records[at + 1];
}

Status KafkaEncoder::Encode(const Batch& batch,
                            const std::function<Status(const OutMessage&)>& visit) {
  MILL_RETURN(EncodePart(*batch.rows, key_));
  value_.encoder->SetKinds(batch.kinds);
  MILL_RETURN(EncodePart(*batch.rows, value_));
  for (int64_t row = 0; row < batch.num_rows(); ++row) {
    if (upsert_ && TakenBack(batch, row)) continue;
    OutMessage message;
    message.topic = topic_;
    message.key = key_.records[static_cast<size_t>(row)];
    if (!upsert_ || Adds(batch.kind(row))) message.value = value_.records[static_cast<size_t>(row)];
    MILL_RETURN(FillMetadata(*batch.rows, row, &message));
    MILL_RETURN(visit(message));
  }
  return Status::OK();
}

}  // namespace millrace
