// INSERT INTO: queries fitted to a table.
#include <algorithm>
#include <map>
#include <set>

#include "base/nearest.h"
#include "plan/binder.h"

namespace millrace {
namespace {

// Columns of `table` that an INSERT writes: all but computed and virtual metadata columns.
std::vector<int> WritableColumns(const TableDefinition& table) {
  std::vector<int> columns;
  for (size_t i = 0; i < table.columns.size(); ++i) {
    const TableColumn& column = table.columns[i];
    if (column.kind == TableColumn::Kind::kPhysical ||
        (column.kind == TableColumn::Kind::kMetadata && !column.metadata_virtual)) {
      columns.push_back(static_cast<int>(i));
    }
  }
  return columns;
}

// What a value of type `from` is cast to for a column of type `to`. As in Flink, a sink does not cut
// or pad strings unless table.exec.sink.type-length-enforcer says so.
SqlType WrittenType(const SqlType& from, const SqlType& to) {
  if (to.IsString()) return from.IsString() ? from : SqlType::String();
  if (to.IsBinary()) return from.IsBinary() ? from : SqlType::Bytes();
  return to;
}

// Rows of one key of `table` may come from several keys of an updating query: then the sink needs the
// changes of the last of them only.
PlanPtr MaterializeFor(const TableDefinition& table, PlanPtr input) {
  if (!input->updating || table.primary_key.empty()) return input;
  std::vector<int> key;
  for (const std::string& name : table.primary_key) key.push_back(input->schema.Find(name));
  const std::set<int> wanted(key.begin(), key.end());
  if (wanted == std::set<int>(input->upsert_key.begin(), input->upsert_key.end())) return input;
  auto plan = std::make_shared<Plan>();
  plan->kind = PlanKind::kMaterialize;
  plan->schema = input->schema;
  plan->traits = input->traits;
  plan->updating = true;
  plan->keys = key;
  plan->upsert_key = std::move(key);
  plan->inputs = {std::move(input)};
  return plan;
}

// What goes into the table's columns, by name: columns of the query, or constants of PARTITION.
using Written = std::map<std::string, ExpressionPtr>;

Result<Written> BindPartition(const ast::Insert& insert, const TableDefinition& table) {
  Written written;
  const auto& columns = table.partitioned_by;
  for (const auto& [name, value] : insert.partition) {
    if (std::find(columns.begin(), columns.end(), name) == columns.end()) {
      const std::string near = NearestName(name, columns);
      return ErrorAt(value->place, "table '{}' is not partitioned by '{}'{}", table.name, name,
                     near.empty() ? "" : ". did you mean '" + near + "'?");
    }
    const Scope empty;
    MILL_ASSIGN(written[name], ExpressionBinder(empty).Bind(*value));
  }
  return written;
}

// Adds the query's columns, for the columns that INSERT names or else for all that are left.
Status AddQueryColumns(const ast::Insert& insert, const TableDefinition& table, const Plan& query,
                       Written* written) {
  std::vector<std::string> names = insert.columns;
  if (names.empty()) {
    for (int column : WritableColumns(table)) {
      const std::string& name = table.columns[static_cast<size_t>(column)].name;
      if (!written->contains(name)) names.push_back(name);
    }
  }
  if (static_cast<size_t>(query.schema.size()) != names.size()) {
    return ErrorAt(insert.query->place, "table '{}' takes {} columns, the query yields {}: {}",
                   table.name, names.size(), query.schema.size(), query.schema.ToString());
  }
  for (size_t i = 0; i < names.size(); ++i) {
    const Column& source = query.schema.columns[i];
    const ExpressionPtr column = MakeColumn(static_cast<int>(i), source.name, source.type);
    if (!written->emplace(names[i], column).second) {
      return ErrorAt(insert.query->place, "INSERT INTO names column '{}' twice", names[i]);
    }
  }
  return Status::OK();
}

Result<ExpressionPtr> ForColumn(const TableColumn& target, const Written& written,
                                const TableDefinition& table, const ast::Place& place) {
  const auto found = written.find(target.name);
  if (found == written.end()) {
    const auto null = std::make_shared<arrow::NullScalar>();
    return MakeCast(MakeLiteral(null, SqlType::Null()), target.type);
  }
  const ExpressionPtr& value = found->second;
  if (!ImplicitlyCastable(value->type, target.type)) {
    const std::string name = value->ToString();
    return ErrorAt(place,
                   "column '{}' of table '{}' is {}, the query yields '{}' as {}. hint: CAST({} AS {})",
                   target.name, table.name, target.type.ToString(), name, value->type.ToString(),
                   name, target.type.ToString());
  }
  return MakeCast(value, WrittenType(value->type, target.type));
}

}  // namespace

Result<PlanPtr> Binder::BindInsert(const ast::Insert& insert) {
  auto table = catalog_.FindTable(insert.table);
  if (!table) {
    const std::string near = NearestName(insert.table, catalog_.Names());
    return ErrorAt(insert.query->place, "INSERT INTO names table '{}', which does not exist{}",
                   insert.table, near.empty() ? "" : ". did you mean '" + near + "'?");
  }
  if (insert.overwrite) {
    return ErrorAt(insert.query->place, "INSERT OVERWRITE is not supported on streams. hint: INSERT "
                                        "INTO, or drop the old rows first");
  }
  if (!insert.hints.empty()) {
    auto changed = std::make_shared<TableDefinition>(*table);
    for (const auto& [key, value] : insert.hints) changed->options[key] = value;
    table = changed;
  }
  MILL_ASSIGN(PlanPtr query, BindQuery(*insert.query));
  MILL_RETURN(CheckNames(*table, insert.columns, "INSERT INTO"));
  MILL_ASSIGN(Written written, BindPartition(insert, *table));
  MILL_RETURN(AddQueryColumns(insert, *table, *query, &written));
  std::vector<ExpressionPtr> values;
  std::vector<std::string> names;
  for (int column : WritableColumns(*table)) {
    const TableColumn& target = table->columns[static_cast<size_t>(column)];
    MILL_ASSIGN(ExpressionPtr value, ForColumn(target, written, *table, insert.query->place));
    names.push_back(target.name);
    values.push_back(std::move(value));
  }
  PlanPtr input = MaterializeFor(*table, MakeProject(query, std::move(values), std::move(names)));
  auto sink = std::make_shared<Plan>();
  sink->kind = PlanKind::kSink;
  sink->schema = input->schema;
  sink->traits = input->traits;
  sink->updating = input->updating;
  sink->table = std::move(table);
  sink->inputs = {std::move(input)};
  return sink;
}

}  // namespace millrace
