// FileCheckpointStore: checkpoints in a folder of the file system (see checkpoint_manifest.h). The
// state's files are written and synced first, then the manifest under a temporary name, which is
// synced and renamed, and the folder is synced. What no kept manifest names is removed.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "runtime/checkpoint_manifest.h"

namespace millrace {

class FileCheckpointStore final : public CheckpointStore {
 public:
  // Keeps the newest `retained` checkpoints of `folder`, which is made if need be.
  static Result<std::unique_ptr<FileCheckpointStore>> Open(const std::string& folder, int retained);

  Result<WrittenCheckpoint> Write(const Checkpoint& checkpoint) override;
  bool wants_full() const override { return wants_full_; }
  // The newest complete one that is whole. Older ones are tried where it is damaged; `damage`
  // tells of these.
  Result<std::shared_ptr<const RestorePoint>> Newest() override;
  const std::vector<std::string>& damage() const { return damage_; }
  // The highest epoch of any manifest here, 0 if there is none: numbers are never used again.
  int64_t last_epoch() const;

 private:
  using ChainKey = std::pair<std::string, int>;  // operator, instance

  FileCheckpointStore(std::string folder, int retained)
      : folder_(std::move(folder)), retained_(retained) {}

  Result<Manifest> WriteFiles(const Checkpoint& checkpoint, WrittenCheckpoint& written);
  Status WriteState(const Checkpoint& checkpoint, Manifest& manifest, WrittenCheckpoint& written);
  Status WriteInstance(const OperatorSnapshot& from, const CheckpointName& name,
                       const std::string& folder, ManifestOperator& op,
                       WrittenCheckpoint& written);
  Result<ManifestPayload> WritePayload(const std::string& sink, size_t number,
                                       const Committable& staged, int64_t epoch, int64_t& bytes);
  Status DropOld();

  std::string folder_;
  int retained_;
  std::map<ChainKey, StateChain> chains_;                   // of the last checkpoint
  std::map<std::pair<std::string, int64_t>, ManifestPayload> payloads_;  // by sink and epoch
  std::atomic<bool> wants_full_{false};
  std::vector<std::string> damage_;
};

// The checkpoint of the manifest at `path`, or the newest whole one in the folder `path`; every file
// is checked. Fails with what is wrong with it.
Result<std::shared_ptr<const RestorePoint>> OpenRestorePoint(const std::string& path);

}  // namespace millrace
