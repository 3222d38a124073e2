// FrozenState: what one operator instance saved, in memory: made while the barrier passes, which
// costs no more than the arrays that the operator makes, and written by an I/O thread later
// (snapshot_files.h). Immutable once saved.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "data/key_hash.h"
#include "state/snapshot.h"

namespace millrace {

struct FrozenTable {
  StateTable table;
  arrow::RecordBatchVector rows;    // of table.schema
  arrow::RecordBatchVector erased;  // all of one schema, some of the table's columns
  int64_t last_snapshots = 0;       // StateWriter::CountLast; 0: not called
  std::shared_ptr<const StoredRows> stored = nullptr;  // in place of rows
};

class FrozenState final : public StateWriter {
 public:
  // `key_groups`: how many the job has.
  explicit FrozenState(SaveMode mode, uint32_t key_groups = kKeyGroups)
      : mode_(mode), key_groups_(key_groups) {}

  SaveMode mode() const override { return mode_; }
  Status Write(const StateTable& table, std::shared_ptr<arrow::RecordBatch> rows) override;
  Status Erase(const StateTable& table, std::shared_ptr<arrow::RecordBatch> ids) override;
  Status CountLast(const StateTable& table, int64_t snapshots) override;

  Status WriteStored(const StateTable& table, std::shared_ptr<const StoredRows> rows) override;

  const std::vector<FrozenTable>& tables() const { return tables_; }
  uint32_t key_groups() const { return key_groups_; }
  // It takes the place of the snapshots before it, even if it was to be a delta.
  bool whole() const;
  int64_t rows() const;
  // Of the arrays' buffers.
  int64_t bytes() const;

 private:
  FrozenTable& Find(const StateTable& table);

  SaveMode mode_;
  uint32_t key_groups_;
  std::vector<FrozenTable> tables_;
};

// Reads chains of snapshots that are still in memory, for one new instance. Tests and failovers
// within one process use it; restoring from disk is StateFilesReader.
class FrozenReader final : public StateReader {
 public:
  using Chain = std::vector<std::shared_ptr<const FrozenState>>;  // oldest first

  // `chains`: of all instances that saved. The reader is for instance `instance` of `parallelism`.
  FrozenReader(std::vector<Chain> chains, size_t instance, size_t parallelism)
      : chains_(std::move(chains)), instance_(instance), parallelism_(parallelism) {}

  Result<arrow::RecordBatchVector> Read(const StateTable& table) const override;
  Status ForEach(const StateTable& table, const RowVisitor& visit) const override;
  std::vector<std::shared_ptr<const StoredRows>> Stored(const StateTable& table) const override;

 private:
  Status ReadFolded(const StateTable& table, const RowVisitor& visit) const;

  std::vector<Chain> chains_;
  size_t instance_, parallelism_;
};

}  // namespace millrace
