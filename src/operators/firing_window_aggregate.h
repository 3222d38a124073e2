// Windows that show results before they close, or take rows after it (EmitSpec). Each key has a
// list of its windows with an accumulator each: no slices, for what a firing shows is one window's.
//
//   rows -> windows of the key -> pending (at once) ------------+
//                              -> timers (processing time) -----+-> firing: -U what was shown, +U
//                              -> timers (watermark: on time) --+
//
// What was shown of a window is kept as a copy of its accumulators, made when the next row comes.
// A window is open for a row until the row's watermark passes its end and the allowed lateness, so
// the results that stand at the end depend neither on batch boundaries nor on firings.
//
// A session that a late row opens again is taken back until it closes again, unless early results
// are wanted; of sessions that merge one shown result at most stays, to be updated.
//
// On disk (state/spilled_table.h) a row is a window or a copy of what was shown of it, and a key
// has a timer for each of the two times.
#pragma once

#include "operators/firing_windows.h"
#include "operators/spill.h"
#include "operators/windowed_operator.h"
#include "state/key_table.h"

namespace millrace {

class FiringWindowAggregate : public WindowedOperator, private SlotOwner {
 public:
  explicit FiringWindowAggregate(WindowAggregateSpec spec)
      : WindowedOperator(std::move(spec)),
        session_(spec_.window.kind == WindowKind::kSession),
        attached_(spec_.window.kind == WindowKind::kAttached),
        lateness_(spec_.window.domain == TimeDomain::kEvent ? spec_.emit.lateness : 0),
        windows_(AggregateSet(spec_.calls, spec_.retract), lateness_,
                 {attached_ ? 1000 : spec_.window.size / 32,
                  std::max(spec_.emit.early_delay, spec_.emit.late_delay) / 32},
                 !session_),
        saved_(Layout()) {}

  Status Open(const OperatorContext& context) override {
    MILL_RETURN(Operator::Open(context));
    MILL_ASSIGN(keys_, KeyTable::Make(*saved_.table().schema, saved_.key_places()));
    SpillOptions options;
    options.clocks = 2;
    return MakeSpilled(context, saved_, options, keys_.get(), this).Value(&spilled_);
  }
  Result<Progress> OnBatch(int input, const Batch& rows, Output& out) override;
  Result<Progress> OnWatermark(TimeDomain domain, Timestamp time, Output& out) override;
  Status Save(StateWriter& writer) override;
  Status Load(const StateReader& reader) override;
  std::string Describe() const override {
    return "FiringWindowAggregate " + spec_.window.ToString() + " " + spec_.emit.ToString();
  }
  std::vector<StateBound> States() const override;

 protected:
  Result<bool> EmitChunk(Output& out) override;

 private:
  static constexpr Timestamp kAtOnce = kMinTimestamp + 1;  // due with the batch
  static constexpr size_t kWatermark = 0, kProcessingTime = 1;  // clocks of what is on disk
  static constexpr int64_t kClosed = 1, kShown = 2, kShownCopy = 4;  // flags of saved rows
  struct Merge {
    uint32_t into, from;
  };
  // A row of the output: the result that `slot`'s accumulators hold.
  struct Change {
    uint32_t slot, key;
    Window window;
    RowKind kind;
  };

  void FindWindows(const Batch& rows);
  bool PlaceRow(const Batch& rows, size_t row, Timestamp time, Timestamp watermark);
  void Place(size_t row, size_t pass, uint32_t slot, RowKind kind);
  bool TakesRows(const Window& window, Timestamp watermark) const {
    return window.max_timestamp() + lateness_ > watermark;
  }
  uint32_t OpenWindow(uint32_t key, const Window& window);
  uint32_t FindSession(uint32_t key, Timestamp time, Timestamp watermark);
  void Extend(uint32_t slot, const Window& window);
  void Absorb(uint32_t into, uint32_t from);
  void Schedule(uint32_t slot);
  void FireAtOnce(uint32_t slot);
  Timestamp NextTick(int64_t delay) const { return (now_ / delay + 1) * delay; }
  void ApplyMerges();
  void DropUnusedKeys();

  void CollectFirings();
  void TakeFiring();
  void TakeClosed();
  Result<std::vector<bool>> FindChanged() const;
  std::vector<Change> ListChanges(const std::vector<bool>& changed) const;
  Status EmitChanges(const std::vector<Change>& changes, Output& out);
  void Settle();
  Result<bool> LoadDue();
  bool Filled(const FiringWindow& w) const { return !spec_.retract || w.rows > 0; }

  SavedRows Layout() const;
  Status SaveSlots(std::span<const uint32_t> keys, SaveMode mode, StateWriter& writer) override;
  Status LoadSlots(const arrow::RecordBatch& rows, std::span<const uint32_t> keys) override;
  void ForgetSlots(std::span<const uint32_t> keys) override {
    for (uint32_t key : keys) windows_.ForgetKey(key);
  }
  std::optional<Timestamp> DueOf(uint32_t key, size_t clock) const override {
    return clock == kWatermark ? windows_.NextTime(key) : windows_.NextFiring(key);
  }
  Status SaveWindows(std::span<const uint32_t> owners, std::span<const uint32_t> slots,
                     StateWriter& writer);
  uint32_t LoadWindow(const arrow::RecordBatch& rows, size_t row, uint32_t key);

  const bool session_, attached_;
  const int64_t lateness_;
  std::unique_ptr<KeyTable> keys_;
  std::unique_ptr<SpilledTable> spilled_;  // null: all is in memory
  FiringWindows windows_;
  SavedRows saved_;
  Timestamp ticked_ = kMinTimestamp;  // the processing time that has passed
  std::vector<uint32_t> pending_;     // due at once
  std::vector<TakenBack> taken_back_;
  // Of the current chunk.
  std::vector<uint32_t> firing_, closing_;
  // Of the current batch.
  std::vector<uint32_t> key_slots_, inserted_;
  std::vector<std::vector<uint32_t>> targets_;  // by pass, by row: a window of the row, or kNoSlot
  std::vector<Merge> merges_;                   // to be done after the batch's rows are in
  std::vector<Window> assigned_;
};

}  // namespace millrace
