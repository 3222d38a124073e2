// SESSION windows with caps (MAX_DURATION, MAX_EVENTS), or grouped by more than their partition.
// Where a session is cut depends on the order of its rows, so rows wait until the watermark passes
// them, and are then taken in the order (time, arrival):
//
//   rows -> waiting (by time) -> watermark -> sorted -> session of the partition -> group within it
//
// A row of a partition starts a new session after the gap, when the session is full, or when it
// would grow too long. A row at or behind the watermark under which it comes is late: what lies
// there is cut. So even sessions that never pause are emitted and forgotten, and only rows ahead of
// the watermark wait.
#include <arrow/record_batch.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "operators/windowed_operator.h"
#include "state/key_table.h"
#include "state/timers.h"

namespace millrace {
namespace {

// Rows ahead of the watermark, in buckets of time.
class WaitingRows {
 public:
  explicit WaitingRows(int64_t width) : width_(std::max<int64_t>(1, width)) {}

  // Keeps the rows of `batch` listed in `kept`.
  void Add(const Batch& batch, const std::vector<std::pair<Timestamp, int32_t>>& kept);
  struct Sorted {
    Batch rows;
    std::vector<Timestamp> times;  // by row
  };
  // Takes out the rows up to `time`, ordered by (time, arrival).
  Result<Sorted> TakeUntil(Timestamp time);

 private:
  struct Row {
    Timestamp time;
    uint64_t batch;  // ascending in order of arrival
    int32_t row;
    auto Order() const { return std::tuple(time, batch, row); }
  };
  struct Kept {
    Batch batch;
    size_t rows = 0;
  };

  std::vector<Row> TakeRows(Timestamp time);
  Result<Batch> Gather(const std::vector<Row>& rows);

  int64_t width_;
  uint64_t next_batch_ = 0;
  std::map<uint64_t, Kept> batches_;
  std::map<int64_t, std::vector<Row>> buckets_;
};

void WaitingRows::Add(const Batch& batch, const std::vector<std::pair<Timestamp, int32_t>>& kept) {
  if (kept.empty()) return;
  const uint64_t id = next_batch_++;
  batches_[id] = {batch, kept.size()};
  for (const auto& [time, row] : kept) {
    buckets_[AlignedStart(time, width_, 0) / width_].push_back({time, id, row});
  }
}

std::vector<WaitingRows::Row> WaitingRows::TakeRows(Timestamp time) {
  std::vector<Row> rows;
  while (!buckets_.empty()) {
    std::vector<Row>& first = buckets_.begin()->second;
    const auto later = std::stable_partition(first.begin(), first.end(),
                                             [time](const Row& row) { return row.time <= time; });
    rows.insert(rows.end(), first.begin(), later);
    first.erase(first.begin(), later);
    if (!first.empty()) break;
    buckets_.erase(buckets_.begin());
  }
  std::sort(rows.begin(), rows.end(),
            [](const Row& a, const Row& b) { return a.Order() < b.Order(); });
  return rows;
}

Result<WaitingRows::Sorted> WaitingRows::TakeUntil(Timestamp time) {
  Sorted sorted;
  if (buckets_.empty() || buckets_.begin()->first * width_ > time) return sorted;
  const std::vector<Row> rows = TakeRows(time);
  if (rows.empty()) return sorted;
  for (const Row& row : rows) sorted.times.push_back(row.time);
  MILL_ASSIGN(sorted.rows, Gather(rows));
  return sorted;
}

// Puts the kept batches one behind the other and takes the rows from there.
Result<Batch> WaitingRows::Gather(const std::vector<Row>& rows) {
  std::map<uint64_t, std::vector<int32_t>> by_batch;
  for (const Row& row : rows) by_batch[row.batch].push_back(row.row);
  std::vector<std::shared_ptr<arrow::RecordBatch>> parts;
  auto kinds = std::make_shared<std::vector<RowKind>>();
  std::map<uint64_t, int32_t> position;  // of the batch's next row in the parts
  auto watermarks = std::make_shared<std::vector<Timestamp>>();
  bool changelog = false;
  int32_t total = 0;
  for (const auto& [id, indices] : by_batch) {
    Kept& kept = batches_[id];
    MILL_ASSIGN(Batch part, kept.batch.Take(indices));
    changelog = changelog || part.kinds != nullptr;
    for (int64_t i = 0; i < part.num_rows(); ++i) {
      kinds->push_back(part.kind(i));
      watermarks->push_back(part.arrival_watermark(i));
    }
    position[id] = total;
    total += static_cast<int32_t>(indices.size());
    parts.push_back(part.rows);
    kept.rows -= indices.size();
    if (kept.rows == 0) batches_.erase(id);
  }
  Batch all;
  MILL_ASSIGN(all.rows, arrow::ConcatenateRecordBatches(parts));
  if (changelog) all.kinds = std::move(kinds);
  all.arrival_watermarks = std::move(watermarks);
  std::vector<int32_t> order;
  for (const Row& row : rows) order.push_back(position[row.batch]++);
  return all.Take(order);
}

struct CutSession {
  Timestamp start = 0;
  Timestamp last = 0;
  int64_t rows = 0;
  uint32_t key = kNoSlot;          // of the partition
  uint32_t first_group = kNoSlot;  // chained by next_group_
};

// When the open sessions of partitions end by now, for the timers.
struct LastTimes {
  const std::vector<uint32_t>& open;
  const std::vector<CutSession>& sessions;
  int64_t gap;
  Timestamp operator()(uint32_t key) const { return sessions[open[key]].last + gap - 1; }
  void Prefetch(uint32_t) const {}
};

class OrderedSessionAggregate : public WindowedOperator {
 public:
  explicit OrderedSessionAggregate(WindowAggregateSpec spec)
      : WindowedOperator(std::move(spec)),
        gap_(spec_.window.size),
        waiting_(gap_ / 32),
        timers_(gap_ / 32),
        aggregates_(spec_.calls, spec_.retract) {}

  Status Open(const OperatorContext& context) override;
  Result<Progress> OnBatch(int input, const Batch& rows, Output& out) override;
  std::string Describe() const override {
    return "OrderedSessionAggregate " + spec_.window.ToString();
  }

 protected:
  Result<bool> EmitChunk(Output& out) override;

 private:
  Status Advance();
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
  std::vector<uint32_t> open_;        // by partition slot: its session, or kNoSlot
  std::vector<CutSession> sessions_;  // by session number
  std::vector<uint32_t> free_sessions_;
  std::vector<uint32_t> next_group_;  // by group slot
  std::vector<int64_t> group_rows_;   // by group slot: added less taken back
  AggregateSet aggregates_;
  std::vector<uint32_t> closed_;  // sessions to be emitted, from emitted_ on
  size_t emitted_ = 0;
  std::vector<uint32_t> slots_, inserted_;  // scratch
  std::vector<int64_t> namespaces_;
};

Status OrderedSessionAggregate::Open(const OperatorContext& context) {
  MILL_RETURN(Operator::Open(context));
  const auto types = LeadingTypes(*spec_.output, spec_.keys.size());
  std::vector<std::shared_ptr<arrow::DataType>> partition_types;
  for (int column : spec_.window.partition) {
    const auto key = std::find(spec_.keys.begin(), spec_.keys.end(), column);
    if (key == spec_.keys.end()) {
      return UserError("a session's PARTITION BY columns must be among the GROUP BY columns");
    }
    partition_types.push_back(types[static_cast<size_t>(key - spec_.keys.begin())]);
  }
  MILL_ASSIGN(KeyTable partitions, KeyTable::Make(partition_types, false));
  MILL_ASSIGN(KeyTable groups, KeyTable::Make(types, true));
  partitions_ = std::make_unique<KeyTable>(std::move(partitions));
  groups_ = std::make_unique<KeyTable>(std::move(groups));
  return Status::OK();
}

Result<Progress> OrderedSessionAggregate::OnBatch(int /*input*/, const Batch& rows, Output&) {
  now_ = std::max(now_, rows.arrival);
  const RowTimes times(spec_.window, watermark_, rows);
  const RowWatermarks watermarks(spec_.window.domain, watermark_, rows);
  std::vector<std::pair<Timestamp, int32_t>> kept;
  kept.reserve(static_cast<size_t>(rows.num_rows()));
  for (size_t i = 0; i < static_cast<size_t>(rows.num_rows()); ++i) {
    if (times.IsNull(i) || times[i] <= watermarks[i]) {
      CountLate(rows, i, watermarks[i]);
    } else {
      kept.emplace_back(times[i], static_cast<int32_t>(i));
    }
  }
  waiting_.Add(rows, kept);
  return Progress::kDone;
}

// Takes in what the watermark has passed, and lists the sessions that are over, earliest end first.
Status OrderedSessionAggregate::Advance() {
  closed_.clear();
  emitted_ = 0;
  // Rows at watermark + 1 may touch a session that ends there; those still to come are behind them.
  const Timestamp until = watermark_ == kMaxTimestamp ? watermark_ : watermark_ + 1;
  MILL_ASSIGN(WaitingRows::Sorted sorted, waiting_.TakeUntil(until));
  if (!sorted.times.empty()) MILL_RETURN(AddRows(sorted.rows, sorted.times));
  uint32_t key;
  const LastTimes real_time{open_, sessions_, gap_};
  while (timers_.PopDue(watermark_, real_time, &key)) {
    Close(key);
    partitions_->Erase(key);
  }
  std::stable_sort(closed_.begin(), closed_.end(), [this](uint32_t a, uint32_t b) {
    return sessions_[a].last < sessions_[b].last;
  });
  return Status::OK();
}

Status OrderedSessionAggregate::AddRows(const Batch& rows, const std::vector<Timestamp>& times) {
  inserted_.clear();
  MILL_RETURN(
      partitions_->FindOrInsert(*rows.rows, spec_.window.partition, nullptr, slots_, inserted_));
  open_.resize(partitions_->slot_count(), kNoSlot);
  timers_.Resize(partitions_->slot_count());
  namespaces_.resize(slots_.size());
  for (size_t i = 0; i < slots_.size(); ++i) {
    const Timestamp watermark = rows.arrival_watermark(static_cast<int64_t>(i));
    namespaces_[i] = SessionOf(slots_[i], times[i], watermark);
  }
  return AddToGroups(rows);
}

int64_t OrderedSessionAggregate::SessionOf(uint32_t key, Timestamp time, Timestamp watermark) {
  if (open_[key] != kNoSlot && Ends(sessions_[open_[key]], time, watermark)) Close(key);
  const uint32_t session = open_[key] != kNoSlot ? open_[key] : OpenSession(key, time);
  sessions_[session].last = time;
  ++sessions_[session].rows;
  return session;
}

// True if a row that came at `time` under `watermark` does not belong to the session any more.
bool OrderedSessionAggregate::Ends(const CutSession& session, Timestamp time,
                                   Timestamp watermark) const {
  const WindowSpec& window = spec_.window;
  return time - session.last > gap_ || session.last + gap_ - 1 <= watermark ||
         (window.max_events > 0 && session.rows >= window.max_events) ||
         (window.max_duration > 0 && time - session.start > window.max_duration);
}

uint32_t OrderedSessionAggregate::OpenSession(uint32_t key, Timestamp time) {
  uint32_t session = static_cast<uint32_t>(sessions_.size());
  if (free_sessions_.empty()) {
    sessions_.emplace_back();
  } else {
    session = free_sessions_.back();
    free_sessions_.pop_back();
  }
  sessions_[session] = {time, time, 0, key, kNoSlot};
  open_[key] = session;
  timers_.Set(key, time + gap_ - 1);
  return session;
}

void OrderedSessionAggregate::Close(uint32_t key) {
  timers_.Cancel(key);
  closed_.push_back(open_[key]);
  open_[key] = kNoSlot;
}

Status OrderedSessionAggregate::AddToGroups(const Batch& rows) {
  inserted_.clear();
  MILL_RETURN(groups_->FindOrInsert(*rows.rows, spec_.keys, namespaces_.data(), slots_, inserted_));
  next_group_.resize(groups_->slot_count(), kNoSlot);
  group_rows_.resize(groups_->slot_count(), 0);
  for (uint32_t row : inserted_) {
    CutSession& session = sessions_[static_cast<size_t>(namespaces_[row])];
    next_group_[slots_[row]] = session.first_group;
    session.first_group = slots_[row];
  }
  for (size_t i = 0; i < slots_.size(); ++i) {
    group_rows_[slots_[i]] += Adds(rows.kind(static_cast<int64_t>(i))) ? 1 : -1;
  }
  aggregates_.Resize(groups_->slot_count());
  return aggregates_.Update(slots_, rows);
}

Result<bool> OrderedSessionAggregate::EmitChunk(Output& out) {
  if (emitted_ == closed_.size()) MILL_RETURN(Advance());
  if (closed_.empty()) return false;
  std::vector<uint32_t> groups;
  std::vector<Window> windows;
  for (; emitted_ < closed_.size() && groups.size() < kMaxResultRows; ++emitted_) {
    const CutSession& session = sessions_[closed_[emitted_]];
    for (uint32_t group = session.first_group; group != kNoSlot; group = next_group_[group]) {
      groups.push_back(group);
      windows.push_back({session.start, session.last + gap_});
    }
    free_sessions_.push_back(closed_[emitted_]);
  }
  MILL_RETURN(EmitGroups(groups, windows, out));
  for (uint32_t group : groups) {
    aggregates_.Reset(group);
    group_rows_[group] = 0;
    groups_->Erase(group);
  }
  return true;
}

// Emits the groups that have rows.
Status OrderedSessionAggregate::EmitGroups(const std::vector<uint32_t>& groups,
                                           const std::vector<Window>& windows, Output& out) {
  std::vector<uint32_t> filled;
  std::vector<Window> filled_windows;
  for (size_t i = 0; i < groups.size(); ++i) {
    if (spec_.retract && group_rows_[groups[i]] <= 0) continue;
    filled.push_back(groups[i]);
    filled_windows.push_back(windows[i]);
  }
  if (filled.empty()) return Status::OK();
  MILL_ASSIGN(arrow::ArrayVector columns, groups_->KeyColumns(filled));
  MILL_RETURN(aggregates_.Finish(filled, columns));
  return EmitResults(std::move(columns), filled_windows, out);
}

}  // namespace

std::unique_ptr<Operator> MakeOrderedSessionAggregate(WindowAggregateSpec spec) {
  return std::make_unique<OrderedSessionAggregate>(std::move(spec));
}

}  // namespace millrace
