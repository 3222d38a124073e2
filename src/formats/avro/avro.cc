// The format 'avro': bare records in messages, container files.
#include "formats/avro/codec.h"
#include "formats/avro/container.h"
#include "formats/avro/formats.h"
#include "formats/avro/rows.h"
#include "formats/avro/types.h"
#include "formats/options.h"

namespace millrace {
namespace {

class AvroRecordDecoder final : public RecordDecoder {
 public:
  AvroRecordDecoder(const Schema& schema, std::unique_ptr<AvroReader> reader)
      : reader_(std::move(reader)), rows_(schema) {}

  Result<DecodedRecords> Decode(const std::vector<std::string_view>& records,
                                const std::shared_ptr<arrow::Buffer>&, DeadLetters& dead) override {
    DecodedRecords decoded;
    for (int64_t i = 0; i < std::ssize(records); ++i) {
      const std::string_view record = records[static_cast<size_t>(i)];
      if (!record.data()) continue;
      const std::string reason = ReadAvroRow(*reader_, record, rows_);
      if (reason.empty()) [[likely]] {
        decoded.sources.push_back(i);
      } else {
        dead.Add({"", i, record, reason});
      }
    }
    MILL_ASSIGN(decoded.rows, rows_.Finish());
    return decoded;
  }

 private:
  std::unique_ptr<AvroReader> reader_;
  RowsBuilder rows_;
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

std::string ReadAvroRow(AvroReader& reader, std::string_view record, RowsBuilder& rows) {
  std::string reason;
  if (!reader.ReadRecord(&record, rows)) {
    reason = reader.error();
  } else if (!record.empty()) {
    reason = fmt::format("{} bytes behind the record: it is of another schema", record.size());
  } else {
    const int missing = rows.EndRow();
    if (missing < 0) [[likely]] return "";
    reason = fmt::format("field `{}`: NULL, but the column is NOT NULL",
                         rows.name(static_cast<size_t>(missing)));
  }
  rows.UndoRow();
  return reason;
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
