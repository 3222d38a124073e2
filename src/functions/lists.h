// What the functions over arrays and maps share: elements of all rows lie in one child array, and
// results
// are made of positions in it.
#pragma once

#include <arrow/array.h>

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "functions/per_row.h"

namespace millrace {

using ArrayPtr = std::shared_ptr<arrow::Array>;

inline constexpr int32_t kAbsent = -1;  // in place of a position: NULL

// The values at `positions`.
Result<ArrayPtr> TakeAt(const ArrayPtr& values, const std::vector<int32_t>& positions);
Result<arrow::Datum> ArrayOrScalar(const ArrayPtr& array, bool scalar);

// The arguments of a call whose elements are looked at together: the elements of lists and the
// values of
// other arguments stand in one array, `all`.
//
//   ARRAY_APPEND([a b], x), ([c], y):   all = a b c x y
class Elements {
 public:
  // The arguments [from, used) take part.
  static Result<Elements> Of(const Call& call, size_t used, size_t from = 0);

  const Operands& operands() const { return operands_; }
  const ArrayPtr& all() const { return all_; }
  bool IsNull(size_t arg, int64_t row) const { return operands_.items[arg].IsNull(row); }
  // Positions in `all` of the first element of a list and behind its last; the same for a NULL
  // list.
  int32_t Begin(size_t arg, int64_t row) const;
  int32_t End(size_t arg, int64_t row) const;
  // The position of a value that is no list.
  int32_t At(size_t arg, int64_t row) const {
    return bases_[arg] + static_cast<int32_t>(operands_.items[arg].At(row));
  }

 private:
  Operands operands_;
  std::vector<int32_t> bases_;
  ArrayPtr all_;
};

// Puts lists together row by row.
class ListBuilder {
 public:
  void Add(int32_t position) { positions_.push_back(position); }
  void EndRow() { End(true); }
  void EndNull() { End(false); }
  // The elements added since the last row's end.
  std::vector<int32_t>& positions() { return positions_; }
  size_t row_begin() const { return static_cast<size_t>(offsets_.back()); }
  // Lists of `elements` at the positions, of the Arrow type of `type`.
  Result<arrow::Datum> Finish(const ArrayPtr& elements, const SqlType& type, bool scalar);

 private:
  void End(bool valid);

  std::vector<int32_t> positions_, offsets_ = {0};
  std::vector<bool> valid_;
};

// An array of texts per row, for functions that make their elements.
class TextListBuilder {
 public:
  Status Add(std::string_view text);
  Status AddNull();
  void EndRow() { lists_.EndRow(); }
  void EndNull() { lists_.EndNull(); }
  Result<arrow::Datum> Finish(const SqlType& type, bool scalar);

 private:
  arrow::StringBuilder texts_;
  ListBuilder lists_;
  int32_t count_ = 0;
};

}  // namespace millrace
