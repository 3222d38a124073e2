// Hashes of key columns, row by row: what the exchange partitions by. Equal keys hash alike in
// every batch and process; NULLs are equal; integers hash by value, whatever their width.
#pragma once

#include <arrow/record_batch.h>

#include <cstdint>
#include <vector>

#include "base/status.h"

namespace millrace {

// Sets hashes[i] to the hash of row i's values in `columns`. No columns: all rows hash alike.
Status HashKeys(const arrow::RecordBatch& rows, const std::vector<int>& columns,
                std::vector<uint64_t>& hashes);

// Key group of a hash, in [0, groups): the hash's upper half scaled, so that the lower bits remain
// evenly spread within a group for hash tables.
inline uint32_t KeyGroup(uint64_t hash, uint32_t groups) {
  return static_cast<uint32_t>(((hash >> 32) * groups) >> 32);
}

}  // namespace millrace
