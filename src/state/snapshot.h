// Snapshots: what the state of one operator instance is when it is written down: named tables of
// columns. What a table's columns mean is the operator's to say (StateTable::doc); where the rows go
// is the business of who calls Save: a checkpoint, a savepoint, a test.
//
// A snapshot is full, or a delta: what has changed since the snapshot before. The snapshots of one
// instance from a full one on are its chain; a reader folds it (snapshot_fold.h). A chain loses its
// oldest snapshots as all they hold is written again in later ones (StateWriter::CountLast).
#pragma once

#include <arrow/record_batch.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "data/key_hash.h"
#include "data/state_field.h"

namespace millrace {

struct StateTable {
  std::string name;  // "groups"; unique within the operator
  std::string doc;   // what a row is, for who reads the file
  std::shared_ptr<arrow::Schema> schema;  // fields of data/state_field.h, names unique
  // Columns of the key, hashed into key groups (data/key_hash.h) as the exchange before the operator
  // does. Empty: rows of no key, of which every instance that restores gets all.
  std::vector<int> key_columns;
  // Rows of a delta take the place of all earlier rows that are equal in these columns. Empty: of
  // the whole table, which is written in every snapshot (or, with columns that grow, is one row).
  std::vector<int> id_columns;
};

using RowVisitor = std::function<Status(std::shared_ptr<arrow::RecordBatch>)>;

// The rows of a table that lie in the files of a database on disk, as they were at a barrier.
// Immutable; for any thread.
class StoredRows {
 public:
  virtual ~StoredRows() = default;
  // Paths of the files that make up the database; their names are what it knows them by.
  virtual std::vector<std::string> Files() const = 0;
  // The key groups of the instance that saved.
  virtual KeyGroupRange groups() const = 0;
  // How many, about.
  virtual int64_t rows() const = 0;
  // Calls visit for portions of the rows in these key groups, in order of key groups, with the
  // columns of `table`.
  virtual Status ForEach(const StateTable& table, KeyGroupRange groups,
                         const RowVisitor& visit) const = 0;
};

class StateWriter {
 public:
  virtual ~StateWriter() = default;
  // What is to be written.
  virtual SaveMode mode() const = 0;
  // Adds rows of `table`. Arrays are kept, not copied: they must not change any more.
  virtual Status Write(const StateTable& table, std::shared_ptr<arrow::RecordBatch> rows) = 0;
  // In a delta: what was saved before of the rows that are equal to a row of `ids` in all its
  // columns (some of the table's, by name) is gone. What is written in this snapshot stays.
  virtual Status Erase(const StateTable& table, std::shared_ptr<arrow::RecordBatch> ids) = 0;
  // All rows of the table have been written in the newest `snapshots` snapshots, this one included:
  // what earlier ones of the chain hold of it no longer counts.
  virtual Status CountLast(const StateTable& table, int64_t snapshots) = 0;
  // What is to be written are these rows, whatever the mode; nothing else is written of the table.
  virtual Status WriteStored(const StateTable& table, std::shared_ptr<const StoredRows>) {
    return Status::NotImplemented("rows of state table '", table.name, "' are on disk");
  }
};

class StateReader {
 public:
  virtual ~StateReader() = default;
  // The saved rows of `table`: those in this instance's key groups, or all where there is no key.
  // None if the table was not saved. Columns come as `table.schema` names them: a saved column that
  // it lacks is left out, one that it has more is all NULL.
  virtual Result<arrow::RecordBatchVector> Read(const StateTable& table) const = 0;
  // Calls visit for portions of the rows that Read returns.
  virtual Status ForEach(const StateTable& table, const RowVisitor& visit) const {
    MILL_ASSIGN(auto batches, Read(table));
    for (auto& rows : batches) MILL_RETURN(visit(std::move(rows)));
    return Status::OK();
  }
  // Those of the table's rows that were saved as databases, one for each instance that saved; of
  // key groups of other instances too.
  virtual std::vector<std::shared_ptr<const StoredRows>> Stored(const StateTable&) const {
    return {};
  }
};

}  // namespace millrace
