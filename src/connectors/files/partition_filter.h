// Leaves out the files of partitions in which no row can meet a query's conditions, by the names of
// their folders alone.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "connectors/connector.h"

namespace millrace {

class PartitionFilter {
 public:
  // Of table.conditions those on columns that the table is PARTITIONED BY count.
  explicit PartitionFilter(const TableInfo& table);

  // False if no row of the file can pass. A value that cannot be read passes: reading tells of it.
  bool MayPass(const std::string& path) const;

 private:
  std::vector<std::pair<ColumnCondition, Column>> conditions_;  // and the columns they are of
  std::string default_name_;
};

}  // namespace millrace
