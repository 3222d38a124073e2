#include "functions/shared_distinct.h"

#include "functions/distinct_keys.h"
#include "functions/seen_table.h"

namespace millrace {
namespace {

using namespace distinct;  // NOLINT: this file is what the namespace is for

template <typename Store>
class SharedSet final : public SharedDistinct {
 public:
  using Key = typename Store::Key;

  explicit SharedSet(const std::vector<const AggregateCall*>& calls)
      : types_(calls[0]->bound.arg_types), form_(FormOf(types_)), news_(calls.size()) {
    key_type_ = form_ == KeyForm::kEncoded ? SqlType::Bytes() : types_[0];
    for (const AggregateCall* call : calls) {
      inner_.push_back(call->function->make(call->bound, false));
      counts_.push_back(call->function->name == "COUNT");
    }
  }

  Status Update(Slots slots, const Args& args,
                std::span<const arrow::Array* const> conditions) override {
    WithoutNulls(slots, args, chosen_);
    FindTakers(conditions);
    reader_.Read(form_, args, keys_);
    seen_.HashRows(chosen_, keys_, hashes_);
    seen_.Reserve(chosen_.size());
    ProbeRows();
    for (size_t c = 0; c < inner_.size(); ++c) MILL_RETURN(PassRows(c, args));
    return Status::OK();
  }

  std::unique_ptr<Accumulators> Call(size_t c) override {
    return std::make_unique<OneOf>(*this, c);
  }

 private:
  static constexpr size_t kAhead = 12;  // rows between the prefetch of an entry and its use

  // The rows of a batch that are new to a call.
  struct News {
    std::vector<uint32_t> rows, slots;
  };

  // One call's side. The first drives the set.
  class OneOf final : public Accumulators {
   public:
    OneOf(SharedSet& set, size_t c) : set_(set), inner_(*set.inner_[c]), call_(c) {}

    void Resize(size_t slots) override {
      inner_.Resize(slots);
      if (call_ == 0) set_.seen_.Resize(slots);
    }
    void Reset(uint32_t slot) override {
      inner_.Reset(slot);
      if (call_ == 0) set_.seen_.Reset(slot);
    }
    Status Update(Slots, const Args&, const RowKind*) override {
      return Status::UnknownError("one of several DISTINCT calls was updated alone");
    }
    void Merge(uint32_t into, uint32_t from) override {
      if (call_ == 0 && into != from) set_.Merge(into, from);
    }
    Result<ArrayPtr> Finish(Slots slots) const override {
      MILL_RETURN(set_.merged_);
      return inner_.Finish(slots);
    }
    arrow::FieldVector StateFields() const override {
      arrow::FieldVector fields = inner_.StateFields();
      fields.push_back(GrowingStateField(
          "seen", arrow::list(set_.key_type_.ToArrow()),
          "The values seen; as bytes where they are several or nested."));
      return fields;
    }
    Status Save(Slots slots, SaveMode mode, arrow::ArrayVector& columns) override {
      MILL_RETURN(inner_.Save(slots, mode, columns));
      if (call_ == 0) MILL_RETURN(set_.SaveSeen(slots, mode));
      columns.push_back(std::move(set_.saved_[call_]));
      return Status::OK();
    }
    Status Load(Slots slots, Columns columns) override {
      MILL_RETURN(inner_.Load(slots, columns.first(columns.size() - 1)));
      set_.LoadSeen(call_, slots, columns.back());
      return Status::OK();
    }

   private:
    SharedSet& set_;
    Accumulators& inner_;
    const size_t call_;
  };

  // By row, the calls that its conditions let through; rows that none takes leave chosen_.
  void FindTakers(std::span<const arrow::Array* const> conditions) {
    uint64_t always = 0;
    for (size_t c = 0; c < conditions.size(); ++c) {
      if (conditions[c] == nullptr) always |= uint64_t{1} << c;
    }
    takers_.assign(chosen_.size(), always);
    for (size_t c = 0; c < conditions.size(); ++c) {
      if (conditions[c] == nullptr) continue;
      const auto& flags = static_cast<const arrow::BooleanArray&>(*conditions[c]);
      const aggregates::Reader<bool> read(flags);
      const bool nulls = flags.null_count() > 0;
      for (size_t i = 0; i < takers_.size(); ++i) {
        const bool takes = read(i) && !(nulls && flags.IsNull(static_cast<int64_t>(i)));
        takers_[i] |= uint64_t{takes} << c;
      }
    }
    for (size_t i = 0; i < takers_.size(); ++i) {
      if (takers_[i] == 0) chosen_[i] = kNoSlot;
    }
  }

  void ProbeRows() {
    for (News& news : news_) {
      news.rows.clear();
      news.slots.clear();
    }
    for (size_t i = 0; i < chosen_.size(); ++i) {
      if (i + kAhead < chosen_.size()) seen_.Prefetch(hashes_[i + kAhead]);
      if (chosen_[i] == kNoSlot) continue;
      uint64_t added = seen_.Insert(chosen_[i], keys_[i], hashes_[i], takers_[i]);
      for (; added != 0; added &= added - 1) {
        News& news = news_[static_cast<size_t>(std::countr_zero(added))];
        news.rows.push_back(static_cast<uint32_t>(i));
        news.slots.push_back(chosen_[i]);
      }
    }
  }

  // Gives a call the rows that are new to it; COUNT needs no values.
  Status PassRows(size_t c, const Args& args) {
    const News& news = news_[c];
    if (news.rows.empty()) return Status::OK();
    if (counts_[c]) return inner_[c]->Update(news.slots, {}, nullptr);
    chosen_.assign(chosen_.size(), kNoSlot);
    for (size_t i = 0; i < news.rows.size(); ++i) chosen_[news.rows[i]] = news.slots[i];
    return inner_[c]->Update(chosen_, args, nullptr);
  }

  // Merge cannot fail, so that what went wrong is told by the next Finish.
  void Merge(uint32_t into, uint32_t from) {
    std::vector<std::vector<Key>> added(inner_.size());
    seen_.Merge(into, from, [&](Key key, uint64_t calls) {
      for (; calls != 0; calls &= calls - 1) {
        added[static_cast<size_t>(std::countr_zero(calls))].push_back(key);
      }
    });
    for (size_t c = 0; c < added.size() && merged_.ok(); ++c) {
      if (!added[c].empty()) merged_ = PassKeys(c, into, added[c]);
    }
  }

  Status PassKeys(size_t c, uint32_t slot, const std::vector<Key>& keys) {
    const std::vector<uint32_t> slots(keys.size(), slot);
    if (counts_[c]) return inner_[c]->Update(slots, {}, nullptr);
    MILL_ASSIGN(ArrayPtr array, ArrayOfKeys(types_[0], keys));
    return inner_[c]->Update(slots, {std::move(array)}, nullptr);
  }

  // Makes the column of each call: the values that it has seen.
  Status SaveSeen(Slots slots, SaveMode mode) {
    std::vector<std::vector<int64_t>> begins(inner_.size());
    std::vector<std::vector<Key>> keys(inner_.size());
    for (uint32_t slot : slots) {
      for (size_t c = 0; c < keys.size(); ++c) {
        begins[c].push_back(static_cast<int64_t>(keys[c].size()));
      }
      seen_.List(slot, mode, [&](Key key, uint64_t calls) {
        for (; calls != 0; calls &= calls - 1) {
          keys[static_cast<size_t>(std::countr_zero(calls))].push_back(key);
        }
      });
    }
    saved_.clear();
    for (size_t c = 0; c < keys.size(); ++c) {
      MILL_ASSIGN(ArrayPtr values, ArrayOfKeys(key_type_, keys[c]));
      MILL_ASSIGN(ArrayPtr lists, aggregates::MakeLists(std::move(begins[c]), std::move(values)));
      saved_.push_back(std::move(lists));
    }
    return Status::OK();
  }

  void LoadSeen(size_t c, Slots slots, const ArrayPtr& column) {
    const auto& lists = static_cast<const arrow::ListArray&>(*column);
    reader_.ReadSaved(lists.values(), keys_);
    for (int64_t row = 0; row < lists.length(); ++row) {
      if (lists.IsNull(row)) continue;
      const auto begin = static_cast<size_t>(lists.value_offset(row));
      const auto count = static_cast<size_t>(lists.value_length(row));
      seen_.InsertAll(slots[static_cast<size_t>(row)],
                      std::span<const Key>(keys_).subspan(begin, count), uint64_t{1} << c);
    }
  }

  std::vector<SqlType> types_;
  KeyForm form_;
  SqlType key_type_;  // in saved state
  std::vector<std::unique_ptr<Accumulators>> inner_;  // by call
  std::vector<bool> counts_;                          // by call: COUNT
  SeenTable<Store, ManyCalls> seen_;
  KeyReader reader_;
  Status merged_;
  arrow::ArrayVector saved_;  // by call, between the first's Save and the last's
  // Of the rows at hand; members only so that their memory is reused.
  std::vector<uint32_t> chosen_;
  std::vector<uint64_t> takers_, hashes_;
  std::vector<Key> keys_;
  std::vector<News> news_;
};

}  // namespace

bool CanShareDistinct(const AggregateCall& a, const AggregateCall& b) {
  const auto shares = [](const AggregateCall& call) {
    return NeedsDistinct(call) && !call.function->make_distinct;
  };
  return shares(a) && shares(b) && a.args == b.args &&
         std::equal(a.bound.arg_types.begin(), a.bound.arg_types.end(), b.bound.arg_types.begin(),
                    b.bound.arg_types.end(),
                    [](const SqlType& x, const SqlType& y) { return x.SameAs(y); });
}

std::unique_ptr<SharedDistinct> MakeSharedDistinct(const std::vector<const AggregateCall*>& calls) {
  if (FormOf(calls[0]->bound.arg_types) == KeyForm::kCode) {
    return std::make_unique<SharedSet<CodeStore>>(calls);
  }
  return std::make_unique<SharedSet<TextStore>>(calls);
}

}  // namespace millrace
