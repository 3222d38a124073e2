// Windows that show results before they close, or take rows after it (EmitSpec). Each key has a
// list of its windows with an accumulator each: no slices, for what a firing shows is one window's.
//
//   rows -> windows of the key -> pending (at once) ------------+
//                              -> queue (processing time) ------+-> firing: -U what was shown, +U
//                              -> timers (watermark: on time) --+
//
// What was shown of a window is kept as a copy of its accumulators, made when the next row comes.
// A window is open for a row until the row's watermark passes its end and the allowed lateness, so
// the results that stand at the end depend neither on batch boundaries nor on firings.
//
// A session that a late row opens again is taken back until it closes again, unless early results
// are wanted; of sessions that merge one shown result at most stays, to be updated.
#pragma once

#include <deque>

#include "operators/firing_windows.h"
#include "operators/windowed_operator.h"
#include "state/key_table.h"

namespace millrace {

class FiringWindowAggregate : public WindowedOperator {
 public:
  explicit FiringWindowAggregate(WindowAggregateSpec spec)
      : WindowedOperator(std::move(spec)),
        session_(spec_.window.kind == WindowKind::kSession),
        attached_(spec_.window.kind == WindowKind::kAttached),
        lateness_(spec_.window.domain == TimeDomain::kEvent ? spec_.emit.lateness : 0),
        windows_(AggregateSet(spec_.calls, spec_.retract), lateness_,
                 attached_ ? 1000 : spec_.window.size / 32, !session_),
        saved_(Layout()) {}

  Status Open(const OperatorContext& context) override {
    MILL_RETURN(Operator::Open(context));
    return KeyTable::Make(*saved_.table().schema, saved_.key_places()).Value(&keys_);
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
  static constexpr int64_t kClosed = 1, kShown = 2, kShownCopy = 4;  // flags of saved rows
  struct Merge {
    uint32_t into, from;
  };
  struct Due {
    Timestamp time;
    uint32_t slot;
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
  void TakeFromQueue(std::deque<Due>& queue);
  void TakeClosed();
  Result<std::vector<bool>> FindChanged() const;
  std::vector<Change> ListChanges(const std::vector<bool>& changed) const;
  Status EmitChanges(const std::vector<Change>& changes, Output& out);
  void Settle();
  bool Filled(const FiringWindow& w) const { return !spec_.retract || w.rows > 0; }

  SavedRows Layout() const;
  Status SaveSlots(std::span<const uint32_t> owners, std::span<const uint32_t> slots,
                   StateWriter& writer);
  Status LoadRows(const arrow::RecordBatch& rows);
  uint32_t LoadWindow(const arrow::RecordBatch& rows, size_t row);
  void RestoreQueues();

  const bool session_, attached_;
  const int64_t lateness_;
  std::unique_ptr<KeyTable> keys_;
  FiringWindows windows_;
  SavedRows saved_;
  Timestamp ticked_ = kMinTimestamp;  // the processing time that has passed
  std::vector<uint32_t> pending_;     // due at once
  std::deque<Due> early_, late_;      // due at a processing time, in order; stale ones stay
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
