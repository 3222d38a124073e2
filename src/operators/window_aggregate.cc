#include "operators/window_aggregate.h"

#include <set>

#include "operators/windowed_operator.h"

namespace millrace {
namespace {

// Sessions are those of the partition; the plain operator finds them by the group's keys.
bool KeysArePartition(const WindowAggregateSpec& spec) {
  return std::set<int>(spec.keys.begin(), spec.keys.end()) ==
         std::set<int>(spec.window.partition.begin(), spec.window.partition.end());
}

}  // namespace

std::vector<int> ExchangeKeys(const WindowSpec& window, const std::vector<int>& keys) {
  const bool partitioned =
      window.kind == WindowKind::kSession || window.kind == WindowKind::kCount;
  return partitioned ? window.partition : keys;
}

std::unique_ptr<Operator> MakeWindowAggregate(WindowAggregateSpec spec) {
  if (spec.window.kind == WindowKind::kCount) return MakeCountWindowAggregate(std::move(spec));
  if (spec.emit.Updates(spec.window.domain)) return MakeFiringWindowAggregate(std::move(spec));
  if (spec.window.kind != WindowKind::kSession) return MakeSliceAggregate(std::move(spec));
  const bool capped = spec.window.max_duration > 0 || spec.window.max_events > 0;
  if (capped || !KeysArePartition(spec)) return MakeOrderedSessionAggregate(std::move(spec));
  return MakeSessionAggregate(std::move(spec));
}

}  // namespace millrace
