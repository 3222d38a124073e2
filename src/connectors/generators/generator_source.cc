#include "connectors/generators/generator_source.h"

#include <arrow/util/value_parsing.h>

#include <algorithm>
#include <thread>

#include "connectors/connector.h"

namespace millrace {
namespace {

using std::chrono::duration;
using std::chrono::milliseconds;

// How long a row that is due may wait for others to share its batch.
constexpr milliseconds kNap{5};
// Rows not taken in time are made up for, but not more than this.
constexpr double kMaxBurstSeconds = 1.0;

}  // namespace

int64_t GeneratorSource::RowsAllowed(Clock::time_point now) {
  if (pace_.rows_per_second == 0) return kGeneratorBatchRows;
  const double rate = static_cast<double>(pace_.rows_per_second);
  const double due = duration<double>(now - rate_start_).count() * rate;
  double allowed = due - static_cast<double>(rows_);
  if (allowed > rate * kMaxBurstSeconds + 1) {
    rate_start_ = now;
    rows_ = 0;
    allowed = std::max(1.0, rate * kNap.count() / 1000);
  }
  // Less than none just after such a start: its first rows were given in advance.
  return std::clamp(static_cast<int64_t>(allowed), int64_t{0}, kGeneratorBatchRows);
}

Timestamp GeneratorSource::TimeAllowed(Clock::time_point now) const {
  if (pace_.speedup == 0) return kMaxTimestamp;
  const double passed = duration<double, std::milli>(now - start_).count() * pace_.speedup;
  return start_clock_ + static_cast<Timestamp>(passed);
}

Result<Polled> GeneratorSource::TryPoll(Clock::time_point now) {
  Polled polled;
  const int64_t limit = RowsAllowed(now);
  if (limit == 0) return polled;
  MILL_ASSIGN(polled.rows, generator_->Next(limit, TimeAllowed(now)));
  if (!polled.rows) return polled;
  rows_ += polled.rows->num_rows();
  polled.state = Polled::State::kData;
  polled.position = generator_->position();
  return polled;
}

Result<Polled> GeneratorSource::Poll(milliseconds wait) {
  auto now = Clock::now();
  if (!started_) {
    started_ = true;
    start_ = rate_start_ = now;
    start_clock_ = generator_->clock();
  }
  const auto deadline = now + wait;
  while (true) {
    if (generator_->done()) {
      Polled end;
      end.state = Polled::State::kEnd;
      end.position = generator_->position();
      return end;
    }
    MILL_ASSIGN(Polled polled, TryPoll(now));
    if (polled.state != Polled::State::kNothing || now >= deadline) return polled;
    std::this_thread::sleep_until(std::min(deadline, now + kNap));
    now = Clock::now();
  }
}

Result<int64_t> RangedOption(const Options& options, const std::string& key, int64_t fallback,
                             int64_t min, int64_t max) {
  MILL_ASSIGN(const int64_t value, IntOption(options, key, fallback));
  if (value >= min && value <= max) return value;
  return UserError("option '{}' = '{}' is out of range: use {} to {}", key, value, min, max);
}

Result<double> ChanceOption(const Options& options, const std::string& key) {
  MILL_ASSIGN(const double value, DoubleOption(options, key, 0));
  if (value >= 0 && value <= 1) return value;
  return UserError("option '{}' = '{}' is not a probability: use 0 to 1", key, value);
}

Result<Timestamp> TimeOption(const Options& options, const std::string& key) {
  const std::string text = StringOption(options, key, "2026-01-01 00:00:00");
  const auto parser = arrow::TimestampParser::MakeISO8601();
  int64_t value = 0;
  if ((*parser)(text.data(), text.size(), arrow::TimeUnit::MILLI, &value)) return value;
  return UserError("option '{}' = '{}' is not a time: write it like '2026-01-01 00:00:00'", key,
                   text);
}

}  // namespace millrace
