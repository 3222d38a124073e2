// Reads a PostgreSQL table once, or one lane of it (scan.partition.*): binary COPY, streamed, so
// that memory stays small; decoder.h makes rows of it. In a table with a primary key rows
// come in its order and a position is the last row's key:
//
//   position = rows so far, ":", each key value as its length, ":", its text
//
// so that a scan goes on after a restart or a lost connection, then on what the table holds by
// then. Without a key it does not: the rows of a table have no order.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "connectors/postgres/catalog.h"
#include "connectors/postgres/options.h"
#include "connectors/source.h"
#include "data/column_condition.h"

namespace millrace {

class PostgresSource final : public Source {
 public:
  // `columns` are those to be read; `declared` are all of the table, which `conditions` name.
  PostgresSource(PostgresOptions options, Schema columns, Schema declared,
                 std::vector<ColumnCondition> conditions, int64_t lane)
      : options_(std::move(options)),
        columns_(std::move(columns)),
        declared_(std::move(declared)),
        conditions_(std::move(conditions)),
        lane_(lane) {}

  Status Open() override;
  Result<Polled> Poll(std::chrono::milliseconds wait) override;
  Status Seek(const std::string& position) override;
  bool bounded() const override { return true; }
  std::string name() const override;

 private:
  using Clock = std::chrono::steady_clock;
  struct Key {
    std::string column, type;  // as SQL text
  };

  Status Start(PostgresFault* fault);
  Status Plan(const PostgresTable& there);
  Result<std::string> LaneCondition(const PostgresTable& there) const;
  // With what of the conditions can be said in SQL.
  std::string Narrowed(std::string condition, const PostgresTable& there) const;
  std::string Query();
  // Fills `bytes` with whole rows; false at the end.
  Result<bool> Read(std::chrono::milliseconds wait, std::string* bytes, int64_t* rows);
  Status NoteKey(std::string_view row);
  Status GoOn(const Status& lost, std::chrono::milliseconds wait);
  std::string Position() const;

  const PostgresOptions options_;
  const Schema columns_;
  const Schema declared_;
  const std::vector<ColumnCondition> conditions_;
  const int64_t lane_;
  std::unique_ptr<PostgresClient> client_;  // null: lost, or not yet there
  std::string select_, condition_, from_;
  std::vector<Key> keys_;
  bool started_ = false;  // a COPY runs
  bool header_ = false;   // its header is still to come
  bool ended_ = false;
  int64_t rows_ = 0;
  std::vector<std::string> last_key_;  // of the row that was handed out last; empty: none yet
  Clock::time_point lost_, retry_;     // while the connection is lost
};

}  // namespace millrace
