#include "connectors/iceberg/avro_file.h"

#include <random>

#include "formats/avro/codec.h"
#include "formats/avro/container.h"

namespace millrace {
namespace {

constexpr std::string_view kMagic("Obj\x01", 4);
constexpr const char* kCodec = "deflate";
constexpr size_t kBlockBytes = 64 << 10;  // before compression

std::string RandomSync() {
  std::random_device random;
  std::string sync;
  for (int i = 0; i < 4; ++i) AppendAvroFixed(sync, static_cast<uint32_t>(random()));
  return sync;
}

}  // namespace

AvroRecordsWriter::AvroRecordsWriter(const std::string& schema,
                                     const std::vector<std::pair<std::string, std::string>>& texts)
    : bytes_(kMagic), sync_(RandomSync()) {
  AppendAvroLong(bytes_, std::ssize(texts) + 2);
  const auto append = [&](const std::string& key, const std::string& value) {
    AppendAvroString(bytes_, key);
    AppendAvroString(bytes_, value);
  };
  append("avro.schema", schema);
  append("avro.codec", kCodec);
  for (const auto& [key, value] : texts) append(key, value);
  bytes_ += '\0';
  bytes_ += sync_;
}

Status AvroRecordsWriter::Add(std::string_view record) {
  block_ += record;
  ++records_;
  return block_.size() >= kBlockBytes ? EndBlock() : Status::OK();
}

Status AvroRecordsWriter::EndBlock() {
  if (records_ == 0) return Status::OK();
  MILL_ASSIGN(const std::string packed, CompressAvroBlock(kCodec, block_));
  AppendAvroLong(bytes_, std::exchange(records_, 0));
  AppendAvroString(bytes_, packed);
  bytes_ += sync_;
  block_.clear();
  return Status::OK();
}

Result<std::string> AvroRecordsWriter::Finish() {
  MILL_RETURN(EndBlock());
  return std::move(bytes_);
}

Status ReadAvroFile(IcebergFiles* files, const std::string& location,
                    const std::function<Status(const AvroDatum&)>& visit) {
  MILL_ASSIGN(auto file, files->Open(location));
  MILL_ASSIGN(auto reader, AvroFileReader::Open(std::move(file), location));
  std::string records;
  while (true) {
    MILL_ASSIGN(const int64_t count, reader->NextRecords(&records));
    if (count == 0) return Status::OK();
    AvroInput input(records);
    for (int64_t i = 0; i < count; ++i) {
      auto datum = ReadAvroDatum(&input, reader->schema()->root());
      MILL_RETURN(Annotate(datum.status(), location));
      MILL_RETURN(Annotate(visit(*datum), location));
    }
  }
}

}  // namespace millrace
