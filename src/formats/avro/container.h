// Avro's object container files: a header with metadata and the schema, then blocks of records.
//
//   file   = "Obj" 1, metadata (a map of bytes, with avro.schema and avro.codec), sync marker, block*
//   block  = count, size in bytes, the records (compressed), sync marker
#pragma once

#include <arrow/io/interfaces.h>
#include <arrow/record_batch.h>

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "data/type.h"
#include "formats/avro/reader.h"
#include "formats/avro/schema.h"
#include "formats/avro/writer.h"

namespace millrace {

using AvroMetadata = std::map<std::string, std::string>;

// --- Whole files in memory ---

struct AvroContents {
  std::shared_ptr<const AvroSchema> schema;
  AvroMetadata metadata;  // avro.schema and avro.codec among them
  Schema columns;         // of the schema's fields: SqlSchemaOf
  std::shared_ptr<arrow::RecordBatch> rows;
};

// Reads all records, or only `wanted` columns of them (null: all the schema's fields). Fails with
// the place for anything that is no such file; nothing in it is believed beyond its size.
Result<AvroContents> ReadAvroContainer(std::string_view bytes, const Schema* wanted = nullptr);

// A file of `rows` in blocks of about 64 KB. `metadata` goes into the header beside schema and
// codec ("null", "deflate", "snappy", "zstandard"); `sync`, 16 bytes, is random where it is "".
Result<std::string> WriteAvroContainer(const std::shared_ptr<const AvroSchema>& schema,
                                       const arrow::RecordBatch& rows,
                                       const AvroMetadata& metadata = {},
                                       const std::string& codec = "deflate",
                                       const std::string& sync = "");

// --- Block by block ---

// Reads a file from its start to its end. Owned by one thread.
class AvroFileReader {
 public:
  // Reads the header; `name` stands in errors.
  static Result<std::unique_ptr<AvroFileReader>> Open(std::shared_ptr<arrow::io::RandomAccessFile>,
                                                      std::string name);

  const std::shared_ptr<const AvroSchema>& schema() const { return schema_; }
  const AvroMetadata& metadata() const { return metadata_; }
  // The columns to read, before the first Next: AvroReader::Make says what fits.
  Status Select(const Schema& columns);
  // The next block's rows; null at the end.
  Result<std::shared_ptr<arrow::RecordBatch>> Next();
  // The next block as its encoded records, for those who decode them one by one: their number, 0 at
  // the end. Needs no Select.
  Result<int64_t> NextRecords(std::string* records);
  // Where the next block starts, in bytes; Seek goes there.
  int64_t position() const { return position_; }
  Status Seek(int64_t position);

 private:
  AvroFileReader() = default;
  Status ReadHeader();
  Result<std::string_view> Peek(int64_t bytes);
  Result<int64_t> ReadBlock(std::string* records, int64_t* length);
  Result<std::shared_ptr<arrow::RecordBatch>> Decode(std::string_view block, int64_t count);
  Status Broken(std::string_view why) const;

  std::shared_ptr<arrow::io::RandomAccessFile> file_;
  std::string name_;
  int64_t size_ = 0;
  int64_t position_ = 0;
  std::shared_ptr<arrow::Buffer> buffer_;  // what Peek read, from buffer_at_ on
  int64_t buffer_at_ = 0;
  std::shared_ptr<const AvroSchema> schema_;
  AvroMetadata metadata_;
  std::string codec_, sync_;
  std::unique_ptr<AvroReader> reader_;
  std::unique_ptr<RowsBuilder> rows_;
};

// Builds a file piece by piece: what is finished of it is taken from `bytes`. Owned by one thread.
class AvroFileWriter {
 public:
  static Result<std::unique_ptr<AvroFileWriter>> Make(std::shared_ptr<const AvroSchema> schema,
                                                      const arrow::Schema& columns,
                                                      const AvroMetadata& metadata,
                                                      std::string codec, std::string sync = "");
  // Appends to `out` the header, if it is not written yet, and each block that is full.
  Status Write(const arrow::RecordBatch& rows, std::string& out);
  // Ends the block that is under way.
  Status Flush(std::string& out);
  int64_t buffered() const { return std::ssize(block_); }

 private:
  AvroFileWriter() = default;

  std::unique_ptr<AvroWriter> writer_;
  std::string header_;  // until it is written
  std::string codec_, sync_;
  std::string block_;
  int64_t count_ = 0;
};

}  // namespace millrace
