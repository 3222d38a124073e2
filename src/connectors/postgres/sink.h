// Writes rows into a PostgreSQL table: appended, or upserted where the table has a primary key.
//
//   exactly-once          the epoch's rows are staged in the checkpoint; Publish writes them and
//                         the epoch's row in one transaction (writer.h)
//   at-least-once, none   rows are written as 'sink.buffer-flush.*' say, and at each checkpoint
//
//   payload = the writer's name, "\n", the rows (connectors/staged_rows.h)
//
// Names of writers are random, so (writer, epoch) is never used for other rows.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "connectors/postgres/writer.h"
#include "connectors/sink.h"

namespace millrace {

class PostgresSink final : public Sink {
 public:
  static Result<std::unique_ptr<PostgresSink>> Make(const TableInfo& table);

  Status Open() override;
  Status Write(const Batch& batch) override;
  Result<Committable> Stage(int64_t epoch) override;
  Status Publish(const Committable& committable) override;
  Status Recover(const std::vector<Committable>& pending) override;
  Status Abort() override;
  bool takes_changelog() const override { return takes_changelog_; }
  SinkTroubles troubles() const override { return {writer_.retries(), writer_.rejected()}; }

 private:
  using Clock = std::chrono::steady_clock;

  PostgresSink(PostgresOptions options, const TableInfo& table);
  Status Flush();
  Status PublishWithin(const Committable& committable, std::chrono::milliseconds patience);

  const PostgresOptions options_;
  const bool takes_changelog_;
  const int columns_;
  std::string writer_name_;
  PostgresWriter writer_;
  std::vector<Batch> written_;  // of the current epoch, or since the last flush
  int64_t written_rows_ = 0;
  Clock::time_point first_written_;
  std::map<int64_t, std::vector<Batch>> staged_;  // by epoch; of this writer
};

}  // namespace millrace
