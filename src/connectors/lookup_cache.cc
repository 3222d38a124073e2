#include "connectors/lookup_cache.h"

#include <arrow/array/builder_base.h>
#include <arrow/builder.h>

#include <algorithm>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "data/pretty.h"

namespace millrace {
namespace {

using Time = std::chrono::steady_clock::time_point;
using std::chrono::milliseconds;

// The values of a row, so that no two rows have the same text; nothing if one is NULL.
std::optional<std::string> KeyText(const arrow::RecordBatch& keys, int64_t row) {
  std::string text;
  for (const auto& column : keys.columns()) {
    if (column->IsNull(row)) return std::nullopt;
    const size_t begin = text.size();
    AppendValue(text, *column, row);
    text += fmt::format("/{};", text.size() - begin);
  }
  return text;
}

class CachedLookup final : public Lookup {
 public:
  CachedLookup(std::unique_ptr<Lookup> source, LookupCacheOptions options, LookupClock clock)
      : source_(std::move(source)), options_(options), clock_(std::move(clock)) {}

  Status Open() override { return source_->Open(); }
  std::shared_ptr<arrow::Schema> schema() const override { return source_->schema(); }

  Result<LookupRows> Find(const arrow::RecordBatch& keys) override {
    const Time now = clock_();
    std::vector<Found> found(static_cast<size_t>(keys.num_rows()));
    MILL_RETURN(Ask(keys, now, &found));
    return Assemble(found);
  }

 private:
  // Rows of a batch that the source has answered; it lives as long as one of them is cached.
  struct Found {
    std::shared_ptr<arrow::RecordBatch> batch;
    int64_t begin = 0, count = 0;
  };
  struct Entry {
    std::string key;
    Found found;
    Time written, used;
  };
  using Entries = std::list<Entry>;

  static int64_t SizeOf(const Found& found) { return std::max<int64_t>(found.count, 1); }

  bool IsOld(const Entry& entry, Time now) const {
    const auto passed = [now](Time since, milliseconds limit) {
      return limit.count() > 0 && now - since >= limit;
    };
    return passed(entry.written, options_.expire_after_write) ||
           passed(entry.used, options_.expire_after_access);
  }

  void Drop(Entries::iterator entry) {
    rows_ -= SizeOf(entry->found);
    by_key_.erase(entry->key);
    entries_.erase(entry);
  }

  // The cached answer; null if there is none.
  const Found* Get(const std::string& key, Time now) {
    const auto at = by_key_.find(key);
    if (at == by_key_.end()) return nullptr;
    const Entries::iterator entry = at->second;
    if (IsOld(*entry, now)) {
      Drop(entry);
      return nullptr;
    }
    entry->used = now;
    entries_.splice(entries_.begin(), entries_, entry);
    return &entry->found;
  }

  void Put(std::string key, Found found, Time now) {
    if (found.count == 0 && !options_.missing_keys) return;
    rows_ += SizeOf(found);
    entries_.push_front({std::move(key), std::move(found), now, now});
    by_key_[entries_.front().key] = entries_.begin();
    while (options_.max_rows > 0 && rows_ > options_.max_rows) Drop(std::prev(entries_.end()));
  }

  // Fills `found` per key, from the cache or else the source.
  Status Ask(const arrow::RecordBatch& keys, Time now, std::vector<Found>* found) {
    std::unordered_map<std::string, size_t> asked;  // key text -> place among the keys to ask for
    std::vector<std::pair<int64_t, size_t>> waiting;  // row of `keys`, place
    std::vector<int64_t> rows;                       // of `keys`, by place
    for (int64_t row = 0; row < keys.num_rows(); ++row) {
      std::optional<std::string> key = KeyText(keys, row);
      if (!key) continue;
      if (const Found* const cached = Get(*key, now)) {
        (*found)[static_cast<size_t>(row)] = *cached;
        continue;
      }
      const auto [place, fresh] = asked.try_emplace(std::move(*key), rows.size());
      if (fresh) rows.push_back(row);
      waiting.emplace_back(row, place->second);
    }
    if (rows.empty()) return Status::OK();
    MILL_ASSIGN(const auto missing, Pick(keys, rows));
    MILL_ASSIGN(const LookupRows answer, source_->Find(*missing));
    std::vector<Found> answers(rows.size(), Found{answer.rows, 0, 0});
    for (size_t i = 0; i < answer.keys.size(); ++i) {
      Found& each = answers[static_cast<size_t>(answer.keys[i])];
      if (each.count++ == 0) each.begin = static_cast<int64_t>(i);
    }
    for (const auto& [row, place] : waiting) (*found)[static_cast<size_t>(row)] = answers[place];
    for (const auto& [key, place] : asked) Put(key, answers[place], now);
    return Status::OK();
  }

  static Result<std::shared_ptr<arrow::RecordBatch>> Pick(const arrow::RecordBatch& from,
                                                          const std::vector<int64_t>& rows) {
    std::vector<std::shared_ptr<arrow::Array>> arrays;
    for (const auto& column : from.columns()) {
      MILL_ASSIGN(const auto builder, arrow::MakeBuilder(column->type()));
      for (const int64_t row : rows) {
        MILL_RETURN(builder->AppendArraySlice(*column->data(), row, 1));
      }
      MILL_ASSIGN(auto array, builder->Finish());
      arrays.push_back(std::move(array));
    }
    return arrow::RecordBatch::Make(from.schema(), std::ssize(rows), std::move(arrays));
  }

  Result<LookupRows> Assemble(const std::vector<Found>& found) const {
    LookupRows all;
    for (size_t row = 0; row < found.size(); ++row) {
      all.keys.insert(all.keys.end(), static_cast<size_t>(found[row].count),
                      static_cast<int32_t>(row));
    }
    std::vector<std::shared_ptr<arrow::Array>> arrays;
    for (int i = 0; i < schema()->num_fields(); ++i) {
      MILL_ASSIGN(const auto builder, arrow::MakeBuilder(schema()->field(i)->type()));
      MILL_RETURN(builder->Reserve(std::ssize(all.keys)));
      for (const Found& each : found) {
        if (each.count == 0) continue;
        MILL_RETURN(
            builder->AppendArraySlice(*each.batch->column(i)->data(), each.begin, each.count));
      }
      MILL_ASSIGN(auto array, builder->Finish());
      arrays.push_back(std::move(array));
    }
    all.rows = arrow::RecordBatch::Make(schema(), std::ssize(all.keys), std::move(arrays));
    return all;
  }

  const std::unique_ptr<Lookup> source_;
  const LookupCacheOptions options_;
  const LookupClock clock_;
  Entries entries_;  // the one used last in front
  std::unordered_map<std::string_view, Entries::iterator> by_key_;
  int64_t rows_ = 0;
};

}  // namespace

std::vector<OptionSpec> LookupCacheOptions::Specs() {
  return {
      {"lookup.cache", "STRING", "NONE", "Of lookup joins: NONE or PARTIAL."},
      {"lookup.partial-cache.max-rows", "BIGINT", "", "Cached rows at most."},
      {"lookup.partial-cache.expire-after-write", "DURATION", "", "How old an answer may be."},
      {"lookup.partial-cache.expire-after-access", "DURATION", "", "Unused ones go after this."},
      {"lookup.partial-cache.cache-missing-key", "BOOLEAN", "true",
       "Also keeps that a key has no row."},
      {"lookup.cache.max-rows", "BIGINT", "", "The same as lookup.partial-cache.max-rows."},
      {"lookup.cache.ttl", "DURATION", "", "The same as lookup.partial-cache.expire-after-write."},
      {"lookup.cache.caching-missing-key", "BOOLEAN", "true",
       "The same as lookup.partial-cache.cache-missing-key."},
  };
}

Result<std::optional<LookupCacheOptions>> LookupCacheOptions::Read(const Options& options) {
  // Flink's older names speak of a cache without `lookup.cache`.
  const bool older =
      options.contains("lookup.cache.max-rows") || options.contains("lookup.cache.ttl");
  const std::string kind = StringOption(options, "lookup.cache", older ? "PARTIAL" : "NONE");
  if (kind != "NONE" && kind != "PARTIAL") {
    return UserError("option 'lookup.cache': '{}' is neither NONE nor PARTIAL", kind);
  }
  const auto name = [&](const char* current, const char* before) {
    return options.contains(before) ? before : current;
  };
  LookupCacheOptions cache;
  const char* const rows = name("lookup.partial-cache.max-rows", "lookup.cache.max-rows");
  MILL_ASSIGN(cache.max_rows, IntOption(options, rows, 0));
  if (cache.max_rows < 0) return UserError("option '{}': {} is negative", rows, cache.max_rows);
  const char* const age = name("lookup.partial-cache.expire-after-write", "lookup.cache.ttl");
  MILL_ASSIGN(cache.expire_after_write, DurationOption(options, age, milliseconds(0)));
  MILL_ASSIGN(cache.expire_after_access,
              DurationOption(options, "lookup.partial-cache.expire-after-access", milliseconds(0)));
  MILL_ASSIGN(cache.missing_keys,
              BoolOption(options, name("lookup.partial-cache.cache-missing-key",
                                       "lookup.cache.caching-missing-key"), true));
  if (kind == "NONE") return std::nullopt;
  return cache;
}

std::unique_ptr<Lookup> MakeCachedLookup(std::unique_ptr<Lookup> source, LookupCacheOptions options,
                                         LookupClock clock) {
  return std::make_unique<CachedLookup>(std::move(source), options, std::move(clock));
}

}  // namespace millrace
