// SELECT up to HAVING and WINDOW; grouping sets are expanded here.
#include <set>

#include "sql/parser_internal.h"
#include "sql/syntax_nodes.h"

namespace millrace {
namespace {

using ast::ExprPtr;
using ast::GroupingKind;
using ast::Place;
using ast::QueryPtr;
using ast::Select;

// CUBE over more columns, or more entries in all sets, is a mistake and would exhaust memory.
constexpr size_t kMaxCubeColumns = 10;
constexpr size_t kMaxGroupingEntries = 65536;

// Words that may be names, but that after a table or select item start the next clause.
bool StartsClause(const std::string& key) {
  static const std::set<std::string_view> words = {"OFFSET",      "WINDOW", "MATCH_RECOGNIZE",
                                                   "TABLESAMPLE", "QUALIFY", "MINUS"};
  return words.contains(key);
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

}  // namespace millrace
