// State: by key, its rows as bytes, in the order of arrival.
#include "operators/materialize.h"

#include <arrow/array.h>

#include <algorithm>
#include <numeric>

#include "operators/aggregate_set.h"
#include "operators/row_changes.h"
#include "operators/spill.h"
#include "state/key_table.h"

namespace millrace {
namespace {

class Materialize : public Operator, private SlotOwner {
 public:
  explicit Materialize(MaterializeSpec spec) : spec_(std::move(spec)) {
    columns_.resize(static_cast<size_t>(spec_.output->num_fields()));
    std::iota(columns_.begin(), columns_.end(), 0);
  }

  Status Open(const OperatorContext& context) override {
    MILL_RETURN(Operator::Open(context));
    MILL_ASSIGN(keys_, KeyTable::Make(*spec_.output, spec_.keys));
    SpillOptions options;
    options.keys = spec_.keys;
    MILL_ASSIGN(spilled_, MakeSpilled(context, Table(), options, keys_.get(), this));
    MILL_ASSIGN(KeyCodec codec,
                KeyCodec::Make(LeadingTypes(*spec_.output, columns_.size()), false));
    codec_ = std::make_unique<KeyCodec>(std::move(codec));
    return Status::OK();
  }

  Result<Progress> OnBatch(int, const Batch& rows, Output& out) override {
    RowChanges changes;
    MILL_RETURN(Apply(rows, changes));
    MILL_RETURN(changes.Emit(*codec_, spec_.output, rows, out));
    if (spilled_) MILL_RETURN(spilled_->Trim());
    return Progress::kDone;
  }

  Status Save(StateWriter& writer) override {
    if (spilled_) return spilled_->Save(writer);
    std::vector<uint32_t> slots(held_.size());
    std::iota(slots.begin(), slots.end(), 0);
    return SaveSlots(slots, writer.mode(), writer);
  }

  Status SaveSlots(std::span<const uint32_t> slots, SaveMode, StateWriter& writer) override {
    std::vector<const uint8_t*> rows;
    for (uint32_t slot : slots) {
      for (const std::string& row : held_[slot]) {
        rows.push_back(reinterpret_cast<const uint8_t*>(row.data()));
      }
    }
    const auto count = static_cast<int64_t>(rows.size());
    MILL_ASSIGN(arrow::ArrayVector columns, codec_->Decode(std::move(rows)));
    return writer.Write(Table(), arrow::RecordBatch::Make(spec_.output, count, std::move(columns)));
  }

  Status LoadSlots(const arrow::RecordBatch& rows, std::span<const uint32_t> slots) override {
    held_.resize(keys_->slot_count());
    MILL_RETURN(codec_->Encode(rows, columns_, nullptr, encoded_));
    for (size_t i = 0; i < slots.size(); ++i) {
      held_[slots[i]].emplace_back(reinterpret_cast<const char*>(encoded_.data(i)),
                                   encoded_.size(i));
    }
    return Status::OK();
  }

  void ForgetSlots(std::span<const uint32_t> slots) override {
    for (uint32_t slot : slots) held_[slot] = {};
  }

  Status Load(const StateReader& reader) override {
    if (spilled_) return spilled_->Load(reader);
    MILL_ASSIGN(arrow::RecordBatchVector saved, reader.Read(Table()));
    for (auto& rows : saved) {
      RowChanges known;
      MILL_RETURN(Apply(Batch{std::move(rows), nullptr, nullptr, 0}, known));
    }
    return Status::OK();
  }

  std::string Describe() const override {
    return "Materialize(keys=" + std::to_string(spec_.keys.size()) + ")";
  }
  std::vector<StateBound> States() const override {
    return {{Table().name, Table().doc, "", CanSpill(Table(), spec_.keys)}};
  }

 private:
  StateTable Table() const {
    StateTable table;
    table.name = "rows";
    table.doc = "all rows of each key, in the order of arrival";
    table.schema = spec_.output;
    table.key_columns = spec_.keys;
    return table;
  }

  Status Apply(const Batch& rows, RowChanges& changes) {
    inserted_.clear();
    MILL_RETURN(keys_->FindOrInsert(*rows.rows, spec_.keys, nullptr, slots_, inserted_));
    for (uint32_t& row : inserted_) row = slots_[row];
    held_.resize(keys_->slot_count());
    if (spilled_) MILL_RETURN(spilled_->Fetch(inserted_));
    MILL_RETURN(codec_->Encode(*rows.rows, columns_, nullptr, encoded_));
    for (size_t i = 0; i < slots_.size(); ++i) {
      const std::string_view row(reinterpret_cast<const char*>(encoded_.data(i)),
                                 encoded_.size(i));
      if (Adds(rows.kind(static_cast<int64_t>(i)))) {
        Put(held_[slots_[i]], row, i, changes);
      } else {
        TakeBack(held_[slots_[i]], row, i, changes);
      }
    }
    // Erased only now: until then a key keeps its slot.
    for (uint32_t slot : slots_) {
      if (held_[slot].empty() && keys_->Used(slot)) keys_->Erase(slot);
    }
    return Status::OK();
  }

  static void Put(std::vector<std::string>& held, std::string_view row, size_t from,
                  RowChanges& changes) {
    if (held.empty()) {
      changes.Add(RowKind::kInsert, row, from);
    } else {
      changes.Add(RowKind::kUpdateBefore, held.back(), from);
      changes.Add(RowKind::kUpdateAfter, row, from);
    }
    held.emplace_back(row);
  }

  static void TakeBack(std::vector<std::string>& held, std::string_view row, size_t from,
                       RowChanges& changes) {
    const auto found = std::find(held.rbegin(), held.rend(), row);
    if (found == held.rend()) return;
    const bool last = found == held.rbegin();
    held.erase(std::next(found).base());
    if (!last) return;
    if (held.empty()) {
      changes.Add(RowKind::kDelete, row, from);
    } else {
      changes.Add(RowKind::kUpdateBefore, row, from);
      changes.Add(RowKind::kUpdateAfter, held.back(), from);
    }
  }

  MaterializeSpec spec_;
  std::vector<int> columns_;  // all
  std::unique_ptr<KeyTable> keys_;
  std::unique_ptr<SpilledTable> spilled_;  // null: all is in memory
  std::unique_ptr<KeyCodec> codec_;
  std::vector<std::vector<std::string>> held_;  // by slot
  // Of the current batch.
  std::vector<uint32_t> slots_, inserted_;
  EncodedKeys encoded_;
};

}  // namespace

std::unique_ptr<Operator> MakeMaterialize(MaterializeSpec spec) {
  return std::make_unique<Materialize>(std::move(spec));
}

}  // namespace millrace
