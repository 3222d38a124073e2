// A script's CREATE TABLE beside the table in the catalog: what is created, what differs, what may
// be added.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "connectors/connector.h"
#include "connectors/iceberg/catalog.h"
#include "connectors/iceberg/options.h"

namespace millrace {

// The table that `info` and its options describe.
Result<IcebergTableDraft> DraftOf(const TableInfo& info, const IcebergOptions& options);

// The declared columns that `table` lacks.
std::vector<Column> MissingColumns(const IcebergSchema& schema, const Schema& declared);
// The schema with `columns` behind its own, ids from `*last_id` on, under the id `schema_id`. Only
// nullable columns can be added.
Result<IcebergSchema> WithColumns(const IcebergSchema& schema, const std::vector<Column>& columns,
                                  int schema_id, int* last_id);

// The fields behind the declared columns, for writing. An error names each column that differs, and
// those that the table wants and the script does not have.
Result<std::vector<IcebergField>> WrittenFields(const IcebergSchema& schema, const TableInfo& info);
// The same for reading `columns`.
Result<std::vector<IcebergField>> ReadFields(const IcebergSchema& schema, const Schema& columns,
                                             const std::string& name);

// Fails where the script says how the table is partitioned, and it is not so.
Status CheckPartitioning(const IcebergMetadata& table, const IcebergOptions& options);

}  // namespace millrace
