// Scans: which files of a snapshot are to be read, and which deletes they have (table spec, "Scan
// planning").
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "connectors/iceberg/manifest.h"
#include "connectors/iceberg/metadata.h"
#include "connectors/iceberg/pruning.h"

namespace millrace {

struct IcebergScanFile {
  IcebergDataFile file;
  int spec_id = 0;
  int64_t sequence_number = 0;
  // The latest time in the files left out before this one (Polled::skipped_time).
  std::optional<int64_t> skipped_time;
};

struct IcebergScan {
  std::vector<IcebergScanFile> files;    // by sequence number, then by path
  std::vector<IcebergScanFile> deletes;  // that may apply to them
  int64_t rows = 0;                      // of the files, deleted ones included
  int64_t files_pruned = 0, manifests_pruned = 0;
};

// The whole table as of `snapshot`. Fails for data that is not Parquet.
Result<IcebergScan> PlanSnapshot(IcebergFiles* files, const IcebergMetadata& table,
                                 const IcebergSnapshot& snapshot, const IcebergPruner& pruner);
// Only the data that `snapshot` itself has added.
Result<IcebergScan> PlanAdded(IcebergFiles* files, const IcebergMetadata& table,
                              const IcebergSnapshot& snapshot, const IcebergPruner& pruner);

}  // namespace millrace
