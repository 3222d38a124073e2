// The connectors of files, terminal and SQLite: what all.cc lists.
#pragma once

#include "connectors/connector.h"

namespace millrace {

Connector FilesystemConnector();
Connector PrintConnector();
Connector BlackholeConnector();
Connector SqliteConnector();

}  // namespace millrace
