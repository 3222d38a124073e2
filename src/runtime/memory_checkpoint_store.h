// MemoryCheckpointStore: the newest checkpoint, in memory: for a job without a folder that is to be
// restarted within its process.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "runtime/checkpoint.h"

namespace millrace {

class MemoryCheckpointStore final : public CheckpointStore {
 public:
  Result<WrittenCheckpoint> Write(const Checkpoint& checkpoint) override;
  bool wants_full() const override { return deltas_ >= kMaxDeltas; }
  Result<std::shared_ptr<const RestorePoint>> Newest() override;

 private:
  static constexpr int kMaxDeltas = 10;  // of a chain

  std::mutex mutex_;  // guards what follows, but for deltas_
  std::map<std::pair<std::string, int>, FrozenReader::Chain> chains_;  // by operator and instance
  std::shared_ptr<const RestorePoint> newest_;
  std::atomic<int> deltas_{0};
};

}  // namespace millrace
