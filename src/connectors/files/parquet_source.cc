#include "connectors/files/parquet_source.h"

#include <algorithm>
#include <utility>

namespace millrace {

// Only a bounded source leaves rows out where there is a watermark: else one absurd time among them
// would move it, which a row that is read could not.
ParquetSource::ParquetSource(LaneFilesOptions files, const TableInfo& table, FileColumns columns)
    : BatchFileSource(std::move(files), std::move(columns)) {
  if (!table.time_column.empty() && !bounded()) return;
  const Schema& stored = this->columns().stored();
  for (const ColumnCondition& condition : table.conditions) {
    const int at = stored.Find(condition.column);
    if (at >= 0) conditions_.emplace_back(condition, stored.columns[static_cast<size_t>(at)]);
  }
  if (table.time_column.empty()) return;
  const int at = stored.Find(table.time_column);
  if (at < 0) {
    conditions_.clear();
    return;
  }
  time_column_ = stored.columns[static_cast<size_t>(at)];
  partitions_.emplace(table);
}

Status ParquetSource::Open() {
  constexpr size_t kMaxCounted = 16;  // to open many files just to count would delay the first row
  MILL_RETURN(files().Open());
  if (files().all().size() > kMaxCounted) return Status::OK();
  for (const std::string& file : files().all()) {
    if (!files().IsWanted(file)) continue;
    MILL_ASSIGN(auto reader, OpenReader(file));
    total_rows_ += reader->num_rows();
  }
  return Status::OK();
}

Result<std::unique_ptr<ParquetReader>> ParquetSource::OpenReader(const std::string& path) const {
  if (!files().store()) return ParquetReader::Open(path, columns().data());
  MILL_ASSIGN(auto object, files().store()->Open(path));
  return ParquetReader::Open(path, std::move(object), columns().data());
}

Status ParquetSource::OpenFile() {
  MILL_ASSIGN(reader_, OpenReader(files().current()));
  return StartGroup(0, 0);
}

Status ParquetSource::StartGroup(int group, int64_t row) {
  while (row == 0 && group < reader_->num_row_groups() && MaySkip(group)) {
    ++group;
    ++groups_skipped_;
  }
  group_ = group;
  row_ = row;
  if (group >= reader_->num_row_groups()) return Status::OK();
  ++groups_read_;
  return reader_->Start(group, row);
}

// Rows without a time are dead letters, so they must be read.
bool ParquetSource::MaySkip(int group) {
  const bool partition = !partitions_ || partitions_->MayPass(files().current());
  const bool wanted =
      partition && std::all_of(conditions_.begin(), conditions_.end(), [&](const auto& condition) {
        return MayPass(condition.first, reader_->FactsOf(group, condition.second));
      });
  if (wanted) return false;
  if (!time_column_) return true;
  const ColumnFacts times = reader_->FactsOf(group, *time_column_);
  if (!times.bounded || times.nulls != 0) return false;
  skipped_time_ = std::max(skipped_time_.value_or(kMinTimestamp), std::get<int64_t>(times.greatest));
  return true;
}

Status ParquetSource::Seek(const std::string& position) {
  MILL_ASSIGN(const auto place, files().Seek(position));
  MILL_RETURN(Begin());
  const auto [group, row] = place;
  const bool exists = group < reader_->num_row_groups() &&
                      row <= reader_->rows_of(static_cast<int>(group));
  if (exists) return StartGroup(static_cast<int>(group), row);
  return ExternalError("cannot go on in '{}' at row {} of row group {}: it is not there",
                       files().current(), row, group);
}

Result<std::shared_ptr<arrow::RecordBatch>> ParquetSource::NextRows() {
  while (group_ < reader_->num_row_groups()) {
    MILL_ASSIGN(auto rows, reader_->Next());
    if (rows && rows->num_rows() > 0) {
      row_ += rows->num_rows();
      return rows;
    }
    if (!rows) MILL_RETURN(StartGroup(group_ + 1, 0));
  }
  return nullptr;
}

}  // namespace millrace
