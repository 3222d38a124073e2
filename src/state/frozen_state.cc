#include "state/frozen_state.h"

#include <arrow/util/byte_size.h>

#include <algorithm>

#include "data/take_rows.h"
#include "state/snapshot_fold.h"

namespace millrace {

Status FrozenState::Write(const StateTable& table, std::shared_ptr<arrow::RecordBatch> rows) {
  if (!rows->schema()->Equals(*table.schema, /*check_metadata=*/false)) {
    return Status::UnknownError("state table '", table.name, "' has columns ",
                                table.schema->ToString(), ", not ", rows->schema()->ToString());
  }
  Find(table).rows.push_back(std::move(rows));
  return Status::OK();
}

Status FrozenState::Erase(const StateTable& table, std::shared_ptr<arrow::RecordBatch> ids) {
  Find(table).erased.push_back(std::move(ids));
  return Status::OK();
}

Status FrozenState::CountLast(const StateTable& table, int64_t snapshots) {
  Find(table).last_snapshots = snapshots;
  return Status::OK();
}

Status FrozenState::WriteStored(const StateTable& table, std::shared_ptr<const StoredRows> rows) {
  Find(table).stored = std::move(rows);
  return Status::OK();
}

bool FrozenState::whole() const {
  return mode_ == SaveMode::kFull || std::any_of(tables_.begin(), tables_.end(),
                                                 [](const auto& t) { return t.stored != nullptr; });
}

FrozenTable& FrozenState::Find(const StateTable& table) {
  const auto found = std::find_if(tables_.begin(), tables_.end(),
                                  [&](const auto& t) { return t.table.name == table.name; });
  if (found != tables_.end()) return *found;
  tables_.push_back({table, {}, {}, 0});
  return tables_.back();
}

int64_t FrozenState::rows() const {
  int64_t total = 0;
  for (const FrozenTable& table : tables_) {
    for (const auto& rows : table.rows) total += rows->num_rows();
    if (table.stored) total += table.stored->rows();
  }
  return total;
}

int64_t FrozenState::bytes() const {
  int64_t total = 0;
  for (const FrozenTable& table : tables_) {
    for (const auto& rows : table.rows) total += arrow::util::TotalBufferSize(*rows);
    for (const auto& ids : table.erased) total += arrow::util::TotalBufferSize(*ids);
  }
  return total;
}

namespace {

// The rows whose key this task owns.
Result<std::shared_ptr<arrow::RecordBatch>> TakeOwn(const StateTable& table,
                                                    const std::shared_ptr<arrow::RecordBatch>& rows,
                                                    size_t instance, size_t parallelism,
                                                    uint32_t key_groups) {
  if (table.key_columns.empty()) return rows;
  MILL_ASSIGN(const std::vector<uint32_t> groups, KeyGroupsOf(table, *rows, key_groups));
  std::vector<int32_t> own;
  for (size_t i = 0; i < groups.size(); ++i) {
    if (TaskOfGroup(groups[i], parallelism, key_groups) != instance) continue;
    own.push_back(static_cast<int32_t>(i));
  }
  return TakeRows(rows, own);
}

// The first snapshot of the chain that counts for the table.
size_t FirstThatCounts(const StateTable& table, const FrozenReader::Chain& chain) {
  for (const FrozenTable& frozen : chain.back()->tables()) {
    const auto last = static_cast<size_t>(frozen.last_snapshots);
    if (frozen.table.name == table.name && last > 0 && last < chain.size()) {
      return chain.size() - last;
    }
  }
  return 0;
}

}  // namespace

Result<arrow::RecordBatchVector> FrozenReader::Read(const StateTable& table) const {
  arrow::RecordBatchVector all;
  MILL_RETURN(ForEach(table, [&](std::shared_ptr<arrow::RecordBatch> rows) {
    all.push_back(std::move(rows));
    return Status::OK();
  }));
  return all;
}

Status FrozenReader::ForEach(const StateTable& table, const RowVisitor& visit) const {
  MILL_RETURN(ReadFolded(table, visit));
  uint32_t key_groups = kKeyGroups;
  for (const Chain& chain : chains_) {
    if (!chain.empty()) key_groups = chain.back()->key_groups();
  }
  const KeyGroupRange groups = GroupsOfTask(instance_, parallelism_, key_groups);
  for (const auto& stored : Stored(table)) MILL_RETURN(stored->ForEach(table, groups, visit));
  return Status::OK();
}

std::vector<std::shared_ptr<const StoredRows>> FrozenReader::Stored(const StateTable& table) const {
  std::vector<std::shared_ptr<const StoredRows>> stored;
  for (const Chain& chain : chains_) {
    if (chain.empty()) continue;
    for (const FrozenTable& frozen : chain.back()->tables()) {
      if (frozen.table.name == table.name && frozen.stored) stored.push_back(frozen.stored);
    }
  }
  return stored;
}

Status FrozenReader::ReadFolded(const StateTable& table, const RowVisitor& visit) const {
  for (const Chain& chain : chains_) {
    if (chain.empty()) continue;
    std::vector<SnapshotPiece> pieces;
    for (size_t s = FirstThatCounts(table, chain); s < chain.size(); ++s) {
      for (const FrozenTable& frozen : chain[s]->tables()) {
        if (frozen.table.name != table.name) continue;
        SnapshotPiece& piece = pieces.emplace_back();
        piece.erased = frozen.erased;
        for (const auto& rows : frozen.rows) {
          MILL_ASSIGN(auto conformed, ConformTo(table, *rows));
          piece.rows.push_back(std::move(conformed));
        }
      }
    }
    MILL_ASSIGN(auto folded, FoldPieces(table, std::move(pieces)));
    const uint32_t key_groups = chain.back()->key_groups();
    for (const auto& rows : folded) {
      MILL_ASSIGN(auto own, TakeOwn(table, rows, instance_, parallelism_, key_groups));
      if (own->num_rows() > 0) MILL_RETURN(visit(std::move(own)));
    }
  }
  return Status::OK();
}

}  // namespace millrace
