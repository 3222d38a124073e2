// Shared parts of the aggregate functions: walking over a batch's values and gathering results.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "functions/aggregate.h"
#include "functions/per_row.h"

namespace millrace {

inline bool AddsRow(const RowKind* kinds, size_t row) { return kinds == nullptr || Adds(kinds[row]); }

// Calls visit(slot, value, adds) for each row that takes part and is not NULL.
template <typename T, typename Visit>
void VisitValues(std::span<const uint32_t> slots, const arrow::Array& array, const RowKind* kinds,
                 Visit visit) {
  const Reader<T> values(Operand{array.data(), false});
  if (array.null_count() == 0 && kinds == nullptr) {
    for (size_t i = 0; i < slots.size(); ++i) {
      if (slots[i] != kNoSlot) visit(slots[i], values[static_cast<int64_t>(i)], true);
    }
    return;
  }
  for (size_t i = 0; i < slots.size(); ++i) {
    const auto row = static_cast<int64_t>(i);
    if (slots[i] == kNoSlot || array.IsNull(row)) continue;
    visit(slots[i], values[row], AddsRow(kinds, i));
  }
}

// An array of fixed-width values: read(slot, &value) tells whether the slot's result is not NULL.
template <typename T, typename Read>
Result<std::shared_ptr<arrow::Array>> GatherSlots(std::span<const uint32_t> slots, const SqlType& type,
                                                  Read read) {
  Operands none;
  none.rows = static_cast<int64_t>(slots.size());
  MILL_ASSIGN(Validity validity, Validity::Of(none));
  MILL_ASSIGN(auto writer, Writer<T>::Make(none.rows));
  for (size_t i = 0; i < slots.size(); ++i) {
    const auto row = static_cast<int64_t>(i);
    T value{};
    const bool valid = read(slots[i], &value);
    if (valid) {
      writer.Set(row, value);
    } else {
      writer.SetNull(row);
      MILL_RETURN(validity.SetNull(row));
    }
  }
  MILL_ASSIGN(auto buffers, writer.Finish());
  buffers[0] = validity.buffer();
  return arrow::MakeArray(arrow::ArrayData::Make(type.ToArrow(), none.rows, std::move(buffers),
                                                 validity.null_count()));
}

}  // namespace millrace
