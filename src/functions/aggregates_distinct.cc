// DISTINCT around any aggregate: only a value's first appearance in a slot reaches the inner
// accumulators. The values seen are kept in one table for all slots (functions/seen_table.h); where
// rows may be taken back, each slot counts its values in a map instead.
#include <arrow/api.h>

#include <boost/unordered/unordered_flat_map.hpp>
#include <functional>
#include <string_view>
#include <type_traits>
#include <utility>

#include "functions/count_changes.h"
#include "functions/distinct_keys.h"
#include "functions/seen_table.h"

namespace millrace {
namespace {

using namespace distinct;  // NOLINT: this file is what the namespace is for

// ---------------------------------------------------------------------------------------------
// The wrappers

// What both wrappers share: the inner accumulators and how they get keys.
class DistinctBase : public Accumulators {
 public:
  DistinctBase(std::unique_ptr<Accumulators> inner, const AggregateCall& call)
      : inner_(std::move(inner)),
        types_(call.bound.arg_types),
        form_(FormOf(types_)),
        counts_(call.function->name == "COUNT") {
    key_type_ = form_ == KeyForm::kEncoded ? SqlType::Bytes() : types_[0];
  }

  Result<ArrayPtr> Finish(Slots slots) const override {
    MILL_RETURN(merged_);
    return inner_->Finish(slots);
  }

 protected:
  // Gives keys to the inner accumulators as rows of one slot. Merge cannot fail, so that what went
  // wrong is told by the next Finish.
  template <typename Key>
  void Pass(uint32_t slot, const std::vector<Key>& keys, const RowKind* kinds) {
    if (keys.empty() || !merged_.ok()) return;
    merged_ = TryPass(slot, keys, kinds);
  }

  // The inner accumulators' columns stand before the wrapper's.
  arrow::FieldVector WithInnerFields(std::shared_ptr<arrow::Field> field) const {
    arrow::FieldVector fields = inner_->StateFields();
    fields.push_back(std::move(field));
    return fields;
  }
  // Loads the inner part; returns the wrapper's column.
  Result<ArrayPtr> LoadInner(Slots slots, Columns columns) {
    MILL_RETURN(merged_);
    MILL_RETURN(inner_->Load(slots, columns.first(columns.size() - 1)));
    return columns.back();
  }
  std::unique_ptr<Accumulators> inner_;
  std::vector<SqlType> types_;
  KeyForm form_;
  SqlType key_type_;  // in saved state
  KeyReader reader_;

 private:
  template <typename Key>
  Status TryPass(uint32_t slot, const std::vector<Key>& keys, const RowKind* kinds) {
    const std::vector<uint32_t> slots(keys.size(), slot);
    if (counts_) return inner_->Update(slots, {}, kinds);  // no key is NULL
    MILL_ASSIGN(ArrayPtr array, ArrayOfKeys(types_[0], keys));
    return inner_->Update(slots, {std::move(array)}, kinds);
  }

  bool counts_;  // COUNT needs no values
  Status merged_;
};

template <typename Store>
class Distinct : public DistinctBase {
 public:
  using DistinctBase::DistinctBase;
  using Key = typename Store::Key;

  void Resize(size_t slots) override {
    inner_->Resize(slots);
    seen_.Resize(slots);
  }
  void Reset(uint32_t slot) override {
    inner_->Reset(slot);
    seen_.Reset(slot);
  }

  Status Update(Slots slots, const Args& args, const RowKind* kinds) override {
    WithoutNulls(slots, args, chosen_);
    reader_.Read(form_, args, keys_);
    seen_.HashRows(chosen_, keys_, hashes_);
    seen_.Reserve(chosen_.size());
    return KeepNew() ? inner_->Update(chosen_, args, kinds) : Status::OK();
  }

  void Merge(uint32_t into, uint32_t from) override {
    if (into == from) return;
    std::vector<Key> added;
    seen_.Merge(into, from, [&](Key key, uint64_t) { added.push_back(key); });
    Pass(into, added, nullptr);
  }

  arrow::FieldVector StateFields() const override {
    return WithInnerFields(GrowingStateField(
        "seen", arrow::list(key_type_.ToArrow()),
        "The values seen; as bytes where they are several or nested."));
  }
  Status Save(Slots slots, SaveMode mode, arrow::ArrayVector& columns) override {
    MILL_RETURN(inner_->Save(slots, mode, columns));
    std::vector<int64_t> begins;
    std::vector<Key> keys;
    for (uint32_t slot : slots) {
      begins.push_back(static_cast<int64_t>(keys.size()));
      seen_.List(slot, mode, [&](Key key, uint64_t) { keys.push_back(key); });
    }
    MILL_ASSIGN(ArrayPtr values, ArrayOfKeys(key_type_, keys));
    MILL_ASSIGN(ArrayPtr lists, aggregates::MakeLists(std::move(begins), std::move(values)));
    columns.push_back(std::move(lists));
    return Status::OK();
  }
  Status Load(Slots slots, Columns columns) override {
    MILL_ASSIGN(const ArrayPtr column, LoadInner(slots, columns));
    const auto& lists = static_cast<const arrow::ListArray&>(*column);
    reader_.ReadSaved(lists.values(), keys_);
    for (int64_t row = 0; row < lists.length(); ++row) {
      if (lists.IsNull(row)) continue;
      const auto begin = static_cast<size_t>(lists.value_offset(row));
      const auto count = static_cast<size_t>(lists.value_length(row));
      seen_.InsertAll(slots[static_cast<size_t>(row)],
                      std::span<const Key>(keys_).subspan(begin, count));
    }
    return Status::OK();
  }

 private:
  static constexpr size_t kAhead = 12;  // rows between the prefetch of an entry and its use

  // Leaves only new (slot, key) in chosen_; false if there are none.
  bool KeepNew() {
    bool any = false;
    for (size_t i = 0; i < chosen_.size(); ++i) {
      if (i + kAhead < chosen_.size()) seen_.Prefetch(hashes_[i + kAhead]);
      if (chosen_[i] == kNoSlot) continue;
      if (seen_.Insert(chosen_[i], keys_[i], hashes_[i]) != 0) {
        any = true;
      } else {
        chosen_[i] = kNoSlot;
      }
    }
    return any;
  }

  SeenTable<Store> seen_;
  // Of the rows at hand; members only so that their memory is reused.
  std::vector<uint32_t> chosen_;
  std::vector<Key> keys_;
  std::vector<uint64_t> hashes_;
};

// Keys are looked up by views, so that only new ones are copied.
struct TextHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
};

// Counts how often each value stands in a slot: it is added inside when it first comes and taken
// back when it is last gone.
template <typename Key>
class RetractableDistinct : public DistinctBase {
 public:
  using DistinctBase::DistinctBase;

  void Resize(size_t slots) override {
    inner_->Resize(slots);
    counts_.resize(slots);
    changes_.Resize(slots);
  }
  void Reset(uint32_t slot) override {
    inner_->Reset(slot);
    counts_[slot] = {};
    changes_.Reset(slot);
  }

  Status Update(Slots slots, const Args& args, const RowKind* kinds) override {
    reader_.Read(form_, args, keys_);
    chosen_.assign(slots.begin(), slots.end());
    bool any = false;
    for (size_t i = 0; i < chosen_.size(); ++i) {
      if (chosen_[i] == kNoSlot) continue;
      const int64_t change = kinds == nullptr || Adds(kinds[i]) ? 1 : -1;
      const bool passes = !AnyNull(args, i) && Change(chosen_[i], keys_[i], change) != 0;
      if (!passes) chosen_[i] = kNoSlot;
      any = any || passes;
    }
    return any ? inner_->Update(chosen_, args, kinds) : Status::OK();
  }

  void Merge(uint32_t into, uint32_t from) override {
    if (into == from) return;
    std::vector<Key> changed;
    std::vector<RowKind> kinds;
    for (const auto& [key, count] : counts_[from]) {
      const int effect = Change(into, key, count);
      if (effect == 0) continue;
      changed.push_back(key);
      kinds.push_back(effect > 0 ? RowKind::kInsert : RowKind::kDelete);
    }
    Pass(into, changed, kinds.data());
  }

  arrow::FieldVector StateFields() const override {
    return WithInnerFields(
        GrowingStateField("seen", SavedType(),
                          "The values, and how often each is there (counts add up); as bytes where "
                          "they are several or nested."));
  }
  Status Save(Slots slots, SaveMode mode, arrow::ArrayVector& columns) override {
    MILL_RETURN(inner_->Save(slots, mode, columns));
    std::vector<int64_t> begins;
    std::vector<Key> keys;
    std::vector<int64_t> numbers;
    const auto add = [&](const Stored& key, int64_t count) {
      keys.push_back(key);
      numbers.push_back(count);
    };
    for (uint32_t slot : slots) {
      begins.push_back(static_cast<int64_t>(keys.size()));
      if (mode == SaveMode::kDelta && changes_.Notes(slot)) {
        changes_.ForEach(slot, add);
      } else {
        for (const auto& [key, count] : counts_[slot]) add(key, count);
      }
    }
    MILL_ASSIGN(ArrayPtr values, ArrayOfKeys(key_type_, keys));
    changes_.Forget(slots);
    const ArrayPtr counts = std::make_shared<arrow::Int64Array>(
        values->length(), arrow::Buffer::FromVector(std::move(numbers)));
    MILL_ASSIGN(ArrayPtr pairs, arrow::StructArray::Make({values, counts}, PairFields()));
    MILL_ASSIGN(ArrayPtr lists, aggregates::MakeLists(std::move(begins), std::move(pairs)));
    columns.push_back(std::move(lists));
    return Status::OK();
  }
  Status Load(Slots slots, Columns columns) override {
    MILL_ASSIGN(const ArrayPtr column, LoadInner(slots, columns));
    const auto& lists = static_cast<const arrow::ListArray&>(*column);
    const auto& pairs = static_cast<const arrow::StructArray&>(*lists.values());
    const ArrayPtr values = pairs.field(0);
    reader_.ReadSaved(values, keys_);
    const aggregates::Reader<int64_t> counts(*pairs.field(1));
    for (int64_t row = 0; row < lists.length(); ++row) {
      if (lists.IsNull(row)) continue;
      const uint32_t slot = slots[static_cast<size_t>(row)];
      const auto begin = static_cast<size_t>(lists.value_offset(row));
      for (size_t i = begin; i < begin + static_cast<size_t>(lists.value_length(row)); ++i) {
        Change(slot, keys_[i], counts(i));
      }
    }
    return Status::OK();
  }

 private:
  static constexpr bool kCodes = std::is_same_v<Key, uint64_t>;
  using TextCounts = boost::unordered_flat_map<std::string, int64_t, TextHash, std::equal_to<>>;
  using Counts =
      std::conditional_t<kCodes, boost::unordered_flat_map<uint64_t, int64_t>, TextCounts>;
  using Stored = typename Counts::key_type;

  arrow::FieldVector PairFields() const {
    return {arrow::field("value", key_type_.ToArrow()), arrow::field("count", arrow::int64())};
  }
  std::shared_ptr<arrow::DataType> SavedType() const {
    return arrow::list(arrow::struct_(PairFields()));
  }

  // 1 if the key is in the slot from now on, -1 if it no longer is, else 0. A count can be negative
  // for a while: a retraction may overtake its row.
  int Change(uint32_t slot, Key key, int64_t change) {
    Counts& counts = counts_[slot];
    auto found = counts.find(key);
    if (found == counts.end()) {
      found = counts.emplace(typename Counts::key_type(key), 0).first;
    }
    const bool before = found->second > 0;
    found->second += change;
    const bool after = found->second > 0;
    changes_.Note(slot, found->first, change);
    if (found->second == 0) counts.erase(found);
    return static_cast<int>(after) - static_cast<int>(before);
  }

  std::vector<Counts> counts_;
  aggregates::CountChanges<Stored, std::less<Stored>> changes_;
  // Of the rows at hand; members only so that their memory is reused.
  std::vector<uint32_t> chosen_;
  std::vector<Key> keys_;
};

}  // namespace

std::unique_ptr<Accumulators> MakeAccumulators(const AggregateCall& call, bool retract) {
  if (call.distinct && call.function->make_distinct) {
    return call.function->make_distinct(call.bound, retract);
  }
  std::unique_ptr<Accumulators> inner = call.function->make(call.bound, retract);
  if (!NeedsDistinct(call)) return inner;
  const bool codes = FormOf(call.bound.arg_types) == KeyForm::kCode;
  if (retract && codes) {
    return std::make_unique<RetractableDistinct<uint64_t>>(std::move(inner), call);
  }
  if (retract) {
    return std::make_unique<RetractableDistinct<std::string_view>>(std::move(inner), call);
  }
  if (codes) return std::make_unique<Distinct<CodeStore>>(std::move(inner), call);
  return std::make_unique<Distinct<TextStore>>(std::move(inner), call);
}

}  // namespace millrace
