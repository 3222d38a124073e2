#include "connectors/kafka/connector.h"

#include <algorithm>

#include "connectors/kafka/discovery.h"
#include "connectors/kafka/fields.h"
#include "connectors/kafka/sink.h"
#include "connectors/kafka/source.h"
#include "formats/debezium_metadata.h"
#include "formats/message_metadata.h"

namespace millrace {
namespace {

size_t SpareLanes(const KafkaOptions& options, size_t partitions) {
  const bool ends = options.stop.kind != KafkaBoundary::Kind::kNone;
  if (ends || options.discovery.count() == 0) return 0;
  if (options.spare_lanes > 0) return static_cast<size_t>(options.spare_lanes);
  return std::clamp<size_t>(partitions, 4, 32);
}

// What the value's format tells beside the row can only be asked of one that does.
Status CheckValueMetadata(const KafkaOptions& options, const TableInfo& table) {
  for (const std::string& key : table.metadata) {
    if (!key.starts_with(kValueMetadata) || options.is_changelog()) continue;
    return UserError("table '{}': metadata '{}' is of the format debezium-json, this table's is {}",
                     table.name, key, options.value_format);
  }
  return Status::OK();
}

bool Wants(const TableInfo& table, const std::string& metadata) {
  return std::find(table.metadata.begin(), table.metadata.end(), metadata) !=
         table.metadata.end();
}

// One lane for each partition, and of a scan without end some for those that are still to come.
Result<std::vector<std::unique_ptr<Source>>> MakeSources(const TableInfo& table,
                                                         const Schema& columns) {
  MILL_ASSIGN(const KafkaOptions options, KafkaOptions::Read(table));
  MILL_RETURN(CheckValueMetadata(options, table));
  const MessageSpec spec = MessageSpecOf(options, table, columns);
  const KafkaNeeds needs{!spec.key.format.empty() || Wants(table, "key"),
                         Wants(table, "headers")};
  const std::string where = fmt::format("table '{}'", table.name);
  auto consumer = KafkaConsumer::Make(options);
  MILL_RETURN(Annotate(consumer.status(), where));
  auto partitions = (*consumer)->client().FindPartitions(options);
  MILL_RETURN(Annotate(partitions.status(), where));
  const size_t spare = SpareLanes(options, partitions->size());
  std::shared_ptr<KafkaDiscovery> discovery;
  if (spare > 0) discovery = std::make_shared<KafkaDiscovery>(*consumer, *partitions, spare);
  std::vector<std::unique_ptr<Source>> sources;
  for (KafkaPartition& partition : *partitions) {
    sources.push_back(
        std::make_unique<KafkaSource>(*consumer, std::move(partition), needs, discovery));
  }
  for (size_t i = 1; i <= spare; ++i) {
    sources.push_back(
        std::make_unique<KafkaSource>(*consumer, static_cast<int>(i), needs, discovery));
  }
  return sources;
}

Result<std::unique_ptr<Decoder>> MakeKafkaDecoder(const TableInfo& table, const Schema& columns) {
  MILL_ASSIGN(const KafkaOptions options, KafkaOptions::Read(table));
  return MakeMessageDecoder(MessageSpecOf(options, table, columns));
}

Connector MakeConnector(bool upsert) {
  Connector connector;
  connector.options = KafkaOptionSpecs(upsert);
  connector.more_options = KafkaFormatOptions;
  for (const MessageMetadata& metadata : AllMessageMetadata()) {
    connector.metadata.push_back({metadata.key, metadata.type, metadata.doc});
  }
  for (const DebeziumMetadata& metadata : AllDebeziumMetadata()) {
    const std::string key = std::string(kValueMetadata) + metadata.key;
    connector.metadata.push_back({key, metadata.type, metadata.doc + " Of debezium-json."});
  }
  connector.make_source = MakeSources;
  connector.make_decoder = MakeKafkaDecoder;
  connector.make_sink = [](const TableInfo& table) -> Result<std::unique_ptr<Sink>> {
    return KafkaSink::Make(table);
  };
  return connector;
}

}  // namespace

Connector KafkaConnector() {
  Connector connector = MakeConnector(false);
  connector.name = "kafka";
  connector.doc = "Topics of Apache Kafka.";
  connector.changelog = [](const TableInfo& table) {
    const std::string format = StringOption(table.options, "value.format",
                                            StringOption(table.options, "format", ""));
    return IsChangelogFormat(format) ? ChangelogMode::kRetract : ChangelogMode::kInsertOnly;
  };
  return connector;
}

Connector UpsertKafkaConnector() {
  Connector connector = MakeConnector(true);
  connector.name = "upsert-kafka";
  connector.doc = "A topic of Apache Kafka as a table: the newest message of a key is its row.";
  connector.changelog = [](const TableInfo&) { return ChangelogMode::kUpsert; };
  return connector;
}

}  // namespace millrace
