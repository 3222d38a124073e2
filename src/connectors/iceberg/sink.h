// Writes rows into an Iceberg table: one snapshot for each epoch, which its summary names, so that
// an epoch is never committed twice. Tables with a primary key are upserted. Exactly once: files
// and manifests are durable when an epoch is staged; a committable names the manifests, so any
// other Sink object for the table can publish it. What is staged and never published are orphans:
// files that no snapshot refers to.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "connectors/connector.h"
#include "connectors/iceberg/catalog.h"
#include "connectors/iceberg/options.h"
#include "connectors/iceberg/row_writer.h"

namespace millrace {

class IcebergSink final : public Sink {
 public:
  static Result<std::unique_ptr<IcebergSink>> Make(const TableInfo& table);

  Status Open() override;
  Status Write(const Batch& batch) override;
  Result<Committable> Stage(int64_t epoch) override;
  Status Publish(const Committable& committable) override;
  Status Abort() override;
  bool takes_changelog() const override { return !info_.primary_key.empty(); }

 private:
  IcebergSink() = default;
  Result<IcebergTable> LoadOrCreate();
  Result<IcebergTable> AddColumns(IcebergTable table);
  Status StartWriter(const IcebergMetadata& table);

  TableInfo info_;
  IcebergOptions options_;
  std::string job_, writer_id_;
  std::unique_ptr<IcebergCatalog> catalog_;
  std::string table_uuid_;
  std::vector<IcebergField> fields_;  // of the columns, in their order
  std::unique_ptr<IcebergRowWriter> writer_;
};

}  // namespace millrace
