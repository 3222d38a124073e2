// MIN and MAX. Where rows may be taken back, all values of a slot are kept.
#include <cmath>
#include <map>

#include "functions/aggregate_values.h"
#include "functions/count_changes.h"

namespace millrace::aggregates {
namespace {

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

  void Resize(size_t slots) override {
    best_.resize(slots);
    has_.resize(slots, 0);
  }
  void Reset(uint32_t slot) override { has_[slot] = 0; }

  Status Update(Slots slots, const Args& args, const RowKind*) override {
    const Reader<T> values(*args[0]);
    ForRows(slots, args[0].get(), nullptr, [&values, this](size_t i, uint32_t slot, auto) {
      Offer(values(i), slot);
    });
    return Status::OK();
  }

  void Merge(uint32_t into, uint32_t from) override {
    if (has_[from]) Offer(View<T>(best_[from].value), into);
  }

  Result<ArrayPtr> Finish(Slots slots) const override {
    return Build<T>(type_, slots.size(), [&](size_t i, View<T>* value) {
      if (slots[i] == kNoSlot || !has_[slots[i]]) return false;
      *value = best_[slots[i]].value;
      return true;
    });
  }

  arrow::FieldVector StateFields() const override {
    return {StateField(kMin ? "min" : "max", type_.ToArrow(), "The best value so far.")};
  }
  Status Save(Slots slots, SaveMode, arrow::ArrayVector& columns) override {
    MILL_ASSIGN(ArrayPtr best, Finish(slots));
    columns.push_back(std::move(best));
    return Status::OK();
  }
  Status Load(Slots slots, Columns columns) override {
    const Reader<T> best(*columns[0]);
    ForSaved(slots, *columns[0], [&](uint32_t slot, size_t i) {
      best_[slot].value = best(i);
      has_[slot] = 1;
    });
    return Status::OK();
  }

 private:
  struct Best {  // std::vector<bool> holds no values
    T value{};
  };

  void Offer(View<T> value, uint32_t slot) {
    if (has_[slot] && !Better<kMin>(value, View<T>(best_[slot].value))) return;
    best_[slot].value = value;
    has_[slot] = 1;
  }

  SqlType type_;
  std::vector<Best> best_;
  std::vector<uint8_t> has_;  // by slot, apart from the values: half the memory
};

// All values of a slot with their counts, where rows may be taken back. A count can be negative for
// a while: a retraction may overtake its row.
template <typename T, bool kMin>
class RetractableExtremes : public Accumulators {
 public:
  explicit RetractableExtremes(SqlType type) : type_(std::move(type)) {}

  void Resize(size_t slots) override {
    values_.resize(slots);
    changes_.Resize(slots);
  }
  void Reset(uint32_t slot) override {
    values_[slot].clear();
    changes_.Reset(slot);
  }

  Status Update(Slots slots, const Args& args, const RowKind* kinds) override {
    const Reader<T> values(*args[0]);
    ForRows(slots, args[0].get(), kinds, [&](size_t i, uint32_t slot, auto add) {
      Count(slot, values(i), add ? 1 : -1);
    });
    return Status::OK();
  }

  void Merge(uint32_t into, uint32_t from) override {
    for (const auto& [value, count] : values_[from]) Count(into, View<T>(value), count);
  }

  Result<ArrayPtr> Finish(Slots slots) const override {
    return Build<T>(type_, slots.size(), [&](size_t i, View<T>* value) {
      if (slots[i] == kNoSlot) return false;
      const Counts& counts = values_[slots[i]];
      return kMin ? FirstPresent(counts.begin(), counts.end(), value)
                  : FirstPresent(counts.rbegin(), counts.rend(), value);
    });
  }

  arrow::FieldVector StateFields() const override {
    return {GrowingStateField("values", Saved::Type(type_, "count"),
                              "The values, and how often each is there; counts add up.")};
  }
  Status Save(Slots slots, SaveMode mode, arrow::ArrayVector& columns) override {
    Saved lists(type_, "count");
    const auto add = [&](const T& value, int64_t count) { lists.Add(View<T>(value), count); };
    for (uint32_t slot : slots) {
      lists.Begin();
      if (mode == SaveMode::kDelta && changes_.Notes(slot)) {
        changes_.ForEach(slot, add);
      } else {
        for (const auto& [value, count] : values_[slot]) add(value, count);
      }
    }
    MILL_ASSIGN(ArrayPtr column, lists.Finish());
    columns.push_back(std::move(column));
    changes_.Forget(slots);
    return Status::OK();
  }
  Status Load(Slots slots, Columns columns) override {
    Saved::ForEach(*columns[0], [&](size_t row, View<T> value, int64_t count) {
      Count(slots[row], value, count);
    });
    return Status::OK();
  }

 private:
  using Counts = std::map<T, int64_t, Order>;
  using Saved = PairLists<T>;

  void Count(uint32_t slot, View<T> value, int64_t change) {
    Counts& counts = values_[slot];
    auto found = counts.find(value);
    if (found == counts.end()) found = counts.emplace(T(value), 0).first;
    found->second += change;
    changes_.Note(slot, found->first, change);
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
  CountChanges<T, Order> changes_;
};

Result<Bound> BindExtreme(const char* name, const Types& args) {
  MILL_ASSIGN(SqlType type, OneArgument(name, args));
  if (!type.children.empty() || type.kind >= TypeKind::kArray) {
    return UserError("{} wants a type that has an order, found {}", name,
                     type.Nullable().ToString());
  }
  SqlType result = type.Nullable();
  return Bound{{std::move(type)}, std::move(result)};
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

}  // namespace

void RegisterExtremes(FunctionRegistry& registry) {
  registry.Add(AggregateFunction{
      "MIN", "MIN(value) -> value", "Least of the values that are not NULL.",
      [](const Types& args) { return BindExtreme("MIN", args); }, MakeExtreme<true>});
  registry.Add(AggregateFunction{
      "MAX", "MAX(value) -> value", "Greatest of the values that are not NULL.",
      [](const Types& args) { return BindExtreme("MAX", args); }, MakeExtreme<false>});
}

}  // namespace millrace::aggregates
