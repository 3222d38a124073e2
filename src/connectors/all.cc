// The list of connectors: to add one, add its line.
#include "connectors/builtin.h"
#include "connectors/generators/generators.h"
#include "connectors/iceberg/connector.h"
#include "connectors/kafka/connector.h"
#include "connectors/postgres/connector.h"

namespace millrace {

const std::vector<Connector>& AllConnectors() {
  static const std::vector<Connector> kAll = {
      FilesystemConnector(), PrintConnector(),   BlackholeConnector(), SqliteConnector(),
      DatagenConnector(),    NexmarkConnector(), ViewingConnector(),   KafkaConnector(),
      UpsertKafkaConnector(), PostgresConnector(), JdbcConnector(),    IcebergConnector(),
  };
  return kAll;
}

const Connector* FindConnector(const std::string& name) {
  for (const Connector& connector : AllConnectors()) {
    if (connector.name == name) return &connector;
  }
  return nullptr;
}

}  // namespace millrace
