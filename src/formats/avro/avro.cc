// The format 'avro': bare records in messages, container files.
#include "formats/avro/codec.h"
#include "formats/avro/container.h"
#include "formats/avro/formats.h"
#include "formats/avro/json_records.h"
#include "formats/avro/rows.h"
#include "formats/avro/types.h"
#include "formats/options.h"
#include "formats/row_record_decoder.h"

namespace millrace {
namespace {

class AvroRecordDecoder final : public RowRecordDecoder {
 public:
  AvroRecordDecoder(const Schema& schema, std::unique_ptr<AvroReader> reader)
      : RowRecordDecoder(schema), reader_(std::move(reader)) {}

 private:
  Status Append(std::string_view record, RowsBuilder& rows, std::string* reason) override {
    *reason = AppendAvroRecord(*reader_, record, rows);
    return Status::OK();
  }

  std::unique_ptr<AvroReader> reader_;
};

// Records in Avro's JSON encoding.
class AvroJsonDecoder final : public RowRecordDecoder {
 public:
  AvroJsonDecoder(const Schema& schema, std::shared_ptr<const AvroSchema> writer,
                  std::unique_ptr<AvroReader> reader)
      : RowRecordDecoder(schema), writer_(std::move(writer)), reader_(std::move(reader)) {}

 private:
  Status Append(std::string_view record, RowsBuilder& rows, std::string* reason) override {
    *reason = json_.ToBinary(writer_->root(), record, &binary_);
    if (reason->empty()) *reason = AppendAvroRecord(*reader_, binary_, rows);
    return Status::OK();
  }

  std::shared_ptr<const AvroSchema> writer_;
  std::unique_ptr<AvroReader> reader_;
  AvroJsonReader json_;
  std::string binary_;
};

class AvroRecordEncoder final : public RecordEncoder {
 public:
  AvroRecordEncoder(std::unique_ptr<AvroWriter> writer, bool json)
      : writer_(std::move(writer)), json_(json) {}

  Status Encode(const arrow::RecordBatch& rows, std::string& bytes,
                std::vector<int64_t>& ends) override {
    writer_->SetRows(rows);
    for (int64_t row = 0; row < rows.num_rows(); ++row) {
      std::string& out = json_ ? binary_ : bytes;
      binary_.clear();
      MILL_RETURN(Annotate(writer_->Append(row, out), "format 'avro'"));
      if (json_) AppendAvroJson(writer_->schema().root(), binary_, &bytes);
      ends.push_back(std::ssize(bytes));
    }
    return Status::OK();
  }

 private:
  std::unique_ptr<AvroWriter> writer_;
  bool json_;           // as Avro's JSON
  std::string binary_;  // of the row, which becomes JSON
};

class AvroFileEncoder final : public FileEncoder {
 public:
  AvroFileEncoder(std::unique_ptr<AvroFileWriter> writer,
                  std::shared_ptr<arrow::io::OutputStream> out)
      : writer_(std::move(writer)), out_(std::move(out)) {}

  Status Write(const arrow::RecordBatch& rows) override {
    MILL_RETURN(writer_->Write(rows, finished_));
    return Drain();
  }
  int64_t bytes() const override { return bytes_ + writer_->buffered(); }
  int64_t buffered() const override { return writer_->buffered(); }
  Status Flush() override {
    MILL_RETURN(writer_->Flush(finished_));
    return Drain();
  }
  Status Finish() override {
    MILL_RETURN(Flush());
    return out_->Flush();
  }

 private:
  Status Drain() {
    bytes_ += std::ssize(finished_);
    MILL_RETURN(out_->Write(finished_));
    finished_.clear();
    return Status::OK();
  }

  std::unique_ptr<AvroFileWriter> writer_;
  std::shared_ptr<arrow::io::OutputStream> out_;
  std::string finished_;  // not yet written
  int64_t bytes_ = 0;
};

Result<bool> IsJson(const Options& options) {
  const std::string encoding = StringOption(options, "avro.encoding", "binary");
  if (encoding == "binary" || encoding == "json") return encoding == "json";
  return UserError("option 'avro.encoding': '{}' is neither binary nor json", encoding);
}

Result<std::shared_ptr<const AvroSchema>> SchemaOf(const Schema& columns, const Options& options) {
  MILL_ASSIGN(const bool legacy, BoolOption(options, "avro.timestamp_mapping.legacy", true));
  auto schema = AvroSchemaOf(columns, legacy ? AvroTimestamps::kLegacy : AvroTimestamps::kLocal);
  MILL_RETURN(Annotate(schema.status(), "format 'avro'"));
  return schema;
}

}  // namespace

std::string AppendAvroRecord(AvroReader& reader, std::string_view record, RowsBuilder& rows) {
  if (!reader.ReadRecord(&record, rows)) return reader.error();
  if (record.empty()) [[likely]]
    return "";
  return fmt::format("{} bytes behind the record: it is of another schema", record.size());
}

Result<std::unique_ptr<RecordDecoder>> MakeAvroDecoder(const Schema& schema, const Schema& all,
                                                       const Options& options) {
  MILL_ASSIGN(auto writer, SchemaOf(all, options));
  MILL_ASSIGN(auto reader, AvroReader::Make(writer, schema));
  MILL_ASSIGN(const bool json, IsJson(options));
  if (json) return std::make_unique<AvroJsonDecoder>(schema, std::move(writer), std::move(reader));
  return std::make_unique<AvroRecordDecoder>(schema, std::move(reader));
}

Result<std::unique_ptr<RecordEncoder>> MakeAvroEncoder(const Schema& schema,
                                                       const Options& options) {
  MILL_ASSIGN(auto avro, SchemaOf(schema, options));
  MILL_ASSIGN(auto writer, AvroWriter::Make(std::move(avro), *schema.ToArrow()));
  MILL_ASSIGN(const bool json, IsJson(options));
  return std::make_unique<AvroRecordEncoder>(std::move(writer), json);
}

Result<FileEncoderMaker> MakeAvroEncoderMaker(const Schema& schema, const Options& options) {
  MILL_ASSIGN(const auto avro, SchemaOf(schema, options));
  MILL_ASSIGN(const bool json, IsJson(options));
  if (json) return UserError("option 'avro.encoding': files are binary, 'json' is for messages");
  const std::string codec = StringOption(options, "avro.codec", "snappy");
  MILL_RETURN(Annotate(CheckAvroCodec(codec), "option 'avro.codec'"));
  const auto columns = schema.ToArrow();
  MILL_RETURN(AvroWriter::Make(avro, *columns).status());
  return [=](std::shared_ptr<arrow::io::OutputStream> out) -> Result<std::unique_ptr<FileEncoder>> {
    MILL_ASSIGN(auto writer, AvroFileWriter::Make(avro, *columns, {}, codec));
    return std::make_unique<AvroFileEncoder>(std::move(writer), std::move(out));
  };
}

}  // namespace millrace
