// Aggregates that keep every value of a slot, in order of arrival: LISTAGG, ARRAY_AGG, and what
// must be able to take back any of them. Each value has its number in that order, so that slots
// merge in it; NULL is a value like others. Lists are saved in deltas: each knows what has happened
// to it since it was last saved, but keeps no more of that than there are values.
#pragma once

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>

#include "functions/aggregate_values.h"

namespace millrace::aggregates {

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
  template <typename T>
  size_t operator()(const std::optional<T>& value) const {
    return value ? (*this)(*value) : 1;
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
  template <typename T>
  bool operator()(const std::optional<T>& a, const std::optional<T>& b) const {
    return a && b ? (*this)(*a, *b) : a.has_value() == b.has_value();
  }
};

// Numbers that stand for what happened, in saved lists.
inline constexpr int64_t kTakenBack = -1;  // the value was, maybe before it came
inline constexpr int64_t kAnew = std::numeric_limits<int64_t>::min();  // forget what came before

// A list notes what happens once it was saved: not more than what it holds and a few.
inline constexpr size_t kFewChanges = 16;

// The values of a slot where none is taken back: values are only ever appended, those of a merged
// slot too.
template <typename T>
class AppendList {
 public:
  using Value = std::optional<T>;

  bool empty() const { return items_.empty(); }
  void Add(Value value, uint64_t arrival) {
    sorted_ = sorted_ && (items_.empty() || items_.back().arrival < arrival);
    items_.push_back({arrival, std::move(value)});
  }
  void Drop(const Value&) {}  // nothing is taken back
  void Merge(const AppendList& other) {
    for (const Item& item : other.items_) Add(item.value, item.arrival);
  }

  // Calls visit(value) in order of arrival.
  template <typename Visit>
  void ForEach(Visit visit) const {
    if (sorted_) {
      for (const Item& item : items_) visit(item.value);
      return;
    }
    std::vector<const Item*> order;
    for (const Item& item : items_) order.push_back(&item);
    std::sort(order.begin(), order.end(),
              [](const Item* a, const Item* b) { return a->arrival < b->arrival; });
    for (const Item* item : order) visit(item->value);
  }
  // Calls visit(value, number) for what has to be saved. The values live until NoteSaved.
  template <typename Visit>
  void Save(SaveMode mode, Visit visit) const {
    for (size_t i = mode == SaveMode::kDelta ? saved_ : 0; i < items_.size(); ++i) {
      visit(items_[i].value, static_cast<int64_t>(items_[i].arrival));
    }
  }
  // Saved it was: the next delta holds what happens from now on.
  void NoteSaved() { saved_ = items_.size(); }
  void Load(Value value, int64_t number) { Add(std::move(value), static_cast<uint64_t>(number)); }

 private:
  struct Item {
    uint64_t arrival;
    Value value;
  };

  std::vector<Item> items_;
  bool sorted_ = true;  // by arrival
  size_t saved_ = 0;    // how many of them have been saved
};

// Numbers in ascending order, of which the first can go.
class Arrivals {
 public:
  bool empty() const { return head_ == list_.size(); }
  uint64_t front() const { return list_[head_]; }
  void Add(uint64_t arrival) {
    const auto begin = list_.begin() + static_cast<std::ptrdiff_t>(head_);
    list_.insert(std::upper_bound(begin, list_.end(), arrival), arrival);
  }
  uint64_t PopFront() {
    const uint64_t arrival = list_[head_++];
    if (head_ * 2 > list_.size()) {
      list_.erase(list_.begin(), list_.begin() + static_cast<std::ptrdiff_t>(head_));
      head_ = 0;
    }
    return arrival;
  }
  uint64_t PopBack() {
    const uint64_t arrival = list_.back();
    list_.pop_back();
    return arrival;
  }

 private:
  std::vector<uint64_t> list_;
  size_t head_ = 0;
};

// The values of a slot where any may be taken back: of equal ones that which came first. What is
// taken back before it came is owed, and cancels the value when it comes. If kDistinct a value
// counts once, where it first came, for as long as it is there. A delta holds what was added and
// taken back, in that order; or the whole list, if that is less.
template <typename T, bool kDistinct = false>
class IndexedList {
 public:
  using Value = std::optional<T>;

  IndexedList() = default;
  IndexedList(IndexedList&&) noexcept = default;
  IndexedList& operator=(IndexedList&&) noexcept = default;
  IndexedList(const IndexedList&) = delete;  // order_ points into places_
  IndexedList& operator=(const IndexedList&) = delete;

  bool empty() const { return order_.empty(); }
  const Value& front() const { return *order_.begin()->second; }
  const Value& back() const { return *order_.rbegin()->second; }

  void Add(Value value, uint64_t arrival) {
    Note(value, static_cast<int64_t>(arrival));
    const auto place = places_.try_emplace(std::move(value)).first;
    if (place->second.owed > 0) {
      --place->second.owed;
      Forget(place);
      return;
    }
    place->second.arrivals.Add(arrival);
    order_.emplace(arrival, &place->first);
  }
  void Drop(const Value& value) {
    Note(value, kTakenBack);
    const auto place = places_.try_emplace(value).first;
    Arrivals& arrivals = place->second.arrivals;
    if (arrivals.empty()) {
      ++place->second.owed;
      return;
    }
    order_.erase(kDistinct ? arrivals.PopBack() : arrivals.PopFront());
    Forget(place);
  }
  void Merge(const IndexedList& other) {
    for (const auto& [arrival, value] : other.order_) Add(*value, arrival);
    for (const auto& [value, place] : other.places_) {
      for (uint64_t i = 0; i < place.owed; ++i) Drop(value);
    }
  }

  template <typename Visit>
  void ForEach(Visit visit) const {
    for (const auto& [arrival, value] : order_) {
      if (!kDistinct || places_.find(*value)->second.arrivals.front() == arrival) visit(*value);
    }
  }
  template <typename Visit>
  void Save(SaveMode mode, Visit visit) const {
    if (mode == SaveMode::kDelta && noting_ == Noting::kChanges) {
      for (const Change& change : changes_) visit(change.value, change.number);
      return;
    }
    if (mode == SaveMode::kDelta && noting_ == Noting::kTooMany) visit(Value(), kAnew);
    for (const auto& [arrival, value] : order_) visit(*value, static_cast<int64_t>(arrival));
    for (const auto& [value, place] : places_) {
      for (uint64_t i = 0; i < place.owed; ++i) visit(value, kTakenBack);
    }
  }
  void NoteSaved() {
    changes_ = {};
    noting_ = Noting::kChanges;
  }
  void Load(Value value, int64_t number) {
    if (number == kAnew) {
      *this = IndexedList();
    } else if (number < 0) {
      Drop(value);
    } else {
      Add(std::move(value), static_cast<uint64_t>(number));
    }
  }

 private:
  struct Place {
    Arrivals arrivals;
    uint64_t owed = 0;  // only while there are no arrivals
  };
  using Places = std::unordered_map<Value, Place, ValueHash, ValueEqual>;
  struct Change {
    Value value;
    int64_t number;
  };
  // kNothing: it was not saved; kTooMany: more has happened than it holds.
  enum class Noting : uint8_t { kNothing, kChanges, kTooMany };

  void Note(const Value& value, int64_t number) {
    if (noting_ != Noting::kChanges) return;
    changes_.push_back({value, number});
    if (changes_.size() <= order_.size() + kFewChanges) return;
    changes_ = {};
    noting_ = Noting::kTooMany;
  }
  void Forget(typename Places::iterator place) {
    if (place->second.owed == 0 && place->second.arrivals.empty()) places_.erase(place);
  }

  std::map<uint64_t, const Value*> order_;  // by arrival
  Places places_;
  std::vector<Change> changes_;
  Noting noting_ = Noting::kNothing;
};

// The different values of a slot in the order in which they first came; none is taken back. Of a
// value that was saved more than once the least number counts.
template <typename T>
class DistinctList {
 public:
  using Value = std::optional<T>;

  DistinctList() = default;
  DistinctList(DistinctList&&) noexcept = default;
  DistinctList& operator=(DistinctList&&) noexcept = default;
  DistinctList(const DistinctList&) = delete;  // changed_ points into first_
  DistinctList& operator=(const DistinctList&) = delete;

  bool empty() const { return first_.empty(); }
  void Add(Value value, uint64_t arrival) {
    const auto [place, added] = first_.try_emplace(std::move(value), arrival);
    if (!added && place->second <= arrival) return;
    place->second = arrival;
    if (noting_) Note(*place);
  }
  void Drop(const Value&) {}
  void Merge(const DistinctList& other) {
    for (const auto& [value, arrival] : other.first_) Add(value, arrival);
  }
  template <typename Visit>
  void ForEach(Visit visit) const {
    std::vector<std::pair<uint64_t, const Value*>> order;
    for (const auto& [value, arrival] : first_) order.emplace_back(arrival, &value);
    std::sort(order.begin(), order.end());
    for (const auto& item : order) visit(*item.second);
  }
  template <typename Visit>
  void Save(SaveMode mode, Visit visit) const {
    if (mode == SaveMode::kDelta && noting_) {
      for (const Entry* entry : changed_) visit(entry->first, static_cast<int64_t>(entry->second));
      return;
    }
    for (const auto& [value, arrival] : first_) visit(value, static_cast<int64_t>(arrival));
  }
  void NoteSaved() {
    changed_ = {};
    noting_ = true;
  }
  void Load(Value value, int64_t number) { Add(std::move(value), static_cast<uint64_t>(number)); }

 private:
  using Entries = std::unordered_map<Value, uint64_t, ValueHash, ValueEqual>;
  using Entry = typename Entries::value_type;

  void Note(const Entry& entry) {
    changed_.push_back(&entry);
    if (changed_.size() <= first_.size() + kFewChanges) return;
    changed_.clear();
    for (const Entry& each : first_) changed_.push_back(&each);
  }

  Entries first_;
  std::vector<const Entry*> changed_;  // since it was saved
  bool noting_ = false;                // it was
};

// Accumulators that are one list of values of type T for each slot; what comes out is the
// subclass's.
template <typename T, typename List>
class KeptAccumulators : public Accumulators {
 public:
  // keep_nulls: NULLs are kept, too.
  KeptAccumulators(SqlType value, bool keep_nulls) : value_(std::move(value)), nulls_(keep_nulls) {}

  void Resize(size_t slots) override { lists_.resize(slots); }
  void Reset(uint32_t slot) override { lists_[slot] = List(); }

  Status Update(Slots slots, const Args& args, const RowKind* kinds) override {
    const arrow::Array& array = *args[0];
    const Reader<T> values(array);
    const auto read = [&](size_t i) {
      return nulls_ && array.IsNull(static_cast<int64_t>(i)) ? std::optional<T>()
                                                             : std::optional<T>(T(values(i)));
    };
    ForRows(slots, nulls_ ? nullptr : &array, kinds, [&](size_t i, uint32_t slot, auto add) {
      if constexpr (add) {
        lists_[slot].Add(read(i), ++arrivals_);
      } else {
        lists_[slot].Drop(read(i));
      }
    });
    return Status::OK();
  }

  void Merge(uint32_t into, uint32_t from) override {
    if (into != from) lists_[into].Merge(lists_[from]);
  }

  arrow::FieldVector StateFields() const override {
    return {GrowingStateField("values", Saved::Type(value_, "arrival"),
                              "The values, with their numbers in order of arrival. -1: the value "
                              "was taken back; the least number: what stands before it is gone.")};
  }
  Status Save(Slots slots, SaveMode mode, arrow::ArrayVector& columns) override {
    Saved saved(value_, "arrival");
    for (uint32_t slot : slots) {
      saved.Begin();
      lists_[slot].Save(mode, [&](const std::optional<T>& value, int64_t number) {
        if (value) {
          saved.Add(View<T>(*value), number);
        } else {
          saved.AddNull(number);
        }
      });
    }
    MILL_ASSIGN(ArrayPtr column, saved.Finish());
    columns.push_back(std::move(column));
    for (uint32_t slot : slots) lists_[slot].NoteSaved();
    return Status::OK();
  }
  Status Load(Slots slots, Columns columns) override {
    Saved::ForEachNullable(*columns[0], [&](size_t row, bool valid, View<T> value, int64_t number) {
      lists_[slots[row]].Load(valid ? std::optional<T>(T(value)) : std::optional<T>(), number);
      if (number > 0) arrivals_ = std::max(arrivals_, static_cast<uint64_t>(number));
    });
    return Status::OK();
  }

  const SqlType& value_type() const { return value_; }
  // Null: no rows.
  const List* ListOf(uint32_t slot) const { return slot == kNoSlot ? nullptr : &lists_[slot]; }

 private:
  using Saved = PairLists<T>;

  SqlType value_;
  bool nulls_;
  std::vector<List> lists_;
  uint64_t arrivals_ = 0;
};

}  // namespace millrace::aggregates
