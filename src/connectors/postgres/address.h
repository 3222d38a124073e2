// Addresses of PostgreSQL servers as tables say them: libpq's URLs and connection strings, and
// those of JDBC.
#pragma once

#include <string>

#include "connectors/postgres/client.h"

namespace millrace {

// libpq's parameters for `url`:
//
//   postgresql://host:5432/db?sslmode=require    as it is
//   host=a,b dbname=db                           as it is
//   jdbc:postgresql://host:5432/db?ssl=true      its parameters renamed
Result<PostgresClient::Parameters> ReadPostgresAddress(const std::string& url);

// `parameters` with placeholders of secrets replaced; within URLs the values are escaped.
Result<PostgresClient::Parameters> ResolveAddress(const PostgresClient::Parameters& parameters);

}  // namespace millrace
