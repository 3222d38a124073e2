// Reads an Iceberg table: one snapshot, or one and then the rows of each new one. Files come in the
// order of the table's history; those that cannot have rows wanted are left out by their
// statistics.
//
//   position = {"snapshot": in progress, "whole": all of it or what it added,
//               "sequence": and "path": of the file, "row": rows of it that have been}
//
// so a restart goes on in the snapshot that was being read, also when there are newer ones; an
// expired one is an error. With several lanes a file belongs to the lane that its path's hash says.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "connectors/connector.h"
#include "connectors/iceberg/catalog.h"
#include "connectors/iceberg/data_reader.h"
#include "connectors/iceberg/deletes.h"
#include "connectors/iceberg/options.h"
#include "connectors/iceberg/scan.h"

namespace millrace {

class IcebergSource final : public Source {
 public:
  // `columns` are those to be read.
  IcebergSource(const TableInfo& table, IcebergOptions options, Schema columns, int lane, int lanes)
      : info_(table),
        options_(std::move(options)),
        columns_(std::move(columns)),
        lane_(lane),
        lanes_(lanes) {}

  Status Open() override;
  Result<Polled> Poll(std::chrono::milliseconds wait) override;
  Status Seek(const std::string& position) override;
  bool bounded() const override { return !options_.streaming; }
  int64_t total_bytes() const override { return bounded() ? scan_.rows : 0; }
  std::string name() const override;

  const IcebergScan& scan() const { return scan_; }

 private:
  using Clock = std::chrono::steady_clock;

  // False if the table is not there.
  Result<bool> Reload();
  Result<const IcebergSnapshot*> ChosenSnapshot() const;
  Result<const IcebergSnapshot*> SnapshotOf(int64_t id) const;
  Status Start(bool is_new);
  // Plans `snapshot`: all of it, or only what it added.
  Status Plan(const IcebergSnapshot& snapshot, bool whole);
  Result<IcebergPruner> MakePruner();
  // The oldest snapshot behind the last one read, if there is one.
  Result<const IcebergSnapshot*> NextSnapshot() const;
  Status LookForMore(std::chrono::milliseconds wait);
  Status OpenFile();
  Result<bool> ReadRows(Polled* polled);
  Result<std::shared_ptr<arrow::RecordBatch>> ToBatch(const IcebergDataReader::Rows& rows);
  Result<std::shared_ptr<arrow::Array>> MissingColumn(size_t column, int64_t rows) const;
  std::string Position() const;

  TableInfo info_;
  IcebergOptions options_;
  Schema columns_;
  int lane_, lanes_;
  std::unique_ptr<IcebergCatalog> catalog_;
  IcebergMetadata table_;
  std::shared_ptr<arrow::Schema> schema_;
  std::vector<IcebergField> fields_;  // of the columns
  std::vector<std::pair<ColumnCondition, IcebergColumn>> conditions_;

  int64_t snapshot_ = IcebergSnapshot::kNone;  // being read, or the last one that was
  bool whole_ = true;
  bool there_ = false;  // the table; a stream waits for it
  IcebergScan scan_;
  std::unique_ptr<IcebergDeletes> deletes_;
  size_t next_file_ = 0;  // behind the one that is open
  std::unique_ptr<IcebergDataReader> reader_;
  std::vector<IcebergField> read_fields_;  // of the open file: the columns', then the deletes'
  int64_t row_ = 0;                        // of the open file: rows that have been
  Clock::time_point next_look_;
};

}  // namespace millrace
