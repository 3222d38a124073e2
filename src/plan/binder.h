// Binder: syntax trees to checked logical plans. Knows the catalog, the functions and the windows;
// every error names line and column.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "plan/bind_expression.h"
#include "plan/catalog.h"
#include "plan/logical.h"
#include "sql/ast.h"

namespace millrace {

// A plan and the names of its columns.
struct Relation {
  PlanPtr plan;
  Scope scope;
};

class Binder {
 public:
  // `sort_at_end`: ORDER BY other than by time is taken, its rows come when the input has ended.
  // `emit`: of all windowed aggregates.
  explicit Binder(const Catalog& catalog, bool sort_at_end = false, EmitSpec emit = {})
      : catalog_(catalog), sort_at_end_(sort_at_end), emit_(emit) {}

  // A query's plan; column names as its result shows them.
  Result<PlanPtr> BindQuery(const ast::Query& query);
  // A kSink over the query, cast to the table's columns.
  Result<PlanPtr> BindInsert(const ast::Insert& insert);
  // Checks and types a CREATE TABLE; LIKE is resolved.
  Result<TableDefinition> BindCreateTable(const ast::CreateTable& create);

 private:
  using CommonTables = std::map<std::string, ast::QueryPtr>;

  // bind_query.cc
  Result<PlanPtr> BindBody(const ast::Query& query);
  Result<PlanPtr> BindValues(const std::vector<std::vector<ast::ExprPtr>>& rows);
  Result<PlanPtr> BindSelect(const ast::Select& select);
  Result<PlanPtr> BindProjection(const ast::Select& select, const Relation& input);
  Result<PlanPtr> BindDistinct(PlanPtr input);

  // bind_order.cc
  Result<PlanPtr> BindTail(const ast::Query& query, PlanPtr input);
  Result<PlanPtr> BindOrder(const ast::Query& query, PlanPtr body);
  Result<PlanPtr> BindSortInput(const ast::Query& query, PlanPtr body);
  Status CheckUpdatingLimit(const ast::Query& query, const Plan& input) const;
  Status CheckSort(const ast::Query& query, const Plan& input, Plan* sort) const;

  // bind_set_operation.cc
  Result<PlanPtr> BindSetOperation(const ast::Query& query);
  Result<PlanPtr> BindSides(const Plan& both, ast::SetOp op);

  // bind_from.cc
  Result<Relation> BindFrom(const ast::TableRef& ref);
  Result<PlanPtr> BindTableName(const ast::TableRef& ref);
  Result<PlanPtr> BindScan(const ast::TableRef& ref, std::shared_ptr<const TableDefinition> table);
  Result<PlanPtr> BindChangelog(PlanPtr scan, const ast::Place& place);
  Result<PlanPtr> BindView(const ViewDefinition& view, const ast::Place& place);
  Result<PlanPtr> BindTableFunction(const ast::TableRef& ref);
  Result<PlanPtr> BindWindowFunction(const ast::TableRef& ref, WindowKind kind);
  Result<PlanPtr> BindSessionize(const ast::TableRef& ref);

  // bind_unnest.cc
  Result<Relation> BindJoin(const ast::TableRef& ref);
  Result<Relation> BindUnnest(const ast::TableRef& ref, const Relation& left, bool outer);

  // bind_group_window.cc
  Result<PlanPtr> BindGroupWindow(const ast::Select& select, const Relation& input);

  // bind_aggregate.cc
  Result<PlanPtr> BindGrouped(const ast::Select& select, const Relation& input);

  const Catalog& catalog_;
  const bool sort_at_end_;
  const EmitSpec emit_;
  CommonTables common_tables_;
  int depth_ = 0;    // of views and subqueries, bounded
  int queries_ = 0;  // bound so far, bounded: views of views may double each time
};

// HOP and CUMULATE: the most windows that a row may be in.
inline constexpr int64_t kMaxWindowsOfRow = 100000;

// Plan nodes with their schema, traits and keys derived from their inputs.
PlanPtr MakeFilter(PlanPtr input, ExpressionPtr condition);
PlanPtr MakeProject(PlanPtr input, std::vector<ExpressionPtr> expressions,
                    std::vector<std::string> names);
// An error if `clause` names a column that the table does not have.
Status CheckNames(const TableDefinition& table, const std::vector<std::string>& names,
                  const std::string& clause);
// `input` with window_start, window_end and window_time added.
PlanPtr MakeWindow(PlanPtr input, WindowSpec spec);
// True if GROUP BY holds a call of TUMBLE, HOP or SESSION.
bool HasGroupWindow(const ast::Select& select);
// True if `condition` or `expression` reads a column with a window property.
bool ReadsWindow(const Plan& input, const Expression& expression);
// The output name of a select item without alias: the column's name, else EXPR$i.
std::string ItemName(const ast::SelectItem& item, size_t position);
// SELECT items with '*' and 't.*' written out.
Result<std::vector<ast::SelectItem>> ExpandStars(const ast::Select& select, const Scope& scope);

}  // namespace millrace
