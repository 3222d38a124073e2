#include "connectors/iceberg/data_reader.h"

#include <parquet/file_reader.h>
#include <parquet/metadata.h>

#include <algorithm>

#include "connectors/iceberg/storage_arrays.h"
#include "formats/parquet_guard.h"
#include "formats/parquet_statistics.h"
#include "formats/parquet_types.h"

namespace millrace {
namespace {

Status Reading(const std::string& location, const Status& status) {
  if (status.ok()) return status;
  return ExternalError("cannot read '{}': {}", location, status.message());
}

void CollectLeaves(const parquet::arrow::SchemaField& field, std::vector<int>* leaves) {
  if (field.is_leaf()) leaves->push_back(field.column_index);
  for (const auto& child : field.children) CollectLeaves(child, leaves);
}

}  // namespace

Result<std::unique_ptr<IcebergDataReader>> IcebergDataReader::Open(
    const std::string& location, std::shared_ptr<arrow::io::RandomAccessFile> file,
    std::vector<IcebergField> fields) {
  std::unique_ptr<IcebergDataReader> reader(new IcebergDataReader);
  reader->location_ = location;
  reader->fields_ = std::move(fields);
  MILL_RETURN(Reading(location, GuardParquet([&]() -> Status {
    parquet::ArrowReaderProperties properties;
    properties.set_batch_size(kBatchRows);
    properties.set_pre_buffer(true);
    properties.set_coerce_int96_timestamp_unit(arrow::TimeUnit::MICRO);
    parquet::arrow::FileReaderBuilder builder;
    MILL_RETURN(builder.Open(std::move(file)));
    return builder.properties(properties)->Build().Value(&reader->file_);
  })));
  MILL_RETURN(reader->FindFields());
  return reader;
}

const parquet::arrow::SchemaField* IcebergDataReader::FindField(const IcebergField& field) const {
  for (const auto& each : file_->manifest().schema_fields) {
    const bool same = by_name_ ? each.field->name() == field.name
                               : FieldIdOf(*each.field) == field.id;
    if (same) return &each;
  }
  return nullptr;
}

Status IcebergDataReader::FindFields() {
  const auto& all = file_->manifest().schema_fields;
  by_name_ = std::none_of(all.begin(), all.end(),
                          [](const auto& each) { return FieldIdOf(*each.field) >= 0; });
  std::vector<int> order;  // of the top-level columns that are read
  for (const IcebergField& field : fields_) {
    const auto* found = FindField(field);
    places_.push_back(-1);
    file_fields_.push_back(found ? found->field : nullptr);
    if (!found) continue;
    CollectLeaves(*found, &leaves_);
    places_.back() = static_cast<int>(found - all.data());
    order.push_back(places_.back());
  }
  std::sort(order.begin(), order.end());
  order.erase(std::unique(order.begin(), order.end()), order.end());
  for (int& place : places_) {
    if (place < 0) continue;
    place = static_cast<int>(std::lower_bound(order.begin(), order.end(), place) - order.begin());
  }
  std::sort(leaves_.begin(), leaves_.end());
  leaves_.erase(std::unique(leaves_.begin(), leaves_.end()), leaves_.end());
  return Status::OK();
}

Status IcebergDataReader::Skip(int64_t row) {
  skip_ = row;
  return Status::OK();
}

bool IcebergDataReader::MaySkip(int group) const {
  for (const auto& [test, column] : conditions_) {
    const auto* field = FindField(column.field);
    if (!field) continue;
    ColumnFacts facts;
    // Bounds that cannot be read are not known.
    const Status read = GuardParquet([&, &wanted = column] {
      const auto metadata = file_->parquet_reader()->metadata()->RowGroup(group);
      facts = FactsOfGroup(*metadata, *field, wanted.column.type);
      return Status::OK();
    });
    if (read.ok() && !MayPass(test, facts)) return true;
  }
  return false;
}

// Goes to the next row group that has rows wanted.
Status IcebergDataReader::NextGroup() {
  const auto metadata = file_->parquet_reader()->metadata();
  group_ = nullptr;
  for (++group_number_; group_number_ < metadata->num_row_groups(); ++group_number_) {
    group_start_ = row_;
    const int64_t rows = metadata->RowGroup(group_number_)->num_rows();
    if (skip_ >= rows) {
      skip_ -= rows;
    } else if (MaySkip(group_number_)) {
      ++groups_skipped_;
      skip_ = 0;
    } else {
      return GuardParquet([&]() -> Status {
        return file_->GetRecordBatchReader({group_number_}, leaves_).Value(&group_);
      });
    }
    row_ += rows;
  }
  return Status::OK();
}

Result<std::optional<IcebergDataReader::Rows>> IcebergDataReader::Next() {
  while (true) {
    if (!group_) MILL_RETURN(Reading(location_, NextGroup()));
    if (!group_) return std::optional<Rows>();
    std::shared_ptr<arrow::RecordBatch> batch;
    MILL_RETURN(Reading(location_, GuardParquet([&] { return group_->ReadNext(&batch); })));
    if (!batch) {
      const auto group = file_->parquet_reader()->metadata()->RowGroup(group_number_);
      row_ = group_start_ + group->num_rows();
      group_ = nullptr;
      continue;
    }
    const int64_t passed = std::min(skip_, batch->num_rows());
    skip_ -= passed;
    row_ += passed;
    if (passed == batch->num_rows()) continue;
    batch = batch->Slice(passed);
    MILL_ASSIGN(Rows rows, ToRows(*batch));
    return std::optional(std::move(rows));
  }
}

Result<IcebergDataReader::Rows> IcebergDataReader::ToRows(const arrow::RecordBatch& batch) {
  Rows rows{row_, batch.num_rows(), {}};
  for (size_t i = 0; i < fields_.size(); ++i) {
    rows.columns.emplace_back();
    if (places_[i] < 0) continue;
    auto column =
        ProjectById(batch.column(places_[i]), *file_fields_[i], fields_[i].type, by_name_);
    MILL_RETURN(Reading(location_, column.status()));
    rows.columns.back() = std::move(*column);
  }
  row_ += batch.num_rows();
  return rows;
}

Result<std::shared_ptr<arrow::Array>> ToEngine(const std::shared_ptr<arrow::Array>& array,
                                               const Column& column) {
  // A NULL where there may be none is a bad row: the ingestor drops it.
  const SqlType type = column.type.Nullable();
  if (!IsReadableAs(*array->type(), type)) {
    return ExternalError("column '{}' is {} in the file: it cannot be read as {}", column.name,
                         array->type()->ToString(), type.ToString());
  }
  auto converted = ConvertTo(array, type);
  if (converted.ok()) return converted;
  return ExternalError("cannot read column '{}' as {}: {}", column.name, type.ToString(),
                       converted.status().message());
}

}  // namespace millrace
