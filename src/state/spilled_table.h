// SpilledTable: a state table that outgrows memory. The operator goes on as before, with a key
// table and columns by slot; these become the hot part. Cold keys are rows in a RocksDB, written
// and read by the operator's own Save and Load:
//
//   rows -> key table -> slots        all rows of a batch are worked on in memory
//              |  ^
//        Trim  |  |  Fetch            keys too many / keys of the batch that are not there
//              v  |
//            RocksDB                  what was not written stays in memory until the next barrier
//
// Per batch: FindOrInsert, Fetch(new slots), the operator's work, Trim. Trim writes and forgets
// keys that were not looked up for longest (second chance), once the hot ones exceed their share of
// memory. At a barrier what has changed is written, and the snapshot is a RocksDB checkpoint: links
// to files that never change.
//
// Timers. What is due at a time must be found though it is cold. A key on disk has one timer there
// for each clock (event time, processing time) by which it is due, at or before that time; it may
// come early, as in timers.h, and the key's value says which timer is its own. As time passes
// LoadDue brings cold keys of which a timer has come into the key table, where the operator's own
// timers take over. `cursor` is the first time not looked at: what is written with a timer behind
// it gets a new one.
//
// Slices. Where a key has state for each slice of time (windows), the key table's namespaces stand
// for slices, on disk two columns do. Nothing is due: when a window closes its slices are read, in
// portions, wherever they are (ReadSlices), and rows of closed windows are dropped by rule.
//
// Owned by one operator, one thread at a time.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "data/batch.h"
#include "state/key_table.h"
#include "state/stored_table.h"

namespace millrace {

// What an operator does with the state of keys.
class SlotOwner {
 public:
  virtual ~SlotOwner() = default;
  // Writes the rows of these keys, in order, those of one key one behind the other.
  virtual Status SaveSlots(std::span<const uint32_t> keys, SaveMode mode, StateWriter& writer) = 0;
  // Row i is of the key at keys[i]. The key has no state yet, or that of other rows given here.
  virtual Status LoadSlots(const arrow::RecordBatch& rows, std::span<const uint32_t> keys) = 0;
  // Empties the slots of these keys, which leave the key table.
  virtual void ForgetSlots(std::span<const uint32_t> keys) = 0;
  // The two columns of the slices that these keys belong to, if there are slices.
  virtual arrow::ArrayVector SlicesOf(std::span<const uint32_t> /*keys*/) const { return {}; }
  // When something is to be done with the key by this clock (SpillOptions::clocks), if it is.
  virtual std::optional<Timestamp> DueOf(uint32_t /*key*/, size_t /*clock*/) const { return {}; }
};

struct SpillOptions {
  std::vector<int> keys;  // the columns of the key table's keys
  std::vector<int> slice = {};  // those of the slice, of 64 bits; or none
  bool slice_first = false;     // a window is one slice
  uint32_t key_groups = kKeyGroups;
  size_t slots_per_key = 1;     // at most, with those in which windows are put together
  size_t clocks = 0;  // by which keys are due, at most RocksDbStore::kClocks
  bool ends_all = false;  // there is one clock, and at its kMaxTimestamp all keys are due and erased
  // A row may go once this column (of the slice, or none of the key) plus `add` is at or before a
  // limit (DropRule).
  struct Drop {
    int column = -1;
    int64_t add = 0;
    bool keep_zero = false;
  };
  std::vector<Drop> drop;
};

// Where a reading of some slices stands.
struct SliceScan {
  std::pair<int64_t, int64_t> slice;  // if slices come first: the one to be read
  std::function<bool(std::pair<int64_t, int64_t>)> wanted;  // else: those to be read
  std::string next = {};  // the next key
};

class SpilledTable {
 public:
  // For the instance that has the key groups `groups`. `keys` has not been used yet; it and `owner`
  // outlive this. Fails if columns of the table cannot be stored.
  static Result<std::unique_ptr<SpilledTable>> Make(std::shared_ptr<RocksDbSpace> space,
                                                    const StateTable& table, SpillOptions options,
                                                    KeyGroupRange groups, KeyTable* keys,
                                                    SlotOwner* owner);
  ~SpilledTable();

  // Loads what is on disk of the keys of `slots`, which are new in the key table.
  Status Fetch(std::span<const uint32_t> slots);
  // Keeps the hot keys within their share of memory. No slot number is good after it.
  Status Trim();
  // Deletes what was erased, if that has become much; for who erases many without Trim.
  Status DeleteMany();
  // Loads cold keys of which a timer of the clock has come. False: there are none left.
  Result<bool> LoadDue(Timestamp until, size_t clock = 0);
  // Reads rows of slices, all or none of a key's (if slices do not come first); some of them may be
  // in memory, in a newer state. Null: there are none left.
  Result<std::shared_ptr<arrow::RecordBatch>> ReadSlices(SliceScan& scan) const;
  // Reads all, key by key, as many as are loaded at once, from the key `*next` on ("": the first),
  // and loads those that are not in memory. False: there are none left.
  Result<bool> LoadNext(std::string* next);
  // The limit of rule `drop` is `limit` from now on.
  void SetDropLimit(size_t drop, int64_t limit) { drop_[drop]->limit = limit; }

  // Writes the table to a snapshot.
  Status Save(StateWriter& writer);
  // Takes up what was saved, from disk or memory; before anything else. Not for slices.
  Status Load(const StateReader& reader);
  // Goes on with the database saved for just these key groups and columns, if there is one.
  Result<bool> Adopt(const StateReader& reader);

 private:
  struct Loaded;
  struct RowsOfKey;
  // The timers of one clock.
  struct Clock {
    // Of the timer on disk, by slot; kMinTimestamp: there is none that is still to come;
    // kMaxTimestamp: none is needed.
    std::vector<Timestamp> timers;
    Timestamp cursor = kMinTimestamp;
    std::string cursor_key;  // among the timers at `cursor`
    Timestamp next = kMinTimestamp;  // no timer from the cursor on comes before it
    std::shared_ptr<std::atomic<int64_t>> dropped_before =
        std::make_shared<std::atomic<int64_t>>(kMinTimestamp);

    bool HasTimer(uint32_t slot) const {
      return timers[slot] != kMinTimestamp && timers[slot] >= cursor;
    }
    void Advance(Timestamp to, std::string key);
  };

  SpilledTable(std::shared_ptr<RocksDbSpace> space, StoredLayout layout, SpillOptions options,
               KeyGroupRange groups, KeyTable* keys, SlotOwner* owner);
  Status OpenStore(const std::string& folder);
  Status NeedStore();
  Result<bool> LoadRest();
  Status DeleteErased();
  Result<Loaded> Read(const StoreKeys& keys, const std::vector<Timestamp>* timers,
                      size_t clock) const;
  Status Accept(const Loaded& loaded, std::span<const uint32_t> slots);
  Status LoadRows(const arrow::RecordBatch& rows);
  Status LoadCold(const StoreKeys& keys, const std::vector<Timestamp>* timers, size_t clock);
  void ForgetTimer(size_t of_clock, uint32_t slot, Timestamp time);
  bool AtSlice(SliceScan& scan, std::string_view key) const;
  bool LacksTimer(uint32_t slot) const;
  bool MustWrite(uint32_t slot) const;
  Status Write(std::span<const uint32_t> slots);
  std::vector<RowsOfKey> SplitByKey(const StoreKeys& keys, std::span<const uint32_t> slots) const;
  Status WriteRows(const arrow::RecordBatch& rows, std::span<const uint32_t> slots);
  // A time, and the row of the key that is due at it.
  using NewTimers = std::vector<std::pair<Timestamp, size_t>>;
  Timestamp SetTimer(size_t clock, const RowsOfKey& part, NewTimers& timers);
  void PutTimers(size_t clock, NewTimers timers, const StoreKeys& keys);
  Status Flush();
  void Measure(size_t keys, size_t key_bytes, size_t value_bytes);
  Status MeasureSome();
  size_t MostSlots() const;

  const std::shared_ptr<RocksDbSpace> space_;
  const StoredLayout layout_;
  const SpillOptions options_;
  const KeyGroupRange groups_;
  KeyTable* const keys_;
  SlotOwner* const owner_;
  std::vector<std::shared_ptr<DropRule>> drop_;
  std::unique_ptr<RocksDbStore> store_;  // null until it is needed
  bool cold_ = false;  // there may be keys that are on disk only
  std::string rest_;   // once the input has ended: keys before it have come, and count no more
  std::vector<Clock> clocks_;
  // Of the keys written or measured lately.
  double measured_ = 0, measured_key_bytes_ = 0, measured_value_bytes_ = 0;
  size_t trims_ = 0;
};

}  // namespace millrace
