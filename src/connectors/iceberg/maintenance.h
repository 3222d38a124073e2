// What keeps tables small and quick: small files are put together, deletes applied, old snapshots
// and files that belong to none removed. Each works beside jobs that write and read the table.
#pragma once

#include <cstdint>
#include <string>

#include "base/status.h"
#include "connectors/connector.h"
#include "connectors/iceberg/catalog.h"

namespace millrace {

struct IcebergRewrite {
  int64_t target_bytes = 128 << 20;  // files below three quarters of it are small
  int64_t min_files = 2;             // small ones of a partition
};
struct IcebergRewritten {
  int64_t files_before = 0, files_after = 0, delete_files = 0, bytes = 0;
};
// Rewrites small files, and files that have deleted rows, into larger ones; deletes that reach no
// file any more go. Commits by others meanwhile are kept: rows that they delete stay deleted.
Result<IcebergRewritten> RewriteDataFiles(IcebergCatalog* catalog, const std::string& name,
                                          const IcebergRewrite& wanted, const Options& options);

struct IcebergExpire {
  int64_t older_than = 0;   // ms since 1970
  int64_t retain_last = 1;  // snapshots of the table's history to keep in any case
};
struct IcebergExpired {
  int64_t snapshots = 0, files = 0;
};
// Removes old snapshots and the files that only they have. Branches, tags and the last three
// snapshots of each job stay: by these a job knows what it has committed.
Result<IcebergExpired> ExpireSnapshots(IcebergCatalog* catalog, const std::string& name,
                                       const IcebergExpire& wanted);

// Removes files below the table's location that no snapshot refers to and that are older than
// `older_than` (ms since 1970); with `dry_run` only counts them. Younger ones may be of a job that
// has yet to commit them.
Result<int64_t> RemoveOrphanFiles(IcebergCatalog* catalog, const std::string& name,
                                  int64_t older_than, bool dry_run);

// One of the above by its command's name ("compact", "expire", "orphans") on the table that `table`
// and its options name, with arguments as text ("older-than": "5 d"). Says in a line what was done.
Result<std::string> MaintainIceberg(const TableInfo& table, const std::string& command,
                                    const Options& arguments);

}  // namespace millrace
