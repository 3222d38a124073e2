// Batch: rows on their way through the engine. An Arrow record batch plus optional side columns;
// whatever is absent has the common value, so the common case costs nothing.
#pragma once

#include <arrow/record_batch.h>

#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "base/status.h"

namespace millrace {

// Milliseconds since 1970-01-01T00:00:00Z (of local time for TIMESTAMP without zone).
using Timestamp = int64_t;
inline constexpr Timestamp kMinTimestamp = std::numeric_limits<int64_t>::min();
inline constexpr Timestamp kMaxTimestamp = std::numeric_limits<int64_t>::max();

// What a row does to the result it belongs to, as in Flink's changelogs.
enum class RowKind : uint8_t { kInsert, kUpdateBefore, kUpdateAfter, kDelete };

// "+I", "-U", "+U", "-D".
const char* RowKindName(RowKind kind);
// True for +I and +U: the row is added; false: it is taken back.
inline bool Adds(RowKind kind) { return kind == RowKind::kInsert || kind == RowKind::kUpdateAfter; }

// Which kinds of rows a stream may hold.
enum class ChangelogMode {
  kInsertOnly,
  kRetract,  // all four: whatever is taken back comes as it was added
  kUpsert,   // +I or +U replace the row of the same key, -D deletes it by its key; no -U
};

using RowKinds = std::shared_ptr<const std::vector<RowKind>>;
using Times = std::shared_ptr<const std::vector<Timestamp>>;

// The source split that a row came from: a place among all splits of the job.
using SplitId = int32_t;
inline constexpr SplitId kNoSplit = -1;  // of several, or not known any more
using SplitIds = std::shared_ptr<const std::vector<SplitId>>;

struct Batch {
  std::shared_ptr<arrow::RecordBatch> rows;
  RowKinds kinds;  // null: all +I
  // The source's running watermark just before each row. Null: no row here is late or meets a closed
  // window, that is each row's event time is above it by more than 1 ms.
  Times arrival_watermarks;
  // When the rows entered the engine: processing time of all of them.
  Timestamp arrival = 0;
  // The split of all rows; where rows of several were put together, `splits` has each row's.
  SplitId split = kNoSplit;
  SplitIds splits = nullptr;

  int64_t num_rows() const { return rows ? rows->num_rows() : 0; }
  RowKind kind(int64_t row) const { return kinds ? (*kinds)[static_cast<size_t>(row)] : RowKind::kInsert; }
  Timestamp arrival_watermark(int64_t row) const {
    return arrival_watermarks ? (*arrival_watermarks)[static_cast<size_t>(row)] : kMinTimestamp;
  }
  SplitId split_of(int64_t row) const {
    return splits ? (*splits)[static_cast<size_t>(row)] : split;
  }
  // The same rows' side columns around other columns.
  Batch With(std::shared_ptr<arrow::RecordBatch> other) const {
    return {std::move(other), kinds, arrival_watermarks, arrival, split, splits};
  }
  // Rows [offset, offset + length) without a copy of the columns.
  Batch Slice(int64_t offset, int64_t length) const;
  // The rows at `indices`, in that order, side columns included.
  Result<Batch> Take(const std::vector<int32_t>& indices) const;
  // Bytes of the buffers, roughly: what queues are bounded by.
  int64_t bytes() const;
};

}  // namespace millrace
