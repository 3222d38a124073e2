#include "operators/kept_rows.h"

#include <arrow/table.h>

#include <algorithm>
#include <numeric>

#include "data/take_rows.h"

namespace millrace {
namespace {

constexpr int64_t kFewRows = 8192;
constexpr size_t kFewParts = 64;
constexpr int64_t kRowsPerPart = 128;  // at least, on average

std::vector<int32_t> PlacesOf(const std::vector<bool>& here) {
  std::vector<int32_t> places;
  for (size_t i = 0; i < here.size(); ++i) {
    if (here[i]) places.push_back(static_cast<int32_t>(i));
  }
  return places;
}

}  // namespace

void KeptRows::Add(int64_t first, std::shared_ptr<arrow::RecordBatch> rows,
                   std::vector<bool> kept, int64_t count) {
  if (count == 0) return;
  size_ += count;
  stored_ += rows->num_rows();
  parts_[first] = {std::move(rows), {}, std::move(kept), count};
}

KeptRows::Parts::const_iterator KeptRows::PartOf(int64_t number) const {
  return std::prev(parts_.upper_bound(number));
}

size_t KeptRows::PlaceIn(int64_t first, const Part& part, int64_t number) {
  if (part.numbers.empty()) return static_cast<size_t>(number - first);
  const auto at = std::lower_bound(part.numbers.begin(), part.numbers.end(), number);
  return static_cast<size_t>(at - part.numbers.begin());
}

// Takes from each part what is asked of it, and puts that in order.
Result<std::shared_ptr<arrow::RecordBatch>> KeptRows::Take(
    std::span<const int64_t> numbers) const {
  std::map<const Part*, std::vector<int32_t>> of_parts;
  std::vector<std::pair<const Part*, size_t>> wanted;  // by output row: the how-manieth of a part
  for (const int64_t number : numbers) {
    const auto part = PartOf(number);
    std::vector<int32_t>& places = of_parts[&part->second];
    wanted.emplace_back(&part->second, places.size());
    places.push_back(static_cast<int32_t>(PlaceIn(part->first, part->second, number)));
  }
  arrow::RecordBatchVector taken;
  std::map<const Part*, size_t> begins;
  size_t begin = 0;
  for (const auto& [part, places] : of_parts) {
    MILL_ASSIGN(auto rows, TakeRows(part->rows, places));
    taken.push_back(std::move(rows));
    begins[part] = begin;
    begin += places.size();
  }
  if (taken.size() == 1) return taken[0];
  MILL_ASSIGN(auto all, arrow::ConcatenateRecordBatches(taken));
  std::vector<int32_t> order;
  for (const auto& [part, at] : wanted) order.push_back(static_cast<int32_t>(begins[part] + at));
  return TakeRows(all, order);
}

void KeptRows::Forget(int64_t number) {
  const auto found = PartOf(number);
  const auto at = parts_.find(found->first);
  Part& part = at->second;
  part.here[PlaceIn(at->first, part, number)] = false;
  --size_;
  if (--part.left > 0) return;
  stored_ -= part.rows->num_rows();
  parts_.erase(at);
}

Status KeptRows::Compact() {
  const bool sparse = stored_ > 2 * size_ + kFewRows;
  const bool small = parts_.size() > kFewParts + static_cast<size_t>(size_ / kRowsPerPart);
  if (!sparse && !small) return Status::OK();
  Parts compacted;
  for (auto begin = parts_.cbegin(); begin != parts_.cend();) {
    auto end = begin;
    for (int64_t rows = 0; end != parts_.cend() && rows < kFewRows; ++end) {
      rows += end->second.left;
    }
    const int64_t first = begin->first;
    MILL_ASSIGN(compacted[first], Merge(begin, end));
    begin = end;
  }
  parts_ = std::move(compacted);
  stored_ = size_;
  return Status::OK();
}

// The rows that are in these parts, as one.
Result<KeptRows::Part> KeptRows::Merge(Parts::const_iterator begin, Parts::const_iterator end) {
  Part merged;
  arrow::RecordBatchVector rows;
  for (; begin != end; ++begin) {
    const Part& part = begin->second;
    const std::vector<int32_t> places = PlacesOf(part.here);
    for (const int32_t place : places) {
      merged.numbers.push_back(part.numbers.empty() ? begin->first + place
                                                    : part.numbers[static_cast<size_t>(place)]);
    }
    MILL_ASSIGN(auto taken, TakeRows(part.rows, places));
    rows.push_back(std::move(taken));
  }
  MILL_ASSIGN(merged.rows, arrow::ConcatenateRecordBatches(rows));
  merged.left = merged.rows->num_rows();
  merged.here.assign(merged.numbers.size(), true);
  return merged;
}

Status KeptRows::ForEach(
    int64_t from,
    const std::function<Status(std::shared_ptr<arrow::RecordBatch>)>& visit) const {
  auto at = parts_.upper_bound(from);
  if (at != parts_.begin()) --at;
  for (; at != parts_.end(); ++at) {
    const Part& part = at->second;
    std::vector<int32_t> places = PlacesOf(part.here);
    std::erase_if(places, [&](int32_t place) {
      return (part.numbers.empty() ? at->first + place
                                   : part.numbers[static_cast<size_t>(place)]) < from;
    });
    if (places.empty()) continue;
    MILL_ASSIGN(auto rows, TakeRows(part.rows, places));
    MILL_RETURN(visit(std::move(rows)));
  }
  return Status::OK();
}

}  // namespace millrace
