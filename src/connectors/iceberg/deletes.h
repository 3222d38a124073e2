// Applies a scan's delete files to its data files. A position delete names rows of a data file that
// is not newer; an equality delete names the keys of rows in data files that are older (table spec,
// "Scan planning"). Both reach files of their own partition, equality deletes without partition
// reach all. The keys of the partitions that are being read are held in memory.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/status.h"
#include "connectors/iceberg/data_reader.h"
#include "connectors/iceberg/scan.h"

namespace millrace {

// Owned by one thread.
class IcebergDeletes {
 public:
  IcebergDeletes(IcebergFiles* files, IcebergMetadata table, std::vector<IcebergScanFile> deletes);

  // Reads the deletes that reach `file`, whose rows come next.
  Status Start(const IcebergScanFile& file);
  // The columns that must be read to know which rows are deleted.
  const std::set<int>& columns() const { return columns_; }
  // Whether any row of the file may be deleted.
  bool any() const { return !positions_.empty() || !groups_.empty(); }
  // Which of `rows` are there, as places in it; `fields` are those that were read.
  Result<std::vector<int64_t>> Kept(const IcebergDataReader::Rows& rows,
                                    const std::vector<IcebergField>& fields) const;

 private:
  // Equality deletes of a partition that compare the same columns.
  struct Group {
    std::vector<const IcebergScanFile*> files;
    std::vector<IcebergField> fields;
    std::unordered_map<std::string, int64_t> keys;  // and the last sequence number that deletes it
    bool loaded = false;
  };
  using Positions = std::map<std::string, std::vector<int64_t>>;  // by data file

  std::string PartitionOf(const IcebergScanFile& file) const;
  Status Load(Group* group);
  Status LoadKeys(const IcebergScanFile& file, Group* group);
  Status AddPositions(const IcebergScanFile& file, const IcebergScanFile& data);
  Result<std::shared_ptr<const Positions>> ReadPositions(const IcebergScanFile& file);

  IcebergFiles* files_;
  IcebergMetadata table_;
  std::vector<IcebergScanFile> deletes_;
  // By partition, then by the ids that are compared.
  std::map<std::string, std::map<std::vector<int>, Group>> equality_;
  std::map<std::string, std::vector<const IcebergScanFile*>> position_files_;  // by partition
  std::map<std::string, std::shared_ptr<const Positions>> cache_;  // by path of the delete file
  // Of the file that is being read:
  int64_t sequence_number_ = 0;
  std::set<int> columns_;
  std::vector<const Group*> groups_;
  std::vector<int64_t> positions_;  // ascending
};

}  // namespace millrace
