// Aggregates that count each different value of a slot: COLLECT and PERCENTILE. A count can be
// negative for a while: a retraction may overtake its row. What is saved grows: a delta holds by
// how much counts have changed since the slot was last saved.
#include <cmath>
#include <unordered_map>

#include "functions/aggregate_kept.h"
#include "functions/bind.h"

namespace millrace::aggregates {
namespace {

template <typename T>
class CountedAccumulators : public Accumulators {
 public:
  explicit CountedAccumulators(SqlType value) : value_(std::move(value)) {}

  void Resize(size_t slots) override {
    counts_.resize(slots);
    changes_.resize(slots);
  }
  void Reset(uint32_t slot) override {
    counts_[slot] = {};
    changes_[slot].reset();
  }

  // args: the values and, if there is a second, how often each row's counts. Rows that count less
  // than once take no part.
  Status Update(Slots slots, const Args& args, const RowKind* kinds) override {
    const Reader<T> values(*args[0]);
    const arrow::Array* often = args.size() > 1 ? args[1].get() : nullptr;
    const auto* numbers = often ? often->data()->template GetValues<int64_t>(1) : nullptr;
    ForRows(slots, args[0].get(), kinds, [&](size_t i, uint32_t slot, auto add) {
      if (often != nullptr && (often->IsNull(static_cast<int64_t>(i)) || numbers[i] <= 0)) return;
      const int64_t count = numbers ? numbers[i] : 1;
      Count(slot, T(values(i)), add ? count : -count);
    });
    return Status::OK();
  }

  void Merge(uint32_t into, uint32_t from) override {
    if (into == from) return;
    for (const auto& [value, count] : counts_[from]) Count(into, value, count);
  }

  arrow::FieldVector StateFields() const override {
    return {GrowingStateField("values", Saved::Type(value_, "count"),
                              "The values, and how often each is there; counts add up.")};
  }
  Status Save(Slots slots, SaveMode mode, arrow::ArrayVector& columns) override {
    Saved saved(value_, "count");
    for (uint32_t slot : slots) {
      saved.Begin();
      const bool changes = mode == SaveMode::kDelta && changes_[slot];
      const Counts& counts = changes ? *changes_[slot] : counts_[slot];
      for (const auto& [value, count] : counts) saved.Add(View<T>(value), count);
    }
    MILL_ASSIGN(ArrayPtr column, saved.Finish());
    columns.push_back(std::move(column));
    for (uint32_t slot : slots) changes_[slot] = std::make_unique<Counts>();
    return Status::OK();
  }
  Status Load(Slots slots, Columns columns) override {
    Saved::ForEach(*columns[0], [&](size_t row, View<T> value, int64_t count) {
      Count(slots[row], T(value), count);
    });
    return Status::OK();
  }

 protected:
  struct Entry {
    const T* value;
    int64_t count;
  };

  const SqlType& value_type() const { return value_; }

  // The values that are there, in ascending order, NaN last.
  std::vector<Entry> Sorted(uint32_t slot) const {
    std::vector<Entry> entries;
    if (slot == kNoSlot) return entries;
    for (const auto& [value, count] : counts_[slot]) {
      if (count > 0) entries.push_back({&value, count});
    }
    std::sort(entries.begin(), entries.end(),
              [](const Entry& a, const Entry& b) { return Less(*a.value, *b.value); });
    return entries;
  }

 private:
  using Saved = PairLists<T>;
  using Counts = std::unordered_map<T, int64_t, ValueHash, ValueEqual>;

  static bool Less(const T& a, const T& b) {
    if constexpr (std::is_same_v<T, ScalarPtr>) {
      return a->ToString() < b->ToString();
    } else {
      return a == a && (b != b || a < b);
    }
  }

  void Count(uint32_t slot, T value, int64_t change) {
    if (changes_[slot]) Change(*changes_[slot], value, change);
    Change(counts_[slot], std::move(value), change);
  }

  // Wraps around, so that what was added can always be taken back.
  static void Change(Counts& counts, T value, int64_t change) {
    const auto place = counts.try_emplace(std::move(value), 0).first;
    place->second = static_cast<int64_t>(static_cast<uint64_t>(place->second) +
                                         static_cast<uint64_t>(change));
    if (place->second == 0) counts.erase(place);
  }

  SqlType value_;
  std::vector<Counts> counts_;
  std::vector<std::unique_ptr<Counts>> changes_;  // since the slot was saved; null: it was not
};

// kDistinct: each value counts once.
template <typename T, bool kDistinct>
class Collect final : public CountedAccumulators<T> {
 public:
  explicit Collect(const Bound& bound)
      : CountedAccumulators<T>(bound.arg_types[0]), type_(bound.type) {}

  Result<ArrayPtr> Finish(Slots slots) const override {
    std::vector<typename CountedAccumulators<T>::Entry> all;
    std::vector<int32_t> offsets = {0};
    for (uint32_t slot : slots) {
      const auto entries = this->Sorted(slot);
      all.insert(all.end(), entries.begin(), entries.end());
      if (all.size() > static_cast<size_t>(std::numeric_limits<int32_t>::max())) {
        return Status::CapacityError("the results of COLLECT in one batch exceed 2^31 values");
      }
      offsets.push_back(static_cast<int32_t>(all.size()));
    }
    MILL_ASSIGN(ArrayPtr values,
                Build<T>(this->value_type(), all.size(), [&](size_t i, View<T>* value) {
                  *value = *all[i].value;
                  return true;
                }));
    MILL_ASSIGN(ArrayPtr counts,
                BuildFixed<int32_t>(arrow::int32(), all.size(), [&](size_t i, int32_t* count) {
                  constexpr int64_t kMost = std::numeric_limits<int32_t>::max();
                  *count = static_cast<int32_t>(kDistinct ? 1 : std::min(all[i].count, kMost));
                  return true;
                }));
    return std::make_shared<arrow::MapArray>(type_.ToArrow(), static_cast<int64_t>(slots.size()),
                                             arrow::Buffer::FromVector(std::move(offsets)),
                                             std::move(values), std::move(counts));
  }

 private:
  SqlType type_;
};

Result<Bound> BindCollect(const Types& args) {
  MILL_ASSIGN(SqlType value, OneArgument("COLLECT", args));
  return Bound{{value}, SqlType::Map(value.NotNull(), SqlType::Int().NotNull()).NotNull()};
}

template <bool kDistinct>
AccumulatorsPtr MakeCollect(const Bound& bound, bool) {
  return WithValueType(bound.arg_types[0], [&]<typename T>() -> AccumulatorsPtr {
    return std::make_unique<Collect<T, kDistinct>>(bound);
  });
}

// ---------------------------------------------------------------------------------------------
// PERCENTILE

// The percentages in a constant: a DOUBLE or a list of them, NULLs as NaN.
std::vector<double> Percentages(const arrow::Scalar& constant) {
  if (constant.type->id() == arrow::Type::DOUBLE) {
    return {static_cast<const arrow::DoubleScalar&>(constant).value};
  }
  const ArrayPtr list = static_cast<const arrow::BaseListScalar&>(constant).value;
  const auto& doubles = static_cast<const arrow::DoubleArray&>(*list);
  std::vector<double> percentages;
  for (int64_t i = 0; i < doubles.length(); ++i) {
    percentages.push_back(doubles.IsNull(i) ? std::numeric_limits<double>::quiet_NaN()
                                            : doubles.Value(i));
  }
  return percentages;
}

Status CheckPercentages(const arrow::Scalar& constant) {
  for (double p : Percentages(constant)) {
    if (p >= 0 && p <= 1) continue;
    return UserError("a percentage of PERCENTILE is {}. hint: it lies between 0.0 and 1.0", p);
  }
  return Status::OK();
}

class Percentile final : public CountedAccumulators<double> {
 public:
  explicit Percentile(const Bound& bound)
      : CountedAccumulators<double>(SqlType::Double()),
        percentages_(bound.constant ? Percentages(*bound.constant) : std::vector<double>{0.5}),
        type_(bound.type) {}

  // One value for each slot and percentage.
  Result<ArrayPtr> Finish(Slots slots) const override {
    const size_t width = percentages_.size();
    std::vector<double> results;
    std::vector<bool> there;
    for (uint32_t slot : slots) {
      const std::vector<Entry> entries = Sorted(slot);
      there.push_back(!entries.empty());
      for (double p : percentages_) results.push_back(entries.empty() ? 0 : At(entries, p));
    }
    const bool lists = type_.kind == TypeKind::kArray;
    MILL_ASSIGN(ArrayPtr values, BuildFixed<double>(arrow::float64(), results.size(),
                                                    [&](size_t i, double* value) {
                                                      *value = results[i];
                                                      return lists || there[i];
                                                    }));
    return lists ? Lists(slots.size(), width, there, std::move(values)) : values;
  }

 private:
  // The value at p's place among all, between the two nearest if it falls between them.
  static double At(const std::vector<Entry>& entries, double p) {
    double total = 0;
    for (const Entry& entry : entries) total += static_cast<double>(entry.count);
    const double place = (total - 1) * p;
    const double lower = ValueAt(entries, std::floor(place));
    const double upper = ValueAt(entries, std::ceil(place));
    if (lower == upper) return lower;
    return (std::ceil(place) - place) * lower + (place - std::floor(place)) * upper;
  }
  // place: from 0.
  static double ValueAt(const std::vector<Entry>& entries, double place) {
    double passed = 0;
    for (const Entry& entry : entries) {
      passed += static_cast<double>(entry.count);
      if (place < passed) return *entry.value;
    }
    return *entries.back().value;
  }

  Result<ArrayPtr> Lists(size_t count, size_t width, const std::vector<bool>& there,
                         ArrayPtr values) const {
    std::vector<int32_t> offsets;
    for (size_t i = 0; i <= count; ++i) offsets.push_back(static_cast<int32_t>(i * width));
    arrow::TypedBufferBuilder<bool> valid;
    for (const bool is_there : there) MILL_RETURN(valid.Append(is_there));
    MILL_ASSIGN(auto bitmap, valid.Finish());
    return std::make_shared<arrow::ListArray>(type_.ToArrow(), static_cast<int64_t>(count),
                                              arrow::Buffer::FromVector(std::move(offsets)),
                                              std::move(values), std::move(bitmap));
  }

  std::vector<double> percentages_;
  SqlType type_;
};

Result<Bound> BindPercentile(const Types& args) {
  if (args.size() != 2 && args.size() != 3) return ArgumentCountError(args.size(), "2 or 3");
  const SqlType& percentage = args[1];
  const bool list = percentage.kind == TypeKind::kArray;
  const SqlType& number = list ? *percentage.children[0].type : percentage;
  if (!args[0].IsNumeric() && args[0].kind != TypeKind::kNull) {
    return ArgumentTypeError(0, args[0], "a number");
  }
  if (!number.IsNumeric()) return ArgumentTypeError(1, percentage, "a number or an array of them");
  if (args.size() == 3 && !args[2].IsInteger()) {
    return ArgumentTypeError(2, args[2], "an integer");
  }
  const SqlType type = list ? SqlType::Array(SqlType::Double()) : SqlType::Double();
  Bound bound{{SqlType::Double(), type}, type};
  if (args.size() == 3) bound.arg_types.push_back(SqlType::BigInt());
  return bound;
}

}  // namespace

void RegisterCounted(FunctionRegistry& registry) {
  registry.Add(AggregateFunction{
      .name = "COLLECT",
      .signature = "COLLECT(value) -> MAP<value, INT>",
      .doc = "How often each value is there, NULLs aside: Flink's MULTISET as a map.",
      .bind = BindCollect,
      .make = MakeCollect<false>,
      .make_distinct = MakeCollect<true>});
  registry.Add(AggregateFunction{
      .name = "PERCENTILE",
      .signature = "PERCENTILE(value, percentage [, frequency]) -> DOUBLE",
      .doc = "The exact value at the percentage (a constant from 0.0 to 1.0), between the two "
             "nearest values if it falls between them; an array of percentages gives an array. "
             "frequency: how often the row counts; rows without a value or a positive frequency "
             "take no part.",
      .bind = BindPercentile,
      .make = [](const Bound& bound, bool) { return std::make_unique<Percentile>(bound); },
      .constant_at = 1,
      .check_constant = CheckPercentages});
}

}  // namespace millrace::aggregates
