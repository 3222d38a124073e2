// Formats: bytes to batches and back. A decoder gets chunks of whole records and the columns that the
// plan uses; rows that it cannot read go to the dead letters with line, bytes and reason.
#pragma once

#include <arrow/buffer.h>
#include <arrow/record_batch.h>

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "connectors/source.h"
#include "data/type.h"

namespace millrace {

using Options = std::map<std::string, std::string>;

// A row that could not be read.
struct BadRow {
  std::string file;
  int64_t line = 0;        // from 1; 0 if not known
  std::string_view bytes;  // the raw record, valid during the call
  std::string reason;
  std::string table = "";  // which table's row; added on its way
  Timestamp time = kMinTimestamp;  // its event time, if that could be read
};

// Receives bad rows. Thread safe.
class DeadLetters {
 public:
  virtual ~DeadLetters() = default;
  virtual void Add(const BadRow& row) = 0;
};

// How a format's records are cut out of a byte stream.
enum class Framing { kLines, kCsvRows };

class Decoder {
 public:
  virtual ~Decoder() = default;
  // Decodes the whole records of `chunk` into one batch of the schema given at making; rows that
  // cannot be read are reported to `dead` and left out.
  virtual Result<std::shared_ptr<arrow::RecordBatch>> Decode(const Chunk& chunk, DeadLetters& dead) = 0;
  virtual Framing framing() const { return Framing::kLines; }
  // The kinds of the rows of the last batch; null: all +I.
  virtual RowKinds kinds() const { return nullptr; }
  // From now on Decode puts the line of each row it returns into `lines`, from the front.
  void KeepLines(std::vector<int64_t>* lines) { lines_ = lines; }

 protected:
  // A row has been read from `line`.
  void NoteLine(int64_t line) {
    if (lines_) lines_->push_back(line);
  }

 private:
  std::vector<int64_t>* lines_ = nullptr;
};

class Encoder {
 public:
  virtual ~Encoder() = default;
  // Appends the rows, one record each with its terminator, to `out`.
  virtual Status Encode(const arrow::RecordBatch& rows, std::string& out) = 0;
  // What a file starts with (a CSV header), "" if nothing.
  virtual std::string Header() const { return ""; }
};

// Makes the decoder of format `name` ("json", "csv", "raw", "regex") for `schema`: the columns to
// produce, a subset of the table's physical columns, in any order. `all` are all the physical columns
// in order (CSV needs them). Parquet files have no records in a row: see parquet_reader.h and
// file_encoder.h. Unknown options and values are user errors that name the nearest valid one.
Result<std::unique_ptr<Decoder>> MakeDecoder(const std::string& name, const Schema& schema,
                                             const Schema& all, const Options& options);
Result<std::unique_ptr<Encoder>> MakeEncoder(const std::string& name, const Schema& schema,
                                             const Options& options);
// Option names that format `name` understands, for checking WITH (...); empty: no such format.
std::vector<std::string> FormatOptionNames(const std::string& name);
// Refuses formats that do not exist and options "<format>.x" that the format does not have.
Status CheckFormatOptions(const std::string& name, const Options& options);

}  // namespace millrace
