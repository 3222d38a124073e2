// Snapshots on disk: one Parquet file per table, operator instance and snapshot. A file's schema is
// the table's, with the columns' docs in the fields' metadata and the table's doc in the file's
// (key "doc"; "key" and "id" are the columns' places in the table's key and id); before it stands
// the column `_key_group` (INT), by which the rows of a full snapshot are sorted, so that an instance
// that restores reads its part only. What a delta erases is a file of its own, before the delta's rows:
//
//   ops/3/groups-0.parquet            rows of table "groups" of instance 0
//   ops/3/groups-0.erased.parquet     ids of rows that are gone
//
// A table that is on disk already (StoredRows) becomes Parquet only in a savepoint. Else the files
// of its database are linked; those that never change and that an earlier snapshot has linked stay
// where they are:
//
//   ops/3/groups-0.rocksdb/000012.sst
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "state/frozen_state.h"
#include "state/snapshot.h"
#include "state/state_file.h"

namespace millrace {

// The first column of each file.
inline constexpr const char* kKeyGroupColumn = "_key_group";

// The files of one instance, snapshot after snapshot from a full one on.
using StateChain = std::vector<StateFile>;

struct StoredMode {
  bool as_rows = false;               // tables on disk are written as Parquet
  const StateChain* before = nullptr;  // the chain of the snapshot before; may be null
};

// Writes what instance `instance` saved as files in `folder` (relative to `root`), which is made if
// need be. Returns them in the order in which they follow in the chain. They are durable, and so
// are their names in the folder; the folder's own name is the caller's to sync. Waits for the disk:
// for I/O threads.
Result<StateChain> WriteSnapshot(const FrozenState& state, const std::string& root,
                                 const std::string& folder, int instance,
                                 const StoredMode& mode = {});

// Checks sizes and checksums of all files, and notes them in `verified`; the error names the first
// that is missing or damaged.
Status VerifyFiles(const std::string& root, const StateChain& files,
                   VerifiedFiles* verified = nullptr);

// Reads the chains of all instances that saved, for one new instance. Every file is verified before
// it is read, if `verified` does not know it. Any thread; each call reads anew.
class StateFilesReader final : public StateReader {
 public:
  // `key_groups`: how many the job had that saved them.
  StateFilesReader(std::string root, std::vector<StateChain> chains, size_t instance,
                   size_t parallelism, uint32_t key_groups = kKeyGroups,
                   std::shared_ptr<VerifiedFiles> verified = nullptr)
      : root_(std::move(root)),
        chains_(std::move(chains)),
        groups_(GroupsOfTask(instance, parallelism, key_groups)),
        verified_(std::move(verified)) {}

  Result<arrow::RecordBatchVector> Read(const StateTable& table) const override;
  Status ForEach(const StateTable& table, const RowVisitor& visit) const override;
  std::vector<std::shared_ptr<const StoredRows>> Stored(const StateTable& table) const override;

 private:
  Status ReadChain(const StateTable& table, const StateChain& chain,
                   const RowVisitor& visit) const;
  Status ReadGrowing(const StateTable& table, const std::vector<const StateFile*>& files,
                     const RowVisitor& visit) const;
  Status ReadFile(const StateTable& table, const StateFile& file, const RowVisitor& visit) const;
  bool Concerns(const StateTable& table, const StateFile& file) const;  // a file of the table

  std::string root_;
  std::vector<StateChain> chains_;
  KeyGroupRange groups_;
  std::shared_ptr<VerifiedFiles> verified_;  // may be null
};

// Takes away the files of what `state`, the chain's last snapshot, says no longer counts. It was
// written as `epoch`, and each one before it under the number before.
void DropSuperseded(const FrozenState& state, int64_t epoch, StateChain* chain);

// True if the next snapshot is to be full: the deltas of some table, which are not written in turns,
// have grown beyond half of its full snapshot.
bool WantsFull(const FrozenState& state, const StateChain& chain);

// The databases among the files, of `table` or of all tables ("").
std::vector<std::shared_ptr<const StoredRows>> StoredInChain(const std::string& root,
                                                             const StateChain& chain,
                                                             const std::string& table);

// All rows of one Parquet file as it was written, `_key_group` included: for tools that show state.
Result<arrow::RecordBatchVector> ReadStateFile(const std::string& root, const StateFile& file);

}  // namespace millrace
