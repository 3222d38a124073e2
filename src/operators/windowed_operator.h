// WindowedOperator: what the windowed aggregates have in common: the watermark of the window's
// domain, late rows, and results emitted in chunks whenever the output has room. When state is
// saved nothing is being emitted: a chunk that is due is waited for before any other message.
#pragma once

#include <algorithm>

#include "data/key_hash.h"
#include "operators/aggregate_set.h"
#include "operators/operator.h"
#include "operators/saved_state.h"
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

  // Some chunks only, although there may be room for more: a job that is stopped waits for it.
  Result<Progress> Drain(Output& out) {
    constexpr int kChunksAtOnce = 8;
    for (int chunk = 0; chunk < kChunksAtOnce; ++chunk) {
      if (out.Full()) return Progress::kMore;
      MILL_ASSIGN(bool more, EmitChunk(out));
      if (!more) return Progress::kDone;
    }
    return Progress::kMore;
  }
  void CountLate(const Batch& rows, size_t row, Timestamp watermark) {
    const RowTimes times(spec_.window, watermark_, rows);
    const Timestamp time = times.IsNull(row) ? kMinTimestamp : times[row];
    DropAsLate(rows, static_cast<int64_t>(row), time, watermark);
  }
  Status EmitResults(arrow::ArrayVector columns, const std::vector<Window>& windows, Output& out) {
    MILL_ASSIGN(Batch results, WindowResults(spec_.output, std::move(columns), windows));
    results.arrival = now_;
    return out.Emit(std::move(results));
  }

  Status SaveClock(StateWriter& writer) const {
    return clock_.Write(writer, context_, {watermark_, now_});
  }
  // Goes on at the latest watermark of the instances that saved. They are the same but where a
  // source that was idle is just waking: then nothing comes twice, but its rows may be late.
  Status LoadClock(const StateReader& reader) {
    MILL_ASSIGN(saved_clocks_, clock_.Read(reader));
    for (const auto& numbers : saved_clocks_) {
      watermark_ = std::max(watermark_, numbers[2]);
      now_ = std::max(now_, numbers[3]);
    }
    return Status::OK();
  }
  // The watermark, when the state was saved, of the instance that had this key group then.
  Timestamp SavedWatermark(uint32_t group) const {
    for (const auto& numbers : saved_clocks_) {
      const auto parallelism = static_cast<size_t>(numbers[1]);
      if (static_cast<int64_t>(TaskOfGroup(group, parallelism, context_.key_groups)) ==
          numbers[0]) {
        return numbers[2];
      }
    }
    return kMinTimestamp;
  }
  // For EXPLAIN: what ends the state of a window that lasts `time` in words.
  std::string ClockBound(const std::string& time) const {
    const bool event = spec_.window.domain == TimeDomain::kEvent;
    return (event ? "watermark + " : "processing time + ") + time;
  }

  WindowAggregateSpec spec_;
  SavedNumbers clock_{"clock",
                      "The operator's time, by instance.",
                      {{"watermark", "In ms; all windows that end at or before it were emitted."},
                       {"now", "The latest processing time heard of, in ms."}}};
  std::vector<std::vector<int64_t>> saved_clocks_;  // instance, parallelism, watermark, now
  Timestamp watermark_ = kMinTimestamp;
  Timestamp now_ = 0;  // the latest processing time heard of
};

// The implementations behind MakeWindowAggregate.
std::unique_ptr<Operator> MakeSliceAggregate(WindowAggregateSpec spec);
std::unique_ptr<Operator> MakeSessionAggregate(WindowAggregateSpec spec);
std::unique_ptr<Operator> MakeOrderedSessionAggregate(WindowAggregateSpec spec);
std::unique_ptr<Operator> MakeCountWindowAggregate(WindowAggregateSpec spec);
std::unique_ptr<Operator> MakeFiringWindowAggregate(WindowAggregateSpec spec);

}  // namespace millrace
