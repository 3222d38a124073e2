// The built-in aggregate functions: COUNT, SUM, $SUM0, AVG, MIN, MAX, FIRST_VALUE, LAST_VALUE.
// Accumulators are plain vectors by slot and updates are tight loops over raw columns, since every
// input row of a GROUP BY passes here. Where rows may be taken back, MIN, MAX, FIRST_VALUE and
// LAST_VALUE keep all values of a slot; the others subtract.
#include <arrow/api.h>
#include <arrow/util/bit_util.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <deque>
#include <map>
#include <optional>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <utility>

#include "functions/decimal.h"
#include "functions/families.h"
#include "functions/registry.h"

namespace millrace {
namespace {

using ArrayPtr = std::shared_ptr<arrow::Array>;
using ScalarPtr = std::shared_ptr<arrow::Scalar>;
using Slots = std::span<const uint32_t>;
using Args = std::vector<ArrayPtr>;
using Bound = AggregateFunction::Bound;

// ---------------------------------------------------------------------------------------------
// Values in columns. A value type is bool, int8_t .. int64_t, float, double, Int128 (DECIMAL),
// std::string (text and bytes) or ScalarPtr (whatever is nested).

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
  MILL_ASSIGN(std::shared_ptr<arrow::Buffer> valid, arrow::AllocateEmptyBitmap(length));
  if (bytes > 0) std::memset(values->mutable_data(), 0, static_cast<size_t>(bytes));
  int64_t nulls = 0;
  for (size_t i = 0; i < count; ++i) {
    T value{};
    if (!get(i, &value)) {
      ++nulls;
      continue;
    }
    arrow::bit_util::SetBit(valid->mutable_data(), static_cast<int64_t>(i));
    if constexpr (std::is_same_v<T, bool>) {
      arrow::bit_util::SetBitTo(values->mutable_data(), static_cast<int64_t>(i), value);
    } else {
      std::memcpy(values->mutable_data() + i * sizeof(T), &value, sizeof(T));
    }
  }
  if (nulls == 0) valid = nullptr;
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
// COUNT

class CountAccumulators : public Accumulators {
 public:
  void Resize(size_t slots) override { counts_.resize(slots); }
  void Reset(uint32_t slot) override { counts_[slot] = 0; }

  Status Update(Slots slots, const Args& args, const RowKind* kinds) override {
    if (args.size() > 1) {
      CountAll(slots, args, kinds);
      return Status::OK();
    }
    int64_t* counts = counts_.data();
    ForRows(slots, args.empty() ? nullptr : args[0].get(), kinds,
            [counts](size_t, uint32_t slot, auto add) { counts[slot] += add ? 1 : -1; });
    return Status::OK();
  }

  void Merge(uint32_t into, uint32_t from) override { counts_[into] += counts_[from]; }

  Result<ArrayPtr> Finish(Slots slots) const override {
    return BuildFixed<int64_t>(arrow::int64(), slots.size(), [&](size_t i, int64_t* value) {
      *value = slots[i] == kNoSlot ? 0 : counts_[slots[i]];
      return true;
    });
  }

 private:
  // Several arguments: rows where none of them is NULL.
  void CountAll(Slots slots, const Args& args, const RowKind* kinds) {
    ForRows(slots, nullptr, kinds, [&](size_t i, uint32_t slot, auto add) {
      for (const ArrayPtr& arg : args) {
        if (arg->IsNull(static_cast<int64_t>(i))) return;
      }
      counts_[slot] += add ? 1 : -1;
    });
  }

  std::vector<int64_t> counts_;
};

// ---------------------------------------------------------------------------------------------
// SUM, $SUM0 and AVG

// A sum of integers wraps around as Flink's does.
struct IntegerSum {
  uint64_t total = 0;
  int64_t count = 0;

  template <typename T>
  void Add(T value) { total += static_cast<uint64_t>(value); }
  template <typename T>
  void Subtract(T value) { total -= static_cast<uint64_t>(value); }
  void AddSum(const IntegerSum& other) { total += other.total; }
  int64_t Value() const { return static_cast<int64_t>(total); }
};

struct FloatingSum {
  double total = 0;
  int64_t count = 0;

  void Add(double value) { total += value; }
  void Subtract(double value) { total -= value; }
  void AddSum(const FloatingSum& other) { total += other.total; }
  double Value() const { return total; }
};

// A sum of decimals can leave 128 bits and come back: `carry` counts how often it wrapped upwards,
// less how often downwards.
struct DecimalSum {
  Int128 total = 0;
  int64_t count = 0;
  int64_t carry = 0;

  void Add(Int128 value) {
    if (__builtin_add_overflow(total, value, &total)) carry += value > 0 ? 1 : -1;
  }
  void Subtract(Int128 value) {
    if (__builtin_sub_overflow(total, value, &total)) carry += value > 0 ? -1 : 1;
  }
  void AddSum(const DecimalSum& other) {
    Add(other.total);
    carry += other.carry;
  }
  bool Fits() const { return carry == 0 && FitsPrecision(total, kMaxDecimalDigits); }
  Int128 Value() const { return total; }
};

template <typename T>
using SumOf = std::conditional_t<std::is_same_v<T, Int128>, DecimalSum,
                                 std::conditional_t<std::is_floating_point_v<T>, FloatingSum,
                                                    IntegerSum>>;

// Sums and counts of a column of value type T. What they mean at the end is the derived class's.
template <typename T>
class SumBase : public Accumulators {
 public:
  void Resize(size_t slots) override { sums_.resize(slots); }
  void Reset(uint32_t slot) override { sums_[slot] = {}; }

  Status Update(Slots slots, const Args& args, const RowKind* kinds) override {
    const Reader<T> values(*args[0]);
    SumOf<T>* sums = sums_.data();
    ForRows(slots, args[0].get(), kinds, [values, sums](size_t i, uint32_t slot, auto add) {
      SumOf<T>& sum = sums[slot];
      if constexpr (add) {
        sum.Add(values(i));
        ++sum.count;
      } else {
        sum.Subtract(values(i));
        --sum.count;
      }
    });
    return Status::OK();
  }

  void Merge(uint32_t into, uint32_t from) override {
    sums_[into].AddSum(sums_[from]);
    sums_[into].count += sums_[from].count;
  }

 protected:
  // The slot's sum; empty for kNoSlot.
  const SumOf<T>& At(uint32_t slot) const { return slot == kNoSlot ? none_ : sums_[slot]; }

 private:
  std::vector<SumOf<T>> sums_;
  SumOf<T> none_;
};

template <typename T>
class SumAccumulators : public SumBase<T> {
 public:
  SumAccumulators(SqlType type, bool zero) : type_(std::move(type)), zero_(zero) {}

  Result<ArrayPtr> Finish(Slots slots) const override {
    return Build<T>(type_, slots.size(), [&](size_t i, T* value) {
      const SumOf<T>& sum = this->At(slots[i]);
      if (sum.count == 0) return zero_;
      if constexpr (std::is_same_v<T, Int128>) {
        if (!sum.Fits()) return false;
      }
      *value = static_cast<T>(sum.Value());
      return true;
    });
  }

 private:
  SqlType type_;
  bool zero_;  // $SUM0: no rows give 0 instead of NULL
};

template <typename T>
class AvgAccumulators : public SumBase<T> {
 public:
  explicit AvgAccumulators(const Bound& bound)
      : type_(bound.type), shift_(bound.type.scale - bound.arg_types[0].scale) {}

  Result<ArrayPtr> Finish(Slots slots) const override {
    return Build<T>(type_, slots.size(), [&](size_t i, T* value) {
      const SumOf<T>& sum = this->At(slots[i]);
      return sum.count != 0 && Divide(sum, value);
    });
  }

 private:
  bool Divide(const SumOf<T>& sum, T* value) const {
    if constexpr (std::is_same_v<T, Int128>) {
      if (sum.carry != 0) return false;
      const auto quotient = DivideDecimal(sum.total, sum.count, shift_, kMaxDecimalDigits);
      if (quotient) *value = *quotient;
      return quotient.has_value();
    } else if constexpr (std::is_floating_point_v<T>) {
      *value = static_cast<T>(sum.total / static_cast<double>(sum.count));
    } else {
      *value = static_cast<T>(sum.Value() / sum.count);
    }
    return true;
  }

  SqlType type_;
  int shift_;  // DECIMAL: digits that the result has behind the argument's
};

// ---------------------------------------------------------------------------------------------
// MIN and MAX

// A total order: NaN is above all numbers, as in Java's Double.compare.
struct Order {
  template <typename A, typename B>
  bool operator()(const A& a, const B& b) const {
    if constexpr (std::is_floating_point_v<A>) {
      return a < b || (std::isnan(b) && !std::isnan(a));
    } else {
      return a < b;
    }
  }
  using is_transparent = void;
};

template <bool kMin, typename A, typename B>
bool Better(const A& candidate, const B& best) {
  return kMin ? Order()(candidate, best) : Order()(best, candidate);
}

// The best value so far, where rows are only added.
template <typename T, bool kMin>
class ExtremeAccumulators : public Accumulators {
 public:
  explicit ExtremeAccumulators(SqlType type) : type_(std::move(type)) {}

  void Resize(size_t slots) override { best_.resize(slots); }
  void Reset(uint32_t slot) override { best_[slot].has = false; }

  Status Update(Slots slots, const Args& args, const RowKind*) override {
    const Reader<T> values(*args[0]);
    Best* best = best_.data();
    ForRows(slots, args[0].get(), nullptr, [&values, best](size_t i, uint32_t slot, auto) {
      Offer(values(i), best[slot]);
    });
    return Status::OK();
  }

  void Merge(uint32_t into, uint32_t from) override {
    if (best_[from].has) Offer(View<T>(best_[from].value), best_[into]);
  }

  Result<ArrayPtr> Finish(Slots slots) const override {
    return Build<T>(type_, slots.size(), [&](size_t i, View<T>* value) {
      if (slots[i] == kNoSlot || !best_[slots[i]].has) return false;
      *value = best_[slots[i]].value;
      return true;
    });
  }

 private:
  struct Best {
    T value{};
    bool has = false;
  };

  static void Offer(View<T> value, Best& best) {
    if (best.has && !Better<kMin>(value, View<T>(best.value))) return;
    best.value = value;
    best.has = true;
  }

  SqlType type_;
  std::vector<Best> best_;
};

// All values of a slot with their counts, where rows may be taken back. A count can be negative for
// a while: a retraction may overtake its row.
template <typename T, bool kMin>
class RetractableExtremes : public Accumulators {
 public:
  explicit RetractableExtremes(SqlType type) : type_(std::move(type)) {}

  void Resize(size_t slots) override { values_.resize(slots); }
  void Reset(uint32_t slot) override { values_[slot].clear(); }

  Status Update(Slots slots, const Args& args, const RowKind* kinds) override {
    const Reader<T> values(*args[0]);
    ForRows(slots, args[0].get(), kinds, [&](size_t i, uint32_t slot, auto add) {
      Count(values_[slot], values(i), add ? 1 : -1);
    });
    return Status::OK();
  }

  void Merge(uint32_t into, uint32_t from) override {
    for (const auto& [value, count] : values_[from]) Count(values_[into], View<T>(value), count);
  }

  Result<ArrayPtr> Finish(Slots slots) const override {
    return Build<T>(type_, slots.size(), [&](size_t i, View<T>* value) {
      if (slots[i] == kNoSlot) return false;
      const Counts& counts = values_[slots[i]];
      return kMin ? FirstPresent(counts.begin(), counts.end(), value)
                  : FirstPresent(counts.rbegin(), counts.rend(), value);
    });
  }

 private:
  using Counts = std::map<T, int64_t, Order>;

  static void Count(Counts& counts, View<T> value, int64_t change) {
    auto found = counts.find(value);
    if (found == counts.end()) found = counts.emplace(T(value), 0).first;
    found->second += change;
    if (found->second == 0) counts.erase(found);
  }

  template <typename Iterator>
  static bool FirstPresent(Iterator at, Iterator end, View<T>* value) {
    while (at != end && at->second <= 0) ++at;
    if (at == end) return false;
    *value = at->first;
    return true;
  }

  SqlType type_;
  std::vector<Counts> values_;
};

// ---------------------------------------------------------------------------------------------
// FIRST_VALUE and LAST_VALUE. Each value has its number in order of arrival, so that slots merge in
// that order.

template <typename T, bool kFirst>
class EdgeAccumulators : public Accumulators {
 public:
  explicit EdgeAccumulators(SqlType type) : type_(std::move(type)) {}

  void Resize(size_t slots) override { edges_.resize(slots); }
  void Reset(uint32_t slot) override { edges_[slot] = {}; }

  Status Update(Slots slots, const Args& args, const RowKind*) override {
    const Reader<T> values(*args[0]);
    ForRows(slots, args[0].get(), nullptr, [&](size_t i, uint32_t slot, auto) {
      Edge& edge = edges_[slot];
      const uint64_t arrival = ++arrivals_;
      if (kFirst && edge.arrival != 0) return;
      edge.value = values(i);
      edge.arrival = arrival;
    });
    return Status::OK();
  }

  void Merge(uint32_t into, uint32_t from) override {
    const Edge& other = edges_[from];
    Edge& mine = edges_[into];
    if (other.arrival == 0) return;
    const bool earlier = other.arrival < mine.arrival;
    if (mine.arrival == 0 || earlier == kFirst) mine = other;
  }

  Result<ArrayPtr> Finish(Slots slots) const override {
    return Build<T>(type_, slots.size(), [&](size_t i, View<T>* value) {
      if (slots[i] == kNoSlot || edges_[slots[i]].arrival == 0) return false;
      *value = edges_[slots[i]].value;
      return true;
    });
  }

 private:
  struct Edge {
    T value{};
    uint64_t arrival = 0;  // 0: no value
  };

  SqlType type_;
  std::vector<Edge> edges_;
  uint64_t arrivals_ = 0;
};

// Hash and equality of kept values: NaN equals itself, so that it can be taken back.
struct ValueHash {
  size_t operator()(const ScalarPtr& value) const { return value->hash(); }
  size_t operator()(const std::string& value) const { return std::hash<std::string>()(value); }
  size_t operator()(Int128 value) const {
    return static_cast<size_t>(value) * 31 + static_cast<size_t>(value >> 64);
  }
  template <typename T>
    requires std::is_arithmetic_v<T>
  size_t operator()(T value) const {
    return value == value ? std::hash<T>()(value) : 0;
  }
};

struct ValueEqual {
  bool operator()(const ScalarPtr& a, const ScalarPtr& b) const {
    return a->Equals(*b, arrow::EqualOptions::Defaults().nans_equal(true));
  }
  template <typename T>
  bool operator()(const T& a, const T& b) const {
    return a == b || (a != a && b != b);
  }
};

// All values of a slot in order of arrival. Taking a value back drops its earliest arrival.
template <typename T, bool kFirst>
class RetractableEdges : public Accumulators {
 public:
  explicit RetractableEdges(SqlType type) : type_(std::move(type)) {}

  void Resize(size_t slots) override { histories_.resize(slots); }
  void Reset(uint32_t slot) override { histories_[slot] = {}; }

  Status Update(Slots slots, const Args& args, const RowKind* kinds) override {
    const Reader<T> values(*args[0]);
    ForRows(slots, args[0].get(), kinds, [&](size_t i, uint32_t slot, auto add) {
      if constexpr (add) {
        histories_[slot].Add(T(values(i)), ++arrivals_);
      } else {
        histories_[slot].Drop(T(values(i)));
      }
    });
    return Status::OK();
  }

  void Merge(uint32_t into, uint32_t from) override {
    for (const auto& [arrival, value] : histories_[from].values) {
      histories_[into].Add(value, arrival);
    }
  }

  Result<ArrayPtr> Finish(Slots slots) const override {
    return Build<T>(type_, slots.size(), [&](size_t i, View<T>* value) {
      if (slots[i] == kNoSlot || histories_[slots[i]].values.empty()) return false;
      const auto& values = histories_[slots[i]].values;
      *value = kFirst ? values.begin()->second : values.rbegin()->second;
      return true;
    });
  }

 private:
  struct History {
    std::map<uint64_t, T> values;  // by arrival
    std::unordered_map<T, std::deque<uint64_t>, ValueHash, ValueEqual> arrivals;

    void Add(const T& value, uint64_t arrival) {
      values.emplace(arrival, value);
      std::deque<uint64_t>& list = arrivals[value];
      list.insert(std::lower_bound(list.begin(), list.end(), arrival), arrival);
    }
    void Drop(const T& value) {
      const auto found = arrivals.find(value);
      if (found == arrivals.end()) return;
      values.erase(found->second.front());
      found->second.pop_front();
      if (found->second.empty()) arrivals.erase(found);
    }
  };

  SqlType type_;
  std::vector<History> histories_;
  uint64_t arrivals_ = 0;
};

// ---------------------------------------------------------------------------------------------
// Binding: argument types, and accumulators for them

using Types = std::vector<SqlType>;

// The only argument's type; an untyped NULL is an INT.
Result<SqlType> OneArgument(const char* name, const Types& args) {
  if (args.size() != 1) return UserError("{} wants one argument, found {}", name, args.size());
  return args[0].kind == TypeKind::kNull ? SqlType::Int() : args[0];
}

Result<SqlType> OneNumber(const char* name, const Types& args) {
  MILL_ASSIGN(SqlType type, OneArgument(name, args));
  if (type.IsNumeric()) return type;
  return UserError("{} wants a number, found {}", name, type.Nullable().ToString());
}

Result<Bound> BindCount(const Types& args) {
  Bound bound{args, SqlType::BigInt().NotNull()};
  for (SqlType& type : bound.arg_types) {
    if (type.kind == TypeKind::kNull) type = SqlType::Int();
  }
  return bound;
}

Result<Bound> BindSum(const char* name, const Types& args) {
  MILL_ASSIGN(SqlType type, OneNumber(name, args));
  SqlType sum = type.Nullable();
  if (sum.kind == TypeKind::kDecimal) sum.precision = kMaxDecimalDigits;
  return Bound{{std::move(type)}, std::move(sum)};
}

Result<Bound> BindSumZero(const Types& args) {
  MILL_ASSIGN(Bound bound, BindSum("$SUM0", args));
  // A decimal sum that does not fit is NULL.
  if (bound.type.kind != TypeKind::kDecimal) bound.type = bound.type.NotNull();
  return bound;
}

Result<Bound> BindAvg(const Types& args) {
  MILL_ASSIGN(Bound bound, BindSum("AVG", args));
  if (bound.type.kind == TypeKind::kDecimal) bound.type.scale = std::max(6, bound.type.scale);
  return bound;
}

Result<Bound> BindExtreme(const char* name, const Types& args) {
  MILL_ASSIGN(SqlType type, OneArgument(name, args));
  if (!type.children.empty() || type.kind >= TypeKind::kArray) {
    return UserError("{} wants a type that has an order, found {}", name,
                     type.Nullable().ToString());
  }
  SqlType result = type.Nullable();
  return Bound{{std::move(type)}, std::move(result)};
}

Result<Bound> BindEdge(const char* name, const Types& args) {
  MILL_ASSIGN(SqlType type, OneArgument(name, args));
  SqlType result = type.Nullable();
  return Bound{{std::move(type)}, std::move(result)};
}

using AccumulatorsPtr = std::unique_ptr<Accumulators>;

template <typename T>
inline constexpr bool kIsNumber = !std::is_same_v<T, bool> && !std::is_same_v<T, std::string> &&
                                  !std::is_same_v<T, ScalarPtr>;

AccumulatorsPtr MakeSum(const Bound& bound, bool zero) {
  return WithValueType(bound.arg_types[0], [&]<typename T>() -> AccumulatorsPtr {
    if constexpr (kIsNumber<T>) return std::make_unique<SumAccumulators<T>>(bound.type, zero);
    MILL_CHECK(false);
  });
}

AccumulatorsPtr MakeAvg(const Bound& bound) {
  return WithValueType(bound.arg_types[0], [&]<typename T>() -> AccumulatorsPtr {
    if constexpr (kIsNumber<T>) return std::make_unique<AvgAccumulators<T>>(bound);
    MILL_CHECK(false);
  });
}

template <bool kMin>
AccumulatorsPtr MakeExtreme(const Bound& bound, bool retract) {
  return WithValueType(bound.arg_types[0], [&]<typename T>() -> AccumulatorsPtr {
    if constexpr (!std::is_same_v<T, ScalarPtr>) {
      if (retract) return std::make_unique<RetractableExtremes<T, kMin>>(bound.type);
      return std::make_unique<ExtremeAccumulators<T, kMin>>(bound.type);
    }
    MILL_CHECK(false);
  });
}

template <bool kFirst>
AccumulatorsPtr MakeEdge(const Bound& bound, bool retract) {
  return WithValueType(bound.arg_types[0], [&]<typename T>() -> AccumulatorsPtr {
    if (retract) return std::make_unique<RetractableEdges<T, kFirst>>(bound.type);
    return std::make_unique<EdgeAccumulators<T, kFirst>>(bound.type);
  });
}

void RegisterSums(FunctionRegistry& registry) {
  registry.Add(AggregateFunction{
      "COUNT", "COUNT(* | value, ...) -> BIGINT",
      "Number of rows; with arguments, of those rows where none of them is NULL.", BindCount,
      [](const Bound&, bool) -> AccumulatorsPtr { return std::make_unique<CountAccumulators>(); }});
  registry.Add(AggregateFunction{
      "SUM", "SUM(number) -> number",
      "Sum of the values that are not NULL; NULL if there are none.",
      [](const Types& args) { return BindSum("SUM", args); },
      [](const Bound& bound, bool) { return MakeSum(bound, false); }});
  registry.Add(AggregateFunction{
      "$SUM0", "$SUM0(number) -> number",
      "Sum of the values that are not NULL; 0 if there are none.",
      BindSumZero, [](const Bound& bound, bool) { return MakeSum(bound, true); }});
  registry.Add(AggregateFunction{
      "AVG", "AVG(number) -> number",
      "Mean of the values that are not NULL, in their type: the mean of integers is truncated.",
      BindAvg, [](const Bound& bound, bool) { return MakeAvg(bound); }});
}

void RegisterExtremes(FunctionRegistry& registry) {
  registry.Add(AggregateFunction{
      "MIN", "MIN(value) -> value", "Least of the values that are not NULL.",
      [](const Types& args) { return BindExtreme("MIN", args); }, MakeExtreme<true>});
  registry.Add(AggregateFunction{
      "MAX", "MAX(value) -> value", "Greatest of the values that are not NULL.",
      [](const Types& args) { return BindExtreme("MAX", args); }, MakeExtreme<false>});
}

void RegisterEdges(FunctionRegistry& registry) {
  registry.Add(AggregateFunction{
      "FIRST_VALUE", "FIRST_VALUE(value) -> value", "The value that arrived first, NULLs aside.",
      [](const Types& args) { return BindEdge("FIRST_VALUE", args); }, MakeEdge<true>});
  registry.Add(AggregateFunction{
      "LAST_VALUE", "LAST_VALUE(value) -> value", "The value that arrived last, NULLs aside.",
      [](const Types& args) { return BindEdge("LAST_VALUE", args); }, MakeEdge<false>});
}

}  // namespace

std::string AggregateCall::ToString() const {
  std::string text = function ? function->name : "?";
  text += distinct ? "(DISTINCT " : "(";
  for (size_t i = 0; i < args.size(); ++i) text += (i > 0 ? ", $" : "$") + std::to_string(args[i]);
  if (args.empty()) text += "*";
  text += ")";
  if (filter >= 0) text += " FILTER $" + std::to_string(filter);
  return name.empty() ? text : text + " AS " + name;
}

void RegisterAggregates(FunctionRegistry& registry) {
  RegisterSums(registry);
  RegisterExtremes(registry);
  RegisterEdges(registry);
}

}  // namespace millrace
