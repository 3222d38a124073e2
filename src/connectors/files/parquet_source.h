// Reads Parquet files: one lane, file by file, row group by row group. A position is the row group
// and the row in it. Row groups where no row can meet TableInfo::conditions are left out. Yields
// batches; owned by one thread.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "connectors/files/file_columns.h"
#include "connectors/files/lane_files.h"
#include "connectors/files/partition_filter.h"
#include "connectors/source.h"
#include "formats/parquet_reader.h"

namespace millrace {

class ParquetSource : public Source {
 public:
  ParquetSource(LaneFilesOptions files, const TableInfo& table, FileColumns columns);

  Status Open() override;
  Result<Polled> Poll(std::chrono::milliseconds wait) override;
  Status Seek(const std::string& position) override;
  bool bounded() const override { return files_.bounded(); }
  int64_t total_bytes() const override { return total_rows_; }
  std::string name() const override { return files_.name(); }
  int64_t groups_read() const { return groups_read_; }
  int64_t groups_skipped() const { return groups_skipped_; }

 private:
  Result<std::unique_ptr<ParquetReader>> OpenReader(const std::string& path) const;
  Status OpenFile();
  // Goes to row `row` of row group `group` or, where no row of that is wanted, to a later group.
  Status StartGroup(int group, int64_t row);
  bool MaySkip(int group);
  Result<std::shared_ptr<arrow::RecordBatch>> NextRows();

  LaneFiles files_;
  FileColumns columns_;
  std::shared_ptr<arrow::Schema> declared_;  // columns_.declared()
  std::vector<std::pair<ColumnCondition, Column>> conditions_;  // and the columns they are of
  std::optional<Column> time_column_;
  // Where a watermark counts, all files have to be asked for their times: no file is passed over
  // beforehand, but all row groups of one can be.
  std::optional<PartitionFilter> partitions_;
  std::optional<int64_t> skipped_time_;  // not yet told
  int64_t groups_read_ = 0, groups_skipped_ = 0;
  std::unique_ptr<ParquetReader> reader_;  // of the current file
  FileFacts facts_;
  int group_ = 0;    // the row group being read
  int64_t row_ = 0;  // rows of it that have been
  int64_t total_rows_ = 0;
};

}  // namespace millrace
