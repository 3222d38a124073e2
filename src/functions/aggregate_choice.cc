// Aggregates that choose one of their values: MIN, MAX, FIRST_VALUE, LAST_VALUE. Without retraction one
// value per slot is enough; with it all values are kept: ordered by value, or by arrival.
#include <deque>
#include <map>

#include "functions/aggregate_internal.h"

namespace millrace {
namespace {

using Args = std::vector<std::shared_ptr<arrow::Array>>;

// The value that is better by Rule: Rule::Replaces(old, new).
template <typename T, typename Rule>
class BestAccumulators final : public Accumulators {
 public:
  explicit BestAccumulators(SqlType type) : type_(std::move(type)) {}

  void Resize(size_t slots) override {
    values_.resize(slots);
    filled_.resize(slots);
  }
  void Reset(uint32_t slot) override {
    values_[slot] = T();
    filled_[slot] = 0;
  }
  void Merge(uint32_t into, uint32_t from) override {
    if (filled_[from]) Offer(into, values_[from]);
  }
  Status Update(std::span<const uint32_t> slots, const Args& args, const RowKind* kinds) override {
    using View = typename Stored<T>::View;
    VisitValues<View>(slots, *args[0], kinds, [this](uint32_t slot, View value, bool adds) {
      if (adds) Offer(slot, value);
    });
    return Status::OK();
  }
  Result<std::shared_ptr<arrow::Array>> Finish(std::span<const uint32_t> slots) const override {
    return Stored<T>::Gather(slots, type_, [this](uint32_t slot) -> const T* {
      return slot == kNoSlot || !filled_[slot] ? nullptr : &values_[slot];
    });
  }

 private:
  template <typename View>
  void Offer(uint32_t slot, const View& value) {
    if (filled_[slot] && !Rule::Replaces(values_[slot], value)) return;
    values_[slot] = value;
    filled_[slot] = 1;
  }

  std::vector<T> values_;
  std::vector<uint8_t> filled_;
  const SqlType type_;
};

struct Least {
  template <typename T, typename View>
  static bool Replaces(const T& old, const View& value) { return value < old; }
};
struct Greatest {
  template <typename T, typename View>
  static bool Replaces(const T& old, const View& value) { return old < value; }
};
struct First {
  template <typename T, typename View>
  static bool Replaces(const T&, const View&) { return false; }
};
struct Last {
  template <typename T, typename View>
  static bool Replaces(const T&, const View&) { return true; }
};

// All values of a slot with how often they are there; a count can be negative for a while, when a value is
// taken back before it arrives.
template <typename T>
class ExtremeBag {
 public:
  void Add(const T& value, int64_t times) {
    const auto at = counts_.try_emplace(value, 0).first;
    at->second += times;
    if (at->second == 0) counts_.erase(at);
  }
  void Merge(const ExtremeBag& other) {
    for (const auto& [value, count] : other.counts_) Add(value, count);
  }
  const T* Choose(bool least) const {
    if (least) {
      for (auto it = counts_.begin(); it != counts_.end(); ++it) {
        if (it->second > 0) return &it->first;
      }
    } else {
      for (auto it = counts_.rbegin(); it != counts_.rend(); ++it) {
        if (it->second > 0) return &it->first;
      }
    }
    return nullptr;
  }

 private:
  std::map<T, int64_t> counts_;
};

// All values of a slot in the order of their arrival; taking back removes the oldest equal one.
template <typename T>
class OrderBag {
 public:
  void Add(const T& value, int64_t times) {
    if (times > 0) {
      orders_[value].push_back(next_);
      values_.emplace(next_++, value);
      return;
    }
    const auto found = orders_.find(value);
    if (found == orders_.end()) return;
    values_.erase(found->second.front());
    found->second.pop_front();
    if (found->second.empty()) orders_.erase(found);
  }
  void Merge(const OrderBag& other) {
    for (const auto& [order, value] : other.values_) Add(value, 1);
  }
  const T* Choose(bool first) const {
    if (values_.empty()) return nullptr;
    return first ? &values_.begin()->second : &values_.rbegin()->second;
  }

 private:
  uint64_t next_ = 0;
  std::map<uint64_t, T> values_;
  std::map<T, std::deque<uint64_t>> orders_;
};

template <typename T, typename Bag>
class BagAccumulators final : public Accumulators {
 public:
  BagAccumulators(SqlType type, bool first) : type_(std::move(type)), first_(first) {}

  void Resize(size_t slots) override { bags_.resize(slots); }
  void Reset(uint32_t slot) override { bags_[slot] = Bag(); }
  void Merge(uint32_t into, uint32_t from) override { bags_[into].Merge(bags_[from]); }
  Status Update(std::span<const uint32_t> slots, const Args& args, const RowKind* kinds) override {
    using View = typename Stored<T>::View;
    VisitValues<View>(slots, *args[0], kinds, [this](uint32_t slot, View value, bool adds) {
      bags_[slot].Add(T(value), adds ? 1 : -1);
    });
    return Status::OK();
  }
  Result<std::shared_ptr<arrow::Array>> Finish(std::span<const uint32_t> slots) const override {
    return Stored<T>::Gather(slots, type_, [this](uint32_t slot) -> const T* {
      return slot == kNoSlot ? nullptr : bags_[slot].Choose(first_);
    });
  }

 private:
  std::vector<Bag> bags_;
  const SqlType type_;
  const bool first_;
};

using Made = std::unique_ptr<Accumulators>;

}  // namespace

std::unique_ptr<Accumulators> MakeExtreme(const SqlType& type, bool is_min, bool retract) {
  return WithStoredType(type.kind, [&](auto stored) -> Made {
    using T = decltype(stored);
    if (retract) return std::make_unique<BagAccumulators<T, ExtremeBag<T>>>(type, is_min);
    if (is_min) return std::make_unique<BestAccumulators<T, Least>>(type);
    return std::make_unique<BestAccumulators<T, Greatest>>(type);
  });
}

std::unique_ptr<Accumulators> MakeFirstLast(const SqlType& type, bool is_first, bool retract) {
  return WithStoredType(type.kind, [&](auto stored) -> Made {
    using T = decltype(stored);
    if (retract) return std::make_unique<BagAccumulators<T, OrderBag<T>>>(type, is_first);
    if (is_first) return std::make_unique<BestAccumulators<T, First>>(type);
    return std::make_unique<BestAccumulators<T, Last>>(type);
  });
}

}  // namespace millrace
