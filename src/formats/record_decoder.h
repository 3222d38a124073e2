// Decodes records that stand alone, such as the values or the keys of messages, with a format.
// Where the format reads lines, records are put together into one text; a record that would not
// stay one line there is decoded by itself, so that a broken one cannot touch its neighbours.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "formats/format.h"

namespace millrace {

// What has been read: row i comes from record sources[i]; both ascend. A record of a changelog may
// be two rows.
struct DecodedRecords {
  std::shared_ptr<arrow::RecordBatch> rows;
  std::vector<int64_t> sources;
  std::vector<RowKind> kinds;  // of the rows; empty: all +I
};

class RecordDecoder {
 public:
  virtual ~RecordDecoder() = default;
  // Decodes `records`; those without data (NULL) yield nothing. `text` holds them all, each with a
  // newline behind it but for the NULL ones, and may be null if the caller has no such text. Bad
  // records go to `dead` with their index as line.
  virtual Result<DecodedRecords> Decode(const std::vector<std::string_view>& records,
                                        const std::shared_ptr<arrow::Buffer>& text,
                                        DeadLetters& dead) = 0;
};

// As MakeDecoder; 'raw' reads numbers and booleans too, in `raw.endianness`. The last `metadata`
// columns of `schema` are what the format tells beside the row, named by its keys.
Result<std::unique_ptr<RecordDecoder>> MakeRecordDecoder(const std::string& format,
                                                         const Schema& schema, const Schema& all,
                                                         const Options& options,
                                                         size_t metadata = 0);

}  // namespace millrace
