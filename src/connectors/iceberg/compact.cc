// RewriteDataFiles: reads small files and files with deleted rows, writes the rows that are left,
// and replaces the former by the latter in one commit. The new files get the sequence number of the
// snapshot that was read, so equality deletes that come meanwhile reach them.
#include <arrow/builder.h>

#include <algorithm>
#include <set>

#include "connectors/iceberg/commit.h"
#include "connectors/iceberg/deletes.h"
#include "connectors/iceberg/file_set.h"
#include "connectors/iceberg/maintenance.h"
#include "connectors/iceberg/row_writer.h"
#include "connectors/iceberg/storage_arrays.h"
#include "data/take_rows.h"

namespace millrace {
namespace {

constexpr int kPathId = 2147483546;  // of position deletes

std::string PartitionKey(const IcebergMetadata& table, int spec_id,
                         const std::vector<IcebergValue>& values) {
  const IcebergPartitionSpec* spec = table.FindSpec(spec_id);
  if (!spec || spec->fields.empty()) return "";
  return fmt::format("{}:", spec_id) + KeyBytes(values);
}

// The file's rows that are left, in the table's current columns.
class Rewriter {
 public:
  Rewriter(IcebergFiles* files, const IcebergMetadata& table, IcebergPartitioner partitioner,
           IcebergDeletes* deletes, IcebergFileSet* out)
      : files_(files),
        table_(table),
        partitioner_(std::move(partitioner)),
        deletes_(deletes),
        out_(out) {}

  Status Copy(const IcebergScanFile& file) {
    MILL_RETURN(deletes_->Start(file));
    const std::vector<IcebergField>& fields = table_.schema().fields;
    MILL_ASSIGN(auto input, files_->Open(file.file.path));
    MILL_ASSIGN(auto reader, IcebergDataReader::Open(file.file.path, std::move(input), fields));
    while (true) {
      MILL_ASSIGN(const auto rows, reader->Next());
      if (!rows) return Status::OK();
      MILL_ASSIGN(const auto kept, deletes_->Kept(*rows, fields));
      MILL_ASSIGN(auto batch, ToStorageRows(*rows, kept));
      MILL_ASSIGN(const auto parts, partitioner_.Split(batch));
      for (const auto& part : parts) MILL_RETURN(out_->Write(part).status());
    }
  }

 private:
  Result<std::shared_ptr<arrow::RecordBatch>> ToStorageRows(const IcebergDataReader::Rows& rows,
                                                            const std::vector<int64_t>& kept) {
    arrow::ArrayVector columns;
    arrow::FieldVector schema;
    const std::vector<IcebergField>& fields = table_.schema().fields;
    for (size_t i = 0; i < fields.size(); ++i) {
      std::shared_ptr<arrow::Array> column = rows.columns[i];
      if (!column) {
        MILL_ASSIGN(column, arrow::MakeArrayOfNull(StorageTypeOf(fields[i].type), rows.count));
      }
      MILL_ASSIGN(column, ToStorage(column, fields[i].type));
      columns.push_back(std::move(column));
      schema.push_back(StorageFieldOf(fields[i]));
    }
    return TakeRows(arrow::RecordBatch::Make(arrow::schema(std::move(schema)), rows.count,
                                             std::move(columns)),
                    kept);
  }

  IcebergFiles* files_;
  const IcebergMetadata& table_;
  IcebergPartitioner partitioner_;
  IcebergDeletes* deletes_;
  IcebergFileSet* out_;
};

// Puts the new files into the place of the old ones, on top of whatever the table is by now.
class Replacement {
 public:
  Replacement(IcebergCatalog* catalog, int64_t sequence_number, std::set<std::string> removed,
              std::vector<IcebergDataFile> added)
      : catalog_(catalog),
        sequence_number_(sequence_number),
        removed_(std::move(removed)),
        added_(std::move(added)) {}

  Result<IcebergCommit> Commit(const IcebergTable& base) {
    const IcebergMetadata& table = base.metadata;
    IcebergFiles* files = &catalog_->files();
    found_ = deletes_dropped_ = rows_removed_ = bytes_removed_ = 0;
    position_rows_ = equality_rows_ = 0;
    oldest_.clear();
    snapshot_id_ = NewSnapshotId();
    MILL_ASSIGN(const auto manifests, ReadManifestList(files, table.current()->manifest_list));
    IcebergChange change{"replace", {}, {}};
    for (const bool deletes : {false, true}) {  // which deletes are needed depends on the data
      for (const IcebergManifest& manifest : manifests) {
        if (manifest.deletes != deletes) continue;
        MILL_ASSIGN(auto kept, deletes ? KeepDeletes(table, manifest) : KeepData(table, manifest));
        change.manifests.push_back(std::move(kept));
      }
      if (!deletes) MILL_RETURN(AddNew(table, &change));
    }
    if (found_ != std::ssize(removed_)) {
      return UserError("somebody else has rewritten or deleted files meanwhile. hint: try again");
    }
    change.summary = {{"added-data-files", fmt::format("{}", added_.size())},
                      {"deleted-data-files", fmt::format("{}", removed_.size())},
                      {"added-records", fmt::format("{}", rows_added_)},
                      {"deleted-records", fmt::format("{}", rows_removed_)},
                      {"added-files-size", fmt::format("{}", bytes_added_)},
                      {"removed-files-size", fmt::format("{}", bytes_removed_)},
                      {"removed-delete-files", fmt::format("{}", deletes_dropped_)},
                      {"removed-position-deletes", fmt::format("{}", position_rows_)},
                      {"removed-equality-deletes", fmt::format("{}", equality_rows_)},
                      {"engine-name", "millrace"}};
    IcebergSnapshot made;
    made.id = snapshot_id_;
    MILL_ASSIGN(JsonTree update,
                AddSnapshotUpdate(files, table, table.current(), std::move(change), &made));
    return catalog_->Commit(base, RequirementsOf(table),
                            {std::move(update), SetMainUpdate(made.id)});
  }

  int64_t deletes_dropped() const { return deletes_dropped_; }

 private:
  Result<std::vector<IcebergEntry>> Entries(const IcebergMetadata& table,
                                            const IcebergManifest& manifest) {
    const IcebergPartitionSpec* spec = table.FindSpec(manifest.spec_id);
    if (!spec) return ExternalError("there is no partition spec {}", manifest.spec_id);
    return ReadManifest(&catalog_->files(), manifest, *spec, table.schema());
  }

  Result<IcebergManifest> Rewritten(const IcebergMetadata& table, const IcebergManifest& manifest,
                                    const std::vector<IcebergEntry>& entries) {
    return WriteManifest(&catalog_->files(), NewManifestPath(table), table.schema(),
                         *table.FindSpec(manifest.spec_id), manifest.deletes, entries);
  }

  static bool IsDeleted(const IcebergEntry& entry) {
    return entry.status == IcebergEntry::kDeleted;
  }

  // Deleted entries name the snapshot that deletes them: the one to come.
  void Delete(IcebergEntry* entry) const {
    entry->status = IcebergEntry::kDeleted;
    entry->snapshot_id = snapshot_id_;
  }

  void NoteOldest(const std::string& partition, int64_t sequence_number) {
    const auto [at, is_new] = oldest_.emplace(partition, sequence_number);
    at->second = std::min(at->second, sequence_number);
  }

  Result<IcebergManifest> KeepData(const IcebergMetadata& table, const IcebergManifest& manifest) {
    MILL_ASSIGN(auto entries, Entries(table, manifest));
    std::erase_if(entries, IsDeleted);
    bool changed = false;
    for (IcebergEntry& entry : entries) {
      if (!removed_.contains(entry.file.path)) {
        entry.status = IcebergEntry::kExisting;
        NoteOldest(PartitionKey(table, manifest.spec_id, entry.file.partition),
                   *entry.sequence_number);
        continue;
      }
      ++found_;
      rows_removed_ += entry.file.rows;
      bytes_removed_ += entry.file.bytes;
      Delete(&entry);
      changed = true;
    }
    return changed ? Rewritten(table, manifest, entries) : manifest;
  }

  Status AddNew(const IcebergMetadata& table, IcebergChange* change) {
    rows_added_ = bytes_added_ = 0;
    if (added_.empty()) return Status::OK();
    std::vector<IcebergEntry> entries;
    for (const IcebergDataFile& file : added_) {
      entries.push_back({IcebergEntry::kAdded, snapshot_id_, sequence_number_, {}, file});
      rows_added_ += file.rows;
      bytes_added_ += file.bytes;
      NoteOldest(PartitionKey(table, table.default_spec_id, file.partition), sequence_number_);
    }
    MILL_ASSIGN(auto manifest, WriteManifest(&catalog_->files(), NewManifestPath(table),
                                             table.schema(), table.spec(), false, entries));
    change->manifests.push_back(std::move(manifest));
    return Status::OK();
  }

  // A delete that reaches no data file any more is dropped.
  bool IsNeeded(const IcebergMetadata& table, const IcebergManifest& manifest,
                const IcebergEntry& entry) const {
    const IcebergDataFile& file = entry.file;
    if (file.content == IcebergContent::kPositionDeletes) {
      const auto lower = file.lower_bounds.find(kPathId), upper = file.upper_bounds.find(kPathId);
      const bool one = lower != file.lower_bounds.end() && upper != file.upper_bounds.end() &&
                       lower->second == upper->second;
      return !one || !removed_.contains(lower->second);
    }
    const std::string partition = PartitionKey(table, manifest.spec_id, file.partition);
    for (const auto& [key, oldest] : oldest_) {
      const bool reached = partition.empty() || key == partition;
      if (reached && oldest < *entry.sequence_number) return true;
    }
    return false;
  }

  // Position deletes that were made since are of rows that now are elsewhere.
  Status CheckNotNamed(const IcebergEntry& entry) const {
    if (*entry.sequence_number <= sequence_number_) return Status::OK();
    if (entry.file.content != IcebergContent::kPositionDeletes) return Status::OK();
    const auto lower = entry.file.lower_bounds.find(kPathId);
    const auto upper = entry.file.upper_bounds.find(kPathId);
    const bool bounded = lower != entry.file.lower_bounds.end() &&
                         upper != entry.file.upper_bounds.end();
    const bool named = std::any_of(removed_.begin(), removed_.end(), [&](const auto& path) {
      return !bounded || (lower->second <= path && path <= upper->second);
    });
    if (!named) return Status::OK();
    return UserError("rows of the files were deleted by position meanwhile. hint: try again");
  }

  Result<IcebergManifest> KeepDeletes(const IcebergMetadata& table,
                                      const IcebergManifest& manifest) {
    MILL_ASSIGN(auto entries, Entries(table, manifest));
    std::erase_if(entries, IsDeleted);
    bool changed = false;
    for (IcebergEntry& entry : entries) {
      MILL_RETURN(CheckNotNamed(entry));
      entry.status = IcebergEntry::kExisting;
      if (IsNeeded(table, manifest, entry)) continue;
      ++deletes_dropped_;
      bytes_removed_ += entry.file.bytes;
      const bool positions = entry.file.content == IcebergContent::kPositionDeletes;
      (positions ? position_rows_ : equality_rows_) += entry.file.rows;
      Delete(&entry);
      changed = true;
    }
    return changed ? Rewritten(table, manifest, entries) : manifest;
  }

  IcebergCatalog* catalog_;
  int64_t sequence_number_;
  int64_t snapshot_id_ = IcebergSnapshot::kNone;  // of the commit that is being tried
  std::set<std::string> removed_;
  std::vector<IcebergDataFile> added_;
  int64_t found_ = 0, deletes_dropped_ = 0;
  int64_t rows_added_ = 0, rows_removed_ = 0, bytes_added_ = 0, bytes_removed_ = 0;
  int64_t position_rows_ = 0, equality_rows_ = 0;
  std::map<std::string, int64_t> oldest_;  // by partition: sequence number of its oldest data
};

// The files worth rewriting, by partition.
Result<std::map<std::string, std::vector<IcebergScanFile>>> Candidates(
    const IcebergMetadata& table, const IcebergScan& scan, const IcebergRewrite& wanted,
    IcebergDeletes* deletes) {
  std::map<std::string, std::vector<IcebergScanFile>> groups;
  std::set<std::string> deleted;  // partitions with deletes
  for (const IcebergScanFile& file : scan.files) {
    if (file.spec_id != table.default_spec_id) continue;
    MILL_RETURN(deletes->Start(file));
    const bool small = file.file.bytes < wanted.target_bytes / 4 * 3;
    if (!small && !deletes->any()) continue;
    const std::string key = PartitionKey(table, file.spec_id, file.file.partition);
    if (deletes->any()) deleted.insert(key);
    groups[key].push_back(file);
  }
  std::erase_if(groups, [&](const auto& group) {
    return std::ssize(group.second) < wanted.min_files && !deleted.contains(group.first);
  });
  return groups;
}

}  // namespace

Result<IcebergRewritten> RewriteDataFiles(IcebergCatalog* catalog, const std::string& name,
                                          const IcebergRewrite& wanted, const Options& options) {
  MILL_ASSIGN(IcebergTable base, LoadIcebergTable(catalog, name));
  const IcebergMetadata table = base.metadata;
  const IcebergSnapshot* snapshot = table.current();
  IcebergRewritten result;
  if (!snapshot) return result;
  IcebergFiles* files = &catalog->files();
  MILL_ASSIGN(IcebergScan scan,
              PlanSnapshot(files, table, *snapshot, IcebergPruner({}, std::nullopt)));
  IcebergDeletes deletes(files, table, std::move(scan.deletes));
  MILL_ASSIGN(const auto groups, Candidates(table, scan, wanted, &deletes));
  if (groups.empty()) return result;
  IcebergRowTarget target{files, table, table.schema().fields, {}, RandomUuid(),
                          wanted.target_bytes, options};
  IcebergFileSet out(files, DataFileKindOf(target));
  MILL_ASSIGN(auto partitioner, IcebergPartitioner::Make(table.spec(), target.fields));
  Rewriter rewriter(files, table, std::move(partitioner), &deletes, &out);
  std::set<std::string> removed;
  for (const auto& [key, group] : groups) {
    for (const IcebergScanFile& file : group) {
      MILL_RETURN(rewriter.Copy(file));
      removed.insert(file.file.path);
      result.bytes += file.file.bytes;
    }
  }
  MILL_ASSIGN(auto added, out.Finish());
  result.files_before = std::ssize(removed);
  result.files_after = std::ssize(added);
  Replacement replacement(catalog, snapshot->sequence_number, std::move(removed), std::move(added));
  constexpr int kTries = 20;
  for (int attempt = 0; attempt < kTries; ++attempt) {
    WaitForTry(attempt);
    MILL_ASSIGN(base, LoadIcebergTable(catalog, name));
    MILL_ASSIGN(const IcebergCommit done, replacement.Commit(base));
    result.delete_files = replacement.deletes_dropped();
    if (done == IcebergCommit::kDone) return result;
  }
  return ExternalError("other writers were quicker {} times", kTries);
}

}  // namespace millrace
