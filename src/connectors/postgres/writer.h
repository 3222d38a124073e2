// PostgresWriter: writes rows into a table, each call one transaction:
//
//   BEGIN
//   note the epoch        first: its row lock makes a second attempt wait for one that still runs,
//                         and shows whether that one came through; then all is done
//   rows                  binary COPY into the table itself, or, for upserts, into a temporary
//                         table and from there by DELETE and INSERT ... ON CONFLICT
//   COMMIT                if its answer is lost, the next attempt sees the epoch
//
// Rows that the database refuses (a constraint, text with a zero byte ...) are found by halving,
// each half under a savepoint, then row by row, and kept in a table beside by the same transaction.
// One owner, one thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "connectors/postgres/catalog.h"
#include "connectors/postgres/encoder.h"
#include "connectors/postgres/options.h"
#include "data/batch.h"

namespace millrace {

class PostgresWriter {
 public:
  // Which output a transaction is to be known by.
  struct Epoch {
    std::string writer;  // unique to a run of a job
    int64_t number = -1;  // -1: not noted
  };

  PostgresWriter(PostgresOptions options, TableInfo table)
      : options_(std::move(options)), table_(std::move(table)) {}

  // Connects, makes the table if that is asked for, and compares it with the script's; waits for a
  // server that is away.
  Status Open();
  // The last change of each key: what is taken back, by -U or -D, is deleted unless something
  // follows. Rows without a key as they are. Once opened it needs no connection.
  Result<std::vector<Batch>> Compact(const std::vector<Batch>& batches);
  // Writes compacted batches; tries for `patience` while time may help. IOError: what was written
  // is not there, or will be found by its epoch.
  Status Write(const std::vector<Batch>& batches, const Epoch& epoch,
               std::chrono::milliseconds patience);

  int64_t rejected() const { return rejected_; }
  // Transactions that failed and were tried again.
  int64_t retries() const { return retries_; }

 private:
  struct Row {
    int32_t batch = 0, row = 0;
    bool add = true;
  };
  using Rows = std::vector<Row>;

  Status Connect();
  Status Prepare();
  Status EnsureTable(const std::string& name, const std::string& create);
  Status MakeStages();
  Result<std::unique_ptr<PostgresEncoder>> MakeEncoder(bool keys_only) const;
  Status TryWrite(const std::vector<Batch>& batches, const Epoch& epoch);
  Status WriteTransaction(const std::vector<Batch>& batches, const Epoch& epoch);
  Result<bool> NoteEpoch(const Epoch& epoch);
  Status Commit();
  Status ApplyRange(const std::vector<Batch>& batches, size_t begin, size_t end);
  Status Apply(const std::vector<Batch>& batches, size_t begin, size_t end);
  Status ApplyOneByOne(const std::vector<Batch>& batches, size_t begin, size_t end);
  Status ApplyOne(const Batch& batch, const Row& row);
  // Goes back to the savepoint if `applied` says that rows are at fault; else returns it.
  Status Undo(const Status& applied);
  Status CopyRows(const std::vector<Batch>& batches, size_t begin, size_t end, bool add);
  Status RejectRefused(const std::vector<Batch>& batches);
  Status Reject(const Batch& batch, int64_t row, const std::string& reason);
  std::string KeyOf(const PostgresEncoder& encoder, int64_t row, int64_t unique) const;
  std::string UpsertSql(bool one) const;
  std::string DeleteSql(bool one) const;

  const PostgresOptions options_;
  const TableInfo table_;
  std::unique_ptr<PostgresClient> client_;  // null: to be connected
  PostgresTarget target_;
  std::unique_ptr<PostgresEncoder> encoder_, key_encoder_;
  std::string copy_rows_, copy_keys_, upsert_, delete_, upsert_one_, delete_one_;  // SQL
  PostgresFault fault_ = PostgresFault::kNone;  // of the last failed try
  Rows rows_;                     // of the current transaction
  Epoch epoch_;                   // of the current transaction
  bool staged_ = false;           // the temporary tables hold rows of an earlier range
  std::vector<std::pair<size_t, std::string>> refused_;  // rows_ that the encoder refuses, and why
  bool keeps_rejected_ = false;   // the table for them has been asked for
  int64_t rejected_now_ = 0, rejected_ = 0;
  int64_t retries_ = 0;
  std::string first_reason_;
  PostgresRetryNotes notes_;
  std::string bytes_;
};

}  // namespace millrace
