// COUNT, SUM, AVG and the list of all aggregate functions. Result types are Flink's: SUM and AVG keep
// the argument's type, of DECIMAL(p, s) they have 38 digits.
#include <algorithm>

#include "functions/aggregate_internal.h"
#include "functions/bind.h"
#include "functions/families.h"

namespace millrace {
namespace {

using Bound = AggregateFunction::Bound;
using Args = std::vector<std::shared_ptr<arrow::Array>>;

class CountAccumulators final : public Accumulators {
 public:
  void Resize(size_t slots) override { counts_.resize(slots); }
  void Reset(uint32_t slot) override { counts_[slot] = 0; }
  void Merge(uint32_t into, uint32_t from) override { counts_[into] += counts_[from]; }

  Status Update(std::span<const uint32_t> slots, const Args& args, const RowKind* kinds) override {
    const arrow::Array* array = args.empty() || args[0]->null_count() == 0 ? nullptr : args[0].get();
    if (array == nullptr && kinds == nullptr) {
      for (uint32_t slot : slots) {
        if (slot != kNoSlot) ++counts_[slot];
      }
      return Status::OK();
    }
    for (size_t i = 0; i < slots.size(); ++i) {
      if (slots[i] == kNoSlot || (array && array->IsNull(static_cast<int64_t>(i)))) continue;
      counts_[slots[i]] += AddsRow(kinds, i) ? 1 : -1;
    }
    return Status::OK();
  }

  Result<std::shared_ptr<arrow::Array>> Finish(std::span<const uint32_t> slots) const override {
    return GatherSlots<int64_t>(slots, SqlType::BigInt(), [this](uint32_t slot, int64_t* value) {
      *value = slot == kNoSlot ? 0 : counts_[slot];
      return true;
    });
  }

 private:
  std::vector<int64_t> counts_;
};

// What is made of a sum and a count.
enum class SumKind { kSum, kSum0, kAverage };

// Sums of integers wrap at 64 bits, and at the result's width when they are given out.
template <typename T>
struct SumState {
  using Sum = std::conditional_t<std::is_floating_point_v<T>, double, uint64_t>;
  Sum sum = 0;
  int64_t count = 0;

  void Add(T value) {
    sum += static_cast<Sum>(value);
    ++count;
  }
  void Subtract(T value) {
    sum -= static_cast<Sum>(value);
    --count;
  }
  void Merge(const SumState& other) {
    sum += other.sum;
    count += other.count;
  }
  bool Read(SumKind kind, const SqlType&, const SqlType&, T* value) const {
    if (count == 0) return kind == SumKind::kSum0;
    if constexpr (std::is_floating_point_v<T>) {
      *value = static_cast<T>(kind == SumKind::kAverage ? sum / static_cast<double>(count) : sum);
    } else {
      const auto total = static_cast<int64_t>(sum);
      *value = static_cast<T>(kind == SumKind::kAverage ? total / count : total);
    }
    return true;
  }
};

// A sum that does not fit 38 digits is NULL from then on.
template <>
struct SumState<Int128> {
  Int128 sum = 0;
  int64_t count = 0;
  bool overflow = false;

  void Add(Int128 value) {
    overflow = overflow || __builtin_add_overflow(sum, value, &sum);
    ++count;
  }
  void Subtract(Int128 value) {
    overflow = overflow || __builtin_sub_overflow(sum, value, &sum);
    --count;
  }
  void Merge(const SumState& other) {
    overflow = overflow || other.overflow || __builtin_add_overflow(sum, other.sum, &sum);
    count += other.count;
  }
  bool Read(SumKind kind, const SqlType& from, const SqlType& to, Int128* value) const {
    if (overflow) return false;
    if (count == 0) return kind == SumKind::kSum0;
    const std::optional<Int128> result =
        kind == SumKind::kAverage ? DivideDecimal(sum, count, to.scale - from.scale, to.precision)
                                  : RescaleDecimal(sum, from.scale, to.scale, to.precision);
    if (result) *value = *result;
    return result.has_value();
  }
};

template <typename T>
class SumAccumulators final : public Accumulators {
 public:
  SumAccumulators(SumKind kind, SqlType from, SqlType to)
      : kind_(kind), from_(std::move(from)), to_(std::move(to)) {}

  void Resize(size_t slots) override { states_.resize(slots); }
  void Reset(uint32_t slot) override { states_[slot] = {}; }
  void Merge(uint32_t into, uint32_t from) override { states_[into].Merge(states_[from]); }

  Status Update(std::span<const uint32_t> slots, const Args& args, const RowKind* kinds) override {
    SumState<T>* states = states_.data();
    VisitValues<T>(slots, *args[0], kinds, [states](uint32_t slot, T value, bool adds) {
      if (adds) states[slot].Add(value);
      else states[slot].Subtract(value);
    });
    return Status::OK();
  }

  Result<std::shared_ptr<arrow::Array>> Finish(std::span<const uint32_t> slots) const override {
    return GatherSlots<T>(slots, to_, [this](uint32_t slot, T* value) {
      return (slot == kNoSlot ? SumState<T>() : states_[slot]).Read(kind_, from_, to_, value);
    });
  }

 private:
  std::vector<SumState<T>> states_;
  const SumKind kind_;
  const SqlType from_, to_;
};

std::unique_ptr<Accumulators> MakeSum(SumKind kind, const Bound& bound) {
  const SqlType& from = bound.arg_types[0];
  switch (from.kind) {
    case TypeKind::kTinyInt: return std::make_unique<SumAccumulators<int8_t>>(kind, from, bound.type);
    case TypeKind::kSmallInt: return std::make_unique<SumAccumulators<int16_t>>(kind, from, bound.type);
    case TypeKind::kIntervalMonth:
    case TypeKind::kInt: return std::make_unique<SumAccumulators<int32_t>>(kind, from, bound.type);
    case TypeKind::kFloat: return std::make_unique<SumAccumulators<float>>(kind, from, bound.type);
    case TypeKind::kDouble: return std::make_unique<SumAccumulators<double>>(kind, from, bound.type);
    case TypeKind::kDecimal: return std::make_unique<SumAccumulators<Int128>>(kind, from, bound.type);
    default: return std::make_unique<SumAccumulators<int64_t>>(kind, from, bound.type);
  }
}

Result<Bound> BindSum(SumKind kind, const std::vector<SqlType>& args) {
  constexpr int kMinAverageScale = 6;
  if (args.size() != 1) return ArgumentCountError(args.size(), "1");
  const SqlType from = args[0].kind == TypeKind::kNull ? SqlType::Int() : args[0];
  if (!from.IsNumeric() && !from.IsInterval()) return ArgumentTypeError(0, args[0], "a number");
  SqlType to = from.Nullable();
  if (from.kind == TypeKind::kDecimal) {
    to.precision = kMaxDecimalDigits;
    if (kind == SumKind::kAverage) to.scale = std::max(kMinAverageScale, from.scale);
  }
  if (kind == SumKind::kSum0) to.nullable = false;
  return Bound{{from}, to};
}

void AddSum(FunctionRegistry& registry, const char* name, SumKind kind, const char* doc) {
  registry.Add(AggregateFunction{
      .name = name, .signature = fmt::format("{}(numeric) -> numeric", name), .doc = doc,
      .bind = [=](const std::vector<SqlType>& args) { return BindSum(kind, args); },
      .make = [=](const Bound& bound, bool) { return MakeSum(kind, bound); }});
}

Result<Bound> BindCount(const std::vector<SqlType>& args) {
  if (args.size() > 1) return ArgumentCountError(args.size(), "at most 1");
  return Bound{args, SqlType::BigInt().NotNull()};
}

Result<Bound> BindAnyScalar(const std::vector<SqlType>& args) {
  if (args.size() != 1) return ArgumentCountError(args.size(), "1");
  if (!args[0].children.empty()) return ArgumentTypeError(0, args[0], "a type with an order");
  const SqlType type = args[0].kind == TypeKind::kNull ? SqlType::Int() : args[0];
  return Bound{{type}, type.Nullable()};
}

using MakeChoice = std::unique_ptr<Accumulators> (*)(const SqlType& type, bool first, bool retract);

void AddChoice(FunctionRegistry& registry, const char* name, bool first, MakeChoice make,
               const char* doc) {
  registry.Add(AggregateFunction{
      .name = name, .signature = fmt::format("{}(any) -> any", name), .doc = doc,
      .bind = BindAnyScalar, .make = [=](const Bound& bound, bool retract) {
        return make(bound.type, first, retract);
      }});
}

}  // namespace

std::string AggregateCall::ToString() const {
  std::string text = (function ? function->name : "?") + "(" + (distinct ? "DISTINCT " : "");
  if (args.empty()) text += "*";
  for (size_t i = 0; i < args.size(); ++i) text += fmt::format("{}${}", i > 0 ? ", " : "", args[i]);
  text += ")";
  return filter < 0 ? text : text + fmt::format(" FILTER ${}", filter);
}

std::unique_ptr<Accumulators> MakeAccumulators(const AggregateCall& call, bool retract) {
  auto inner = call.function->make(call.bound, retract);
  // Extremes are the same without the duplicates.
  const bool indifferent = call.function->name == "MIN" || call.function->name == "MAX";
  if (!call.distinct || indifferent || call.bound.arg_types.empty()) return inner;
  return MakeDistinct(std::move(inner), call.bound.arg_types[0], retract);
}

void RegisterAggregates(FunctionRegistry& registry) {
  registry.Add(AggregateFunction{
      .name = "COUNT", .signature = "COUNT(*) or COUNT([DISTINCT] any) -> BIGINT",
      .doc = "Number of rows, or of values that are not NULL.", .bind = BindCount,
      .make = [](const Bound&, bool) { return std::make_unique<CountAccumulators>(); }});
  AddSum(registry, "SUM", SumKind::kSum, "Sum; NULL over no values.");
  AddSum(registry, "$SUM0", SumKind::kSum0, "Sum; 0 over no values.");
  AddSum(registry, "AVG", SumKind::kAverage, "Average, in the argument's type; NULL over no values.");
  AddChoice(registry, "MIN", true, MakeExtreme, "The least value.");
  AddChoice(registry, "MAX", false, MakeExtreme, "The greatest value.");
  AddChoice(registry, "FIRST_VALUE", true, MakeFirstLast, "The first value that is not NULL.");
  AddChoice(registry, "LAST_VALUE", false, MakeFirstLast, "The last value that is not NULL.");
  RegisterStatistics(registry);
}

}  // namespace millrace
