// Folding: the rows that a chain of snapshots means. Going from the newest snapshot back, a row
// counts if no newer one has written or erased its id:
//
//   full     a=1  b=2  c=3
//   delta    a=7         erased: b
//   delta    d=4
//   means    a=7  c=3  d=4
//
// Columns that only grow (GrowingStateField) are put together from all rows of an id.
#pragma once

#include <vector>

#include "data/key_hash.h"
#include "state/snapshot.h"

namespace millrace {

// What one snapshot of a chain says of a table. What is erased is of the snapshots before it.
struct SnapshotPiece {
  arrow::RecordBatchVector erased;  // ids, each with some of the table's columns
  arrow::RecordBatchVector rows;    // of the table's schema
};

// True if the rows of a delta take the place of the whole table.
bool IsReplaced(const StateTable& table);

// True if some columns only grow: then the rows of all pieces are needed at once (FoldPieces).
bool Grows(const StateTable& table);

class NewerIds;

// Folds a table that does not grow, which must outlive it, going from the newest snapshot back:
// for each BeginSnapshot, Take its rows, Erase what it has erased.
class SnapshotFold {
 public:
  explicit SnapshotFold(const StateTable& table);
  ~SnapshotFold();
  // Of about so many rows.
  Status BeginSnapshot(int64_t rows);
  // Those of the snapshot's rows that count. Rows of one snapshot may share an id.
  Result<std::shared_ptr<arrow::RecordBatch>> Take(const std::shared_ptr<arrow::RecordBatch>& rows);
  // The same of the oldest snapshot, of which nothing needs to be remembered.
  Result<std::shared_ptr<arrow::RecordBatch>> TakeOldest(
      const std::shared_ptr<arrow::RecordBatch>& rows);
  // What the snapshot has erased of older ones.
  Status Erase(const arrow::RecordBatch& ids);

 private:
  std::unique_ptr<NewerIds> newer_;
};

// The rows of one instance's chain, pieces oldest first.
Result<arrow::RecordBatchVector> FoldPieces(const StateTable& table,
                                            std::vector<SnapshotPiece> pieces);

// `rows` with the columns of the table's schema: others are left out, missing ones are all NULL.
// Fails if a column was saved with another type.
Result<std::shared_ptr<arrow::RecordBatch>> ConformTo(const StateTable& table,
                                                      const arrow::RecordBatch& rows);

// The key group of each row, of `key_groups`; 0 where the table has no key.
Result<std::vector<uint32_t>> KeyGroupsOf(const StateTable& table, const arrow::RecordBatch& rows,
                                          uint32_t key_groups = kKeyGroups);

}  // namespace millrace
