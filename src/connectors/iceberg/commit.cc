#include "connectors/iceberg/commit.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <random>
#include <thread>

namespace millrace {
namespace {

constexpr const char* kJob = "millrace.job-id";
constexpr const char* kWriter = "millrace.writer-id";
constexpr const char* kEpoch = "millrace.epoch";
constexpr int64_t kSmallManifest = 8 << 20;  // bytes; larger ones are not merged

bool IsThere(const IcebergMetadata& table, const IcebergCommittable& committable) {
  const std::string epoch = fmt::format("{}", committable.epoch);
  return std::any_of(table.snapshots.begin(), table.snapshots.end(), [&](const auto& snapshot) {
    const auto writer = snapshot.summary.find(kWriter);
    const auto number = snapshot.summary.find(kEpoch);
    return writer != snapshot.summary.end() && number != snapshot.summary.end() &&
           writer->second == committable.writer && number->second == epoch;
  });
}

int64_t NumberIn(const IcebergSnapshot* snapshot, const std::string& key) {
  if (!snapshot) return 0;
  const auto found = snapshot->summary.find(key);
  int64_t number = 0;
  if (found == snapshot->summary.end()) return number;
  std::from_chars(found->second.data(), found->second.data() + found->second.size(), number);
  return number;
}

// The totals of the parent and what is added to them and taken away.
void AddTotals(const IcebergSnapshot* parent, std::map<std::string, std::string>* summary) {
  const auto change = [&](const std::string& key) {
    const auto found = summary->find(key);
    int64_t number = 0;
    if (found == summary->end()) return number;
    std::from_chars(found->second.data(), found->second.data() + found->second.size(), number);
    return number;
  };
  for (const char* what : {"records", "files-size", "data-files", "delete-files",
                           "position-deletes", "equality-deletes"}) {
    const std::string key = std::string("total-") + what;
    const std::string name = what;
    const int64_t removed = change(name == "records" ? "deleted-records"
                                   : name == "data-files" ? "deleted-data-files"
                                                          : "removed-" + name);
    const int64_t total = NumberIn(parent, key) + change("added-" + name) - removed;
    (*summary)[key] = fmt::format("{}", total);
  }
}

// Deleted entries are dropped: they say what was deleted in the snapshot that wrote them.
Result<IcebergManifest> MergeManifests(IcebergFiles* files, const IcebergMetadata& table,
                                       const std::vector<IcebergManifest>& small) {
  const IcebergPartitionSpec* spec = table.FindSpec(small[0].spec_id);
  if (!spec) return ExternalError("there is no partition spec {}", small[0].spec_id);
  std::vector<IcebergEntry> entries;
  for (const IcebergManifest& manifest : small) {
    MILL_ASSIGN(auto more, ReadManifest(files, manifest, *spec, table.schema()));
    for (IcebergEntry& entry : more) {
      if (entry.status == IcebergEntry::kDeleted) continue;
      entry.status = IcebergEntry::kExisting;
      entries.push_back(std::move(entry));
    }
  }
  MILL_ASSIGN(auto merged, WriteManifest(files, NewManifestPath(table), table.schema(), *spec,
                                         small[0].deletes, entries));
  return merged;
}

// Appends of each second would leave a manifest each: small ones are put together, those of data
// and those of deletes apart, within a spec.
Status MergeSmall(IcebergFiles* files, const IcebergMetadata& table, int64_t at_least,
                  std::vector<IcebergManifest>* manifests) {
  std::map<std::pair<int, bool>, std::vector<IcebergManifest>> groups;
  for (const IcebergManifest& each : *manifests) {
    if (each.length < kSmallManifest) groups[{each.spec_id, each.deletes}].push_back(each);
  }
  for (const auto& [key, group] : groups) {
    if (std::ssize(group) < at_least) continue;
    MILL_ASSIGN(auto merged, MergeManifests(files, table, group));
    std::erase_if(*manifests, [&, kind = key](const IcebergManifest& each) {
      return each.length < kSmallManifest && std::pair(each.spec_id, each.deletes) == kind;
    });
    manifests->push_back(std::move(merged));
  }
  return Status::OK();
}

std::map<std::string, std::string> SummaryOf(const IcebergCommittable& committable,
                                             const IcebergLayer& layer) {
  std::map<std::string, std::string> summary;
  for (const auto& [key, value] : layer.added) summary[key] = fmt::format("{}", value);
  summary["engine-name"] = "millrace";
  summary[kJob] = committable.job;
  summary[kWriter] = committable.writer;
  summary[kEpoch] = fmt::format("{}", committable.epoch);
  return summary;
}

// One snapshot for each layer, all in one commit.
Result<IcebergCommit> TryCommit(IcebergCatalog* catalog, const IcebergTable& base,
                                const IcebergCommittable& committable, int64_t merge_manifests) {
  IcebergMetadata table = base.metadata;  // grows by the layers
  IcebergFiles* files = &catalog->files();
  const IcebergSnapshot* parent = table.current();
  std::vector<IcebergManifest> manifests;
  if (parent) {
    MILL_ASSIGN(manifests, ReadManifestList(files, parent->manifest_list));
    MILL_RETURN(MergeSmall(files, table, merge_manifests, &manifests));
  }
  JsonTree::Array updates;
  IcebergSnapshot above = parent ? *parent : IcebergSnapshot();
  for (const IcebergLayer& layer : committable.layers) {
    const bool deletes = std::any_of(layer.manifests.begin(), layer.manifests.end(),
                                     [](const auto& manifest) { return manifest.deletes; });
    IcebergChange change{deletes ? "overwrite" : "append", SummaryOf(committable, layer),
                         layer.manifests};
    change.manifests.insert(change.manifests.end(), manifests.begin(), manifests.end());
    IcebergSnapshot made;
    made.id = layer.snapshot_id;
    const bool first = above.id == IcebergSnapshot::kNone;
    MILL_ASSIGN(JsonTree update, AddSnapshotUpdate(files, table, first ? nullptr : &above,
                                                   std::move(change), &made));
    updates.push_back(std::move(update));
    MILL_ASSIGN(manifests, ReadManifestList(files, made.manifest_list));
    table.last_sequence_number = made.sequence_number;
    above = std::move(made);
  }
  updates.push_back(SetMainUpdate(above.id));
  return catalog->Commit(base, RequirementsOf(base.metadata), updates);
}

Status Replaced(const IcebergCommittable& committable, const IcebergMetadata& table) {
  return UserError("the Iceberg table at '{}' is not the one that the job wrote into: its UUID is "
                   "{}, the staged rows are of {}. hint: was it dropped and created again?",
                   table.location, table.uuid, committable.table_uuid);
}

}  // namespace

int64_t NewSnapshotId() {
  std::random_device random;
  const uint64_t bits = (uint64_t{random()} << 32) | random();
  return static_cast<int64_t>(bits & 0x7FFFFFFFFFFFFFFF) | 1;
}

void WaitForTry(int64_t attempt) {
  if (attempt <= 0) return;
  std::random_device random;
  const int64_t most = std::min<int64_t>(100LL << std::min<int64_t>(attempt - 1, 5), 2000);
  std::this_thread::sleep_for(
      std::chrono::milliseconds(most / 2 + static_cast<int64_t>(random() % 1000) * most / 2000));
}

std::string NewManifestPath(const IcebergMetadata& table) {
  return fmt::format("{}/metadata/{}-m0.avro", table.location, RandomUuid());
}

JsonTree::Array RequirementsOf(const IcebergMetadata& table) {
  JsonTree same;
  same.Set("type", "assert-table-uuid");
  same.Set("uuid", table.uuid);
  JsonTree ref;
  ref.Set("type", "assert-ref-snapshot-id");
  ref.Set("ref", "main");
  const bool none = table.current() == nullptr;
  ref.Set("snapshot-id", none ? JsonTree() : JsonTree(table.current_snapshot_id));
  return {std::move(same), std::move(ref)};
}

JsonTree SetMainUpdate(int64_t snapshot) {
  JsonTree update;
  update.Set("action", "set-snapshot-ref");
  update.Set("ref-name", "main");
  update.Set("type", "branch");
  update.Set("snapshot-id", snapshot);
  return update;
}

Result<JsonTree> AddSnapshotUpdate(IcebergFiles* files, const IcebergMetadata& table,
                                   const IcebergSnapshot* parent, IcebergChange change,
                                   IcebergSnapshot* made) {
  made->parent = parent ? parent->id : IcebergSnapshot::kNone;
  made->sequence_number = table.last_sequence_number + 1;
  made->timestamp = std::max(NowMillis(), table.last_updated);
  made->schema_id = table.current_schema_id;
  made->manifest_list =
      fmt::format("{}/metadata/snap-{}-1-{}.avro", table.location, made->id, RandomUuid());
  for (IcebergManifest& manifest : change.manifests) {
    if (manifest.added_snapshot_id != -1) continue;
    manifest.added_snapshot_id = made->id;
    manifest.sequence_number = made->sequence_number;
    if (manifest.min_sequence_number < 0) manifest.min_sequence_number = made->sequence_number;
  }
  MILL_RETURN(WriteManifestList(files, made->manifest_list, *made, change.manifests));
  AddTotals(parent, &change.summary);
  JsonTree summary;
  summary.Set("operation", change.operation);
  for (const auto& [key, value] : change.summary) summary.Set(key, value);
  made->summary = std::move(change.summary);
  JsonTree snapshot;
  snapshot.Set("snapshot-id", made->id);
  if (parent) snapshot.Set("parent-snapshot-id", made->parent);
  snapshot.Set("sequence-number", made->sequence_number);
  snapshot.Set("timestamp-ms", made->timestamp);
  snapshot.Set("manifest-list", made->manifest_list);
  snapshot.Set("summary", std::move(summary));
  snapshot.Set("schema-id", made->schema_id);
  JsonTree update;
  update.Set("action", "add-snapshot");
  update.Set("snapshot", std::move(snapshot));
  return update;
}

Result<IcebergLayer> MakeIcebergLayer(IcebergFiles* files, const IcebergMetadata& table,
                                      const IcebergPartitionSpec& spec,
                                      const std::vector<IcebergDataFile>& data,
                                      const std::vector<IcebergDataFile>& deletes) {
  IcebergLayer layer;
  layer.snapshot_id = NewSnapshotId();
  for (const auto* group : {&data, &deletes}) {
    if (group->empty()) continue;
    std::vector<IcebergEntry> entries;
    for (const IcebergDataFile& file : *group) {
      entries.push_back({IcebergEntry::kAdded, layer.snapshot_id, {}, {}, file});
      layer.added["added-files-size"] += file.bytes;
      const bool is_data = file.content == IcebergContent::kData;
      const bool positions = file.content == IcebergContent::kPositionDeletes;
      ++layer.added[is_data ? "added-data-files" : "added-delete-files"];
      if (!is_data) {
        ++layer.added[positions ? "added-position-delete-files" : "added-equality-delete-files"];
      }
      layer.added[is_data ? "added-records"
                          : positions ? "added-position-deletes" : "added-equality-deletes"] +=
          file.rows;
    }
    MILL_ASSIGN(auto manifest, WriteManifest(files, NewManifestPath(table), table.schema(), spec,
                                             group == &deletes, entries));
    layer.manifests.push_back(std::move(manifest));
  }
  return layer;
}

Status CommitIceberg(IcebergCatalog* catalog, const IcebergCommittable& committable,
                     const IcebergCommitLimits& limits) {
  Status last;
  for (int64_t attempt = 0; attempt <= limits.retries; ++attempt) {
    WaitForTry(attempt);
    const auto table = catalog->Load();
    if (!table.ok()) {
      last = table.status();
      continue;
    }
    if (!*table) return UserError("the Iceberg table is not in the catalog any more");
    const IcebergMetadata& metadata = (*table)->metadata;
    if (metadata.uuid != committable.table_uuid) return Replaced(committable, metadata);
    if (IsThere(metadata, committable)) return Status::OK();
    const auto done = TryCommit(catalog, **table, committable, limits.merge_manifests);
    if (done.ok() && *done == IcebergCommit::kDone) return Status::OK();
    last = done.ok() ? ExternalError("another writer was quicker {} times. hint: "
                                     "'commit.retry.num-retries' or fewer writers", attempt + 1)
                     : done.status();
    if (last.IsInvalid()) return last;
  }
  return last;
}

}  // namespace millrace
