#include "connectors/iceberg/connector.h"

#include "connectors/iceberg/options.h"
#include "connectors/iceberg/sink.h"
#include "connectors/iceberg/source.h"
#include "formats/options.h"

namespace millrace {
namespace {

Result<std::vector<std::unique_ptr<Source>>> MakeSources(const TableInfo& table,
                                                         const Schema& columns) {
  MILL_ASSIGN(const IcebergOptions options, IcebergOptions::Read(table));
  MILL_ASSIGN(const int lanes, ScanParallelism(table.options));
  std::vector<std::unique_ptr<Source>> sources;
  for (int lane = 0; lane < lanes; ++lane) {
    sources.push_back(std::make_unique<IcebergSource>(table, options, columns, lane, lanes));
  }
  return sources;
}

}  // namespace

Connector IcebergConnector() {
  Connector connector;
  connector.name = "iceberg";
  connector.doc = "An Iceberg table in a folder, an SQLite or a REST catalog; upserts where the "
                  "table has a primary key.";
  connector.options = IcebergOptionSpecs();
  connector.make_source = MakeSources;
  connector.takes_conditions = [](const TableInfo&) { return true; };
  connector.make_sink = [](const TableInfo& table) -> Result<std::unique_ptr<Sink>> {
    return IcebergSink::Make(table);
  };
  return connector;
}

}  // namespace millrace
