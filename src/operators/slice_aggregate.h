// TUMBLE, HOP, CUMULATE and attached windows. Time is cut into slices, the longest intervals that
// each window holds entirely or not at all; a row updates the accumulators of (slice, key) once:
//
//   HOP      |-----------------|
//                  |-----------------|
//   slices   |  a  |  b  |  c  |  d  |
//
// A closing window merges its slices' accumulators by key into scratch slots; a slice is forgotten
// with its last window.
//
// A window of one slice (TUMBLE, attached) is emitted as it is. A row that comes too late for the
// first windows of its slice, but not for the last, goes to a slice of its own that only those
// windows read.
//
// On disk (state/spilled_table.h) a row is a key in a slice. A closing window first reads those of
// its slices that are not in memory, in portions of whole keys: a key of which nothing is in memory
// is emitted with its portion, others are merged with what is there and come last.
#pragma once

#include <array>
#include <optional>

#include "operators/slices.h"
#include "operators/spill.h"
#include "operators/windowed_operator.h"
#include "state/key_table.h"

namespace millrace {

class SliceAggregate : public WindowedOperator, private SlotOwner {
 public:
  explicit SliceAggregate(WindowAggregateSpec spec)
      : WindowedOperator(std::move(spec)),
        attached_(spec_.window.kind == WindowKind::kAttached),
        merges_(spec_.window.kind == WindowKind::kHop ||
                spec_.window.kind == WindowKind::kCumulate),
        slice_size_(attached_ ? 1 : SliceSize(spec_.window)),
        aggregates_(spec_.calls, spec_.retract),
        saved_(Layout()) {}

  Status Open(const OperatorContext& context) override;
  Result<Progress> OnBatch(int input, const Batch& rows, Output& out) override;
  Status Save(StateWriter& writer) override;
  Status Load(const StateReader& reader) override;
  std::string Describe() const override { return "WindowAggregate " + spec_.window.ToString(); }
  std::vector<StateBound> States() const override {
    const std::string size = attached_ ? "the window's size" : DurationText(spec_.window.size);
    return {{"slices", saved_.table().doc, ClockBound(size), CanSpill(saved_)}};
  }

 protected:
  Result<bool> EmitChunk(Output& out) override;

 private:
  static constexpr int64_t kLate = -1;
  static constexpr int64_t kNoWindow = -2;  // between the windows of a HOP
  // The slices that rows have lately gone to.
  struct Recent {
    Timestamp start = 0;
    Timestamp first_end = kMinTimestamp;  // kMinTimestamp: unused
    int64_t number = 0;
  };

  bool FindSlices(const Batch& rows);
  bool FindAttached(const Batch& rows);
  bool DropLate(const Batch& rows, const RowWatermarks& watermarks);
  int64_t SliceOf(Timestamp time, Timestamp watermark);
  int64_t LocateSlice(Timestamp start, Timestamp watermark);
  int64_t AttachedSlice(const Window& window, Timestamp watermark);
  SavedRows Layout() const;
  SpillOptions SpillBy() const;
  Status SaveSlots(std::span<const uint32_t> slots, SaveMode mode, StateWriter& writer) override;
  Status LoadSlots(const arrow::RecordBatch& rows, std::span<const uint32_t> slots) override;
  void ForgetSlots(std::span<const uint32_t> slots) override;
  arrow::ArrayVector SlicesOf(std::span<const uint32_t> slots) const override;
  Status SaveSlices(StateWriter& writer) const;
  Status LoadSlices(const StateReader& reader);
  Status LoadRows(std::shared_ptr<arrow::RecordBatch> rows);
  Result<std::shared_ptr<arrow::RecordBatch>> FindSavedSlices(
      const std::shared_ptr<arrow::RecordBatch>& rows);
  int64_t LoadSlice(SliceId id, Timestamp watermark);
  Result<Batch> TakeKept(const Batch& rows);
  Status AddRows(const Batch& rows);
  void Grow();
  Status FetchCold();
  void FindHot();
  void StartScan();
  Status EmitCold(Output& out);
  Status MergeCold(const arrow::RecordBatch& rows, std::span<const uint32_t> slots, Output& out);
  Status EmitSlots(arrow::ArrayVector keys, std::span<const uint32_t> slots, Output& out);
  bool StartNextWindow();
  void MergeSlice(const Slice& slice);
  void ForgetSlices(Timestamp closed_end);
  void Free(const std::vector<uint32_t>& slots);
  Recent& RecentSlice(Timestamp start) {
    return recent_[static_cast<uint64_t>(start / slice_size_) % recent_.size()];
  }

  const bool attached_, merges_;
  const int64_t slice_size_;
  std::unique_ptr<KeyTable> keys_;
  std::unique_ptr<SpilledTable> spilled_;  // null: all is in memory
  AggregateSet aggregates_;
  std::vector<int64_t> rows_;  // by slot: added less taken back
  Slices slices_;
  SavedRows saved_;
  const SavedNumbers saved_slices_{"open_slices",
                                   "A slice of which rows are on disk, by instance.",
                                   {{"slice_start", "Start of the slice.", true},
                                    {"first_end", "End of the first window that reads it.", true}}};
  std::array<Recent, 8> recent_;
  // The window being emitted, and its slots from emitted_ on.
  Window closing_;
  std::vector<uint32_t> closing_slots_;
  size_t emitted_ = 0;
  int64_t closing_number_ = 0;           // of its slice, if it is one
  bool drained_ = true;                  // nothing is being emitted
  std::optional<SliceScan> scan_;        // of what is on disk of it
  int64_t merged_namespace_ = -1;  // of the window's scratch slots; a new one for each window
  // Of the current call.
  std::vector<int64_t> numbers_;  // by row: its slice, or one of the above
  std::vector<uint32_t> slots_, inserted_;
  std::vector<Window> windows_;
};

}  // namespace millrace
