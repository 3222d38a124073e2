// Manifests and manifest lists: which data and delete files a snapshot has (table spec, "Manifests"
// and "Snapshots"). Both are Avro object container files; a data file's statistics are by field id.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "connectors/iceberg/metadata.h"
#include "connectors/iceberg/table_files.h"
#include "connectors/iceberg/values.h"

namespace millrace {

enum class IcebergContent { kData = 0, kPositionDeletes = 1, kEqualityDeletes = 2 };

struct IcebergDataFile {
  IcebergContent content = IcebergContent::kData;
  std::string path;
  std::string format = "PARQUET";
  std::vector<IcebergValue> partition;  // by the fields of its spec
  int64_t rows = 0, bytes = 0;
  // By field id.
  std::map<int, int64_t> column_sizes, value_counts, null_counts, nan_counts;
  std::map<int, std::string> lower_bounds, upper_bounds;
  std::vector<int64_t> split_offsets;
  std::vector<int> equality_ids;
};

struct IcebergEntry {
  enum Status { kExisting = 0, kAdded = 1, kDeleted = 2 };
  Status status = kAdded;
  // Nothing: those of the manifest that holds the entry.
  std::optional<int64_t> snapshot_id, sequence_number, file_sequence_number;
  IcebergDataFile file;
};

struct IcebergPartitionSummary {
  bool contains_null = false;
  std::optional<bool> contains_nan;
  std::optional<std::string> lower, upper;
};

// A manifest, as the manifest list of a snapshot describes it.
struct IcebergManifest {
  std::string path;
  int64_t length = 0;
  int spec_id = 0;
  bool deletes = false;
  int64_t sequence_number = 0, min_sequence_number = 0;
  int64_t added_snapshot_id = -1;
  int64_t added_files = 0, existing_files = 0, deleted_files = 0;
  int64_t added_rows = 0, existing_rows = 0, deleted_rows = 0;
  std::vector<IcebergPartitionSummary> partitions;
};

// Writes `entries` into a manifest at `location`. Sequence numbers and snapshot are left to the
// commit where entries have none.
Result<IcebergManifest> WriteManifest(IcebergFiles* files, const std::string& location,
                                      const IcebergSchema& schema,
                                      const IcebergPartitionSpec& spec, bool deletes,
                                      const std::vector<IcebergEntry>& entries);
// The entries with what they inherit filled in.
Result<std::vector<IcebergEntry>> ReadManifest(IcebergFiles* files, const IcebergManifest& manifest,
                                               const IcebergPartitionSpec& spec,
                                               const IcebergSchema& schema);

Status WriteManifestList(IcebergFiles* files, const std::string& location,
                         const IcebergSnapshot& snapshot,
                         const std::vector<IcebergManifest>& manifests);
Result<std::vector<IcebergManifest>> ReadManifestList(IcebergFiles* files,
                                                      const std::string& location);

}  // namespace millrace
