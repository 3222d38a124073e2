// Connectors by name: what `'connector' = '...'` names. Each declares its options as a table, which
// checks WITH (...), writes the error and the manual.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "connectors/sink.h"
#include "connectors/source.h"
#include "formats/format.h"

namespace millrace {

struct OptionSpec {
  std::string name;       // "path"; a trailing '*' takes any ending: "fields.*"
  std::string type;       // "STRING", "BIGINT", "BOOLEAN", "DURATION", "DOUBLE"
  std::string fallback;   // default value as text; "" none
  std::string doc;
  bool required = false;
};

// What a connector is told about the table it serves.
struct TableInfo {
  std::string name;
  Schema schema;                         // physical columns (metadata columns of a source apart)
  std::vector<std::string> metadata;     // keys of metadata columns wanted, behind `schema`
  std::vector<std::string> primary_key;
  std::vector<std::string> partitioned_by;
  Options options;
  bool bounded_hint = false;
};

struct Connector {
  std::string name;
  std::string doc;
  std::vector<OptionSpec> options;
  bool takes_format = false;   // bytes in and out: 'format' = ... composes
  // The lanes; `columns` are the physical columns that the plan uses (batch sources produce just
  // these, in this order). Null: cannot be read.
  std::function<Result<std::vector<std::unique_ptr<Source>>>(const TableInfo&, const Schema& columns)> make_source;
  // Which kinds of rows the table's sources yield; null: +I only.
  std::function<ChangelogMode(const TableInfo&)> changelog;
  // Null: cannot be written.
  std::function<Result<std::unique_ptr<Sink>>(const TableInfo&)> make_sink;
};

// All connectors (all.cc).
const std::vector<Connector>& AllConnectors();
// Null if there is none of that name.
const Connector* FindConnector(const std::string& name);
// Checks every option of a table against its connector's and format's tables, names the nearest valid
// one for an unknown key, and the missing ones.
Status CheckOptions(const Connector& connector, const TableInfo& table);

// Parses "10 s", "500ms", "1 min", "PT10S", "10 MB" as Flink does.
Result<std::chrono::milliseconds> ParseDuration(const std::string& text);
Result<int64_t> ParseMemorySize(const std::string& text);
// Options with a default, typed; errors name the option and the value.
Result<int64_t> IntOption(const Options& options, const std::string& key, int64_t fallback);
Result<bool> BoolOption(const Options& options, const std::string& key, bool fallback);
Result<double> DoubleOption(const Options& options, const std::string& key, double fallback);
std::string StringOption(const Options& options, const std::string& key, const std::string& fallback);
Result<std::chrono::milliseconds> DurationOption(const Options& options, const std::string& key,
                                                 std::chrono::milliseconds fallback);

}  // namespace millrace
