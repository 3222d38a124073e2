// The connector 'filesystem': its options, sources and sink.
#include "connectors/builtin.h"
#include "connectors/files/avro_source.h"
#include "connectors/files/file_columns.h"
#include "connectors/files/file_sink.h"
#include "connectors/files/file_source.h"
#include "connectors/files/parquet_source.h"
#include "connectors/files/partition_filter.h"
#include "connectors/storage/file_system.h"
#include "connectors/storage/s3_settings.h"
#include "formats/debezium.h"

namespace millrace {
namespace {

using std::chrono::milliseconds;

// How the table's format cuts its records.
Result<RecordFraming> FramingOf(const TableInfo& table) {
  RecordFraming framing;
  if (StringOption(table.options, "format", "") != "csv") return framing;
  MILL_ASSIGN(bool unquoted, BoolOption(table.options, "csv.disable-quote-character", false));
  if (unquoted) return framing;
  framing.kind = Framing::kCsvRows;
  const std::string quote = StringOption(table.options, "csv.quote-character", "\"");
  const std::string escape = StringOption(table.options, "csv.escape-character", "");
  if (!quote.empty()) framing.quote = quote.front();
  if (!escape.empty()) framing.escape = escape.front();
  return framing;
}

Result<LaneFilesOptions> FilesOf(const TableInfo& table) {
  LaneFilesOptions files;
  files.path = StringOption(table.options, "path", "");
  if (IsObjectStore(files.path)) {
    MILL_ASSIGN(files.store, ObjectFiles::Make(files.path, table.options));
  }
  MILL_ASSIGN(files.monitor_interval,
              DurationOption(table.options, "source.monitor-interval", milliseconds(0)));
  MILL_ASSIGN(files.lanes, ScanParallelism(table.options));
  return files;
}

Result<std::vector<std::unique_ptr<Source>>> MakeSources(const TableInfo& table,
                                                         const Schema& columns) {
  MILL_RETURN(CheckFileMetadata(table));
  MILL_ASSIGN(LaneFilesOptions files, FilesOf(table));
  if (table.time_column.empty() && !table.conditions.empty()) {
    files.wanted = [filter = PartitionFilter(table)](const std::string& path) {
      return filter.MayPass(path);
    };
  }
  MILL_ASSIGN(const RecordFraming framing, FramingOf(table));
  const std::string format = StringOption(table.options, "format", "");
  const bool parquet = format == "parquet";
  std::vector<std::unique_ptr<Source>> sources;
  for (files.lane = 0; files.lane < files.lanes; ++files.lane) {
    if (parquet) {
      sources.push_back(std::make_unique<ParquetSource>(files, table, FileColumns(table, columns)));
      continue;
    }
    if (format == "avro") {
      sources.push_back(std::make_unique<AvroSource>(files, FileColumns(table, columns)));
      continue;
    }
    FileSourceOptions options;
    options.files = files;
    options.framing = framing;
    sources.push_back(std::make_unique<FileSource>(std::move(options)));
  }
  return sources;
}

// Parquet files tell of their columns; of others only the partitions are known, which says nothing
// of the times that a watermark is made of.
bool TakesConditions(const TableInfo& table) {
  if (StringOption(table.options, "format", "") == "parquet") return true;
  return table.time_column.empty() && !table.partitioned_by.empty();
}

}  // namespace

Connector FilesystemConnector() {
  Connector connector;
  connector.name = "filesystem";
  connector.doc = "Files and folders, also compressed (.gz, .zst) ones when read.";
  connector.takes_format = true;
  connector.metadata = FileMetadata();
  connector.options = {
      {"path", "STRING", "",
       "A file, a folder (read recursively) or a glob; a folder to write. Local, or s3://bucket/...",
       true},
      {"source.monitor-interval", "DURATION", "", "Keep looking for new files this often."},
      {"partition.default-name", "STRING", "__DEFAULT_PARTITION__",
       "The partition of NULL and of empty text."},
      {"sink.rolling-policy.file-size", "MEMORY", "128MB", "Start a new file at this size."},
      {"sink.rolling-policy.rollover-interval", "DURATION", "30 min",
       "Start a new file when one is this old."},
      {"sink.rolling-policy.check-interval", "DURATION", "1 min", "How often to look for such."},
      {"auto-compaction", "BOOLEAN", "false",
       "Gather the rows of several checkpoints for a file, which shows when it is large or old "
       "enough."},
      {"compaction.file-size", "MEMORY", "",
       "How large such a file is to become; by default 'sink.rolling-policy.file-size'."},
      {"sink.partition-commit.policy.kind", "STRING", "",
       "success-file: tell by a file in its folder that a partition is complete."},
      {"sink.partition-commit.success-file.name", "STRING", "_SUCCESS", "Its name."},
      {"sink.partition-commit.trigger", "STRING", "process-time",
       "process-time: so long after its first rows; partition-time: after the time in its name."},
      {"sink.partition-commit.delay", "DURATION", "0 s", "How long after."},
      {"partition.time-extractor.kind", "STRING", "default", "Only this one."},
      {"partition.time-extractor.timestamp-pattern", "STRING", "",
       "How the time is made of the partition's columns: '$day $hour:00:00'; by default the first."},
      {"partition.time-extractor.timestamp-formatter", "STRING", "yyyy-MM-dd HH:mm:ss",
       "How that is read."},
      {"s3.upload.min.part.size", "MEMORY", "5MB", "How much of an object one request sends."},
  };
  for (OptionSpec& option : S3OptionSpecs()) connector.options.push_back(std::move(option));
  connector.make_source = MakeSources;
  connector.changelog = [](const TableInfo& table) {
    return IsChangelogFormat(StringOption(table.options, "format", ""))
               ? ChangelogMode::kRetract
               : ChangelogMode::kInsertOnly;
  };
  connector.make_decoder = MakeFileDecoder;
  connector.takes_conditions = TakesConditions;
  connector.make_sink = [](const TableInfo& table) -> Result<std::unique_ptr<Sink>> {
    return FileSink::Make(table);
  };
  return connector;
}

}  // namespace millrace
