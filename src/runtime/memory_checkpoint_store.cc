#include "runtime/memory_checkpoint_store.h"

#include <algorithm>

namespace millrace {

namespace {

using Chains = std::map<std::pair<std::string, int>, FrozenReader::Chain>;

class MemoryRestorePoint final : public RestorePoint {
 public:
  MemoryRestorePoint(Checkpoint checkpoint, Chains chains)
      : checkpoint_(std::move(checkpoint)), chains_(std::move(chains)) {
    for (OperatorSnapshot& op : checkpoint_.operators) {
      counters_[op.id].Add(op.counters);
      op.state = nullptr;  // the chains have it
    }
  }

  const CheckpointName& name() const override { return checkpoint_.name; }
  const LaneSnapshot* FindLane(const std::string& id) const override {
    return Find(checkpoint_.lanes, id);
  }
  const SinkSnapshot* FindSink(const std::string& id) const override {
    return Find(checkpoint_.sinks, id);
  }
  const OperatorCounters* FindOperator(const std::string& id) const override {
    const auto found = counters_.find(id);
    return found == counters_.end() ? nullptr : &found->second;
  }
  const std::optional<Committable>& rejects() const override { return checkpoint_.rejects; }
  std::vector<SavedPart> Parts() const override {
    std::vector<SavedPart> parts;
    for (const auto& [id, counters] : counters_) {
      parts.push_back({SavedPart::Kind::kOperator, id, "", 0});
    }
    return parts;
  }
  Result<std::unique_ptr<StateReader>> OpenState(const std::string& id, int instance,
                                                 int parallelism) const override {
    std::vector<FrozenReader::Chain> chains;
    for (const auto& [key, chain] : chains_) {
      if (key.first == id) chains.push_back(chain);
    }
    if (chains.empty()) return nullptr;
    return std::make_unique<FrozenReader>(std::move(chains), static_cast<size_t>(instance),
                                          static_cast<size_t>(parallelism));
  }

 private:
  template <typename Item>
  static const Item* Find(const std::vector<Item>& items, const std::string& id) {
    const auto found =
        std::find_if(items.begin(), items.end(), [&](const Item& each) { return each.id == id; });
    return found == items.end() ? nullptr : &*found;
  }

  Checkpoint checkpoint_;
  Chains chains_;
  std::map<std::string, OperatorCounters> counters_;
};

}  // namespace

Result<WrittenCheckpoint> MemoryCheckpointStore::Write(const Checkpoint& checkpoint) {
  if (!checkpoint.target.empty()) {
    return UserError("a job without a folder cannot make savepoints. hint: run it with --folder");
  }
  std::lock_guard lock(mutex_);
  Chains chains;
  WrittenCheckpoint written;
  int deltas = 0;
  for (const OperatorSnapshot& op : checkpoint.operators) {
    if (!op.state) continue;
    FrozenReader::Chain& chain = chains[{op.id, op.instance}];
    if (!op.state->whole()) chain = chains_[{op.id, op.instance}];
    chain.push_back(op.state);
    const int64_t bytes = op.state->bytes();
    written.bytes += bytes;
    written.operators[op.id].bytes += bytes;
    deltas = std::max(deltas, static_cast<int>(chain.size()));
  }
  chains_ = chains;
  deltas_ = deltas;
  newest_ = std::make_shared<MemoryRestorePoint>(checkpoint, std::move(chains));
  return written;
}

Result<std::shared_ptr<const RestorePoint>> MemoryCheckpointStore::Newest() {
  std::lock_guard lock(mutex_);
  return newest_;
}

}  // namespace millrace
