// Ingest: from what a source yields to the table's rows with watermarks, in two steps.
//
//   Ingestor   decode, compute columns, drop rows without a usable event time: no state between
//              pieces, so several of them may work on different pieces of one lane
//   LaneClock  the running watermark: goes over the pieces in order, cheap
#pragma once

#include <arrow/array.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "formats/format.h"
#include "runtime/graph.h"

namespace millrace {

// Bad rows of a piece, kept until the source task hands the piece on: they belong to its epoch.
class KeptBadRows final : public DeadLetters {
 public:
  void Add(const BadRow& row) override;
  // Says which table's rows they are.
  void SetTable(const std::string& table) { table_ = table; }
  // Tells them to `receiver`.
  void TellTo(DeadLetters& receiver) const;
  int64_t count() const { return static_cast<int64_t>(rows_.size()); }

 private:
  struct Row {
    int64_t line;
    Timestamp time;
    size_t bytes, reason;  // ends in text_
  };
  std::vector<Row> rows_;
  std::string table_, file_;  // of all rows
  std::string text_;  // bytes and reason of each row, one after the other
};

// A decoded piece of a lane.
struct Ingested {
  std::shared_ptr<arrow::RecordBatch> rows;
  RowKinds kinds;                                 // null: all +I
  std::shared_ptr<arrow::Int64Array> times;       // event time, ms, no NULL; null: none
  std::shared_ptr<arrow::Int64Array> watermarks;  // ms, may hold NULLs; null: none
  bool watermark_of_each = false;                 // see Ingestion
  Timestamp arrival = 0;
  Timestamp skipped_watermark = kMinTimestamp;  // of rows before these that the source left out
  int64_t records = 0;        // read, the bad ones included
  KeptBadRows bad;            // of them
  int64_t bytes = 0;          // read; rows for sources that yield batches
};

// What all lanes of a job share.
struct IngestOptions {
  std::string time_zone;
  bool bounded = true;  // else event times far in the future are bad
};

class Ingestor {
 public:
  // `lane` and `ingestion` outlive it.
  static Result<std::unique_ptr<Ingestor>> Make(const Lane& lane, const Ingestion& ingestion,
                                                IngestOptions options);
  // The rows of `polled`, which came at `arrival`.
  Result<Ingested> Ingest(const Polled& polled, Timestamp arrival);

 private:
  Ingestor(const Ingestion& ingestion, IngestOptions options)
      : ingestion_(ingestion), options_(std::move(options)) {}

  Status Decode(const Polled& polled, Ingested& piece);
  Status ComputeColumns(const EvalContext& context, Ingested& piece);
  Status DropNulls(const std::string& file, Ingested& piece);
  Result<Timestamp> WatermarkAt(int64_t time, const EvalContext& context) const;
  Status KeepRows(const std::vector<int32_t>& kept, Ingested& piece);
  Status DropUntimed(const std::string& file, Ingested& piece);
  static void Reject(const std::string& file, int64_t row, Timestamp time, std::string reason,
                     Ingested& piece);

  const Ingestion& ingestion_;
  IngestOptions options_;
  std::unique_ptr<Decoder> decoder_;  // null for sources that yield batches
};

// The watermark of one lane as its rows go by. Owned by the lane's source task.
class LaneClock {
 public:
  Timestamp watermark() const { return watermark_; }
  void RaiseTo(Timestamp watermark) { watermark_ = std::max(watermark_, watermark); }
  // Rows [offset, offset + length) of `piece`; the watermark moves on to the end of them. With
  // arrival watermarks if one of them is at or behind its watermark + 1 (a row just above it may not
  // join a session that ends there and is closed under it), or if the piece wants that of each row.
  Batch Advance(const Ingested& piece, int64_t offset, int64_t length);

 private:
  Timestamp watermark_ = kMinTimestamp;
};

// How far the lanes of one table are, for a lane that wakes from idleness. Thread safe.
class TableClock {
 public:
  explicit TableClock(size_t lanes) : lanes_(lanes) {}
  void Set(size_t lane, Timestamp watermark, bool idle, bool ended);
  // The watermark of all lanes but `lane`: the least of those that are active, else the furthest.
  Timestamp OfOthers(size_t lane) const;

  Timestamp watermark(size_t lane) const { return lanes_[lane].watermark.load(kRelaxed); }
  bool idle(size_t lane) const { return lanes_[lane].idle.load(kRelaxed); }
  bool ended(size_t lane) const { return lanes_[lane].ended.load(kRelaxed); }

 private:
  static constexpr std::memory_order kRelaxed = std::memory_order_relaxed;
  struct Entry {
    std::atomic<Timestamp> watermark{kMinTimestamp};
    std::atomic<bool> idle{false}, ended{false};
  };
  std::vector<Entry> lanes_;
};

}  // namespace millrace
