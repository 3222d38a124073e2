// A decoder of records of which each is one row or none: what the binary formats share.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "formats/columns.h"
#include "formats/record_decoder.h"

namespace millrace {

class RowRecordDecoder : public RecordDecoder {
 public:
  Result<DecodedRecords> Decode(const std::vector<std::string_view>& records,
                                const std::shared_ptr<arrow::Buffer>& text,
                                DeadLetters& dead) final;

 protected:
  // With `ignore_errors`, bad records are dropped instead of going to the dead letters.
  explicit RowRecordDecoder(const Schema& schema, bool ignore_errors = false)
      : rows_(schema), ignore_errors_(ignore_errors) {}

  // Appends the values of `record` to the columns of `rows`; whoever calls it ends the row, or
  // takes it back where `reason` says why it is none. An error ends the job.
  virtual Status Append(std::string_view record, RowsBuilder& rows, std::string* reason) = 0;

 private:
  RowsBuilder rows_;
  bool ignore_errors_;
};

}  // namespace millrace
