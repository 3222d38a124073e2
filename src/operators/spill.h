// How operators with one table of keyed rows keep it on disk (state/spilled_table.h).
#pragma once

#include <memory>
#include <vector>

#include "operators/operator.h"
#include "operators/saved_state.h"
#include "state/spilled_table.h"

namespace millrace {

// True if the table, whose key is `keys`, can be on disk. State without a key is one row.
inline bool CanSpill(const StateTable& table, const std::vector<int>& keys) {
  return !keys.empty() && StoredLayout::Make(table, {keys}, false).ok();
}
inline bool CanSpill(const SavedRows& saved) { return CanSpill(saved.table(), saved.key_places()); }

// Null if the table stays in memory. `keys` and `owner` outlive it; options.keys are set.
inline Result<std::unique_ptr<SpilledTable>> MakeSpilled(const OperatorContext& context,
                                                         const StateTable& table,
                                                         SpillOptions options, KeyTable* keys,
                                                         SlotOwner* owner) {
  if (!context.disk || !CanSpill(table, options.keys)) return nullptr;
  const KeyGroupRange groups = GroupsOfTask(static_cast<size_t>(context.instance),
                                            static_cast<size_t>(context.parallelism),
                                            context.key_groups);
  options.key_groups = context.key_groups;
  return SpilledTable::Make(context.disk, table, std::move(options), groups, keys, owner);
}
inline Result<std::unique_ptr<SpilledTable>> MakeSpilled(const OperatorContext& context,
                                                         const SavedRows& saved,
                                                         SpillOptions options, KeyTable* keys,
                                                         SlotOwner* owner) {
  options.keys = saved.key_places();
  return MakeSpilled(context, saved.table(), std::move(options), keys, owner);
}

// The place of an own column in the table.
inline int OwnPlace(const SavedRows& saved, int own) {
  return static_cast<int>(saved.keys()) + own;
}

}  // namespace millrace
