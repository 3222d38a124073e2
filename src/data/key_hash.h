// Hashes of key columns, row by row: what the exchange partitions by. Equal keys hash alike in
// every batch and process; NULLs are equal; integers hash by value, whatever their width.
//
//   hash of the key columns -> one of the key groups -> task = group * parallelism / key groups
//
// Saved state is divided by the same groups, so that it can be restored at another parallelism.
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

// How many key groups there are, if `pipeline.max-parallelism` does not say so.
inline constexpr uint32_t kKeyGroups = 128;
inline constexpr uint32_t kMostKeyGroups = 32768;

// The task of `parallelism` that owns a key group, and the keys with `hash`.
inline size_t TaskOfGroup(uint32_t group, size_t parallelism, uint32_t key_groups = kKeyGroups) {
  return group * parallelism / key_groups;
}
inline size_t TaskOfHash(uint64_t hash, size_t parallelism, uint32_t key_groups = kKeyGroups) {
  return TaskOfGroup(KeyGroup(hash, key_groups), parallelism, key_groups);
}

// Key groups [begin, end).
struct KeyGroupRange {
  uint32_t begin = 0;
  uint32_t end = kMostKeyGroups;
  bool Contains(uint32_t group) const { return group >= begin && group < end; }
};

// The key groups that a task of `parallelism` owns.
inline KeyGroupRange GroupsOfTask(size_t task, size_t parallelism,
                                  uint32_t key_groups = kKeyGroups) {
  const auto first = [=](size_t t) {
    return static_cast<uint32_t>((t * key_groups + parallelism - 1) / parallelism);
  };
  return {first(task), first(task + 1)};
}

}  // namespace millrace
