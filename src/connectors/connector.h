// Connectors by name: what `'connector' = '...'` names. Each declares its options as a table, which
// checks WITH (...), writes the error and the manual.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "connectors/lookup.h"
#include "connectors/sink.h"
#include "connectors/source.h"
#include "data/column_condition.h"
#include "formats/format.h"
#include "formats/options.h"

namespace millrace {

struct OptionSpec {
  std::string name;       // "path"; a trailing '*' takes any ending: "fields.*"
  std::string type;       // "STRING", "BIGINT", "BOOLEAN", "DURATION", "DOUBLE", "MEMORY"
  std::string fallback;   // default value as text; "" none
  std::string doc;
  bool required = false;
};

// What a connector is told about the table it serves.
struct TableInfo {
  std::string name;
  Schema schema;                         // physical columns (metadata columns of a source apart)
  std::vector<std::string> metadata;     // keys of the metadata columns that a scan wants
  std::vector<std::string> primary_key;
  std::vector<std::string> partitioned_by;
  Options options;
  bool bounded_hint = false;
  // Of a sink: names the job and its sink, the same in all runs of the job; "" where nobody keeps
  // what a run leaves behind.
  std::string owner;
  // Rows that fail one of these are not wanted: a source may leave them out, as far as it knows. If the
  // table has a watermark, `time_column` carries its event time, and the source says of the rows that
  // it leaves out how late the latest is (Polled::skipped_time); else it is "".
  std::vector<ColumnCondition> conditions;
  std::string time_column;
};

// What a source knows beside the rows: `x TYPE METADATA FROM 'key'`.
struct MetadataSpec {
  std::string key;
  SqlType type;
  std::string doc;
};

struct Connector {
  std::string name;
  std::string doc;
  std::vector<OptionSpec> options;
  std::vector<MetadataSpec> metadata;
  bool takes_format = false;   // bytes in and out: 'format' = ... composes
  // Names of further options that a table may have, by what it says; null: none.
  std::function<std::vector<std::string>(const TableInfo&)> more_options;
  // The lanes; `columns` are the physical columns that the plan uses, then those of
  // TableInfo::metadata, named by their keys (batch sources produce just these, in this order).
  // Null: cannot be read.
  std::function<Result<std::vector<std::unique_ptr<Source>>>(const TableInfo&,
                                                             const Schema& columns)>
      make_source;
  // The decoder of the lanes' chunks into `columns`; it answers null where the sources yield
  // batches. Null: MakeDecoder of the table's format, for a connector that takes one.
  std::function<Result<std::unique_ptr<Decoder>>(const TableInfo&, const Schema& columns)>
      make_decoder;
  // Which kinds of rows the table's sources yield; null: +I only.
  std::function<ChangelogMode(const TableInfo&)> changelog;
  // How far behind the latest time of its lane a row can come: what SOURCE_WATERMARK() is made of.
  // Null: the connector cannot tell.
  std::function<Result<std::chrono::milliseconds>(const TableInfo&)> disorder;
  // True if the sources make use of TableInfo::conditions; null: never.
  std::function<bool(const TableInfo&)> takes_conditions;
  // Finds rows of the table by the columns `keys`; `columns` are those to find. Null: it cannot be
  // looked up.
  std::function<Result<std::unique_ptr<Lookup>>(const TableInfo&, const Schema& columns,
                                                const Schema& keys)>
      make_lookup;
  // Null: cannot be written.
  std::function<Result<std::unique_ptr<Sink>>(const TableInfo&)> make_sink;
};

// All connectors (all.cc).
const std::vector<Connector>& AllConnectors();
// Null if there is none of that name.
const Connector* FindConnector(const std::string& name);
// Checks every option of a table against its connector's and format's tables, names the nearest
// valid one for an unknown key, and the missing ones.
Status CheckOptions(const Connector& connector, const TableInfo& table);
// The option 'scan.parallelism': in how many lanes a table is read, 1 where it is not said.
Result<int> ScanParallelism(const Options& options);

}  // namespace millrace
