// Which manifests and files can have rows that meet a scan's conditions: by partition values and by
// the bounds of columns.
#pragma once

#include <optional>
#include <vector>

#include "connectors/iceberg/manifest.h"
#include "connectors/iceberg/metadata.h"
#include "data/column_condition.h"

namespace millrace {

// A column of a scan: in the table, and as it is declared.
struct IcebergColumn {
  IcebergField field;
  Column column;
};

class IcebergPruner {
 public:
  // `time`: the column whose latest value is told of files that are left out; nothing: nobody asks.
  IcebergPruner(std::vector<std::pair<ColumnCondition, IcebergColumn>> conditions,
                std::optional<IcebergColumn> time)
      : conditions_(std::move(conditions)), time_(std::move(time)) {}

  // False if no file of the manifest can have such rows.
  bool MayPass(const IcebergManifest& manifest, const IcebergPartitionSpec& spec) const;
  // The same of a file. Where the latest time is asked for but not known, the file passes;
  // `*latest` is widened by that of a file that does not.
  bool MayPass(const IcebergDataFile& file, const IcebergPartitionSpec& spec,
               std::optional<int64_t>* latest) const;

 private:
  std::vector<std::pair<ColumnCondition, IcebergColumn>> conditions_;
  std::optional<IcebergColumn> time_;
};

// What a file's statistics say of a column.
ColumnFacts FactsOf(const IcebergDataFile& file, const IcebergColumn& column);

}  // namespace millrace
