#include "connectors/iceberg/sink.h"

#include <algorithm>

#include "connectors/iceberg/storage_arrays.h"
#include "connectors/iceberg/table_schema.h"

namespace millrace {

Result<std::unique_ptr<IcebergSink>> IcebergSink::Make(const TableInfo& table) {
  std::unique_ptr<IcebergSink> sink(new IcebergSink);
  sink->info_ = table;
  MILL_ASSIGN(sink->options_, IcebergOptions::Read(table));
  if (!sink->options_.ref.empty()) {
    return UserError("table '{}': only the branch main can be written", table.name);
  }
  MILL_RETURN(DraftOf(table, sink->options_).status());  // names what cannot be written
  sink->job_ = table.owner.empty() ? "none" : table.owner;
  sink->writer_id_ = RandomUuid();
  return sink;
}

Result<IcebergTable> IcebergSink::LoadOrCreate() {
  MILL_ASSIGN(auto table, catalog_->Load());
  if (table) return std::move(*table);
  MILL_ASSIGN(const IcebergTableDraft draft, DraftOf(info_, options_));
  return catalog_->Create(draft);
}

Result<IcebergTable> IcebergSink::AddColumns(IcebergTable table) {
  constexpr int kTries = 5;
  for (int attempt = 0; attempt < kTries; ++attempt) {
    const IcebergMetadata& metadata = table.metadata;
    const auto missing = MissingColumns(metadata.schema(), info_.schema);
    if (missing.empty() || !options_.add_columns) return table;
    int schema_id = 0, last_id = metadata.last_column_id;
    for (const auto& schema : metadata.schemas) schema_id = std::max(schema_id, schema.id + 1);
    MILL_ASSIGN(const IcebergSchema wider,
                WithColumns(metadata.schema(), missing, schema_id, &last_id));
    JsonTree same, add, set;
    same.Set("type", "assert-current-schema-id");
    same.Set("current-schema-id", metadata.current_schema_id);
    add.Set("action", "add-schema");
    add.Set("schema", ToJson(wider));
    add.Set("last-column-id", last_id);
    set.Set("action", "set-current-schema");
    set.Set("schema-id", -1);
    const auto done = catalog_->Commit(table, {same}, {add, set});
    if (!done.ok() && done.status().IsInvalid()) return done.status();
    WaitForTry(attempt);
    MILL_ASSIGN(table, LoadIcebergTable(catalog_.get(), options_.full_name()));
  }
  return table;
}

Status IcebergSink::StartWriter(const IcebergMetadata& table) {
  if (table.format_version != 2) {
    return UserError("Iceberg table '{}' has format version {}: it can only be read. hint: upgrade "
                     "it to version 2", options_.full_name(), table.format_version);
  }
  MILL_RETURN(CheckPartitioning(table, options_));
  MILL_ASSIGN(fields_, WrittenFields(table.schema(), info_));
  IcebergRowTarget target;
  target.files = &catalog_->files();
  target.table = table;
  target.fields = fields_;
  for (const std::string& name : info_.primary_key) target.key.push_back(info_.schema.Find(name));
  target.writer = writer_id_;
  target.file_bytes = options_.file_bytes;
  target.options = info_.options;
  const bool upserts = !target.key.empty();
  MILL_ASSIGN(writer_, upserts ? MakeIcebergUpserter(target) : MakeIcebergAppender(target));
  return Status::OK();
}

Status IcebergSink::Open() {
  const std::string where = fmt::format("Iceberg table '{}'", options_.full_name());
  auto catalog = OpenIcebergCatalog(options_);
  MILL_RETURN(Annotate(catalog.status(), where));
  catalog_ = std::move(*catalog);
  auto table = LoadOrCreate();
  MILL_RETURN(Annotate(table.status(), where));
  MILL_ASSIGN(*table, AddColumns(std::move(*table)));
  table_uuid_ = table->metadata.uuid;
  return StartWriter(table->metadata);
}

Status IcebergSink::Write(const Batch& batch) {
  if (batch.num_rows() == 0) return Status::OK();
  arrow::ArrayVector columns;
  arrow::FieldVector fields;
  for (size_t i = 0; i < fields_.size(); ++i) {
    auto column = ToStorage(batch.rows->column(static_cast<int>(i)), fields_[i].type);
    if (!column.ok()) {
      return Annotate(column.status(), fmt::format("table '{}', column '{}'", info_.name,
                                                   fields_[i].name));
    }
    fields.push_back(StorageFieldOf(fields_[i]));
    columns.push_back(std::move(*column));
  }
  return writer_->Write(arrow::RecordBatch::Make(arrow::schema(std::move(fields)),
                                                 batch.num_rows(), std::move(columns)),
                        batch.kinds);
}

Result<Committable> IcebergSink::Stage(int64_t epoch) {
  IcebergCommittable staged{table_uuid_, job_, writer_id_, epoch, {}};
  MILL_ASSIGN(staged.layers, writer_->Finish());
  return Committable{epoch, staged.layers.empty() ? "" : staged.ToPayload()};
}

Status IcebergSink::Publish(const Committable& committable) {
  if (committable.payload.empty()) return Status::OK();
  const std::string where = fmt::format("committing epoch {} to Iceberg table '{}'",
                                        committable.epoch, options_.full_name());
  const auto staged = IcebergCommittable::FromPayload(committable.payload);
  MILL_RETURN(Annotate(staged.status(), where));
  return Annotate(CommitIceberg(catalog_.get(), *staged,
                                {options_.commit_retries, options_.merge_manifests}), where);
}

Status IcebergSink::Abort() {
  if (writer_) writer_->Drop();
  return Status::OK();
}

}  // namespace millrace
