#include "connectors/parquet_source.h"

namespace millrace {

Status ParquetSource::Open() {
  constexpr size_t kMaxCounted = 16;  // to open many files just to count would delay the first row
  MILL_RETURN(files_.Open());
  if (files_.all().size() > kMaxCounted) return Status::OK();
  for (const std::string& file : files_.all()) {
    MILL_ASSIGN(auto reader, ParquetReader::Open(file, columns_.data()));
    total_rows_ += reader->num_rows();
  }
  return Status::OK();
}

Status ParquetSource::OpenFile() {
  MILL_ASSIGN(reader_, ParquetReader::Open(files_.current(), columns_.data()));
  MILL_ASSIGN(facts_, FactsOf(files_.current()));
  return StartGroup(0, 0);
}

Status ParquetSource::StartGroup(int group, int64_t row) {
  group_ = group;
  row_ = row;
  return group < reader_->num_row_groups() ? reader_->Start(group, row) : Status::OK();
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
    if (!reader_) MILL_RETURN(OpenFile());
    MILL_ASSIGN(auto rows, NextRows());
    if (rows) {
      row_ += rows->num_rows();
      MILL_ASSIGN(polled.rows, columns_.Complete(std::move(rows), facts_));
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
