// What the operators' Save and Load share: the layout of a table of keyed rows, written in portions
// and read back slot by slot:
//
//   key columns | the operator's own columns (BIGINT, TIMESTAMP) | columns of the aggregates
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "data/batch.h"
#include "operators/aggregate_set.h"
#include "operators/operator.h"
#include "state/key_table.h"
#include "state/snapshot.h"

namespace millrace {

// A column of the operator's own: numbers, or times (timestamp[ms]).
struct OwnColumn {
  std::string name;
  std::string doc;
  bool time = false;
};

// The layout of one table of an operator. Plain data.
class SavedRows {
 public:
  // `keys`: the key columns' fields. `key_columns` and `id_columns` are places among all columns.
  SavedRows(std::string name, std::string doc, const arrow::FieldVector& keys,
            const std::vector<OwnColumn>& own, const arrow::FieldVector& aggregates,
            std::vector<int> key_columns, std::vector<int> id_columns);

  const StateTable& table() const { return table_; }
  size_t keys() const { return keys_; }
  // Places of the key columns: 0, 1 ...
  const std::vector<int>& key_places() const { return key_places_; }

  // Writes rows of these columns: those of the keys, own numbers, those of aggregates.
  Status Write(StateWriter& writer, arrow::ArrayVector keys,
               std::vector<std::vector<int64_t>> own, arrow::ArrayVector aggregates) const;
  // Writes what `changes` tells of keys that are gone, and of earlier snapshots.
  Status WriteErased(StateWriter& writer, KeyChanges& changes) const;
  // What KeyTable::TakeChanges may do for this table.
  Rewrite rewrite() const;
  // Writes no rows: of a table without ids, what was there is gone.
  Status WriteNone(StateWriter& writer) const;
  // Erases by the columns at `places`.
  Status Erase(StateWriter& writer, const std::vector<int>& places, arrow::ArrayVector ids,
               int64_t count) const;

  // Erases by the first of the own columns, as many as given.
  Status EraseByOwn(StateWriter& writer, std::vector<std::vector<int64_t>> own) const;

  // Reads what was saved, batch by batch: puts the rows' keys into `keys` and calls load with their
  // slots. Fails if a key has more rows than it may.
  enum class RowsPerKey { kOne, kMany };
  using RowsLoader =
      std::function<Status(const arrow::RecordBatch& rows, std::span<const uint32_t> slots)>;
  Status Load(const StateReader& reader, KeyTable& keys, RowsPerKey rows_per_key,
              const RowsLoader& load) const;

  // One own column of rows read.
  std::span<const int64_t> Own(const arrow::RecordBatch& rows, size_t column) const;
  // The aggregates' columns of rows read.
  arrow::ArrayVector Aggregates(const arrow::RecordBatch& rows) const;

 private:
  StateTable table_;
  size_t keys_, own_;
  std::vector<int> key_places_;
};

// Writes what `changes` tells beside the keys to be written: which are gone, whose columns stand at
// `places` of the table, and which snapshots count.
Status WriteErased(StateWriter& writer, const StateTable& table, const std::vector<int>& places,
                   KeyChanges& changes);

// Fields of the first `count` columns of an output, which are its keys.
arrow::FieldVector KeyFields(const arrow::Schema& output, size_t count, const std::string& doc);

// Where each of `columns` stands among `keys`, which hold them all.
std::vector<int> PlacesAmong(const std::vector<int>& keys, const std::vector<int>& columns);
// Fields of accumulators that are always saved whole: of a row that shares its id with others, none
// can add to an earlier one.
arrow::FieldVector WholeFields(const arrow::FieldVector& fields);

// Calls write(slots) for portions of the slots, so that no array grows beyond bounds.
Status InPortions(std::span<const uint32_t> slots,
                  const std::function<Status(std::span<const uint32_t>)>& write);

// A table of one row per instance, of the instance, its parallelism and some numbers; written in
// every snapshot.
class SavedNumbers {
 public:
  SavedNumbers(std::string name, std::string doc, std::vector<OwnColumn> columns)
      : rows_(std::move(name), std::move(doc), {}, WithInstance(std::move(columns)), {}, {}, {}) {}

  Status Write(StateWriter& writer, const OperatorContext& context,
               const std::vector<int64_t>& numbers) const;
  // The rows saved, instance and parallelism first.
  Result<std::vector<std::vector<int64_t>>> Read(const StateReader& reader) const;

 private:
  static std::vector<OwnColumn> WithInstance(std::vector<OwnColumn> columns);

  SavedRows rows_;
};

}  // namespace millrace
