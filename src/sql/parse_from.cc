// The row sources of FROM, joins, and hints.
#include "sql/lexer.h"
#include "sql/parser_internal.h"
#include "sql/syntax_nodes.h"

namespace millrace {
namespace {

using ast::ExprPtr;
using ast::JoinKind;
using ast::Place;
using ast::TableRef;
using ast::TableRefKind;
using ast::TableRefPtr;

TableRefPtr Joined(JoinKind kind, const Place& place, TableRefPtr left, TableRefPtr right) {
  TableRefPtr join = NewTable(TableRefKind::kJoin, place);
  join->join = kind;
  join->left = std::move(left);
  join->right = std::move(right);
  return join;
}

}  // namespace

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
