// What the aggregate functions share: columns read and built by value type, rows walked over, lists
// of values saved and loaded. A value type is bool, int8_t .. int64_t, float, double, Int128
// (DECIMAL), std::string (text and bytes) or ScalarPtr (whatever is nested).
#pragma once

#include <arrow/api.h>
#include <arrow/util/bit_util.h>

#include <cstring>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "functions/aggregate.h"
#include "functions/decimal.h"
#include "functions/registry.h"

namespace millrace::aggregates {

using ArrayPtr = std::shared_ptr<arrow::Array>;
using ScalarPtr = std::shared_ptr<arrow::Scalar>;
using Slots = std::span<const uint32_t>;
using Args = std::vector<ArrayPtr>;
using Columns = std::span<const ArrayPtr>;
using Types = std::vector<SqlType>;
using Bound = AggregateFunction::Bound;
using AccumulatorsPtr = std::unique_ptr<Accumulators>;

template <typename T>
using View = std::conditional_t<std::is_same_v<T, std::string>, std::string_view, T>;

// Element access to a column of value type T.
template <typename T>
class Reader {
 public:
  explicit Reader(const arrow::Array& array)
      : values_(array.data()->template GetValues<T>(1)) {}
  T operator()(size_t row) const { return values_[row]; }

 private:
  const T* values_;
};

template <>
class Reader<bool> {
 public:
  explicit Reader(const arrow::Array& array)
      : bits_(array.data()->GetValues<uint8_t>(1, 0)), offset_(array.offset()) {}
  bool operator()(size_t row) const {
    return arrow::bit_util::GetBit(bits_, offset_ + static_cast<int64_t>(row));
  }

 private:
  const uint8_t* bits_;
  int64_t offset_;
};

template <>
class Reader<Int128> {
 public:
  explicit Reader(const arrow::Array& array)
      : bytes_(array.data()->GetValues<uint8_t>(1, 0) + array.offset() * 16) {}
  Int128 operator()(size_t row) const {
    Int128 value = 0;
    std::memcpy(&value, bytes_ + row * 16, 16);
    return value;
  }

 private:
  const uint8_t* bytes_;
};

template <>
class Reader<std::string> {
 public:
  explicit Reader(const arrow::Array& array)
      : array_(static_cast<const arrow::BinaryArray&>(array)) {}
  std::string_view operator()(size_t row) const {
    return array_.GetView(static_cast<int64_t>(row));
  }

 private:
  const arrow::BinaryArray& array_;
};

// Copies the element, so that a kept value does not keep its whole batch.
template <>
class Reader<ScalarPtr> {
 public:
  explicit Reader(const arrow::Array& array) : array_(array) {}
  ScalarPtr operator()(size_t row) const {
    auto copy = arrow::Concatenate({array_.Slice(static_cast<int64_t>(row), 1)});
    MILL_CHECK(copy.ok());
    auto scalar = (*copy)->GetScalar(0);
    MILL_CHECK(scalar.ok());
    return *scalar;
  }

 private:
  const arrow::Array& array_;
};

// Calls make.operator()<T>() for the value type of `type`.
template <typename Make>
auto WithValueType(const SqlType& type, Make make) {
  switch (type.kind) {
    case TypeKind::kBoolean: return make.template operator()<bool>();
    case TypeKind::kTinyInt: return make.template operator()<int8_t>();
    case TypeKind::kSmallInt: return make.template operator()<int16_t>();
    case TypeKind::kNull:
    case TypeKind::kInt:
    case TypeKind::kDate:
    case TypeKind::kTime:
    case TypeKind::kIntervalMonth: return make.template operator()<int32_t>();
    case TypeKind::kBigInt:
    case TypeKind::kTimestamp:
    case TypeKind::kTimestampLtz:
    case TypeKind::kIntervalDay: return make.template operator()<int64_t>();
    case TypeKind::kFloat: return make.template operator()<float>();
    case TypeKind::kDouble: return make.template operator()<double>();
    case TypeKind::kDecimal: return make.template operator()<Int128>();
    case TypeKind::kChar:
    case TypeKind::kVarchar:
    case TypeKind::kBinary:
    case TypeKind::kVarbinary: return make.template operator()<std::string>();
    case TypeKind::kArray:
    case TypeKind::kMap:
    case TypeKind::kRow: break;
  }
  return make.template operator()<ScalarPtr>();
}

// An array of fixed width values: get(i, &value) is false where it is NULL.
template <typename T, typename Get>
Result<ArrayPtr> BuildFixed(const std::shared_ptr<arrow::DataType>& type, size_t count, Get get) {
  const auto length = static_cast<int64_t>(count);
  const int64_t bytes = std::is_same_v<T, bool> ? arrow::bit_util::BytesForBits(length)
                                                : length * static_cast<int64_t>(sizeof(T));
  MILL_ASSIGN(std::shared_ptr<arrow::Buffer> values, arrow::AllocateBuffer(bytes));
  std::shared_ptr<arrow::Buffer> valid;  // made with the first NULL
  uint8_t* out = values->mutable_data();
  uint8_t* bits = nullptr;
  int64_t nulls = 0;
  for (size_t i = 0; i < count; ++i) {
    T value{};
    if (!get(i, &value)) {
      if (bits == nullptr) {
        MILL_ASSIGN(valid, arrow::AllocateBitmap(length));
        bits = valid->mutable_data();
        std::memset(bits, 0xFF, static_cast<size_t>(valid->size()));
      }
      arrow::bit_util::ClearBit(bits, static_cast<int64_t>(i));
      ++nulls;
      value = T{};
    }
    if constexpr (std::is_same_v<T, bool>) {
      arrow::bit_util::SetBitTo(out, static_cast<int64_t>(i), value);
    } else {
      std::memcpy(out + i * sizeof(T), &value, sizeof(T));
    }
  }
  return arrow::MakeArray(
      arrow::ArrayData::Make(type, length, {std::move(valid), std::move(values)}, nulls));
}

template <typename Get>
Result<ArrayPtr> BuildText(const std::shared_ptr<arrow::DataType>& type, size_t count, Get get) {
  std::unique_ptr<arrow::ArrayBuilder> maker;
  MILL_RETURN(arrow::MakeBuilder(arrow::default_memory_pool(), type, &maker));
  auto& builder = static_cast<arrow::BinaryBuilder&>(*maker);
  for (size_t i = 0; i < count; ++i) {
    std::string_view value;
    MILL_RETURN(get(i, &value) ? builder.Append(value) : builder.AppendNull());
  }
  return builder.Finish();
}

template <typename Get>
Result<ArrayPtr> BuildNested(const std::shared_ptr<arrow::DataType>& type, size_t count, Get get) {
  std::unique_ptr<arrow::ArrayBuilder> builder;
  MILL_RETURN(arrow::MakeBuilder(arrow::default_memory_pool(), type, &builder));
  for (size_t i = 0; i < count; ++i) {
    ScalarPtr value;
    MILL_RETURN(get(i, &value) ? builder->AppendScalar(*value) : builder->AppendNull());
  }
  return builder->Finish();
}

template <typename T, typename Get>
Result<ArrayPtr> Build(const SqlType& type, size_t count, Get get) {
  if constexpr (std::is_same_v<T, std::string>) {
    return BuildText(type.ToArrow(), count, get);
  } else if constexpr (std::is_same_v<T, ScalarPtr>) {
    return BuildNested(type.ToArrow(), count, get);
  } else {
    return BuildFixed<T>(type.ToArrow(), count, get);
  }
}

// Calls visit(row, slot, add) for the rows that take part and whose value is not NULL. `add` is a
// constant where nothing is taken back, so that the loop has no branch for it.
template <typename Visit>
void ForRows(Slots slots, const arrow::Array* values, const RowKind* kinds, Visit visit) {
  const bool nulls = values != nullptr && values->null_count() > 0;
  if (!nulls && kinds == nullptr) {
    for (size_t i = 0; i < slots.size(); ++i) {
      if (slots[i] != kNoSlot) visit(i, slots[i], std::true_type{});
    }
    return;
  }
  for (size_t i = 0; i < slots.size(); ++i) {
    if (slots[i] == kNoSlot || (nulls && values->IsNull(static_cast<int64_t>(i)))) continue;
    if (kinds == nullptr || Adds(kinds[i])) {
      visit(i, slots[i], std::true_type{});
    } else {
      visit(i, slots[i], std::false_type{});
    }
  }
}

// ---------------------------------------------------------------------------------------------
// Saved state

// A LIST column: begins[i] is where list i begins in `values`.
Result<ArrayPtr> MakeLists(std::vector<int64_t> begins, ArrayPtr values);

// A column of lists of (value, number), one list per slot: `values` of a slot that are kept.
template <typename T>
class PairLists {
 public:
  // LIST<ROW<value, number>>, the number's name being given.
  static std::shared_ptr<arrow::DataType> Type(const SqlType& value, const std::string& number) {
    return arrow::list(arrow::struct_(
        {arrow::field("value", value.ToArrow()), arrow::field(number, arrow::int64())}));
  }

  PairLists(const SqlType& value, const std::string& number) : value_(value), number_(number) {}

  // Begins the next list.
  void Begin() { begins_.push_back(static_cast<int64_t>(values_.size())); }
  // Adds to it. What is viewed must live until Finish.
  void Add(View<T> value, int64_t number) {
    values_.push_back(std::move(value));
    numbers_.push_back(number);
    valid_.push_back(true);
  }
  void AddNull(int64_t number) {
    Add(View<T>{}, number);
    valid_.back() = false;
  }
  Result<ArrayPtr> Finish() {
    const size_t count = values_.size();
    MILL_ASSIGN(ArrayPtr values, Build<T>(value_, count, [this](size_t i, View<T>* value) {
                  *value = values_[i];
                  return bool{valid_[i]};
                }));
    MILL_ASSIGN(ArrayPtr numbers,
                BuildFixed<int64_t>(arrow::int64(), count, [this](size_t i, int64_t* number) {
                  *number = numbers_[i];
                  return true;
                }));
    MILL_ASSIGN(ArrayPtr pairs, arrow::StructArray::Make(
                                    {values, numbers},
                                    arrow::FieldVector{arrow::field("value", value_.ToArrow()),
                                                       arrow::field(number_, arrow::int64())}));
    return MakeLists(std::move(begins_), std::move(pairs));
  }

  // Calls visit(row, value, number) for each pair of a column that Finish has made without NULLs.
  template <typename Visit>
  static void ForEach(const arrow::Array& column, Visit visit) {
    ForEachNullable(column, [&](size_t row, bool, View<T> value, int64_t number) {
      visit(row, std::move(value), number);
    });
  }
  // Calls visit(row, valid, value, number); where it is not valid the value means nothing.
  template <typename Visit>
  static void ForEachNullable(const arrow::Array& column, Visit visit) {
    const auto& lists = static_cast<const arrow::ListArray&>(column);
    const auto& pairs = static_cast<const arrow::StructArray&>(*lists.values());
    const ArrayPtr values = pairs.field(0);
    const Reader<T> read(*values);
    const auto* numbers = pairs.field(1)->data()->template GetValues<int64_t>(1);
    for (int64_t row = 0; row < lists.length(); ++row) {
      if (lists.IsNull(row)) continue;
      const auto end = static_cast<size_t>(lists.value_offset(row) + lists.value_length(row));
      for (auto i = static_cast<size_t>(lists.value_offset(row)); i < end; ++i) {
        const bool valid = values->IsValid(static_cast<int64_t>(i));
        visit(static_cast<size_t>(row), valid, valid ? read(i) : View<T>{}, numbers[i]);
      }
    }
  }

 private:
  SqlType value_;
  std::string number_;
  std::vector<int64_t> begins_;
  std::vector<View<T>> values_;
  std::vector<bool> valid_;
  std::vector<int64_t> numbers_;
};

// Appends a BIGINT column: get(slot) of each slot.
template <typename Get>
Status SaveNumbers(Slots slots, arrow::ArrayVector& columns, Get get) {
  MILL_ASSIGN(ArrayPtr column, BuildFixed<int64_t>(arrow::int64(), slots.size(),
                                                   [&](size_t i, int64_t* number) {
                                                     *number = get(slots[i]);
                                                     return true;
                                                   }));
  columns.push_back(std::move(column));
  return Status::OK();
}

// Calls load(slot, row) for the rows that were saved with the aggregate.
template <typename LoadRow>
void ForSaved(Slots slots, const arrow::Array& first, LoadRow load) {
  for (size_t i = 0; i < slots.size(); ++i) {
    if (first.IsValid(static_cast<int64_t>(i))) load(slots[i], i);
  }
}

// ---------------------------------------------------------------------------------------------
// Binding

// The only argument's type; an untyped NULL is an INT.
Result<SqlType> OneArgument(const char* name, const Types& args);

void RegisterSums(FunctionRegistry& registry);      // COUNT, SUM, $SUM0, AVG
void RegisterExtremes(FunctionRegistry& registry);  // MIN, MAX
void RegisterEdges(FunctionRegistry& registry);     // FIRST_VALUE, LAST_VALUE
void RegisterLists(FunctionRegistry& registry);     // LISTAGG, ARRAY_AGG, JSON_ARRAYAGG ...
void RegisterCounted(FunctionRegistry& registry);   // COLLECT, PERCENTILE

}  // namespace millrace::aggregates
