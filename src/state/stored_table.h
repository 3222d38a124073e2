// StoredTable: the rows of a state table in the files of a RocksDB, to be read; and StoredLayout:
// how they stand there (rocksdb_store.h). A value is all rows of its key, one behind the other, as
// bytes (row_codec.h); in tables with timers the time of the key's timer comes first:
//
//   [timer 8] [row without the key's columns] [row] ...
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "state/key_codec.h"
#include "state/rocksdb_store.h"
#include "state/row_codec.h"
#include "state/snapshot.h"

namespace millrace {

// Keys of a store, one behind the other. A scratch buffer.
struct StoreKeys {
  std::string bytes;
  std::vector<size_t> ends;
  void Clear() {
    bytes.clear();
    ends.clear();
  }
  size_t size() const { return ends.size(); }
  std::string_view operator[](size_t i) const {
    const size_t begin = i == 0 ? 0 : ends[i - 1];
    return std::string_view(bytes).substr(begin, ends[i] - begin);
  }
};

// What is a row's key, by places in its table.
struct StoredKey {
  std::vector<int> columns;  // the table's key columns among them
  // Two columns of 64 bits, never NULL, which are of the key as well; or none. They tell the slices
  // of a key apart, and stand before it if whole slices are read, else behind it.
  std::vector<int> slice = {};
  bool slice_first = false;
  uint32_t key_groups = kKeyGroups;  // of the job

  bool operator==(const StoredKey&) const = default;
};

class StoredLayout {
 public:
  // Fails if some column cannot be stored.
  static Result<StoredLayout> Make(const StateTable& table, StoredKey key, bool timers);
  // What a database says of itself.
  static Result<StoredLayout> Read(const RocksDbStore& store);
  Status Write(RocksDbStore& store) const;

  const StateTable& table() const { return table_; }
  const RowCodec& rows() const { return rows_; }
  const StoredKey& key() const { return key_; }
  size_t timer_bytes() const { return timers_ ? 8 : 0; }
  bool SameAs(const StoredLayout& other) const;

  // A batch of the key columns alone, those of the slice last.
  std::shared_ptr<arrow::RecordBatch> KeyBatch(int64_t rows, arrow::ArrayVector columns) const {
    return arrow::RecordBatch::Make(key_schema_, rows, std::move(columns));
  }
  // Places in it of the key's columns without those of the slice.
  const std::vector<int>& key_places() const { return key_places_; }
  // The other columns of rows.
  arrow::ArrayVector Values(const arrow::RecordBatch& rows) const;
  // Place of the table's column `column` among these.
  size_t ValuePlace(int column) const;

  // Sets `keys` to those of a batch of keys, or of the rows.
  Status EncodeKeys(const arrow::RecordBatch& key_batch, StoreKeys& keys) const;
  Status EncodeKeysOf(const arrow::RecordBatch& rows, StoreKeys& keys) const;
  // The batch of keys.
  Result<std::shared_ptr<arrow::RecordBatch>> DecodeKeys(const StoreKeys& keys) const;
  // The rows: `keys[i]` has the next counts[i] of `values`.
  Result<std::shared_ptr<arrow::RecordBatch>> Join(const StoreKeys& keys,
                                                   const std::vector<int32_t>& counts,
                                                   const arrow::RecordBatch& values) const;

  // The first bytes of the keys of a key group.
  static std::string GroupBytes(uint32_t group) {
    return {static_cast<char>(group >> 8), static_cast<char>(group)};
  }
  static constexpr size_t kGroupBytes = 2;
  // Of keys with a slice: its two numbers, and their bytes, and where they begin.
  static std::string SliceBytes(int64_t first, int64_t second);
  static std::pair<int64_t, int64_t> SliceOf(std::string_view bytes);
  size_t SlicePlace(size_t key_size) const {
    return key_.slice_first ? kGroupBytes : key_size - slice_bytes();
  }
  size_t slice_bytes() const { return key_.slice.size() * 8; }

  // Reads the rows of a value into `reader`; returns how many.
  Result<int32_t> ReadRows(std::string_view value, RowReader& reader) const;
  int64_t TimerOf(std::string_view value) const;

 private:
  StoredLayout(StateTable table, StoredKey key, bool timers, KeyCodec codec, RowCodec rows);

  StateTable table_;
  StoredKey key_;
  std::vector<int> keys_, values_;  // places of the columns, the slice's behind the key's
  bool timers_;
  KeyCodec codec_;
  RowCodec rows_;
  std::shared_ptr<arrow::Schema> key_schema_;
  std::vector<int> key_places_;
  StateTable grouped_;  // a batch of keys, for its key groups
};

class StoredTable final : public StoredRows {
 public:
  // `files`: all of a database. `owned`: their folder, which is removed with this; `space`: what it
  // lies in.
  StoredTable(std::vector<std::string> files, KeyGroupRange groups, int64_t rows,
              std::string owned = "", std::shared_ptr<RocksDbSpace> space = nullptr)
      : files_(std::move(files)),
        groups_(groups),
        rows_(rows),
        owned_(std::move(owned)),
        space_(std::move(space)) {}
  ~StoredTable() override;

  std::vector<std::string> Files() const override { return files_; }
  KeyGroupRange groups() const override { return groups_; }
  int64_t rows() const override { return rows_; }
  Status ForEach(const StateTable& table, KeyGroupRange groups,
                 const RowVisitor& visit) const override;

 private:
  std::vector<std::string> files_;
  KeyGroupRange groups_;
  int64_t rows_;
  std::string owned_;
  std::shared_ptr<RocksDbSpace> space_;
};

// The first rows of a database, at most `limit`, with the columns that it has; null if there are
// none.
Result<std::shared_ptr<arrow::RecordBatch>> FirstStoredRows(const StoredRows& stored,
                                                            int64_t limit);

// The table that a database holds, with all its columns; its name and doc are not known there.
Result<StateTable> TableOfStored(const StoredRows& stored);

// The files of the database in `folder`.
std::vector<std::string> DatabaseFiles(const std::string& folder);
// True if the file never changes under its name.
bool IsImmutable(const std::string& path);
// Makes `to` another name of the file, or a copy if that cannot be.
Status LinkOrCopy(const std::string& from, const std::string& to);
// Makes a database of the files in `folder`, which is made.
Status AdoptFiles(const std::vector<std::string>& files, const std::string& folder);

}  // namespace millrace
