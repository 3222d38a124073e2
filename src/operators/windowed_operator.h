// WindowedOperator: what the windowed aggregates have in common: the watermark of the window's
// domain, late rows, and results emitted in chunks whenever the output has room.
#pragma once

#include <algorithm>

#include "operators/aggregate_set.h"
#include "operators/operator.h"
#include "operators/window_aggregate.h"

namespace millrace {

class WindowedOperator : public Operator {
 public:
  explicit WindowedOperator(WindowAggregateSpec spec) : spec_(std::move(spec)) {}

  Result<Progress> OnWatermark(TimeDomain domain, Timestamp time, Output& out) override {
    if (domain == TimeDomain::kProcessing && time != kMaxTimestamp) now_ = std::max(now_, time);
    if (domain != spec_.window.domain) return Progress::kDone;
    watermark_ = std::max(watermark_, time);
    return Drain(out);
  }
  // Processing-time windows have no last watermark: they close with the input.
  Result<Progress> OnEnd(Output& out) override {
    watermark_ = kMaxTimestamp;
    return Drain(out);
  }
  Result<Progress> OnMore(Output& out) override { return Drain(out); }

 protected:
  // Emits the next chunk of what is due under watermark_; false: nothing more is due.
  virtual Result<bool> EmitChunk(Output& out) = 0;

  Result<Progress> Drain(Output& out) {
    while (true) {
      if (out.Full()) return Progress::kMore;
      MILL_ASSIGN(bool more, EmitChunk(out));
      if (!more) return Progress::kDone;
    }
  }
  void CountLate(const Batch& rows, size_t row, Timestamp watermark) {
    ++counts_.late;
    if (context_.late == nullptr) return;
    const RowTimes times(spec_.window, watermark_, rows);
    const Timestamp time = times.IsNull(row) ? kMinTimestamp : times[row];
    context_.late->Late(rows, static_cast<int64_t>(row), {time, watermark, Describe()});
  }
  Status EmitResults(arrow::ArrayVector columns, const std::vector<Window>& windows, Output& out) {
    MILL_ASSIGN(Batch results, WindowResults(spec_.output, std::move(columns), windows));
    results.arrival = now_;
    return out.Emit(std::move(results));
  }

  WindowAggregateSpec spec_;
  Timestamp watermark_ = kMinTimestamp;
  Timestamp now_ = 0;  // the latest processing time heard of
};

// The implementations behind MakeWindowAggregate.
std::unique_ptr<Operator> MakeSliceAggregate(WindowAggregateSpec spec);
std::unique_ptr<Operator> MakeSessionAggregate(WindowAggregateSpec spec);
std::unique_ptr<Operator> MakeOrderedSessionAggregate(WindowAggregateSpec spec);

}  // namespace millrace
