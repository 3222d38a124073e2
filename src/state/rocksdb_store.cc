#include "state/rocksdb_store.h"

#include <rocksdb/cache.h>
#include <rocksdb/compaction_filter.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/checkpoint.h>
#include <rocksdb/write_buffer_manager.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <filesystem>

#include "base/files.h"

namespace millrace {
namespace {

namespace fs = std::filesystem;
using rocksdb::Slice;

constexpr const char* kPrefix = "rocksdb-";
constexpr const char* kTimerFamilies[RocksDbStore::kClocks] = {"timers", "timers-2"};
constexpr size_t kLeastBuffer = 64 << 10;  // bytes of a memtable, however small the budget

Status Translate(const rocksdb::Status& status) {
  if (status.ok()) return Status::OK();
  return ExternalError("RocksDB: {}", status.ToString());
}

Slice ToSlice(std::string_view bytes) { return {bytes.data(), bytes.size()}; }
std::string_view ToView(const Slice& bytes) { return {bytes.data(), bytes.size()}; }

// Eight bytes that compare as the numbers do.
std::string TimeBytes(int64_t time) {
  const uint64_t ordered = __builtin_bswap64(static_cast<uint64_t>(time) ^ (uint64_t{1} << 63));
  return {reinterpret_cast<const char*>(&ordered), sizeof ordered};
}

int64_t TimeOf(std::string_view bytes) {
  uint64_t ordered = 0;
  std::memcpy(&ordered, bytes.data(), sizeof ordered);
  return static_cast<int64_t>(__builtin_bswap64(ordered) ^ (uint64_t{1} << 63));
}

// Rows that are worth nothing any more.
class DropRows final : public rocksdb::CompactionFilter {
 public:
  explicit DropRows(std::vector<std::shared_ptr<DropRule>> rules) : rules_(std::move(rules)) {}
  const char* Name() const override { return "millrace.rows"; }
  bool Filter(int, const Slice& key, const Slice& value, std::string*, bool*) const override {
    if (key.empty() || static_cast<uint8_t>(key[0]) == 0xFF) return false;
    return std::any_of(rules_.begin(), rules_.end(), [&](const auto& rule) {
      int64_t number = 0;
      if (!Read(*rule, key, value, &number)) return false;
      if (number == 0 && rule->keep_zero) return false;
      return number + rule->add <= rule->limit.load(std::memory_order_relaxed);
    });
  }

 private:
  static bool Read(const DropRule& rule, const Slice& key, const Slice& value, int64_t* number) {
    const Slice& bytes = rule.place == DropRule::Place::kValue ? value : key;
    const bool from_end = rule.place == DropRule::Place::kKeyEnd;
    if (from_end ? bytes.size() < rule.offset : bytes.size() < rule.offset + sizeof *number) {
      return false;
    }
    const size_t at = from_end ? bytes.size() - rule.offset : rule.offset;
    std::memcpy(number, bytes.data() + at, sizeof *number);
    return true;
  }

  std::vector<std::shared_ptr<DropRule>> rules_;
};

// Timers that have been looked at.
class DropTimers final : public rocksdb::CompactionFilter {
 public:
  explicit DropTimers(std::shared_ptr<std::atomic<int64_t>> from) : from_(std::move(from)) {}
  const char* Name() const override { return "millrace.timers"; }
  bool Filter(int, const Slice& key, const Slice&, std::string*, bool*) const override {
    return key.size() >= 8 && TimeOf(ToView(key)) < from_->load(std::memory_order_relaxed);
  }

 private:
  std::shared_ptr<std::atomic<int64_t>> from_;
};

// RocksDB's own log tells nothing that errors do not.
class NoLog final : public rocksdb::Logger {
 public:
  NoLog() : rocksdb::Logger(rocksdb::InfoLogLevel::FATAL_LEVEL) {}
  using rocksdb::Logger::Logv;
  void Logv(const char*, va_list) override {}
};

// Removes what processes that are not any more left in `folder`.
void RemoveLeftovers(const std::string& folder) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(kPrefix)) continue;
    const int process = std::atoi(name.c_str() + std::strlen(kPrefix));
    if (process > 0 && process != getpid() && kill(process, 0) != 0 && errno == ESRCH) {
      std::error_code ignored;
      fs::remove_all(entry.path(), ignored);
    }
  }
}

}  // namespace

struct RocksDbSpace::Caches {
  std::shared_ptr<rocksdb::Cache> blocks;
  std::shared_ptr<rocksdb::WriteBufferManager> buffers;
};

RocksDbSpace::RocksDbSpace(std::string folder, int64_t memory_bytes)
    : folder_(std::move(folder)), memory_bytes_(memory_bytes), caches_(new Caches) {
  const auto bytes = static_cast<size_t>(memory_bytes) / 2;
  rocksdb::LRUCacheOptions options;
  options.capacity = bytes;
  options.high_pri_pool_ratio = 0.3;
  caches_->blocks = rocksdb::NewLRUCache(options);
  caches_->buffers = std::make_shared<rocksdb::WriteBufferManager>(
      std::max(bytes / 2, kLeastBuffer), caches_->blocks);
}

Result<std::shared_ptr<RocksDbSpace>> RocksDbSpace::Make(const std::string& folder,
                                                         int64_t memory_bytes) {
  static std::atomic<int> spaces{0};
  MILL_RETURN(MakeFolders(folder));
  RemoveLeftovers(folder);
  const std::string own = fmt::format("{}/{}{}-{}", folder, kPrefix, getpid(), ++spaces);
  std::error_code error;
  fs::remove_all(own, error);  // of a dead process of the same number
  MILL_RETURN(MakeFolders(own));
  return std::shared_ptr<RocksDbSpace>(new RocksDbSpace(own, memory_bytes));
}

RocksDbSpace::~RocksDbSpace() {
  std::error_code error;
  fs::remove_all(folder_, error);
}

std::string RocksDbSpace::NewPath() { return fmt::format("{}/{}", folder_, ++paths_); }

struct RocksDbStore::Database {
  std::shared_ptr<RocksDbSpace> space;
  Options options;
  std::unique_ptr<DropRows> drop_rows;
  std::vector<std::unique_ptr<DropTimers>> drop_timers;  // by clock
  std::unique_ptr<rocksdb::DB> db;
  std::vector<std::unique_ptr<rocksdb::ColumnFamilyHandle>> families;  // rows, timers by clock
  rocksdb::WriteBatch batch;

  ~Database() {
    for (auto& family : families) {
      if (db) db->DestroyColumnFamilyHandle(family.release());
    }
  }
  rocksdb::ColumnFamilyHandle* rows() const { return families[0].get(); }
  rocksdb::ColumnFamilyHandle* timers(size_t clock) const { return families[1 + clock].get(); }
  Status Open(const std::string& folder, bool read_only);

  rocksdb::DBOptions DbOptions() const;
  rocksdb::ColumnFamilyOptions FamilyOptions(bool timers) const;
  rocksdb::ColumnFamilyOptions RowOptions() const;
  rocksdb::ColumnFamilyOptions TimerOptions(size_t clock) const;
};

rocksdb::DBOptions RocksDbStore::Database::DbOptions() const {
  rocksdb::DBOptions all;
  all.create_if_missing = true;
  all.create_missing_column_families = true;
  all.max_background_jobs = 2;
  all.allow_concurrent_memtable_write = false;  // one thread writes; it begins where it was
  all.info_log = std::make_shared<NoLog>();
  all.stats_dump_period_sec = 0;
  all.bytes_per_sync = 1 << 20;
  if (space) all.write_buffer_manager = space->caches().buffers;
  return all;
}

rocksdb::ColumnFamilyOptions RocksDbStore::Database::FamilyOptions(bool timers) const {
  rocksdb::ColumnFamilyOptions family;
  rocksdb::BlockBasedTableOptions table;
  table.format_version = 5;
  table.cache_index_and_filter_blocks = true;
  table.cache_index_and_filter_blocks_with_high_priority = true;
  if (space) {
    table.block_cache = space->caches().blocks;
    const auto budget = static_cast<size_t>(space->memory_bytes());
    family.write_buffer_size = std::clamp(budget / 16, kLeastBuffer, size_t{64} << 20);
    family.arena_block_size = std::min(family.write_buffer_size / 8, size_t{1} << 20);
    family.target_file_size_base = std::max(family.write_buffer_size, size_t{4} << 20);
    family.max_bytes_for_level_base = family.target_file_size_base * 4;
  }
  if (!timers) {
    table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
    table.data_block_index_type = rocksdb::BlockBasedTableOptions::kDataBlockBinaryAndHash;
  }
  family.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  family.compression = rocksdb::kLZ4Compression;
  family.level_compaction_dynamic_level_bytes = true;
  return family;
}

rocksdb::ColumnFamilyOptions RocksDbStore::Database::RowOptions() const {
  rocksdb::ColumnFamilyOptions family = FamilyOptions(false);
  if (drop_rows) family.compaction_filter = drop_rows.get();
  return family;
}

rocksdb::ColumnFamilyOptions RocksDbStore::Database::TimerOptions(size_t clock) const {
  rocksdb::ColumnFamilyOptions family = FamilyOptions(true);
  if (clock < drop_timers.size()) family.compaction_filter = drop_timers[clock].get();
  return family;
}

Status RocksDbStore::Database::Open(const std::string& folder, bool read_only) {
  std::vector<rocksdb::ColumnFamilyDescriptor> wanted = {
      {rocksdb::kDefaultColumnFamilyName, RowOptions()}};
  // Who only reads has no use for timers.
  for (size_t clock = 0; !read_only && clock < kClocks; ++clock) {
    wanted.emplace_back(kTimerFamilies[clock], TimerOptions(clock));
  }
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* opened = nullptr;
  const auto status =
      read_only ? rocksdb::DB::OpenForReadOnly(DbOptions(), folder, wanted, &handles, &opened)
                : rocksdb::DB::Open(DbOptions(), folder, wanted, &handles, &opened);
  db.reset(opened);
  for (auto* handle : handles) families.emplace_back(handle);
  return Annotate(Translate(status), "'" + folder + "'");
}

RocksDbStore::RocksDbStore(std::unique_ptr<Database> database) : db_(std::move(database)) {}
RocksDbStore::~RocksDbStore() = default;

Result<std::unique_ptr<RocksDbStore>> RocksDbStore::Open(std::shared_ptr<RocksDbSpace> space,
                                                         const std::string& folder,
                                                         Options options) {
  auto database = std::make_unique<Database>();
  database->space = std::move(space);
  if (!options.drop.empty()) database->drop_rows = std::make_unique<DropRows>(options.drop);
  for (const auto& from : options.timers_from) {
    database->drop_timers.push_back(std::make_unique<DropTimers>(from));
  }
  database->options = std::move(options);
  MILL_RETURN(database->Open(folder, false));
  return std::unique_ptr<RocksDbStore>(new RocksDbStore(std::move(database)));
}

Result<std::unique_ptr<RocksDbStore>> RocksDbStore::OpenToRead(const std::string& folder) {
  auto database = std::make_unique<Database>();
  MILL_RETURN(database->Open(folder, true));
  return std::unique_ptr<RocksDbStore>(new RocksDbStore(std::move(database)));
}

void RocksDbStore::Put(std::string_view key, std::string_view value) {
  MILL_CHECK(db_->batch.Put(db_->rows(), ToSlice(key), ToSlice(value)).ok());
}

void RocksDbStore::Delete(std::string_view key) {
  MILL_CHECK(db_->batch.Delete(db_->rows(), ToSlice(key)).ok());
}

Status RocksDbStore::DeleteRange(std::string_view begin, std::string_view end) {
  MILL_RETURN(Commit());
  rocksdb::WriteOptions options;
  options.disableWAL = true;
  return Translate(db_->db->DeleteRange(options, db_->rows(), ToSlice(begin), ToSlice(end)));
}

void RocksDbStore::PutTimer(size_t clock, int64_t time, std::string_view key) {
  const std::string timer = TimeBytes(time) + std::string(key);
  MILL_CHECK(db_->batch.Put(db_->timers(clock), ToSlice(timer), Slice()).ok());
}

size_t RocksDbStore::pending_bytes() const { return db_->batch.GetDataSize(); }

Status RocksDbStore::Commit() {
  if (db_->batch.Count() == 0) return Status::OK();
  rocksdb::WriteOptions options;
  options.disableWAL = true;
  const auto status = db_->db->Write(options, &db_->batch);
  db_->batch.Clear();
  return Translate(status);
}

Status RocksDbStore::Get(std::span<const std::string_view> keys,
                         const std::function<Status(size_t, std::string_view)>& found) const {
  constexpr size_t kAtOnce = 1024;
  std::vector<Slice> slices;
  std::vector<rocksdb::PinnableSlice> values(std::min(kAtOnce, keys.size()));
  std::vector<rocksdb::Status> statuses(values.size());
  for (size_t begin = 0; begin < keys.size(); begin += kAtOnce) {
    const size_t count = std::min(kAtOnce, keys.size() - begin);
    slices.clear();
    for (size_t i = 0; i < count; ++i) slices.push_back(ToSlice(keys[begin + i]));
    db_->db->MultiGet(rocksdb::ReadOptions(), db_->rows(), count, slices.data(), values.data(),
                      statuses.data());
    for (size_t i = 0; i < count; ++i) {
      if (!statuses[i].IsNotFound()) {
        MILL_RETURN(Translate(statuses[i]));
        MILL_RETURN(found(begin + i, ToView(values[i])));
      }
      values[i].Reset();
    }
  }
  return Status::OK();
}

Status RocksDbStore::Scan(
    std::string_view begin, std::string_view end,
    const std::function<Result<bool>(std::string_view, std::string_view)>& visit) const {
  rocksdb::ReadOptions options;
  options.fill_cache = false;
  const Slice bound = ToSlice(end);
  options.iterate_upper_bound = &bound;
  const std::unique_ptr<rocksdb::Iterator> it(db_->db->NewIterator(options, db_->rows()));
  for (it->Seek(ToSlice(begin)); it->Valid(); it->Next()) {
    MILL_ASSIGN(const bool more, visit(ToView(it->key()), ToView(it->value())));
    if (!more) return Status::OK();
  }
  return Translate(it->status());
}

Result<int64_t> RocksDbStore::ScanTimers(
    size_t clock, int64_t from, std::string_view from_key, int64_t until,
    const std::function<Result<bool>(int64_t, std::string_view)>& visit) const {
  rocksdb::ReadOptions options;
  options.fill_cache = false;
  const std::string begin = TimeBytes(from) + std::string(from_key);
  const Slice lower(begin);
  options.iterate_lower_bound = &lower;
  const std::unique_ptr<rocksdb::Iterator> it(db_->db->NewIterator(options, db_->timers(clock)));
  for (it->Seek(begin); it->Valid(); it->Next()) {
    const std::string_view timer = ToView(it->key());
    if (TimeOf(timer) > until) return TimeOf(timer);
    MILL_ASSIGN(const bool more, visit(TimeOf(timer), timer.substr(8)));
    if (!more) return TimeOf(timer);
  }
  MILL_RETURN(Translate(it->status()));
  return std::numeric_limits<int64_t>::max();
}

Status RocksDbStore::Compact() {
  rocksdb::CompactRangeOptions options;
  options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
  for (const auto& family : db_->families) {
    MILL_RETURN(Translate(db_->db->CompactRange(options, family.get(), nullptr, nullptr)));
  }
  return Status::OK();
}

int64_t RocksDbStore::rows() const {
  uint64_t count = 0;
  db_->db->GetIntProperty(db_->rows(), rocksdb::DB::Properties::kEstimateNumKeys, &count);
  return static_cast<int64_t>(count);
}

Status RocksDbStore::Checkpoint(const std::string& folder) {
  rocksdb::Checkpoint* made = nullptr;
  MILL_RETURN(Translate(rocksdb::Checkpoint::Create(db_->db.get(), &made)));
  const std::unique_ptr<rocksdb::Checkpoint> checkpoint(made);
  return Translate(checkpoint->CreateCheckpoint(folder));
}

}  // namespace millrace
