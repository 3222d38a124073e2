// KeyTable: the index of a memory state table: maps the keys of rows to slots, small numbers by
// which the state's columns are indexed. One lookup per row of a batch: keys are encoded column by
// column (key_codec.h), hashed once, and probed in groups with prefetches, so that cache misses
// overlap.
//
//   index   [tag|slot] [tag|slot] [  -  ] ...   open addressing, linear probing
//   keys    of fixed width: one array, at slot * width
//           else: [offset|length] by slot, into an arena
//
// Erased slots are reused, last first; the arena is compacted when half of it is dead, so a job
// that inserts and erases for ever stays flat. Owned by one operator, one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/status.h"
#include "state/key_codec.h"

namespace millrace {

class KeyTable {
 public:
  static constexpr uint32_t kNone = 0xFFFFFFFFu;

  // A table for keys of these types, with a namespace before them if `with_namespace`.
  static Result<KeyTable> Make(std::vector<std::shared_ptr<arrow::DataType>> types,
                               bool with_namespace);

  // Sets slots[i] to the slot of row i's key (and namespaces[i]); appends to `inserted` the rows
  // that brought a new key, ascending. New slots are below slot_count().
  Status FindOrInsert(const arrow::RecordBatch& rows, const std::vector<int>& columns,
                      const int64_t* namespaces, std::vector<uint32_t>& slots,
                      std::vector<uint32_t>& inserted);
  // Sets slots[i] to the slot of row i's key, kNone if it is not there. No namespaces.
  Status Find(const arrow::RecordBatch& rows, const std::vector<int>& columns,
              std::vector<uint32_t>& slots);
  // FindOrInsert for the keys of `slots` under another namespace.
  void FindOrInsertIn(int64_t other_namespace, std::span<const uint32_t> slots,
                      std::vector<uint32_t>& others, std::vector<uint32_t>& inserted);
  // A slot without a key, for more state of a key that has a slot already.
  uint32_t Allocate();
  // Forgets the slot and its key; the slot may come back from a later call.
  void Erase(uint32_t slot);
  // The same for many, whose cache misses overlap.
  void Erase(std::span<const uint32_t> slots);
  // The key columns of the slots, in order. Not for slots from Allocate.
  Result<arrow::ArrayVector> KeyColumns(std::span<const uint32_t> slots) const;

  // Slots ever in use: the length that the state's columns need.
  size_t slot_count() const { return used_.size(); }
  // Keys present.
  size_t size() const { return size_; }
  bool Used(uint32_t slot) const { return used_[slot] != kFree; }
  size_t memory_bytes() const;

 private:
  enum Use : uint8_t { kFree, kKeyed, kKeyless };
  struct Entry {
    uint32_t tag;
    uint32_t slot;
  };
  struct Place {
    uint64_t offset;
    uint32_t length;
  };

  explicit KeyTable(KeyCodec codec);
  const uint8_t* KeyData(uint32_t slot) const;
  size_t KeySize(uint32_t slot) const;
  bool Equal(uint32_t slot, const uint8_t* key, size_t size) const;
  void CopyKeys(int64_t other_namespace, std::span<const uint32_t> slots);
  void FindOrInsertEncoded(std::vector<uint32_t>& slots, std::vector<uint32_t>& inserted);
  void Prefetch(const EncodedKeys& keys, size_t begin, size_t end);
  uint32_t FindKey(const uint8_t* key, size_t size, uint32_t tag) const;
  uint32_t FindOrInsertKey(const uint8_t* key, size_t size, uint64_t hash, bool& is_new);
  uint32_t InsertKey(const uint8_t* key, size_t size, uint32_t tag);
  void PutEntry(uint32_t tag, uint32_t slot);
  void Rehash(size_t capacity);
  void EraseHashed(uint32_t slot, uint64_t hash);
  void EraseEntry(size_t position);
  void CompactArena();

  KeyCodec codec_;
  std::vector<Entry> entries_;
  size_t mask_ = 0;
  size_t size_ = 0;
  std::vector<Use> used_;       // by slot
  std::vector<uint32_t> free_;  // slots
  std::vector<uint8_t> keys_;   // fixed keys by slot, or the arena
  std::vector<Place> places_;   // by slot, variable keys only
  size_t live_bytes_ = 0;       // of the arena
  EncodedKeys encoded_;         // scratch
  std::vector<uint64_t> hashes_;
};

}  // namespace millrace
