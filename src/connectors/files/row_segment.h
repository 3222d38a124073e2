// A segment: rows of an epoch, of many partitions, in one hidden file, until they are put
// together with others into files of the table's format (gatherer.h). All of a partition's rows lie together.
//
//   part | part | ... | index | its length (8) | its XXH64 (8) | "MILLSEG1"
//
// A part is an Arrow IPC stream, its buffers compressed. The index has a line for each:
// "offset bytes rows XXH64\tfolder\n". Numbers of the end are little-endian.
#pragma once

#include <arrow/io/interfaces.h>
#include <arrow/record_batch.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"

namespace millrace {

struct SegmentPart {
  std::string folder;  // of the partition, "" or ending with '/'
  int64_t offset = 0, bytes = 0, rows = 0;
  uint64_t checksum = 0;
};

using RecordBatches = std::vector<std::shared_ptr<arrow::RecordBatch>>;

class SegmentBuilder {
 public:
  // Adds the rows of a folder: at least one batch, all of the same columns; each folder once.
  Status Add(const std::string& folder, const RecordBatches& rows);
  const std::vector<SegmentPart>& parts() const { return parts_; }
  // The bytes of the whole; nothing may follow.
  std::string Finish();

 private:
  std::string bytes_;
  std::vector<SegmentPart> parts_;
};

// `name` is for errors, which are the outside world's: the file is damaged.
Result<std::vector<SegmentPart>> ReadSegmentParts(arrow::io::RandomAccessFile* file,
                                                  const std::string& name);
Result<RecordBatches> ReadSegmentRows(arrow::io::RandomAccessFile* file, const SegmentPart& part,
                                      const std::string& name);

}  // namespace millrace
