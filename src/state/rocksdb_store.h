// RocksDbStore: the rows of one operator instance on local disk, in a RocksDB of its own, and
// RocksDbSpace: what all of a job share: a folder for them, and one budget of memory. Half of the
// budget is RocksDB's (blocks, filters and memtables, all charged to one cache), half is divided
// among the tables that keep hot rows in memory (spilled_table.h).
//
//   rows      key group (2 bytes) | key         ->  value
//   0xFF      name                              ->  what is known about all of it
//   timers    time (8, ascending) | key group | key -> nothing; a family for each clock
//
// No log is written: what is not in a checkpoint is lost with the process, and comes again.
// Only rocksdb_store.cc knows RocksDB's headers.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace millrace {

class RocksDbSpace {
 public:
  // Makes a folder of its own in `folder`, of which what dead processes left behind is removed.
  static Result<std::shared_ptr<RocksDbSpace>> Make(const std::string& folder,
                                                    int64_t memory_bytes);
  ~RocksDbSpace();  // removes the folder

  // A path in the folder that nobody has been given.
  std::string NewPath();
  // A table shares the memory for hot rows from now on, or no more.
  void Join() { ++tables_; }
  void Leave() { --tables_; }
  // Of one of the tables that share, in bytes.
  int64_t hot_bytes() const { return memory_bytes_ / 2 / std::max<int64_t>(1, tables_.load()); }

  struct Caches;
  const Caches& caches() const { return *caches_; }
  int64_t memory_bytes() const { return memory_bytes_; }

 private:
  RocksDbSpace(std::string folder, int64_t memory_bytes);

  std::string folder_;
  int64_t memory_bytes_;
  std::atomic<int64_t> tables_{0}, paths_{0};
  std::unique_ptr<Caches> caches_;
};

// A row of which a number plus `add` is not above the limit may be dropped whenever RocksDB comes by
// it. Shared with RocksDB's threads.
struct DropRule {
  // Where its eight bytes stand: in the value, in the key, or so many bytes before the key's end.
  enum class Place { kValue, kKey, kKeyEnd };
  Place place = Place::kValue;
  size_t offset = 0;
  int64_t add = 0;
  bool keep_zero = false;  // 0 stands for an unknown number
  std::atomic<int64_t> limit{std::numeric_limits<int64_t>::min()};
};

class RocksDbStore {
 public:
  static constexpr size_t kClocks = 2;  // at most: event time and processing time
  struct Options {
    std::vector<std::shared_ptr<DropRule>> drop;  // rows for which one of them holds
    // By clock: timers before it may be dropped.
    std::vector<std::shared_ptr<std::atomic<int64_t>>> timers_from;
  };

  // Opens the database in `folder`, or makes one.
  static Result<std::unique_ptr<RocksDbStore>> Open(std::shared_ptr<RocksDbSpace> space,
                                                    const std::string& folder, Options options);
  // Opens one that nobody writes.
  static Result<std::unique_ptr<RocksDbStore>> OpenToRead(const std::string& folder);
  ~RocksDbStore();

  // Changes take effect together, in the order given, with Commit.
  void Put(std::string_view key, std::string_view value);
  void Delete(std::string_view key);
  // The keys from `begin` on that are before `end`; at once.
  Status DeleteRange(std::string_view begin, std::string_view end);
  void PutTimer(size_t clock, int64_t time, std::string_view key);
  // Bytes of changes not committed yet.
  size_t pending_bytes() const;
  Status Commit();

  // Calls found(i, value) for the keys that are there, in any order.
  Status Get(std::span<const std::string_view> keys,
             const std::function<Status(size_t, std::string_view)>& found) const;
  // Calls visit(key, value) for the rows from `begin` on to before `end` until it is false.
  Status Scan(std::string_view begin, std::string_view end,
              const std::function<Result<bool>(std::string_view, std::string_view)>& visit) const;
  // Calls visit(time, key) for the clock's timers from (time, key) on to the last one at `until`, until it
  // is false. Returns the time of the first one that was not visited, the last time if there is none.
  Result<int64_t> ScanTimers(
      size_t clock, int64_t from, std::string_view from_key, int64_t until,
      const std::function<Result<bool>(int64_t, std::string_view)>& visit) const;

  // Rewrites all, so that what may be dropped is. RocksDB does it bit by bit of its own accord.
  Status Compact();
  // About; may be wrong where rows were written over.
  int64_t rows() const;
  // Writes out what is in memory and makes `folder`, which must not be there, of links to the
  // files.
  Status Checkpoint(const std::string& folder);

 private:
  struct Database;
  explicit RocksDbStore(std::unique_ptr<Database> database);
  std::unique_ptr<Database> db_;
};

}  // namespace millrace
