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

// The column as the statement defines it; null for tables that no statement made.
const ast::ColumnDef* Written(const TableDefinition& table, const TableColumn& column) {
  for (const ast::ColumnDef& def : table.syntax.columns) {
    if (def.name == column.name) return &def;
  }
  return nullptr;
}

std::string ColumnExtras(const TableDefinition& table, const TableColumn& column) {
  const ast::ColumnDef* def = Written(table, column);
  if (column.kind == TableColumn::Kind::kComputed) {
    return "AS " + (def != nullptr ? def->computed_text : column.computed->ToString());
  }
  if (column.kind != TableColumn::Kind::kMetadata) return "";
  return "METADATA FROM '" + column.metadata_key + (column.metadata_virtual ? "' VIRTUAL" : "'");
}

std::string WatermarkText(const TableDefinition& table) {
  return table.syntax.watermark ? table.syntax.watermark->text : table.watermark->ToString();
}

// 'text' with its quotes doubled.
std::string Quoted(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("''") : std::string(1, c);
  return quoted + "'";
}

std::string BackquotedList(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "`" : ", `") + name + "`";
  return "(" + list + ")";
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
                    column.type.nullable ? "TRUE" : "FALSE", key ? "PRI" : "", ColumnExtras(table, column),
                    time ? WatermarkText(table) : ""});
  }
  return TextTable({"name", "type", "null", "key", "extras", "watermark"}, rows);
}

std::string ShowCreateTable(const TableDefinition& table) {
  std::string text = "CREATE TABLE `" + table.name + "` (\n";
  for (size_t i = 0; i < table.columns.size(); ++i) {
    const TableColumn& column = table.columns[i];
    const bool computed = column.kind == TableColumn::Kind::kComputed;
    const std::string extras = ColumnExtras(table, column);
    text += (i == 0 ? "  `" : ",\n  `") + column.name + "`";
    if (!computed) text += " " + column.type.ToString();
    if (!extras.empty()) text += " " + extras;
    if (!column.comment.empty()) text += " COMMENT " + Quoted(column.comment);
  }
  if (table.rowtime >= 0) {
    const auto rowtime = static_cast<size_t>(table.rowtime);
    text += ",\n  WATERMARK FOR `" + table.columns[rowtime].name + "` AS " + WatermarkText(table);
  }
  if (!table.primary_key.empty()) {
    text += ",\n  PRIMARY KEY " + BackquotedList(table.primary_key) + " NOT ENFORCED";
  }
  text += "\n)";
  if (!table.comment.empty()) text += "\nCOMMENT " + Quoted(table.comment);
  if (!table.partitioned_by.empty()) {
    text += "\nPARTITIONED BY " + BackquotedList(table.partitioned_by);
  }
  text += "\nWITH (";
  bool first = true;
  for (const auto& [key, value] : table.options) {
    text += (first ? "\n  " : ",\n  ") + Quoted(key) + " = " +
            Quoted(ShownOption(key, value));
    first = false;
  }
  return text + "\n)\n";
}

}  // namespace millrace
