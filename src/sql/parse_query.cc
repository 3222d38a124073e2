// Queries: SELECT, VALUES, set operations, WITH, and the row sources of FROM.
#include <set>

#include "sql/lexer.h"
#include "sql/parser_internal.h"

namespace millrace {
namespace {

using ast::ExprPtr;
using ast::GroupingKind;
using ast::JoinKind;
using ast::Place;
using ast::Query;
using ast::QueryPtr;
using ast::Select;
using ast::SetOp;
using ast::TableRef;
using ast::TableRefKind;
using ast::TableRefPtr;

// CUBE over more columns, or more entries in all sets, is a mistake and would exhaust memory.
constexpr size_t kMaxCubeColumns = 10;
constexpr size_t kMaxGroupingEntries = 65536;

// Words that may be names, but that after a table or select item start the next clause.
bool StartsClause(const std::string& key) {
  static const std::set<std::string_view> words = {"OFFSET",      "WINDOW", "MATCH_RECOGNIZE",
                                                   "TABLESAMPLE", "QUALIFY", "MINUS"};
  return words.contains(key);
}

QueryPtr NewQuery(const Place& place) {
  auto query = std::make_shared<Query>();
  query->place = place;
  return query;
}

TableRefPtr NewTable(TableRefKind kind, const Place& place) {
  auto table = std::make_shared<TableRef>();
  table->kind = kind;
  table->place = place;
  return table;
}

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

bool IsPlainValues(const Query& query) {
  return !query.values.empty() && query.with.empty() && !HasTail(query);
}

bool SameType(const SqlType& a, const SqlType& b) {
  return a.kind == b.kind && a.precision == b.precision && a.scale == b.scale &&
         a.children.empty() && b.children.empty();
}

// Whether two grouping expressions are written alike. Subqueries never are.
bool SameExpr(const ExprPtr& a, const ExprPtr& b) {
  if (a == b) return true;
  if (a->kind != b->kind || a->name != b->name || a->path != b->path || a->text != b->text ||
      a->interval_value != b->interval_value || a->args.size() != b->args.size() ||
      a->clauses != b->clauses || a->query != nullptr || b->query != nullptr || a->over ||
      b->over || !SameType(a->literal_type, b->literal_type) ||
      !SameType(a->cast_type, b->cast_type)) {
    return false;
  }
  for (size_t i = 0; i < a->args.size(); ++i) {
    if (!SameExpr(a->args[i], b->args[i])) return false;
  }
  return true;
}

// The member of `known` that equals `expr`; adds `expr` if there is none.
ExprPtr Canonical(const ExprPtr& expr, std::vector<ExprPtr>& known) {
  for (const ExprPtr& other : known) {
    if (SameExpr(expr, other)) return other;
  }
  known.push_back(expr);
  return expr;
}

using Sets = std::vector<std::vector<ExprPtr>>;

std::vector<ExprPtr> Concatenated(const std::vector<ExprPtr>& a, const std::vector<ExprPtr>& b) {
  std::vector<ExprPtr> both = a;
  both.insert(both.end(), b.begin(), b.end());
  return both;
}

// ROLLUP(a, b): (a, b), (a), (). `columns` holds one set per column or parenthesised group.
Sets Rollup(const Sets& columns) {
  Sets sets(1);
  for (const auto& column : columns) sets.push_back(Concatenated(sets.back(), column));
  return Sets(sets.rbegin(), sets.rend());
}

// CUBE(a, b): (a, b), (a), (b), ().
Sets Cube(const Sets& columns) {
  Sets sets(1);
  for (auto column = columns.rbegin(); column != columns.rend(); ++column) {
    Sets extended;
    for (const auto& set : sets) extended.push_back(Concatenated(*column, set));
    extended.insert(extended.end(), sets.begin(), sets.end());
    sets = std::move(extended);
  }
  return sets;
}

size_t EntryCount(const Sets& sets) {
  size_t count = sets.size();
  for (const auto& set : sets) count += set.size();
  return count;
}

// Joins every set of `sets` with every set of `element`, as GROUP BY a, ROLLUP(b) means.
void Multiply(Sets& sets, const Sets& element) {
  if (element.size() == 1) {  // a plain column, the usual case
    for (auto& set : sets) set.insert(set.end(), element[0].begin(), element[0].end());
    return;
  }
  Sets product;
  for (const auto& first : sets) {
    for (const auto& second : element) product.push_back(Concatenated(first, second));
  }
  sets = std::move(product);
}

// Sets the expanded sets, equal expressions shared, and all their columns as group_by.
void StoreGroupingSets(GroupingKind kind, Sets sets, Select& select) {
  select.grouping = kind;
  for (auto& set : sets) {
    for (ExprPtr& expr : set) expr = Canonical(expr, select.group_by);
  }
  select.grouping_sets = std::move(sets);
}

}  // namespace

// ---- queries ----

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
    MILL_ASSIGN(auto item, ParseWithItem());
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

namespace {

QueryPtr Combined(SetOp op, const Place& place, QueryPtr left, QueryPtr right) {
  QueryPtr query = NewQuery(place);
  query->set_op = op;
  query->left = std::move(left);
  query->right = std::move(right);
  return query;
}

}  // namespace

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

// ---- SELECT ----

Result<QueryPtr> Parser::ParseSelect() {
  QueryPtr query = NewQuery(Take().place);
  std::vector<std::pair<ExprPtr, Token>> outer_windows;
  outer_windows.swap(named_windows_);
  Select& select = query->select.emplace();
  select.place = query->place;
  MILL_RETURN(ParseSelectItems(select));
  if (Accept("FROM")) {
    MILL_ASSIGN(select.from, ParseFrom());
  }
  if (Accept("WHERE")) {
    MILL_ASSIGN(select.where, ParseExpression());
  }
  if (At("GROUP")) MILL_RETURN(ParseGroupBy(select));
  if (Accept("HAVING")) {
    MILL_ASSIGN(select.having, ParseExpression());
  }
  if (Accept("WINDOW")) MILL_RETURN(ParseWindowClause());
  if (!named_windows_.empty()) {
    const Token& name = named_windows_[0].second;
    return ErrorAt(name.place, fmt::format("window {} is not defined", Found(name)),
                   "define it after WHERE, GROUP BY and HAVING: WINDOW name AS (...)");
  }
  named_windows_.swap(outer_windows);
  return query;
}

Status Parser::ParseSelectItems(Select& select) {
  if (At("/*+")) MILL_RETURN(ParseHints(select.hints));
  select.distinct = Accept("DISTINCT");
  if (!select.distinct) Accept("ALL");
  do {
    MILL_ASSIGN(ast::SelectItem item, ParseSelectItem());
    select.items.push_back(std::move(item));
  } while (Accept(","));
  return Status::OK();
}

Result<ast::SelectItem> Parser::ParseSelectItem() {
  ast::SelectItem item;
  if (At("*")) {
    item.expr = std::make_shared<ast::Expr>();
    item.expr->kind = ast::ExprKind::kStar;
    item.expr->place = Take().place;
    return item;
  }
  MILL_ASSIGN(item.expr, ParseExpression());
  if (item.expr->kind == ast::ExprKind::kStar) return item;
  if (Accept("AS")) {
    MILL_ASSIGN(item.alias, ExpectName("an alias after AS"));
  } else if (AtBareAlias()) {
    item.alias = Take().text;
  }
  return item;
}

bool Parser::AtBareAlias() const { return IsUsableName(Peek()) && !StartsClause(Peek().key); }

Status Parser::ParseGroupBy(Select& select) {
  const Place place = Take().place;
  MILL_RETURN(Expect("BY", "after GROUP"));
  select.has_group_by = true;
  GroupingSets sets(1);
  int elements = 0;
  bool plain = true;
  GroupingKind kind = GroupingKind::kPlain;
  do {
    MILL_ASSIGN(GroupingSets element, ParseGroupingElement(&kind));
    plain = plain && kind == GroupingKind::kPlain;
    ++elements;
    if (element.size() > 1 && EntryCount(sets) * EntryCount(element) > kMaxGroupingEntries) {
      return ErrorAt(place, "GROUP BY expands to too many grouping sets");
    }
    Multiply(sets, element);
  } while (Accept(","));
  if (plain) {
    select.group_by = std::move(sets[0]);
  } else {
    StoreGroupingSets(elements == 1 ? kind : GroupingKind::kGroupingSets, std::move(sets), select);
  }
  return Status::OK();
}

// The grouping sets of one element of GROUP BY: one set for plain columns.
Result<Parser::GroupingSets> Parser::ParseGroupingElement(GroupingKind* kind) {
  Nesting nesting(this);
  MILL_RETURN(CheckNesting());
  if (AtAll({"GROUPING", "SETS"})) {
    *kind = GroupingKind::kGroupingSets;
    return ParseGroupingSets();
  }
  if (AtAll({"ROLLUP", "("}) || AtAll({"CUBE", "("})) return ParseRollupOrCube(kind);
  *kind = GroupingKind::kPlain;
  MILL_ASSIGN(std::vector<ExprPtr> columns, ParseGroupingColumns());
  return GroupingSets{std::move(columns)};
}

Result<Parser::GroupingSets> Parser::ParseRollupOrCube(GroupingKind* kind) {
  const Place place = Peek().place;
  const bool rollup = Take().key == "ROLLUP";
  *kind = rollup ? GroupingKind::kRollup : GroupingKind::kCube;
  Take();
  GroupingSets columns;
  do {
    MILL_ASSIGN(std::vector<ExprPtr> column, ParseGroupingColumns());
    columns.push_back(std::move(column));
  } while (Accept(","));
  MILL_RETURN(Expect(")", "after the grouping columns"));
  const bool too_many = rollup ? EntryCount(columns) * columns.size() > kMaxGroupingEntries
                               : columns.size() > kMaxCubeColumns;
  if (too_many) return ErrorAt(place, "GROUP BY expands to too many grouping sets");
  return rollup ? Rollup(columns) : Cube(columns);
}

// GROUPING SETS ((a, b), a, ROLLUP(c), ()); nested elements contribute all their sets.
Result<Parser::GroupingSets> Parser::ParseGroupingSets() {
  Take();
  Take();
  MILL_RETURN(Expect("(", "after GROUPING SETS"));
  GroupingSets sets;
  GroupingKind kind = GroupingKind::kPlain;
  do {
    MILL_ASSIGN(GroupingSets element, ParseGroupingElement(&kind));
    sets.insert(sets.end(), element.begin(), element.end());
  } while (Accept(","));
  MILL_RETURN(Expect(")", "after the grouping sets"));
  return sets;
}

// A column, a parenthesised group of columns, or ().
Result<std::vector<ExprPtr>> Parser::ParseGroupingColumns() {
  if (AcceptAll({"(", ")"})) return std::vector<ExprPtr>();
  MILL_ASSIGN(ExprPtr expr, ParseExpression());
  if (expr->kind == ast::ExprKind::kRow) return expr->args;
  return std::vector<ExprPtr>{std::move(expr)};
}

// WINDOW w AS (PARTITION BY ...), ...: the definition is copied into each call written OVER w.
Status Parser::ParseWindowClause() {
  do {
    const Place place = Peek().place;
    MILL_ASSIGN(std::string name, ExpectName("a window name"));
    ast::Expr window{};
    window.place = place;
    MILL_RETURN(Expect("AS", "after the window's name"));
    MILL_RETURN(ParseWindow(window));
    std::vector<std::pair<ExprPtr, Token>> unresolved;
    for (auto& [call, used] : named_windows_) {
      if (used.text != name) {
        unresolved.emplace_back(std::move(call), std::move(used));
        continue;
      }
      call->over_partition = window.over_partition;
      call->over_order = window.over_order;
      call->over_frame = window.over_frame;
    }
    named_windows_ = std::move(unresolved);
  } while (Accept(","));
  return Status::OK();
}

// ---- hints ----

// /*+ OPTIONS('k'='v'), STATE_TTL('t'='1d') */: those of OPTIONS are stored under their own key,
// those of STATE_TTL as "STATE_TTL.t"; other hints only advise an optimizer we do not have.
Status Parser::ParseHints(Options& options) {
  MILL_RETURN(Expect("/*+", ""));
  do {
    MILL_RETURN(ParseHint(options));
    Accept(",");
  } while (Peek().IsName());
  return Expect("*/", "after the hint");
}

Status Parser::ParseHint(Options& options) {
  if (!Peek().IsName()) return Expected("the name of a hint");
  const std::string name = UpperCase(Take().text);
  if (name == "OPTIONS") return ParseOptions(options, nullptr);
  if (name == "STATE_TTL") {
    Options lifetimes;
    MILL_RETURN(ParseOptions(lifetimes, nullptr));
    for (auto& [key, value] : lifetimes) options["STATE_TTL." + key] = value;
    return Status::OK();
  }
  if (!Accept("(")) return Status::OK();
  while (!AtAny({")", "*/"}) && Peek().kind != TokenKind::kEnd) Take();
  return Expect(")", "after the hint's arguments");
}

// ---- FROM ----

namespace {

TableRefPtr Joined(JoinKind kind, const Place& place, TableRefPtr left, TableRefPtr right) {
  TableRefPtr join = NewTable(TableRefKind::kJoin, place);
  join->join = kind;
  join->left = std::move(left);
  join->right = std::move(right);
  return join;
}

}  // namespace

Result<TableRefPtr> Parser::ParseFrom() {
  HeightScope scope(this);
  MILL_ASSIGN(TableRefPtr left, ParseJoins());
  while (At(",")) {
    const Place place = Take().place;
    TableRefPtr right;
    {
      HeightScope right_scope(this);
      MILL_ASSIGN(right, ParseJoins());
    }
    left = Joined(JoinKind::kCross, place, std::move(left), std::move(right));
    MILL_RETURN(Grow());
  }
  return left;
}

Result<TableRefPtr> Parser::ParseJoins() {
  MILL_ASSIGN(TableRefPtr left, ParseTableRef());
  while (true) {
    const Place place = Peek().place;
    JoinKind kind = JoinKind::kInner;
    MILL_ASSIGN(const bool joined, ParseJoinKind(&kind));
    if (!joined) return left;
    TableRefPtr right;
    {
      HeightScope scope(this);
      MILL_ASSIGN(right, ParseTableRef());
    }
    left = Joined(kind, place, std::move(left), std::move(right));
    if (kind != JoinKind::kCross) MILL_RETURN(ParseJoinCondition(*left));
    MILL_RETURN(Grow());
  }
}

// Takes the words up to and including JOIN; false if no join follows.
Result<bool> Parser::ParseJoinKind(JoinKind* kind) {
  if (Accept("JOIN")) return true;
  if (At("NATURAL")) {
    return ErrorAt(Peek().place, "NATURAL JOIN is not supported", "name the columns with USING");
  }
  if (Accept("CROSS")) {
    *kind = JoinKind::kCross;
  } else if (AtAny({"LEFT", "RIGHT", "FULL"})) {
    const std::string& side = Take().key;
    *kind = side == "LEFT" ? JoinKind::kLeft
                           : (side == "RIGHT" ? JoinKind::kRight : JoinKind::kFull);
    Accept("OUTER");
  } else if (!Accept("INNER")) {
    return false;
  }
  MILL_RETURN(Expect("JOIN", ""));
  return true;
}

Status Parser::ParseJoinCondition(TableRef& join) {
  if (At("USING")) {
    Take();
    MILL_ASSIGN(join.using_columns, ParseNameList("join column"));
    return Status::OK();
  }
  if (!Accept("ON")) {
    return ExpectedWithHint("ON or USING after the joined table",
                            SpellingHint().empty()
                                ? "a join without a condition is written CROSS JOIN, or ON TRUE"
                                : SpellingHint());
  }
  MILL_ASSIGN(join.on, ParseExpression());
  return Status::OK();
}

Result<TableRefPtr> Parser::ParseTableRef() {
  MILL_ASSIGN(TableRefPtr table, ParseTablePrimary());
  MILL_RETURN(ParseTableSuffixes(*table));
  return table;
}

Result<TableRefPtr> Parser::ParseTablePrimary() {
  if (At("(")) return ParseParenthesizedTable();
  if (At("LATERAL")) return ParseLateral();
  if (At("UNNEST")) return ParseUnnest();
  if (At("TABLE")) return ParseTableFunction();
  if (Peek().IsName() && At("(", 1)) return ParseFunctionCall();
  return ParseNamedTable();
}

// A subquery, VALUES, or a join in parentheses.
Result<TableRefPtr> Parser::ParseParenthesizedTable() {
  Nesting nesting(this);
  MILL_RETURN(CheckNesting());
  TableRefPtr table = NewTable(TableRefKind::kSubquery, Take().place);
  if (AtQuery()) {
    MILL_ASSIGN(table->query, ParseQuery());
  } else {
    MILL_ASSIGN(TableRefPtr inner, ParseFrom());
    const bool bare_query = inner->query != nullptr && inner->alias.empty();
    if (bare_query && AtQueryContinuation()) {
      MILL_ASSIGN(table->query, ContinueQuery(std::move(inner->query)));
    } else {
      table = std::move(inner);
    }
  }
  MILL_RETURN(Expect(")", "after the subquery or join"));
  if (table->query != nullptr && IsPlainValues(*table->query)) table->kind = TableRefKind::kValues;
  MILL_RETURN(Grow());
  return table;
}

// LATERAL (query), LATERAL TABLE(f(..)), LATERAL f(..), LATERAL UNNEST(..)
Result<TableRefPtr> Parser::ParseLateral() {
  Take();
  if (At("LATERAL")) return Expected("TABLE(...), UNNEST(...) or a subquery after LATERAL");
  MILL_ASSIGN(TableRefPtr table, ParseTablePrimary());
  table->lateral = true;
  return table;
}

// TABLE(f(..))
Result<TableRefPtr> Parser::ParseTableFunction() {
  Take();
  MILL_RETURN(Expect("(", "after TABLE"));
  if (!Peek().IsName() || !At("(", 1)) {
    return ExpectedWithHint("the call of a table function in TABLE(...)",
                            "a table is named without TABLE(...)");
  }
  MILL_ASSIGN(TableRefPtr table, ParseFunctionCall());
  MILL_RETURN(Expect(")", "after the table function"));
  return table;
}

Result<TableRefPtr> Parser::ParseFunctionCall() {
  const Token& name = Take();
  if (name.kind == TokenKind::kWord && IsReserved(name.key)) {
    return ErrorAt(name.place, fmt::format("expected a table, found {}", Found(name)));
  }
  TableRefPtr table = NewTable(TableRefKind::kFunction, name.place);
  MILL_ASSIGN(ExprPtr call, ParseCallNamed(name));
  table->name = call->name;
  table->args = std::move(call->args);
  return table;
}

Result<TableRefPtr> Parser::ParseUnnest() {
  TableRefPtr table = NewTable(TableRefKind::kUnnest, Take().place);
  MILL_RETURN(Expect("(", "after UNNEST"));
  MILL_ASSIGN(ExprPtr collection, ParseExpression());
  table->args.push_back(std::move(collection));
  MILL_RETURN(Expect(")", "after the collection of UNNEST"));
  table->with_ordinality = AcceptAll({"WITH", "ORDINALITY"});
  return table;
}

Result<TableRefPtr> Parser::ParseNamedTable() {
  TableRefPtr table = NewTable(TableRefKind::kName, Peek().place);
  MILL_ASSIGN(table->path, ExpectPath("a table name"));
  table->name = table->path.back();
  return table;
}

// Hints, FOR SYSTEM_TIME AS OF, and the alias.
Status Parser::ParseTableSuffixes(TableRef& table) {
  if (At("/*+")) MILL_RETURN(ParseHints(table.hints));
  if (At("FOR")) {
    MILL_RETURN(ExpectAll({"FOR", "SYSTEM_TIME", "AS", "OF"}, "in FOR SYSTEM_TIME AS OF"));
    MILL_ASSIGN(table.as_of, ParseExpression());
  }
  MILL_RETURN(ParseTableAlias(table));
  if (At("/*+")) MILL_RETURN(ParseHints(table.hints));
  if (AtAny({"MATCH_RECOGNIZE", "TABLESAMPLE"})) {
    return ErrorAt(Peek().place, fmt::format("{} is not supported", Peek().key));
  }
  return Status::OK();
}

// [AS] alias [(columns)]
Status Parser::ParseTableAlias(TableRef& table) {
  const Place place = Peek().place;
  if (Accept("AS")) {
    MILL_ASSIGN(table.alias, ExpectName("an alias after AS"));
  } else if (AtBareAlias()) {
    table.alias = Take().text;
  } else {
    return Status::OK();
  }
  if (table.kind == TableRefKind::kJoin) {
    return ErrorAt(place, "a join in parentheses cannot have an alias");
  }
  if (At("(")) {
    MILL_ASSIGN(table.column_aliases, ParseNameList("column alias"));
  }
  return Status::OK();
}

}  // namespace millrace
