// PostgresClient: one connection to a PostgreSQL server. The only place that knows libpq; it says
// of every error what it means for the caller, and never shows a password. One owner, one thread.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"

struct pg_conn;
struct pg_result;

namespace millrace {

// What the last error was.
enum class PostgresFault {
  kNone,
  kAgain,  // time may mend it: no connection, a deadlock, a full disk; IOError
  kRows,   // the values: a constraint, a number too big, text that is no JSON; Invalid
  kSetup,  // names, types, rights, credentials; Invalid
};

// By the SQLSTATE of an error, five characters; "": the connection broke.
PostgresFault FaultOf(std::string_view sqlstate);

// Rows as text. Owns what libpq has returned.
class PostgresRows {
 public:
  explicit PostgresRows(pg_result* result) : result_(result) {}
  ~PostgresRows();
  PostgresRows(PostgresRows&& other) noexcept : result_(std::exchange(other.result_, nullptr)) {}
  PostgresRows& operator=(PostgresRows&& other) noexcept {
    std::swap(result_, other.result_);
    return *this;
  }

  int size() const;
  bool IsNull(int row, int column) const;
  std::string Text(int row, int column) const;
  int64_t Integer(int row, int column) const;
  bool Flag(int row, int column) const { return Text(row, column) == "t"; }
  // How many rows the statement has changed.
  int64_t changed() const;
  // "COMMIT", "ROLLBACK", "INSERT 0 1".
  std::string command() const;

 private:
  pg_result* result_;
};

class PostgresClient {
 public:
  // libpq's keywords and values, in order; "dbname" may hold a URL or a connection string.
  using Parameters = std::vector<std::pair<std::string, std::string>>;

  // `fault` is told of a failure.
  static Result<std::unique_ptr<PostgresClient>> Connect(const Parameters& parameters,
                                                         PostgresFault* fault);
  // Refuses a URL or connection string that libpq cannot read.
  static Status CheckAddress(const std::string& address);
  ~PostgresClient();

  // Runs statements without parameters.
  Status Run(const std::string& sql);
  // Runs one statement; $1, $2 ... stand for `parameters`, given as text.
  Result<PostgresRows> Query(const std::string& sql,
                             const std::vector<std::string>& parameters = {});

  // The same, with values as COPY (FORMAT binary) has them; one without data is NULL.
  Status RunBinary(const std::string& sql, const std::vector<std::string_view>& values);

  // COPY ... FROM STDIN: Begin, Put, ..., End.
  Status BeginCopyIn(const std::string& sql);
  Status PutCopy(std::string_view bytes);
  Status EndCopyIn();

  // COPY ... TO STDOUT.
  Status BeginCopyOut(const std::string& sql);
  enum class Got { kData, kNothing, kEnd };
  // Appends the next piece (one row, or the header) to `out`; waits up to `wait` for it.
  Result<Got> GetCopy(std::chrono::milliseconds wait, std::string* out);

  // Of the last statement.
  PostgresFault fault() const { return fault_; }
  bool alive() const;

  std::string QuotedLiteral(const std::string& text);

 private:
  explicit PostgresClient(pg_conn* connection) : connection_(connection) {}
  // The error of `result` (which may be null: the connection's own).
  Status Failed(const pg_result* result);
  // Takes results until there are none; the first error counts.
  Status Drain();

  pg_conn* connection_;
  PostgresFault fault_ = PostgresFault::kNone;
};

// "name" with its quotes doubled, for SQL text.
std::string QuotedIdentifier(const std::string& name);

}  // namespace millrace
