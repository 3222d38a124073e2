#include "connectors/files/avro_source.h"

#include <arrow/io/file.h>

#include "connectors/files/object_files.h"

namespace millrace {

Status AvroSource::OpenFile() {
  const std::string& path = files().current();
  std::shared_ptr<arrow::io::RandomAccessFile> file;
  if (files().store()) {
    MILL_ASSIGN(file, files().store()->Open(path));
  } else {
    MILL_ASSIGN(file, arrow::io::ReadableFile::Open(path));
  }
  MILL_ASSIGN(reader_, AvroFileReader::Open(std::move(file), path));
  Schema wanted = columns().data();  // NULLs in NOT NULL columns are found where batches come in
  for (Column& column : wanted.columns) column.type = column.type.Nullable();
  return reader_->Select(wanted);
}

Status AvroSource::Seek(const std::string& position) {
  MILL_ASSIGN(const auto place, files().Seek(position));
  MILL_RETURN(Begin());
  return reader_->Seek(place.first);
}

}  // namespace millrace
