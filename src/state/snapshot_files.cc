#include "state/snapshot_files.h"

#include <arrow/array.h>
#include <arrow/compute/initialize.h>
#include <arrow/table.h>
#include <parquet/arrow/reader.h>
#include <parquet/exception.h>
#include <parquet/statistics.h>

#include <algorithm>
#include <filesystem>

#include "base/files.h"
#include "data/take_rows.h"
#include "state/snapshot_fold.h"
#include "state/stored_table.h"

namespace millrace {
namespace {

// Parquet throws on some kinds of damage.
template <typename Read>
Status WithoutThrowing(const StateFile& file, Read read) {
  const auto what = [&] { return "reading state file " + file.path; };
  try {
    return Annotate(read(), what());
  } catch (const std::exception& error) {
    return ExternalError("{}: {}", what(), error.what());
  }
}

// The row groups that may hold rows of these key groups.
std::vector<int> RowGroupsOf(const parquet::FileMetaData& metadata, KeyGroupRange groups) {
  std::vector<int> chosen;
  for (int i = 0; i < metadata.num_row_groups(); ++i) {
    const auto statistics = metadata.RowGroup(i)->ColumnChunk(0)->statistics();
    const auto* bounds = dynamic_cast<const parquet::Int32Statistics*>(statistics.get());
    const bool outside = bounds != nullptr && bounds->HasMinMax() &&
                         (static_cast<uint32_t>(bounds->max()) < groups.begin ||
                          static_cast<uint32_t>(bounds->min()) >= groups.end);
    if (!outside) chosen.push_back(i);
  }
  return chosen;
}

// The rows of these key groups.
Result<std::shared_ptr<arrow::RecordBatch>> TakeGroups(
    const std::shared_ptr<arrow::RecordBatch>& rows, KeyGroupRange groups) {
  const auto* values = rows->column(0)->data()->GetValues<int32_t>(1);
  const auto* end = values + rows->num_rows();
  if (!std::is_sorted(values, end)) {
    std::vector<int32_t> own;
    for (const auto* at = values; at < end; ++at) {
      if (groups.Contains(static_cast<uint32_t>(*at))) {
        own.push_back(static_cast<int32_t>(at - values));
      }
    }
    if (static_cast<int64_t>(own.size()) == rows->num_rows()) return rows;
    return TakeRows(rows, own);
  }
  const auto* first = std::lower_bound(values, end, static_cast<int32_t>(groups.begin));
  const auto* last = std::lower_bound(first, end, static_cast<int32_t>(groups.end));
  return rows->Slice(first - values, last - first);
}

// Visits the rows of row groups that concern `groups`, with `_key_group` first, batch by batch.
Status VisitFile(const std::string& root, const StateFile& file, KeyGroupRange groups,
                 VerifiedFiles* verified, const RowVisitor& visit) {
  MILL_ASSIGN(const auto opened, OpenVerified(root, file, verified));
  std::unique_ptr<parquet::arrow::FileReader> reader;
  std::unique_ptr<arrow::RecordBatchReader> batches;
  MILL_RETURN(WithoutThrowing(file, [&]() -> Status {
    parquet::arrow::FileReaderBuilder builder;
    MILL_RETURN(builder.Open(opened));
    parquet::ArrowReaderProperties properties;
    properties.set_pre_buffer(false);  // it would hold the whole file
    MILL_ASSIGN(reader, builder.properties(properties)->Build());
    std::shared_ptr<arrow::Schema> schema;
    MILL_RETURN(reader->GetSchema(&schema));
    if (schema->num_fields() == 0 || schema->field(0)->name() != kKeyGroupColumn ||
        schema->field(0)->type()->id() != arrow::Type::INT32) {
      return ExternalError("it has no column {}", kKeyGroupColumn);
    }
    const auto chosen = RowGroupsOf(*reader->parquet_reader()->metadata(), groups);
    return reader->GetRecordBatchReader(chosen).Value(&batches);
  }));
  while (true) {
    std::shared_ptr<arrow::RecordBatch> rows;
    MILL_RETURN(WithoutThrowing(file, [&] { return batches->ReadNext(&rows); }));
    if (!rows) return Status::OK();
    MILL_RETURN(visit(std::move(rows)));
  }
}

// Fails if lists that grow now were written whole into this delta.
Status CheckGrowth(const StateTable& table, const arrow::Schema& saved) {
  for (const auto& field : table.schema->fields()) {
    const auto known = saved.GetFieldByName(field->name());
    if (!IsGrowing(*field) || !known || IsGrowing(*known)) continue;
    return UserError(
        "column '{}' of state table '{}' was saved by an earlier version, which wrote it another "
        "way. hint: go on from a savepoint",
        field->name(), table.name);
  }
  return Status::OK();
}

// About how many of the file's rows are of these key groups.
int64_t RowsAmong(const StateFile& file, KeyGroupRange groups) {
  const int64_t first = file.min_group, end = int64_t{file.max_group} + 1;
  const int64_t own = std::min<int64_t>(end, groups.end) - std::max<int64_t>(first, groups.begin);
  return own <= 0 ? 0 : file.rows * own / (end - first);
}

}  // namespace

Status VerifyFiles(const std::string& root, const StateChain& files, VerifiedFiles* verified) {
  for (const StateFile& file : files) MILL_RETURN(OpenVerified(root, file, verified).status());
  return Status::OK();
}

bool StateFilesReader::Concerns(const StateTable& table, const StateFile& file) const {
  return table.key_columns.empty() || (file.min_group < groups_.end && file.max_group >= groups_.begin);
}

Result<arrow::RecordBatchVector> StateFilesReader::Read(const StateTable& table) const {
  arrow::RecordBatchVector rows;
  MILL_RETURN(ForEach(table, [&](std::shared_ptr<arrow::RecordBatch> batch) {
    rows.push_back(std::move(batch));
    return Status::OK();
  }));
  return rows;
}

Status StateFilesReader::ForEach(const StateTable& table, const RowVisitor& visit) const {
  for (const StateChain& chain : chains_) MILL_RETURN(ReadChain(table, chain, visit));
  for (const auto& stored : Stored(table)) MILL_RETURN(stored->ForEach(table, groups_, visit));
  return Status::OK();
}

std::vector<std::shared_ptr<const StoredRows>> StateFilesReader::Stored(
    const StateTable& table) const {
  std::vector<std::shared_ptr<const StoredRows>> all;
  for (const StateChain& chain : chains_) {
    for (auto& stored : StoredInChain(root_, chain, table.name)) all.push_back(std::move(stored));
  }
  return all;
}

std::vector<std::shared_ptr<const StoredRows>> StoredInChain(const std::string& root,
                                                             const StateChain& chain,
                                                             const std::string& table) {
  std::map<std::string, std::vector<const StateFile*>> databases;
  for (const StateFile& file : chain) {
    if (file.stored && (table.empty() || file.table == table)) {
      databases[file.table].push_back(&file);
    }
  }
  std::vector<std::shared_ptr<const StoredRows>> all;
  for (const auto& [name, files] : databases) {
    std::vector<std::string> paths;
    int64_t rows = 0;
    for (const StateFile* file : files) {
      paths.push_back(root + "/" + file->path);
      rows += file->rows;
    }
    const KeyGroupRange groups{files[0]->min_group, files[0]->max_group + 1};
    all.push_back(std::make_shared<StoredTable>(std::move(paths), groups, rows));
  }
  return all;
}

// The rows of one file that are of this instance, or the ids that it erases.
Status StateFilesReader::ReadFile(const StateTable& table, const StateFile& file,
                                  const RowVisitor& visit) const {
  // Ids without the whole key are of all key groups.
  const bool divided = !table.key_columns.empty() && !file.erased;
  const auto take = [&](std::shared_ptr<arrow::RecordBatch> rows) -> Status {
    if (divided) {
      MILL_ASSIGN(rows, TakeGroups(rows, groups_));
    }
    MILL_ASSIGN(rows, rows->RemoveColumn(0));
    if (!file.erased) {
      if (file.delta) MILL_RETURN(CheckGrowth(table, *rows->schema()));
      MILL_ASSIGN(rows, ConformTo(table, *rows));
    }
    return visit(std::move(rows));
  };
  return VisitFile(root_, file, divided ? groups_ : KeyGroupRange(), verified_.get(), take);
}

// Goes from the newest file back: each row is read once, and let go of if a newer one has its id.
Status StateFilesReader::ReadChain(const StateTable& table, const StateChain& chain,
                                   const RowVisitor& visit) const {
  std::vector<const StateFile*> files;  // newest first
  for (size_t i = chain.size(); i-- > 0;) {
    if (chain[i].table == table.name && !chain[i].stored) files.push_back(&chain[i]);
  }
  // The newest file takes the place of all others, also where it has no row for this instance.
  if (IsReplaced(table) && !files.empty()) files.resize(1);
  std::erase_if(files, [&](const StateFile* file) { return !Concerns(table, *file); });
  if (Grows(table) && files.size() > 1) return ReadGrowing(table, files, visit);
  SnapshotFold fold(table);
  for (const StateFile* file : files) {
    if (file->erased) {
      MILL_RETURN(ReadFile(table, *file, [&](auto ids) { return fold.Erase(*ids); }));
      continue;
    }
    const bool oldest = file == files.back();
    if (!oldest) MILL_RETURN(fold.BeginSnapshot(RowsAmong(*file, groups_)));
    MILL_RETURN(ReadFile(table, *file, [&](auto rows) -> Status {
      MILL_ASSIGN(auto rest, oldest ? fold.TakeOldest(rows) : fold.Take(rows));
      return rest->num_rows() > 0 ? visit(std::move(rest)) : Status::OK();
    }));
  }
  return Status::OK();
}

Status StateFilesReader::ReadGrowing(const StateTable& table,
                                     const std::vector<const StateFile*>& files,
                                     const RowVisitor& visit) const {
  std::vector<SnapshotPiece> pieces(files.size());  // oldest first
  for (size_t i = 0; i < files.size(); ++i) {
    SnapshotPiece& piece = pieces[files.size() - 1 - i];
    auto& batches = files[i]->erased ? piece.erased : piece.rows;
    MILL_RETURN(ReadFile(table, *files[i], [&](auto rows) {
      batches.push_back(std::move(rows));
      return Status::OK();
    }));
  }
  MILL_ASSIGN(auto folded, FoldPieces(table, std::move(pieces)));
  for (auto& rows : folded) MILL_RETURN(visit(std::move(rows)));
  return Status::OK();
}

Result<arrow::RecordBatchVector> ReadStateFile(const std::string& root, const StateFile& file) {
  arrow::RecordBatchVector rows;
  MILL_RETURN(VisitFile(root, file, {}, nullptr, [&](std::shared_ptr<arrow::RecordBatch> batch) {
    rows.push_back(std::move(batch));
    return Status::OK();
  }));
  return rows;
}

}  // namespace millrace
