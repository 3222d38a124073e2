// Reads Parquet files, row group by row group. A position is the row group and the row in it. Row
// groups where no row can meet TableInfo::conditions are left out.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "connectors/files/batch_file_source.h"
#include "connectors/files/partition_filter.h"
#include "formats/parquet_reader.h"

namespace millrace {

class ParquetSource : public BatchFileSource {
 public:
  ParquetSource(LaneFilesOptions files, const TableInfo& table, FileColumns columns);

  Status Open() override;
  Status Seek(const std::string& position) override;
  int64_t total_bytes() const override { return total_rows_; }
  int64_t groups_read() const { return groups_read_; }
  int64_t groups_skipped() const { return groups_skipped_; }

 private:
  Status OpenFile() override;
  void CloseFile() override { reader_ = nullptr; }
  Result<std::shared_ptr<arrow::RecordBatch>> NextRows() override;
  std::pair<int64_t, int64_t> place() const override { return {group_, row_}; }
  std::optional<int64_t> TakeSkippedTime() override {
    return std::exchange(skipped_time_, std::nullopt);
  }
  Result<std::unique_ptr<ParquetReader>> OpenReader(const std::string& path) const;
  // Goes to row `row` of row group `group` or, where no row of that is wanted, to a later group.
  Status StartGroup(int group, int64_t row);
  bool MaySkip(int group);

  std::vector<std::pair<ColumnCondition, Column>> conditions_;  // and the columns they are of
  std::optional<Column> time_column_;
  // Where a watermark counts, all files have to be asked for their times: no file is passed over
  // beforehand, but all row groups of one can be.
  std::optional<PartitionFilter> partitions_;
  std::optional<int64_t> skipped_time_;  // not yet told
  int64_t groups_read_ = 0, groups_skipped_ = 0;
  std::unique_ptr<ParquetReader> reader_;  // of the open file
  int group_ = 0;    // the row group being read
  int64_t row_ = 0;  // rows of it that have been
  int64_t total_rows_ = 0;
};

}  // namespace millrace
