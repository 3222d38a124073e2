#include "formats/parquet_reader.h"

#include <arrow/io/file.h>
#include <parquet/arrow/schema.h>
#include <parquet/file_reader.h>
#include <parquet/metadata.h>

#include <algorithm>
#include <numeric>

#include "base/nearest.h"
#include "formats/parquet_guard.h"
#include "formats/parquet_statistics.h"
#include "formats/parquet_types.h"

namespace millrace {
namespace {

constexpr int64_t kStreamBytes = 256 << 10;  // read at once of each column

Status Reading(const std::string& path, const Status& status) {
  if (status.ok()) return status;
  return ExternalError("cannot read '{}': {}", path, status.message());
}

// Nanoseconds only where they are asked for: they reach from 1677 to 2262 alone.
arrow::TimeUnit::type UnitOfInt96(const Schema& columns) {
  const auto fine = [](const Column& column) {
    return column.type.IsTimestamp() && column.type.precision > 6;
  };
  const bool any = std::any_of(columns.columns.begin(), columns.columns.end(), fine);
  return any ? arrow::TimeUnit::NANO : arrow::TimeUnit::MICRO;
}

void CollectLeaves(const parquet::arrow::SchemaField& field, std::vector<int>* leaves) {
  if (field.is_leaf()) leaves->push_back(field.column_index);
  for (const auto& child : field.children) CollectLeaves(child, leaves);
}

// A local file is read in small pieces; of a remote one each row group's columns are asked for
// beforehand, in as few requests as there are gaps between them.
Result<std::unique_ptr<parquet::arrow::FileReader>> OpenFile(
    std::shared_ptr<arrow::io::RandomAccessFile> file, const Schema& columns, bool remote) {
  parquet::ReaderProperties properties = parquet::default_reader_properties();
  if (!remote) properties.enable_buffered_stream();
  properties.set_buffer_size(kStreamBytes);
  parquet::ArrowReaderProperties arrow_properties;
  arrow_properties.set_batch_size(ParquetReader::kBatchRows);
  arrow_properties.set_pre_buffer(remote);
  arrow_properties.set_coerce_int96_timestamp_unit(UnitOfInt96(columns));
  parquet::arrow::FileReaderBuilder builder;
  MILL_RETURN(builder.Open(std::move(file), properties));
  return builder.properties(arrow_properties)->Build();
}

}  // namespace

Result<std::unique_ptr<ParquetReader>> ParquetReader::Open(const std::string& path,
                                                           const Schema& columns) {
  auto file = arrow::io::ReadableFile::Open(path);
  if (!file.ok()) return Reading(path, file.status());
  return Open(path, std::move(*file), columns, Place::kLocal);
}

Result<std::unique_ptr<ParquetReader>> ParquetReader::Open(
    const std::string& path, std::shared_ptr<arrow::io::RandomAccessFile> file,
    const Schema& columns) {
  return Open(path, std::move(file), columns, Place::kRemote);
}

Result<std::unique_ptr<ParquetReader>> ParquetReader::Open(
    const std::string& path, std::shared_ptr<arrow::io::RandomAccessFile> file,
    const Schema& columns, Place place) {
  std::unique_ptr<ParquetReader> reader(new ParquetReader);
  reader->path_ = path;
  reader->columns_ = columns;
  reader->schema_ = columns.ToArrow();
  const Status opened = GuardParquet([&]() -> Status {
    MILL_ASSIGN(reader->file_, OpenFile(std::move(file), columns, place == Place::kRemote));
    const auto metadata = reader->file_->parquet_reader()->metadata();
    for (int group = 0; group < metadata->num_row_groups(); ++group) {
      reader->group_rows_.push_back(metadata->RowGroup(group)->num_rows());
    }
    return Status::OK();
  });
  MILL_RETURN(Reading(path, opened));
  MILL_RETURN(reader->FindColumns());
  return reader;
}

int64_t ParquetReader::num_rows() const {
  return std::accumulate(group_rows_.begin(), group_rows_.end(), int64_t{0});
}

ColumnFacts ParquetReader::FactsOf(int group, const Column& column) const {
  ColumnFacts facts;
  facts.rows = rows_of(group);
  const auto& fields = file_->manifest().schema_fields;
  const auto named = [&](const auto& field) { return field.field->name() == column.name; };
  const auto found = std::find_if(fields.begin(), fields.end(), named);
  if (found == fields.end()) return facts;
  const Status read = GuardParquet([&] {  // bounds that cannot be read are not known
    const auto metadata = file_->parquet_reader()->metadata()->RowGroup(group);
    facts = FactsOfGroup(*metadata, *found, column.type);
    return Status::OK();
  });
  return facts;
}

Status ParquetReader::FindColumns() {
  for (const Column& column : columns_.columns) MILL_RETURN(FindColumn(column));
  return Status::OK();
}

Status ParquetReader::FindColumn(const Column& column) {
  const auto& fields = file_->manifest().schema_fields;
  const auto named = [&](const auto& field) { return field.field->name() == column.name; };
  const auto found = std::find_if(fields.begin(), fields.end(), named);
  if (found == fields.end()) {
    std::vector<std::string> names;
    for (const auto& field : fields) names.push_back(field.field->name());
    const std::string near = NearestName(column.name, names);
    const std::string hint = near.empty() ? fmt::format(". its columns: {}", fmt::join(names, ", "))
                                          : fmt::format(". did you mean '{}'?", near);
    return ExternalError("'{}' has no column '{}'{}", path_, column.name, hint);
  }
  if (!IsReadableAs(*found->field->type(), column.type)) {
    return ExternalError("column '{}' of '{}' is {}: it cannot be read as {}", column.name, path_,
                         found->field->type()->ToString(), column.type.ToString());
  }
  fields_.push_back(static_cast<int>(fields_.size()));
  CollectLeaves(*found, &leaves_);
  return Status::OK();
}

Status ParquetReader::Start(int group, int64_t row) {
  skip_ = row;
  const Status started = GuardParquet([&]() -> Status {
    return file_->GetRecordBatchReader({group}, leaves_).Value(&group_);
  });
  MILL_RETURN(Reading(path_, started));
  for (size_t i = 0; i < fields_.size(); ++i) {
    fields_[i] = group_->schema()->GetFieldIndex(columns_.columns[i].name);
    MILL_CHECK(fields_[i] >= 0);
  }
  return Status::OK();
}

Result<std::shared_ptr<arrow::RecordBatch>> ParquetReader::Next() {
  while (true) {
    std::shared_ptr<arrow::RecordBatch> rows;
    MILL_RETURN(Reading(path_, GuardParquet([&] { return group_->ReadNext(&rows); })));
    if (!rows) return rows;
    if (rows->num_rows() <= skip_) {
      skip_ -= rows->num_rows();
      continue;
    }
    if (skip_ > 0) rows = rows->Slice(std::exchange(skip_, 0));
    return Convert(*rows);
  }
}

Result<std::shared_ptr<arrow::RecordBatch>> ParquetReader::Convert(
    const arrow::RecordBatch& rows) const {
  std::vector<std::shared_ptr<arrow::Array>> arrays;
  for (size_t i = 0; i < fields_.size(); ++i) {
    const Column& column = columns_.columns[i];
    // A NULL where there may be none is a bad row: the ingestor drops it.
    auto array = ConvertTo(rows.column(fields_[i]), column.type.Nullable());
    if (!array.ok()) {
      return ExternalError("cannot read column '{}' of '{}' as {}: {}", column.name, path_,
                           column.type.ToString(), array.status().message());
    }
    arrays.push_back(std::move(*array));
  }
  return arrow::RecordBatch::Make(schema_, rows.num_rows(), std::move(arrays));
}

}  // namespace millrace
