// State: by key, its last row as bytes (state/key_codec.h).
#include "operators/normalize.h"

#include <arrow/array.h>

#include <numeric>
#include <string>

#include "operators/aggregate_set.h"
#include "operators/row_changes.h"
#include "operators/spill.h"
#include "state/key_table.h"

namespace millrace {
namespace {

class Normalize : public Operator, private SlotOwner {
 public:
  explicit Normalize(NormalizeSpec spec) : spec_(std::move(spec)) {
    columns_.resize(static_cast<size_t>(spec_.output->num_fields()));
    std::iota(columns_.begin(), columns_.end(), 0);
  }

  Status Open(const OperatorContext& context) override {
    MILL_RETURN(Operator::Open(context));
    MILL_ASSIGN(keys_, KeyTable::Make(*spec_.output, spec_.keys));
    SpillOptions options;
    options.keys = spec_.keys;
    MILL_ASSIGN(spilled_, MakeSpilled(context, Table(), options, keys_.get(), this));
    MILL_ASSIGN(KeyCodec codec, KeyCodec::Make(LeadingTypes(*spec_.output, columns_.size()), false));
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
    std::vector<uint32_t> slots;
    for (uint32_t slot = 0; slot < last_.size(); ++slot) {
      if (keys_->Used(slot)) slots.push_back(slot);
    }
    return SaveSlots(slots, writer.mode(), writer);
  }

  Status SaveSlots(std::span<const uint32_t> slots, SaveMode, StateWriter& writer) override {
    std::vector<const uint8_t*> rows;
    for (uint32_t slot : slots) {
      rows.push_back(reinterpret_cast<const uint8_t*>(last_[slot].data()));
    }
    const auto count = static_cast<int64_t>(rows.size());
    MILL_ASSIGN(arrow::ArrayVector columns, codec_->Decode(std::move(rows)));
    return writer.Write(Table(), arrow::RecordBatch::Make(spec_.output, count, std::move(columns)));
  }

  Status LoadSlots(const arrow::RecordBatch& rows, std::span<const uint32_t> slots) override {
    Grow();
    MILL_RETURN(codec_->Encode(rows, columns_, nullptr, encoded_));
    for (size_t i = 0; i < slots.size(); ++i) {
      held_[slots[i]] = true;
      last_[slots[i]].assign(reinterpret_cast<const char*>(encoded_.data(i)), encoded_.size(i));
    }
    return Status::OK();
  }

  void ForgetSlots(std::span<const uint32_t> slots) override {
    for (uint32_t slot : slots) {
      held_[slot] = false;
      last_[slot] = {};
    }
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
    return "Normalize(keys=" + std::to_string(spec_.keys.size()) + ")";
  }
  std::vector<StateBound> States() const override {
    return {{Table().name, Table().doc, "", CanSpill(Table(), spec_.keys)}};
  }

 private:
  StateTable Table() const {
    StateTable table;
    table.name = "rows";
    table.doc = "the last row of each key";
    table.schema = spec_.output;
    table.key_columns = spec_.keys;
    return table;
  }

  void Grow() {
    last_.resize(keys_->slot_count());
    held_.resize(keys_->slot_count(), false);
  }

  Status Apply(const Batch& rows, RowChanges& changes) {
    inserted_.clear();
    MILL_RETURN(keys_->FindOrInsert(*rows.rows, spec_.keys, nullptr, slots_, inserted_));
    for (uint32_t& row : inserted_) row = slots_[row];
    Grow();
    if (spilled_) MILL_RETURN(spilled_->Fetch(inserted_));
    MILL_RETURN(codec_->Encode(*rows.rows, columns_, nullptr, encoded_));
    for (size_t i = 0; i < slots_.size(); ++i) {
      if (Adds(rows.kind(static_cast<int64_t>(i)))) {
        Put(i, changes);
      } else {
        Remove(i, changes);
      }
    }
    // Erased only now: until then a key keeps its slot.
    for (uint32_t slot : slots_) {
      if (!held_[slot] && keys_->Used(slot)) keys_->Erase(slot);
    }
    return Status::OK();
  }

  void Put(size_t row, RowChanges& changes) {
    const uint32_t slot = slots_[row];
    const std::string_view added(reinterpret_cast<const char*>(encoded_.data(row)),
                                 encoded_.size(row));
    if (!held_[slot]) {
      changes.Add(RowKind::kInsert, added, row);
    } else {
      if (last_[slot] == added) return;
      changes.Add(RowKind::kUpdateBefore, last_[slot], row);
      changes.Add(RowKind::kUpdateAfter, added, row);
    }
    held_[slot] = true;
    last_[slot] = added;
  }

  void Remove(size_t row, RowChanges& changes) {
    const uint32_t slot = slots_[row];
    if (!held_[slot]) return;
    changes.Add(RowKind::kDelete, last_[slot], row);
    held_[slot] = false;
    last_[slot].clear();
  }

  NormalizeSpec spec_;
  std::vector<int> columns_;  // all
  std::unique_ptr<KeyTable> keys_;
  std::unique_ptr<SpilledTable> spilled_;  // null: all is in memory
  std::unique_ptr<KeyCodec> codec_;
  std::vector<std::string> last_;  // by slot
  std::vector<bool> held_;         // by slot: the key has a row
  // Of the current batch.
  std::vector<uint32_t> slots_, inserted_;
  EncodedKeys encoded_;
};

}  // namespace

std::unique_ptr<Operator> MakeNormalize(NormalizeSpec spec) {
  return std::make_unique<Normalize>(std::move(spec));
}

}  // namespace millrace
