// The connectors 'kafka' and 'upsert-kafka': what all.cc lists.
#pragma once

#include "connectors/connector.h"

namespace millrace {

Connector KafkaConnector();
Connector UpsertKafkaConnector();

}  // namespace millrace
