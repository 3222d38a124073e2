// Tells readers that a partition is complete, by a file in its folder: 'sink.partition-commit.*' as
// Flink's. A partition waits from its first rows until its time has passed: by the machine's clock,
// or by the watermark and the time that its name tells. Its success file is written with the epoch
// that shows its rows; rows that come later make it wait, and be told of, again.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "connectors/connector.h"
#include "connectors/files/gathered_state.h"
#include "connectors/files/partition_time.h"
#include "connectors/iceberg/table_files.h"

namespace millrace {

// Owned by one sink; may block.
class PartitionCommit {
 public:
  // Null for a table that does not ask for it. Wrong options are user errors.
  static Result<std::unique_ptr<PartitionCommit>> Make(const TableInfo& table);

  // True if a partition is told of with each of its files, however many may follow.
  bool is_immediate() const { return !time_ && delay_ == 0; }
  // Rows of the folder have come.
  Status Wrote(const std::string& folder);
  void SetWatermark(Timestamp time) { watermark_ = time; }
  // The folders whose time has passed.
  std::vector<std::string> Due() const;
  // It will be told of: does not wait any more.
  void Take(const std::string& folder) { waiting_.erase(folder); }
  std::vector<WaitingPartition> waiting() const;
  Status Load(const std::vector<WaitingPartition>& waiting);
  // After a savepoint, which names no partitions: those wait that have files of writers that begin
  // with `owner`, but no success file.
  Status LoadFromFolders(const std::string& owner);
  // Writes the success file of a folder; durable when it returns.
  Status Tell(const std::string& folder);

 private:
  struct Waiting {
    Timestamp since = 0;
    Timestamp time = 0;  // that its name tells
  };
  explicit PartitionCommit(const TableInfo& table) : files_(table.options) {}
  Status Add(const std::string& folder, Timestamp since);
  std::string LocationOf(const std::string& folder) const { return path_ + folder + name_; }

  std::string path_;  // ends with '/'
  std::string name_;  // of the success file
  int64_t delay_ = 0;                    // ms
  std::unique_ptr<PartitionTime> time_;  // null: by the machine's clock
  IcebergFiles files_;
  Timestamp watermark_ = kMinTimestamp;
  std::map<std::string, Waiting> waiting_;  // by folder
};

}  // namespace millrace
