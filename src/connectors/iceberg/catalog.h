// Catalogs: where a table's current metadata is found, and replaced atomically.
//
//   hadoop  a folder: WAREHOUSE/DATABASE/TABLE/metadata/vN.metadata.json; a commit makes the next
//           N, in which only one writer succeeds
//   jdbc    SQLite: the tables that JdbcCatalog and pyiceberg's SqlCatalog share; a commit is an
//           UPDATE that names the metadata it replaces
//   rest    the REST catalog's protocol; a commit sends requirements and updates
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/status.h"
#include "connectors/iceberg/metadata.h"
#include "connectors/iceberg/options.h"
#include "connectors/iceberg/table_files.h"

namespace millrace {

// A table as it was when it was loaded.
struct IcebergTable {
  IcebergMetadata metadata;
  std::string metadata_location;
};

// What a new table is made of.
struct IcebergTableDraft {
  IcebergSchema schema;
  IcebergPartitionSpec spec;
  JsonTree::Object properties;
};

enum class IcebergCommit {
  kDone,
  kConflict,  // somebody else was quicker, or a requirement does not hold: load again
};

// One table of a catalog. Owned by one thread; may block.
class IcebergCatalog {
 public:
  virtual ~IcebergCatalog() = default;
  // Nothing if there is no such table.
  virtual Result<std::optional<IcebergTable>> Load() = 0;
  // Makes the table; one that somebody else makes at the same time is loaded.
  virtual Result<IcebergTable> Create(const IcebergTableDraft& draft) = 0;
  // Applies `updates` (metadata.h) if `requirements` hold. An IOError means: not known whether it
  // was done; load the table and look.
  virtual Result<IcebergCommit> Commit(const IcebergTable& base,
                                       const JsonTree::Array& requirements,
                                       const JsonTree::Array& updates) = 0;
  // The table's files; with what the catalog says of how to reach them.
  virtual IcebergFiles& files() = 0;
};

Result<std::unique_ptr<IcebergCatalog>> OpenIcebergCatalog(const IcebergOptions& options);
// Load, where the table must be there.
Result<IcebergTable> LoadIcebergTable(IcebergCatalog* catalog, const std::string& name);

// The three kinds.
Result<std::unique_ptr<IcebergCatalog>> OpenFolderCatalog(const IcebergOptions& options);
Result<std::unique_ptr<IcebergCatalog>> OpenSqliteCatalog(const IcebergOptions& options);
Result<std::unique_ptr<IcebergCatalog>> OpenRestCatalog(const IcebergOptions& options);

// The metadata in the file at `location`.
Result<IcebergTable> ReadIcebergTable(IcebergFiles* files, const std::string& location);
// After a commit that made `after` of `before`: removes the metadata files that the log has
// forgotten, where the table's property write.metadata.delete-after-commit.enabled says so.
void RemoveOldMetadata(IcebergFiles* files, const IcebergMetadata& before, const JsonTree& after);
// Milliseconds since 1970.
int64_t NowMillis();
// A random UUID (version 4) as text.
std::string RandomUuid();

}  // namespace millrace
