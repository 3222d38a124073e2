// Shared parts of the aggregate functions: walking over a batch's values and gathering results.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "functions/aggregate.h"
#include "functions/per_row.h"

namespace millrace {

std::unique_ptr<Accumulators> MakeExtreme(const SqlType& type, bool is_min, bool retract);
std::unique_ptr<Accumulators> MakeFirstLast(const SqlType& type, bool is_first, bool retract);
std::unique_ptr<Accumulators> MakeDistinct(std::unique_ptr<Accumulators> inner, const SqlType& type,
                                           bool retract);
void RegisterStatistics(FunctionRegistry& registry);

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

// As above for text and bytes.
template <typename Read>
Result<std::shared_ptr<arrow::Array>> GatherTexts(std::span<const uint32_t> slots, const SqlType& type,
                                                  Read read) {
  Operands none;
  none.rows = static_cast<int64_t>(slots.size());
  MILL_ASSIGN(Validity validity, Validity::Of(none));
  MILL_ASSIGN(auto writer, Writer<Text>::Make(none.rows));
  for (size_t i = 0; i < slots.size(); ++i) {
    const auto row = static_cast<int64_t>(i);
    const std::string* value = read(slots[i]);
    if (value != nullptr) writer.text()->append(*value);
    writer.End(row, value != nullptr);
    if (writer.IsFull()) return UserError("more than 2 GB of text in one batch");
    if (value == nullptr) MILL_RETURN(validity.SetNull(row));
  }
  MILL_ASSIGN(auto buffers, writer.Finish());
  buffers[0] = validity.buffer();
  return arrow::MakeArray(arrow::ArrayData::Make(type.ToArrow(), none.rows, std::move(buffers),
                                                 validity.null_count()));
}

// Values of one column kept beside each other: how they are read from a batch, stored and gathered.
template <typename T>
struct Stored {
  using View = T;
  using Value = T;
  template <typename Find>
  static Result<std::shared_ptr<arrow::Array>> Gather(std::span<const uint32_t> slots,
                                                      const SqlType& type, Find find) {
    return GatherSlots<T>(slots, type, [&](uint32_t slot, T* value) {
      const T* found = find(slot);
      if (found != nullptr) *value = *found;
      return found != nullptr;
    });
  }
};

template <>
struct Stored<std::string> {
  using View = std::string_view;
  using Value = std::string;
  template <typename Find>
  static Result<std::shared_ptr<arrow::Array>> Gather(std::span<const uint32_t> slots,
                                                      const SqlType& type, Find find) {
    return GatherTexts(slots, type, find);
  }
};

// A bool that has an address in a vector.
struct StoredBool {
  bool value = false;
  StoredBool() = default;
  StoredBool(bool b) : value(b) {}  // NOLINT: converts from what readers give
  auto operator<=>(const StoredBool&) const = default;
};

template <>
struct Stored<StoredBool> {
  using View = bool;
  using Value = StoredBool;
  template <typename Find>
  static Result<std::shared_ptr<arrow::Array>> Gather(std::span<const uint32_t> slots,
                                                      const SqlType& type, Find find) {
    return GatherSlots<bool>(slots, type, [&](uint32_t slot, bool* value) {
      const StoredBool* found = find(slot);
      if (found != nullptr) *value = found->value;
      return found != nullptr;
    });
  }
};

// Calls `body` with a value of the type in which columns of `kind` are stored.
template <typename Body>
auto WithStoredType(TypeKind kind, Body body) {
  switch (kind) {
    case TypeKind::kBoolean: return body(StoredBool{});
    case TypeKind::kTinyInt: return body(int8_t{});
    case TypeKind::kSmallInt: return body(int16_t{});
    case TypeKind::kInt:
    case TypeKind::kDate:
    case TypeKind::kTime:
    case TypeKind::kIntervalMonth: return body(int32_t{});
    case TypeKind::kFloat: return body(float{});
    case TypeKind::kDouble: return body(double{});
    case TypeKind::kDecimal: return body(Int128{});
    case TypeKind::kChar:
    case TypeKind::kVarchar:
    case TypeKind::kBinary:
    case TypeKind::kVarbinary: return body(std::string());
    default: return body(int64_t{});
  }
}

}  // namespace millrace
