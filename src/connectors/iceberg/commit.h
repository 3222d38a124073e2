// Commits: what an epoch has written becomes snapshots of the table, once. The summary of a
// snapshot names the job, the writer and the epoch that it comes from; a commit whose outcome is
// not known is looked up there before it is tried again.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "connectors/iceberg/catalog.h"
#include "connectors/iceberg/manifest.h"

namespace millrace {

// Files of one sequence number: deletes of a layer apply to the layers before it.
struct IcebergLayer {
  int64_t snapshot_id = IcebergSnapshot::kNone;  // that it becomes
  std::vector<IcebergManifest> manifests;
  std::map<std::string, int64_t> added;  // "added-records" ...: for the summary
};

struct IcebergCommittable {
  std::string table_uuid;
  std::string job;     // what the job's summary says of it
  std::string writer;  // random: of one run of the job
  int64_t epoch = 0;
  std::vector<IcebergLayer> layers;  // mostly one

  std::string ToPayload() const;
  static Result<IcebergCommittable> FromPayload(std::string_view payload);
};

// A layer of `files`, which lie in one spec: writes their manifests below the table's metadata.
Result<IcebergLayer> MakeIcebergLayer(IcebergFiles* files, const IcebergMetadata& table,
                                      const IcebergPartitionSpec& spec,
                                      const std::vector<IcebergDataFile>& data,
                                      const std::vector<IcebergDataFile>& deletes);

struct IcebergCommitLimits {
  int64_t retries = 4;
  int64_t merge_manifests = 100;
};

// Makes `committable` visible unless it is. Tries again after conflicts and after answers that
// leave the outcome open; the last error is returned when the tries are used up.
Status CommitIceberg(IcebergCatalog* catalog, const IcebergCommittable& committable,
                     const IcebergCommitLimits& limits);

// A new snapshot on top of the table's current one.
struct IcebergChange {
  std::string operation;  // "append", "overwrite", "replace", "delete"
  std::map<std::string, std::string> summary;
  // All manifests that the snapshot has; those with added_snapshot_id -1 are new.
  std::vector<IcebergManifest> manifests;
};
// Builds the add-snapshot update and writes the manifest list. `parent` may be null. `*made` comes
// with the snapshot's id, and is filled.
Result<JsonTree> AddSnapshotUpdate(IcebergFiles* files, const IcebergMetadata& table,
                                   const IcebergSnapshot* parent, IcebergChange change,
                                   IcebergSnapshot* made);
// What must hold for a commit on top of `table`, and the update that moves main to `snapshot`.
JsonTree::Array RequirementsOf(const IcebergMetadata& table);
JsonTree SetMainUpdate(int64_t snapshot);
// Random and positive: ids of snapshots tell nothing of their order.
int64_t NewSnapshotId();
// A path for a new manifest.
std::string NewManifestPath(const IcebergMetadata& table);
// Waits before try `attempt` (from 1) of something, longer each time.
void WaitForTry(int64_t attempt);

}  // namespace millrace
