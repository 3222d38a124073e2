// The format 'avro-confluent': each message names its writer's schema, by its id in a registry.
//
//   message = 0, id (4 bytes, big-endian), record
#include <map>

#include "formats/avro/formats.h"
#include "formats/avro/registry.h"
#include "formats/avro/rows.h"
#include "formats/avro/types.h"
#include "formats/avro/writer.h"
#include "formats/options.h"
#include "formats/row_record_decoder.h"

namespace millrace {
namespace {

constexpr size_t kHeaderBytes = 5;

std::string Header(uint32_t id) {
  std::string bytes(1, '\0');
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(id >> shift);
  return bytes;
}

uint32_t IdOf(std::string_view record) {
  uint32_t id = 0;
  for (size_t i = 1; i < kHeaderBytes; ++i) id = id << 8 | static_cast<uint8_t>(record[i]);
  return id;
}

class ConfluentDecoder final : public RowRecordDecoder {
 public:
  ConfluentDecoder(const Schema& schema, RegistryOptions options)
      : RowRecordDecoder(schema), schema_(schema), registry_(std::move(options)) {}

 private:
  // Of one writer's schema; without a reader its records cannot be read, and why.
  struct Writer {
    std::unique_ptr<AvroReader> reader;
    std::string reason;
  };

  // An error only where the registry is away.
  Status Append(std::string_view record, RowsBuilder& rows, std::string* reason) override {
    if (record.size() < kHeaderBytes || record.front() != '\0') {
      *reason = "no message of the schema registry: it does not begin with a zero byte and a "
                "schema's id";
      return Status::OK();
    }
    const uint32_t id = IdOf(record);
    if (!last_ || id != last_id_) {
      MILL_ASSIGN(last_, WriterOf(id));
      last_id_ = id;
    }
    *reason = last_->reader ? AppendAvroRecord(*last_->reader, record.substr(kHeaderBytes), rows)
                            : last_->reason;
    return Status::OK();
  }

  Result<Writer*> WriterOf(uint32_t id) {
    constexpr size_t kMaxWriters = 1000;
    const auto found = writers_.find(id);
    if (found != writers_.end()) return &found->second;
    auto schema = registry_.SchemaOf(id);
    if (schema.status().IsIOError()) return schema.status();
    Writer writer;
    if (schema.ok()) {
      auto reader = AvroReader::Make(*schema, schema_);
      if (reader.ok()) writer.reader = std::move(*reader);
      if (!reader.ok()) writer.reason = fmt::format("schema {}: {}", id, reader.status().message());
    } else if (schema.status().IsKeyError()) {
      writer.reason = schema.status().message();
    } else {
      return schema.status();
    }
    if (writers_.size() >= kMaxWriters) writers_.clear();
    return &(writers_[id] = std::move(writer));
  }

  Schema schema_;
  SchemaRegistry registry_;
  std::map<uint32_t, Writer> writers_;
  Writer* last_ = nullptr;
  uint32_t last_id_ = 0;
};

class ConfluentEncoder final : public RecordEncoder {
 public:
  ConfluentEncoder(std::unique_ptr<AvroWriter> writer, std::string subject, RegistryOptions options)
      : writer_(std::move(writer)), subject_(std::move(subject)), registry_(std::move(options)) {}

  Status Encode(const arrow::RecordBatch& rows, std::string& bytes,
                std::vector<int64_t>& ends) override {
    if (header_.empty() && rows.num_rows() > 0) {
      MILL_ASSIGN(const uint32_t id, registry_.Register(subject_, writer_->schema()));
      header_ = Header(id);
    }
    writer_->SetRows(rows);
    for (int64_t row = 0; row < rows.num_rows(); ++row) {
      bytes += header_;
      MILL_RETURN(Annotate(writer_->Append(row, bytes), "format 'avro-confluent'"));
      ends.push_back(std::ssize(bytes));
    }
    return Status::OK();
  }

 private:
  std::unique_ptr<AvroWriter> writer_;
  std::string subject_;
  SchemaRegistry registry_;
  std::string header_;  // of each message, once the schema is registered
};

Result<std::shared_ptr<const AvroSchema>> SchemaToWrite(const Schema& columns,
                                                        const Options& options) {
  const std::string said = StringOption(options, "avro-confluent.schema", "");
  auto schema = said.empty() ? AvroSchemaOf(columns, AvroTimestamps::kLegacy)
                             : AvroSchema::Parse(said);
  const char* where = said.empty() ? "format 'avro-confluent'" : "option 'avro-confluent.schema'";
  MILL_RETURN(Annotate(schema.status(), where));
  return schema;
}

}  // namespace

Result<std::unique_ptr<RecordDecoder>> MakeConfluentDecoder(const Schema& schema,
                                                            const Options& options) {
  MILL_ASSIGN(RegistryOptions registry, RegistryOptions::Read(options));
  return std::make_unique<ConfluentDecoder>(schema, std::move(registry));
}

Result<std::unique_ptr<RecordEncoder>> MakeConfluentEncoder(const Schema& schema,
                                                            const Options& options) {
  MILL_ASSIGN(RegistryOptions registry, RegistryOptions::Read(options));
  const std::string subject = StringOption(options, "avro-confluent.subject", "");
  if (subject.empty()) {
    return UserError("missing option 'avro-confluent.subject': what the schema is registered as");
  }
  MILL_ASSIGN(auto avro, SchemaToWrite(schema, options));
  auto writer = AvroWriter::Make(std::move(avro), *schema.ToArrow());
  MILL_RETURN(Annotate(writer.status(), "format 'avro-confluent'"));
  return std::make_unique<ConfluentEncoder>(std::move(*writer), subject, std::move(registry));
}

}  // namespace millrace
