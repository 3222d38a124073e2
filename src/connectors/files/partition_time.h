// The time that a partition stands for, made of the values in its folder's name:
// 'partition.time-extractor.*'.
#pragma once

#include <string>
#include <vector>

#include "connectors/connector.h"

namespace millrace {

class PartitionTime {
 public:
  // Wrong options are user errors.
  static Result<PartitionTime> Make(const TableInfo& table);
  // Of "day=2024-01-01/hour=03/"; ms since 1970, in UTC. The partition of NULL is at the end of all
  // time. Values that are no time are an error that says which, and how they should look.
  Result<Timestamp> Of(const std::string& folder) const;

 private:
  std::vector<std::string> columns_;  // that the table is partitioned by
  std::string pattern_;               // "$day $hour:00:00"
  std::string default_name_;          // of NULL
  std::string formatter_;             // "yyyy-MM-dd HH:mm:ss"; "" that, or a date alone
};

}  // namespace millrace
