// What a 'postgres' or 'jdbc' table's options say, checked; named as in Flink's jdbc connector.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "connectors/connector.h"
#include "connectors/lookup_cache.h"
#include "connectors/postgres/client.h"

namespace millrace {

struct PostgresOptions {
  enum class Guarantee { kAtLeastOnce, kExactlyOnce };

  std::string table;   // as the script names it
  std::string target;  // 'table-name'
  // As written: placeholders of secrets are not yet replaced.
  PostgresClient::Parameters address;
  std::chrono::milliseconds patience{60000};  // 'connection.max-retry-timeout'

  Guarantee guarantee = Guarantee::kExactlyOnce;
  int64_t flush_rows = 0;
  std::chrono::milliseconds flush_interval{0};
  int64_t max_retries = 3;
  bool create_table = false;
  bool keep_rejected = true;
  int64_t max_rejected = 0;  // of a transaction
  std::string epoch_table, rejected_table;

  std::string partition_column;  // "": one lane
  int64_t partitions = 1, lower_bound = 0, upper_bound = 0;
  int64_t fetch_size = 0;  // rows of a batch

  int64_t lookup_retries = 3;
  std::optional<LookupCacheOptions> lookup_cache;

  // Only checks what needs no server.
  static Result<PostgresOptions> Read(const TableInfo& table);
  // A new connection. `fault` is told of a failure.
  Result<std::unique_ptr<PostgresClient>> Connect(PostgresFault* fault) const;
  // Calls try_once(fault) again while the fault says that time may help, up to `patience`; says so
  // on stderr.
  Status TryPatiently(const std::function<Status(PostgresFault*)>& try_once) const;
  // Tells the terminal.
  void Note(const std::string& what) const;
};

// Tells of tries that fail one after the other: the first, and then each ten seconds.
class PostgresRetryNotes {
 public:
  void Add(const PostgresOptions& options, const Status& status);

 private:
  int64_t count_ = 0;  // also of those that are not told
  std::chrono::steady_clock::time_point next_;
};

std::vector<OptionSpec> PostgresOptionSpecs();

}  // namespace millrace
