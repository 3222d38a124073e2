// NumberedRows: what snapshots hold of rows that an operator keeps one by one: each has a number, in
// the order of arrival, as its id in the saved table. A delta holds the rows that came and the numbers
// of those that are gone; when the deltas together have become larger than what is there, the next
// one holds all of it, and those before it no longer count.
#pragma once

#include <arrow/array.h>

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "operators/saved_state.h"

namespace millrace {

class NumberedRows {
 public:
  // Numbers for `count` rows; returns the first.
  int64_t Take(int64_t count) { return std::exchange(next_, next_ + count); }
  int64_t next() const { return next_; }
  // Numbers from now on are not below `next`.
  void SkipTo(int64_t next) { next_ = std::max(next_, next); }
  // The row is gone.
  void Forget(int64_t number) {
    if (number < saved_) gone_.push_back(number);
  }

  // Begins a snapshot of `table`, whose id is the column `number`, while `count` rows are there.
  // Returns from which number on rows are to be written.
  Result<int64_t> BeginSave(StateWriter& writer, const StateTable& table, int number,
                            int64_t count) {
    const int64_t fresh = next_ - saved_;
    const bool all = writer.mode() == SaveMode::kFull || written_ + fresh > 2 * count + kFewRows;
    snapshots_ = all ? 1 : snapshots_ + 1;
    written_ = all ? count : written_ + fresh;
    MILL_RETURN(writer.CountLast(table, snapshots_));
    const int64_t from = all ? 0 : saved_;
    saved_ = next_;
    std::vector<int64_t> gone = std::exchange(gone_, {});
    if (all || gone.empty()) return from;
    const auto rows = static_cast<int64_t>(gone.size());
    const auto& field = table.schema->field(number);
    auto ids = arrow::MakeArray(arrow::ArrayData::Make(
        field->type(), rows, {nullptr, arrow::Buffer::FromVector(std::move(gone))}, 0));
    MILL_RETURN(writer.Erase(
        table, arrow::RecordBatch::Make(arrow::schema({field}), rows, {std::move(ids)})));
    return from;
  }

  // The column for `numbers`.
  static std::shared_ptr<arrow::Field> Field() {
    return StateField("$number", arrow::int64(), "The row's number in the order of arrival.");
  }

 private:
  static constexpr int64_t kFewRows = 10000;

  int64_t next_ = 0;
  int64_t saved_ = 0;      // numbers below stand in a snapshot
  int64_t written_ = 0;    // rows, since all were written
  int64_t snapshots_ = 0;  // likewise
  std::vector<int64_t> gone_;  // of those below saved_, since the last snapshot
};

}  // namespace millrace
