// Scripts and statements other than CREATE.
#include "sql/parser_internal.h"

namespace millrace {
namespace {

using ast::Place;

std::string Trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return "";
  return std::string(text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1));
}

constexpr std::string_view kStatementWords =
    "a statement (SELECT, INSERT, CREATE, DROP, SHOW, DESCRIBE, SET, RESET, EXECUTE, BEGIN, "
    "EXPLAIN, CALL or HELP)";

// Assigns a parsed statement body, or passes its error on.
template <typename Body>
Status Store(Result<Body> parsed, ast::Statement& statement) {
  MILL_ASSIGN(Body body, std::move(parsed));
  statement.body = std::move(body);
  return Status::OK();
}

}  // namespace

Result<std::vector<ast::Statement>> Parser::ParseScript() {
  std::vector<ast::Statement> statements;
  while (true) {
    while (Accept(";")) {
    }
    if (Peek().kind == TokenKind::kEnd) return statements;
    MILL_ASSIGN(ast::Statement statement, ParseStatement());
    statements.push_back(std::move(statement));
  }
}

Result<ast::ExprPtr> Parser::ParseWholeExpression() {
  MILL_ASSIGN(ast::ExprPtr expr, ParseExpression());
  if (Peek().kind != TokenKind::kEnd) return Expected("the end of the expression");
  return expr;
}

Result<ast::Statement> Parser::ParseStatement() {
  const size_t first = position_;
  height_ = 0;
  ast::Statement statement;
  statement.place = Peek().place;
  MILL_RETURN(ParseStatementBody(statement));
  if (!AtStatementEnd()) return Expected("';' or the end of the statement");
  statement.text = Slice(first, position_);
  return statement;
}

Status Parser::ParseStatementBody(ast::Statement& statement) {
  if (AtQuery() || At("(")) return Store(ParseQuery(), statement);
  if (At("INSERT")) return Store(ParseInsert(), statement);
  if (At("CREATE")) return ParseCreate(statement);
  if (At("DROP")) return Store(ParseDrop(), statement);
  if (At("SHOW")) return Store(ParseShow(), statement);
  if (AtAny({"DESCRIBE", "DESC"})) return Store(ParseDescribe(), statement);
  if (At("SET")) return Store(ParseSet(), statement);
  if (At("RESET")) return Store(ParseReset(), statement);
  if (At("EXECUTE")) return ParseExecute(statement);
  if (At("BEGIN")) return ParseBegin(statement);
  if (At("EXPLAIN")) return Store(ParseExplain(), statement);
  if (At("HELP")) return Store(ParseHelp(), statement);
  if (At("CALL")) return Store(ParseCallStatement(), statement);
  return Expected(kStatementWords);
}

Status Parser::ParseCreate(ast::Statement& statement) {
  Take();
  const bool temporary = Accept("TEMPORARY");
  if (Accept("TABLE")) return Store(ParseCreateTable(temporary), statement);
  if (Accept("VIEW")) return Store(ParseCreateView(temporary), statement);
  return Expected("TABLE or VIEW after CREATE");
}

Result<ast::Drop> Parser::ParseDrop() {
  Take();
  Accept("TEMPORARY");
  ast::Drop drop;
  if (Accept("VIEW")) {
    drop.what = ast::Drop::What::kView;
  } else if (!Accept("TABLE")) {
    return Expected("TABLE or VIEW after DROP");
  }
  drop.if_exists = AcceptAll({"IF", "EXISTS"});
  MILL_ASSIGN(drop.name, ExpectTableName("the name of what to drop"));
  return drop;
}

Result<ast::Show> Parser::ParseShow() {
  Take();
  using What = ast::Show::What;
  if (Accept("TABLES")) return ast::Show{What::kTables, ""};
  if (Accept("VIEWS")) return ast::Show{What::kViews, ""};
  if (Accept("FUNCTIONS") || AcceptAll({"USER", "FUNCTIONS"})) {
    return ast::Show{What::kFunctions, ""};
  }
  if (!Accept("CREATE")) {
    return Expected("TABLES, VIEWS, FUNCTIONS, CREATE TABLE or CREATE VIEW after SHOW");
  }
  ast::Show show{What::kCreateTable, ""};
  if (Accept("VIEW")) {
    show.what = What::kCreateView;
  } else {
    MILL_RETURN(Expect("TABLE", "or VIEW after SHOW CREATE"));
  }
  MILL_ASSIGN(show.name, ExpectTableName("a table name"));
  return show;
}

Result<ast::Describe> Parser::ParseDescribe() {
  Take();
  if (At("EXTENDED") && Peek(1).IsName()) Take();
  Accept("TABLE");
  ast::Describe describe;
  MILL_ASSIGN(describe.name, ExpectTableName("the name of a table or view"));
  return describe;
}

// The script's text up to `stop`, a symbol, or the statement's end: an unquoted key or value.
std::string Parser::TakeRawUntil(std::string_view stop) {
  const size_t first = position_;
  while (!AtStatementEnd() && !At(stop)) Take();
  return Trimmed(Slice(first, position_));
}

// SET 'key' = 'value', SET key = value, or SET alone, which lists.
Result<ast::SetOption> Parser::ParseSet() {
  Take();
  ast::SetOption set;
  if (AtStatementEnd()) return set;
  if (Peek().kind == TokenKind::kString) {
    set.key = Take().text;
  } else {
    set.key = TakeRawUntil("=");
  }
  if (set.key.empty()) return Expected("an option's name after SET");
  MILL_RETURN(Expect("=", "after the option's name"));
  if (Peek().kind == TokenKind::kString) {
    set.value = Take().text;
  } else {
    set.value = TakeRawUntil(";");
  }
  if (set.value->empty() && position_ > 0 && tokens_[position_ - 1].Is("=")) {
    return Expected("the option's value after '='");
  }
  return set;
}

Result<ast::SetOption> Parser::ParseReset() {
  Take();
  ast::SetOption set;
  set.reset = true;
  if (Peek().kind == TokenKind::kString) {
    set.key = Take().text;
  } else {
    set.key = TakeRawUntil(";");
  }
  return set;
}

// INSERT {INTO | OVERWRITE} t [PARTITION (k = v)] [(columns)] query
Result<ast::Insert> Parser::ParseInsert() {
  Take();
  ast::Insert insert;
  insert.overwrite = Accept("OVERWRITE");
  if (!insert.overwrite && !Accept("INTO")) return Expected("INTO or OVERWRITE after INSERT");
  MILL_ASSIGN(insert.table, ExpectTableName("the table to insert into"));
  if (At("/*+")) MILL_RETURN(ParseHints(insert.hints));
  if (Accept("PARTITION")) MILL_RETURN(ParsePartition(insert));
  if (At("(") && !AtQuery(1) && !At("(", 1)) {
    MILL_ASSIGN(insert.columns, ParseNameList("target column"));
  }
  if (!AtQuery() && !At("(")) return Expected("SELECT or VALUES in INSERT");
  MILL_ASSIGN(insert.query, ParseQuery());
  return insert;
}

Status Parser::ParsePartition(ast::Insert& insert) {
  MILL_RETURN(Expect("(", "after PARTITION"));
  do {
    const Place place = Peek().place;
    MILL_ASSIGN(std::string name, ExpectName("a partition column"));
    MILL_RETURN(Expect("=", "after the partition column"));
    MILL_ASSIGN(ast::ExprPtr value, ParseExpression());
    if (!insert.partition.emplace(name, std::move(value)).second) {
      return ErrorAt(place, fmt::format("partition column '{}' is given twice", Shown(name)));
    }
  } while (Accept(","));
  return Expect(")", "after the partition");
}

// The inserts of a statement set; takes END.
Result<std::vector<ast::Insert>> Parser::ParseInsertsUntilEnd() {
  std::vector<ast::Insert> inserts;
  while (true) {
    while (Accept(";")) {
    }
    if (Accept("END")) break;
    if (!At("INSERT")) return Expected("INSERT or END in the statement set");
    MILL_ASSIGN(ast::Insert insert, ParseInsert());
    inserts.push_back(std::move(insert));
    if (!AtAny({";", "END"})) return Expected("';' or END in the statement set");
  }
  return inserts;
}

// EXECUTE STATEMENT SET BEGIN ... END, or EXECUTE before a single INSERT or query.
Status Parser::ParseExecute(ast::Statement& statement) {
  Take();
  if (At("INSERT")) return Store(ParseInsert(), statement);
  if (AtQuery()) return Store(ParseQuery(), statement);
  MILL_RETURN(ExpectAll({"STATEMENT", "SET", "BEGIN"}, "in EXECUTE STATEMENT SET BEGIN"));
  MILL_ASSIGN(std::vector<ast::Insert> inserts, ParseInsertsUntilEnd());
  statement.body = ast::StatementSet{std::move(inserts)};
  return Status::OK();
}

// BEGIN STATEMENT SET; ... END
Status Parser::ParseBegin(ast::Statement& statement) {
  Take();
  MILL_RETURN(ExpectAll({"STATEMENT", "SET", ";"}, "in BEGIN STATEMENT SET;"));
  MILL_ASSIGN(std::vector<ast::Insert> inserts, ParseInsertsUntilEnd());
  statement.body = ast::StatementSet{std::move(inserts)};
  return Status::OK();
}

Result<ast::Explain> Parser::ParseExplain() {
  Take();
  AcceptAll({"PLAN", "FOR"});
  while (AtAny({"ESTIMATED_COST", "CHANGELOG_MODE", "JSON_EXECUTION_PLAN", "PLAN_ADVICE"})) {
    Take();
    if (!Accept(",")) break;
  }
  ast::Explain explain;
  if (At("INSERT")) {
    MILL_ASSIGN(ast::Insert insert, ParseInsert());
    explain.inserts.push_back(std::move(insert));
  } else if (AcceptAll({"STATEMENT", "SET"})) {
    MILL_RETURN(Expect("BEGIN", "after EXPLAIN STATEMENT SET"));
    MILL_ASSIGN(explain.inserts, ParseInsertsUntilEnd());
  } else if (AtQuery() || At("(")) {
    MILL_ASSIGN(explain.query, ParseQuery());
  } else {
    return Expected("a query, INSERT or STATEMENT SET after EXPLAIN");
  }
  return explain;
}

// HELP 'name', HELP name or HELP alone; the name may be any words, as in HELP CREATE TABLE.
Result<ast::Help> Parser::ParseHelp() {
  Take();
  if (Peek().kind == TokenKind::kString) return ast::Help{Take().text};
  return ast::Help{TakeRawUntil(";")};
}

}  // namespace millrace
