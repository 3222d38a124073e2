// Writes rows of one epoch into files of a table, to be committed together.
#pragma once

#include <arrow/record_batch.h>

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "connectors/iceberg/commit.h"
#include "connectors/iceberg/file_set.h"
#include "connectors/iceberg/metadata.h"
#include "data/batch.h"

namespace millrace {

// Owned by one thread.
class IcebergRowWriter {
 public:
  virtual ~IcebergRowWriter() = default;
  // `rows` in the storage layout, `kinds` as a batch has them (null: all +I).
  virtual Status Write(const std::shared_ptr<arrow::RecordBatch>& rows, const RowKinds& kinds) = 0;
  // What has been written since the last call: durable, but no part of the table yet.
  virtual Result<std::vector<IcebergLayer>> Finish() = 0;
  // Removes the files of what Finish has not returned.
  virtual void Drop() = 0;
};

// What writers of a table share.
struct IcebergRowTarget {
  IcebergFiles* files = nullptr;
  IcebergMetadata table;
  std::vector<IcebergField> fields;  // the columns that are written, with the table's ids
  std::vector<int> key;              // of them: the primary key; empty: rows are appended
  std::string writer;                // in file names: tells this writer from others
  int64_t file_bytes = 0;
  Options options;
  size_t max_keys = 1 << 20;  // of an epoch that are remembered; more begin a layer of their own
};

Result<std::unique_ptr<IcebergRowWriter>> MakeIcebergAppender(const IcebergRowTarget& target);
// Rows of a key replace those before: equality deletes for what the table may hold, position
// deletes for what the same epoch has written. Every column that the table is partitioned by must
// be in the key.
Result<std::unique_ptr<IcebergRowWriter>> MakeIcebergUpserter(const IcebergRowTarget& target);

// How the table's data files of `target` are made.
IcebergFileKind DataFileKindOf(const IcebergRowTarget& target);

}  // namespace millrace
