#include "connectors/postgres/catalog.h"

#include <algorithm>
#include <cctype>

#include "base/nearest.h"
#include "connectors/postgres/decoder.h"

namespace millrace {
namespace {

// Domains are followed to the type that they are made of.
constexpr const char* kColumns = R"(
WITH RECURSIVE base AS (
  SELECT attnum, attname, atttypid AS type, atttypmod AS modifier, attnotnull,
         atthasdef OR attidentity <> '' AS filled,
         attgenerated <> '' OR attidentity = 'a' AS generated
  FROM pg_attribute WHERE attrelid = $1::oid AND attnum > 0 AND NOT attisdropped
  UNION ALL
  SELECT attnum, attname, typbasetype, typtypmod, base.attnotnull OR typnotnull,
         filled OR typdefault IS NOT NULL, generated
  FROM base JOIN pg_type ON pg_type.oid = base.type AND typtype = 'd')
SELECT attname, pg_type.oid, format_type(pg_type.oid, modifier), modifier, typcategory, typelem,
       attnotnull, filled, generated, format_type(pg_type.oid, -1)
FROM base JOIN pg_type ON pg_type.oid = base.type WHERE typtype <> 'd' ORDER BY attnum)";

constexpr const char* kKeys = R"(
SELECT indexrelid, indisprimary, attname
FROM pg_index CROSS JOIN LATERAL unnest(indkey::int2[]) WITH ORDINALITY AS part(number, at)
JOIN pg_attribute ON attrelid = indrelid AND attnum = number
WHERE indrelid = $1::oid AND indisunique AND indimmediate AND indisvalid AND indpred IS NULL
  AND indexprs IS NULL AND at <= indnkeyatts
ORDER BY indisprimary DESC, indexrelid, at)";

std::string Lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

struct NamePart {
  std::string name;
  bool quoted = false;
};

Result<std::vector<NamePart>> SplitName(const std::string& name) {
  std::vector<NamePart> parts(1);
  bool inside = false;
  for (size_t i = 0; i < name.size(); ++i) {
    if (name[i] == '"' && inside && i + 1 < name.size() && name[i + 1] == '"') {
      parts.back().name += name[i++];
    } else if (name[i] == '"') {
      inside = !inside;
      parts.back().quoted = true;
    } else if (name[i] == '.' && !inside) {
      parts.emplace_back();
    } else {
      parts.back().name += name[i];
    }
  }
  const bool empty = std::any_of(parts.begin(), parts.end(),
                                 [](const NamePart& part) { return part.name.empty(); });
  if (!inside && !empty && parts.size() <= 2) return parts;
  return UserError("option 'table-name' = '{}': write table, schema.table or \"Any name\"", name);
}

std::string Join(const std::vector<NamePart>& parts, bool lower) {
  std::string text;
  for (const NamePart& part : parts) {
    text += (text.empty() ? "" : ".") +
            QuotedIdentifier(lower && !part.quoted ? Lower(part.name) : part.name);
  }
  return text;
}

Result<PostgresColumn> ReadColumn(const PostgresRows& rows, int row) {
  PostgresColumn column;
  column.name = rows.Text(row, 0);
  column.type.oid = static_cast<PostgresOid>(rows.Integer(row, 1));
  column.type.name = rows.Text(row, 2);
  column.type.bare = rows.Text(row, 9);
  column.type.modifier = static_cast<int32_t>(rows.Integer(row, 3));
  const std::string category = rows.Text(row, 4);
  column.type.category = category.empty() ? 'U' : category[0];
  column.type.element = static_cast<PostgresOid>(rows.Integer(row, 5));
  column.not_null = rows.Flag(row, 6);
  column.filled = rows.Flag(row, 7);
  column.generated = rows.Flag(row, 8);
  return column;
}

Status ReadKeys(PostgresClient& client, PostgresTable& table) {
  MILL_ASSIGN(const PostgresRows rows, client.Query(kKeys, {table.id}));
  std::string last;
  for (int row = 0; row < rows.size(); ++row) {
    const std::string index = rows.Text(row, 0);
    if (index != last) table.unique_keys.emplace_back();
    last = index;
    table.unique_keys.back().push_back(rows.Text(row, 2));
    if (rows.Flag(row, 1)) table.primary_key.push_back(rows.Text(row, 2));
  }
  return Status::OK();
}

// What keeps a table of the script from being written, one line each.
class Fitting {
 public:
  Fitting(const TableInfo& table, const PostgresTable& there) : table_(table), there_(there) {
    target_.table = there.quoted;
    target_.direct = there.kind == 'r' || there.kind == 'p' || there.kind == 'f';
  }

  void FitColumns() {
    for (const Column& column : table_.schema.columns) FitColumn(column);
    for (const PostgresColumn& column : there_.columns) {
      const bool written = std::any_of(
          target_.items.begin(), target_.items.end(),
          [&](const auto& item) { return item.quoted == QuotedIdentifier(column.name); });
      if (written || !column.not_null || column.filled || column.generated) continue;
      Add("column '{}' there is NOT NULL and has no default, and the table does not write it",
          column.name);
    }
  }

  void FitKey() {
    std::vector<std::string> names;
    for (const std::string& key : table_.primary_key) {
      const PostgresColumn* const column = there_.Find(key);
      if (!column) return;  // has been told
      names.push_back(column->name);
    }
    for (size_t i = 0; i < target_.items.size(); ++i) {
      const auto& keys = table_.primary_key;
      target_.items[i].key =
          std::find(keys.begin(), keys.end(), target_.items[i].declared.name) != keys.end();
      if (target_.items[i].key) target_.keys.push_back(static_cast<int>(i));
    }
    if (names.empty() || HasKey(names)) return;
    std::string list;
    for (const std::string& name : names) {
      list += (list.empty() ? "" : ", ") + QuotedIdentifier(name);
    }
    Add("there is no unique index on ({}), which upserts by PRIMARY KEY need. hint: ALTER TABLE {} "
        "ADD PRIMARY KEY ({})", list, there_.quoted, list);
  }

  Status FitRights(PostgresClient& client) {
    std::vector<std::string> rights = {"INSERT"};
    if (!table_.primary_key.empty()) rights.insert(rights.end(), {"SELECT", "UPDATE"});
    for (const std::string& right : rights) {
      MILL_ASSIGN(const PostgresRows rows,
                  client.Query("SELECT has_any_column_privilege($1::oid, $2)", {there_.id, right}));
      if (!rows.Flag(0, 0)) Add("the user has no right to {}", right);
    }
    return Status::OK();
  }

  Result<PostgresTarget> Finish() {
    if (differences_.empty()) return std::move(target_);
    return UserError("it does not fit the PostgreSQL table {}:{}", there_.quoted, differences_);
  }

 private:
  template <typename... Args>
  void Add(fmt::format_string<Args...> format, Args&&... args) {
    differences_ += "\n  - " + fmt::format(format, std::forward<Args>(args)...);
  }

  void FitColumn(const Column& declared) {
    const PostgresColumn* const column = there_.Find(declared.name);
    if (!column) {
      std::vector<std::string> names;
      for (const PostgresColumn& each : there_.columns) names.push_back(each.name);
      const std::string near = NearestName(declared.name, names);
      Add("column '{}' is not there{}", declared.name,
          near.empty() ? "" : fmt::format(". did you mean '{}'?", near));
      return;
    }
    const auto mapping = MapToPostgres(declared.type, column->type);
    if (!mapping.ok()) {
      Add("column '{}' is {} there, which does not take {}: {}", declared.name, column->type.name,
          declared.type.Nullable().ToString(), mapping.status().message());
      return;
    }
    if (column->generated) {
      Add("column '{}' is generated there and cannot be written", column->name);
    }
    target_.direct = target_.direct && !mapping->cast;
    target_.items.push_back(
        {declared, QuotedIdentifier(column->name), column->type.name, column->type.bare, *mapping,
         false});
  }

  bool HasKey(std::vector<std::string> names) const {
    std::sort(names.begin(), names.end());
    for (std::vector<std::string> key : there_.unique_keys) {
      std::sort(key.begin(), key.end());
      if (key == names) return true;
    }
    return false;
  }

  const TableInfo& table_;
  const PostgresTable& there_;
  PostgresTarget target_;
  std::string differences_;
};

}  // namespace

const PostgresColumn* PostgresTable::Find(const std::string& name) const {
  const PostgresColumn* found = nullptr;
  int alike = 0;
  for (const PostgresColumn& column : columns) {
    if (column.name == name) return &column;
    if (Lower(column.name) != Lower(name)) continue;
    found = &column;
    ++alike;
  }
  return alike == 1 ? found : nullptr;
}

Result<std::string> QuotedTableName(const std::string& name) {
  MILL_ASSIGN(const auto parts, SplitName(name));
  return Join(parts, false);
}

Result<std::optional<PostgresTable>> ReadPostgresTable(PostgresClient& client,
                                                       const std::string& name) {
  MILL_ASSIGN(const auto parts, SplitName(name));
  MILL_ASSIGN(const PostgresRows found,
              client.Query("SELECT c.oid, nspname, relname, relkind FROM pg_class c "
                           "JOIN pg_namespace n ON n.oid = relnamespace "
                           "WHERE c.oid = coalesce(to_regclass($1), to_regclass($2)) "
                           "AND relkind IN ('r', 'p', 'v', 'm', 'f')",
                           {Join(parts, false), Join(parts, true)}));
  if (found.size() == 0) return std::optional<PostgresTable>();
  PostgresTable table;
  table.id = found.Text(0, 0);
  table.quoted = QuotedIdentifier(found.Text(0, 1)) + "." + QuotedIdentifier(found.Text(0, 2));
  table.kind = found.Text(0, 3)[0];
  MILL_ASSIGN(const PostgresRows columns, client.Query(kColumns, {table.id}));
  for (int row = 0; row < columns.size(); ++row) {
    MILL_ASSIGN(PostgresColumn column, ReadColumn(columns, row));
    table.columns.push_back(std::move(column));
  }
  MILL_RETURN(ReadKeys(client, table));
  return std::optional<PostgresTable>(std::move(table));
}

Status NoPostgresTable(PostgresClient& client, const std::string& name) {
  MILL_ASSIGN(const PostgresRows rows,
              client.Query("SELECT relname FROM pg_class "
                           "WHERE relkind IN ('r', 'p', 'v', 'm', 'f') "
                           "AND pg_table_is_visible(oid) AND relname !~ '^(pg_|sql_)' LIMIT 1000"));
  std::vector<std::string> names;
  for (int row = 0; row < rows.size(); ++row) names.push_back(rows.Text(row, 0));
  const std::string near = NearestName(name, names);
  const std::string hint = near.empty() ? "" : fmt::format(". did you mean '{}'?", near);
  return UserError("there is no PostgreSQL table '{}'{}", name, hint);
}

Result<PostgresTarget> FitPostgresTable(PostgresClient& client, const TableInfo& table,
                                        const PostgresTable& there) {
  Fitting fitting(table, there);
  fitting.FitColumns();
  fitting.FitKey();
  MILL_RETURN(fitting.FitRights(client));
  return fitting.Finish();
}

Result<std::string> PostgresSelect(const PostgresTable& there, const Schema& columns) {
  std::string select, differences;
  for (const Column& column : columns.columns) {
    const PostgresColumn* const found = there.Find(column.name);
    if (!found) {
      differences += fmt::format("\n  - column '{}' is not there", column.name);
      continue;
    }
    const auto type = PostgresScanType(found->type, column.type);
    if (!type.ok()) {
      differences += fmt::format("\n  - column '{}' is {} there: {}", column.name, found->type.name,
                                 type.status().message());
      continue;
    }
    select += fmt::format("{}t.{}::{}", select.empty() ? "" : ", ", QuotedIdentifier(found->name),
                          *type);
  }
  if (differences.empty()) return select;
  return UserError("it does not fit the PostgreSQL table {}:{}", there.quoted, differences);
}

Result<std::string> CreatePostgresTable(const TableInfo& table, const std::string& name) {
  MILL_ASSIGN(const std::string quoted, QuotedTableName(name));
  std::string sql = "CREATE TABLE IF NOT EXISTS " + quoted + " (";
  for (const Column& column : table.schema.columns) {
    const auto type = PostgresTypeFor(column.type);
    MILL_RETURN(Annotate(type.status(), fmt::format("column '{}'", column.name)));
    sql += fmt::format("{} {}{}, ", QuotedIdentifier(column.name), *type,
                       column.type.nullable ? "" : " NOT NULL");
  }
  std::string keys;
  for (const std::string& key : table.primary_key) {
    keys += (keys.empty() ? "" : ", ") + QuotedIdentifier(key);
  }
  if (keys.empty()) {
    sql.resize(sql.size() - 2);
    return sql + ")";
  }
  return sql + "PRIMARY KEY (" + keys + "))";
}

}  // namespace millrace
