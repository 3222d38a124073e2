// Looks rows of a PostgreSQL table up by the values of some of its columns: one query for up to a
// thousand keys, answered as a binary COPY. A connection that is lost is made anew,
// `lookup.max-retries` times.
//
// Keys are compared as the script declares them; a text key beside a column that is no text (a
// uuid) is compared with the column's text, which no index helps.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "connectors/lookup.h"
#include "connectors/postgres/catalog.h"
#include "connectors/postgres/options.h"

namespace millrace {

class PostgresLookup final : public Lookup {
 public:
  // `columns`: those to find; `keys`: those that rows are found by.
  PostgresLookup(PostgresOptions options, Schema columns, Schema keys);

  Status Open() override;
  std::shared_ptr<arrow::Schema> schema() const override { return columns_.ToArrow(); }
  Result<LookupRows> Find(const arrow::RecordBatch& keys) override;

 private:
  Status Connect(PostgresFault* fault);
  Status Plan(const PostgresTable& there);
  Result<std::string> Query(const arrow::RecordBatch& keys, int64_t begin, int64_t end);
  Result<std::string> Ask(const std::string& query);
  Result<std::string> AskPatiently(const arrow::RecordBatch& keys, int64_t begin, int64_t end);

  const PostgresOptions options_;
  const Schema columns_, keys_;
  std::unique_ptr<PostgresClient> client_;  // null: lost
  std::string select_, condition_, from_;
};

}  // namespace millrace
