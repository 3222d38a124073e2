// GeneratorSource: what all generators share as sources: batches, limits, pace and positions. The
// rows themselves come from a Generator.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "connectors/source.h"
#include "formats/format.h"

namespace millrace {

inline constexpr int64_t kGeneratorBatchRows = 8192;

// Makes the rows of one lane in a fixed order. Owned by its source, used by its thread.
class Generator {
 public:
  virtual ~Generator() = default;
  // The next rows: at least one and at most `limit`, none later than `until` on the generator's own
  // clock. Null if there is none yet.
  virtual Result<std::shared_ptr<arrow::RecordBatch>> Next(int64_t limit, Timestamp until) = 0;
  // Serialized; Seek takes it and goes on with the row behind it.
  virtual std::string position() const = 0;
  virtual Status Seek(const std::string& position) = 0;
  // True when no row is left.
  virtual bool done() const = 0;
  virtual bool bounded() const = 0;
  // Rows in all, 0 if unbounded.
  virtual int64_t total_rows() const = 0;
  // Time of the next row on the generator's own clock; 0 if it has none.
  virtual Timestamp clock() const { return 0; }
};

// How fast rows may leave; the zeros mean as fast as they are taken.
struct Pace {
  int64_t rows_per_second = 0;
  double speedup = 0;  // milliseconds of the generator's clock per millisecond
};

class GeneratorSource : public Source {
 public:
  GeneratorSource(std::string name, std::unique_ptr<Generator> generator, Pace pace)
      : name_(std::move(name)), generator_(std::move(generator)), pace_(pace) {}

  Status Open() override { return Status::OK(); }
  Result<Polled> Poll(std::chrono::milliseconds wait) override;
  Status Seek(const std::string& position) override { return generator_->Seek(position); }
  bool bounded() const override { return generator_->bounded(); }
  int64_t total_bytes() const override { return generator_->total_rows(); }
  std::string name() const override { return name_; }

 private:
  using Clock = std::chrono::steady_clock;

  Result<Polled> TryPoll(Clock::time_point now);
  int64_t RowsAllowed(Clock::time_point now);
  Timestamp TimeAllowed(Clock::time_point now) const;

  std::string name_;
  std::unique_ptr<Generator> generator_;
  Pace pace_;
  bool started_ = false;
  Clock::time_point rate_start_;  // the pace's zero; moves when rows are not taken in time
  Clock::time_point start_;
  Timestamp start_clock_ = 0;
  int64_t rows_ = 0;              // since rate_start_
};

// An integer option within [min, max].
Result<int64_t> RangedOption(const Options& options, const std::string& key, int64_t fallback,
                             int64_t min, int64_t max);
// A probability: within [0, 1], 0 if absent.
Result<double> ChanceOption(const Options& options, const std::string& key);
// A time like '2026-01-01 00:00:00', which is the default.
Result<Timestamp> TimeOption(const Options& options, const std::string& key);

}  // namespace millrace
