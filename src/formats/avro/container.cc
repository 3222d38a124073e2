#include "formats/avro/container.h"

#include <arrow/io/memory.h>
#include <arrow/table.h>

#include <algorithm>
#include <random>

#include "data/batch.h"
#include "formats/avro/binary.h"
#include "formats/avro/codec.h"
#include "formats/avro/types.h"

namespace millrace {
namespace {

constexpr std::string_view kMagic("Obj\x01", 4);
constexpr size_t kSyncBytes = 16;
constexpr int64_t kBlockBytes = 64 << 10;          // before compression, when written
constexpr int64_t kMaxBlockBytes = 256 << 20;      // after decompression, when read
constexpr int64_t kMaxHeaderBytes = 32 << 20;
constexpr int64_t kMaxContentBytes = 1LL << 30;    // of a file in memory, decoded
constexpr int64_t kMaxVarint = 10;

std::string RandomSync() {
  std::random_device random;
  std::string sync;
  while (sync.size() < kSyncBytes) AppendAvroFixed(sync, random());
  return sync;
}

// Reads the metadata map; false if it is broken or goes beyond the input.
bool ReadMetadata(AvroInput& input, AvroMetadata* metadata) {
  while (true) {
    int64_t count = 0, bytes = 0;
    if (!input.ReadBlock(&count, &bytes)) return false;
    if (count == 0) return true;
    for (; count > 0; --count) {
      std::string_view key, value;
      if (!input.ReadString(&key) || !input.ReadString(&value)) return false;
      (*metadata)[std::string(key)] = value;
    }
  }
}

}  // namespace

Status AvroFileReader::Broken(std::string_view why) const {
  return ExternalError("'{}' at byte {}: {}", name_, position_, why);
}

Result<std::unique_ptr<AvroFileReader>> AvroFileReader::Open(
    std::shared_ptr<arrow::io::RandomAccessFile> file, std::string name) {
  std::unique_ptr<AvroFileReader> reader(new AvroFileReader);
  reader->file_ = std::move(file);
  reader->name_ = std::move(name);
  MILL_ASSIGN(reader->size_, reader->file_->GetSize());
  MILL_RETURN(reader->ReadHeader());
  return reader;
}

// The `bytes` bytes at position_, or as many as the file has; valid until the next call.
Result<std::string_view> AvroFileReader::Peek(int64_t bytes) {
  const int64_t wanted = std::min(bytes, size_ - position_);
  const int64_t skip = position_ - buffer_at_;
  if (!buffer_ || skip < 0 || skip + wanted > buffer_->size()) {
    const int64_t more = std::max(wanted, std::min(kBlockBytes, size_ - position_));
    MILL_ASSIGN(buffer_, file_->ReadAt(position_, more));
    buffer_at_ = position_;
    if (buffer_->size() < wanted) return Broken("the file is shorter than it was");
    return std::string_view(*buffer_).substr(0, static_cast<size_t>(wanted));
  }
  return std::string_view(*buffer_).substr(static_cast<size_t>(skip), static_cast<size_t>(wanted));
}

Status AvroFileReader::ReadHeader() {
  MILL_ASSIGN(const std::string_view start, Peek(std::ssize(kMagic)));
  if (start != kMagic) return Broken("no Avro container file: it does not start with \"Obj\" 1");
  // Mostly short: all of it is read only where a piece does not do.
  for (int64_t bytes = kBlockBytes;; bytes = kMaxHeaderBytes) {
    MILL_ASSIGN(const std::string_view header, Peek(bytes));
    AvroInput input(header.substr(kMagic.size()));
    std::string_view sync;
    metadata_.clear();
    if (ReadMetadata(input, &metadata_) && input.ReadBytes(kSyncBytes, &sync)) {
      sync_ = sync;
      position_ = std::ssize(header) - static_cast<int64_t>(input.left());
      break;
    }
    if (bytes == kMaxHeaderBytes || std::ssize(header) == size_) return Broken("broken header");
  }
  codec_ = metadata_.contains("avro.codec") ? metadata_["avro.codec"] : "null";
  MILL_RETURN(Annotate(CheckAvroCodec(codec_), name_));
  if (!metadata_.contains("avro.schema")) return Broken("the header has no avro.schema");
  auto schema = AvroSchema::Parse(metadata_["avro.schema"]);
  MILL_RETURN(Annotate(schema.status(), name_));
  schema_ = std::move(*schema);
  return Status::OK();
}

Status AvroFileReader::Select(const Schema& columns) {
  auto reader = AvroReader::Make(schema_, columns);
  MILL_RETURN(Annotate(reader.status(), name_));
  reader_ = std::move(*reader);
  rows_ = std::make_unique<RowsBuilder>(columns);
  return Status::OK();
}

Status AvroFileReader::Seek(int64_t position) {
  if (position < position_ || position > size_) {
    return ExternalError("cannot go on in '{}' at byte {}: it is not there", name_, position);
  }
  position_ = position;
  return Status::OK();
}

Result<std::shared_ptr<arrow::RecordBatch>> AvroFileReader::Next() {
  MILL_CHECK(reader_ != nullptr);
  std::string records;
  while (position_ < size_) {
    int64_t length = 0;
    MILL_ASSIGN(const int64_t count, ReadBlock(&records, &length));
    MILL_ASSIGN(auto rows, Decode(records, count));
    position_ += length;
    if (rows->num_rows() > 0) return rows;
  }
  return nullptr;
}

Result<int64_t> AvroFileReader::NextRecords(std::string* records) {
  while (position_ < size_) {
    int64_t length = 0;
    MILL_ASSIGN(const int64_t count, ReadBlock(records, &length));
    position_ += length;
    if (count > 0) return count;
  }
  return 0;
}

// Reads the block at position_, whose records it counts, and says how many bytes it has in the file.
Result<int64_t> AvroFileReader::ReadBlock(std::string* records, int64_t* length) {
  MILL_ASSIGN(const std::string_view head, Peek(2 * kMaxVarint));
  AvroInput input(head);
  int64_t count = 0, bytes = 0;
  const bool read = input.ReadLong(&count) && input.ReadLong(&bytes) && count >= 0 && bytes >= 0;
  const int64_t begin = std::ssize(head) - static_cast<int64_t>(input.left());
  if (!read || bytes > size_ - position_ - begin) return Broken("a block that is cut off or broken");
  *length = begin + bytes + static_cast<int64_t>(kSyncBytes);
  MILL_ASSIGN(const std::string_view block, Peek(*length));
  if (std::ssize(block) != *length || !block.ends_with(sync_)) {
    return Broken("a block without the file's sync marker behind it");
  }
  const auto packed = block.substr(static_cast<size_t>(begin), static_cast<size_t>(bytes));
  auto plain = DecompressAvroBlock(codec_, packed, kMaxBlockBytes);
  if (!plain.ok()) return Broken(plain.status().message());
  *records = std::move(*plain);
  return count;
}

Result<std::shared_ptr<arrow::RecordBatch>> AvroFileReader::Decode(std::string_view block,
                                                                   int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    std::string why;
    if (!reader_->ReadRecord(&block, *rows_)) why = reader_->error();
    if (rows_->KeepOrUndoRow(&why)) [[likely]]
      continue;
    MILL_RETURN(rows_->Finish().status());
    return Broken(fmt::format("record {} of a block: {}", i + 1, why));
  }
  auto rows = rows_->Finish();
  if (!block.empty()) return Broken(fmt::format("{} bytes behind a block's records", block.size()));
  return rows;
}

Result<AvroContents> ReadAvroContainer(std::string_view bytes, const Schema* wanted) {
  const auto buffer = std::make_shared<arrow::Buffer>(bytes);
  MILL_ASSIGN(const auto file, AvroFileReader::Open(
                                   std::make_shared<arrow::io::BufferReader>(buffer), "Avro file"));
  AvroContents contents;
  contents.schema = file->schema();
  contents.metadata = file->metadata();
  if (wanted) contents.columns = *wanted;
  if (!wanted) {
    MILL_ASSIGN(contents.columns, SqlSchemaOf(*contents.schema));
  }
  MILL_RETURN(file->Select(contents.columns));
  std::vector<std::shared_ptr<arrow::RecordBatch>> batches;
  int64_t total = 0;
  while (true) {
    MILL_ASSIGN(auto rows, file->Next());
    if (!rows) break;
    total += Batch{rows, nullptr, nullptr}.bytes();
    if (total > kMaxContentBytes) return UserError("Avro file: over {} bytes", kMaxContentBytes);
    batches.push_back(std::move(rows));
  }
  if (batches.empty()) {
    MILL_ASSIGN(contents.rows, RowsBuilder(contents.columns).Finish());
  } else {
    MILL_ASSIGN(contents.rows, arrow::ConcatenateRecordBatches(batches));
  }
  return contents;
}

Result<std::unique_ptr<AvroFileWriter>> AvroFileWriter::Make(
    std::shared_ptr<const AvroSchema> schema, const arrow::Schema& columns,
    const AvroMetadata& metadata, std::string codec, std::string sync) {
  MILL_RETURN(CheckAvroCodec(codec));
  std::unique_ptr<AvroFileWriter> file(new AvroFileWriter);
  AvroMetadata all = metadata;
  all["avro.schema"] = schema->ToJson();
  all["avro.codec"] = codec;
  MILL_ASSIGN(file->writer_, AvroWriter::Make(std::move(schema), columns));
  file->codec_ = std::move(codec);
  file->sync_ = sync.empty() ? RandomSync() : std::move(sync);
  MILL_CHECK(file->sync_.size() == kSyncBytes);
  file->header_ = kMagic;
  AppendAvroLong(file->header_, std::ssize(all));
  for (const auto& [key, value] : all) {
    AppendAvroString(file->header_, key);
    AppendAvroString(file->header_, value);
  }
  file->header_ += '\0';
  file->header_ += file->sync_;
  return file;
}

Status AvroFileWriter::Write(const arrow::RecordBatch& rows, std::string& out) {
  writer_->SetRows(rows);
  for (int64_t row = 0; row < rows.num_rows(); ++row) {
    MILL_RETURN(writer_->Append(row, block_));
    ++count_;
    if (std::ssize(block_) >= kBlockBytes) MILL_RETURN(Flush(out));
  }
  return Status::OK();
}

Status AvroFileWriter::Flush(std::string& out) {
  out += header_;
  header_.clear();
  if (count_ == 0) return Status::OK();
  MILL_ASSIGN(const std::string packed, CompressAvroBlock(codec_, block_));
  AppendAvroLong(out, count_);
  AppendAvroString(out, packed);
  out += sync_;
  block_.clear();
  count_ = 0;
  return Status::OK();
}

Result<std::string> WriteAvroContainer(const std::shared_ptr<const AvroSchema>& schema,
                                       const arrow::RecordBatch& rows,
                                       const AvroMetadata& metadata, const std::string& codec,
                                       const std::string& sync) {
  MILL_ASSIGN(const auto file,
              AvroFileWriter::Make(schema, *rows.schema(), metadata, codec, sync));
  std::string bytes;
  MILL_RETURN(file->Write(rows, bytes));
  MILL_RETURN(file->Flush(bytes));
  return bytes;
}

}  // namespace millrace
