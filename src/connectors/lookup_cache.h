// A cache in front of a Lookup: the options `lookup.cache` = PARTIAL and `lookup.partial-cache.*`
// of Flink's connectors. What it answers may be as old as the options allow.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>

#include "connectors/connector.h"
#include "connectors/lookup.h"

namespace millrace {

struct LookupCacheOptions {
  int64_t max_rows = 0;                           // found rows, and missing keys; 0: any number
  std::chrono::milliseconds expire_after_write{0};   // 0: never
  std::chrono::milliseconds expire_after_access{0};  // 0: never
  bool missing_keys = true;                       // also keeps that there is no row for a key

  // The specs of the options, for tables of connectors that can be looked up.
  static std::vector<OptionSpec> Specs();
  // Nothing: the table wants no cache.
  static Result<std::optional<LookupCacheOptions>> Read(const Options& options);
};

using LookupClock = std::function<std::chrono::steady_clock::time_point()>;

// Asks `source` for the keys that are not cached, each once. What was used longest ago goes first.
std::unique_ptr<Lookup> MakeCachedLookup(std::unique_ptr<Lookup> source, LookupCacheOptions options,
                                         LookupClock clock = std::chrono::steady_clock::now);

}  // namespace millrace
