// The format 'parquet', written: dictionary encoded, compressed, in row groups that are bounded in
// rows and bytes. A row group is held in memory, encoded, until it is full.
#include "formats/parquet_encoder.h"

#include <arrow/util/byte_size.h>
#include <parquet/arrow/writer.h>

#include <algorithm>

#include "formats/makers.h"
#include "formats/options.h"
#include "formats/parquet_guard.h"

namespace millrace {
namespace {

constexpr int64_t kMaxGroupRows = 1 << 20;
// What rows shrink to when they are encoded, until the file itself tells.
constexpr double kFirstGuess = 0.4;

struct ParquetOptions {
  std::shared_ptr<parquet::WriterProperties> properties;
  int64_t group_bytes = 0;  // of a row group's rows before they are encoded
};

class ParquetEncoder : public FileEncoder {
 public:
  ParquetEncoder(std::unique_ptr<parquet::arrow::FileWriter> writer,
                 std::shared_ptr<arrow::io::OutputStream> out, int64_t group_bytes,
                 std::function<void(const parquet::FileMetaData&)> on_footer)
      : writer_(std::move(writer)),
        out_(std::move(out)),
        group_bytes_(group_bytes),
        on_footer_(std::move(on_footer)) {}

  Status Write(const arrow::RecordBatch& rows) override {
    if (rows.num_rows() == 0) return Status::OK();
    if (pending_ >= group_bytes_) MILL_RETURN(Flush());
    MILL_RETURN(GuardParquet([&] { return writer_->WriteRecordBatch(rows); }));
    MILL_ASSIGN(int64_t size, arrow::util::ReferencedBufferSize(rows));
    pending_ += size;
    return Status::OK();
  }

  int64_t bytes() const override { return written() + buffered(); }

  int64_t buffered() const override {
    const double ratio = flushed_ == 0 ? kFirstGuess
                                       : static_cast<double>(written()) /
                                             static_cast<double>(flushed_);
    return static_cast<int64_t>(static_cast<double>(pending_) * ratio);
  }

  Status Flush() override {
    if (pending_ == 0) return Status::OK();
    MILL_RETURN(GuardParquet([&] { return writer_->NewBufferedRowGroup(); }));
    flushed_ += std::exchange(pending_, 0);
    return Status::OK();
  }

  Status Finish() override {
    MILL_RETURN(GuardParquet([&] {
      MILL_RETURN(writer_->Close());
      if (on_footer_) on_footer_(*writer_->metadata());
      return Status::OK();
    }));
    return out_->Flush();
  }

 private:
  int64_t written() const { return out_->Tell().ValueOr(0); }

  std::unique_ptr<parquet::arrow::FileWriter> writer_;
  std::shared_ptr<arrow::io::OutputStream> out_;
  int64_t group_bytes_;
  int64_t pending_ = 0;  // bytes of the rows in the open row group, before encoding
  int64_t flushed_ = 0;  // and of those in the row groups before
  std::function<void(const parquet::FileMetaData&)> on_footer_;
};

Result<parquet::Compression::type> ReadCompression(const Options& options) {
  using parquet::Compression;
  static const std::vector<std::pair<std::string, Compression::type>> kCodecs = {
      {"zstd", Compression::ZSTD},     {"snappy", Compression::SNAPPY},
      {"gzip", Compression::GZIP},     {"lz4_raw", Compression::LZ4},
      {"brotli", Compression::BROTLI}, {"uncompressed", Compression::UNCOMPRESSED}};
  const std::string given = StringOption(options, "parquet.compression", "zstd");
  std::string lower = given;
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  std::vector<std::string> names;
  for (const auto& [name, codec] : kCodecs) {
    if (name == lower) return codec;
    names.push_back(name);
  }
  return UserError("option 'parquet.compression': '{}' is none of {}", given,
                   fmt::join(names, ", "));
}

Result<int64_t> SizeOption(const Options& options, const std::string& key,
                           const std::string& fallback) {
  auto size = ParseMemorySize(StringOption(options, key, fallback));
  if (!size.ok()) return Annotate(size.status(), fmt::format("option '{}'", key));
  if (*size <= 0) return UserError("option '{}': the size must be above 0", key);
  return size;
}

Result<ParquetOptions> ReadOptions(const Options& options, bool decimals_as_integers) {
  MILL_ASSIGN(const auto codec, ReadCompression(options));
  MILL_ASSIGN(bool dictionary, BoolOption(options, "parquet.enable.dictionary", true));
  MILL_ASSIGN(int64_t page, SizeOption(options, "parquet.page.size", "1 MB"));
  MILL_ASSIGN(int64_t group, SizeOption(options, "parquet.block.size", "64 MB"));
  MILL_ASSIGN(bool utc, BoolOption(options, "parquet.utc-timezone", true));
  if (!utc) {
    return UserError("option 'parquet.utc-timezone': only 'true' is supported: timestamps in files "
                     "are UTC");
  }
  parquet::WriterProperties::Builder builder;
  builder.compression(codec)->data_pagesize(page)->max_row_group_length(kMaxGroupRows);
  if (!dictionary) builder.disable_dictionary();
  if (decimals_as_integers) builder.enable_store_decimal_as_integer();
  return ParquetOptions{builder.build(), group};
}

// A file without columns cannot be read by anyone.
Status CheckSchema(const Schema& schema) {
  if (schema.size() > 0) return Status::OK();
  return UserError("format 'parquet' needs a column that the table is not partitioned by");
}

}  // namespace

Result<FileEncoderMaker> MakeParquetEncoderMaker(ParquetEncoding encoding, const Options& options) {
  MILL_ASSIGN(const ParquetOptions parquet, ReadOptions(options, encoding.decimals_as_integers));
  return [parquet, encoding = std::move(encoding)](std::shared_ptr<arrow::io::OutputStream> out)
             -> Result<std::unique_ptr<FileEncoder>> {
    MILL_ASSIGN(auto writer, parquet::arrow::FileWriter::Open(
                                 *encoding.schema, arrow::default_memory_pool(), out,
                                 parquet.properties, parquet::default_arrow_writer_properties()));
    return std::make_unique<ParquetEncoder>(std::move(writer), std::move(out), parquet.group_bytes,
                                            encoding.on_footer);
  };
}

Result<FileEncoderMaker> MakeParquetEncoderMaker(const Schema& schema, const Options& options) {
  MILL_RETURN(CheckSchema(schema));
  return MakeParquetEncoderMaker(ParquetEncoding{schema.ToArrow(), false, nullptr}, options);
}

}  // namespace millrace
