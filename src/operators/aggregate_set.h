// AggregateSet: the accumulators of all calls of one GROUP BY, driven together, filters applied.
// And what the windowed aggregates share: reading the rows' times, and laying out their results.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "functions/aggregate.h"
#include "functions/shared_distinct.h"
#include "windows/window.h"

namespace millrace {

class AggregateSet {
 public:
  AggregateSet(std::vector<AggregateCall> calls, bool retract);

  // Makes room for slots; cheap if there is.
  void Resize(size_t slots);
  void Reset(uint32_t slot);
  // Adds row i to slots[i], or takes it back (kNoSlot: leaves it out), in all calls.
  Status Update(std::span<const uint32_t> slots, const Batch& rows);
  void Merge(uint32_t into, uint32_t from);
  // Appends one column per call, the results of the slots in order.
  Status Finish(std::span<const uint32_t> slots, arrow::ArrayVector& columns) const;

  // The columns that the state of all calls is saved as: "SUM(price).count" is column "count" of
  // the call with this label.
  arrow::FieldVector StateFields() const;
  // Appends these columns for the slots, in order. kDelta only where the table's ids are unique.
  Status Save(std::span<const uint32_t> slots, SaveMode mode, arrow::ArrayVector& columns);
  // Gives the slots, which are empty and differ, what was saved of them.
  Status Load(std::span<const uint32_t> slots,
              std::span<const std::shared_ptr<arrow::Array>> columns);

  bool empty() const { return calls_.empty(); }

 private:
  // DISTINCT calls of the same arguments.
  struct Sharing {
    std::vector<size_t> calls;
    std::unique_ptr<SharedDistinct> set;
  };

  void FindSharing();
  Status UpdateShared(const Sharing& sharing, std::span<const uint32_t> slots, const Batch& rows);
  arrow::ArrayVector ArgumentsOf(const AggregateCall& call, const Batch& rows) const;

  std::vector<AggregateCall> calls_;
  std::vector<Sharing> sharing_;
  std::vector<bool> shares_;                                 // by call: is in sharing_
  std::vector<std::unique_ptr<Accumulators>> accumulators_;  // by call
  size_t slots_ = 0;
  std::vector<uint32_t> filtered_;  // scratch
};

// The rows' times as the window sees them: a column, or the time of arrival, which is after all the
// processing time that has passed.
class RowTimes {
 public:
  RowTimes(const WindowSpec& window, Timestamp watermark, const Batch& rows);
  bool IsNull(size_t row) const {
    return column_ != nullptr && column_->IsNull(static_cast<int64_t>(row));
  }
  Timestamp operator[](size_t row) const { return values_ != nullptr ? values_[row] : arrival_; }

 private:
  const arrow::Array* column_ = nullptr;  // null: there are no NULLs
  const Timestamp* values_ = nullptr;
  Timestamp arrival_;
};

// The watermark under which each row came: the operator's, or the later one of its split.
class RowWatermarks {
 public:
  RowWatermarks(TimeDomain domain, Timestamp watermark, const Batch& rows);
  Timestamp operator[](size_t row) const {
    return arrivals_ == nullptr ? watermark_ : std::max(watermark_, arrivals_[row]);
  }
  bool constant() const { return arrivals_ == nullptr; }

 private:
  Timestamp watermark_;
  const Timestamp* arrivals_ = nullptr;
};

// Rows of a windowed result: `columns` (keys, then aggregates) and the windows' three columns.
Result<Batch> WindowResults(const std::shared_ptr<arrow::Schema>& schema,
                            arrow::ArrayVector columns, const std::vector<Window>& windows);

// The types of the first `count` columns.
std::vector<std::shared_ptr<arrow::DataType>> LeadingTypes(const arrow::Schema& schema,
                                                           size_t count);

// Rows of one result batch: what is emitted between two looks at Output::Full.
inline constexpr size_t kMaxResultRows = 8192;

}  // namespace millrace
