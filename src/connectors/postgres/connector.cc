#include "connectors/postgres/connector.h"

#include "connectors/postgres/decoder.h"
#include "connectors/postgres/lookup.h"
#include "connectors/postgres/options.h"
#include "connectors/postgres/sink.h"
#include "connectors/postgres/source.h"

namespace millrace {
namespace {

// Lanes are divided by 'scan.partition.*'.
Result<std::vector<std::unique_ptr<Source>>> MakeSources(const TableInfo& table,
                                                         const Schema& columns) {
  MILL_ASSIGN(const PostgresOptions options, PostgresOptions::Read(table));
  std::vector<std::unique_ptr<Source>> sources;
  for (int64_t lane = 0; lane < options.partitions; ++lane) {
    sources.push_back(std::make_unique<PostgresSource>(options, columns, table.schema,
                                                       table.conditions, lane));
  }
  return sources;
}

Result<std::unique_ptr<Lookup>> MakeLookup(const TableInfo& table, const Schema& columns,
                                           const Schema& keys) {
  MILL_ASSIGN(const PostgresOptions options, PostgresOptions::Read(table));
  auto lookup = std::make_unique<PostgresLookup>(options, columns, keys);
  if (!options.lookup_cache) return lookup;
  return MakeCachedLookup(std::move(lookup), *options.lookup_cache);
}

}  // namespace

Connector PostgresConnector() {
  Connector connector;
  connector.name = "postgres";
  connector.doc = "A table of a PostgreSQL database; upserts where the table has a primary key.";
  connector.options = PostgresOptionSpecs();
  connector.make_source = MakeSources;
  connector.make_decoder = [](const TableInfo&,
                              const Schema& columns) -> Result<std::unique_ptr<Decoder>> {
    return MakePostgresDecoder(columns);
  };
  // Rows that are left out would have to be asked for their times.
  connector.takes_conditions = [](const TableInfo& table) { return table.time_column.empty(); };
  connector.make_lookup = MakeLookup;
  connector.make_sink = [](const TableInfo& table) -> Result<std::unique_ptr<Sink>> {
    return PostgresSink::Make(table);
  };
  return connector;
}

Connector JdbcConnector() {
  Connector connector = PostgresConnector();
  connector.name = "jdbc";
  connector.doc = "The connector 'postgres' under the name it has in Flink.";
  return connector;
}

}  // namespace millrace
