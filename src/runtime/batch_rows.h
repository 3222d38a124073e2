// BatchRows: how many rows a source hands on at once. Where the next tasks are slow a batch is what
// they take in a short time, so that barriers and results need not wait for large ones.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace millrace {

class BatchRows {
 public:
  using Time = std::chrono::steady_clock::time_point;

  BatchRows() = default;
  // At most `most` rows, or what is taken in `batch_time`; 0: always `most`.
  BatchRows(int64_t most, std::chrono::milliseconds batch_time)
      : most_(most),
        batch_time_(batch_time),
        rows_(batch_time.count() > 0 ? std::min(most, kFirst) : most) {}

  int64_t rows() const { return rows_; }
  // A batch of `rows` was handed on, and the next tasks are `full` now.
  void Fed(int64_t rows, bool full) {
    if (batch_time_.count() > 0) Fed(rows, full, std::chrono::steady_clock::now());
  }
  void Fed(int64_t rows, bool full, Time now) {
    fed_ += rows;
    was_full_ |= full;
    if (measured_ == Time()) measured_ = now;
    const std::chrono::duration<double> time = now - measured_;
    if (time < kMeasure) return;
    rows_ = was_full_ ? Taken(time) : most_;
    measured_ = now;
    fed_ = 0;
    was_full_ = full;
  }

 private:
  static constexpr std::chrono::milliseconds kMeasure{100};
  static constexpr int64_t kFirst = 1024;  // until it is known how fast the next tasks are
  static constexpr int64_t kLeast = 256;  // below it the cost of a batch is that of its rows

  int64_t Taken(std::chrono::duration<double> time) const {
    const double rows = static_cast<double>(fed_) * (std::chrono::duration<double>(batch_time_) / time);
    return std::clamp(static_cast<int64_t>(rows), std::min(kLeast, most_), most_);
  }

  int64_t most_ = 8192;
  std::chrono::milliseconds batch_time_{0};
  int64_t rows_ = 8192;
  int64_t fed_ = 0;  // since `measured_`
  bool was_full_ = false;
  Time measured_{};
};

}  // namespace millrace
