// What a 'kafka' or 'upsert-kafka' table's options say, checked; named as in Flink.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "connectors/connector.h"
#include "formats/debezium.h"

namespace millrace {

// A place in each partition of the topics.
struct KafkaBoundary {
  enum class Kind { kNone, kEarliest, kLatest, kGroup, kTimestamp, kSpecific };
  Kind kind = Kind::kNone;
  int64_t timestamp = 0;               // ms, of kTimestamp
  std::map<int32_t, int64_t> offsets;  // by partition, of kSpecific
};

struct KafkaOptions {
  std::string table;
  std::vector<std::string> topics;  // one of these two is set
  std::string topic_pattern;
  // properties.*, with the prefix cut off, as written: secrets are not yet put in.
  std::map<std::string, std::string> properties;
  std::string servers;
  std::string group;  // "": none
  bool commits = true;  // offsets to the group at checkpoints
  // How long brokers that are away are asked again, where an answer is needed to go on.
  std::chrono::milliseconds patience{60000};
  KafkaBoundary start, stop;  // of a scan; stop.kind kNone: it never ends
  std::chrono::milliseconds discovery{0};  // how often new partitions are looked for; 0: never
  int64_t spare_lanes = 0;  // for them; 0: by the number of those that are there at the start
  // A format and its options, without "key." or "value.".
  std::string value_format, key_format;
  Options value_options, key_options;
  std::vector<std::string> key_fields;  // as the table names them
  std::string key_prefix;
  bool value_has_key = true;
  bool upsert = false;
  // The values say what becomes of rows.
  bool is_changelog() const { return IsChangelogFormat(value_format); }

  // Only checks what needs no broker.
  static Result<KafkaOptions> Read(const TableInfo& table);
};

// The option tables.
std::vector<OptionSpec> KafkaOptionSpecs(bool upsert);
// The options of the formats that `table` names.
std::vector<std::string> KafkaFormatOptions(const TableInfo& table);

}  // namespace millrace
