// Old snapshots and orphans.
#include <algorithm>
#include <set>

#include "connectors/iceberg/commit.h"
#include "connectors/iceberg/maintenance.h"

namespace millrace {
namespace {

// Local paths without their scheme, object stores under one: the same file has one name.
std::string PlainName(std::string location) {
  if (location.starts_with("file://")) return location.substr(7);
  if (location.starts_with("file:")) return location.substr(5);
  for (const std::string_view scheme : {"s3a://", "s3n://"}) {
    if (location.starts_with(scheme)) return "s3://" + location.substr(scheme.size());
  }
  return location;
}

// The files that snapshots refer to. Manifests that several share are read once.
class Reachable {
 public:
  Reachable(IcebergFiles* files, const IcebergMetadata& table) : files_(files), table_(table) {}

  Status Add(const IcebergSnapshot& snapshot) {
    names_.insert(PlainName(snapshot.manifest_list));
    MILL_ASSIGN(const auto manifests, ReadManifestList(files_, snapshot.manifest_list));
    for (const IcebergManifest& manifest : manifests) {
      if (!names_.insert(PlainName(manifest.path)).second) continue;
      const IcebergPartitionSpec* spec = table_.FindSpec(manifest.spec_id);
      if (!spec) return ExternalError("there is no partition spec {}", manifest.spec_id);
      MILL_ASSIGN(const auto entries, ReadManifest(files_, manifest, *spec, table_.schema()));
      for (const IcebergEntry& entry : entries) {
        if (entry.status != IcebergEntry::kDeleted) names_.insert(PlainName(entry.file.path));
      }
    }
    return Status::OK();
  }

  std::set<std::string>& names() { return names_; }

 private:
  IcebergFiles* files_;
  const IcebergMetadata& table_;
  std::set<std::string> names_;
};

std::set<int64_t> KeptSnapshots(const IcebergMetadata& table, const IcebergExpire& wanted) {
  constexpr int kOfEachJob = 3;  // so many epochs can wait for a commit
  std::set<int64_t> kept;
  for (const auto& [name, id] : table.refs) kept.insert(id);
  const IcebergSnapshot* at = table.current();
  const int64_t newest = std::clamp<int64_t>(wanted.retain_last, 1, std::ssize(table.snapshots));
  for (int64_t i = 0; at && i < newest; ++i) {
    kept.insert(at->id);
    at = table.FindSnapshot(at->parent);
  }
  std::map<std::string, int> of_job;
  for (size_t i = table.snapshots.size(); i-- > 0;) {
    const IcebergSnapshot& snapshot = table.snapshots[i];
    if (snapshot.timestamp >= wanted.older_than) kept.insert(snapshot.id);
    const auto job = snapshot.summary.find("millrace.job-id");
    if (job != snapshot.summary.end() && of_job[job->second]++ < kOfEachJob) {
      kept.insert(snapshot.id);
    }
  }
  return kept;
}

Result<bool> CommitRemoval(IcebergCatalog* catalog, const IcebergTable& table,
                           const std::vector<IcebergSnapshot>& expired) {
  JsonTree::Array ids;
  for (const IcebergSnapshot& snapshot : expired) ids.emplace_back(snapshot.id);
  JsonTree update;
  update.Set("action", "remove-snapshots");
  update.Set("snapshot-ids", std::move(ids));
  MILL_ASSIGN(const IcebergCommit done,
              catalog->Commit(table, RequirementsOf(table.metadata), {std::move(update)}));
  return done == IcebergCommit::kDone;
}

// The metadata's own files: those that are, and those that were, the table.
void AddMetadataFiles(const IcebergTable& table, std::set<std::string>* names) {
  names->insert(PlainName(table.metadata_location));
  for (const JsonTree& each : table.metadata.json.ListOrEmpty("metadata-log")) {
    names->insert(PlainName(each.TextOr("metadata-file", "")));
  }
  for (const char* kind : {"statistics", "partition-statistics"}) {
    for (const JsonTree& each : table.metadata.json.ListOrEmpty(kind)) {
      names->insert(PlainName(each.TextOr("statistics-path", "")));
    }
  }
}

}  // namespace

Result<IcebergExpired> ExpireSnapshots(IcebergCatalog* catalog, const std::string& name,
                                       const IcebergExpire& wanted) {
  constexpr int kTries = 20;
  for (int attempt = 0; attempt < kTries; ++attempt) {
    WaitForTry(attempt);
    MILL_ASSIGN(const IcebergTable table, LoadIcebergTable(catalog, name));
    if (table.metadata.snapshots.empty()) return IcebergExpired{};
    const std::set<int64_t> kept = KeptSnapshots(table.metadata, wanted);
    std::vector<IcebergSnapshot> expired;
    Reachable needed(&catalog->files(), table.metadata), dropped(&catalog->files(), table.metadata);
    for (const IcebergSnapshot& snapshot : table.metadata.snapshots) {
      if (!kept.contains(snapshot.id)) expired.push_back(snapshot);
    }
    if (expired.empty()) return IcebergExpired{};
    for (const IcebergSnapshot& snapshot : expired) MILL_RETURN(dropped.Add(snapshot));
    MILL_ASSIGN(const bool done, CommitRemoval(catalog, table, expired));
    if (!done) continue;
    // What others have committed meanwhile may build on files of what has just expired.
    MILL_ASSIGN(const IcebergTable after, LoadIcebergTable(catalog, name));
    for (const IcebergSnapshot& snapshot : after.metadata.snapshots) {
      MILL_RETURN(needed.Add(snapshot));
    }
    IcebergExpired result{std::ssize(expired), 0};
    for (const std::string& file : dropped.names()) {
      if (needed.names().contains(file)) continue;
      if (catalog->files().Remove(file).ok()) ++result.files;
    }
    return result;
  }
  return ExternalError("other writers were quicker {} times", kTries);
}

Result<int64_t> RemoveOrphanFiles(IcebergCatalog* catalog, const std::string& name,
                                  int64_t older_than, bool dry_run) {
  constexpr int64_t kDay = 86400000;
  if (older_than > NowMillis() - kDay) {
    return UserError("'older-than' is less than a day: files that a running job has yet to commit "
                     "would be taken for orphans");
  }
  // The files first, then what is referred to: nothing can be committed in between and be missed.
  MILL_ASSIGN(IcebergTable table, LoadIcebergTable(catalog, name));
  MILL_ASSIGN(const auto listed, catalog->files().List(table.metadata.location));
  MILL_ASSIGN(table, LoadIcebergTable(catalog, name));
  Reachable needed(&catalog->files(), table.metadata);
  for (const IcebergSnapshot& snapshot : table.metadata.snapshots) {
    MILL_RETURN(needed.Add(snapshot));
  }
  AddMetadataFiles(table, &needed.names());
  int64_t removed = 0;
  for (const auto& file : listed) {
    const bool hint = file.location.ends_with("/version-hint.text");
    if (hint || file.modified >= older_than) continue;
    if (needed.names().contains(PlainName(file.location))) continue;
    if (!dry_run) MILL_RETURN(catalog->files().Remove(file.location));
    ++removed;
  }
  return removed;
}

}  // namespace millrace
