// CREATE TABLE and INSERT INTO: tables' columns, time and keys; queries fitted to a table.
#include <algorithm>
#include <set>

#include "base/nearest.h"
#include "plan/binder.h"

namespace millrace {
namespace {

// What a LIKE clause takes from the other table; as in Flink everything unless it says otherwise.
bool Includes(const ast::LikeClause& like, const std::string& what) {
  bool all = true;
  bool decided = false, answer = true;
  for (const std::string& option : like.options) {
    const size_t space = option.find(' ');
    const std::string verb = option.substr(0, space), noun = option.substr(space + 1);
    if (noun == "ALL") all = verb != "EXCLUDING";
    if (noun == what) {
      decided = true;
      answer = verb != "EXCLUDING";
    }
  }
  return decided ? answer : all;
}

// `create` with what LIKE takes from `base` in front.
ast::CreateTable Merge(const ast::CreateTable& base, ast::CreateTable create) {
  const ast::LikeClause like = *create.like;
  std::vector<ast::ColumnDef> columns;
  for (const ast::ColumnDef& column : base.columns) {
    if (column.computed && !Includes(like, "GENERATED")) continue;
    if (column.metadata && !Includes(like, "METADATA")) continue;
    const bool again = std::any_of(create.columns.begin(), create.columns.end(),
                                   [&](const auto& c) { return c.name == column.name; });
    if (!again) columns.push_back(column);
  }
  columns.insert(columns.end(), create.columns.begin(), create.columns.end());
  create.columns = std::move(columns);
  if (!create.watermark && Includes(like, "WATERMARKS")) create.watermark = base.watermark;
  if (create.primary_key.empty() && Includes(like, "CONSTRAINTS")) {
    create.primary_key = base.primary_key;
  }
  if (create.partitioned_by.empty() && Includes(like, "PARTITIONS")) {
    create.partitioned_by = base.partitioned_by;
  }
  if (Includes(like, "OPTIONS")) create.options.insert(base.options.begin(), base.options.end());
  create.like.reset();
  return create;
}

TableColumn PhysicalColumn(const ast::ColumnDef& def) {
  TableColumn column;
  column.name = def.name;
  column.type = def.type;
  column.comment = def.comment;
  if (def.metadata) {
    column.kind = TableColumn::Kind::kMetadata;
    column.metadata_key = def.metadata_key.empty() ? def.name : def.metadata_key;
    column.metadata_virtual = def.metadata_virtual;
  }
  return column;
}

// The table as a relation: what computed columns and watermarks may refer to.
Scope TableScope(const TableDefinition& table) {
  Plan plan;
  plan.schema = table.ToSchema();
  return Scope(plan, table.name);
}

Status CheckNames(const TableDefinition& table, const std::vector<std::string>& names,
                  const std::string& clause) {
  std::vector<std::string> all;
  for (const TableColumn& column : table.columns) all.push_back(column.name);
  for (const std::string& name : names) {
    if (std::find(all.begin(), all.end(), name) != all.end()) continue;
    const std::string near = NearestName(name, all);
    return UserError("{} of table '{}' names column '{}', which it does not have{}", clause,
                     table.name, name, near.empty() ? "" : ". did you mean '" + near + "'?");
  }
  return Status::OK();
}

Status BindWatermark(const ast::WatermarkDef& def, TableDefinition* table) {
  MILL_RETURN(CheckNames(*table, {def.column}, "WATERMARK"));
  table->rowtime = table->ToSchema().Find(def.column);
  TableColumn& column = table->columns[static_cast<size_t>(table->rowtime)];
  if (!column.type.IsTimestamp() || column.type.precision > 3) {
    return ErrorAt(def.place,
                   "the event time column '{}' must be TIMESTAMP(3) or TIMESTAMP_LTZ(3), found {}",
                   column.name, column.type.ToString());
  }
  if (column.type.precision < 3) column.type.precision = 3;
  const Scope scope = TableScope(*table);
  MILL_ASSIGN(ExpressionPtr watermark, ExpressionBinder(scope).Bind(*def.expr));
  if (!watermark->type.IsTimestamp()) {
    return ErrorAt(def.place, "a watermark must be a timestamp, found {}",
                   watermark->type.ToString());
  }
  table->watermark = MakeCast(watermark, column.type);
  return Status::OK();
}

// Computed columns see the physical and metadata columns.
Status BindComputed(const ast::CreateTable& create, TableDefinition* table) {
  for (const ast::ColumnDef& def : create.columns) {
    if (!def.computed) table->columns.push_back(PhysicalColumn(def));
  }
  const Scope scope = TableScope(*table);
  std::vector<TableColumn> ordered;
  size_t physical = 0;
  for (const ast::ColumnDef& def : create.columns) {
    if (!def.computed) {
      ordered.push_back(table->columns[physical++]);
      continue;
    }
    TableColumn column = PhysicalColumn(def);
    column.kind = TableColumn::Kind::kComputed;
    MILL_ASSIGN(column.computed, ExpressionBinder(scope).Bind(*def.computed));
    column.type = column.computed->type;
    ordered.push_back(std::move(column));
  }
  // Computed columns were bound over the physical ones alone: point them at the whole table.
  std::vector<ExpressionPtr> moved;
  for (size_t i = 0; i < ordered.size(); ++i) {
    if (ordered[i].kind == TableColumn::Kind::kComputed) continue;
    moved.push_back(MakeColumn(static_cast<int>(i), ordered[i].name, ordered[i].type));
  }
  for (TableColumn& column : ordered) {
    if (column.computed) column.computed = ReplaceColumns(column.computed, moved);
  }
  table->columns = std::move(ordered);
  return Status::OK();
}

Status CheckDuplicates(const ast::CreateTable& create) {
  std::set<std::string> seen;
  for (const ast::ColumnDef& def : create.columns) {
    if (!seen.insert(def.name).second) {
      return ErrorAt(def.place, "table '{}' has two columns named '{}'", create.name, def.name);
    }
  }
  return Status::OK();
}

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

}  // namespace

Result<TableDefinition> Binder::BindCreateTable(const ast::CreateTable& written) {
  ast::CreateTable create = written;
  if (create.like) {
    auto base = catalog_.FindTable(create.like->table);
    if (!base) {
      const std::string near = NearestName(create.like->table, catalog_.Names());
      return UserError("LIKE names table '{}', which does not exist{}", create.like->table,
                       near.empty() ? "" : ". did you mean '" + near + "'?");
    }
    create = Merge(base->syntax, std::move(create));
  }
  if (create.as_query) return UserError("CREATE TABLE ... AS is not supported. hint: INSERT INTO");
  MILL_RETURN(CheckDuplicates(create));
  TableDefinition table;
  table.name = create.name;
  table.options = create.options;
  table.comment = create.comment;
  table.primary_key = create.primary_key;
  table.partitioned_by = create.partitioned_by;
  MILL_RETURN(BindComputed(create, &table));
  if (create.watermark) MILL_RETURN(BindWatermark(*create.watermark, &table));
  MILL_RETURN(CheckNames(table, table.primary_key, "PRIMARY KEY"));
  MILL_RETURN(CheckNames(table, table.partitioned_by, "PARTITIONED BY"));
  table.syntax = std::move(create);
  return table;
}

Result<PlanPtr> Binder::BindInsert(const ast::Insert& insert) {
  auto table = catalog_.FindTable(insert.table);
  if (!table) {
    const std::string near = NearestName(insert.table, catalog_.Names());
    return ErrorAt(insert.query->place, "INSERT INTO names table '{}', which does not exist{}",
                   insert.table, near.empty() ? "" : ". did you mean '" + near + "'?");
  }
  if (!insert.hints.empty()) {
    auto changed = std::make_shared<TableDefinition>(*table);
    for (const auto& [key, value] : insert.hints) changed->options[key] = value;
    table = changed;
  }
  MILL_ASSIGN(PlanPtr query, BindQuery(*insert.query));
  MILL_RETURN(CheckNames(*table, insert.columns, "INSERT INTO"));
  const std::vector<int> columns = WritableColumns(*table);
  const size_t wanted = insert.columns.empty() ? columns.size() : insert.columns.size();
  if (static_cast<size_t>(query->schema.size()) != wanted) {
    return ErrorAt(insert.query->place, "table '{}' takes {} columns, the query yields {}: {}",
                   table->name, wanted, query->schema.size(), query->schema.ToString());
  }
  std::vector<ExpressionPtr> values;
  std::vector<std::string> names;
  for (size_t i = 0; i < columns.size(); ++i) {
    const TableColumn& target = table->columns[static_cast<size_t>(columns[i])];
    names.push_back(target.name);
    size_t from = i;
    if (!insert.columns.empty()) {
      const auto at = std::find(insert.columns.begin(), insert.columns.end(), target.name);
      if (at == insert.columns.end()) {
        const auto null = std::make_shared<arrow::NullScalar>();
        values.push_back(MakeCast(MakeLiteral(null, SqlType::Null()), target.type));
        continue;
      }
      from = static_cast<size_t>(at - insert.columns.begin());
    }
    const Column& source = query->schema.columns[from];
    if (!ImplicitlyCastable(source.type, target.type)) {
      return ErrorAt(insert.query->place,
                     "column '{}' of table '{}' is {}, the query yields '{}' as {}. hint: CAST({} AS {})",
                     target.name, table->name, target.type.ToString(), source.name,
                     source.type.ToString(), source.name, target.type.ToString());
    }
    values.push_back(MakeCast(MakeColumn(static_cast<int>(from), source.name, source.type),
                              WrittenType(source.type, target.type)));
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
