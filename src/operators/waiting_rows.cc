#include "operators/waiting_rows.h"

#include <arrow/record_batch.h>

#include "windows/window.h"

namespace millrace {

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

Status WaitingRows::ForEach(
    const std::function<Status(Batch, std::vector<Timestamp>)>& write) const {
  std::map<uint64_t, std::vector<std::pair<int32_t, Timestamp>>> by_batch;
  for (const auto& [bucket, rows] : buckets_) {
    for (const Row& row : rows) by_batch[row.batch].emplace_back(row.row, row.time);
  }
  for (auto& [id, rows] : by_batch) {
    std::sort(rows.begin(), rows.end());
    std::vector<int32_t> indices;
    std::vector<Timestamp> times;
    for (const auto& [index, time] : rows) {
      indices.push_back(index);
      times.push_back(time);
    }
    MILL_ASSIGN(Batch taken, batches_.at(id).batch.Take(indices));
    MILL_RETURN(write(std::move(taken), std::move(times)));
  }
  return Status::OK();
}

}  // namespace millrace
