// Sorts rows into the folders of a table that is PARTITIONED BY columns: "day=2024-01-01/kind=a/".
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "connectors/connector.h"

namespace millrace {

class PartitionFolders {
 public:
  // The table's columns, apart into partitions and data.
  static Result<std::unique_ptr<PartitionFolders>> Make(const TableInfo& table);

  // The columns that the files hold.
  const Schema& data() const { return data_; }
  size_t depth() const { return names_.size(); }

  struct Part {
    std::string folder;  // "" without partitions
    std::shared_ptr<arrow::RecordBatch> rows;  // of data()
  };
  // The rows by folder; in each, in their order.
  Result<std::vector<Part>> Split(const Batch& batch) const;

 private:
  PartitionFolders() = default;
  Result<std::vector<std::vector<int32_t>>> GroupRows(const arrow::RecordBatch& rows) const;
  std::string FolderOf(const arrow::RecordBatch& rows, int64_t row) const;

  Schema data_;
  std::vector<int> data_columns_;
  std::vector<int> columns_;        // the partitions'
  std::vector<std::string> names_;  // escaped
  std::string default_name_;
};

}  // namespace millrace
