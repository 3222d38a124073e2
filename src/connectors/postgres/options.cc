#include "connectors/postgres/options.h"

#include <algorithm>
#include <thread>

#include "connectors/postgres/address.h"
#include "formats/options.h"

namespace millrace {
namespace {

using std::chrono::milliseconds;

constexpr int64_t kMostLanes = 64;
constexpr int64_t kMostFetched = 1000000;

Result<int64_t> Ranged(const Options& options, const std::string& key, int64_t fallback,
                       int64_t min, int64_t max) {
  MILL_ASSIGN(const int64_t value, IntOption(options, key, fallback));
  if (value >= min && value <= max) return value;
  return UserError("option '{}' = '{}' is out of range: use {} to {}", key, value, min, max);
}

Status ReadAddress(const Options& options, PostgresOptions* postgres) {
  const std::string url = StringOption(options, "url", "");
  const bool jdbc = url.starts_with("jdbc:");
  const bool hidden = url.starts_with("${");
  if (StringOption(options, "connector", "") == "jdbc" && !jdbc && !hidden) {
    return UserError("option 'url' of the connector 'jdbc' begins with 'jdbc:postgresql:'");
  }
  if (jdbc && !url.starts_with("jdbc:postgresql:")) {
    return UserError("option 'url': of databases, only PostgreSQL is there. hint: "
                     "'jdbc:postgresql://host:5432/database'");
  }
  MILL_ASSIGN(postgres->address, ReadPostgresAddress(url));
  constexpr std::pair<const char*, const char*> kWho[] = {{"username", "user"},
                                                          {"password", "password"}};
  for (const auto& [option, parameter] : kWho) {
    const std::string value = StringOption(options, option, "");
    if (!value.empty()) postgres->address.emplace_back(parameter, value);
  }
  MILL_ASSIGN(postgres->patience,
              DurationOption(options, "connection.max-retry-timeout", postgres->patience));
  return Status::OK();
}

Status ReadSink(const Options& options, PostgresOptions* postgres) {
  const std::string guarantee = StringOption(options, "sink.delivery-guarantee", "exactly-once");
  if (guarantee != "exactly-once" && guarantee != "at-least-once" && guarantee != "none") {
    return UserError("option 'sink.delivery-guarantee': '{}' is none of exactly-once, "
                     "at-least-once, none", guarantee);
  }
  if (guarantee != "exactly-once") postgres->guarantee = PostgresOptions::Guarantee::kAtLeastOnce;
  MILL_ASSIGN(postgres->flush_rows,
              Ranged(options, "sink.buffer-flush.max-rows", 10000, 0, INT32_MAX));
  MILL_ASSIGN(postgres->flush_interval,
              DurationOption(options, "sink.buffer-flush.interval", milliseconds(1000)));
  MILL_ASSIGN(postgres->max_retries, Ranged(options, "sink.max-retries", 3, 0, 1000));
  MILL_ASSIGN(postgres->create_table, BoolOption(options, "sink.create-table", false));
  const std::string rejected = StringOption(options, "sink.rejected-rows", "keep");
  if (rejected != "keep" && rejected != "fail") {
    return UserError("option 'sink.rejected-rows': '{}' is neither keep nor fail", rejected);
  }
  postgres->keep_rejected = rejected == "keep";
  MILL_ASSIGN(postgres->max_rejected,
              Ranged(options, "sink.rejected-rows.max", 10000, 0, INT64_MAX));
  postgres->epoch_table = StringOption(options, "sink.epoch-table", "millrace_epochs");
  postgres->rejected_table = StringOption(options, "sink.rejected-table", "millrace_rejected");
  return Status::OK();
}

Status ReadPartitions(const TableInfo& table, PostgresOptions* postgres) {
  constexpr const char* kKeys[] = {"scan.partition.column", "scan.partition.num",
                                   "scan.partition.lower-bound", "scan.partition.upper-bound"};
  const Options& options = table.options;
  const auto given = std::count_if(std::begin(kKeys), std::end(kKeys),
                                   [&](const char* key) { return options.contains(key); });
  if (given == 0) return Status::OK();
  for (const char* key : kKeys) {
    if (!options.contains(key)) {
      return UserError("missing option '{}': the scan.partition.* options belong together", key);
    }
  }
  postgres->partition_column = StringOption(options, kKeys[0], "");
  const int column = table.schema.Find(postgres->partition_column);
  if (column < 0) {
    return UserError("option '{}': the table has no column '{}'", kKeys[0],
                     postgres->partition_column);
  }
  const SqlType& type = table.schema.columns[static_cast<size_t>(column)].type;
  if (!type.IsNumeric() && !type.IsTimestamp() && type.kind != TypeKind::kDate) {
    return UserError("option '{}': column '{}' is {}; use one of numbers, dates or timestamps",
                     kKeys[0], postgres->partition_column, type.Nullable().ToString());
  }
  MILL_ASSIGN(postgres->partitions, Ranged(options, kKeys[1], 1, 1, kMostLanes));
  MILL_ASSIGN(postgres->lower_bound, IntOption(options, kKeys[2], 0));
  MILL_ASSIGN(postgres->upper_bound, IntOption(options, kKeys[3], 0));
  if (postgres->lower_bound <= postgres->upper_bound) return Status::OK();
  return UserError("option '{}' = '{}' is greater than '{}' = '{}'", kKeys[2],
                   postgres->lower_bound, kKeys[3], postgres->upper_bound);
}

Status ReadAll(const TableInfo& table, PostgresOptions* postgres) {
  postgres->table = table.name;
  postgres->target = StringOption(table.options, "table-name", table.name);
  MILL_RETURN(ReadAddress(table.options, postgres));
  MILL_RETURN(ReadSink(table.options, postgres));
  MILL_RETURN(ReadPartitions(table, postgres));
  MILL_ASSIGN(postgres->fetch_size, Ranged(table.options, "scan.fetch-size", 0, 0, kMostFetched));
  MILL_ASSIGN(postgres->lookup_retries, Ranged(table.options, "lookup.max-retries", 3, 0, 1000));
  MILL_ASSIGN(postgres->lookup_cache, LookupCacheOptions::Read(table.options));
  return Status::OK();
}

}  // namespace

Result<PostgresOptions> PostgresOptions::Read(const TableInfo& table) {
  PostgresOptions postgres;
  MILL_RETURN(Annotate(ReadAll(table, &postgres), fmt::format("table '{}'", table.name)));
  return postgres;
}

Result<std::unique_ptr<PostgresClient>> PostgresOptions::Connect(PostgresFault* fault) const {
  *fault = PostgresFault::kSetup;
  MILL_ASSIGN(const auto resolved, ResolveAddress(address));
  return PostgresClient::Connect(resolved, fault);
}

Status PostgresOptions::TryPatiently(const std::function<Status(PostgresFault*)>& try_once) const {
  using Clock = std::chrono::steady_clock;
  const auto deadline = Clock::now() + patience;
  milliseconds pause{100};
  PostgresRetryNotes notes;
  while (true) {
    PostgresFault fault = PostgresFault::kNone;
    const Status tried = try_once(&fault);
    const bool again = !tried.ok() && fault == PostgresFault::kAgain;
    if (!again || Clock::now() + pause > deadline) return tried;
    notes.Add(*this, tried);
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, milliseconds(2000));
  }
}

void PostgresOptions::Note(const std::string& what) const {
  std::fprintf(stderr, "postgres, table '%s': %s\n", table.c_str(), what.c_str());
}

void PostgresRetryNotes::Add(const PostgresOptions& options, const Status& status) {
  ++count_;
  const auto now = std::chrono::steady_clock::now();
  if (now < next_) return;
  next_ = now + std::chrono::seconds(10);
  options.Note(fmt::format("{}; trying again (failures so far: {})", status.message(), count_));
}

std::vector<OptionSpec> PostgresOptionSpecs() {
  std::vector<OptionSpec> specs = {
      {"url", "STRING", "", "postgresql://host:5432/db, or jdbc:postgresql://host:5432/db.", true},
      {"table-name", "STRING", "", "Name in the database: table or schema.table.", true},
      {"username", "STRING", "", "Who connects; by default as libpq decides."},
      {"password", "STRING", "", "Better as ${env:NAME} or ${file:PATH}."},
      {"driver", "STRING", "", "Accepted as in Flink, not used."},
      {"connection.max-retry-timeout", "DURATION", "60 s",
       "How long a server that is away is waited for."},
      {"sink.buffer-flush.max-rows", "BIGINT", "10000",
       "Rows of a transaction, at least once; exactly once, a checkpoint is one."},
      {"sink.buffer-flush.interval", "DURATION", "1 s", "How long they may wait, at least once."},
      {"sink.max-retries", "BIGINT", "3", "Of a transaction that a deadlock has ended."},
      {"sink.create-table", "BOOLEAN", "false", "Makes the table if it is not there."},
      {"sink.rejected-rows", "STRING", "keep",
       "Rows that the database refuses: keep (in a table beside) or fail."},
      {"sink.rejected-rows.max", "BIGINT", "10000",
       "Of one transaction (a checkpoint); with more the job fails."},
      {"sink.rejected-table", "STRING", "millrace_rejected", "Where they are kept."},
      {"sink.epoch-table", "STRING", "millrace_epochs", "Notes which epochs are published."},
      {"scan.partition.column", "STRING", "", "Divides the scan into lanes by its value."},
      {"scan.partition.num", "BIGINT", "", "How many lanes."},
      {"scan.partition.lower-bound", "BIGINT", "", "Smallest value of the first lane's stride."},
      {"scan.partition.upper-bound", "BIGINT", "", "Largest value of the last lane's stride."},
      {"scan.fetch-size", "BIGINT", "0", "Rows of a batch; 0: 8192."},
      {"scan.auto-commit", "BOOLEAN", "true", "Accepted as in Flink; rows are streamed."},
      {"lookup.max-retries", "BIGINT", "3", "Of a lookup whose connection is lost."},
  };
  const std::vector<OptionSpec> cache = LookupCacheOptions::Specs();
  specs.insert(specs.end(), cache.begin(), cache.end());
  return specs;
}

}  // namespace millrace
