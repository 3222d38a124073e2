#include "connectors/files/row_segment.h"

#include <arrow/io/memory.h>
#include <arrow/ipc/reader.h>
#include <arrow/ipc/writer.h>
#include <arrow/table.h>
#include <xxhash.h>

#include <charconv>
#include <cstring>

namespace millrace {
namespace {

constexpr std::string_view kMagic = "MILLSEG1";
constexpr int64_t kTail = 24;

void AppendNumber(std::string* out, uint64_t number) {
  for (int i = 0; i < 8; ++i) out->push_back(static_cast<char>(number >> (8 * i)));
}

uint64_t NumberAt(const uint8_t* from) {
  uint64_t number = 0;
  for (int i = 0; i < 8; ++i) number |= uint64_t{from[i]} << (8 * i);
  return number;
}

Status Damaged(const std::string& name, std::string_view what) {
  return ExternalError("'{}', which holds gathered rows, is damaged: {}", name, what);
}

// The next number of a line of the index, and what divides it from the following.
template <typename Number>
bool TakeNumber(std::string_view* line, char end, int base, Number* number) {
  const auto read = std::from_chars(line->data(), line->data() + line->size(), *number, base);
  const auto length = static_cast<size_t>(read.ptr - line->data());
  if (read.ec != std::errc() || length >= line->size() || *read.ptr != end) return false;
  line->remove_prefix(length + 1);
  return true;
}

bool ParsePart(std::string_view line, SegmentPart* part) {
  if (!TakeNumber(&line, ' ', 10, &part->offset) || !TakeNumber(&line, ' ', 10, &part->bytes) ||
      !TakeNumber(&line, ' ', 10, &part->rows) || !TakeNumber(&line, '\t', 16, &part->checksum)) {
    return false;
  }
  part->folder = line;
  return part->offset >= 0 && part->bytes >= 0 && part->rows >= 0;
}

// The rows as few batches, however many they came in.
Result<RecordBatches> Joined(const RecordBatches& rows) {
  if (rows.size() == 1) return rows;
  MILL_ASSIGN(const auto table, arrow::Table::FromRecordBatches(rows));
  MILL_ASSIGN(auto joined, table->CombineChunksToBatch());
  return RecordBatches{std::move(joined)};
}

}  // namespace

Status SegmentBuilder::Add(const std::string& folder, const RecordBatches& rows) {
  auto options = arrow::ipc::IpcWriteOptions::Defaults();
  MILL_ASSIGN(options.codec, arrow::util::Codec::Create(arrow::Compression::LZ4_FRAME));
  MILL_ASSIGN(const auto joined, Joined(rows));
  MILL_ASSIGN(const auto stream, arrow::io::BufferOutputStream::Create());
  MILL_ASSIGN(const auto writer,
              arrow::ipc::MakeStreamWriter(stream, joined.front()->schema(), options));
  SegmentPart part;
  part.folder = folder;
  for (const auto& batch : joined) {
    MILL_RETURN(writer->WriteRecordBatch(*batch));
    part.rows += batch->num_rows();
  }
  MILL_RETURN(writer->Close());
  MILL_ASSIGN(const auto buffer, stream->Finish());
  part.offset = static_cast<int64_t>(bytes_.size());
  part.bytes = buffer->size();
  part.checksum = XXH64(buffer->data(), static_cast<size_t>(buffer->size()), 0);
  bytes_.append(reinterpret_cast<const char*>(buffer->data()), static_cast<size_t>(part.bytes));
  parts_.push_back(std::move(part));
  return Status::OK();
}

std::string SegmentBuilder::Finish() {
  std::string index;
  for (const SegmentPart& part : parts_) {
    index += fmt::format("{} {} {} {:x}\t{}\n", part.offset, part.bytes, part.rows, part.checksum,
                         part.folder);
  }
  bytes_ += index;
  AppendNumber(&bytes_, index.size());
  AppendNumber(&bytes_, XXH64(index.data(), index.size(), 0));
  bytes_ += kMagic;
  return std::move(bytes_);
}

Result<std::vector<SegmentPart>> ReadSegmentParts(arrow::io::RandomAccessFile* file,
                                                  const std::string& name) {
  MILL_ASSIGN(const int64_t size, file->GetSize());
  if (size < kTail) return Damaged(name, "it is too short");
  MILL_ASSIGN(const auto tail, file->ReadAt(size - kTail, kTail));
  if (tail->size() != kTail || std::memcmp(tail->data() + 16, kMagic.data(), 8) != 0) {
    return Damaged(name, "it does not end as it should");
  }
  const uint64_t length = NumberAt(tail->data());
  if (length > static_cast<uint64_t>(size - kTail)) return Damaged(name, "its index is cut");
  const int64_t begin = size - kTail - static_cast<int64_t>(length);
  MILL_ASSIGN(const auto index, file->ReadAt(begin, static_cast<int64_t>(length)));
  if (XXH64(index->data(), static_cast<size_t>(index->size()), 0) != NumberAt(tail->data() + 8)) {
    return Damaged(name, "the checksum of its index is wrong");
  }
  std::vector<SegmentPart> parts;
  std::string_view text(*index);
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size() - 1);
    SegmentPart part;
    const bool read = ParsePart(text.substr(0, end), &part);
    if (!read || part.offset > begin - part.bytes) return Damaged(name, "its index is wrong");
    parts.push_back(std::move(part));
    text.remove_prefix(end + 1);
  }
  return parts;
}

Result<RecordBatches> ReadSegmentRows(arrow::io::RandomAccessFile* file, const SegmentPart& part,
                                      const std::string& name) {
  MILL_ASSIGN(auto bytes, file->ReadAt(part.offset, part.bytes));
  if (bytes->size() != part.bytes ||
      XXH64(bytes->data(), static_cast<size_t>(bytes->size()), 0) != part.checksum) {
    return Damaged(name, "the checksum of its rows is wrong");
  }
  MILL_ASSIGN(const auto reader, arrow::ipc::RecordBatchStreamReader::Open(
                                     std::make_shared<arrow::io::BufferReader>(bytes)));
  return reader->ToRecordBatches();
}

}  // namespace millrace
