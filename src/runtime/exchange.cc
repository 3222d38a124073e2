#include "runtime/exchange.h"

#include <algorithm>
#include <utility>

namespace millrace {

namespace {

template <typename T, typename ValueOf>
std::shared_ptr<const std::vector<T>> JoinSides(const std::vector<Batch>& pieces, int64_t rows,
                                                ValueOf value_of) {
  auto joined = std::make_shared<std::vector<T>>();
  joined->reserve(static_cast<size_t>(rows));
  for (const Batch& piece : pieces) {
    for (int64_t row = 0; row < piece.num_rows(); ++row) joined->push_back(value_of(piece, row));
  }
  return joined;
}

// All rows of `pieces` as one batch, as of the newest arrival.
Result<Batch> Join(const std::vector<Batch>& pieces, int64_t rows) {
  arrow::RecordBatchVector parts;
  Batch joined;
  bool kinds = false;
  bool watermarks = false;
  bool mixed = false;  // of several splits
  joined.split = pieces.front().split;
  for (const Batch& piece : pieces) {
    parts.push_back(piece.rows);
    kinds |= piece.kinds != nullptr;
    watermarks |= piece.arrival_watermarks != nullptr;
    mixed |= piece.splits || piece.split != joined.split;
    joined.arrival = std::max(joined.arrival, piece.arrival);
  }
  MILL_ASSIGN(joined.rows, arrow::ConcatenateRecordBatches(parts));
  if (kinds) {
    joined.kinds = JoinSides<RowKind>(
        pieces, rows, [](const Batch& piece, int64_t row) { return piece.kind(row); });
  }
  if (watermarks) {
    joined.arrival_watermarks = JoinSides<Timestamp>(
        pieces, rows, [](const Batch& piece, int64_t row) { return piece.arrival_watermark(row); });
  }
  if (mixed) {
    joined.split = kNoSplit;
    joined.splits = JoinSides<SplitId>(
        pieces, rows, [](const Batch& piece, int64_t row) { return piece.split_of(row); });
  }
  return joined;
}

}  // namespace

Exchange::Exchange(std::vector<Route> routes, Coalescing coalescing, uint32_t key_groups)
    : coalescing_(coalescing), key_groups_(key_groups) {
  for (Route& route : routes) {
    Fan fan{std::move(route.keys), {}};
    for (Channel* channel : route.targets) fan.lanes.push_back({channel, {}, 0, 0});
    fans_.push_back(std::move(fan));
  }
}

bool Exchange::Full() const {
  for (const Fan& fan : fans_) {
    for (const Lane& lane : fan.lanes) {
      if (lane.channel->Full()) return true;
    }
  }
  return false;
}

Status Exchange::Accept(Message message) {
  if (const auto* batch = std::get_if<Batch>(&message)) {
    for (Fan& fan : fans_) MILL_RETURN(Spread(fan, *batch));
    if (!idle_) return Status::OK();
    MILL_RETURN(Flush());
    Broadcast(Idle{});
    return Status::OK();
  }
  MILL_RETURN(Flush());
  if (const auto* watermark = std::get_if<Watermark>(&message)) {
    if (watermark->domain == TimeDomain::kEvent) idle_ = false;
  }
  if (std::holds_alternative<Idle>(message)) idle_ = true;
  Broadcast(message);
  return Status::OK();
}

void Exchange::Broadcast(const Message& message) {
  for (Fan& fan : fans_) {
    for (Lane& lane : fan.lanes) lane.channel->Push(message);
  }
}

Status Exchange::Spread(Fan& fan, const Batch& batch) {
  if (fan.lanes.size() == 1) return Add(fan.lanes[0], batch);
  MILL_RETURN(Assign(fan, batch));
  const auto rows = static_cast<size_t>(batch.num_rows());
  for (size_t i = 0; i < fan.lanes.size(); ++i) {
    if (indices_[i].empty()) continue;
    if (indices_[i].size() == rows) return Add(fan.lanes[i], batch);
    MILL_ASSIGN(Batch taken, batch.Take(indices_[i]));
    MILL_RETURN(Add(fan.lanes[i], std::move(taken)));
  }
  return Status::OK();
}

Status Exchange::Assign(const Fan& fan, const Batch& batch) {
  MILL_RETURN(HashKeys(*batch.rows, fan.keys, hashes_));
  const size_t tasks = fan.lanes.size();
  if (indices_.size() < tasks) indices_.resize(tasks);
  for (auto& indices : indices_) indices.clear();
  const auto rows = static_cast<size_t>(batch.num_rows());
  for (size_t row = 0; row < rows; ++row) {
    indices_[TaskOfHash(hashes_[row], tasks, key_groups_)].push_back(static_cast<int32_t>(row));
  }
  return Status::OK();
}

Status Exchange::Add(Lane& lane, Batch batch) {
  const int64_t rows = batch.num_rows();
  const bool apart = coalescing_.keep_arrivals && !lane.pieces.empty() &&
                     lane.pieces.back().arrival != batch.arrival;
  if (apart || lane.rows + rows > coalescing_.batch_rows) MILL_RETURN(FlushLane(lane));
  if (lane.pieces.empty() && rows * 2 >= coalescing_.batch_rows) {
    lane.channel->Push(std::move(batch));
    return Status::OK();
  }
  const bool narrow = lane.channel->narrowed();
  if (narrow) lane.bytes += batch.bytes();
  lane.pieces.push_back(std::move(batch));
  lane.rows += rows;
  return narrow && lane.bytes * 2 >= lane.channel->limit() ? FlushLane(lane) : Status::OK();
}

Status Exchange::FlushLane(Lane& lane) {
  if (lane.pieces.empty()) return Status::OK();
  if (lane.pieces.size() == 1) {
    lane.channel->Push(std::move(lane.pieces[0]));
  } else {
    MILL_ASSIGN(Batch joined, Join(lane.pieces, lane.rows));
    lane.channel->Push(std::move(joined));
  }
  lane.pieces.clear();
  lane.rows = lane.bytes = 0;
  return Status::OK();
}

Status Exchange::Flush() {
  for (Fan& fan : fans_) {
    for (Lane& lane : fan.lanes) MILL_RETURN(FlushLane(lane));
  }
  return Status::OK();
}

}  // namespace millrace
