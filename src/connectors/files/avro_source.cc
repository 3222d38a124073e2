#include "connectors/files/avro_source.h"

#include <arrow/io/file.h>

#include "connectors/files/object_files.h"

namespace millrace {

Status AvroSource::OpenFile() {
  MILL_ASSIGN(facts_, FactsOf(files_.current(), files_.store()));
  std::shared_ptr<arrow::io::RandomAccessFile> file;
  if (files_.store()) {
    MILL_ASSIGN(file, files_.store()->Open(files_.current()));
  } else {
    MILL_ASSIGN(file, arrow::io::ReadableFile::Open(files_.current()));
  }
  MILL_ASSIGN(reader_, AvroFileReader::Open(std::move(file), files_.current()));
  Schema columns = columns_.data();  // NULLs in NOT NULL columns are found where batches come in
  for (Column& column : columns.columns) column.type = column.type.Nullable();
  return reader_->Select(columns);
}

Status AvroSource::Seek(const std::string& position) {
  MILL_ASSIGN(const auto place, files_.Seek(position));
  MILL_RETURN(OpenFile());
  return reader_->Seek(place.first);
}

Result<Polled> AvroSource::Poll(std::chrono::milliseconds wait) {
  Polled polled;
  if (files_.at_end() && !bounded()) MILL_RETURN(files_.Watch(wait));
  while (!files_.at_end()) {
    if (!reader_) MILL_RETURN(OpenFile());
    MILL_ASSIGN(auto rows, reader_->Next());
    if (rows) {
      MILL_ASSIGN(rows, columns_.Complete(std::move(rows), facts_));
      MILL_ASSIGN(polled.rows, rows->ReplaceSchema(declared_));
      polled.chunk.file = facts_.path;
      polled.state = Polled::State::kData;
      polled.position = files_.Position(reader_->position(), 0);
      return polled;
    }
    reader_ = nullptr;
    files_.Next();
  }
  if (bounded()) polled.state = Polled::State::kEnd;
  return polled;
}

}  // namespace millrace
