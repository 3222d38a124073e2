#include "sql/parser.h"

#include <charconv>
#include <set>

#include "base/nearest.h"
#include "sql/lexer.h"
#include "sql/parser_internal.h"

namespace millrace {
namespace {

using ast::Place;

constexpr size_t kMaxShownText = 40;

const std::set<std::string_view>& ReservedWords() {
  static const std::set<std::string_view> words = {
      "ALL",    "AND",  "AS",    "BETWEEN", "BY",    "CASE",   "CREATE",    "CROSS",   "DISTINCT",
      "DROP",   "ELSE", "END",   "EXCEPT",  "FALSE", "FETCH",  "FOR",       "FROM",    "FULL",
      "GROUP",  "HAVING", "IN",  "INNER",   "INSERT", "INTERSECT", "INTO",  "IS",      "JOIN",
      "LATERAL", "LEFT", "LIKE", "LIMIT",   "NATURAL", "NOT",  "NULL",      "ON",      "OR",
      "ORDER",  "RIGHT", "SELECT", "TABLE", "THEN",  "TRUE",   "UNION",     "UNNEST",  "USING",
      "VALUES", "WHEN", "WHERE", "WITH"};
  return words;
}

// The keywords a misspelled word is compared with, the commonest first.
const std::vector<std::string>& SpellableKeywords() {
  static const std::vector<std::string> keywords = {
      "SELECT",   "FROM",      "WHERE",     "GROUP",     "ORDER",       "HAVING",    "LIMIT",
      "INSERT",   "INTO",      "VALUES",    "CREATE",    "TABLE",       "VIEW",      "TEMPORARY",
      "WITH",     "JOIN",      "LEFT",      "RIGHT",     "FULL",        "INNER",     "CROSS",
      "OUTER",    "UNION",     "INTERSECT", "EXCEPT",    "DISTINCT",    "BETWEEN",   "INTERVAL",
      "WATERMARK", "PRIMARY",  "ENFORCED",  "METADATA",  "VIRTUAL",     "COMMENT",   "PARTITIONED",
      "PARTITION", "OVER",     "LATERAL",   "UNNEST",    "DESCRIPTOR",  "SYSTEM_TIME", "EXPLAIN",
      "DESCRIBE", "EXECUTE",   "STATEMENT", "BEGIN",     "OVERWRITE",   "OFFSET",    "FETCH",
      "ROLLUP",   "GROUPING",  "CUBE",      "DROP",      "SHOW",        "RESET",     "HELP",
      "EXISTS",   "CASE",      "WHEN",      "THEN",      "ELSE",        "LIKE",      "NULL",
      "SECOND",   "MINUTE",    "HOUR",      "MONTH",     "YEAR",        "CONSTRAINT", "TIMESTAMP",
      "USING",    "FILTER",    "WITHIN",    "INCLUDING", "EXCLUDING",   "OVERWRITING", "PRECEDING",
      "UNBOUNDED", "FOLLOWING"};
  return keywords;
}

const std::vector<std::string>& TypeNames() {
  static const std::vector<std::string> names = {
      "BOOLEAN", "TINYINT", "SMALLINT",  "INT",   "INTEGER",       "BIGINT",   "FLOAT", "DOUBLE",
      "DECIMAL", "NUMERIC", "CHAR",      "VARCHAR", "STRING",      "BINARY",   "VARBINARY",
      "BYTES",   "DATE",    "TIME",      "TIMESTAMP", "TIMESTAMP_LTZ", "INTERVAL", "ARRAY", "MAP",
      "ROW"};
  return names;
}

bool IsKnownWord(const std::string& key) {
  if (IsReserved(key)) return true;
  const auto& keywords = SpellableKeywords();
  return std::find(keywords.begin(), keywords.end(), key) != keywords.end();
}

// The keyword that `token` seems to misspell, "" if none.
std::string Misspelled(const Token& token) {
  if (token.kind != TokenKind::kWord || IsKnownWord(token.key)) return "";
  const auto& types = TypeNames();
  if (std::find(types.begin(), types.end(), token.key) != types.end()) return "";
  return NearestName(token.text, SpellableKeywords());
}

// Cuts long text and writes bytes that would garble a terminal as \xNN.
std::string Shown(std::string_view text) {
  std::string shown;
  for (char c : text.substr(0, kMaxShownText)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F) {
      shown += fmt::format("\\x{:02x}", byte);
    } else {
      shown += c;
    }
  }
  if (text.size() > kMaxShownText) {
    while (!shown.empty() && (static_cast<unsigned char>(shown.back()) & 0x80) != 0) {
      shown.pop_back();  // the cut may have split a character
    }
    shown += "...";
  }
  return shown;
}

std::string Trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return "";
  return std::string(text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1));
}

}  // namespace

bool IsReserved(std::string_view key) { return ReservedWords().contains(key); }

// ---- cursor ----

const Token& Parser::Peek(size_t ahead) const {
  return tokens_[std::min(position_ + ahead, tokens_.size() - 1)];
}

const Token& Parser::Take() {
  const Token& token = Peek();
  if (position_ + 1 < tokens_.size()) ++position_;
  return token;
}

bool Parser::AtAll(std::initializer_list<std::string_view> keys) const {
  size_t ahead = 0;
  for (std::string_view key : keys) {
    if (!At(key, ahead++)) return false;
  }
  return true;
}

bool Parser::AtAny(std::initializer_list<std::string_view> keys, size_t ahead) const {
  return std::any_of(keys.begin(), keys.end(),
                     [&](std::string_view key) { return At(key, ahead); });
}

bool Parser::AtStatementEnd() const { return At(";") || Peek().kind == TokenKind::kEnd; }

bool Parser::AtQuery(size_t ahead) const { return AtAny({"SELECT", "WITH", "VALUES"}, ahead); }

bool Parser::Accept(std::string_view key) {
  if (!At(key)) return false;
  Take();
  return true;
}

bool Parser::AcceptAll(std::initializer_list<std::string_view> keys) {
  if (!AtAll(keys)) return false;
  for (size_t i = 0; i < keys.size(); ++i) Take();
  return true;
}

Status Parser::Expect(std::string_view key, std::string_view context) {
  if (Accept(key)) return Status::OK();
  const bool is_word = key[0] >= 'A' && key[0] <= 'Z';
  const std::string what = is_word ? std::string(key) : fmt::format("'{}'", key);
  return Expected(context.empty() ? what : fmt::format("{} {}", what, context));
}

Status Parser::ExpectAll(std::initializer_list<std::string_view> keys, std::string_view context) {
  for (std::string_view key : keys) MILL_RETURN(Expect(key, context));
  return Status::OK();
}

Result<std::string> Parser::ExpectString(std::string_view what) {
  if (Peek().kind == TokenKind::kString) return Take().text;
  return Expected(what);
}

bool Parser::IsUsableName(const Token& token) const {
  if (token.kind == TokenKind::kQuotedName) return !token.text.empty();
  return token.kind == TokenKind::kWord && !IsReserved(token.key);
}

Result<std::string> Parser::ExpectName(std::string_view what) {
  if (IsUsableName(Peek())) return Take().text;
  if (Peek().kind != TokenKind::kWord) return Expected(what);
  return ExpectedWithHint(
      what, fmt::format("{} is a reserved word; as a name it is written `{}`", Peek().key,
                        Peek().text));
}

Result<std::string> Parser::ExpectAnyWord(std::string_view what) {
  if (Peek().IsName()) return Take().text;
  return Expected(what);
}

Result<Parser::Names> Parser::ExpectPath(std::string_view what) {
  MILL_ASSIGN(std::string first, ExpectName(what));
  Names path = {std::move(first)};
  while (Accept(".")) {
    MILL_ASSIGN(std::string next, ExpectAnyWord("a name after '.'"));
    path.push_back(std::move(next));
  }
  return path;
}

Result<std::string> Parser::ExpectTableName(std::string_view what) {
  MILL_ASSIGN(Names path, ExpectPath(what));
  return std::move(path.back());
}

Result<Parser::Names> Parser::ParseNameList(std::string_view what) {
  MILL_RETURN(Expect("(", fmt::format("before the list of {}s", what)));
  Names names;
  do {
    MILL_ASSIGN(std::string name, ExpectName(fmt::format("a {}", what)));
    names.push_back(std::move(name));
  } while (Accept(","));
  MILL_RETURN(Expect(")", fmt::format("after the list of {}s", what)));
  return names;
}

Result<int64_t> Parser::ExpectInteger(std::string_view what) {
  if (Peek().kind != TokenKind::kInteger) return Expected(what);
  const std::string& text = Peek().text;
  int64_t value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (read.ec != std::errc()) {
    return ErrorAt(Peek().place, fmt::format("the number {} is too large", Shown(text)));
  }
  Take();
  return value;
}

std::string_view Parser::Slice(size_t first, size_t past) const {
  if (first >= past) return "";
  return script_.substr(tokens_[first].begin, tokens_[past - 1].end - tokens_[first].begin);
}

// ---- errors ----

Status Parser::ErrorAt(const Place& place, std::string_view message, std::string_view hint) const {
  return UserError("line {}, column {}: {}{}{}", place.line, place.column, message,
                   hint.empty() ? "" : ". hint: ", hint);
}

std::string Parser::Found(const Token& token) const {
  if (token.kind == TokenKind::kEnd) return "the end of the script";
  const std::string shown = Shown(script_.substr(token.begin, token.end - token.begin));
  return token.kind == TokenKind::kString ? shown : fmt::format("'{}'", shown);
}

// The culprit is the word we stopped at, or the one before it, which we took for a name.
std::string Parser::SpellingHint() const {
  std::string word = Misspelled(Peek());
  if (!word.empty()) return fmt::format("did you mean '{}'?", word);
  if (position_ == 0) return "";
  const Token& previous = tokens_[position_ - 1];
  word = Misspelled(previous);
  if (word.empty()) return "";
  return fmt::format("did you mean '{}' instead of '{}'?", word, Shown(previous.text));
}

Status Parser::Expected(std::string_view what) const {
  std::string hint = SpellingHint();
  if (At("==")) hint = "equality is written '='";
  if (At(")") && position_ > 0 && tokens_[position_ - 1].Is(",")) {
    hint = "there is a comma too many before it";
  }
  if (Peek().text == "\"" && Peek().kind == TokenKind::kUnknown) {
    hint = "strings stand in 'single quotes', names in `backquotes`";
  }
  return ExpectedWithHint(what, hint);
}

Status Parser::ExpectedWithHint(std::string_view what, std::string_view hint) const {
  return ErrorAt(Peek().place, fmt::format("expected {}, found {}", what, Found(Peek())), hint);
}

Status Parser::UnknownType(const Token& name) const {
  if (AtAny({"MULTISET", "RAW", "VARIANT"})) {
    return ErrorAt(name.place, fmt::format("the type {} is not supported", name.key));
  }
  const std::string near = NearestName(name.text, TypeNames());
  return ExpectedWithHint("a type", near.empty() ? SpellingHint()
                                                : fmt::format("did you mean '{}'?", near));
}

Status Parser::CheckNesting() const {
  if (depth_ <= kMaxDepth) return Status::OK();
  return ErrorAt(Peek().place, fmt::format("more than {} levels of nesting", kMaxDepth));
}

Status Parser::Grow() {
  if (++height_ <= kMaxHeight) return Status::OK();
  return ErrorAt(Peek().place,
                 fmt::format("the expression or query is too deep (more than {} levels)",
                             kMaxHeight),
                 "split it with a view or a subquery");
}

// ---- statements ----

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

namespace {

constexpr std::string_view kStatementWords =
    "a statement (SELECT, INSERT, CREATE, DROP, SHOW, DESCRIBE, SET, RESET, EXECUTE, BEGIN, "
    "EXPLAIN or HELP)";

// Assigns a parsed statement body, or passes its error on.
template <typename Body>
Status Store(Result<Body> parsed, ast::Statement& statement) {
  MILL_ASSIGN(Body body, std::move(parsed));
  statement.body = std::move(body);
  return Status::OK();
}

}  // namespace

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
  return Expected(kStatementWords);
}

Status Parser::ParseCreate(ast::Statement& statement) {
  Take();
  const bool temporary = Accept("TEMPORARY");
  if (Accept("TABLE")) return Store(ParseCreateTable(temporary), statement);
  if (Accept("VIEW")) return Store(ParseCreateView(temporary), statement);
  return Expected("TABLE or VIEW after CREATE");
}

Result<ast::CreateTable> Parser::ParseCreateTable(bool temporary) {
  ast::CreateTable table;
  table.temporary = temporary;
  table.if_not_exists = AcceptAll({"IF", "NOT", "EXISTS"});
  MILL_ASSIGN(table.name, ExpectTableName("a table name"));
  if (Accept("(")) MILL_RETURN(ParseTableElements(table));
  MILL_RETURN(ParseTableClauses(table));
  MILL_RETURN(CheckTyped(table));
  return table;
}

Status Parser::ParseTableElements(ast::CreateTable& table) {
  if (Accept(")")) return Status::OK();  // with LIKE, nothing need be added
  do {
    MILL_RETURN(ParseTableElement(table));
  } while (Accept(","));
  if (IsUsableName(Peek()) && SpellingHint().empty()) {
    return ExpectedWithHint("')' after the column list", "columns are separated by commas");
  }
  return Expect(")", "after the column list");
}

Status Parser::ParseTableElement(ast::CreateTable& table) {
  if (At("CONSTRAINT") && AtAny({"PRIMARY", "UNIQUE"}, 2)) {
    Take();
    MILL_RETURN(ExpectName("a constraint name").status());
  }
  if (At("UNIQUE")) return ErrorAt(Peek().place, "UNIQUE constraints are not supported");
  if (AtAll({"PRIMARY", "KEY"})) return ParsePrimaryKey(table);
  if (AtAll({"WATERMARK", "FOR"})) return ParseWatermark(table);
  return ParseColumn(table);
}

Status Parser::ParsePrimaryKey(ast::CreateTable& table) {
  const Place place = Peek().place;
  MILL_RETURN(ExpectAll({"PRIMARY", "KEY"}, ""));
  if (!table.primary_key.empty()) return ErrorAt(place, "the table has two primary keys");
  MILL_ASSIGN(table.primary_key, ParseNameList("key column"));
  return ParseNotEnforced();
}

Status Parser::ParseNotEnforced() {
  if (AcceptAll({"NOT", "ENFORCED"})) return Status::OK();
  return ExpectedWithHint("NOT ENFORCED after the primary key",
                          "keys are trusted, not checked, and must be declared so");
}

Status Parser::ParseWatermark(ast::CreateTable& table) {
  ast::WatermarkDef watermark;
  watermark.place = Peek().place;
  MILL_RETURN(ExpectAll({"WATERMARK", "FOR"}, ""));
  MILL_ASSIGN(Names path, ExpectPath("the column of the watermark"));
  for (const std::string& part : path) {
    watermark.column += watermark.column.empty() ? part : "." + part;
  }
  MILL_RETURN(Expect("AS", "and the watermark's expression"));
  MILL_ASSIGN(watermark.expr, ParseExpression());
  if (table.watermark) return ErrorAt(watermark.place, "the table has two watermarks");
  table.watermark = std::move(watermark);
  return Status::OK();
}

Status Parser::ParseColumn(ast::CreateTable& table) {
  ast::ColumnDef column;
  column.place = Peek().place;
  MILL_ASSIGN(column.name, ExpectName("a column name"));
  if (Accept("AS")) {
    MILL_ASSIGN(column.computed, ParseExpression());
  } else if (!AtAny({",", ")"})) {
    MILL_ASSIGN(column.type, ParseType());
    column.has_type = true;
  }
  MILL_RETURN(ParseColumnClauses(table, column));
  table.columns.push_back(std::move(column));
  return Status::OK();
}

Status Parser::ParseColumnClauses(ast::CreateTable& table, ast::ColumnDef& column) {
  while (true) {
    if (Accept("COMMENT")) {
      MILL_ASSIGN(column.comment, ExpectString("the comment as a string"));
    } else if (column.has_type && At("METADATA")) {
      MILL_RETURN(ParseMetadata(column));
    } else if (column.has_type && AtAny({"PRIMARY", "CONSTRAINT"})) {
      MILL_RETURN(ParseColumnKey(table, column));
    } else if (column.has_type && AtAny({"NOT", "NULL"})) {
      MILL_RETURN(ParseNullability(column.type));
    } else {
      return Status::OK();
    }
  }
}

// name type [CONSTRAINT n] PRIMARY KEY NOT ENFORCED
Status Parser::ParseColumnKey(ast::CreateTable& table, const ast::ColumnDef& column) {
  if (Accept("CONSTRAINT")) MILL_RETURN(ExpectName("a constraint name").status());
  if (!table.primary_key.empty()) return ErrorAt(Peek().place, "the table has two primary keys");
  MILL_RETURN(ExpectAll({"PRIMARY", "KEY"}, "in the column's constraint"));
  table.primary_key = {column.name};
  return ParseNotEnforced();
}

// METADATA [FROM 'key'] [VIRTUAL]
Status Parser::ParseMetadata(ast::ColumnDef& column) {
  MILL_RETURN(Expect("METADATA", ""));
  column.metadata = true;
  if (Accept("FROM")) {
    MILL_ASSIGN(column.metadata_key, ExpectString("the metadata key as a string"));
  }
  column.metadata_virtual = Accept("VIRTUAL");
  return Status::OK();
}

Status Parser::ParseTableClauses(ast::CreateTable& table) {
  while (!AtStatementEnd()) {
    if (Accept("COMMENT")) {
      MILL_ASSIGN(table.comment, ExpectString("the comment as a string"));
    } else if (AcceptAll({"PARTITIONED", "BY"})) {
      MILL_ASSIGN(table.partitioned_by, ParseNameList("partition column"));
    } else if (Accept("WITH")) {
      MILL_RETURN(ParseOptions(table.options, &table.option_places));
    } else if (Accept("LIKE")) {
      MILL_ASSIGN(table.like, ParseLike());
    } else if (Accept("AS")) {
      MILL_ASSIGN(table.as_query, ParseQuery());
    } else {
      return Expected("COMMENT, PARTITIONED BY, WITH, LIKE, AS or the end of CREATE TABLE");
    }
  }
  return Status::OK();
}

// Reads ('key' = 'value', ...).
Status Parser::ParseOptions(Options& options, std::map<std::string, Place>* places) {
  MILL_RETURN(Expect("(", "before the options"));
  if (Accept(")")) return Status::OK();
  do {
    const Place place = Peek().place;
    if (Peek().kind == TokenKind::kWord) {
      return ExpectedWithHint("an option's name as a string",
                              "names and values of options are quoted: 'connector' = 'kafka'");
    }
    MILL_ASSIGN(std::string key, ExpectString("an option's name as a string"));
    MILL_RETURN(Expect("=", "after the option's name"));
    MILL_ASSIGN(std::string value, ExpectString("the option's value as a string"));
    if (!options.emplace(key, std::move(value)).second) {
      return ErrorAt(place, fmt::format("option '{}' is given twice", Shown(key)));
    }
    if (places != nullptr) places->emplace(std::move(key), place);
  } while (Accept(","));
  return Expect(")", "after the options");
}

Result<ast::LikeClause> Parser::ParseLike() {
  ast::LikeClause like;
  MILL_ASSIGN(like.table, ExpectTableName("the table to be like"));
  if (!Accept("(")) return like;
  while (!Accept(")")) {
    if (!AtAny({"INCLUDING", "EXCLUDING", "OVERWRITING"})) {
      return Expected("INCLUDING, EXCLUDING, OVERWRITING or ')'");
    }
    std::string option = Take().key;
    if (!AtAny({"ALL", "CONSTRAINTS", "DISTRIBUTION", "PARTITIONS", "OPTIONS", "METADATA",
                "GENERATED", "WATERMARKS"})) {
      return Expected(
          "ALL, CONSTRAINTS, PARTITIONS, OPTIONS, METADATA, GENERATED or WATERMARKS");
    }
    like.options.push_back(option + " " + Take().key);
  }
  return like;
}

// Only CREATE TABLE ... AS may name columns without types; it takes them from the query.
Status Parser::CheckTyped(const ast::CreateTable& table) const {
  if (table.as_query != nullptr) return Status::OK();
  for (const ast::ColumnDef& column : table.columns) {
    if (column.has_type || column.computed != nullptr) continue;
    return ErrorAt(column.place, fmt::format("column '{}' has no type", Shown(column.name)));
  }
  return Status::OK();
}

Result<ast::CreateView> Parser::ParseCreateView(bool temporary) {
  ast::CreateView view;
  view.temporary = temporary;
  view.if_not_exists = AcceptAll({"IF", "NOT", "EXISTS"});
  MILL_ASSIGN(view.name, ExpectTableName("a view name"));
  if (At("(")) {
    MILL_ASSIGN(view.columns, ParseNameList("view column"));
  }
  if (Accept("COMMENT")) MILL_RETURN(ExpectString("the comment as a string").status());
  MILL_RETURN(Expect("AS", "before the view's query"));
  const size_t first = position_;
  MILL_ASSIGN(view.query, ParseQuery());
  view.text = Slice(first, position_);
  return view;
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

// ---- entry points ----

Result<std::vector<ast::Statement>> ParseScript(std::string_view script) {
  MILL_ASSIGN(std::vector<Token> tokens, Tokenize(script));
  return Parser(script, std::move(tokens)).ParseScript();
}

Result<ast::ExprPtr> ParseExpression(std::string_view text) {
  MILL_ASSIGN(std::vector<Token> tokens, Tokenize(text));
  return Parser(text, std::move(tokens)).ParseWholeExpression();
}

}  // namespace millrace
