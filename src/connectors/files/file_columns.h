// The columns of a 'filesystem' table that are the same in all rows of a file: metadata (file.path,
// file.name, file.size, file.modification-time) and the columns it is PARTITIONED BY, which stand
// in the names of the folders. A format decodes the others; here they come together.
#pragma once

#include <arrow/record_batch.h>

#include <memory>
#include <string>
#include <vector>

#include "connectors/connector.h"
#include "connectors/files/lane_files.h"

namespace millrace {

// What a source of files can tell beside the rows, as in Flink: of the file, and of a change
// (debezium-json).
std::vector<MetadataSpec> FileMetadata();
// Refuses metadata that the table's format does not have.
Status CheckFileMetadata(const TableInfo& table);

class FileColumns {
 public:
  // For a scan of `columns`: the table's physical ones, then those of table.metadata.
  FileColumns(const TableInfo& table, const Schema& columns);

  // What the format has to decode; the last format_metadata() columns are what it tells beside the
  // row.
  const Schema& data() const { return data_; }
  size_t format_metadata() const { return format_metadata_; }
  // All physical columns that stand in the files, in order.
  const Schema& stored() const { return stored_; }
  // The scan's columns, with those that are NOT NULL marked so.
  std::shared_ptr<arrow::Schema> declared() const;
  // `rows` of data() and what is known of their file, as the scan's columns.
  Result<std::shared_ptr<arrow::RecordBatch>> Complete(std::shared_ptr<arrow::RecordBatch> rows,
                                                       const FileFacts& file) const;

 private:
  enum class Kind { kData, kMetadata, kPartition };
  struct Origin {
    Kind kind = Kind::kData;
    int data_column = -1;
  };
  Result<std::shared_ptr<arrow::Array>> Constant(size_t column, const FileFacts& file) const;

  Schema columns_;
  std::shared_ptr<arrow::Schema> schema_;
  std::vector<Origin> origins_;  // of each column
  Schema data_;
  size_t format_metadata_ = 0;
  Schema stored_;
  std::string default_name_;
};

// One value: that of partition column `column` in the folders of `path`; NULL is named
// `default_name`.
// An error if there is no such folder or its value cannot be read.
Result<std::shared_ptr<arrow::Array>> PartitionOf(const std::string& path, const Column& column,
                                                  const std::string& default_name);

// The decoder of a table's files: the format's, completed by what is known of the file. Null for a
// format whose sources yield batches.
Result<std::unique_ptr<Decoder>> MakeFileDecoder(const TableInfo& table, const Schema& columns);

}  // namespace millrace
