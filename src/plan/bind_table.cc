// CREATE TABLE: columns, time and keys; what LIKE takes from another table.
#include <algorithm>
#include <set>

#include "base/nearest.h"
#include "plan/binder.h"

namespace millrace {
namespace {

// How LIKE merges a part of the other table: it is taken, and must not be there twice; left out; or
// taken where the new table does not define it itself.
enum class Merging { kIncluding, kExcluding, kOverwriting };

// As in Flink: INCLUDING ALL OVERWRITING OPTIONS unless the clause says otherwise.
Merging MergingOf(const ast::LikeClause& like, const std::string& what) {
  Merging merging = what == "OPTIONS" ? Merging::kOverwriting : Merging::kIncluding;
  bool decided = false;
  for (const std::string& option : like.options) {
    const size_t space = option.find(' ');
    const std::string verb = option.substr(0, space), noun = option.substr(space + 1);
    if (noun != what && (noun != "ALL" || decided)) continue;
    decided = noun == what;
    merging = verb == "INCLUDING"   ? Merging::kIncluding
              : verb == "EXCLUDING" ? Merging::kExcluding
                                    : Merging::kOverwriting;
  }
  return merging;
}

// An error if `what` is in both tables though it is merged by INCLUDING.
Status CheckClash(const ast::LikeClause& like, const std::string& part, const std::string& what) {
  if (MergingOf(like, part) == Merging::kOverwriting) return Status::OK();
  const bool overwritable = part != "CONSTRAINTS" && part != "PARTITIONS";
  return UserError("{} already. hint: EXCLUDING {}{}", what, part,
                   overwritable ? " or OVERWRITING " + part : "");
}

// The columns of `base` that LIKE takes, then those of `create`.
Status MergeColumns(const ast::CreateTable& base, ast::CreateTable* create) {
  std::vector<ast::ColumnDef> columns;
  for (const ast::ColumnDef& column : base.columns) {
    const std::string part = column.computed ? "GENERATED" : column.metadata ? "METADATA" : "";
    if (!part.empty() && MergingOf(*create->like, part) == Merging::kExcluding) continue;
    const bool again = std::any_of(create->columns.begin(), create->columns.end(),
                                   [&](const auto& c) { return c.name == column.name; });
    if (again) {
      const std::string clash =
          fmt::format("column '{}' is in table '{}'", column.name, create->like->table);
      if (part.empty()) return UserError("{} already", clash);
      MILL_RETURN(CheckClash(*create->like, part, clash));
      continue;
    }
    columns.push_back(column);
  }
  columns.insert(columns.end(), create->columns.begin(), create->columns.end());
  create->columns = std::move(columns);
  return Status::OK();
}

// `create` with what LIKE takes from `base` in front.
Result<ast::CreateTable> Merge(const ast::CreateTable& base, ast::CreateTable create) {
  const ast::LikeClause like = *create.like;
  MILL_RETURN(MergeColumns(base, &create));
  const auto takes = [&](const char* part) { return MergingOf(like, part) != Merging::kExcluding; };
  const std::string table = fmt::format("table '{}' has ", like.table);
  if (base.watermark && takes("WATERMARKS")) {
    if (create.watermark) MILL_RETURN(CheckClash(like, "WATERMARKS", table + "a watermark"));
    if (!create.watermark) create.watermark = base.watermark;
  }
  if (!base.primary_key.empty() && takes("CONSTRAINTS")) {
    if (!create.primary_key.empty()) {
      MILL_RETURN(CheckClash(like, "CONSTRAINTS", table + "a primary key"));
    }
    create.primary_key = base.primary_key;
  }
  if (!base.partitioned_by.empty() && takes("PARTITIONS")) {
    if (!create.partitioned_by.empty()) {
      MILL_RETURN(CheckClash(like, "PARTITIONS", table + "partitions"));
    }
    create.partitioned_by = base.partitioned_by;
  }
  for (const auto& [key, value] : base.options) {
    if (!takes("OPTIONS") || create.options.emplace(key, value).second) continue;
    MILL_RETURN(CheckClash(like, "OPTIONS",
                           fmt::format("option '{}' is in table '{}'", key, like.table)));
  }
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

bool IsSourceWatermark(const ast::Expr& expr) {
  return expr.kind == ast::ExprKind::kCall && expr.name == "SOURCE_WATERMARK" && expr.args.empty();
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
  table->source_watermark = IsSourceWatermark(*def.expr);
  if (table->source_watermark) return Status::OK();
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

}  // namespace

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

Result<TableDefinition> Binder::BindCreateTable(const ast::CreateTable& written) {
  ast::CreateTable create = written;
  if (create.like) {
    auto base = catalog_.FindTable(create.like->table);
    if (!base) {
      const std::string near = NearestName(create.like->table, catalog_.Names());
      return UserError("LIKE names table '{}', which does not exist{}", create.like->table,
                       near.empty() ? "" : ". did you mean '" + near + "'?");
    }
    MILL_ASSIGN(create, Merge(base->syntax, std::move(create)));
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

}  // namespace millrace
