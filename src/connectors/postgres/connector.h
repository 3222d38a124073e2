// The connectors 'postgres' and 'jdbc': what all.cc lists.
#pragma once

#include "connectors/connector.h"

namespace millrace {

Connector PostgresConnector();
Connector JdbcConnector();

}  // namespace millrace
