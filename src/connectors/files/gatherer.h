// Gathers the rows of many checkpoints until there are enough for a file of decent size
// ('auto-compaction'). At each checkpoint the rows that have come since become durable in a hidden
// segment, one for all partitions (row_segment.h):
//
//   out/_gathered/<writer>-7.rows
//
// A partition's rows in all segments are its group. When a group is large or old enough its rows are
// read back and written into a file of the table, which shows with the checkpoint's epoch. A
// segment of which all rows are shown is removed behind that. Which segments and groups there are
// stands in each committable (gathered_state.h), so any process can go on.
//
// A checkpoint older than the newest may name groups that have been shown since: the file of a
// group has a name that is known from the group's beginning, and that tells.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "connectors/connector.h"
#include "connectors/files/gathered_state.h"
#include "connectors/files/row_segment.h"
#include "connectors/iceberg/table_files.h"

namespace millrace {

// Owned by one sink; may block.
class Gatherer {
 public:
  struct Limits {
    int64_t bytes = 0;  // of a file
    int64_t age = 0;    // ms
  };
  // `owner` begins the names of all segments of the sink, `writer` those of this run's.
  // `columns`: of the rows.
  Gatherer(const TableInfo& table, const Schema& columns, Limits limits, std::string owner,
           std::string writer);

  // True where no rows wait.
  bool empty() const { return groups_.empty() && rows_.empty(); }
  // Takes rows of a folder; writes a segment where too many are in memory.
  Status Add(const std::string& folder, std::shared_ptr<arrow::RecordBatch> rows);
  // Makes all rows durable.
  Status Spill();
  // The folders whose rows are many or old enough.
  std::vector<std::string> Due() const;
  std::vector<std::string> All() const;
  bool Holds(const std::string& folder) const { return groups_.contains(folder); }

  using TakeRows = std::function<Status(const std::string& folder, const arrow::RecordBatch&)>;
  // Hands over the rows of `folders`, of each in its order, and forgets them. Spill came before.
  Status Take(const std::vector<std::string>& folders, const TakeRows& take);
  // The name of the next file that is written while Take runs: the group's own for the first.
  std::string NextStem(const std::string& folder);
  // The rows of a Take became files of that many bytes.
  void NoteFiles(int64_t bytes);

  // What the committable of an epoch says; the epoch's Take is over.
  GatheredState Stage();
  // The epoch is shown: removes the segments that are done with.
  Status Publish(const GatheredState& state);
  // Goes on from a committable that is published. `is_shown` tells if a group's file is there.
  Status Load(const GatheredState& state,
              const std::function<Result<bool>(const GatheredGroup&)>& is_shown);
  // Removes the segments of earlier runs that are not in use; Load came before.
  Status DropLeftovers();
  // Forgets all, and removes the segments that no published committable names.
  void Drop();

 private:
  struct Segment {
    std::string name;
    std::map<std::string, SegmentPart> parts;  // that wait, by folder
  };
  struct Pending {
    RecordBatches rows;
    int64_t bytes = 0;
  };

  std::string LocationOf(const std::string& name) const { return folder_ + "/" + name; }
  Status WriteSegment(const std::vector<std::string>& folders);
  void AddToGroup(const SegmentPart& part);
  Status TakeFrom(Segment* segment, const std::set<std::string>& folders, const TakeRows& take);
  Status LoadSegment(const std::string& name, int64_t number);
  Status CheckComplete(const std::map<std::string, GatheredGroup>& waiting) const;
  Status CheckColumns(const GatheredState& state) const;

  const std::string table_, columns_, owner_, writer_;
  const Limits limits_;
  std::string folder_;  // of the segments
  IcebergFiles files_;
  std::map<std::string, Pending> rows_;  // in memory, by folder
  int64_t held_ = 0;                     // their bytes
  std::map<int64_t, Segment> segments_;  // by number, ascending
  std::map<std::string, GatheredGroup> groups_;  // by folder; `first` is a segment's number
  std::map<std::string, int> files_of_;          // begun by the Take under way, by folder
  std::map<std::string, std::string> stems_;     // of the groups of the Take under way
  int64_t taken_ = 0;                            // bytes of its parts
  std::vector<std::string> done_;                // of this epoch
  std::set<std::string> unpublished_;            // segments that no published committable names
  int64_t next_segment_ = 0, next_group_ = 0;
  double ratio_ = 1;
};

}  // namespace millrace
