// What an 'iceberg' table's options say, checked; named as in Flink's Iceberg connector.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "connectors/connector.h"

namespace millrace {

struct IcebergOptions {
  enum class CatalogType { kFolder, kRest, kSqlite };

  CatalogType catalog_type = CatalogType::kFolder;
  std::string catalog_name, database, table;
  std::string warehouse, uri;
  Options all;  // as written: 's3.*', 'parquet.*', 'token' ..., placeholders of secrets in place

  // Reading.
  std::optional<int64_t> snapshot_id, as_of;  // as_of: ms since 1970
  std::string ref;                            // a branch or tag; "": the branch main
  bool streaming = false;
  std::chrono::milliseconds monitor_interval{10000};
  std::optional<int64_t> start_snapshot_id;   // streaming: rows after it
  bool start_at_latest = false;               // streaming: only rows that are still to come
  bool skip_overwrites = false;

  // Writing.
  std::vector<std::string> partitioning;
  bool add_columns = false;
  int64_t file_bytes = 0;
  int64_t merge_manifests = 0;  // from so many small manifests on
  int64_t commit_retries = 0;

  static Result<IcebergOptions> Read(const TableInfo& table);
  // "db.events", for messages.
  std::string full_name() const { return database + "." + table; }
};

std::vector<OptionSpec> IcebergOptionSpecs();

}  // namespace millrace
