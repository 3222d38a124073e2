// Generators: connectors that make their rows up. All are batch sources, seeded, and can be
// replayed from any position.
#pragma once

#include "connectors/connector.h"

namespace millrace {

// 'datagen': random or sequential values for any table, with Flink's options.
Connector DatagenConnector();
// 'nexmark': the auction site of the Nexmark benchmark: persons, auctions and bids.
Connector NexmarkConnector();
// 'viewing': devices that play video and send heartbeats, with all that goes wrong in the field.
Connector ViewingConnector();

}  // namespace millrace
