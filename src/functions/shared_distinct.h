// DISTINCT calls of the same arguments share one set of the values seen: an entry holds a bit for
// each call that has seen its value, so that one probe for a row serves all of them, whatever their
// functions and FILTERs. Where rows may be taken back each call keeps to itself (MakeAccumulators).
//
// Saved state is the same as that of calls that do not share: each has its own list of values, so
// that a script with other calls still finds those that it has. While running, a list of (value,
// calls to which it was new) in order stands behind both full snapshots and deltas.
#pragma once

#include <arrow/array.h>

#include <memory>
#include <span>
#include <vector>

#include "functions/aggregate.h"

namespace millrace {

class SharedDistinct {
 public:
  static constexpr size_t kMaxCalls = 64;

  virtual ~SharedDistinct() = default;
  // Adds row i to slots[i] in each call c where conditions[c] (BOOLEAN; null: no FILTER) is TRUE.
  // args: arrays of slots.size() elements.
  virtual Status Update(std::span<const uint32_t> slots,
                        const std::vector<std::shared_ptr<arrow::Array>>& args,
                        std::span<const arrow::Array* const> conditions) = 0;
  // The accumulators of call c for all but Update. They refer to this. All calls' must be driven,
  // in order of the calls, with the same slots.
  virtual std::unique_ptr<Accumulators> Call(size_t c) = 0;
};

// True if the calls, whose rows are not taken back, may share a set.
bool CanShareDistinct(const AggregateCall& a, const AggregateCall& b);
// Of at most kMaxCalls calls, any two of which can share.
std::unique_ptr<SharedDistinct> MakeSharedDistinct(const std::vector<const AggregateCall*>& calls);

}  // namespace millrace
