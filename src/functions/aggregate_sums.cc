// COUNT, SUM, $SUM0 and AVG. Accumulators are plain vectors by slot and updates are tight loops over
// raw columns, since every input row of a GROUP BY passes here. Rows taken back are subtracted.
#include <algorithm>

#include "functions/aggregate_values.h"

namespace millrace::aggregates {
namespace {

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

  arrow::FieldVector StateFields() const override {
    return {StateField("count", arrow::int64(), "Number of rows counted.")};
  }
  Status Save(Slots slots, arrow::ArrayVector& columns) override {
    return SaveNumbers(slots, columns, [this](uint32_t slot) { return counts_[slot]; });
  }
  Status Load(Slots slots, Columns columns) override {
    const Reader<int64_t> counts(*columns[0]);
    ForSaved(slots, *columns[0], [&](uint32_t slot, size_t i) { counts_[slot] = counts(i); });
    return Status::OK();
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

// What a sum of values of type T is kept as.
template <typename T>
using SumOf = std::conditional_t<std::is_same_v<T, Int128>, DecimalSum,
                                 std::conditional_t<std::is_floating_point_v<T>, FloatingSum,
                                                    IntegerSum>>;

// Sums and counts of a column of value type T. What they mean at the end is the derived class's.
template <typename T>
class SumBase : public Accumulators {
 public:
  explicit SumBase(const Bound& bound) : saved_type_(SavedType(bound.arg_types[0])) {}

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

  arrow::FieldVector StateFields() const override {
    arrow::FieldVector fields = {
        StateField("sum", saved_type_.ToArrow(), "Sum of the values."),
        StateField("count", arrow::int64(), "Number of the values.")};
    if constexpr (kDecimal) {
      fields.push_back(StateField("carry", arrow::int64(),
                                  "How often the sum wrapped around 2^127, upwards less down."));
    }
    return fields;
  }
  Status Save(Slots slots, arrow::ArrayVector& columns) override {
    MILL_ASSIGN(ArrayPtr sums, Build<Saved>(saved_type_, slots.size(), [&](size_t i, Saved* sum) {
                  *sum = sums_[slots[i]].Value();
                  return true;
                }));
    columns.push_back(std::move(sums));
    MILL_RETURN(SaveNumbers(slots, columns, [this](uint32_t s) { return sums_[s].count; }));
    if constexpr (kDecimal) {
      return SaveNumbers(slots, columns, [this](uint32_t s) { return sums_[s].carry; });
    }
    return Status::OK();
  }
  Status Load(Slots slots, Columns columns) override {
    const Reader<Saved> sums(*columns[0]);
    const Reader<int64_t> counts(*columns[1]);
    ForSaved(slots, *columns[0], [&](uint32_t slot, size_t i) {
      sums_[slot].total = static_cast<decltype(sums_[slot].total)>(sums(i));
      sums_[slot].count = counts(i);
      if constexpr (kDecimal) sums_[slot].carry = Reader<int64_t>(*columns[2])(i);
    });
    return Status::OK();
  }

 protected:
  // The slot's sum; empty for kNoSlot.
  const SumOf<T>& At(uint32_t slot) const { return slot == kNoSlot ? none_ : sums_[slot]; }

 private:
  static constexpr bool kDecimal = std::is_same_v<T, Int128>;
  using Saved = decltype(SumOf<T>().Value());

  static SqlType SavedType(const SqlType& values) {
    if constexpr (kDecimal) {
      return SqlType::Of(TypeKind::kDecimal, kMaxDecimalDigits, values.scale);
    }
    return std::is_floating_point_v<T> ? SqlType::Double() : SqlType::BigInt();
  }

  SqlType saved_type_;
  std::vector<SumOf<T>> sums_;
  SumOf<T> none_;
};

template <typename T>
class SumAccumulators : public SumBase<T> {
 public:
  SumAccumulators(const Bound& bound, bool zero)
      : SumBase<T>(bound), type_(bound.type), zero_(zero) {}

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
      : SumBase<T>(bound), type_(bound.type), shift_(bound.type.scale - bound.arg_types[0].scale) {}

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

template <typename T>
inline constexpr bool kIsNumber = !std::is_same_v<T, bool> && !std::is_same_v<T, std::string> &&
                                  !std::is_same_v<T, ScalarPtr>;

AccumulatorsPtr MakeSum(const Bound& bound, bool zero) {
  return WithValueType(bound.arg_types[0], [&]<typename T>() -> AccumulatorsPtr {
    if constexpr (kIsNumber<T>) return std::make_unique<SumAccumulators<T>>(bound, zero);
    MILL_CHECK(false);
  });
}

AccumulatorsPtr MakeAvg(const Bound& bound) {
  return WithValueType(bound.arg_types[0], [&]<typename T>() -> AccumulatorsPtr {
    if constexpr (kIsNumber<T>) return std::make_unique<AvgAccumulators<T>>(bound);
    MILL_CHECK(false);
  });
}

}  // namespace

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

}  // namespace millrace::aggregates
