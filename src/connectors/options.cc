// The check of every WITH (...) key against the tables of connector and format.
#include <algorithm>

#include "base/nearest.h"
#include "connectors/connector.h"
#include "formats/format.h"

namespace millrace {
namespace {

bool Matches(const std::string& pattern, const std::string& key) {
  if (!pattern.ends_with('*')) return pattern == key;
  return key.starts_with(std::string_view(pattern).substr(0, pattern.size() - 1));
}

// Keys that every table may have.
const std::vector<std::string>& GenericKeys() {
  static const std::vector<std::string> kKeys = {"connector",
                                                 "format",
                                                 "scan.parallelism",
                                                 "sink.parallelism",
                                                 "sink.delivery-guarantee",
                                                 "scan.watermark.idle-timeout",
                                                 "scan.watermark.emit.strategy",
                                                 "scan.watermark.emit.on-event.gap",
                                                 "scan.watermark.alignment.group",
                                                 "scan.watermark.alignment.max-drift",
                                                 "scan.watermark.alignment.update-interval",
                                                 "watermark.future-cap"};
  return kKeys;
}

std::vector<std::string> KnownKeys(const Connector& connector, const TableInfo& table) {
  std::vector<std::string> known = GenericKeys();
  for (const OptionSpec& option : connector.options) known.push_back(option.name);
  if (connector.takes_format) {
    const auto format = table.options.find("format");
    const std::string name = format == table.options.end() ? "" : format->second;
    for (std::string& option : FormatOptionNames(name)) known.push_back(std::move(option));
  }
  if (connector.more_options) {
    for (std::string& option : connector.more_options(table)) known.push_back(std::move(option));
  }
  return known;
}

Status CheckType(const OptionSpec& option, const Options& options) {
  if (option.type == "BIGINT") return IntOption(options, option.name, 0).status();
  if (option.type == "BOOLEAN") return BoolOption(options, option.name, false).status();
  if (option.type == "DOUBLE") return DoubleOption(options, option.name, 0).status();
  if (option.type == "MEMORY" && options.contains(option.name)) {
    const Status status = ParseMemorySize(options.at(option.name)).status();
    return Annotate(status, fmt::format("option '{}'", option.name));
  }
  if (option.type == "DURATION") return DurationOption(options, option.name, {}).status();
  return Status::OK();
}

std::string Where(const Connector& connector, const TableInfo& table) {
  return fmt::format("table '{}' ('connector' = '{}')", table.name, connector.name);
}

}  // namespace

Status CheckOptions(const Connector& connector, const TableInfo& table) {
  const std::vector<std::string> known = KnownKeys(connector, table);
  for (const auto& [key, value] : table.options) {
    const auto matches = [&key = key](const std::string& name) { return Matches(name, key); };
    if (std::any_of(known.begin(), known.end(), matches)) continue;
    const std::string near = NearestName(key, known);
    const std::string hint = near.empty() ? "" : fmt::format(". did you mean '{}'?", near);
    return UserError("unknown option '{}' of {}{}", key, Where(connector, table), hint);
  }
  for (const OptionSpec& option : connector.options) {
    if (option.required && !table.options.contains(option.name)) {
      return UserError("missing option '{}' of {}: {}", option.name, Where(connector, table),
                       option.doc);
    }
    MILL_RETURN(Annotate(CheckType(option, table.options), Where(connector, table)));
  }
  if (connector.takes_format && !table.options.contains("format")) {
    return UserError("missing option 'format' of {}: json, csv, parquet, avro, raw, "
                     "regex, ...",
                     Where(connector, table));
  }
  return Status::OK();
}

Result<int> ScanParallelism(const Options& options) {
  constexpr int64_t kMaxLanes = 1024;
  MILL_ASSIGN(const int64_t lanes, IntOption(options, "scan.parallelism", 1));
  if (lanes < 1 || lanes > kMaxLanes) {
    return UserError("option 'scan.parallelism': {} is not between 1 and {}", lanes, kMaxLanes);
  }
  return static_cast<int>(lanes);
}

}  // namespace millrace
