// Snapshots: what the state of one operator instance is when it is written down: named tables of
// columns. What a table's columns mean is the operator's to say (StateTable::doc); where the rows go
// is the business of who calls Save: a checkpoint, a savepoint, a test.
#pragma once

#include <arrow/record_batch.h>

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"

namespace millrace {

struct StateTable {
  std::string name;  // "groups"; unique within the operator
  std::string doc;   // what a row is, for who reads the file
  std::shared_ptr<arrow::Schema> schema;
  // Columns of the key, hashed into key groups (data/key_hash.h) as the exchange before the operator
  // does. Empty: rows of no key, of which every instance that restores gets all.
  std::vector<int> key_columns;
};

class StateWriter {
 public:
  virtual ~StateWriter() = default;
  // Adds rows of `table`. Arrays are kept, not copied: they must not change any more.
  virtual Status Write(const StateTable& table, std::shared_ptr<arrow::RecordBatch> rows) = 0;
};

class StateReader {
 public:
  virtual ~StateReader() = default;
  // The saved rows of `table`: those in this instance's key groups, or all where there is no key.
  // None if the table was not saved. Columns come as `table.schema` names them: a saved column that
  // it lacks is left out, one that it has more is all NULL.
  virtual Result<arrow::RecordBatchVector> Read(const StateTable& table) const = 0;
};

}  // namespace millrace
