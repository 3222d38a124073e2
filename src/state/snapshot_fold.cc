#include "state/snapshot_fold.h"

#include <arrow/api.h>

#include <algorithm>
#include <limits>
#include <map>
#include <string>

#include "data/take_rows.h"
#include "state/key_table.h"

namespace millrace {
namespace {

// Fails if the table has the column with another type.
Status CheckSavedType(const StateTable& table, const arrow::Field& saved) {
  const auto now = table.schema->GetFieldByName(saved.name());
  if (!now || now->type()->Equals(*saved.type())) return Status::OK();
  return UserError(
      "state table '{}': column '{}' was saved as {}, and is {} now. hint: restore with the "
      "script that saved it, or start without this state",
      table.name, saved.name(), saved.type()->ToString(), now->type()->ToString());
}

}  // namespace

// Ids that newer snapshots have written or erased: sets of rows over some columns.
class NewerIds {
 public:
  explicit NewerIds(const StateTable& table) : table_(table) {
    for (int column : table.id_columns) id_names_.push_back(table.schema->field(column)->name());
  }

  // What is added so far is newer than what comes now: about so many rows.
  Status BeginSnapshot(int64_t rows) {
    MILL_ASSIGN(KeyTable * ids, SetOver(id_names_));
    ids->Reserve(ids->size() + static_cast<size_t>(rows));
    newer_slots_ = ids->slot_count();
    return Status::OK();
  }

  Status AddErased(const arrow::RecordBatch& ids) {
    Names names;
    std::vector<int> columns;
    for (const auto& field : ids.schema()->fields()) {
      MILL_RETURN(CheckSavedType(table_, *field));
      columns.push_back(static_cast<int>(names.size()));
      names.push_back(field->name());
    }
    MILL_ASSIGN(KeyTable * erased, SetOver(names));
    std::vector<uint32_t> inserted;
    return erased->FindOrInsert(ids, columns, nullptr, slots_, inserted);
  }

  // The rows that are in none of the sets.
  Result<std::shared_ptr<arrow::RecordBatch>> Rest(
      const std::shared_ptr<arrow::RecordBatch>& rows) {
    MILL_RETURN(Mark(*rows, nullptr));
    return Unmarked(rows);
  }
  // The same; and adds their ids. Rows of one snapshot may share an id.
  Result<std::shared_ptr<arrow::RecordBatch>> RestAndAdd(
      const std::shared_ptr<arrow::RecordBatch>& rows) {
    MILL_RETURN(Mark(*rows, &id_names_));
    MILL_ASSIGN(KeyTable * ids, SetOver(id_names_));
    inserted_.clear();
    MILL_RETURN(ids->FindOrInsert(*rows, table_.id_columns, nullptr, slots_, inserted_));
    for (size_t i = 0; i < slots_.size(); ++i) newer_[i] = newer_[i] || slots_[i] < newer_slots_;
    return Unmarked(rows);
  }

 private:
  using Names = std::vector<std::string>;

  // Sets newer_ to which rows are in a set other than that over `but`.
  Status Mark(const arrow::RecordBatch& rows, const Names* but) {
    newer_.assign(static_cast<size_t>(rows.num_rows()), false);
    for (auto& [names, ids] : sets_) {
      if (but && names == *but) continue;
      MILL_RETURN(ids->Find(rows, Positions(names), nullptr, slots_));
      for (size_t i = 0; i < slots_.size(); ++i) {
        newer_[i] = newer_[i] || slots_[i] != KeyTable::kNone;
      }
    }
    return Status::OK();
  }

  Result<std::shared_ptr<arrow::RecordBatch>> Unmarked(
      const std::shared_ptr<arrow::RecordBatch>& rows) const {
    std::vector<int32_t> rest;
    for (size_t i = 0; i < newer_.size(); ++i) {
      if (!newer_[i]) rest.push_back(static_cast<int32_t>(i));
    }
    if (rest.size() == newer_.size()) return rows;
    return TakeRows(rows, rest);
  }

  std::vector<int> Positions(const Names& names) const {
    std::vector<int> positions;
    for (const auto& name : names) positions.push_back(table_.schema->GetFieldIndex(name));
    return positions;
  }

  Result<KeyTable*> SetOver(const Names& names) {
    const auto found = sets_.find(names);
    if (found != sets_.end()) return found->second.get();
    for (const auto& name : names) {
      if (table_.schema->GetFieldIndex(name) < 0) {
        return ExternalError("state table '{}' has erased rows by a column '{}', which it lacks",
                             table_.name, name);
      }
    }
    MILL_ASSIGN(auto ids, KeyTable::Make(*table_.schema, Positions(names)));
    return sets_.emplace(names, std::move(ids)).first->second.get();
  }

  const StateTable& table_;
  Names id_names_;
  std::map<Names, std::unique_ptr<KeyTable>> sets_;
  size_t newer_slots_ = 0;  // of the set over the table's ids: what was added before this snapshot
  std::vector<bool> newer_;  // scratch, by row; as the next two
  std::vector<uint32_t> slots_, inserted_;
};

namespace {

// Rows with lists that grow, newest first: an older row of an id that is there already only adds
// its lists, before those of the newer ones.
class GrowingRows {
 public:
  explicit GrowingRows(const StateTable& table) : table_(table) {}

  Status Add(const std::shared_ptr<arrow::RecordBatch>& rows) {
    MILL_RETURN(Prepare());
    std::vector<uint32_t> slots, inserted;
    MILL_RETURN(ids_->FindOrInsert(*rows, table_.id_columns, nullptr, slots, inserted));
    Output output;
    std::vector<bool> is_new(slots.size(), false);
    for (uint32_t row : inserted) {
      is_new[row] = true;
      places_.push_back({outputs_.size(), output.indices.size()});
      output.indices.push_back(static_cast<int32_t>(row));
    }
    MILL_ASSIGN(output.rows, TakeRows(rows, output.indices));
    output.older.resize(inserted.size());
    outputs_.push_back(std::move(output));
    for (size_t i = 0; i < slots.size(); ++i) {
      if (is_new[i]) continue;
      const Place& place = places_[slots[i]];
      outputs_[place.output].older[place.row].push_back({rows, static_cast<int64_t>(i)});
      outputs_[place.output].grown = true;
    }
    return Status::OK();
  }

  Result<arrow::RecordBatchVector> Finish() {
    arrow::RecordBatchVector folded;
    for (Output& output : outputs_) {
      if (output.rows->num_rows() == 0) continue;
      if (output.grown) {
        for (int c = 0; c < table_.schema->num_fields(); ++c) {
          if (!IsGrowing(*table_.schema->field(c))) continue;
          MILL_ASSIGN(auto lists, JoinLists(output, c));
          MILL_ASSIGN(output.rows, output.rows->SetColumn(c, table_.schema->field(c), lists));
        }
      }
      folded.push_back(std::move(output.rows));
    }
    return folded;
  }

 private:
  struct Source {
    std::shared_ptr<arrow::RecordBatch> rows;
    int64_t row;
  };
  struct Output {
    std::shared_ptr<arrow::RecordBatch> rows;
    std::vector<int32_t> indices;
    std::vector<std::vector<Source>> older;  // by row, newest first
    bool grown = false;
  };
  struct Place {
    size_t output, row;
  };

  Status Prepare() {
    if (ids_) return Status::OK();
    return KeyTable::Make(*table_.schema, table_.id_columns).Value(&ids_);
  }

  // The column with the older rows' lists put before the rows' own.
  Result<std::shared_ptr<arrow::Array>> JoinLists(const Output& output, int column) const {
    arrow::ArrayVector parts;
    std::vector<int32_t> offsets = {0};
    int64_t length = 0;
    const auto add = [&](const arrow::RecordBatch& rows, int64_t row) {
      const auto& lists = static_cast<const arrow::ListArray&>(*rows.column(column));
      if (lists.IsNull(row) || lists.value_length(row) == 0) return;
      parts.push_back(lists.values()->Slice(lists.value_offset(row), lists.value_length(row)));
      length += lists.value_length(row);
    };
    for (size_t row = 0; row < output.older.size(); ++row) {
      const auto& older = output.older[row];
      for (size_t i = older.size(); i-- > 0;) add(*older[i].rows, older[i].row);
      add(*output.rows, static_cast<int64_t>(row));
      if (length > std::numeric_limits<int32_t>::max()) {
        return Status::CapacityError("the lists of state table '", table_.name, "' exceed 2^31");
      }
      offsets.push_back(static_cast<int32_t>(length));
    }
    const auto& type = table_.schema->field(column)->type();
    std::shared_ptr<arrow::Array> values;
    if (parts.empty()) {
      MILL_ASSIGN(values, arrow::MakeEmptyArray(type->field(0)->type()));
    } else {
      MILL_ASSIGN(values, arrow::Concatenate(parts));
    }
    return std::make_shared<arrow::ListArray>(type, static_cast<int64_t>(output.older.size()),
                                              arrow::Buffer::FromVector(std::move(offsets)),
                                              std::move(values));
  }

  const StateTable& table_;
  std::unique_ptr<KeyTable> ids_;
  std::vector<Place> places_;  // by slot of ids_
  std::vector<Output> outputs_;
};

int64_t CountRows(const arrow::RecordBatchVector& batches) {
  int64_t count = 0;
  for (const auto& rows : batches) count += rows->num_rows();
  return count;
}

Result<arrow::RecordBatchVector> FoldGrowing(const StateTable& table,
                                             const std::vector<SnapshotPiece>& pieces) {
  NewerIds erased(table);
  GrowingRows growing(table);
  for (size_t i = pieces.size(); i-- > 0;) {
    for (const auto& rows : pieces[i].rows) {
      MILL_ASSIGN(auto rest, erased.Rest(rows));
      MILL_RETURN(growing.Add(rest));
    }
    for (const auto& ids : pieces[i].erased) MILL_RETURN(erased.AddErased(*ids));
  }
  return growing.Finish();
}

}  // namespace

bool Grows(const StateTable& table) {
  return std::any_of(table.schema->fields().begin(), table.schema->fields().end(),
                     [](const auto& field) { return IsGrowing(*field); });
}

// A single row that grows has no id.
bool IsReplaced(const StateTable& table) { return table.id_columns.empty() && !Grows(table); }

Result<arrow::RecordBatchVector> FoldPieces(const StateTable& table,
                                            std::vector<SnapshotPiece> pieces) {
  if (IsReplaced(table)) {
    return pieces.empty() ? arrow::RecordBatchVector() : std::move(pieces.back().rows);
  }
  if (Grows(table) && pieces.size() > 1) return FoldGrowing(table, pieces);
  SnapshotFold fold(table);
  arrow::RecordBatchVector folded;
  for (size_t i = pieces.size(); i-- > 0; pieces.pop_back()) {
    if (i > 0) MILL_RETURN(fold.BeginSnapshot(CountRows(pieces[i].rows)));
    for (const auto& rows : pieces[i].rows) {
      MILL_ASSIGN(auto rest, i == 0 ? fold.TakeOldest(rows) : fold.Take(rows));
      if (rest->num_rows() > 0) folded.push_back(std::move(rest));
    }
    for (const auto& ids : pieces[i].erased) MILL_RETURN(fold.Erase(*ids));
  }
  return folded;
}

SnapshotFold::SnapshotFold(const StateTable& table) : newer_(std::make_unique<NewerIds>(table)) {}
SnapshotFold::~SnapshotFold() = default;

Status SnapshotFold::BeginSnapshot(int64_t rows) { return newer_->BeginSnapshot(rows); }

Status SnapshotFold::Erase(const arrow::RecordBatch& ids) { return newer_->AddErased(ids); }

Result<std::shared_ptr<arrow::RecordBatch>> SnapshotFold::Take(
    const std::shared_ptr<arrow::RecordBatch>& rows) {
  return newer_->RestAndAdd(rows);
}

Result<std::shared_ptr<arrow::RecordBatch>> SnapshotFold::TakeOldest(
    const std::shared_ptr<arrow::RecordBatch>& rows) {
  return newer_->Rest(rows);
}

namespace {

// A row without its key or id would be another row.
Status CheckMayLack(const StateTable& table, int column) {
  const auto among = [column](const std::vector<int>& columns) {
    return std::find(columns.begin(), columns.end(), column) != columns.end();
  };
  if (!among(table.key_columns) && !among(table.id_columns)) return Status::OK();
  return UserError(
      "state table '{}' was saved without column '{}', by which its rows are known now. hint: "
      "restore with the script that saved it, or start without this state",
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
    MILL_RETURN(CheckSavedType(table, *field->WithType(column->type())));
    columns.push_back(std::move(column));
  }
  return arrow::RecordBatch::Make(table.schema, rows.num_rows(), std::move(columns));
}

Result<std::vector<uint32_t>> KeyGroupsOf(const StateTable& table,
                                          const arrow::RecordBatch& rows, uint32_t key_groups) {
  std::vector<uint32_t> groups(static_cast<size_t>(rows.num_rows()), 0);
  if (table.key_columns.empty()) return groups;
  std::vector<uint64_t> hashes;
  MILL_RETURN(HashKeys(rows, table.key_columns, hashes));
  for (size_t i = 0; i < groups.size(); ++i) groups[i] = KeyGroup(hashes[i], key_groups);
  return groups;
}

}  // namespace millrace
