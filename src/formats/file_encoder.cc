#include "formats/file_encoder.h"

#include "formats/avro/formats.h"
#include "formats/makers.h"

namespace millrace {
namespace {

// Records of a text format, one after the other.
class TextFileEncoder : public FileEncoder {
 public:
  TextFileEncoder(std::shared_ptr<Encoder> encoder, std::shared_ptr<arrow::io::OutputStream> out)
      : encoder_(std::move(encoder)), out_(std::move(out)) {}

  Status Write(const arrow::RecordBatch& rows) override {
    text_.clear();
    if (bytes_ == 0) text_ = encoder_->Header();
    MILL_RETURN(encoder_->Encode(rows, text_));
    bytes_ += static_cast<int64_t>(text_.size());
    return out_->Write(text_);
  }
  int64_t bytes() const override { return bytes_; }
  Status Finish() override { return out_->Flush(); }

 private:
  std::shared_ptr<Encoder> encoder_;
  std::shared_ptr<arrow::io::OutputStream> out_;
  std::string text_;
  int64_t bytes_ = 0;
};

}  // namespace

Result<FileEncoderMaker> MakeFileEncoderMaker(const std::string& name, const Schema& schema,
                                              const Options& options) {
  MILL_RETURN(CheckFormatOptions(name, options));
  if (name == "parquet") return MakeParquetEncoderMaker(schema, options);
  if (name == "avro") return MakeAvroEncoderMaker(schema, options);
  MILL_ASSIGN(std::shared_ptr<Encoder> encoder, MakeEncoder(name, schema, options));
  return [encoder](std::shared_ptr<arrow::io::OutputStream> out)
             -> Result<std::unique_ptr<FileEncoder>> {
    return std::make_unique<TextFileEncoder>(encoder, std::move(out));
  };
}

}  // namespace millrace
