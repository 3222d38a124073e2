#include "connectors/kafka/options.h"

#include <algorithm>
#include <charconv>

#include "formats/options.h"

namespace millrace {
namespace {

constexpr std::string_view kProperties = "properties.";

std::vector<std::string> Split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  size_t begin = 0;
  while (begin <= text.size()) {
    const size_t end = std::min(text.find(separator, begin), text.size());
    std::string part = text.substr(begin, end - begin);
    const size_t first = part.find_first_not_of(' ');
    const size_t last = part.find_last_not_of(' ');
    if (first != part.npos) parts.push_back(part.substr(first, last + 1 - first));
    begin = end + 1;
  }
  return parts;
}

Status ReadTopics(const Options& options, KafkaOptions* kafka) {
  const std::string topics = StringOption(options, "topic", "");
  kafka->topic_pattern = StringOption(options, "topic-pattern", "");
  kafka->topics = Split(topics, ';');
  if (kafka->topics.empty() == kafka->topic_pattern.empty()) {
    return UserError("say either 'topic' or 'topic-pattern'. hint: 'topic' = 'orders'");
  }
  return Status::OK();
}

Status ReadProperties(const Options& options, KafkaOptions* kafka) {
  for (const auto& [key, value] : options) {
    if (key.starts_with(kProperties)) kafka->properties[key.substr(kProperties.size())] = value;
  }
  kafka->servers = StringOption(options, "properties.bootstrap.servers", "");
  kafka->group = StringOption(options, "properties.group.id", "");
  MILL_ASSIGN(kafka->commits, BoolOption(options, "properties.commit.offsets.on.checkpoint", true));
  MILL_ASSIGN(const int64_t patience, IntOption(options, "properties.default.api.timeout.ms", 60000));
  kafka->patience = std::chrono::milliseconds(std::max<int64_t>(patience, 0));
  if (!kafka->servers.empty()) return Status::OK();
  return UserError(
      "missing option 'properties.bootstrap.servers': where brokers are, 'host:port,host:port'");
}

bool ReadNumber(std::string_view text, std::string_view name, int64_t* value) {
  if (!text.starts_with(name)) return false;
  text.remove_prefix(name.size());
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), *value);
  return error == std::errc() && stop == text.data() + text.size() && *value >= 0;
}

// "partition:0,offset:42;partition:1,offset:300"
Result<std::map<int32_t, int64_t>> ReadOffsets(const Options& options, const std::string& key) {
  const std::string text = StringOption(options, key, "");
  std::map<int32_t, int64_t> offsets;
  for (const std::string& entry : Split(text, ';')) {
    const std::vector<std::string> pair = Split(entry, ',');
    int64_t partition = 0, offset = 0;
    const bool read = pair.size() == 2 && ReadNumber(pair[0], "partition:", &partition) &&
                      ReadNumber(pair[1], "offset:", &offset) && partition <= INT32_MAX;
    if (!read) {
      return UserError("option '{}': cannot read '{}'. hint: write "
                       "'partition:0,offset:42;partition:1,offset:300'", key, entry);
    }
    offsets[static_cast<int32_t>(partition)] = offset;
  }
  if (offsets.empty()) return UserError("missing option '{}'", key);
  return offsets;
}

// `what` is "scan.startup" or "scan.bounded".
Status ReadBoundary(const Options& options, const std::string& what, const std::string& fallback,
                    KafkaBoundary* boundary) {
  using Kind = KafkaBoundary::Kind;
  const bool startup = what == "scan.startup";
  std::map<std::string, Kind> kinds = {{"latest-offset", Kind::kLatest},
                                       {"group-offsets", Kind::kGroup},
                                       {"timestamp", Kind::kTimestamp},
                                       {"specific-offsets", Kind::kSpecific}};
  kinds.insert(startup ? std::pair{"earliest-offset", Kind::kEarliest}
                       : std::pair{"unbounded", Kind::kNone});
  const std::string mode = StringOption(options, what + ".mode", fallback);
  const auto found = kinds.find(mode);
  if (found == kinds.end()) {
    std::vector<std::string> names;
    for (const auto& [name, kind] : kinds) names.push_back(name);
    return UserError("option '{}.mode': '{}' is none of {}", what, mode, fmt::join(names, ", "));
  }
  boundary->kind = found->second;
  const std::string millis = what + ".timestamp-millis";
  if (boundary->kind == Kind::kTimestamp && !options.contains(millis)) {
    return UserError("missing option '{}' for '{}.mode' = 'timestamp'", millis, what);
  }
  MILL_ASSIGN(boundary->timestamp, IntOption(options, millis, 0));
  if (boundary->kind == Kind::kSpecific) {
    MILL_ASSIGN(boundary->offsets, ReadOffsets(options, what + ".specific-offsets"));
  }
  return Status::OK();
}

// The options of one part's format: "key.json.x" or "json.x" -> "json.x".
Options FormatOptions(const Options& options, const std::string& part, const std::string& format) {
  Options found;
  const bool plain = part == "value" && !options.contains("value.format");
  const std::string prefix = plain ? format + "." : part + "." + format + ".";
  for (const auto& [key, value] : options) {
    if (key.starts_with(prefix)) found[plain ? key : key.substr(part.size() + 1)] = value;
  }
  return found;
}

Status ReadFormats(const Options& options, KafkaOptions* kafka) {
  const bool both = options.contains("format") && options.contains("value.format");
  if (both) return UserError("say either 'format' or 'value.format', they mean the same");
  kafka->value_format =
      StringOption(options, "format", StringOption(options, "value.format", ""));
  kafka->key_format = StringOption(options, "key.format", "");
  if (kafka->value_format.empty()) {
    return UserError("missing option 'format': json, csv, raw, regex, avro, avro-confluent, "
                     "debezium-json or protobuf");
  }
  kafka->value_options = FormatOptions(options, "value", kafka->value_format);
  kafka->key_options = FormatOptions(options, "key", kafka->key_format);
  // As in Flink: schemas belong to the topic.
  if (kafka->topics.size() == 1) {
    const std::string subject = "avro-confluent.subject";
    if (kafka->value_format == "avro-confluent") {
      kafka->value_options.emplace(subject, kafka->topics.front() + "-value");
    }
    if (kafka->key_format == "avro-confluent") {
      kafka->key_options.emplace(subject, kafka->topics.front() + "-key");
    }
  }
  if (kafka->upsert && kafka->is_changelog()) {
    return UserError("format '{}' is a changelog by itself. hint: 'connector' = 'kafka'",
                     kafka->value_format);
  }
  return Status::OK();
}

Status CheckKeyFields(const TableInfo& table, const KafkaOptions& kafka) {
  for (const std::string& field : kafka.key_fields) {
    if (table.schema.Find(field) < 0) {
      return UserError("option 'key.fields' names column '{}', which the table does not have",
                       field);
    }
    if (!field.starts_with(kafka.key_prefix)) {
      return UserError("key field '{}' does not begin with 'key.fields-prefix' = '{}'", field,
                       kafka.key_prefix);
    }
  }
  return Status::OK();
}

Status ReadFields(const TableInfo& table, KafkaOptions* kafka) {
  const Options& options = table.options;
  kafka->key_prefix = StringOption(options, "key.fields-prefix", "");
  const std::string include = StringOption(options, "value.fields-include", "ALL");
  if (include != "ALL" && include != "EXCEPT_KEY") {
    return UserError("option 'value.fields-include': '{}' is neither ALL nor EXCEPT_KEY", include);
  }
  kafka->value_has_key = include == "ALL";
  if (!kafka->key_prefix.empty() && kafka->value_has_key) {
    return UserError("'key.fields-prefix' needs 'value.fields-include' = 'EXCEPT_KEY'");
  }
  kafka->key_fields =
      kafka->upsert ? table.primary_key : Split(StringOption(options, "key.fields", ""), ';');
  if (kafka->upsert && kafka->key_fields.empty()) {
    return UserError("an 'upsert-kafka' table has a key. hint: PRIMARY KEY (...) NOT ENFORCED");
  }
  if (kafka->key_format.empty() != kafka->key_fields.empty()) {
    return UserError("'key.format' and {} belong together: one of them is missing",
                     kafka->upsert ? "PRIMARY KEY" : "'key.fields'");
  }
  return CheckKeyFields(table, *kafka);
}

Status ReadScan(const Options& options, KafkaOptions* kafka) {
  const char* start = kafka->upsert ? "earliest-offset" : "group-offsets";
  MILL_RETURN(ReadBoundary(options, "scan.startup", start, &kafka->start));
  MILL_RETURN(ReadBoundary(options, "scan.bounded", "unbounded", &kafka->stop));
  MILL_ASSIGN(kafka->discovery, DurationOption(options, "scan.topic-partition-discovery.interval",
                                               std::chrono::minutes(5)));
  const std::string lanes = "scan.topic-partition-discovery.lanes";
  MILL_ASSIGN(kafka->spare_lanes, IntOption(options, lanes, 0));
  if (kafka->spare_lanes >= 0 && kafka->spare_lanes <= 1000) return Status::OK();
  return UserError("option '{}' = '{}' is not from 0 to 1000", lanes, kafka->spare_lanes);
}

Status ReadAll(const TableInfo& table, KafkaOptions* kafka) {
  kafka->table = table.name;
  kafka->upsert = StringOption(table.options, "connector", "") == "upsert-kafka";
  MILL_RETURN(ReadTopics(table.options, kafka));
  MILL_RETURN(ReadProperties(table.options, kafka));
  MILL_RETURN(ReadFormats(table.options, kafka));
  MILL_RETURN(ReadFields(table, kafka));
  return ReadScan(table.options, kafka);
}

}  // namespace

Result<KafkaOptions> KafkaOptions::Read(const TableInfo& table) {
  KafkaOptions kafka;
  MILL_RETURN(Annotate(ReadAll(table, &kafka), fmt::format("table '{}'", table.name)));
  return kafka;
}

std::vector<OptionSpec> KafkaOptionSpecs(bool upsert) {
  std::vector<OptionSpec> specs = {
      {"topic", "STRING", "", "Topics to read, separated by ';', or the one to write."},
      {"topic-pattern", "STRING", "", "A regular expression: all topics that match it are read."},
      {"properties.*", "STRING", "",
       "Settings of the client: bootstrap.servers, group.id, security.protocol, ..."},
      {"value.format", "STRING", "", "The values' format, the same as 'format'."},
      {"key.format", "STRING", "", "The keys' format."},
      {"key.fields-prefix", "STRING", "", "Begins the names of the key's columns in the table."},
      {"value.fields-include", "STRING", "ALL", "ALL, or EXCEPT_KEY: key fields are not there."},
      {"scan.bounded.mode", "STRING", "unbounded",
       "Where the scan ends: latest-offset, group-offsets, timestamp, specific-offsets."},
      {"scan.bounded.timestamp-millis", "BIGINT", "", "Of the mode 'timestamp'."},
      {"scan.bounded.specific-offsets", "STRING", "", "'partition:0,offset:42;...'."},
      {"scan.topic-partition-discovery.interval", "DURATION", "5 min",
       "How often new partitions are looked for; 0: never."},
      {"scan.topic-partition-discovery.lanes", "BIGINT", "0",
       "How many new partitions a run can take up; 0: as many as there are at its start, 4 to 32."},
      {"sink.transactional-id-prefix", "STRING", "",
       "Names the transactions of an exactly-once sink; unique to a job."},
      {"sink.commit-topic", "STRING", "millrace-commits",
       "A compacted topic that notes which epochs are published; made if it is not there."},
      {"sink.buffer-flush.max-rows", "BIGINT", "", "Accepted as in Flink; librdkafka batches."},
      {"sink.buffer-flush.interval", "DURATION", "", "Accepted as in Flink; librdkafka batches."},
  };
  if (upsert) return specs;
  specs.push_back({"key.fields", "STRING", "", "The key's columns, separated by ';'."});
  specs.push_back({"scan.startup.mode", "STRING", "group-offsets",
                   "Where the scan begins: earliest-offset, latest-offset, group-offsets, "
                   "timestamp, specific-offsets."});
  specs.push_back({"scan.startup.timestamp-millis", "BIGINT", "", "Of the mode 'timestamp'."});
  specs.push_back({"scan.startup.specific-offsets", "STRING", "", "'partition:0,offset:42;...'."});
  specs.push_back({"sink.partitioner", "STRING", "default",
                   "default (by key, else spread), fixed, round-robin."});
  return specs;
}

std::vector<std::string> KafkaFormatOptions(const TableInfo& table) {
  std::vector<std::string> names;
  for (const std::string part : {"", "key.", "value."}) {
    const auto format = table.options.find(part + "format");
    if (format == table.options.end()) continue;
    for (const std::string& option : FormatOptionNames(format->second)) {
      names.push_back(part + option);
    }
  }
  return names;
}

}  // namespace millrace
