// Encodes rows as records that stand alone, such as the values or the keys of messages.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "formats/format.h"

namespace millrace {

class RecordEncoder {
 public:
  virtual ~RecordEncoder() = default;
  // The kinds of the rows of the next Encode, null: all +I. Only formats of changelogs care.
  virtual void SetKinds(RowKinds) {}
  // Appends each row's record to `bytes`, and to `ends` where it ends there; a NULL record (raw
  // only) has an end of -1.
  virtual Status Encode(const arrow::RecordBatch& rows, std::string& bytes,
                        std::vector<int64_t>& ends) = 0;
};

Result<std::unique_ptr<RecordEncoder>> MakeRecordEncoder(const std::string& format,
                                                         const Schema& schema,
                                                         const Options& options);

}  // namespace millrace
