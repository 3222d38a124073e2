#include "connectors/iceberg/deletes.h"

#include <arrow/compute/cast.h>

#include <algorithm>

#include "connectors/iceberg/partitioner.h"

namespace millrace {
namespace {

constexpr int kPathId = 2147483546, kPositionId = 2147483545;  // reserved by the table spec
constexpr size_t kMaxCached = 16;                              // position delete files

// A column that is compared, as StorageTypeOf has it; one that the file lacks is all NULL.
Result<std::shared_ptr<arrow::Array>> Comparable(const std::shared_ptr<arrow::Array>& array,
                                                 const IcebergType& type, int64_t rows) {
  const auto target = StorageTypeOf(type);
  if (!array) return arrow::MakeArrayOfNull(target, rows);
  if (array->type()->Equals(*target)) return array;
  return arrow::compute::Cast(*array, target, arrow::compute::CastOptions::Safe());
}

Result<std::vector<std::shared_ptr<arrow::Array>>> ComparableColumns(
    const IcebergDataReader::Rows& rows, const std::vector<IcebergField>& fields,
    const std::vector<IcebergField>& wanted) {
  std::vector<std::shared_ptr<arrow::Array>> columns;
  for (const IcebergField& field : wanted) {
    const auto found = std::find_if(fields.begin(), fields.end(),
                                    [&](const auto& each) { return each.id == field.id; });
    std::shared_ptr<arrow::Array> array;
    if (found != fields.end()) array = rows.columns[static_cast<size_t>(found - fields.begin())];
    MILL_ASSIGN(auto column, Comparable(array, field.type, rows.count));
    columns.push_back(std::move(column));
  }
  return columns;
}

std::string KeyAt(const std::vector<std::shared_ptr<arrow::Array>>& columns,
                  const std::vector<IcebergField>& fields, int64_t row) {
  std::vector<IcebergValue> values;
  for (size_t i = 0; i < columns.size(); ++i) {
    values.push_back(ValueAt(*columns[i], row, fields[i].type));
  }
  return KeyBytes(values);
}

// False if the delete file's bounds say that it names no row of `path`.
bool MayName(const IcebergDataFile& deletes, const std::string& path) {
  const auto lower = deletes.lower_bounds.find(kPathId);
  const auto upper = deletes.upper_bounds.find(kPathId);
  if (lower != deletes.lower_bounds.end() && path < lower->second) return false;
  return upper == deletes.upper_bounds.end() || path <= upper->second ||
         path.starts_with(upper->second);
}

}  // namespace

IcebergDeletes::IcebergDeletes(IcebergFiles* files, IcebergMetadata table,
                               std::vector<IcebergScanFile> deletes)
    : files_(files), table_(std::move(table)), deletes_(std::move(deletes)) {
  for (const IcebergScanFile& each : deletes_) {
    const std::string partition = PartitionOf(each);
    if (each.file.content == IcebergContent::kPositionDeletes) {
      position_files_[partition].push_back(&each);
    } else {
      equality_[partition][each.file.equality_ids].files.push_back(&each);
    }
  }
}

std::string IcebergDeletes::PartitionOf(const IcebergScanFile& file) const {
  const IcebergPartitionSpec* spec = table_.FindSpec(file.spec_id);
  if (!spec || spec->fields.empty()) return "";
  return fmt::format("{}:", file.spec_id) + KeyBytes(file.file.partition);
}

Status IcebergDeletes::Start(const IcebergScanFile& file) {
  sequence_number_ = file.sequence_number;
  columns_.clear();
  groups_.clear();
  positions_.clear();
  const std::string partition = PartitionOf(file);
  for (const std::string& each : std::set<std::string>{partition, ""}) {
    const auto found = equality_.find(each);
    if (found == equality_.end()) continue;
    for (auto& [ids, group] : found->second) {
      const bool newer = std::any_of(group.files.begin(), group.files.end(), [&](const auto* one) {
        return one->sequence_number > file.sequence_number;
      });
      if (!newer) continue;
      MILL_RETURN(Load(&group));
      columns_.insert(ids.begin(), ids.end());
      groups_.push_back(&group);
    }
  }
  const auto named = position_files_.find(partition);
  if (named == position_files_.end()) return Status::OK();
  for (const IcebergScanFile* each : named->second) {
    if (each->sequence_number < file.sequence_number) continue;
    if (MayName(each->file, file.file.path)) MILL_RETURN(AddPositions(*each, file));
  }
  std::sort(positions_.begin(), positions_.end());
  return Status::OK();
}

Status IcebergDeletes::Load(Group* group) {
  if (group->loaded) return Status::OK();
  for (const int id : group->files.front()->file.equality_ids) {
    const IcebergField* field = table_.schema().FindId(id);
    for (const IcebergSchema& schema : table_.schemas) {  // it may be gone by now
      if (!field) field = schema.FindId(id);
    }
    if (!field) return ExternalError("equality deletes compare field {}, which no schema has", id);
    group->fields.push_back(*field);
  }
  for (const IcebergScanFile* file : group->files) MILL_RETURN(LoadKeys(*file, group));
  group->loaded = true;
  return Status::OK();
}

Status IcebergDeletes::LoadKeys(const IcebergScanFile& file, Group* group) {
  MILL_ASSIGN(auto input, files_->Open(file.file.path));
  MILL_ASSIGN(auto reader,
              IcebergDataReader::Open(file.file.path, std::move(input), group->fields));
  while (true) {
    MILL_ASSIGN(const auto rows, reader->Next());
    if (!rows) return Status::OK();
    MILL_ASSIGN(const auto columns, ComparableColumns(*rows, group->fields, group->fields));
    for (int64_t row = 0; row < rows->count; ++row) {
      int64_t& last = group->keys[KeyAt(columns, group->fields, row)];
      last = std::max(last, file.sequence_number);
    }
  }
}

Result<std::shared_ptr<const IcebergDeletes::Positions>> IcebergDeletes::ReadPositions(
    const IcebergScanFile& file) {
  const auto cached = cache_.find(file.file.path);
  if (cached != cache_.end()) return cached->second;
  const std::vector<IcebergField> fields = {
      {kPathId, "file_path", true, IcebergType::Of(IcebergKind::kString), ""},
      {kPositionId, "pos", true, IcebergType::Of(IcebergKind::kLong), ""}};
  MILL_ASSIGN(auto input, files_->Open(file.file.path));
  MILL_ASSIGN(auto reader, IcebergDataReader::Open(file.file.path, std::move(input), fields));
  auto positions = std::make_shared<Positions>();
  while (true) {
    MILL_ASSIGN(const auto rows, reader->Next());
    if (!rows) break;
    MILL_ASSIGN(const auto columns, ComparableColumns(*rows, fields, fields));
    const auto& paths = static_cast<const arrow::StringArray&>(*columns[0]);
    const auto& numbers = static_cast<const arrow::Int64Array&>(*columns[1]);
    for (int64_t row = 0; row < rows->count; ++row) {
      (*positions)[paths.GetString(row)].push_back(numbers.Value(row));
    }
  }
  if (cache_.size() >= kMaxCached) cache_.erase(cache_.begin());
  cache_[file.file.path] = positions;
  return std::shared_ptr<const Positions>(std::move(positions));
}

Status IcebergDeletes::AddPositions(const IcebergScanFile& file, const IcebergScanFile& data) {
  MILL_ASSIGN(const auto positions, ReadPositions(file));
  const auto found = positions->find(data.file.path);
  if (found == positions->end()) return Status::OK();
  positions_.insert(positions_.end(), found->second.begin(), found->second.end());
  return Status::OK();
}

Result<std::vector<int64_t>> IcebergDeletes::Kept(const IcebergDataReader::Rows& rows,
                                                  const std::vector<IcebergField>& fields) const {
  std::vector<bool> gone(static_cast<size_t>(rows.count));
  auto at = std::lower_bound(positions_.begin(), positions_.end(), rows.first);
  for (; at != positions_.end() && *at < rows.first + rows.count; ++at) {
    gone[static_cast<size_t>(*at - rows.first)] = true;
  }
  for (const Group* group : groups_) {
    MILL_ASSIGN(const auto columns, ComparableColumns(rows, fields, group->fields));
    for (int64_t row = 0; row < rows.count; ++row) {
      const auto found = group->keys.find(KeyAt(columns, group->fields, row));
      const bool newer = found != group->keys.end() && found->second > sequence_number_;
      if (newer) gone[static_cast<size_t>(row)] = true;
    }
  }
  std::vector<int64_t> kept;
  for (int64_t row = 0; row < rows.count; ++row) {
    if (!gone[static_cast<size_t>(row)]) kept.push_back(row);
  }
  return kept;
}

}  // namespace millrace
