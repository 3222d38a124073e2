#include "connectors/iceberg/options.h"

#include <algorithm>

#include "connectors/storage/s3_settings.h"
#include "formats/options.h"

namespace millrace {
namespace {

Result<IcebergOptions::CatalogType> CatalogTypeOf(const std::string& text) {
  using Type = IcebergOptions::CatalogType;
  if (text == "hadoop") return Type::kFolder;
  if (text == "rest") return Type::kRest;
  if (text == "jdbc" || text == "sql") return Type::kSqlite;
  return UserError("option 'catalog-type': '{}' is none of hadoop, rest, jdbc. hint: hadoop is a "
                   "folder, jdbc an SQLite database", text);
}

Result<std::optional<int64_t>> OptionalInt(const Options& options, const std::string& key) {
  std::optional<int64_t> value;
  if (!options.contains(key)) return value;
  MILL_ASSIGN(value, IntOption(options, key, 0));
  return value;
}

// "day(ts), bucket(16, id)" -> its elements: commas within parentheses do not divide.
std::vector<std::string> Elements(const std::string& text) {
  std::vector<std::string> elements;
  int depth = 0;
  std::string element;
  for (const char c : text) {
    if (c == '(') ++depth;
    if (c == ')') --depth;
    if (c == ',' && depth == 0) {
      elements.push_back(std::exchange(element, {}));
    } else {
      element += c;
    }
  }
  if (!element.empty() || !elements.empty()) elements.push_back(element);
  return elements;
}

Status CheckCatalog(const IcebergOptions& options) {
  using Type = IcebergOptions::CatalogType;
  if (options.catalog_type == Type::kFolder && options.warehouse.empty()) {
    return UserError("option 'warehouse' is missing. hint: the folder that holds the databases");
  }
  if (options.catalog_type == Type::kRest && !options.uri.starts_with("http://") &&
      !options.uri.starts_with("https://")) {
    return UserError("option 'uri': '{}' is no address of a REST catalog. hint: "
                     "'uri' = 'http://host:8181'", options.uri);
  }
  if (options.catalog_type == Type::kSqlite && options.uri.empty()) {
    return UserError("option 'uri' is missing. hint: 'uri' = 'jdbc:sqlite:/path/catalog.db'");
  }
  return Status::OK();
}

Status CheckStart(const IcebergOptions& options) {
  const int chosen = (options.snapshot_id ? 1 : 0) + (options.as_of ? 1 : 0) +
                     (options.ref.empty() ? 0 : 1);
  if (chosen > 1) {
    return UserError("only one of the options 'snapshot-id', 'as-of-timestamp', 'branch' and 'tag' "
                     "can be given");
  }
  if (options.streaming && (options.snapshot_id || options.as_of)) {
    return UserError("'snapshot-id' and 'as-of-timestamp' read one snapshot, 'streaming' follows "
                     "new ones. hint: 'start-snapshot-id' starts behind a snapshot");
  }
  if (!options.streaming && (options.start_snapshot_id || options.start_at_latest)) {
    return UserError("'start-snapshot-id' and 'starting-strategy' need 'streaming' = 'true'");
  }
  return Status::OK();
}

Status ReadReading(const Options& given, IcebergOptions* options) {
  MILL_ASSIGN(options->snapshot_id, OptionalInt(given, "snapshot-id"));
  MILL_ASSIGN(options->as_of, OptionalInt(given, "as-of-timestamp"));
  MILL_ASSIGN(options->start_snapshot_id, OptionalInt(given, "start-snapshot-id"));
  options->ref = StringOption(given, "branch", StringOption(given, "tag", ""));
  MILL_ASSIGN(options->streaming, BoolOption(given, "streaming", false));
  MILL_ASSIGN(options->monitor_interval,
              DurationOption(given, "monitor-interval", std::chrono::seconds(10)));
  MILL_ASSIGN(options->skip_overwrites,
              BoolOption(given, "streaming-skip-overwrite-snapshots", false));
  const std::string strategy =
      StringOption(given, "starting-strategy", "TABLE_SCAN_THEN_INCREMENTAL");
  if (strategy != "TABLE_SCAN_THEN_INCREMENTAL" && strategy != "INCREMENTAL_FROM_LATEST_SNAPSHOT") {
    return UserError("option 'starting-strategy': '{}' is none of TABLE_SCAN_THEN_INCREMENTAL, "
                     "INCREMENTAL_FROM_LATEST_SNAPSHOT", strategy);
  }
  options->start_at_latest = strategy == "INCREMENTAL_FROM_LATEST_SNAPSHOT";
  return CheckStart(*options);
}

Status ReadWriting(const TableInfo& table, IcebergOptions* options) {
  const Options& given = table.options;
  options->partitioning = Elements(StringOption(given, "partitioning", ""));
  if (!options->partitioning.empty() && !table.partitioned_by.empty()) {
    return UserError("table '{}' has PARTITIONED BY and the option 'partitioning'. hint: put all "
                     "into the option: 'country, day(ts)'", table.name);
  }
  if (options->partitioning.empty()) options->partitioning = table.partitioned_by;
  MILL_ASSIGN(options->add_columns, BoolOption(given, "schema.add-columns", false));
  MILL_ASSIGN(options->file_bytes,
              ParseMemorySize(StringOption(given, "write.target-file-size", "128MB")));
  MILL_ASSIGN(options->merge_manifests,
              IntOption(given, "commit.manifest.min-count-to-merge", 100));
  MILL_ASSIGN(options->commit_retries, IntOption(given, "commit.retry.num-retries", 4));
  if (options->merge_manifests < 2 || options->commit_retries < 0) {
    return UserError("options 'commit.manifest.min-count-to-merge' and 'commit.retry.num-retries' "
                     "must be at least 2 and 0");
  }
  return Status::OK();
}

}  // namespace

Result<IcebergOptions> IcebergOptions::Read(const TableInfo& table) {
  IcebergOptions options;
  options.all = table.options;
  MILL_ASSIGN(options.catalog_type,
              CatalogTypeOf(StringOption(table.options, "catalog-type", "hadoop")));
  options.catalog_name = StringOption(table.options, "catalog-name", "default");
  options.database = StringOption(table.options, "catalog-database", "default");
  options.table = StringOption(table.options, "catalog-table", table.name);
  options.warehouse = StringOption(table.options, "warehouse", "");
  while (options.warehouse.size() > 1 && options.warehouse.back() == '/') {
    options.warehouse.pop_back();
  }
  options.uri = StringOption(table.options, "uri", "");
  MILL_RETURN(CheckCatalog(options));
  MILL_RETURN(ReadReading(table.options, &options));
  MILL_RETURN(ReadWriting(table, &options));
  return options;
}

std::vector<OptionSpec> IcebergOptionSpecs() {
  std::vector<OptionSpec> specs = {
      {"catalog-type", "STRING", "hadoop",
       "hadoop (a folder), rest, or jdbc (an SQLite database)."},
      {"catalog-name", "STRING", "default", "The catalog's name in an SQLite database."},
      {"catalog-database", "STRING", "default", "The namespace; levels are divided by dots."},
      {"catalog-table", "STRING", "", "The table's name in the catalog; its own by default."},
      {"warehouse", "STRING", "", "The folder or s3:// URL that tables are put below."},
      {"uri", "STRING", "", "Address of the REST catalog, or jdbc:sqlite:PATH."},
      {"token", "STRING", "", "Bearer token for the REST catalog."},
      {"credential", "STRING", "", "id:secret, to be exchanged for a token."},
      {"oauth2-server-uri", "STRING", "", "Where tokens are had; the catalog itself by default."},
      {"scope", "STRING", "catalog", "The scope that a token is asked for."},
      {"snapshot-id", "BIGINT", "", "Read this snapshot."},
      {"as-of-timestamp", "BIGINT", "", "Read the snapshot current at this time, in ms."},
      {"branch", "STRING", "", "Read this branch."},
      {"tag", "STRING", "", "Read this tag."},
      {"streaming", "BOOLEAN", "false", "Go on with the rows of new snapshots."},
      {"monitor-interval", "DURATION", "10 s", "How often to look for new snapshots."},
      {"starting-strategy", "STRING", "TABLE_SCAN_THEN_INCREMENTAL",
       "Streaming: or INCREMENTAL_FROM_LATEST_SNAPSHOT, new rows only."},
      {"start-snapshot-id", "BIGINT", "", "Streaming: start with the rows after this snapshot."},
      {"streaming-skip-overwrite-snapshots", "BOOLEAN", "false",
       "Streaming: pass over snapshots that delete or replace rows instead of failing."},
      {"partitioning", "STRING", "",
       "For a table that is created: day(ts), bucket(16, id), truncate(4, name), country."},
      {"schema.add-columns", "BOOLEAN", "false",
       "Add the columns that the table does not have yet, if they are nullable."},
      {"write.target-file-size", "MEMORY", "128MB", "Start a new file at this size."},
      {"commit.manifest.min-count-to-merge", "BIGINT", "100",
       "Merge small manifests when there are so many."},
      {"commit.retry.num-retries", "BIGINT", "4", "How often a commit is tried again at once."},
      {"parquet.*", "STRING", "", "Options of the format 'parquet': compression, block.size ..."},
  };
  for (OptionSpec& spec : S3OptionSpecs()) specs.push_back(std::move(spec));
  return specs;
}

}  // namespace millrace
