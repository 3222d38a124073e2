#include "functions/distinct_table.h"

#include <bit>

namespace millrace {
namespace {

constexpr size_t kFirstSize = 64;
constexpr size_t kMinDeadToRebuild = 4096;

}  // namespace

DistinctTable::DistinctTable(bool counting) : counting_(counting) { Rebuild(); }

void DistinctTable::Resize(size_t slots) { group_of_slot_.resize(slots, kNone); }

size_t DistinctTable::Home(uint32_t group, uint64_t value) const {
  uint64_t hash = (value ^ (uint64_t{group} * 0xD6E8FEB86659FD93u)) * 0x9E3779B97F4A7C15u;
  hash ^= hash >> 32;
  hash *= 0x9E3779B97F4A7C15u;
  return static_cast<size_t>(hash >> shift_);
}

uint32_t DistinctTable::GroupOf(uint32_t slot) {
  uint32_t& group = group_of_slot_[slot];
  if (group != kNone) return group;
  if (free_groups_.empty()) {
    group = static_cast<uint32_t>(groups_.size());
    groups_.emplace_back();
  } else {
    group = free_groups_.back();
    free_groups_.pop_back();
  }
  groups_[group] = {true, kNone, 0};
  return group;
}

size_t DistinctTable::FindEntry(uint32_t group, uint64_t value) const {
  const size_t mask = entries_.size() - 1;
  for (size_t at = Home(group, value);; at = (at + 1) & mask) {
    const Entry& entry = entries_[at];
    if (entry.group == kNone || (entry.value == value && entry.group == group)) return at;
  }
}

bool DistinctTable::IsLive(size_t at) const {
  const Entry& entry = entries_[at];
  return entry.group != kNone && groups_[entry.group].alive && (!counting_ || counts_[at] != 0);
}

// An entry counts while its count is not 0; it appears and vanishes between 0 and 1.
int DistinctTable::CountAt(size_t at, int64_t times) {
  Group& group = groups_[entries_[at].group];
  const int64_t before = counts_[at];
  const int64_t after = counts_[at] += times;
  if (before == 0 && after != 0) {
    ++group.live;
    ++live_;
  } else if (before != 0 && after == 0) {
    --group.live;
    --live_;
  }
  if (before <= 0 && after > 0) return 1;
  return before > 0 && after <= 0 ? -1 : 0;
}

int DistinctTable::Add(uint32_t slot, uint64_t value, int64_t times) {
  const uint32_t group = GroupOf(slot);
  size_t at = FindEntry(group, value);
  if (entries_[at].group == kNone) {
    // At most five eighths are used.
    if ((used_ + 1) * 8 > entries_.size() * 5) {
      Rebuild();
      at = FindEntry(group, value);
    }
    entries_[at] = {value, group, groups_[group].head};
    groups_[group].head = static_cast<uint32_t>(at);
    ++used_;
    if (!counting_) {
      ++groups_[group].live;
      ++live_;
      return 1;
    }
    counts_[at] = 0;
  }
  return counting_ ? CountAt(at, times) : 0;
}

void DistinctTable::Prefetch(uint32_t slot, uint64_t value) const {
  const uint32_t group = group_of_slot_[slot];
  if (group != kNone) __builtin_prefetch(&entries_[Home(group, value)]);
}

void DistinctTable::Reset(uint32_t slot) {
  const uint32_t group = group_of_slot_[slot];
  if (group == kNone) return;
  group_of_slot_[slot] = kNone;
  live_ -= groups_[group].live;
  groups_[group].alive = false;
  dead_groups_.push_back(group);
  const size_t dead = used_ - live_;
  if (dead >= kMinDeadToRebuild && dead * 2 > used_) Rebuild();
}

std::vector<DistinctTable::Item> DistinctTable::Items(uint32_t slot) const {
  std::vector<Item> items;
  const uint32_t group = group_of_slot_[slot];
  if (group == kNone) return items;
  for (uint32_t at = groups_[group].head; at != kNone; at = entries_[at].next) {
    if (IsLive(at)) items.push_back({entries_[at].value, counting_ ? counts_[at] : 1});
  }
  return items;
}

// Puts the live entries into a table of at least twice their number.
void DistinctTable::Rebuild(const Rename& rename) {
  std::vector<uint64_t> values;
  std::vector<uint32_t> groups;
  std::vector<int64_t> counts;
  for (size_t at = 0; at < entries_.size(); ++at) {
    if (!IsLive(at)) continue;
    values.push_back(entries_[at].value);
    groups.push_back(entries_[at].group);
    if (counting_) counts.push_back(counts_[at]);
  }
  if (rename) rename(values);
  const size_t size = std::max(kFirstSize, std::bit_ceil(values.size() * 3));
  shift_ = 64 - std::countr_zero(size);
  entries_.assign(size, Entry());
  if (counting_) counts_.assign(size, 0);
  for (Group& group : groups_) group.head = kNone;
  for (size_t i = 0; i < values.size(); ++i) {
    const size_t at = FindEntry(groups[i], values[i]);
    entries_[at] = {values[i], groups[i], groups_[groups[i]].head};
    groups_[groups[i]].head = static_cast<uint32_t>(at);
    if (counting_) counts_[at] = counts[i];
  }
  used_ = live_ = values.size();
  free_groups_.insert(free_groups_.end(), dead_groups_.begin(), dead_groups_.end());
  dead_groups_.clear();
}

}  // namespace millrace
