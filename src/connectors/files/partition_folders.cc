#include "connectors/files/partition_folders.h"

#include <arrow/array/array_dict.h>
#include <arrow/compute/api_vector.h>

#include <algorithm>
#include <unordered_map>

#include "connectors/files/partition_path.h"
#include "data/pretty.h"

namespace millrace {
namespace {

// Renumbers `groups`, one number a row, so that rows differ also where `column` differs.
Status RefineGroups(const std::shared_ptr<arrow::Array>& column, std::vector<int32_t>* groups,
                    int32_t* count) {
  MILL_ASSIGN(const arrow::Datum encoded, arrow::compute::DictionaryEncode(column));
  const std::shared_ptr<arrow::Array> array = encoded.make_array();
  const auto& dictionary = static_cast<const arrow::DictionaryArray&>(*array);
  const auto& indices = static_cast<const arrow::Int32Array&>(*dictionary.indices());
  const int64_t values = dictionary.dictionary()->length();
  std::unordered_map<int64_t, int32_t> numbers;
  for (size_t row = 0; row < groups->size(); ++row) {
    const auto at = static_cast<int64_t>(row);
    const int64_t value = indices.IsNull(at) ? values : indices.Value(at);
    const int64_t pair = (*groups)[row] * (values + 1) + value;
    (*groups)[row] = numbers.emplace(pair, static_cast<int32_t>(numbers.size())).first->second;
  }
  *count = static_cast<int32_t>(numbers.size());
  return Status::OK();
}

}  // namespace

Result<std::unique_ptr<PartitionFolders>> PartitionFolders::Make(const TableInfo& table) {
  std::unique_ptr<PartitionFolders> folders(new PartitionFolders);
  folders->default_name_ =
      StringOption(table.options, "partition.default-name", kDefaultPartition);
  const auto& names = table.partitioned_by;
  for (int i = 0; i < table.schema.size(); ++i) {
    const Column& column = table.schema.columns[static_cast<size_t>(i)];
    if (std::find(names.begin(), names.end(), column.name) != names.end()) continue;
    folders->data_.columns.push_back(column);
    folders->data_columns_.push_back(i);
  }
  for (const std::string& name : names) {
    const int at = table.schema.Find(name);
    if (at < 0) {
      return UserError("table '{}' has no column '{}' to be partitioned by", table.name, name);
    }
    const SqlType& type = table.schema.columns[static_cast<size_t>(at)].type;
    if (!type.children.empty()) {
      return UserError("table '{}' cannot be partitioned by '{}', which is {}", table.name, name,
                       type.ToString());
    }
    folders->names_.push_back(EscapePathName(name));
    folders->columns_.push_back(at);
  }
  return folders;
}

std::string PartitionFolders::FolderOf(const arrow::RecordBatch& rows, int64_t row) const {
  std::string folder;
  for (size_t i = 0; i < columns_.size(); ++i) {
    const arrow::Array& column = *rows.column(columns_[i]);
    std::string value;
    if (!column.IsNull(row)) value = FormatValue(column, row);
    if (value.empty()) value = default_name_;
    folder += names_[i] + "=" + EscapePathName(value) + "/";
  }
  return folder;
}

// Row numbers, together where all partition columns are equal.
Result<std::vector<std::vector<int32_t>>> PartitionFolders::GroupRows(
    const arrow::RecordBatch& rows) const {
  std::vector<int32_t> groups(static_cast<size_t>(rows.num_rows()), 0);
  int32_t count = 1;
  for (const int column : columns_) {
    MILL_RETURN(RefineGroups(rows.column(column), &groups, &count));
  }
  std::vector<std::vector<int32_t>> members(static_cast<size_t>(count));
  for (size_t row = 0; row < groups.size(); ++row) {
    members[static_cast<size_t>(groups[row])].push_back(static_cast<int32_t>(row));
  }
  return members;
}

Result<std::vector<PartitionFolders::Part>> PartitionFolders::Split(const Batch& batch) const {
  std::vector<Part> parts;
  if (columns_.empty()) {
    parts.push_back({"", batch.rows});
    return parts;
  }
  MILL_ASSIGN(auto data, batch.rows->SelectColumns(data_columns_));
  MILL_ASSIGN(const auto groups, GroupRows(*batch.rows));
  for (const std::vector<int32_t>& group : groups) {
    Part part{FolderOf(*batch.rows, group.front()), data};
    if (groups.size() > 1) {
      MILL_ASSIGN(Batch taken, (Batch{data, nullptr, nullptr, 0}.Take(group)));
      part.rows = std::move(taken.rows);
    }
    parts.push_back(std::move(part));
  }
  return parts;
}

}  // namespace millrace
