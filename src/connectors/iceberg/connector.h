// The connector 'iceberg': tables of the Iceberg format (table spec, version 2), read and written.
// What is where: types.h, values.h and transforms.h are the spec's types; metadata.h and manifest.h
// its files; catalog.h where tables are found; scan.h, deletes.h and source.h reading;
// row_writer.h, commit.h and sink.h writing; maintenance.h what keeps tables small.
#pragma once

#include "connectors/connector.h"

namespace millrace {

Connector IcebergConnector();

}  // namespace millrace
