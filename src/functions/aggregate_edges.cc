// FIRST_VALUE and LAST_VALUE. Each value has its number in order of arrival, so that slots merge in
// that order. Where rows may be taken back, all values of a slot are kept.
#include <algorithm>
#include <deque>
#include <map>
#include <unordered_map>

#include "functions/aggregate_values.h"

namespace millrace::aggregates {
namespace {

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

  arrow::FieldVector StateFields() const override {
    return {StateField("arrival", arrow::int64(), "The value's number in order of arrival; 0: none."),
            StateField("value", type_.ToArrow(), "The value.")};
  }
  Status Save(Slots slots, arrow::ArrayVector& columns) override {
    MILL_RETURN(SaveNumbers(slots, columns, [this](uint32_t slot) {
      return static_cast<int64_t>(edges_[slot].arrival);
    }));
    MILL_ASSIGN(ArrayPtr values, Finish(slots));
    columns.push_back(std::move(values));
    return Status::OK();
  }
  Status Load(Slots slots, Columns columns) override {
    const Reader<int64_t> arrivals(*columns[0]);
    const Reader<T> values(*columns[1]);
    ForSaved(slots, *columns[1], [&](uint32_t slot, size_t i) {
      edges_[slot].value = values(i);
      edges_[slot].arrival = static_cast<uint64_t>(arrivals(i));
      arrivals_ = std::max(arrivals_, edges_[slot].arrival);
    });
    return Status::OK();
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

  arrow::FieldVector StateFields() const override {
    return {StateField("values", Saved::Type(type_, "arrival"),
                       "The values, with their numbers in order of arrival.")};
  }
  Status Save(Slots slots, arrow::ArrayVector& columns) override {
    Saved lists(type_, "arrival");
    for (uint32_t slot : slots) {
      lists.Begin();
      for (const auto& [arrival, value] : histories_[slot].values) {
        lists.Add(View<T>(value), static_cast<int64_t>(arrival));
      }
    }
    MILL_ASSIGN(ArrayPtr column, lists.Finish());
    columns.push_back(std::move(column));
    return Status::OK();
  }
  Status Load(Slots slots, Columns columns) override {
    Saved::ForEach(*columns[0], [&](size_t row, View<T> value, int64_t number) {
      const auto arrival = static_cast<uint64_t>(number);
      histories_[slots[row]].Add(T(value), arrival);
      arrivals_ = std::max(arrivals_, arrival);
    });
    return Status::OK();
  }

 private:
  using Saved = PairLists<T>;

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

Result<Bound> BindEdge(const char* name, const Types& args) {
  MILL_ASSIGN(SqlType type, OneArgument(name, args));
  SqlType result = type.Nullable();
  return Bound{{std::move(type)}, std::move(result)};
}

template <bool kFirst>
AccumulatorsPtr MakeEdge(const Bound& bound, bool retract) {
  return WithValueType(bound.arg_types[0], [&]<typename T>() -> AccumulatorsPtr {
    if (retract) return std::make_unique<RetractableEdges<T, kFirst>>(bound.type);
    return std::make_unique<EdgeAccumulators<T, kFirst>>(bound.type);
  });
}

}  // namespace

void RegisterEdges(FunctionRegistry& registry) {
  registry.Add(AggregateFunction{
      "FIRST_VALUE", "FIRST_VALUE(value) -> value", "The value that arrived first, NULLs aside.",
      [](const Types& args) { return BindEdge("FIRST_VALUE", args); }, MakeEdge<true>});
  registry.Add(AggregateFunction{
      "LAST_VALUE", "LAST_VALUE(value) -> value", "The value that arrived last, NULLs aside.",
      [](const Types& args) { return BindEdge("LAST_VALUE", args); }, MakeEdge<false>});
}

}  // namespace millrace::aggregates
