// KeyedRows: operators that keep rows by key, as bytes (state/key_codec.h), and emit what each
// change of them means. What a key holds, and what a change means, is Held's to say:
//
//   struct Held {
//     static constexpr const char* kName, *kDoc;  // of the operator; of a row in saved state
//     void Put(std::string_view row, size_t from, RowChanges& changes);       // row `from` adds it
//     void TakeBack(std::string_view row, size_t from, RowChanges& changes);  // takes it back
//     bool empty() const;
//     std::span<const std::string> rows() const;  // in the order in which they are to be put again
//   };
//
// What cannot stay in memory is on disk, if the job wants it (state/spilled_table.h).
#pragma once

#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "operators/row_changes.h"
#include "operators/saved_state.h"
#include "operators/spill.h"
#include "state/key_table.h"

namespace millrace {

template <typename Held>
class KeyedRows final : public Operator, private SlotOwner {
 public:
  // `keys`: columns of `schema`, that of the input and the output, which has no nested columns.
  KeyedRows(std::vector<int> keys, std::shared_ptr<arrow::Schema> schema)
      : table_{"rows", Held::kDoc, std::move(schema), keys, keys} {
    columns_.resize(static_cast<size_t>(table_.schema->num_fields()));
    std::iota(columns_.begin(), columns_.end(), 0);
  }

  Status Open(const OperatorContext& context) override {
    MILL_RETURN(Operator::Open(context));
    MILL_ASSIGN(keys_, KeyTable::Make(*table_.schema, table_.key_columns));
    SpillOptions options;
    options.keys = table_.key_columns;
    MILL_ASSIGN(spilled_, MakeSpilled(context, table_, options, keys_.get(), this));
    MILL_ASSIGN(KeyCodec codec,
                KeyCodec::Make(LeadingTypes(*table_.schema, columns_.size()), false));
    codec_ = std::make_unique<KeyCodec>(std::move(codec));
    return Status::OK();
  }

  Result<Progress> OnBatch(int, const Batch& rows, Output& out) override {
    RowChanges changes;
    MILL_RETURN(Apply(rows, changes));
    MILL_RETURN(changes.Emit(*codec_, table_.schema, rows, out));
    if (spilled_) MILL_RETURN(spilled_->Trim());
    return Progress::kDone;
  }

  Status Save(StateWriter& writer) override {
    if (spilled_) return spilled_->Save(writer);
    MILL_ASSIGN(KeyChanges changes, keys_->TakeChanges(writer.mode()));
    MILL_RETURN(WriteErased(writer, table_, table_.key_columns, changes));
    return SaveSlots(changes.slots, writer.mode(), writer);
  }

  Status SaveSlots(std::span<const uint32_t> all, SaveMode, StateWriter& writer) override {
    return InPortions(all, [&](std::span<const uint32_t> slots) -> Status {
      std::vector<const uint8_t*> rows;
      for (uint32_t slot : slots) {
        for (const std::string& row : held_[slot].rows()) {
          rows.push_back(reinterpret_cast<const uint8_t*>(row.data()));
        }
      }
      const auto count = static_cast<int64_t>(rows.size());
      MILL_ASSIGN(arrow::ArrayVector columns, codec_->Decode(std::move(rows)));
      return writer.Write(table_,
                          arrow::RecordBatch::Make(table_.schema, count, std::move(columns)));
    });
  }

  Status LoadSlots(const arrow::RecordBatch& rows, std::span<const uint32_t> slots) override {
    held_.resize(keys_->slot_count());
    MILL_RETURN(codec_->Encode(rows, columns_, nullptr, encoded_));
    RowChanges known;
    for (size_t i = 0; i < slots.size(); ++i) held_[slots[i]].Put(EncodedRow(i), i, known);
    return Status::OK();
  }

  void ForgetSlots(std::span<const uint32_t> slots) override {
    for (uint32_t slot : slots) held_[slot] = Held();
  }

  Status Load(const StateReader& reader) override {
    if (spilled_) return spilled_->Load(reader);
    return reader.ForEach(table_, [this](std::shared_ptr<arrow::RecordBatch> rows) {
      RowChanges known;
      return Apply(Batch{std::move(rows), nullptr, nullptr, 0}, known);
    });
  }

  std::string Describe() const override {
    return fmt::format("{}(keys={})", Held::kName, table_.key_columns.size());
  }
  std::vector<StateBound> States() const override {
    return {{table_.name, table_.doc, "", CanSpill(table_, table_.key_columns)}};
  }

 private:
  std::string_view EncodedRow(size_t i) const {
    return {reinterpret_cast<const char*>(encoded_.data(i)), encoded_.size(i)};
  }

  Status Apply(const Batch& rows, RowChanges& changes) {
    inserted_.clear();
    MILL_RETURN(
        keys_->FindOrInsert(*rows.rows, table_.key_columns, nullptr, slots_, inserted_));
    for (uint32_t& row : inserted_) row = slots_[row];
    held_.resize(keys_->slot_count());
    if (spilled_) MILL_RETURN(spilled_->Fetch(inserted_));
    MILL_RETURN(codec_->Encode(*rows.rows, columns_, nullptr, encoded_));
    for (size_t i = 0; i < slots_.size(); ++i) {
      const std::string_view row = EncodedRow(i);
      Held& held = held_[slots_[i]];
      if (Adds(rows.kind(static_cast<int64_t>(i)))) {
        held.Put(row, i, changes);
      } else {
        held.TakeBack(row, i, changes);
      }
    }
    // Erased only now: until then a key keeps its slot.
    for (uint32_t slot : slots_) {
      if (held_[slot].empty() && keys_->Used(slot)) keys_->Erase(slot);
    }
    return Status::OK();
  }

  const StateTable table_;
  std::vector<int> columns_;  // all
  std::unique_ptr<KeyTable> keys_;
  std::unique_ptr<SpilledTable> spilled_;  // null: all is in memory
  std::unique_ptr<KeyCodec> codec_;
  std::vector<Held> held_;  // by slot
  // Of the current batch.
  std::vector<uint32_t> slots_, inserted_;
  EncodedKeys encoded_;
};

}  // namespace millrace
