// Writing snapshots: rows as Parquet files, databases as links to their files.
#include <arrow/array.h>
#include <arrow/table.h>
#include <arrow/util/key_value_metadata.h>
#include <parquet/arrow/schema.h>
#include <parquet/arrow/writer.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

#include "base/files.h"
#include "data/take_rows.h"
#include "state/snapshot_files.h"
#include "state/snapshot_fold.h"
#include "state/stored_table.h"

namespace millrace {
namespace {

constexpr int64_t kRowGroupRows = 1 << 16;

// ---- schemas ----

bool IsKeyed(const StateTable& table) { return !table.key_columns.empty(); }

std::string PlaceIn(const std::vector<int>& columns, int column) {
  const auto found = std::find(columns.begin(), columns.end(), column);
  return found == columns.end() ? "" : std::to_string(found - columns.begin());
}

// The schema of a file with these columns of the table: what a column is stands in its metadata.
std::shared_ptr<arrow::Schema> FileSchema(const StateTable& table, const arrow::Schema& columns) {
  const std::string doc = "The row's key group, by which instances divide rows.";
  arrow::FieldVector fields = {arrow::field(kKeyGroupColumn, arrow::int32(), false,
                                            arrow::key_value_metadata({"doc"}, {doc}))};
  for (const auto& given : columns.fields()) {
    const int column = table.schema->GetFieldIndex(given->name());
    const auto& field = table.schema->field(column);
    auto metadata = field->HasMetadata() ? field->metadata()->Copy()
                                         : std::make_shared<arrow::KeyValueMetadata>();
    metadata->Append("key", PlaceIn(table.key_columns, column));
    metadata->Append("id", PlaceIn(table.id_columns, column));
    fields.push_back(field->WithMetadata(metadata));
  }
  return arrow::schema(fields,
                       arrow::key_value_metadata({"table", "doc"}, {table.name, table.doc}));
}

// ---- writing ----

// Rows of some batches in order of their key groups.
class GroupedRows {
 public:
  explicit GroupedRows(const arrow::RecordBatchVector& batches) : batches_(batches) {}

  // A stable counting sort. `keyed` as for KeyGroupsOf.
  Status Sort(const StateTable& keyed, uint32_t key_groups) {
    std::vector<std::vector<uint32_t>> groups;
    std::vector<size_t> ends(key_groups + 1, 0);
    for (const auto& batch : batches_) {
      MILL_ASSIGN(auto of_batch, KeyGroupsOf(keyed, *batch, key_groups));
      for (uint32_t group : of_batch) ++ends[group + 1];
      groups.push_back(std::move(of_batch));
    }
    for (size_t g = 0; g < key_groups; ++g) ends[g + 1] += ends[g];
    rows_.resize(ends[key_groups]);
    for (size_t b = 0; b < groups.size(); ++b) {
      for (size_t i = 0; i < groups[b].size(); ++i) {
        rows_[ends[groups[b][i]]++] = {groups[b][i], static_cast<uint32_t>(b),
                                       static_cast<int32_t>(i)};
      }
    }
    return Status::OK();
  }

  size_t size() const { return rows_.size(); }
  uint32_t group(size_t row) const { return rows_[row].group; }

  // Rows [begin, end) under `schema`, their groups first.
  Result<std::shared_ptr<arrow::RecordBatch>> Take(
      size_t begin, size_t end, const std::shared_ptr<arrow::Schema>& schema) const {
    std::vector<std::vector<int32_t>> by_batch(batches_.size());
    arrow::Int32Builder groups;
    for (size_t i = begin; i < end; ++i) {
      by_batch[rows_[i].batch].push_back(rows_[i].row);
      MILL_RETURN(groups.Append(static_cast<int32_t>(rows_[i].group)));
    }
    MILL_ASSIGN(auto rows, Gather(begin, end, by_batch));
    arrow::ArrayVector columns = rows->columns();
    MILL_ASSIGN(auto group_column, groups.Finish());
    columns.insert(columns.begin(), std::move(group_column));
    return arrow::RecordBatch::Make(schema, static_cast<int64_t>(end - begin), std::move(columns));
  }

 private:
  struct Row {
    uint32_t group;
    uint32_t batch;
    int32_t row;
  };

  // Takes the rows out of each batch, puts these one behind the other and then in order.
  Result<std::shared_ptr<arrow::RecordBatch>> Gather(
      size_t begin, size_t end, const std::vector<std::vector<int32_t>>& by_batch) const {
    arrow::RecordBatchVector parts;
    std::vector<int32_t> next(batches_.size(), 0);
    int32_t total = 0;
    for (size_t b = 0; b < batches_.size(); ++b) {
      next[b] = total;
      if (by_batch[b].empty()) continue;
      MILL_ASSIGN(auto part, TakeRows(batches_[b], by_batch[b]));
      total += static_cast<int32_t>(by_batch[b].size());
      parts.push_back(std::move(part));
    }
    if (parts.size() == 1) return parts[0];
    MILL_ASSIGN(auto all, arrow::ConcatenateRecordBatches(parts));
    std::vector<int32_t> order;
    for (size_t i = begin; i < end; ++i) order.push_back(next[rows_[i].batch]++);
    return TakeRows(all, order);
  }

  const arrow::RecordBatchVector& batches_;
  std::vector<Row> rows_;
};

// Numbers are written as differences, which is small and cheap, and not compressed: of a snapshot
// each second most of the time would go there.
Result<std::shared_ptr<parquet::WriterProperties>> FileProperties(const arrow::Schema& schema) {
  parquet::WriterProperties::Builder builder;
  builder.created_by("millrace")->compression(parquet::Compression::UNCOMPRESSED);
  builder.max_row_group_length(kRowGroupRows)->write_batch_size(kRowGroupRows);
  std::shared_ptr<parquet::SchemaDescriptor> columns;
  MILL_RETURN(parquet::arrow::ToParquetSchema(&schema, *parquet::default_writer_properties(),
                                              *parquet::default_arrow_writer_properties(),
                                              &columns));
  for (int i = 0; i < columns->num_columns(); ++i) {
    const auto type = columns->Column(i)->physical_type();
    const std::string path = columns->Column(i)->path()->ToDotString();
    if (i > 0) builder.disable_statistics(path);
    if (type == parquet::Type::INT32 || type == parquet::Type::INT64) {
      builder.disable_dictionary(path)->encoding(path, parquet::Encoding::DELTA_BINARY_PACKED);
    } else {
      builder.compression(path, parquet::Compression::ZSTD)->compression_level(path, 1);
    }
  }
  return builder.build();
}

// A state file being written.
class RowsWriter {
 public:
  static Result<RowsWriter> Open(const std::shared_ptr<arrow::Schema>& schema,
                                 const std::shared_ptr<DurableFile>& out) {
    MILL_ASSIGN(auto properties, FileProperties(*schema));
    const auto store_schema = parquet::ArrowWriterProperties::Builder().store_schema()->build();
    RowsWriter writer;
    writer.schema_ = schema;
    MILL_ASSIGN(writer.writer_,
                parquet::arrow::FileWriter::Open(*schema, arrow::default_memory_pool(), out,
                                                 std::move(properties), store_schema));
    return writer;
  }

  // In order of their key groups: whoever reads finds his part.
  Status WriteSorted(const GroupedRows& rows) {
    for (size_t begin = 0; begin < rows.size(); begin += kRowGroupRows) {
      const size_t end = std::min<size_t>(rows.size(), begin + kRowGroupRows);
      MILL_ASSIGN(auto batch, rows.Take(begin, end, schema_));
      MILL_RETURN(writer_->NewRowGroup());
      for (const auto& column : batch->columns()) MILL_RETURN(writer_->WriteColumnChunk(*column));
    }
    return Status::OK();
  }

  // As they come, with their groups before them.
  Status Write(const arrow::RecordBatch& rows, std::vector<uint32_t> groups) {
    arrow::ArrayVector columns = rows.columns();
    const auto column = arrow::ArrayData::Make(
        arrow::int32(), rows.num_rows(), {nullptr, arrow::Buffer::FromVector(std::move(groups))}, 0);
    columns.insert(columns.begin(), arrow::MakeArray(column));
    return writer_->WriteRecordBatch(
        *arrow::RecordBatch::Make(schema_, rows.num_rows(), std::move(columns)));
  }

  Status Close() { return writer_->Close(); }

 private:
  std::shared_ptr<arrow::Schema> schema_;
  std::unique_ptr<parquet::arrow::FileWriter> writer_;
};

Status WriteSorted(const StateTable& keyed, uint32_t key_groups,
                   const arrow::RecordBatchVector& batches, RowsWriter& writer, StateFile& file) {
  GroupedRows rows(batches);
  MILL_RETURN(rows.Sort(keyed, key_groups));
  file.rows = static_cast<int64_t>(rows.size());
  if (rows.size() > 0) {
    file.min_group = rows.group(0);
    file.max_group = rows.group(rows.size() - 1);
  }
  return writer.WriteSorted(rows);
}

Status WriteUnsorted(const StateTable& keyed, uint32_t key_groups,
                     const arrow::RecordBatchVector& batches, RowsWriter& writer,
                     StateFile& file) {
  file.min_group = key_groups - 1;
  file.max_group = 0;
  for (const auto& batch : batches) {
    MILL_ASSIGN(std::vector<uint32_t> groups, KeyGroupsOf(keyed, *batch, key_groups));
    file.rows += batch->num_rows();
    for (uint32_t group : groups) {
      file.min_group = std::min(file.min_group, group);
      file.max_group = std::max(file.max_group, group);
    }
    MILL_RETURN(writer.Write(*batch, std::move(groups)));
  }
  return Status::OK();
}

// Writes one file of the table: its rows, or what was erased of it. `keyed`: the table as its
// columns are in the batches, without a key if they do not have it all.
Result<StateFile> WriteFile(const StateTable& table, const StateTable& keyed, uint32_t key_groups,
                            const arrow::RecordBatchVector& batches, const std::string& root,
                            StateFile file) {
  const auto& columns = batches.empty() ? table.schema : batches[0]->schema();
  const auto schema = FileSchema(table, *columns);
  MILL_ASSIGN(auto out, DurableFile::Create(root + "/" + file.path));
  MILL_ASSIGN(RowsWriter writer, RowsWriter::Open(schema, out));
  const auto write = file.delta ? WriteUnsorted : WriteSorted;
  MILL_RETURN(write(keyed, key_groups, batches, writer, file));
  MILL_RETURN(writer.Close());
  MILL_RETURN(out->Close());
  file.table = table.name;
  file.bytes = out->bytes();
  file.checksum = out->checksum();
  if (!IsKeyed(keyed) || file.rows == 0) {
    file.min_group = 0;
    file.max_group = key_groups - 1;
  }
  return file;
}

// The table with the columns of `ids` only; of no key if one of the key's columns is not there.
StateTable OverIds(const StateTable& table, const arrow::Schema& ids) {
  StateTable over{table.name, table.doc, nullptr, {}, {}};
  for (int column : table.key_columns) {
    over.key_columns.push_back(ids.GetFieldIndex(table.schema->field(column)->name()));
    if (over.key_columns.back() < 0) {
      over.key_columns.clear();
      break;
    }
  }
  return over;
}

// The rows of a table on disk as a file; they come in order of their key groups.
Result<StateFile> WriteStoredAsRows(const FrozenTable& frozen, uint32_t key_groups,
                                    const std::string& root, StateFile file) {
  const StateTable& table = frozen.table;
  const auto schema = FileSchema(table, *table.schema);
  MILL_ASSIGN(auto out, DurableFile::Create(root + "/" + file.path));
  MILL_ASSIGN(RowsWriter writer, RowsWriter::Open(schema, out));
  MILL_RETURN(frozen.stored->ForEach(
      table, KeyGroupRange(), [&](std::shared_ptr<arrow::RecordBatch> rows) -> Status {
        const arrow::RecordBatchVector batches = {rows};
        GroupedRows grouped(batches);
        MILL_RETURN(grouped.Sort(table, key_groups));
        file.rows += rows->num_rows();
        return writer.WriteSorted(grouped);
      }));
  MILL_RETURN(writer.Close());
  MILL_RETURN(out->Close());
  file.table = table.name;
  file.bytes = out->bytes();
  file.checksum = out->checksum();
  file.min_group = frozen.stored->groups().begin;
  file.max_group = frozen.stored->groups().end - 1;
  return file;
}

// The file of the database that an earlier snapshot has linked; null if none has.
const StateFile* FindLinked(const std::string& root, const StateChain& before,
                            const std::string& path) {
  struct stat wanted, linked;
  if (!IsImmutable(path) || stat(path.c_str(), &wanted) != 0) return nullptr;
  const std::string name = std::filesystem::path(path).filename().string();
  for (const StateFile& file : before) {
    if (!file.stored || !file.path.ends_with("/" + name)) continue;
    if (stat((root + "/" + file.path).c_str(), &linked) == 0 && linked.st_ino == wanted.st_ino &&
        linked.st_dev == wanted.st_dev) {
      return &file;
    }
  }
  return nullptr;
}

// Links the files of a table on disk into `path`, which is made.
Status LinkStored(const FrozenTable& frozen, const std::string& root, const std::string& path,
                  const StateChain& before, StateChain* files) {
  MILL_RETURN(MakeFolders(root + "/" + path));
  for (const std::string& from : frozen.stored->Files()) {
    const StateFile* linked = FindLinked(root, before, from);
    StateFile file;
    if (linked) {
      file = *linked;
      file.rows = 0;
    } else {
      file.path = path + "/" + std::filesystem::path(from).filename().string();
      MILL_RETURN(LinkOrCopy(from, root + "/" + file.path));
      MILL_RETURN(SyncAndHash(root, &file));
    }
    file.table = frozen.table.name;
    file.stored = true;
    file.min_group = frozen.stored->groups().begin;
    file.max_group = frozen.stored->groups().end - 1;
    if (from.ends_with("/CURRENT")) file.rows = frozen.stored->rows();
    files->push_back(std::move(file));
  }
  return SyncFolder(root + "/" + path);
}

Status WriteStored(const FrozenTable& frozen, uint32_t key_groups, const std::string& root,
                   const std::string& path, const StoredMode& mode, StateChain* files) {
  if (!mode.as_rows) {
    const StateChain none;
    return LinkStored(frozen, root, path + ".rocksdb", mode.before ? *mode.before : none, files);
  }
  StateFile file;
  file.path = path + ".parquet";
  MILL_ASSIGN(file, WriteStoredAsRows(frozen, key_groups, root, std::move(file)));
  files->push_back(std::move(file));
  return Status::OK();
}

Status WriteTable(const FrozenTable& frozen, uint32_t key_groups, const std::string& root,
                  const std::string& path, bool delta, StateChain* files) {
  const StateTable& table = frozen.table;
  const auto add = [&](const StateTable& keyed, const arrow::RecordBatchVector& batches,
                       bool erased) {
    StateFile file;
    file.delta = delta;
    file.erased = erased;
    file.path = path + (erased ? ".erased.parquet" : ".parquet");
    auto written = WriteFile(table, keyed, key_groups, batches, root, std::move(file));
    if (written.ok()) files->push_back(std::move(*written));
    return Annotate(written.status(), fmt::format("saving state table '{}'", table.name));
  };
  if (!frozen.erased.empty()) {
    MILL_RETURN(add(OverIds(table, *frozen.erased[0]->schema()), frozen.erased, true));
  }
  // No rows may take the place of what was there before.
  if (frozen.rows.empty() && !IsReplaced(table)) return Status::OK();
  return add(table, frozen.rows, false);
}

}  // namespace

Result<StateChain> WriteSnapshot(const FrozenState& state, const std::string& root,
                                 const std::string& folder, int instance,
                                 const StoredMode& mode) {
  std::error_code error;
  std::filesystem::create_directories(root + "/" + folder, error);
  if (error) {
    return ExternalError("cannot make the folder {}/{}: {}", root, folder, error.message());
  }
  StateChain files;
  for (const FrozenTable& frozen : state.tables()) {
    const std::string path = fmt::format("{}/{}-{}", folder, frozen.table.name, instance);
    if (frozen.stored) {
      MILL_RETURN(Annotate(WriteStored(frozen, state.key_groups(), root, path, mode, &files),
                           fmt::format("saving state table '{}'", frozen.table.name)));
    } else {
      MILL_RETURN(WriteTable(frozen, state.key_groups(), root, path, !state.whole(), &files));
    }
  }
  MILL_RETURN(SyncFolder(root + "/" + folder));
  return files;
}

void DropSuperseded(const FrozenState& state, int64_t epoch, StateChain* chain) {
  for (const FrozenTable& frozen : state.tables()) {
    const int64_t last = IsReplaced(frozen.table) ? 1 : frozen.last_snapshots;
    if (last == 0) continue;
    std::erase_if(*chain, [&](const StateFile& file) {
      return file.table == frozen.table.name && file.epoch <= epoch - last;
    });
  }
}

bool WantsFull(const FrozenState& state, const StateChain& chain) {
  for (const FrozenTable& frozen : state.tables()) {
    if (IsReplaced(frozen.table) || frozen.last_snapshots > 0) continue;
    int64_t full = 0, deltas = 0;
    for (const StateFile& file : chain) {
      if (file.table == frozen.table.name) (file.delta ? deltas : full) += file.bytes;
    }
    if (deltas * 2 > full) return true;
  }
  return false;
}

}  // namespace millrace
