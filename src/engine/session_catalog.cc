#include "engine/session_catalog.h"

#include <algorithm>

#include "base/nearest.h"
#include "connectors/secrets.h"
#include "data/text_table.h"

namespace millrace {
namespace {

template <typename Map>
auto Find(const Map& map, const std::string& name) {
  const auto found = map.find(name);
  return found == map.end() ? nullptr : found->second;
}

template <typename Map>
std::vector<std::string> Keys(const Map& map) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : map) keys.push_back(key);
  return keys;
}

std::string ColumnExtras(const TableColumn& column) {
  if (column.kind == TableColumn::Kind::kComputed) return "AS " + column.computed->ToString();
  if (column.kind == TableColumn::Kind::kMetadata) return "METADATA FROM '" + column.metadata_key + "'";
  return "";
}

}  // namespace

std::shared_ptr<const TableDefinition> SessionCatalog::FindTable(const std::string& name) const {
  return Find(tables_, name);
}

std::shared_ptr<const ViewDefinition> SessionCatalog::FindView(const std::string& name) const {
  return Find(views_, name);
}

std::vector<std::string> SessionCatalog::TableNames() const { return Keys(tables_); }
std::vector<std::string> SessionCatalog::ViewNames() const { return Keys(views_); }

std::vector<std::string> SessionCatalog::Names() const {
  std::vector<std::string> names = TableNames();
  for (const std::string& view : ViewNames()) names.push_back(view);
  return names;
}

Status SessionCatalog::Add(TableDefinition table, bool if_not_exists) {
  if (tables_.contains(table.name) || views_.contains(table.name)) {
    if (if_not_exists) return Status::OK();
    return UserError("there is a table or view '{}' already. hint: CREATE TABLE IF NOT EXISTS", table.name);
  }
  const std::string name = table.name;
  tables_[name] = std::make_shared<TableDefinition>(std::move(table));
  return Status::OK();
}

Status SessionCatalog::Add(ViewDefinition view, bool if_not_exists) {
  if (tables_.contains(view.name) || views_.contains(view.name)) {
    if (if_not_exists) return Status::OK();
    return UserError("there is a table or view '{}' already. hint: CREATE VIEW IF NOT EXISTS", view.name);
  }
  const std::string name = view.name;
  views_[name] = std::make_shared<ViewDefinition>(std::move(view));
  return Status::OK();
}

Status SessionCatalog::Drop(const ast::Drop& drop) {
  const bool table = drop.what == ast::Drop::What::kTable;
  const size_t gone = table ? tables_.erase(drop.name) : views_.erase(drop.name);
  if (gone > 0 || drop.if_exists) return Status::OK();
  const std::string near = NearestName(drop.name, table ? TableNames() : ViewNames());
  return UserError("there is no {} '{}'{}", table ? "table" : "view", drop.name,
                   near.empty() ? "" : ". did you mean '" + near + "'?");
}

std::string DescribeTable(const TableDefinition& table) {
  std::vector<std::vector<std::string>> rows;
  for (size_t i = 0; i < table.columns.size(); ++i) {
    const TableColumn& column = table.columns[i];
    const auto& keys = table.primary_key;
    const bool key = std::find(keys.begin(), keys.end(), column.name) != keys.end();
    const bool time = static_cast<int>(i) == table.rowtime;
    rows.push_back({column.name, column.type.Nullable().ToString(),
                    column.type.nullable ? "TRUE" : "FALSE", key ? "PRI" : "", ColumnExtras(column),
                    time ? table.watermark->ToString() : ""});
  }
  return TextTable({"name", "type", "null", "key", "extras", "watermark"}, rows);
}

std::string ShowCreateTable(const TableDefinition& table) {
  std::string text = "CREATE TABLE `" + table.name + "` (\n";
  for (size_t i = 0; i < table.columns.size(); ++i) {
    const TableColumn& column = table.columns[i];
    const bool computed = column.kind == TableColumn::Kind::kComputed;
    const std::string extras = ColumnExtras(column);
    text += (i == 0 ? "  `" : ",\n  `") + column.name + "`";
    if (!computed) text += " " + column.type.ToString();
    if (!extras.empty()) text += " " + extras;
  }
  if (table.rowtime >= 0) {
    text += ",\n  WATERMARK FOR `" + table.columns[static_cast<size_t>(table.rowtime)].name + "` AS " +
            table.watermark->ToString();
  }
  for (size_t i = 0; i < table.primary_key.size(); ++i) {
    text += (i == 0 ? ",\n  PRIMARY KEY (`" : ", `") + table.primary_key[i] + "`";
  }
  if (!table.primary_key.empty()) text += ") NOT ENFORCED";
  text += "\n) WITH (";
  bool first = true;
  for (const auto& [key, value] : table.options) {
    text += (first ? "\n  '" : ",\n  '") + key + "' = '" + (IsSecretKey(key) ? "****" : value) + "'";
    first = false;
  }
  return text + "\n)\n";
}

}  // namespace millrace
