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
      "UNBOUNDED", "FOLLOWING", "CALL"};
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

}  // namespace

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
