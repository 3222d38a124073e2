// KeptRows: rows that an operator keeps one by one, each known by a number, in the batches that
// brought them. They leave in any order; when more have left than are there, or batches have become
// small, those that are there move together (Compact), so that memory goes with what is kept:
//
//   numbers   0 ... 8191 | 8192 ... 16383 |        batches, by the number of their first row
//   compacted 3 17 8190 9001 ...                   the same numbers, fewer rows
#pragma once

#include <arrow/record_batch.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "base/status.h"

namespace millrace {

class KeptRows {
 public:
  // Keeps the rows i of the batch with kept[i], `count` of them, as number first + i. All numbers
  // given before are less than `first`.
  void Add(int64_t first, std::shared_ptr<arrow::RecordBatch> rows, std::vector<bool> kept,
           int64_t count);
  // The rows of these numbers, which are kept, in this order; at least one.
  Result<std::shared_ptr<arrow::RecordBatch>> Take(std::span<const int64_t> numbers) const;
  // Forgets a row, which is kept.
  void Forget(int64_t number);
  // Gives up memory of rows that have left, if that is worth it.
  Status Compact();
  // Calls visit for portions of the rows with numbers from `from` on, in order.
  Status ForEach(int64_t from,
                 const std::function<Status(std::shared_ptr<arrow::RecordBatch>)>& visit) const;
  int64_t size() const { return size_; }
  // Rows for which there is memory.
  int64_t stored() const { return stored_; }

 private:
  struct Part {
    std::shared_ptr<arrow::RecordBatch> rows;
    std::vector<int64_t> numbers;  // by row, ascending; none: one after the other
    std::vector<bool> here;        // by row
    int64_t left = 0;              // rows that are
  };
  using Parts = std::map<int64_t, Part>;  // by the number of their first row

  Parts::const_iterator PartOf(int64_t number) const;
  static size_t PlaceIn(int64_t first, const Part& part, int64_t number);
  static Result<Part> Merge(Parts::const_iterator begin, Parts::const_iterator end);

  Parts parts_;
  int64_t size_ = 0, stored_ = 0;
};

}  // namespace millrace
