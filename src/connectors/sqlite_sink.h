// Writes rows into a table of an SQLite database: appended, or upserted where the table has a
// primary key. Exactly once, also over processes: a committable holds the epoch's rows, which become
// visible in one transaction that also notes the epoch in `millrace_epochs`:
//
//   payload = the writer's name, "\n", the rows (connectors/staged_rows.h)
//
// Names of writers are random, so (writer, epoch) is never used for other rows.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "connectors/connector.h"

struct sqlite3;
struct sqlite3_stmt;

namespace millrace {

class SqliteSink : public Sink {
 public:
  static Result<std::unique_ptr<SqliteSink>> Make(const TableInfo& table);
  ~SqliteSink() override;

  Status Open() override;
  Status Write(const Batch& batch) override;
  Result<Committable> Stage(int64_t epoch) override;
  Status Publish(const Committable& committable) override;
  Status Abort() override;
  bool takes_changelog() const override { return !key_columns_.empty(); }

 private:
  SqliteSink() = default;
  Status Run(const std::string& sql);
  Status Prepare(const std::string& sql, sqlite3_stmt** statement);
  Status Failed(const char* what) const;
  std::string CreateSql() const;
  std::string UpsertSql() const;
  std::string DeleteSql() const;
  // One transaction; notes `epoch` of `writer` unless it is negative.
  Status WriteTransaction(const std::vector<Batch>& batches, const std::string& writer,
                          int64_t epoch);
  Status WriteBatch(const Batch& batch);
  Status Step(sqlite3_stmt* statement);
  Status NoteEpoch(const std::string& writer, int64_t epoch);
  Result<bool> IsNoted(const std::string& writer, int64_t epoch);

  std::string path_;
  std::string table_;
  std::string writer_;
  Schema schema_;
  std::vector<int> key_columns_;
  bool at_once_ = false;  // at-least-once: rows are visible when written
  sqlite3* database_ = nullptr;
  sqlite3_stmt* upsert_ = nullptr;
  sqlite3_stmt* delete_ = nullptr;
  std::vector<Batch> written_;                    // of the current epoch
  std::map<int64_t, std::vector<Batch>> staged_;  // by epoch; of this writer
};

}  // namespace millrace
