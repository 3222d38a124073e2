#include "formats/row_record_decoder.h"

namespace millrace {

Result<DecodedRecords> RowRecordDecoder::Decode(const std::vector<std::string_view>& records,
                                                const std::shared_ptr<arrow::Buffer>&,
                                                DeadLetters& dead) {
  DecodedRecords decoded;
  std::string reason;
  for (int64_t i = 0; i < std::ssize(records); ++i) {
    const std::string_view record = records[static_cast<size_t>(i)];
    if (!record.data()) continue;
    reason.clear();
    MILL_RETURN(Append(record, rows_, &reason));
    if (rows_.KeepOrUndoRow(&reason)) [[likely]] {
      decoded.sources.push_back(i);
    } else if (!ignore_errors_) {
      dead.Add({"", i, record, reason});
    }
  }
  MILL_ASSIGN(decoded.rows, rows_.Finish());
  return decoded;
}

}  // namespace millrace
