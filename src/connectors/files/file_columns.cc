#include "connectors/files/file_columns.h"

#include <arrow/array/util.h>
#include <arrow/scalar.h>

#include <algorithm>
#include <filesystem>

#include "connectors/files/partition_path.h"
#include "connectors/storage/file_system.h"
#include "formats/columns.h"
#include "formats/debezium.h"
#include "formats/debezium_metadata.h"
#include "formats/text_value.h"

namespace millrace {
namespace {

bool Contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Else it is of the format.
bool IsOfFile(const std::string& metadata) { return metadata.starts_with("file."); }

void AppendMetadata(ColumnBuilder& column, const std::string& key, const FileFacts& file) {
  const std::filesystem::path path(file.path);
  if (key == "file.path" && IsObjectStore(file.path)) {
    column.AppendBytes(file.path);
  } else if (key == "file.path") {
    std::error_code error;
    const auto absolute = std::filesystem::absolute(path, error);
    column.AppendBytes(error ? file.path : absolute.lexically_normal().string());
  } else if (key == "file.name") {
    column.AppendBytes(path.filename().string());
  } else if (key == "file.size") {
    column.Append(file.bytes);
  } else {
    column.Append(file.modified);
  }
}

class FileDecoder : public Decoder {
 public:
  FileDecoder(std::unique_ptr<Decoder> format, FileColumns columns)
      : format_(std::move(format)), columns_(std::move(columns)) {}

  Result<std::shared_ptr<arrow::RecordBatch>> Decode(const Chunk& chunk,
                                                     DeadLetters& dead) override {
    MILL_ASSIGN(auto rows, format_->Decode(chunk, dead));
    if (!rows) return rows;
    return columns_.Complete(std::move(rows),
                             {chunk.file, chunk.file_bytes, chunk.file_modified});
  }
  Framing framing() const override { return format_->framing(); }
  RowKinds kinds() const override { return format_->kinds(); }

 private:
  std::unique_ptr<Decoder> format_;
  FileColumns columns_;
};

}  // namespace

std::vector<MetadataSpec> FileMetadata() {
  std::vector<MetadataSpec> specs = {
      {"file.path", SqlType::String().NotNull(), "The file's absolute path."},
      {"file.name", SqlType::String().NotNull(), "The last part of its path."},
      {"file.size", SqlType::BigInt().NotNull(), "Its size in bytes."},
      {"file.modification-time", SqlType::TimestampLtz(3).NotNull(), "When it was last changed."}};
  for (const DebeziumMetadata& metadata : AllDebeziumMetadata()) {
    specs.push_back({metadata.key, metadata.type, metadata.doc + " Of debezium-json."});
  }
  return specs;
}

Status CheckFileMetadata(const TableInfo& table) {
  const std::string format = StringOption(table.options, "format", "");
  for (const std::string& key : table.metadata) {
    if (IsOfFile(key) || IsChangelogFormat(format)) continue;
    return UserError("table '{}': metadata '{}' is of the format debezium-json, this table's is {}",
                     table.name, key, format);
  }
  return Status::OK();
}

FileColumns::FileColumns(const TableInfo& table, const Schema& columns)
    : columns_(columns),
      schema_(columns.ToArrow()),
      default_name_(StringOption(table.options, "partition.default-name", kDefaultPartition)) {
  const size_t first_metadata = columns.columns.size() - table.metadata.size();
  for (size_t i = 0; i < columns.columns.size(); ++i) {
    const Column& column = columns.columns[i];
    if (i >= first_metadata && !IsOfFile(column.name)) {
      origins_.push_back({Kind::kData, data_.size()});
      data_.columns.push_back(column);
      ++format_metadata_;
    } else if (i >= first_metadata) {
      origins_.push_back({Kind::kMetadata, -1});
    } else if (Contains(table.partitioned_by, column.name)) {
      origins_.push_back({Kind::kPartition, -1});
    } else {
      origins_.push_back({Kind::kData, data_.size()});
      data_.columns.push_back(column);
    }
  }
  for (const Column& column : table.schema.columns) {
    if (!Contains(table.partitioned_by, column.name)) stored_.columns.push_back(column);
  }
}

std::shared_ptr<arrow::Schema> FileColumns::declared() const {
  arrow::FieldVector fields;
  for (const Column& column : columns_.columns) {
    fields.push_back(arrow::field(column.name, column.type.ToArrow(), column.type.nullable));
  }
  return arrow::schema(std::move(fields));
}

Result<std::shared_ptr<arrow::RecordBatch>> FileColumns::Complete(
    std::shared_ptr<arrow::RecordBatch> rows, const FileFacts& file) const {
  if (data_.size() == columns_.size()) return rows;
  std::vector<std::shared_ptr<arrow::Array>> arrays;
  for (size_t i = 0; i < origins_.size(); ++i) {
    if (origins_[i].kind == Kind::kData) {
      arrays.push_back(rows->column(origins_[i].data_column));
      continue;
    }
    MILL_ASSIGN(auto value, Constant(i, file));
    MILL_ASSIGN(auto scalar, value->GetScalar(0));
    MILL_ASSIGN(auto array, arrow::MakeArrayFromScalar(*scalar, rows->num_rows()));
    arrays.push_back(std::move(array));
  }
  return arrow::RecordBatch::Make(schema_, rows->num_rows(), std::move(arrays));
}

// The column's one value in `file`.
Result<std::shared_ptr<arrow::Array>> FileColumns::Constant(size_t at,
                                                            const FileFacts& file) const {
  const Column& column = columns_.columns[at];
  if (origins_[at].kind == Kind::kPartition) return PartitionOf(file.path, column, default_name_);
  ColumnBuilder builder(column.type);
  AppendMetadata(builder, column.name, file);
  return builder.Finish();
}

Result<std::shared_ptr<arrow::Array>> PartitionOf(const std::string& path, const Column& column,
                                                  const std::string& default_name) {
  const auto value = PartitionValue(path, column.name);
  if (!value) {
    return ExternalError("no folder of '{}' is named '{}=...', which the table is PARTITIONED BY",
                         path, EscapePathName(column.name));
  }
  const bool null = *value == default_name;
  if (null && !column.type.nullable) {
    return ExternalError("partition '{}' of '{}' is NULL, its column is NOT NULL", column.name,
                         path);
  }
  ColumnBuilder builder(column.type);
  if (null) {
    builder.AppendNull();
  } else if (!AppendText(builder, *value)) {
    return ExternalError("partition '{}={}' of '{}' cannot be read as {}", column.name, *value,
                         path, column.type.ToString());
  }
  return builder.Finish();
}

Result<std::unique_ptr<Decoder>> MakeFileDecoder(const TableInfo& table, const Schema& columns) {
  const std::string format = StringOption(table.options, "format", "");
  if (format == "parquet" || format == "avro") {
    MILL_RETURN(CheckFormatOptions(format, table.options));
    return nullptr;
  }
  FileColumns completed(table, columns);
  MILL_RETURN(CheckFormatOptions(format, table.options));
  MILL_ASSIGN(auto decoder,
              IsChangelogFormat(format)
                  ? MakeDebeziumDecoder(completed.data(), completed.format_metadata(),
                                        table.options)
                  : MakeDecoder(format, completed.data(), completed.stored(), table.options));
  if (completed.data().size() == columns.size()) return decoder;
  return std::make_unique<FileDecoder>(std::move(decoder), std::move(completed));
}

}  // namespace millrace
