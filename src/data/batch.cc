#include "data/batch.h"

#include <arrow/api.h>
#include <arrow/util/byte_size.h>

#include "data/take_rows.h"

namespace millrace {

const char* RowKindName(RowKind kind) {
  constexpr const char* kNames[] = {"+I", "-U", "+U", "-D"};
  return kNames[static_cast<int>(kind)];
}

namespace {

template <typename T>
std::shared_ptr<const std::vector<T>> TakeSide(const std::shared_ptr<const std::vector<T>>& side,
                                               const std::vector<int32_t>& indices) {
  if (!side) return nullptr;
  auto taken = std::make_shared<std::vector<T>>();
  taken->reserve(indices.size());
  for (int32_t i : indices) taken->push_back((*side)[static_cast<size_t>(i)]);
  return taken;
}

template <typename T>
std::shared_ptr<const std::vector<T>> SliceSide(const std::shared_ptr<const std::vector<T>>& side,
                                                int64_t offset, int64_t length) {
  if (!side) return nullptr;
  return std::make_shared<std::vector<T>>(side->begin() + offset, side->begin() + offset + length);
}

}  // namespace

Batch Batch::Slice(int64_t offset, int64_t length) const {
  return {rows->Slice(offset, length),
          SliceSide(kinds, offset, length),
          SliceSide(arrival_watermarks, offset, length),
          arrival,
          split,
          SliceSide(splits, offset, length)};
}

Result<Batch> Batch::Take(const std::vector<int32_t>& indices) const {
  MILL_ASSIGN(auto taken, TakeRows(rows, indices));
  return Batch{std::move(taken),
               TakeSide(kinds, indices),
               TakeSide(arrival_watermarks, indices),
               arrival,
               split,
               TakeSide(splits, indices)};
}

int64_t Batch::bytes() const {
  if (!rows) return 0;
  int64_t total = 0;
  for (const auto& column : rows->column_data()) {
    for (const auto& buffer : column->buffers) total += buffer ? buffer->size() : 0;
  }
  return total;
}

}  // namespace millrace
