#include "formats/record_encoder.h"

#include "formats/avro/formats.h"
#include "formats/debezium.h"
#include "formats/protobuf/formats.h"
#include "formats/raw_records.h"

namespace millrace {
namespace {

class LineRecordEncoder final : public RecordEncoder {
 public:
  // `one_line`: a record never holds a newline, so that many can be encoded at once.
  LineRecordEncoder(std::unique_ptr<Encoder> encoder, bool one_line)
      : encoder_(std::move(encoder)), one_line_(one_line) {}

  Status Encode(const arrow::RecordBatch& rows, std::string& bytes,
                std::vector<int64_t>& ends) override {
    if (!one_line_) return EncodeEach(rows, bytes, ends);
    lines_.clear();
    MILL_RETURN(encoder_->Encode(rows, lines_));
    size_t begin = 0;
    for (int64_t row = 0; row < rows.num_rows(); ++row) {
      const size_t end = lines_.find('\n', begin);
      MILL_CHECK(end != lines_.npos);
      bytes.append(lines_, begin, end - begin);
      ends.push_back(std::ssize(bytes));
      begin = end + 1;
    }
    MILL_CHECK(begin == lines_.size());
    return Status::OK();
  }

 private:
  Status EncodeEach(const arrow::RecordBatch& rows, std::string& bytes,
                    std::vector<int64_t>& ends) {
    for (int64_t row = 0; row < rows.num_rows(); ++row) {
      MILL_RETURN(encoder_->Encode(*rows.Slice(row, 1), bytes));
      if (bytes.ends_with('\n')) bytes.pop_back();
      ends.push_back(std::ssize(bytes));
    }
    return Status::OK();
  }

  std::unique_ptr<Encoder> encoder_;
  bool one_line_;
  std::string lines_;
};

}  // namespace

Result<std::unique_ptr<RecordEncoder>> MakeRecordEncoder(const std::string& format,
                                                         const Schema& schema,
                                                         const Options& options) {
  if (format == "raw") return MakeRawRecordEncoder(schema, options);
  MILL_RETURN(CheckFormatOptions(format, options));
  if (format == "avro") return MakeAvroEncoder(schema, options);
  if (format == "avro-confluent") return MakeConfluentEncoder(schema, options);
  if (format == "debezium-json") return MakeDebeziumRecordEncoder(schema, options);
  if (format == "protobuf") return MakeProtobufEncoder(schema, options);
  MILL_ASSIGN(auto encoder, MakeEncoder(format, schema, options));
  return std::make_unique<LineRecordEncoder>(std::move(encoder), format == "json");
}

}  // namespace millrace
