// The format 'avro': bare records in messages, container files.
#include "formats/avro/codec.h"
#include "formats/avro/container.h"
#include "formats/avro/formats.h"
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

class AvroRecordEncoder final : public RecordEncoder {
 public:
  explicit AvroRecordEncoder(std::unique_ptr<AvroWriter> writer) : writer_(std::move(writer)) {}

  Status Encode(const arrow::RecordBatch& rows, std::string& bytes,
                std::vector<int64_t>& ends) override {
    writer_->SetRows(rows);
    for (int64_t row = 0; row < rows.num_rows(); ++row) {
      MILL_RETURN(Annotate(writer_->Append(row, bytes), "format 'avro'"));
      ends.push_back(std::ssize(bytes));
    }
    return Status::OK();
  }

 private:
  std::unique_ptr<AvroWriter> writer_;
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

Result<std::shared_ptr<const AvroSchema>> SchemaOf(const Schema& columns, const Options& options) {
  const std::string encoding = StringOption(options, "avro.encoding", "binary");
  if (encoding != "binary") {
    return UserError("option 'avro.encoding': '{}' is not supported, only binary", encoding);
  }
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
  MILL_ASSIGN(auto reader, AvroReader::Make(std::move(writer), schema));
  return std::make_unique<AvroRecordDecoder>(schema, std::move(reader));
}

Result<std::unique_ptr<RecordEncoder>> MakeAvroEncoder(const Schema& schema,
                                                       const Options& options) {
  MILL_ASSIGN(auto avro, SchemaOf(schema, options));
  MILL_ASSIGN(auto writer, AvroWriter::Make(std::move(avro), *schema.ToArrow()));
  return std::make_unique<AvroRecordEncoder>(std::move(writer));
}

Result<FileEncoderMaker> MakeAvroEncoderMaker(const Schema& schema, const Options& options) {
  MILL_ASSIGN(const auto avro, SchemaOf(schema, options));
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
