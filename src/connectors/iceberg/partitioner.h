// Divides rows by the partitions of a spec.
#pragma once

#include <arrow/record_batch.h>

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "connectors/iceberg/metadata.h"
#include "connectors/iceberg/values.h"

namespace millrace {

class IcebergPartitioner {
 public:
  struct Part {
    std::string folder;                // "day=2024-01-01/", "" where there are no partitions
    std::vector<IcebergValue> values;  // by the fields of the spec
    std::shared_ptr<arrow::RecordBatch> rows;
    std::vector<int64_t> indices;      // of `rows` in what was divided; empty: all, in order
  };

  // For rows in the storage layout with columns `fields`. Fails if a column that the spec needs is
  // not among them.
  static Result<IcebergPartitioner> Make(const IcebergPartitionSpec& spec,
                                         const std::vector<IcebergField>& fields);
  // In the order of each part's first row. Within a part rows keep their order.
  Result<std::vector<Part>> Split(const std::shared_ptr<arrow::RecordBatch>& rows) const;
  const IcebergPartitionSpec& spec() const { return spec_; }

 private:
  struct Input {
    int column;
    IcebergType type;
  };
  std::vector<IcebergValue> ValuesAt(const arrow::RecordBatch& rows, int64_t row) const;
  std::string FolderOf(const std::vector<IcebergValue>& values) const;

  IcebergPartitionSpec spec_;
  std::vector<Input> inputs_;  // by the fields of the spec
};

// Bytes that tell lists of values apart; `types` by position.
std::string KeyBytes(const std::vector<IcebergValue>& values);

}  // namespace millrace
