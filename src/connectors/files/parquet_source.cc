#include "connectors/files/parquet_source.h"

#include <algorithm>
#include <utility>

namespace millrace {

// Only a bounded source leaves rows out where there is a watermark: else one absurd time among them
// would move it, which a row that is read could not.
ParquetSource::ParquetSource(LaneFilesOptions files, const TableInfo& table, FileColumns columns)
    : files_(std::move(files)), columns_(std::move(columns)), declared_(columns_.declared()) {
  if (!table.time_column.empty() && !bounded()) return;
  const Schema& stored = columns_.stored();
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
  MILL_RETURN(files_.Open());
  if (files_.all().size() > kMaxCounted) return Status::OK();
  for (const std::string& file : files_.all()) {
    if (!files_.IsWanted(file)) continue;
    MILL_ASSIGN(auto reader, OpenReader(file));
    total_rows_ += reader->num_rows();
  }
  return Status::OK();
}

Result<std::unique_ptr<ParquetReader>> ParquetSource::OpenReader(const std::string& path) const {
  if (!files_.store()) return ParquetReader::Open(path, columns_.data());
  MILL_ASSIGN(auto object, files_.store()->Open(path));
  return ParquetReader::Open(path, std::move(object), columns_.data());
}

Status ParquetSource::OpenFile() {
  MILL_ASSIGN(reader_, OpenReader(files_.current()));
  MILL_ASSIGN(facts_, FactsOf(files_.current(), files_.store()));
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
  const bool partition = !partitions_ || partitions_->MayPass(files_.current());
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
  MILL_ASSIGN(const auto place, files_.Seek(position));
  MILL_RETURN(OpenFile());
  const auto [group, row] = place;
  const bool exists = group < reader_->num_row_groups() &&
                      row <= reader_->rows_of(static_cast<int>(group));
  if (exists) return StartGroup(static_cast<int>(group), row);
  return ExternalError("cannot go on in '{}' at row {} of row group {}: it is not there",
                       files_.current(), row, group);
}

// The next rows of the current file, null at its end.
Result<std::shared_ptr<arrow::RecordBatch>> ParquetSource::NextRows() {
  while (group_ < reader_->num_row_groups()) {
    MILL_ASSIGN(auto rows, reader_->Next());
    if (rows && rows->num_rows() > 0) return rows;
    if (!rows) MILL_RETURN(StartGroup(group_ + 1, 0));
  }
  return nullptr;
}

Result<Polled> ParquetSource::Poll(std::chrono::milliseconds wait) {
  Polled polled;
  if (files_.at_end() && !bounded()) MILL_RETURN(files_.Watch(wait));
  while (!files_.at_end()) {
    if (!reader_) files_.SkipUnwanted();
    if (files_.at_end()) break;
    if (!reader_) MILL_RETURN(OpenFile());
    MILL_ASSIGN(auto rows, NextRows());
    if (rows) {
      row_ += rows->num_rows();
      MILL_ASSIGN(rows, columns_.Complete(std::move(rows), facts_));
      MILL_ASSIGN(polled.rows, rows->ReplaceSchema(declared_));
      polled.skipped_time = std::exchange(skipped_time_, std::nullopt);
      polled.chunk.file = facts_.path;
      polled.state = Polled::State::kData;
      polled.position = files_.Position(group_, row_);
      return polled;
    }
    reader_ = nullptr;
    files_.Next();
  }
  if (bounded()) polled.state = Polled::State::kEnd;
  return polled;
}

}  // namespace millrace
