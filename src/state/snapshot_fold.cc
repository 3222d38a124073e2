#include "state/snapshot_fold.h"

#include <algorithm>
#include <map>
#include <string>

#include "data/batch.h"
#include "state/key_table.h"

namespace millrace {
namespace {

// Ids that newer snapshots have written or erased: sets of rows over some columns.
class NewerIds {
 public:
  explicit NewerIds(const StateTable& table) : table_(table) {}

  Status Add(const std::vector<int>& columns, const arrow::RecordBatch& rows) {
    MILL_ASSIGN(KeyTable * ids, SetOver(ColumnNames(rows, columns), rows, columns));
    std::vector<uint32_t> slots, inserted;
    return ids->FindOrInsert(rows, columns, nullptr, slots, inserted);
  }
  Status AddErased(const arrow::RecordBatch& ids) {
    std::vector<int> columns;
    for (int i = 0; i < ids.num_columns(); ++i) columns.push_back(i);
    return Add(columns, ids);
  }

  // The rows that are in none of the sets.
  Result<std::shared_ptr<arrow::RecordBatch>> Rest(
      const std::shared_ptr<arrow::RecordBatch>& rows) {
    std::vector<bool> newer(static_cast<size_t>(rows->num_rows()), false);
    for (auto& [names, ids] : sets_) {
      std::vector<uint32_t> slots;
      MILL_RETURN(ids.Find(*rows, Positions(names), slots));
      for (size_t i = 0; i < slots.size(); ++i) newer[i] = newer[i] || slots[i] != KeyTable::kNone;
    }
    std::vector<int32_t> rest;
    for (size_t i = 0; i < newer.size(); ++i) {
      if (!newer[i]) rest.push_back(static_cast<int32_t>(i));
    }
    if (rest.size() == newer.size()) return rows;
    return TakeRows(rows, rest);
  }

 private:
  using Names = std::vector<std::string>;

  static Names ColumnNames(const arrow::RecordBatch& rows, const std::vector<int>& columns) {
    Names names;
    for (int column : columns) names.push_back(rows.schema()->field(column)->name());
    return names;
  }

  std::vector<int> Positions(const Names& names) const {
    std::vector<int> positions;
    for (const auto& name : names) positions.push_back(table_.schema->GetFieldIndex(name));
    return positions;
  }

  Result<KeyTable*> SetOver(Names names, const arrow::RecordBatch& rows,
                            const std::vector<int>& columns) {
    const auto found = sets_.find(names);
    if (found != sets_.end()) return &found->second;
    std::vector<std::shared_ptr<arrow::DataType>> types;
    for (int column : columns) types.push_back(rows.column(column)->type());
    for (const auto& name : names) {
      if (table_.schema->GetFieldIndex(name) < 0) {
        return ExternalError("state table '{}' has erased rows by a column '{}', which it lacks",
                             table_.name, name);
      }
    }
    MILL_ASSIGN(KeyTable ids, KeyTable::Make(std::move(types), false));
    return &sets_.emplace(std::move(names), std::move(ids)).first->second;
  }

  const StateTable& table_;
  std::map<Names, KeyTable> sets_;
};

}  // namespace

Result<arrow::RecordBatchVector> FoldPieces(const StateTable& table,
                                            std::vector<SnapshotPiece> pieces) {
  if (table.id_columns.empty()) {
    return pieces.empty() ? arrow::RecordBatchVector() : std::move(pieces.back().rows);
  }
  NewerIds newer(table);
  arrow::RecordBatchVector folded;
  for (size_t i = pieces.size(); i-- > 0;) {
    for (const auto& rows : pieces[i].rows) {
      MILL_ASSIGN(auto rest, newer.Rest(rows));
      if (rest->num_rows() > 0) folded.push_back(std::move(rest));
    }
    if (i == 0) break;
    for (const auto& rows : pieces[i].rows) MILL_RETURN(newer.Add(table.id_columns, *rows));
    for (const auto& ids : pieces[i].erased) MILL_RETURN(newer.AddErased(*ids));
  }
  return folded;
}

namespace {

// A row without its key or id would be another row.
Status CheckMayLack(const StateTable& table, int column) {
  const auto among = [column](const std::vector<int>& columns) {
    return std::find(columns.begin(), columns.end(), column) != columns.end();
  };
  if (!among(table.key_columns) && !among(table.id_columns)) return Status::OK();
  return UserError(
      "state table '{}' was saved without column '{}', by which its rows are known now. hint: restore "
      "with the script that saved it, or start without this state",
      table.name, table.schema->field(column)->name());
}

}  // namespace

Result<std::shared_ptr<arrow::RecordBatch>> ConformTo(const StateTable& table,
                                                      const arrow::RecordBatch& rows) {
  arrow::ArrayVector columns;
  for (const auto& field : table.schema->fields()) {
    std::shared_ptr<arrow::Array> column = rows.GetColumnByName(field->name());
    if (column == nullptr) {
      MILL_RETURN(CheckMayLack(table, static_cast<int>(columns.size())));
      MILL_ASSIGN(column, arrow::MakeArrayOfNull(field->type(), rows.num_rows()));
    }
    if (!column->type()->Equals(*field->type())) {
      return UserError(
          "state table '{}': column '{}' was saved as {}, and is {} now. hint: restore with the "
          "script that saved it, or start without this state",
          table.name, field->name(), column->type()->ToString(), field->type()->ToString());
    }
    columns.push_back(std::move(column));
  }
  return arrow::RecordBatch::Make(table.schema, rows.num_rows(), std::move(columns));
}

Result<std::shared_ptr<arrow::RecordBatch>> TakeRows(
    const std::shared_ptr<arrow::RecordBatch>& rows, const std::vector<int32_t>& indices) {
  MILL_ASSIGN(Batch taken, (Batch{rows, nullptr, nullptr, 0}.Take(indices)));
  return taken.rows;
}

Result<std::vector<uint32_t>> KeyGroupsOf(const StateTable& table,
                                          const arrow::RecordBatch& rows) {
  std::vector<uint32_t> groups(static_cast<size_t>(rows.num_rows()), 0);
  if (table.key_columns.empty()) return groups;
  std::vector<uint64_t> hashes;
  MILL_RETURN(HashKeys(rows, table.key_columns, hashes));
  for (size_t i = 0; i < groups.size(); ++i) groups[i] = KeyGroup(hashes[i], kKeyGroups);
  return groups;
}

}  // namespace millrace
