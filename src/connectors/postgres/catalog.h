// What PostgreSQL's catalog says of a table, and whether a table of the script fits it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "connectors/connector.h"
#include "connectors/postgres/client.h"
#include "connectors/postgres/types.h"

namespace millrace {

struct PostgresColumn {
  std::string name;
  PostgresType type;
  bool not_null = false;
  bool filled = false;     // has a default, or is an identity
  bool generated = false;  // nobody may write it
};

struct PostgresTable {
  std::string id;      // the catalog's
  std::string quoted;  // "schema"."name"
  char kind = 'r';     // pg_class.relkind: r table, p partitioned, v view, ...
  std::vector<PostgresColumn> columns;
  std::vector<std::string> primary_key;
  std::vector<std::vector<std::string>> unique_keys;  // the primary one too

  // The column that is meant by a name of the script: the same letters, else the only one that is
  // the same in another case. Null if there is none.
  const PostgresColumn* Find(const std::string& name) const;
};

// `name` as in 'table-name': table, schema.table, "Quoted".table. Nothing: there is no such table.
Result<std::optional<PostgresTable>> ReadPostgresTable(PostgresClient& client,
                                                       const std::string& name);
// The error that there is none, with the name that may have been meant.
Status NoPostgresTable(PostgresClient& client, const std::string& name);
// `name` with its parts in quotes, for SQL text.
Result<std::string> QuotedTableName(const std::string& name);

// How a table of the script is written into one of the database.
struct PostgresTarget {
  struct Item {
    Column declared;
    std::string quoted;  // the column there
    std::string type;    // there, as SQL text, with its limits
    std::string bare;    // and without
    PostgresMapping mapping;
    bool key = false;
  };
  std::string table;  // quoted
  std::vector<Item> items;
  std::vector<int> keys;  // positions in `items`; none: rows are appended
  bool direct = true;     // COPY can write the table itself
};

// Compares names, types, keys and rights; the error lists all that does not fit.
Result<PostgresTarget> FitPostgresTable(PostgresClient& client, const TableInfo& table,
                                        const PostgresTable& there);
// "t.a::text, t.b::bigint": `columns` of the table, named t, as its scan sends them. The error
// lists all that does not fit.
Result<std::string> PostgresSelect(const PostgresTable& there, const Schema& columns);
// CREATE TABLE for a table of the script.
Result<std::string> CreatePostgresTable(const TableInfo& table, const std::string& name);

}  // namespace millrace
