#include "connectors/iceberg/scan.h"

#include <algorithm>
#include <tuple>

namespace millrace {
namespace {

Status CheckFormat(const IcebergDataFile& file) {
  if (file.format == "PARQUET" || file.format == "parquet") return Status::OK();
  return ExternalError("'{}' is {}: only Parquet files can be read", file.path, file.format);
}

class Planner {
 public:
  Planner(IcebergFiles* files, const IcebergMetadata& table, const IcebergPruner& pruner)
      : files_(files), table_(table), pruner_(pruner) {}

  // `added`: of a snapshot; only what it added then.
  Status AddManifest(const IcebergManifest& manifest, std::optional<int64_t> added) {
    const IcebergPartitionSpec* spec = table_.FindSpec(manifest.spec_id);
    if (!spec) {
      return ExternalError("manifest '{}' is of partition spec {}, which the table does not have",
                           manifest.path, manifest.spec_id);
    }
    if (!manifest.deletes && !pruner_.MayPass(manifest, *spec)) {
      ++scan_.manifests_pruned;
      return Status::OK();
    }
    MILL_ASSIGN(auto entries, ReadManifest(files_, manifest, *spec, table_.schema()));
    for (IcebergEntry& entry : entries) {
      const bool wanted = added ? entry.status == IcebergEntry::kAdded && entry.snapshot_id == added
                                : entry.status != IcebergEntry::kDeleted;
      if (!wanted) continue;
      MILL_RETURN(CheckFormat(entry.file));
      IcebergScanFile file{std::move(entry.file), spec->id, *entry.sequence_number, {}};
      (manifest.deletes ? scan_.deletes : scan_.files).push_back(std::move(file));
    }
    return Status::OK();
  }

  // In the order of the table's history, so that rows come roughly as they were written.
  IcebergScan Finish() {
    std::sort(scan_.files.begin(), scan_.files.end(), [](const auto& a, const auto& b) {
      return std::tie(a.sequence_number, a.file.path) < std::tie(b.sequence_number, b.file.path);
    });
    std::vector<IcebergScanFile> wanted;
    std::optional<int64_t> skipped;
    for (IcebergScanFile& file : scan_.files) {
      if (!pruner_.MayPass(file.file, *table_.FindSpec(file.spec_id), &skipped)) {
        ++scan_.files_pruned;
        continue;
      }
      file.skipped_time = std::exchange(skipped, std::nullopt);
      scan_.rows += file.file.rows;
      wanted.push_back(std::move(file));
    }
    scan_.files = std::move(wanted);
    return std::move(scan_);
  }

 private:
  IcebergFiles* files_;
  const IcebergMetadata& table_;
  const IcebergPruner& pruner_;
  IcebergScan scan_;
};

}  // namespace

Result<IcebergScan> PlanSnapshot(IcebergFiles* files, const IcebergMetadata& table,
                                 const IcebergSnapshot& snapshot, const IcebergPruner& pruner) {
  Planner planner(files, table, pruner);
  MILL_ASSIGN(const auto manifests, ReadManifestList(files, snapshot.manifest_list));
  for (const IcebergManifest& manifest : manifests) {
    MILL_RETURN(planner.AddManifest(manifest, std::nullopt));
  }
  return planner.Finish();
}

Result<IcebergScan> PlanAdded(IcebergFiles* files, const IcebergMetadata& table,
                              const IcebergSnapshot& snapshot, const IcebergPruner& pruner) {
  Planner planner(files, table, pruner);
  MILL_ASSIGN(const auto manifests, ReadManifestList(files, snapshot.manifest_list));
  for (const IcebergManifest& manifest : manifests) {
    if (manifest.deletes || manifest.added_snapshot_id != snapshot.id) continue;
    MILL_RETURN(planner.AddManifest(manifest, snapshot.id));
  }
  return planner.Finish();
}

}  // namespace millrace
