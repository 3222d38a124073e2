// SESSION windows with caps (MAX_DURATION, MAX_EVENTS), or grouped by more than their partition.
// Where a session is cut depends on the order of its rows, so rows wait until the watermark passes
// them, and are then taken in the order (time, arrival):
//
//   rows -> waiting (by time) -> watermark -> sorted -> session of the partition -> group within it
//
// A row of a partition starts a new session after the gap, when the session is full, or when it
// would grow too long. A row at or behind the watermark under which it comes is late: what lies
// there is cut. So even sessions that never pause are emitted and forgotten, and only rows ahead of
// the watermark wait. Those are in memory; the open sessions may be on disk
// (state/spilled_table.h), a partition's groups together.
#pragma once

#include <memory>
#include <vector>

#include "operators/spill.h"
#include "operators/waiting_rows.h"
#include "operators/windowed_operator.h"
#include "state/key_table.h"
#include "state/timers.h"

namespace millrace {

struct CutSession {
  Timestamp start = 0;
  Timestamp last = 0;
  int64_t rows = 0;
  uint32_t key = kNoSlot;          // of the partition
  uint32_t first_group = kNoSlot;  // chained by next_group_
};

// The layouts of the saved tables.
struct CutSessionLayouts {
  SavedRows waiting, sessions;

  CutSessionLayouts(const WindowAggregateSpec& spec, const arrow::FieldVector& aggregates);
};

class OrderedSessionAggregate : public WindowedOperator, private SlotOwner {
 public:
  explicit OrderedSessionAggregate(WindowAggregateSpec spec)
      : WindowedOperator(std::move(spec)),
        gap_(spec_.window.size),
        waiting_(gap_ / 32),
        timers_(gap_ / 32),
        aggregates_(spec_.calls, spec_.retract),
        saved_(spec_, aggregates_.StateFields()) {}

  Status Open(const OperatorContext& context) override;
  Result<Progress> OnBatch(int input, const Batch& rows, Output& out) override;
  Status Save(StateWriter& writer) override;
  Status Load(const StateReader& reader) override;
  std::string Describe() const override {
    return "OrderedSessionAggregate " + spec_.window.ToString();
  }
  std::vector<StateBound> States() const override;

 protected:
  Result<bool> EmitChunk(Output& out) override;

 private:
  Status SaveWaiting(StateWriter& writer) const;
  Status SaveSlots(std::span<const uint32_t> keys, SaveMode mode, StateWriter& writer) override;
  Status LoadSlots(const arrow::RecordBatch& rows, std::span<const uint32_t> keys) override;
  void ForgetSlots(std::span<const uint32_t> keys) override;
  std::optional<Timestamp> DueOf(uint32_t key, size_t) const override {
    return sessions_[open_[key]].last + gap_ - 1;
  }
  Status LoadWaiting(const arrow::RecordBatch& rows);
  Status LoadSessions(const StateReader& reader);
  void Grow();
  Status FindPartitions(const arrow::RecordBatch& rows, const std::vector<int>& columns);
  Status FindGroups(const arrow::RecordBatch& rows, const std::vector<int>& columns,
                    const std::vector<int64_t>& sessions, std::vector<uint32_t>& slots);
  Status Advance();
  Result<bool> LoadDue();
  Status AddRows(const Batch& rows, const std::vector<Timestamp>& times);
  Status AddToGroups(const Batch& rows);
  int64_t SessionOf(uint32_t key, Timestamp time, Timestamp watermark);
  bool Ends(const CutSession& session, Timestamp time, Timestamp watermark) const;
  uint32_t OpenSession(uint32_t key, Timestamp time);
  void Close(uint32_t key);
  Status EmitGroups(const std::vector<uint32_t>& groups, const std::vector<Window>& windows,
                    Output& out);

  const int64_t gap_;
  WaitingRows waiting_;
  Timers timers_;  // by partition slot
  std::unique_ptr<KeyTable> partitions_, groups_;
  std::unique_ptr<SpilledTable> spilled_;  // null: all is in memory
  std::vector<uint32_t> open_;        // by partition slot: its session, or kNoSlot
  std::vector<CutSession> sessions_;  // by session number
  std::vector<uint32_t> free_sessions_;
  std::vector<uint32_t> next_group_;  // by group slot
  std::vector<int64_t> group_rows_;   // by group slot: added less taken back
  AggregateSet aggregates_;
  CutSessionLayouts saved_;
  std::vector<uint32_t> closed_;  // sessions to be emitted, from emitted_ on
  size_t emitted_ = 0;
  std::vector<uint32_t> slots_, inserted_;  // scratch
  std::vector<int64_t> namespaces_;
};

}  // namespace millrace
