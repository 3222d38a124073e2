// FIRST_VALUE and LAST_VALUE. Each value has its number in order of arrival, so that slots merge in
// that order. Where rows may be taken back, all values of a slot are kept.
#include <algorithm>

#include "functions/aggregate_kept.h"

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
  Status Save(Slots slots, SaveMode, arrow::ArrayVector& columns) override {
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

// All values of a slot in order of arrival.
template <typename T, bool kFirst>
class RetractableEdges : public KeptAccumulators<T, IndexedList<T>> {
 public:
  explicit RetractableEdges(const SqlType& type)
      : KeptAccumulators<T, IndexedList<T>>(type, false) {}

  Result<ArrayPtr> Finish(Slots slots) const override {
    return Build<T>(this->value_type(), slots.size(), [&](size_t i, View<T>* value) {
      const auto* list = this->ListOf(slots[i]);
      if (list == nullptr || list->empty()) return false;
      *value = *(kFirst ? list->front() : list->back());
      return true;
    });
  }
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
