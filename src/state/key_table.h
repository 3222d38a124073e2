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
//
// Once it has been saved, the table notes what changes: one byte by slot tells whether the key has
// been looked up since (its state may differ), and whether it was in a snapshot (so that a delta
// must tell of its end). So that a chain of deltas does not grow for ever, each delta also writes
// as many keys again (half as many where much changes, so that a snapshot costs less, though there is
// more to be read) that have not changed, from slot to slot, round after round: once round, what
// the chain holds from before that is of no use. So no snapshot but the first need be whole, and
// what one costs grows with the change, not with the table.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "base/status.h"
#include "state/key_codec.h"
#include "state/snapshot.h"

namespace millrace {

// What a snapshot must hold of a key table.
struct KeyChanges {
  std::vector<uint32_t> slots;  // keys to be written, ascending
  arrow::ArrayVector erased;    // key columns of those saved before and gone since
  int64_t erased_count = 0;
  // All keys have been written in the newest so many snapshots, this one included: what is in
  // earlier ones no longer counts. 0: not known.
  int64_t last_snapshots = 0;
};

// What deltas hold beside what has changed.
enum class Rewrite {
  kInTurns,  // keys that have not changed, in turns
  kNothing,  // where a key's row of a delta cannot take the place of an earlier one (lists that grow)
};

class KeyTable {
 public:
  static constexpr uint32_t kNone = 0xFFFFFFFFu;

  // A table for keys of these columns' types, with a namespace before them if `with_namespace`.
  // Fails for types that cannot be keys (nested ones).
  static Result<std::unique_ptr<KeyTable>> Make(const arrow::Schema& schema,
                                                const std::vector<int>& columns,
                                                bool with_namespace = false);

  // Sets slots[i] to the slot of row i's key (and namespaces[i]); appends to `inserted` the rows
  // that brought a new key, ascending. New slots are below slot_count().
  Status FindOrInsert(const arrow::RecordBatch& rows, const std::vector<int>& columns,
                      const int64_t* namespaces, std::vector<uint32_t>& slots,
                      std::vector<uint32_t>& inserted);
  // Sets slots[i] to the slot of row i's key (and namespaces[i]), kNone if it is not there.
  Status Find(const arrow::RecordBatch& rows, const std::vector<int>& columns,
              const int64_t* namespaces, std::vector<uint32_t>& slots);
  // FindOrInsert for the keys of `slots` under another namespace.
  void FindOrInsertIn(int64_t other_namespace, std::span<const uint32_t> slots,
                      std::vector<uint32_t>& others, std::vector<uint32_t>& inserted);
  // Makes room for so many keys in all, but for the bytes of those of variable width.
  void Reserve(size_t keys);
  // A slot without a key, for more state of a key that has a slot already.
  uint32_t Allocate();
  // Forgets the slot and its key; the slot may come back from a later call.
  void Erase(uint32_t slot);
  // The same for many, whose cache misses overlap.
  void Erase(std::span<const uint32_t> slots);
  // The key columns of the slots, in order. Not for slots from Allocate.
  Result<arrow::ArrayVector> KeyColumns(std::span<const uint32_t> slots) const;

  // The keys to be saved: all, or those that have changed since the last call. From the first call
  // on changes are noted; what changes after it belongs to the next one. In a table with
  // namespaces, whose numbers may be given anew, what was erased is for the owner to tell.
  Result<KeyChanges> TakeChanges(SaveMode mode, Rewrite rewrite = Rewrite::kInTurns);
  // Notes a change of a key that was not looked up.
  void Touch(uint32_t slot) {
    if (tracking_) marks_[slot] |= kTouched;
  }
  // Notes that what was saved of the key is gone, although the key stays.
  void ForgetSaved(uint32_t slot);
  // For a table whose keys are on disk too (spilled_table.h), from the first TakeChanges on.
  // Appends up to `count` slots of keys that were not looked up since they were last passed over,
  // going round and round the table.
  void FindCold(size_t count, std::vector<uint32_t>& slots);
  // The key was looked up since it was last saved.
  bool Touched(uint32_t slot) const { return marks_[slot] & kTouched; }
  // Something of the key is saved.
  bool Saved(uint32_t slot) const { return marks_[slot] & kSaved; }
  void MarkSaved(uint32_t slot) { marks_[slot] |= kSaved; }
  // Erases keys which stay saved.
  void Evict(std::span<const uint32_t> slots);
  // The key columns of those saved before and gone since the last call.
  bool has_erased() const { return !erased_lengths_.empty(); }
  size_t num_erased() const { return erased_lengths_.size(); }
  Result<KeyChanges> TakeErasedKeys();

  // The namespace of the slot's key, where there are namespaces.
  int64_t NamespaceOf(uint32_t slot) const;

  // Slots ever in use: the length that the state's columns need.
  size_t slot_count() const { return used_.size(); }
  // Keys present.
  size_t size() const { return size_; }
  bool Used(uint32_t slot) const { return used_[slot] != kFree; }
  bool HasKey(uint32_t slot) const { return used_[slot] == kKeyed; }
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
  void TouchAll(const std::vector<uint32_t>& slots);
  size_t CountTouched() const;
  void TouchNext(size_t count);
  std::vector<uint32_t> TakeTouched(SaveMode mode);
  Status TakeErased(KeyChanges& changes);

  KeyCodec codec_;
  std::vector<Entry> entries_;
  size_t mask_ = 0;
  size_t size_ = 0;
  std::vector<Use> used_;       // by slot
  std::vector<uint32_t> free_;  // slots
  std::vector<uint8_t> keys_;   // fixed keys by slot, or the arena
  std::vector<Place> places_;   // by slot, variable keys only
  size_t live_bytes_ = 0;       // of the arena
  // How far the snapshots have come in writing keys again: of all rounds.
  struct Turn {
    int64_t round = 0;
    uint32_t slot = 0;  // the next one
    int64_t snapshots = 0;  // that ended here, one after the other
  };
  bool WholeRoundSince(const Turn& turn) const {
    return turn_.round > turn.round + 1 || (turn_.round > turn.round && turn_.slot >= turn.slot);
  }
  int64_t CountSnapshots(SaveMode mode);

  // Fewer keys are not written again, so that chains do not get longer than this.
  static constexpr size_t kLongestChain = 256;
  static constexpr size_t kLargeChange = 16;  // of so many parts one

  // Changes since the last snapshot.
  static constexpr uint8_t kTouched = 1, kSaved = 2, kLookedUp = 4;
  bool tracking_ = false;
  std::vector<uint8_t> marks_;           // by slot
  size_t hand_ = 0;                      // where FindCold goes on
  std::vector<uint8_t> erased_;          // keys that were saved, one behind the other
  std::vector<uint32_t> erased_lengths_;
  Turn turn_;
  std::deque<Turn> turns_;      // of the snapshots that count, oldest first
  EncodedKeys encoded_;         // scratch
  std::vector<uint64_t> hashes_;
};

}  // namespace millrace
