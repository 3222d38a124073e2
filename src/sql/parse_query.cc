// Queries: VALUES, set operations, WITH, ORDER BY and LIMIT.
#include <algorithm>

#include "sql/parser_internal.h"
#include "sql/syntax_nodes.h"

namespace millrace {
namespace {

using ast::ExprPtr;
using ast::Place;
using ast::Query;
using ast::QueryPtr;
using ast::SetOp;
using ast::TableRefKind;
using ast::TableRefPtr;

QueryPtr SelectStarFrom(TableRefPtr table) {
  auto star = std::make_shared<ast::Expr>();
  star->kind = ast::ExprKind::kStar;
  star->place = table->place;
  QueryPtr query = NewQuery(table->place);
  query->select.emplace();
  query->select->place = table->place;
  query->select->items.push_back({std::move(star), ""});
  query->select->from = std::move(table);
  return query;
}

// SELECT * FROM (query) AS alias(columns)
QueryPtr Wrapped(QueryPtr query, std::string alias, std::vector<std::string> columns) {
  TableRefPtr table = NewTable(TableRefKind::kSubquery, query->place);
  table->query = std::move(query);
  table->alias = std::move(alias);
  table->column_aliases = std::move(columns);
  return SelectStarFrom(std::move(table));
}

bool HasTail(const Query& query) {
  return !query.order_by.empty() || query.limit || query.offset;
}

QueryPtr Combined(SetOp op, const Place& place, QueryPtr left, QueryPtr right) {
  QueryPtr query = NewQuery(place);
  query->set_op = op;
  query->left = std::move(left);
  query->right = std::move(right);
  return query;
}

}  // namespace

Result<QueryPtr> Parser::ParseQuery() {
  Nesting nesting(this);
  MILL_RETURN(CheckNesting());
  Query with;
  if (At("WITH")) MILL_RETURN(ParseWithClause(with));
  MILL_ASSIGN(QueryPtr query, ParseQueryBody());
  MILL_ASSIGN(query, ParseQueryTail(std::move(query)));
  if (!with.with.empty()) {
    if (!query->with.empty()) query = Wrapped(std::move(query), "", {});
    query->with = std::move(with.with);
  }
  MILL_RETURN(Grow());
  return query;
}

Status Parser::ParseWithClause(Query& query) {
  MILL_RETURN(Expect("WITH", ""));
  do {
    const Place place = Peek().place;
    MILL_ASSIGN(auto item, ParseWithItem());
    const auto same = [&](const auto& other) { return other.first == item.first; };
    if (std::any_of(query.with.begin(), query.with.end(), same)) {
      return ErrorAt(place, fmt::format("WITH names '{}' twice", Shown(item.first)));
    }
    query.with.push_back(std::move(item));
  } while (Accept(","));
  return Status::OK();
}

// name [(columns)] AS (query); named columns become SELECT * FROM (query) AS name(columns).
Result<std::pair<std::string, QueryPtr>> Parser::ParseWithItem() {
  MILL_ASSIGN(std::string name, ExpectName("the name of a common table expression"));
  Names columns;
  if (At("(")) {
    MILL_ASSIGN(columns, ParseNameList("column"));
  }
  MILL_RETURN(Expect("AS", "after the name in WITH"));
  MILL_RETURN(Expect("(", "before the query in WITH"));
  MILL_ASSIGN(QueryPtr query, ParseQuery());
  MILL_RETURN(Expect(")", "after the query in WITH"));
  if (!columns.empty()) query = Wrapped(std::move(query), name, std::move(columns));
  return std::pair(std::move(name), std::move(query));
}

Result<QueryPtr> Parser::ParseQueryBody() {
  MILL_ASSIGN(QueryPtr first, ParseQueryTerm());
  return ContinueUnions(std::move(first));
}

Result<QueryPtr> Parser::ParseQueryTerm() {
  MILL_ASSIGN(QueryPtr first, ParseQueryPrimary());
  return ContinueIntersects(std::move(first));
}

Result<QueryPtr> Parser::ParseQueryPrimary() {
  if (At("SELECT")) return ParseSelect();
  if (At("VALUES")) return ParseValues();
  if (Accept("TABLE")) {
    MILL_ASSIGN(TableRefPtr table, ParseNamedTable());
    return SelectStarFrom(std::move(table));
  }
  if (!Accept("(")) return Expected("SELECT, VALUES or '('");
  MILL_ASSIGN(QueryPtr query, ParseQuery());
  MILL_RETURN(Expect(")", "after the query"));
  return query;
}

bool Parser::AtQueryContinuation() const {
  return AtAny({"UNION", "INTERSECT", "EXCEPT", "ORDER", "LIMIT", "OFFSET", "FETCH"});
}

// Goes on after a parenthesised query that was read as an expression or as a table.
Result<QueryPtr> Parser::ContinueQuery(QueryPtr left) {
  MILL_ASSIGN(left, ContinueIntersects(std::move(left)));
  MILL_ASSIGN(left, ContinueUnions(std::move(left)));
  return ParseQueryTail(std::move(left));
}

Result<QueryPtr> Parser::ContinueUnions(QueryPtr left) {
  while (AtAny({"UNION", "EXCEPT"})) {
    const Place place = Peek().place;
    const bool is_union = Take().key == "UNION";
    const bool all = Accept("ALL");
    if (!all) Accept("DISTINCT");
    QueryPtr right;
    {
      HeightScope scope(this);
      MILL_ASSIGN(right, ParseQueryTerm());
    }
    const SetOp op = is_union ? (all ? SetOp::kUnionAll : SetOp::kUnion)
                              : (all ? SetOp::kExceptAll : SetOp::kExcept);
    left = Combined(op, place, std::move(left), std::move(right));
    MILL_RETURN(Grow());
  }
  return left;
}

Result<QueryPtr> Parser::ContinueIntersects(QueryPtr left) {
  while (At("INTERSECT")) {
    const Place place = Take().place;
    const bool all = Accept("ALL");
    if (!all) Accept("DISTINCT");
    QueryPtr right;
    {
      HeightScope scope(this);
      MILL_ASSIGN(right, ParseQueryPrimary());
    }
    left = Combined(all ? SetOp::kIntersectAll : SetOp::kIntersect, place, std::move(left),
                    std::move(right));
    MILL_RETURN(Grow());
  }
  return left;
}

// ORDER BY, LIMIT, OFFSET, FETCH. A parenthesised query with a tail of its own is wrapped first.
Result<QueryPtr> Parser::ParseQueryTail(QueryPtr query) {
  if (!AtAny({"ORDER", "LIMIT", "OFFSET", "FETCH"})) return query;
  if (HasTail(*query)) query = Wrapped(std::move(query), "", {});
  if (Accept("ORDER")) {
    MILL_RETURN(Expect("BY", "after ORDER"));
    MILL_ASSIGN(query->order_by, ParseOrderKeys());
  }
  MILL_RETURN(ParseLimits(*query));
  return query;
}

Status Parser::ParseLimits(Query& query) {
  while (AtAny({"LIMIT", "OFFSET", "FETCH"})) {
    const Token& clause = Take();
    std::optional<int64_t>& target = clause.key == "OFFSET" ? query.offset : query.limit;
    if (target) return ErrorAt(clause.place, fmt::format("a second {}", clause.key));
    if (clause.key == "LIMIT" && Accept("ALL")) continue;
    const bool fetch = clause.key == "FETCH";
    if (fetch && !Accept("FIRST") && !Accept("NEXT")) return Expected("FIRST or NEXT after FETCH");
    MILL_ASSIGN(target, ExpectInteger(fmt::format("a whole number of rows in {}", clause.key)));
    if (clause.key != "LIMIT" && !Accept("ROWS")) Accept("ROW");
    if (fetch) MILL_RETURN(Expect("ONLY", "in FETCH"));
  }
  return Status::OK();
}

Result<QueryPtr> Parser::ParseValues() {
  QueryPtr query = NewQuery(Take().place);
  do {
    MILL_ASSIGN(std::vector<ExprPtr> row, ParseValuesRow());
    if (!query->values.empty() && row.size() != query->values[0].size()) {
      return ErrorAt(row[0]->place,
                     fmt::format("a row of VALUES has {} columns, the first one {}", row.size(),
                                 query->values[0].size()));
    }
    query->values.push_back(std::move(row));
  } while (Accept(","));
  return query;
}

// (a, b), ROW(a, b) or a single expression.
Result<std::vector<ExprPtr>> Parser::ParseValuesRow() {
  std::vector<ExprPtr> row;
  if (At("ROW") && At("(", 1)) Take();
  if (At("(") && !AtQuery(1)) {
    Take();
    MILL_RETURN(ParseArgumentList(row, ")"));
    if (row.empty()) return Expected("an expression in the row of VALUES");
    MILL_RETURN(Expect(")", "after the row of VALUES"));
    return row;
  }
  MILL_ASSIGN(ExprPtr value, ParseExpression());
  row.push_back(std::move(value));
  return row;
}

Result<Parser::OrderKeys> Parser::ParseOrderKeys() {
  OrderKeys keys;
  do {
    MILL_ASSIGN(ExprPtr expr, ParseExpression());
    const bool descending = Accept("DESC");
    if (!descending) Accept("ASC");
    MILL_RETURN(ParseNullOrder(descending));
    keys.emplace_back(std::move(expr), descending);
  } while (Accept(","));
  return keys;
}

// NULLS FIRST | LAST is accepted where it says what holds anyway: NULL is the lowest value.
Status Parser::ParseNullOrder(bool descending) {
  const Place place = Peek().place;
  if (AcceptAll({"NULLS", descending ? "LAST" : "FIRST"})) return Status::OK();
  if (!At("NULLS") || !AtAny({"FIRST", "LAST"}, 1)) return Status::OK();
  return ErrorAt(place, fmt::format("NULLS {} is not supported here", Peek(1).key),
                 "NULL counts as the lowest value: first when ascending, last when descending");
}

}  // namespace millrace
