// RowChanges: changes of whole rows kept as bytes (state/key_codec.h), collected while a batch is
// gone through and emitted as one batch.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "operators/operator.h"
#include "state/key_codec.h"

namespace millrace {

class RowChanges {
 public:
  // A change that row `from` of the input made to `row`.
  void Add(RowKind kind, std::string_view row, size_t from) {
    rows_.emplace_back(row);
    kinds_->push_back(kind);
    from_.push_back(static_cast<int32_t>(from));
  }

  // Emits what was added, if anything was, with the side columns of `input`.
  Status Emit(const KeyCodec& codec, const std::shared_ptr<arrow::Schema>& schema,
              const Batch& input, Output& out) {
    if (rows_.empty()) return Status::OK();
    std::vector<const uint8_t*> bytes;
    for (const std::string& row : rows_) {
      bytes.push_back(reinterpret_cast<const uint8_t*>(row.data()));
    }
    Batch result;
    const auto count = static_cast<int64_t>(bytes.size());
    MILL_ASSIGN(arrow::ArrayVector columns, codec.Decode(std::move(bytes)));
    result.rows = arrow::RecordBatch::Make(schema, count, std::move(columns));
    result.kinds = kinds_;
    result.arrival = input.arrival;
    result.split = input.split;
    if (input.arrival_watermarks) {
      auto watermarks = std::make_shared<std::vector<Timestamp>>();
      for (const int32_t row : from_) watermarks->push_back(input.arrival_watermark(row));
      result.arrival_watermarks = std::move(watermarks);
    }
    if (input.splits) {
      auto splits = std::make_shared<std::vector<SplitId>>();
      for (const int32_t row : from_) splits->push_back(input.split_of(row));
      result.splits = std::move(splits);
    }
    return out.Emit(std::move(result));
  }

 private:
  std::deque<std::string> rows_;
  std::shared_ptr<std::vector<RowKind>> kinds_ = std::make_shared<std::vector<RowKind>>();
  std::vector<int32_t> from_;
};

}  // namespace millrace
