// What a file sink's committable says beside the files that its epoch shows: rows that are gathered
// for larger files (gatherer.h) and the partitions that wait for their success file
// (partition_commit.h). Each committable tells all of it, so the newest one is enough to go on
// from.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "data/batch.h"

namespace millrace {

// Rows of a partition that wait for being put into a file. They are those of its folder in the
// segments from the `first` on.
struct GatheredGroup {
  std::string folder;  // "" or ending with '/'
  std::string stem;    // the file will be "part-<stem>.<format>": if it is there, they are shown
  int64_t rows = 0;
  int64_t bytes = 0;    // in the segments
  Timestamp since = 0;  // when the first of them came, ms since 1970
  int64_t first = 0;    // place among the segments
};

struct GatheredState {
  std::string columns;  // of the rows, as text
  double ratio = 1;     // bytes of files per byte of segments, as seen so far
  std::vector<std::string> segments;  // names, in their order
  std::vector<GatheredGroup> groups;
  std::vector<std::string> done;  // segments that nobody needs once this epoch is shown
};

struct WaitingPartition {
  std::string folder;
  Timestamp since = 0;  // when its first file came, ms since 1970
};

struct FilePayload {
  std::string target;  // of the output target
  GatheredState gathered;
  std::vector<WaitingPartition> waiting;
  std::vector<std::string> complete;  // folders that get their success file with this epoch

  bool is_plain() const {
    return gathered.segments.empty() && gathered.done.empty() && waiting.empty() &&
           complete.empty();
  }
};

// Just the target's part where there is nothing else.
std::string ToPayload(const FilePayload& payload);
Result<FilePayload> FilePayloadOf(const std::string& text);

}  // namespace millrace
