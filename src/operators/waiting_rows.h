// WaitingRows: rows that came ahead of the watermark and wait for it, to be taken in the order (time,
// arrival).
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <tuple>
#include <utility>
#include <vector>

#include "data/batch.h"

namespace millrace {

// Rows ahead of the watermark, in buckets of time.
class WaitingRows {
 public:
  explicit WaitingRows(int64_t width) : width_(std::max<int64_t>(1, width)) {}

  // Keeps the rows of `batch` listed in `kept`.
  void Add(const Batch& batch, const std::vector<std::pair<Timestamp, int32_t>>& kept);
  struct Sorted {
    Batch rows;
    std::vector<Timestamp> times;  // by row
  };
  // Takes out the rows up to `time`, ordered by (time, arrival).
  Result<Sorted> TakeUntil(Timestamp time);
  // Calls write(rows, times) for all rows that wait, in order of arrival.
  Status ForEach(const std::function<Status(Batch, std::vector<Timestamp>)>& write) const;

 private:
  struct Row {
    Timestamp time;
    uint64_t batch;  // ascending in order of arrival
    int32_t row;
    auto Order() const { return std::tuple(time, batch, row); }
  };
  struct Kept {
    Batch batch;
    size_t rows = 0;
  };

  std::vector<Row> TakeRows(Timestamp time);
  Result<Batch> Gather(const std::vector<Row>& rows);

  int64_t width_;
  uint64_t next_batch_ = 0;
  std::map<uint64_t, Kept> batches_;
  std::map<int64_t, std::vector<Row>> buckets_;
};

}  // namespace millrace
