#include "formats/record_decoder.h"

#include <arrow/table.h>

#include <algorithm>
#include <cstring>

#include "formats/avro/formats.h"
#include "formats/csv_options.h"
#include "formats/debezium.h"
#include "formats/makers.h"
#include "formats/protobuf/formats.h"
#include "formats/raw_records.h"

namespace millrace {
namespace {

constexpr int64_t kFirstLine = 2;  // not 1: no header, no byte order mark

// Tells bad lines as the records that they are.
class RecordDeadLetters final : public DeadLetters {
 public:
  RecordDeadLetters(DeadLetters& receiver, const std::vector<int64_t>& record_of_line)
      : receiver_(receiver), record_of_line_(record_of_line) {}
  void Add(const BadRow& row) override {
    BadRow told = row;
    told.line = record_of_line_[static_cast<size_t>(row.line - kFirstLine)];
    receiver_.Add(told);
  }

 private:
  DeadLetters& receiver_;
  const std::vector<int64_t>& record_of_line_;
};

class LineRecordDecoder final : public RecordDecoder {
 public:
  // `csv` null: the format's records may hold any white space instead of a newline (JSON), or
  // whatever a line may hold.
  LineRecordDecoder(std::unique_ptr<Decoder> decoder, bool json, std::optional<CsvOptions> csv)
      : decoder_(std::move(decoder)), json_(json), csv_(std::move(csv)) {
    decoder_->KeepLines(&lines_);
  }

  Result<DecodedRecords> Decode(const std::vector<std::string_view>& records,
                                const std::shared_ptr<arrow::Buffer>& text,
                                DeadLetters& dead) override;

 private:
  // What a record has to be before it may stand among others.
  enum class Fitness { kLine, kAlone, kNothing };
  Fitness Judge(std::string_view record) const;
  bool AllFit(const std::vector<std::string_view>& records, std::string_view text) const;
  Status DecodeLines(std::shared_ptr<arrow::Buffer> text, DeadLetters& dead);
  Status DecodeAlone(int64_t index, std::string_view record, DeadLetters& dead);
  Status FlushRun(DeadLetters& dead);
  void AppendLine(int64_t index, std::string_view record);
  Result<DecodedRecords> Finish();

  std::unique_ptr<Decoder> decoder_;
  bool json_;
  std::optional<CsvOptions> csv_;
  std::vector<int64_t> lines_;           // of the rows of the last Decode
  std::vector<int64_t> record_of_line_;  // of the text being decoded
  std::string run_;                      // lines that wait to be decoded
  std::vector<std::shared_ptr<arrow::RecordBatch>> batches_;
  std::vector<int64_t> sources_;
  std::vector<RowKind> kinds_;
};

LineRecordDecoder::Fitness LineRecordDecoder::Judge(std::string_view record) const {
  if (record.empty()) return Fitness::kNothing;
  if (csv_) {
    if (csv_->escape != '\0' && record.find(csv_->escape) != record.npos) return Fitness::kAlone;
    const auto quotes = csv_->quoting ? std::count(record.begin(), record.end(), csv_->quote) : 0;
    if (quotes % 2 != 0) return Fitness::kAlone;
  }
  if (!json_ && record.find('\n') != record.npos) return Fitness::kAlone;
  return Fitness::kLine;
}

// True if `text` can be read as it is: a line for each record.
bool LineRecordDecoder::AllFit(const std::vector<std::string_view>& records,
                               std::string_view text) const {
  const auto newlines = std::count(text.begin(), text.end(), '\n');
  if (newlines != std::ssize(records)) return false;
  for (const std::string_view record : records) {
    if (!record.data() || record.empty()) return false;
    if (csv_ && Judge(record) != Fitness::kLine) return false;
  }
  return true;
}

Result<DecodedRecords> LineRecordDecoder::Decode(const std::vector<std::string_view>& records,
                                                 const std::shared_ptr<arrow::Buffer>& text,
                                                 DeadLetters& dead) {
  record_of_line_.clear();
  if (text && AllFit(records, std::string_view(*text))) {
    for (int64_t i = 0; i < std::ssize(records); ++i) record_of_line_.push_back(i);
    MILL_RETURN(DecodeLines(text, dead));
    return Finish();
  }
  for (int64_t i = 0; i < std::ssize(records); ++i) {
    const std::string_view record = records[static_cast<size_t>(i)];
    if (!record.data()) continue;
    switch (Judge(record)) {
      case Fitness::kLine: AppendLine(i, record); break;
      case Fitness::kNothing: dead.Add({"", i, record, "the message is empty"}); break;
      case Fitness::kAlone:
        MILL_RETURN(FlushRun(dead));
        MILL_RETURN(DecodeAlone(i, record, dead));
        break;
    }
  }
  MILL_RETURN(FlushRun(dead));
  return Finish();
}

// A newline between JSON's tokens may as well be a carriage return; within a string both are wrong.
void LineRecordDecoder::AppendLine(int64_t index, std::string_view record) {
  const size_t begin = run_.size();
  run_ += record;
  if (json_) {
    std::replace(run_.begin() + static_cast<std::ptrdiff_t>(begin), run_.end(), '\n', '\r');
  }
  run_ += '\n';
  record_of_line_.push_back(index);
}

Status LineRecordDecoder::FlushRun(DeadLetters& dead) {
  if (record_of_line_.empty()) return Status::OK();
  const Status status = DecodeLines(std::make_shared<arrow::Buffer>(run_), dead);
  run_.clear();
  record_of_line_.clear();
  return status;
}

Status LineRecordDecoder::DecodeLines(std::shared_ptr<arrow::Buffer> text, DeadLetters& dead) {
  Chunk chunk;
  chunk.bytes = std::move(text);
  chunk.first_line = kFirstLine;
  lines_.clear();
  RecordDeadLetters told(dead, record_of_line_);
  MILL_ASSIGN(auto rows, decoder_->Decode(chunk, told));
  if (!rows) return Status::OK();
  MILL_CHECK(rows->num_rows() == std::ssize(lines_));
  for (const int64_t line : lines_) {
    sources_.push_back(record_of_line_[static_cast<size_t>(line - kFirstLine)]);
  }
  if (const RowKinds kinds = decoder_->kinds()) {
    kinds_.insert(kinds_.end(), kinds->begin(), kinds->end());
  }
  batches_.push_back(std::move(rows));
  return Status::OK();
}

// A record that is more than a line, or less: it has to be one row all the same.
Status LineRecordDecoder::DecodeAlone(int64_t index, std::string_view record, DeadLetters& dead) {
  const size_t lines = static_cast<size_t>(std::count(record.begin(), record.end(), '\n')) + 1;
  record_of_line_.assign(lines, index);
  const size_t rows_before = sources_.size();
  const size_t batches_before = batches_.size();
  MILL_RETURN(DecodeLines(std::make_shared<arrow::Buffer>(record), dead));
  record_of_line_.clear();
  if (sources_.size() > rows_before + 1) {
    sources_.resize(rows_before);
    batches_.resize(batches_before);
    dead.Add({"", index, record, "the message holds more than one record"});
  }
  return Status::OK();
}

Result<DecodedRecords> LineRecordDecoder::Finish() {
  DecodedRecords decoded;
  decoded.sources = std::move(sources_);
  decoded.kinds = std::move(kinds_);
  sources_.clear();
  kinds_.clear();
  if (batches_.size() == 1) {
    decoded.rows = std::move(batches_.front());
  } else if (!batches_.empty()) {
    MILL_ASSIGN(decoded.rows, arrow::ConcatenateRecordBatches(batches_));
  }
  batches_.clear();
  return decoded;
}

}  // namespace

Result<std::unique_ptr<RecordDecoder>> MakeRecordDecoder(const std::string& format,
                                                         const Schema& schema, const Schema& all,
                                                         const Options& options,
                                                         size_t metadata) {
  if (format == "raw") return MakeRawRecordDecoder(schema, all, options);
  MILL_RETURN(CheckFormatOptions(format, options));
  if (format == "avro") return MakeAvroDecoder(schema, all, options);
  if (format == "avro-confluent") return MakeConfluentDecoder(schema, options);
  if (format == "protobuf") return MakeProtobufDecoder(schema, options);
  const bool changelog = IsChangelogFormat(format);
  MILL_CHECK(metadata == 0 || changelog);
  MILL_ASSIGN(auto decoder, changelog ? MakeDebeziumDecoder(schema, metadata, options)
                                      : MakeDecoder(format, schema, all, options));
  std::optional<CsvOptions> csv;
  if (format == "csv") {
    MILL_ASSIGN(csv, CsvOptions::Read(options));
  }
  const bool json = format == "json" || changelog;
  return std::make_unique<LineRecordDecoder>(std::move(decoder), json, std::move(csv));
}

}  // namespace millrace
