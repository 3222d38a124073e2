// One batch at a time: the results of the groups that it touches are read before and after the
// update, and only what differs is emitted. Groups are counted, so that an empty one can be taken
// back; as in Flink, a global aggregate stays once it has seen a row, and taking back from a group
// that is not there is ignored.
#include "operators/group_aggregate.h"

#include <arrow/array/concatenate.h>

#include <algorithm>

#include "operators/aggregate_set.h"
#include "operators/expiry.h"
#include "operators/row_differences.h"
#include "operators/saved_state.h"
#include "operators/spill.h"
#include "state/key_table.h"

namespace millrace {
namespace {

class GroupAggregate : public Operator, private SlotOwner {
 public:
  explicit GroupAggregate(GroupAggregateSpec spec)
      : spec_(std::move(spec)),
        aggregates_(spec_.calls, spec_.retract),
        expiry_(spec_.ttl),
        saved_(Layout()) {}

  Status Open(const OperatorContext& context) override {
    MILL_RETURN(Operator::Open(context));
    MILL_ASSIGN(keys_, KeyTable::Make(*saved_.table().schema, saved_.key_places()));
    SpillOptions options;
    if (expiry_.enabled()) options.drop = {{OwnPlace(saved_, kWritten), spec_.ttl, true}};
    return MakeSpilled(context, saved_, options, keys_.get(), this).Value(&spilled_);
  }
  Result<Progress> OnBatch(int input, const Batch& rows, Output& out) override;
  Result<Progress> OnWatermark(TimeDomain domain, Timestamp time, Output& out) override;
  Status Save(StateWriter& writer) override;
  Status Load(const StateReader& reader) override;
  std::string Describe() const override;
  std::vector<StateBound> States() const override;

 private:
  // Where a change's values stand: a position in touched_, then before or after the update.
  struct Change {
    size_t group;
    bool after;
    RowKind kind;
  };

  static constexpr int kRows = 0, kWritten = 1;  // own columns

  SavedRows Layout() const;
  Status SaveSlots(std::span<const uint32_t> slots, SaveMode mode, StateWriter& writer) override;
  Status LoadSlots(const arrow::RecordBatch& rows, std::span<const uint32_t> slots) override;
  void ForgetSlots(std::span<const uint32_t> slots) override;
  void Advance(Timestamp now);
  void Grow();
  void Expire(Timestamp arrival);
  void FindTouched();
  void CountRows(const Batch& rows);
  Result<arrow::ArrayVector> ReadBoth(const Batch& rows);
  std::vector<bool> FindChanged(const arrow::ArrayVector& values) const;
  std::vector<Change> ListChanges(const std::vector<bool>& changed) const;
  Status EmitChanges(const std::vector<Change>& changes, arrow::ArrayVector values,
                     Timestamp arrival, Output& out);
  void Settle();
  bool Filled(uint32_t slot) const { return rows_[slot] > 0 || spec_.keys.empty(); }
  // Row of the group's old results in the values read, which all old ones precede.
  int64_t OldRow(size_t group) const { return old_rows_[group]; }
  int64_t NewRow(size_t group) const { return old_count_ + static_cast<int64_t>(group); }

  GroupAggregateSpec spec_;
  std::unique_ptr<KeyTable> keys_;
  std::unique_ptr<SpilledTable> spilled_;  // null: all is in memory
  AggregateSet aggregates_;
  std::vector<int64_t> rows_;         // by slot: added less taken back
  std::vector<uint8_t> emitted_;      // by slot: downstream knows the group
  std::vector<uint64_t> touched_at_;  // by slot: number of the last batch that touched it
  uint64_t batch_ = 0;
  Expiry expiry_;
  SavedRows saved_;
  const SavedNumbers clock_{"clock",
                            "The operator's time, by instance; only with a TTL.",
                            {{"now", "The latest processing time heard of, in ms."}}};
  // Of the current batch.
  std::vector<uint32_t> slots_, touched_;
  std::vector<uint32_t> inserted_;  // slots of new keys, and of those that begin anew
  std::vector<int64_t> old_rows_;   // by position in touched_; -1: the group is new
  int64_t old_count_ = 0;
};

std::string GroupAggregate::Describe() const {
  std::string text = "GroupAggregate(keys=" + std::to_string(spec_.keys.size());
  for (const AggregateCall& call : spec_.calls) text += ", " + call.Label();
  return text + (spec_.retract ? ", retract)" : ")");
}

Result<Progress> GroupAggregate::OnBatch(int /*input*/, const Batch& rows, Output& out) {
  if (rows.num_rows() == 0) return Progress::kDone;
  inserted_.clear();
  MILL_RETURN(keys_->FindOrInsert(*rows.rows, spec_.keys, nullptr, slots_, inserted_));
  for (uint32_t& row : inserted_) row = slots_[row];
  Grow();
  if (spilled_) MILL_RETURN(spilled_->Fetch(inserted_));
  if (expiry_.enabled()) Expire(rows.arrival);
  CountRows(rows);
  FindTouched();
  MILL_ASSIGN(arrow::ArrayVector values, ReadBoth(rows));
  const std::vector<Change> changes = ListChanges(FindChanged(values));
  if (!changes.empty()) MILL_RETURN(EmitChanges(changes, std::move(values), rows.arrival, out));
  Settle();
  if (spilled_) MILL_RETURN(spilled_->Trim());
  return Progress::kDone;
}

void GroupAggregate::Grow() {
  rows_.resize(keys_->slot_count(), 0);
  emitted_.resize(keys_->slot_count(), 0);
  touched_at_.resize(keys_->slot_count(), 0);
  aggregates_.Resize(keys_->slot_count());
  expiry_.Resize(keys_->slot_count());
}

void GroupAggregate::Advance(Timestamp now) {
  expiry_.Advance(now);
  if (spilled_) spilled_->SetDropLimit(0, expiry_.now());
}

// Empties the batch's groups that have expired, though still there; all are written to now.
void GroupAggregate::Expire(Timestamp arrival) {
  Advance(arrival);
  for (uint32_t slot : slots_) {
    if (emitted_[slot] && expiry_.Expired(slot)) {
      aggregates_.Reset(slot);
      rows_[slot] = 0;
      emitted_[slot] = 0;
      inserted_.push_back(slot);
      keys_->ForgetSaved(slot);
    }
    expiry_.Write(slot);
  }
}

Result<Progress> GroupAggregate::OnWatermark(TimeDomain domain, Timestamp time, Output&) {
  if (domain != TimeDomain::kProcessing || !expiry_.enabled()) return Progress::kDone;
  Advance(time);
  uint32_t slot;
  while (expiry_.PopExpired(&slot)) {
    aggregates_.Reset(slot);
    rows_[slot] = 0;
    emitted_[slot] = 0;
    keys_->Erase(slot);
  }
  return Progress::kDone;
}

// Rows that take back from an empty group take no part.
void GroupAggregate::CountRows(const Batch& rows) {
  if (!spec_.retract) {
    for (uint32_t slot : slots_) ++rows_[slot];
    return;
  }
  for (size_t i = 0; i < slots_.size(); ++i) {
    int64_t& count = rows_[slots_[i]];
    if (Adds(rows.kind(static_cast<int64_t>(i)))) {
      ++count;
    } else if (count > 0) {
      --count;
    } else {
      slots_[i] = kNoSlot;
    }
  }
}

// Lists the groups of the batch, each once, in the order of their first rows.
void GroupAggregate::FindTouched() {
  ++batch_;
  touched_.clear();
  old_rows_.clear();
  old_count_ = 0;
  for (uint32_t slot : slots_) {
    if (slot == kNoSlot || touched_at_[slot] == batch_) continue;
    touched_at_[slot] = batch_;
    touched_.push_back(slot);
    old_rows_.push_back(emitted_[slot] ? old_count_++ : -1);
  }
}

// Updates the accumulators. Returns per call the old results of the known groups, then all new
// ones.
Result<arrow::ArrayVector> GroupAggregate::ReadBoth(const Batch& rows) {
  std::vector<uint32_t> known;
  for (uint32_t slot : touched_) {
    if (emitted_[slot]) known.push_back(slot);
  }
  arrow::ArrayVector before, after, both;
  MILL_RETURN(aggregates_.Finish(known, before));
  MILL_RETURN(aggregates_.Update(slots_, rows));
  MILL_RETURN(aggregates_.Finish(touched_, after));
  for (size_t c = 0; c < before.size(); ++c) {
    MILL_ASSIGN(auto column, arrow::Concatenate({before[c], after[c]}));
    both.push_back(std::move(column));
  }
  return both;
}

// By position in touched_: a known group whose results differ now.
std::vector<bool> GroupAggregate::FindChanged(const arrow::ArrayVector& values) const {
  std::vector<int64_t> old_rows, new_rows;
  std::vector<size_t> groups;
  for (size_t g = 0; g < touched_.size(); ++g) {
    if (OldRow(g) < 0) continue;
    groups.push_back(g);
    old_rows.push_back(OldRow(g));
    new_rows.push_back(NewRow(g));
  }
  std::vector<bool> differ(groups.size(), false);
  for (const auto& column : values) MarkDifferences(*column, new_rows, old_rows, differ);
  std::vector<bool> changed(touched_.size(), false);
  for (size_t i = 0; i < groups.size(); ++i) changed[groups[i]] = differ[i];
  return changed;
}

std::vector<GroupAggregate::Change> GroupAggregate::ListChanges(
    const std::vector<bool>& changed) const {
  std::vector<Change> changes;
  for (size_t g = 0; g < touched_.size(); ++g) {
    const bool filled = Filled(touched_[g]);
    if (OldRow(g) < 0) {
      if (filled) changes.push_back({g, true, RowKind::kInsert});
    } else if (!filled) {
      changes.push_back({g, false, RowKind::kDelete});
    } else if (changed[g]) {
      if (spec_.before_images) changes.push_back({g, false, RowKind::kUpdateBefore});
      changes.push_back({g, true, RowKind::kUpdateAfter});
    }
  }
  return changes;
}

Status GroupAggregate::EmitChanges(const std::vector<Change>& changes, arrow::ArrayVector values,
                                   Timestamp arrival, Output& out) {
  std::vector<uint32_t> slots;
  std::vector<int32_t> value_rows;
  auto kinds = std::make_shared<std::vector<RowKind>>();
  bool inserts_only = true;
  for (const Change& change : changes) {
    slots.push_back(touched_[change.group]);
    value_rows.push_back(
        static_cast<int32_t>(change.after ? NewRow(change.group) : OldRow(change.group)));
    kinds->push_back(change.kind);
    inserts_only = inserts_only && change.kind == RowKind::kInsert;
  }
  MILL_ASSIGN(arrow::ArrayVector columns, keys_->KeyColumns(slots));
  if (!values.empty()) {
    const arrow::FieldVector fields(
        spec_.output->fields().begin() + static_cast<int64_t>(columns.size()),
        spec_.output->fields().end());
    Batch all;
    all.rows = arrow::RecordBatch::Make(arrow::schema(fields), values[0]->length(), values);
    MILL_ASSIGN(Batch taken, all.Take(value_rows));
    for (const auto& column : taken.rows->columns()) columns.push_back(column);
  }
  Batch results;
  const auto count = static_cast<int64_t>(changes.size());
  results.rows = arrow::RecordBatch::Make(spec_.output, count, std::move(columns));
  if (!inserts_only) results.kinds = std::move(kinds);
  results.arrival = arrival;
  return out.Emit(std::move(results));
}

// Forgets the groups that are empty now.
void GroupAggregate::Settle() {
  for (uint32_t slot : touched_) {
    emitted_[slot] = Filled(slot) ? 1 : 0;
    if (!emitted_[slot]) aggregates_.Reset(slot);
  }
  const auto forget = [this](uint32_t slot) {
    if (emitted_[slot] || !keys_->Used(slot)) return;
    expiry_.Forget(slot);
    keys_->Erase(slot);
  };
  for (uint32_t slot : touched_) forget(slot);
  for (uint32_t slot : inserted_) forget(slot);
}

SavedRows GroupAggregate::Layout() const {
  const std::vector<OwnColumn> own = {
      {"rows", "Rows of the group: added less taken back."},
      {"written", "Processing time in ms when a row last came; 0 without a TTL."}};
  const size_t keys = spec_.keys.size();
  std::vector<int> places;
  for (size_t i = 0; i < keys; ++i) places.push_back(static_cast<int>(i));
  return SavedRows("groups", "One row per group of GROUP BY.",
                   KeyFields(*spec_.output, keys, "Column of the group's key."), own,
                   aggregates_.StateFields(), places, places);
}

Status GroupAggregate::Save(StateWriter& writer) {
  if (expiry_.enabled()) MILL_RETURN(clock_.Write(writer, context_, {expiry_.now()}));
  if (spilled_) return spilled_->Save(writer);
  MILL_ASSIGN(KeyChanges changes, keys_->TakeChanges(writer.mode(), saved_.rewrite()));
  MILL_RETURN(saved_.WriteErased(writer, changes));
  return SaveSlots(changes.slots, writer.mode(), writer);
}

Status GroupAggregate::SaveSlots(std::span<const uint32_t> all, SaveMode mode,
                                 StateWriter& writer) {
  return InPortions(all, [&](std::span<const uint32_t> slots) -> Status {
    std::vector<std::vector<int64_t>> own(2);
    for (uint32_t slot : slots) {
      own[0].push_back(rows_[slot]);
      own[1].push_back(expiry_.written(slot));
    }
    MILL_ASSIGN(arrow::ArrayVector keys, keys_->KeyColumns(slots));
    arrow::ArrayVector aggregates;
    MILL_RETURN(aggregates_.Save(slots, mode, aggregates));
    return saved_.Write(writer, std::move(keys), std::move(own), std::move(aggregates));
  });
}

Status GroupAggregate::Load(const StateReader& reader) {
  MILL_ASSIGN(const auto clocks, clock_.Read(reader));
  for (const auto& numbers : clocks) Advance(numbers[2]);
  if (spilled_) return spilled_->Load(reader);
  const auto load = [this](const auto& rows, auto slots) { return LoadSlots(rows, slots); };
  return saved_.Load(reader, *keys_, SavedRows::RowsPerKey::kOne, load);
}

Status GroupAggregate::LoadSlots(const arrow::RecordBatch& rows, std::span<const uint32_t> slots) {
  Grow();
  const auto counts = saved_.Own(rows, kRows), written = saved_.Own(rows, kWritten);
  for (size_t i = 0; i < slots.size(); ++i) {
    rows_[slots[i]] = counts[i];
    emitted_[slots[i]] = 1;
    expiry_.Restore(slots[i], written[i]);
  }
  return aggregates_.Load(slots, saved_.Aggregates(rows));
}

void GroupAggregate::ForgetSlots(std::span<const uint32_t> slots) {
  for (uint32_t slot : slots) {
    aggregates_.Reset(slot);
    rows_[slot] = 0;
    emitted_[slot] = 0;
    expiry_.Forget(slot);
  }
}

// A single group is bounded unless it keeps values.
std::vector<StateBound> GroupAggregate::States() const {
  StateBound state{"groups", saved_.table().doc, expiry_.Bound(), CanSpill(saved_)};
  bool lists = false;
  for (const auto& field : saved_.table().schema->fields()) {
    lists = lists || field->type()->id() == arrow::Type::LIST;
  }
  if (state.bound.empty() && spec_.keys.empty() && !lists) state.bound = "one row";
  return {state};
}

}  // namespace

std::unique_ptr<Operator> MakeGroupAggregate(GroupAggregateSpec spec) {
  return std::make_unique<GroupAggregate>(std::move(spec));
}

}  // namespace millrace
