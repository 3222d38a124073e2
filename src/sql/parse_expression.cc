// Expressions and types. Operators are read by precedence climbing, with Calcite's precedences.
#include <array>
#include <charconv>
#include <set>
#include <unordered_map>

#include "sql/lexer.h"
#include "sql/parser_internal.h"

namespace millrace {
namespace {

using ast::Expr;
using ast::ExprKind;
using ast::ExprPtr;
using ast::Place;

// Precedences; a higher one binds more tightly.
constexpr int kOr = 1;
constexpr int kAnd = 2;
constexpr int kNot = 3;
constexpr int kIs = 4;
constexpr int kComparison = 5;
constexpr int kRange = 6;  // BETWEEN, IN, LIKE
constexpr int kSum = 7;
constexpr int kProduct = 8;
constexpr int kSign = 9;

constexpr int kMaxDecimalPrecision = 38;
constexpr int kMaxFractionDigits = 9;
// AND and OR chains up to this length are left-deep, as written; longer ones are balanced.
constexpr size_t kMaxLeftDeepChain = 32;
// A simple CASE repeats its operand in each comparison, so deep nesting there would explode.
constexpr int kMaxCaseOperands = 4;

ExprPtr NewExpr(ExprKind kind, const Place& place) {
  auto expr = std::make_shared<Expr>();
  expr->kind = kind;
  expr->place = place;
  return expr;
}

ExprPtr NewCall(std::string name, const Place& place, std::vector<ExprPtr> args) {
  ExprPtr call = NewExpr(ExprKind::kCall, place);
  call->name = std::move(name);
  call->args = std::move(args);
  return call;
}

ExprPtr NewLiteral(const SqlType& type, std::string text, const Place& place) {
  ExprPtr literal = NewExpr(ExprKind::kLiteral, place);
  literal->literal_type = type;
  literal->text = std::move(text);
  return literal;
}

// Strings are CHAR(n) NOT NULL, n counting characters, not bytes.
ExprPtr NewString(std::string text, const Place& place) {
  int characters = 0;
  for (char c : text) {
    if ((static_cast<unsigned char>(c) & 0xC0) != 0x80) ++characters;
  }
  return NewLiteral(SqlType::Of(TypeKind::kChar, characters).NotNull(), std::move(text), place);
}

// The precedence of the infix operator `key`, 0 if it is none.
int SymbolPrecedence(const std::string& key) {
  static const std::unordered_map<std::string_view, int> precedences = {
      {"OR", kOr},          {"AND", kAnd},        {"IS", kIs},          {"=", kComparison},
      {"<>", kComparison},  {"<", kComparison},   {"<=", kComparison},  {">", kComparison},
      {">=", kComparison},  {"OVERLAPS", kComparison}, {"BETWEEN", kRange}, {"IN", kRange},
      {"LIKE", kRange},     {"SIMILAR", kRange},  {"+", kSum},          {"-", kSum},
      {"||", kSum},         {"*", kProduct},      {"/", kProduct},      {"%", kProduct}};
  const auto found = precedences.find(key);
  return found == precedences.end() ? 0 : found->second;
}

// Functions written without parentheses.
bool IsBareFunction(const std::string& key) {
  static const std::set<std::string_view> names = {"CURRENT_DATE", "CURRENT_TIME",
                                                   "CURRENT_TIMESTAMP", "LOCALTIME",
                                                   "LOCALTIMESTAMP"};
  return names.contains(key);
}

// Reserved words that name functions when a parenthesis follows.
bool IsCallable(const Token& name) {
  return name.kind == TokenKind::kQuotedName || !IsReserved(name.key) ||
         name.key == "LEFT" || name.key == "RIGHT";
}

bool StartsClause(const Token& token) {
  static const std::set<std::string_view> words = {"FROM", "WHERE", "GROUP", "HAVING", "ORDER",
                                                   "UNION", "LIMIT"};
  return token.kind == TokenKind::kWord && words.contains(token.key);
}

// A chain of AND or OR as a balanced tree, so that thousands of terms stay shallow.
ExprPtr Balanced(const std::string& name, const std::vector<ExprPtr>& terms,
                 const std::vector<Place>& places, size_t first, size_t past) {
  if (past - first == 1) return terms[first];
  const size_t middle = first + (past - first) / 2;
  return NewCall(name, places[middle - 1],
                 {Balanced(name, terms, places, first, middle),
                  Balanced(name, terms, places, middle, past)});
}

// ---- literals ----

// Reads at least `least` and at most `most` digits.
bool ReadDigits(std::string_view text, size_t& position, size_t least, size_t most,
                int64_t& value) {
  const size_t start = position;
  value = 0;
  while (position < text.size() && position - start < most && text[position] >= '0' &&
         text[position] <= '9') {
    value = value * 10 + (text[position++] - '0');
  }
  return position - start >= least;
}

bool ReadChar(std::string_view text, size_t& position, char wanted) {
  if (position >= text.size() || text[position] != wanted) return false;
  ++position;
  return true;
}

int64_t DaysInMonth(int64_t year, int64_t month) {
  if (month == 2) return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 29 : 28;
  return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

// Reads 2024-01-31.
bool ReadDate(std::string_view text, size_t& position) {
  int64_t year = 0;
  int64_t month = 0;
  int64_t day = 0;
  return ReadDigits(text, position, 4, 4, year) && ReadChar(text, position, '-') &&
         ReadDigits(text, position, 1, 2, month) && ReadChar(text, position, '-') &&
         ReadDigits(text, position, 1, 2, day) && month >= 1 && month <= 12 && day >= 1 &&
         day <= DaysInMonth(year, month);
}

// Reads 23:59:59.123 and counts the fraction's digits.
bool ReadTime(std::string_view text, size_t& position, int& fraction_digits) {
  int64_t hour = 0;
  int64_t minute = 0;
  int64_t second = 0;
  int64_t fraction = 0;
  if (!ReadDigits(text, position, 1, 2, hour) || !ReadChar(text, position, ':') ||
      !ReadDigits(text, position, 2, 2, minute) || !ReadChar(text, position, ':') ||
      !ReadDigits(text, position, 2, 2, second) || hour > 23 || minute > 59 || second > 59) {
    return false;
  }
  if (!ReadChar(text, position, '.')) return true;
  const size_t start = position;
  if (!ReadDigits(text, position, 1, kMaxFractionDigits, fraction)) return false;
  fraction_digits = static_cast<int>(position - start);
  return true;
}

bool IsTimeLiteral(TypeKind kind, std::string_view text, int& fraction_digits) {
  size_t position = 0;
  if (kind != TypeKind::kTime && !ReadDate(text, position)) return false;
  if (kind == TypeKind::kTimestamp && !ReadChar(text, position, ' ')) return false;
  if (kind != TypeKind::kDate && !ReadTime(text, position, fraction_digits)) return false;
  return position == text.size();
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

void AppendUtf8(uint32_t code, std::string& text) {
  const auto byte = [&](uint32_t bits) { text += static_cast<char>(bits); };
  if (code < 0x80) {
    byte(code);
  } else if (code < 0x800) {
    byte(0xC0 | (code >> 6));
    byte(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    byte(0xE0 | (code >> 12));
    byte(0x80 | ((code >> 6) & 0x3F));
    byte(0x80 | (code & 0x3F));
  } else {
    byte(0xF0 | (code >> 18));
    byte(0x80 | ((code >> 12) & 0x3F));
    byte(0x80 | ((code >> 6) & 0x3F));
    byte(0x80 | (code & 0x3F));
  }
}

// Reads the four hex digits of an escape at `position`.
bool ReadCodeUnit(std::string_view text, size_t& position, uint32_t& unit) {
  if (position + 4 > text.size()) return false;
  unit = 0;
  for (int i = 0; i < 4; ++i) {
    const int digit = HexDigit(text[position++]);
    if (digit < 0) return false;
    unit = unit * 16 + static_cast<uint32_t>(digit);
  }
  return true;
}

// Decodes \XXXX escapes, UTF-16 surrogate pairs included; a doubled escape stands for itself.
bool DecodeUnicode(std::string_view text, char escape, std::string& decoded) {
  for (size_t i = 0; i < text.size();) {
    if (text[i] != escape) {
      decoded += text[i++];
      continue;
    }
    ++i;
    if (ReadChar(text, i, escape)) {
      decoded += escape;
      continue;
    }
    uint32_t code = 0;
    if (!ReadCodeUnit(text, i, code)) return false;
    if (code >= 0xDC00 && code <= 0xDFFF) return false;
    if (code >= 0xD800 && code <= 0xDBFF) {
      uint32_t low = 0;
      if (!ReadChar(text, i, escape) || !ReadCodeUnit(text, i, low)) return false;
      if (low < 0xDC00 || low > 0xDFFF) return false;
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    AppendUtf8(code, decoded);
  }
  return true;
}

// ---- intervals ----

struct IntervalUnit {
  std::string_view name;
  TypeKind kind;
  int64_t amount;  // in months or milliseconds
  int64_t limit;   // how many there may be when a greater unit stands before
};

constexpr std::array<IntervalUnit, 9> kIntervalUnits = {{
    {"YEAR", TypeKind::kIntervalMonth, 12, 0},
    {"QUARTER", TypeKind::kIntervalMonth, 3, 0},
    {"MONTH", TypeKind::kIntervalMonth, 1, 12},
    {"WEEK", TypeKind::kIntervalDay, 604800000, 0},
    {"DAY", TypeKind::kIntervalDay, 86400000, 0},
    {"HOUR", TypeKind::kIntervalDay, 3600000, 24},
    {"MINUTE", TypeKind::kIntervalDay, 60000, 60},
    {"SECOND", TypeKind::kIntervalDay, 1000, 60},
    {"MILLISECOND", TypeKind::kIntervalDay, 1, 0},
}};

const IntervalUnit* FindUnit(std::string_view name) {
  for (const IntervalUnit& unit : kIntervalUnits) {
    if (unit.name == name) return &unit;
  }
  return nullptr;
}

// "SECONDS" -> "SECOND"; a word that is no interval unit stays as it is.
std::string SingularUnit(const std::string& key) {
  if (key.size() < 2 || key.back() != 'S') return key;
  std::string singular = key.substr(0, key.size() - 1);
  return FindUnit(singular) == nullptr ? key : singular;
}

bool IsRangeOfUnits(std::string_view first, std::string_view last) {
  static const std::set<std::pair<std::string_view, std::string_view>> ranges = {
      {"YEAR", "MONTH"}, {"DAY", "HOUR"},    {"DAY", "MINUTE"},   {"DAY", "SECOND"},
      {"HOUR", "MINUTE"}, {"HOUR", "SECOND"}, {"MINUTE", "SECOND"}};
  return ranges.contains({first, last});
}

bool AddTimes(int64_t count, int64_t amount, int64_t& total) {
  int64_t product = 0;
  return !__builtin_mul_overflow(count, amount, &product) &&
         !__builtin_add_overflow(total, product, &total);
}

// ".5" of seconds, in milliseconds; digits beyond the third are dropped.
bool ReadFraction(std::string_view text, size_t& position, int64_t& total) {
  if (!ReadChar(text, position, '.')) return true;
  const size_t start = position;
  int64_t fraction = 0;
  if (!ReadDigits(text, position, 1, kMaxFractionDigits, fraction)) return false;
  for (size_t digits = position - start; digits > 3; --digits) fraction /= 10;
  for (size_t digits = position - start; digits < 3; ++digits) fraction *= 10;
  return AddTimes(fraction, 1, total);
}

// The character before `unit` in an interval of several units: '1-2', '10 12:30:59'.
char SeparatorBefore(std::string_view unit) {
  if (unit == "MONTH") return '-';
  return unit == "HOUR" ? ' ' : ':';
}

// The value of `text` in the units from `first` to `last`, in months or milliseconds.
bool ReadInterval(std::string_view text, const IntervalUnit* first, const IntervalUnit* last,
                  int64_t& total) {
  constexpr size_t kMaxDigits = 18;  // an int64_t surely holds them
  size_t position = 0;
  const bool negative = ReadChar(text, position, '-');
  if (!negative) ReadChar(text, position, '+');
  total = 0;
  for (const IntervalUnit* unit = first; unit <= last; ++unit) {
    if (unit != first && unit->limit == 0) continue;  // QUARTER and WEEK are in no range
    if (unit != first && !ReadChar(text, position, SeparatorBefore(unit->name))) return false;
    int64_t count = 0;
    if (!ReadDigits(text, position, 1, kMaxDigits, count)) return false;
    if (unit != first && count >= unit->limit) return false;
    if (!AddTimes(count, unit->amount, total)) return false;
  }
  if (last->name == "SECOND" && !ReadFraction(text, position, total)) return false;
  if (negative) total = -total;
  return position == text.size();
}

constexpr bool FitsMonths(int64_t value) { return value >= INT32_MIN && value <= INT32_MAX; }

}  // namespace

// ---- operators ----

Result<ExprPtr> Parser::ParseExpression() {
  Nesting nesting(this);
  MILL_RETURN(CheckNesting());
  MILL_ASSIGN(ExprPtr expr, ParseOperators(kOr));
  MILL_RETURN(Grow());
  return expr;
}

// An operand beside others: its height is measured on its own.
Result<ExprPtr> Parser::ParseOperand(int lowest_precedence) {
  HeightScope scope(this);
  return ParseOperators(lowest_precedence);
}

Result<ExprPtr> Parser::ParseOperators(int lowest_precedence) {
  MILL_ASSIGN(ExprPtr left, ParseUnary());
  while (true) {
    const int precedence = InfixPrecedence();
    if (precedence == 0 || precedence < lowest_precedence) return left;
    MILL_ASSIGN(left, ApplyInfix(std::move(left), precedence));
    MILL_RETURN(Grow());
  }
}

// The precedence of the infix operator we are at, 0 if at none.
int Parser::InfixPrecedence() const {
  if (At("NOT")) return AtAny({"BETWEEN", "IN", "LIKE", "SIMILAR"}, 1) ? kRange : 0;
  if (At("SIMILAR") && !At("TO", 1)) return 0;
  return Peek().key.empty() ? 0 : SymbolPrecedence(Peek().key);
}

Result<ExprPtr> Parser::ApplyInfix(ExprPtr left, int precedence) {
  if (precedence == kOr || precedence == kAnd) {
    return ParseLogicalChain(std::move(left), precedence);
  }
  if (precedence == kIs) return ParseIs(std::move(left));
  if (precedence != kRange) return ParseBinary(std::move(left), precedence);
  const size_t word = At("NOT") ? 1 : 0;
  if (At("BETWEEN", word)) return ParseRange(std::move(left));
  if (At("IN", word)) return ParseIn(std::move(left));
  return ParseLike(std::move(left));
}

Result<ExprPtr> Parser::ParseLogicalChain(ExprPtr left, int precedence) {
  const std::string name = Peek().key;
  std::vector<ExprPtr> terms = {std::move(left)};
  std::vector<Place> places;
  while (At(name)) {
    places.push_back(Take().place);
    MILL_ASSIGN(ExprPtr term, ParseOperand(precedence + 1));
    terms.push_back(std::move(term));
  }
  for (size_t size = 2; size < std::min(terms.size(), kMaxLeftDeepChain); ++size) {
    MILL_RETURN(Grow());
  }
  if (terms.size() > kMaxLeftDeepChain) return Balanced(name, terms, places, 0, terms.size());
  ExprPtr chain = terms[0];
  for (size_t i = 1; i < terms.size(); ++i) chain = NewCall(name, places[i - 1], {chain, terms[i]});
  return chain;
}

Result<ExprPtr> Parser::ParseBinary(ExprPtr left, int precedence) {
  const Token& op = Take();
  if (precedence == kComparison && AtAny({"ANY", "SOME", "ALL"}) && At("(", 1) && AtQuery(2)) {
    return ParseQuantified(std::move(left), op);
  }
  MILL_ASSIGN(ExprPtr right, ParseOperand(precedence + 1));
  return NewCall(op.key, op.place, {std::move(left), std::move(right)});
}

// = ANY (query) is IN, <> ALL (query) is NOT IN.
Result<ExprPtr> Parser::ParseQuantified(ExprPtr left, const Token& comparison) {
  const bool all = Take().key == "ALL";
  if (comparison.key == (all ? "<>" : "=")) {
    Take();
    return ParseInSubquery(std::move(left), comparison, all ? "NOT IN" : "IN");
  }
  return ErrorAt(comparison.place,
                 "of the quantified comparisons only = ANY and <> ALL are supported",
                 "compare with a scalar subquery over MIN or MAX");
}

// IS [NOT] NULL | TRUE | FALSE | UNKNOWN | DISTINCT FROM x | JSON [VALUE | OBJECT | ...]
Result<ExprPtr> Parser::ParseIs(ExprPtr left) {
  const Place place = Take().place;
  std::string name = Accept("NOT") ? "IS NOT " : "IS ";
  if (AcceptAll({"DISTINCT", "FROM"})) {
    MILL_ASSIGN(ExprPtr right, ParseOperand(kIs + 1));
    return NewCall(name + "DISTINCT FROM", place, {std::move(left), std::move(right)});
  }
  if (!AtAny({"NULL", "TRUE", "FALSE", "UNKNOWN", "JSON"})) {
    return Expected("NULL, TRUE, FALSE, UNKNOWN, DISTINCT FROM or JSON after IS");
  }
  name += Take().key;
  if (name.ends_with("JSON") && AtAny({"VALUE", "OBJECT", "ARRAY", "SCALAR"})) {
    name += " " + Take().key;
  }
  return NewCall(std::move(name), place, {std::move(left)});
}

// x [NOT] BETWEEN [SYMMETRIC] low AND high
Result<ExprPtr> Parser::ParseRange(ExprPtr left) {
  const Place place = Peek().place;
  std::string name = Accept("NOT") ? "NOT BETWEEN" : "BETWEEN";
  MILL_RETURN(Expect("BETWEEN", ""));
  if (Accept("SYMMETRIC")) {
    name += " SYMMETRIC";
  } else {
    Accept("ASYMMETRIC");
  }
  MILL_ASSIGN(ExprPtr low, ParseOperand(kRange + 1));
  MILL_RETURN(Expect("AND", "in BETWEEN"));
  MILL_ASSIGN(ExprPtr high, ParseOperand(kRange + 1));
  return NewCall(std::move(name), place, {std::move(left), std::move(low), std::move(high)});
}

// x [NOT] IN (query) or x [NOT] IN (a, b, ...)
Result<ExprPtr> Parser::ParseIn(ExprPtr left) {
  const Token& start = Peek();
  std::string name = Accept("NOT") ? "NOT IN" : "IN";
  MILL_RETURN(Expect("IN", ""));
  MILL_RETURN(Expect("(", "after IN"));
  if (AtQuery()) return ParseInSubquery(std::move(left), start, std::move(name));
  std::vector<ExprPtr> args = {std::move(left)};
  MILL_RETURN(ParseArgumentList(args, ")"));
  if (args.size() == 1) return Expected("an expression in the list of IN");
  MILL_RETURN(Expect(")", "after the list of IN"));
  return NewCall(std::move(name), start.place, std::move(args));
}

// The query and the closing parenthesis of x IN (query).
Result<ExprPtr> Parser::ParseInSubquery(ExprPtr left, const Token& place, std::string name) {
  ExprPtr in = NewExpr(ExprKind::kSubquery, place.place);
  in->name = std::move(name);
  in->args.push_back(std::move(left));
  MILL_ASSIGN(in->query, ParseQuery());
  MILL_RETURN(Expect(")", "after the subquery"));
  return in;
}

// x [NOT] LIKE pattern [ESCAPE c], x [NOT] SIMILAR TO pattern [ESCAPE c]
Result<ExprPtr> Parser::ParseLike(ExprPtr left) {
  const Place place = Peek().place;
  std::string name = Accept("NOT") ? "NOT " : "";
  if (AcceptAll({"SIMILAR", "TO"})) {
    name += "SIMILAR TO";
  } else {
    MILL_RETURN(Expect("LIKE", "or SIMILAR TO"));
    name += "LIKE";
  }
  MILL_ASSIGN(ExprPtr pattern, ParseOperand(kRange + 1));
  ExprPtr like = NewCall(std::move(name), place, {std::move(left), std::move(pattern)});
  if (Accept("ESCAPE")) {
    MILL_ASSIGN(ExprPtr escape, ParseOperand(kRange + 1));
    like->args.push_back(std::move(escape));
  }
  return like;
}

Result<ExprPtr> Parser::ParseUnary() {
  if (!AtAny({"NOT", "-", "+"})) return ParsePostfix();
  Nesting nesting(this);
  MILL_RETURN(CheckNesting());
  const Token& op = Take();
  MILL_ASSIGN(ExprPtr operand, ParseOperators(op.key == "NOT" ? kNot : kSign));
  MILL_RETURN(Grow());
  if (op.key == "+") return operand;
  return NewCall(op.key == "-" ? "NEG" : "NOT", op.place, {std::move(operand)});
}

// x[i] and x.field
Result<ExprPtr> Parser::ParsePostfix() {
  MILL_ASSIGN(ExprPtr expr, ParsePrimary());
  while (AtAny({"[", "."}) && expr->kind != ExprKind::kStar) {
    const Place place = Peek().place;
    ExprPtr inner = std::move(expr);
    if (Accept("[")) {
      MILL_ASSIGN(ExprPtr index, ParseExpression());
      MILL_RETURN(Expect("]", "after the index"));
      expr = NewExpr(ExprKind::kIndex, place);
      expr->args = {std::move(inner), std::move(index)};
    } else {
      Take();
      MILL_ASSIGN(std::string field, ExpectAnyWord("a field name after '.'"));
      expr = NewExpr(ExprKind::kField, place);
      expr->args = {std::move(inner)};
      expr->path = {std::move(field)};
    }
    MILL_RETURN(Grow());
  }
  return expr;
}

// ---- primaries ----

Result<ExprPtr> Parser::ParsePrimary() {
  switch (Peek().kind) {
    case TokenKind::kString:
      return ParseStringLiteral();
    case TokenKind::kUnicodeString:
      return ParseUnicodeLiteral();
    case TokenKind::kBinary:
      return ParseBinaryLiteral();
    case TokenKind::kInteger:
    case TokenKind::kDecimal:
    case TokenKind::kApproximate:
      return ParseNumber();
    case TokenKind::kWord:
      return ParseWordPrimary();
    case TokenKind::kQuotedName:
      if (At("=>", 1)) return ParseNamedArgument();
      return At("(", 1) ? ParseCall() : ParseColumn();
    default:
      return At("(") ? ParseParenthesized() : Expected("an expression");
  }
}

Result<ExprPtr> Parser::ParseWordPrimary() {
  const Token& word = Peek();
  if (At("CASE")) return ParseCase();
  if (AtAny({"NULL", "TRUE", "FALSE"})) return ParseKeywordLiteral();
  if (At("TABLE")) return ParseTableArgument();
  if (AtTimeLiteral()) return ParseTimeLiteral();
  if (AtInterval()) return ParseInterval();
  if (AtAll({"ARRAY", "["})) return ParseBracketed(ExprKind::kArray);
  if (AtAll({"MAP", "["})) return ParseBracketed(ExprKind::kMap);
  if (At("=>", 1)) return ParseNamedArgument();
  if (At("(", 1)) {
    if (word.key == "EXISTS") return ParseExists();
    if (IsCallable(word)) return ParseCall();
  }
  if (IsBareFunction(word.key) && !At(".", 1)) {
    Take();
    return NewCall(word.key, word.place, {});
  }
  return ParseColumn();
}

// (expr), (a, b) or (query). A subquery may turn out to start a longer query: ((q) UNION (q)).
Result<ExprPtr> Parser::ParseParenthesized() {
  const Place place = Take().place;
  if (AtQuery()) {
    ExprPtr subquery = NewExpr(ExprKind::kSubquery, place);
    MILL_ASSIGN(subquery->query, ParseQuery());
    MILL_RETURN(Expect(")", "after the subquery"));
    return subquery;
  }
  MILL_ASSIGN(ExprPtr expr, ParseExpression());
  if (At(",")) {
    ExprPtr row = NewExpr(ExprKind::kRow, place);
    row->args.push_back(std::move(expr));
    Take();
    MILL_RETURN(ParseArgumentList(row->args, ")"));
    expr = std::move(row);
  } else if (expr->kind == ExprKind::kSubquery && expr->name.empty() && AtQueryContinuation()) {
    MILL_ASSIGN(expr->query, ContinueQuery(std::move(expr->query)));
  }
  MILL_RETURN(Expect(")", ""));
  return expr;
}

Result<ExprPtr> Parser::ParseKeywordLiteral() {
  const Token& word = Take();
  if (word.key == "NULL") return NewLiteral(SqlType::Null(), "NULL", word.place);
  return NewLiteral(SqlType::Boolean().NotNull(), word.key, word.place);
}

// Strings on successive lines are one string, as the standard has it.
Result<ExprPtr> Parser::ParseStringLiteral() {
  const Token* last = &Take();
  const Place place = last->place;
  std::string text = last->text;
  while (Peek().kind == TokenKind::kString && Peek().place.line > last->place.line) {
    last = &Take();
    text += last->text;
  }
  return NewString(std::move(text), place);
}

// U&'d\0061t' [UESCAPE '!']
Result<ExprPtr> Parser::ParseUnicodeLiteral() {
  const Token& token = Take();
  char escape = '\\';
  if (Accept("UESCAPE")) {
    if (Peek().kind != TokenKind::kString || Peek().text.size() != 1) {
      return Expected("a single character as the escape");
    }
    escape = Take().text[0];
  }
  std::string decoded;
  if (!DecodeUnicode(token.text, escape, decoded)) {
    return ErrorAt(token.place, fmt::format("the string {} has a bad Unicode escape", Found(token)),
                   fmt::format("write {}XXXX with four hex digits", escape));
  }
  return NewString(std::move(decoded), token.place);
}

Result<ExprPtr> Parser::ParseBinaryLiteral() {
  const Token& token = Take();
  const auto length = static_cast<int>(token.text.size());
  return NewLiteral(SqlType::Of(TypeKind::kBinary, length).NotNull(), token.text, token.place);
}

Result<ExprPtr> Parser::ParseNumber() {
  const Token& token = Take();
  if (token.kind == TokenKind::kApproximate) {
    return NewLiteral(SqlType::Double().NotNull(), token.text, token.place);
  }
  const size_t point = std::min(token.text.find('.'), token.text.size());
  const size_t scale = point == token.text.size() ? 0 : token.text.size() - point - 1;
  const size_t leading = std::min(token.text.find_first_not_of('0'), point);
  // As Calcite counts: a zero before the point is a digit of 0.5, but not of 007.
  const size_t whole = std::max(point - leading, size_t{point > 0 ? 1U : 0U});
  if (whole + scale > kMaxDecimalPrecision) {
    return ErrorAt(token.place, fmt::format("the number {} has more than {} digits", Found(token),
                                            kMaxDecimalPrecision));
  }
  int64_t value = 0;
  const char* begin = token.text.data();
  if (scale == 0 && std::from_chars(begin, begin + point, value).ec == std::errc()) {
    const SqlType type = value <= INT32_MAX ? SqlType::Int() : SqlType::BigInt();
    return NewLiteral(type.NotNull(), token.text.substr(0, point), token.place);
  }
  const SqlType type = SqlType::Of(TypeKind::kDecimal, static_cast<int>(whole + scale),
                                   static_cast<int>(scale));
  return NewLiteral(type.NotNull(), token.text, token.place);
}

bool Parser::AtTimeLiteral() const {
  return AtAny({"DATE", "TIME", "TIMESTAMP"}) && Peek(1).kind == TokenKind::kString;
}

Result<ExprPtr> Parser::ParseTimeLiteral() {
  const Token& word = Take();
  const Token& text = Take();
  const TypeKind kind = word.key == "DATE"   ? TypeKind::kDate
                        : word.key == "TIME" ? TypeKind::kTime
                                             : TypeKind::kTimestamp;
  int fraction_digits = 0;
  if (!IsTimeLiteral(kind, text.text, fraction_digits)) {
    return ErrorAt(text.place, fmt::format("{} is not a valid {}", Found(text), word.key),
                   kind == TypeKind::kDate   ? "write DATE '2024-01-31'"
                   : kind == TypeKind::kTime ? "write TIME '23:59:59'"
                                             : "write TIMESTAMP '2024-01-31 23:59:59.123'");
  }
  return NewLiteral(SqlType::Of(kind, fraction_digits).NotNull(), text.text, word.place);
}

bool Parser::AtInterval() const {
  if (!At("INTERVAL")) return false;
  const size_t next = AtAny({"+", "-"}, 1) ? 2 : 1;
  return Peek(next).kind == TokenKind::kString || Peek(next).kind == TokenKind::kInteger;
}

// INTERVAL [sign] 'value' unit [(p)] [TO unit [(p)]]
Result<ExprPtr> Parser::ParseInterval() {
  ExprPtr interval = NewExpr(ExprKind::kInterval, Take().place);
  const bool negative = At("-");
  if (!negative) Accept("+");
  if (negative) Take();
  const Token& value = Peek();
  if (value.kind != TokenKind::kString) {
    return ExpectedWithHint("the interval's value as a string",
                            fmt::format("write INTERVAL '{}' ...", value.text));
  }
  Take();
  MILL_ASSIGN(std::string first, ParseIntervalUnit());
  std::string last = first;
  const Place range = Peek().place;
  if (Accept("TO")) {
    MILL_ASSIGN(last, ParseIntervalUnit());
    if (!IsRangeOfUnits(first, last)) {
      return ErrorAt(range, fmt::format("there is no interval {} TO {}", first, last));
    }
  }
  const IntervalUnit* unit = FindUnit(first);
  int64_t& total = interval->interval_value;
  if (!ReadInterval(value.text, unit, FindUnit(last), total) ||
      (unit->kind == TypeKind::kIntervalMonth && !FitsMonths(total))) {
    const std::string units = first == last ? first : first + " TO " + last;
    return ErrorAt(value.place,
                   fmt::format("{} is not a valid interval of {}", Found(value), units));
  }
  if (negative) total = -total;
  interval->literal_type =
      SqlType::Of(unit->kind, unit->kind == TypeKind::kIntervalDay ? 3 : 0).NotNull();
  return interval;
}

// A unit in singular or plural, and its precision, which we do not need.
Result<std::string> Parser::ParseIntervalUnit() {
  std::string unit = SingularUnit(Peek().key);
  if (FindUnit(unit) == nullptr) {
    return Expected("an interval unit (YEAR, QUARTER, MONTH, WEEK, DAY, HOUR, MINUTE or SECOND)");
  }
  Take();
  if (At("(") && Peek(1).kind == TokenKind::kInteger) {
    Take();
    MILL_RETURN(ExpectInteger("a precision").status());
    if (Accept(",")) MILL_RETURN(ExpectInteger("a precision of the fraction").status());
    MILL_RETURN(Expect(")", "after the precision"));
  }
  return unit;
}

// CASE WHEN c THEN v ... [ELSE v] END, or CASE x WHEN v THEN ..., whose conditions become x = v.
Result<ExprPtr> Parser::ParseCase() {
  ExprPtr expr = NewExpr(ExprKind::kCase, Take().place);
  ExprPtr operand;
  if (!At("WHEN")) {
    if (++case_operands_ > kMaxCaseOperands) {
      return ErrorAt(expr->place, "too many CASE expressions nested as each other's operand");
    }
    MILL_ASSIGN(operand, ParseExpression());
    --case_operands_;
  }
  if (!At("WHEN")) return Expected("WHEN in CASE");
  while (Accept("WHEN")) {
    MILL_ASSIGN(ExprPtr condition, ParseCaseCondition(operand));
    MILL_RETURN(Expect("THEN", "in CASE"));
    MILL_ASSIGN(ExprPtr value, ParseExpression());
    expr->args.push_back(std::move(condition));
    expr->args.push_back(std::move(value));
  }
  if (Accept("ELSE")) {
    MILL_ASSIGN(ExprPtr value, ParseExpression());
    expr->args.push_back(std::move(value));
  }
  MILL_RETURN(Expect("END", "after CASE"));
  return expr;
}

// With an operand, WHEN a, b means operand = a OR operand = b.
Result<ExprPtr> Parser::ParseCaseCondition(const ExprPtr& operand) {
  if (operand == nullptr) return ParseExpression();
  ExprPtr condition;
  do {
    const Place place = Peek().place;
    MILL_ASSIGN(ExprPtr value, ParseExpression());
    ExprPtr equal = NewCall("=", place, {operand, std::move(value)});
    condition = condition == nullptr ? equal : NewCall("OR", place, {condition, equal});
    MILL_RETURN(Grow());
  } while (Accept(","));
  return condition;
}

Result<ExprPtr> Parser::ParseExists() {
  ExprPtr exists = NewExpr(ExprKind::kSubquery, Take().place);
  exists->name = "EXISTS";
  Take();
  MILL_ASSIGN(exists->query, ParseQuery());
  MILL_RETURN(Expect(")", "after the subquery of EXISTS"));
  return exists;
}

// ARRAY[...] or MAP[...]
Result<ExprPtr> Parser::ParseBracketed(ExprKind kind) {
  ExprPtr expr = NewExpr(kind, Take().place);
  Take();
  MILL_RETURN(ParseArgumentList(expr->args, "]"));
  if (kind == ExprKind::kMap && expr->args.size() % 2 != 0) {
    return ErrorAt(expr->place, "MAP[...] needs a value for every key");
  }
  MILL_RETURN(Expect("]", "after the elements"));
  return expr;
}

// TABLE t [PARTITION BY a | (a, b)] [ORDER BY ...] or TABLE (query), arguments of table functions.
Result<ExprPtr> Parser::ParseTableArgument() {
  ExprPtr table = NewExpr(ExprKind::kTableArg, Take().place);
  if (Accept("(")) {
    MILL_ASSIGN(table->query, ParseQuery());
    MILL_RETURN(Expect(")", "after the subquery of TABLE"));
  } else {
    MILL_ASSIGN(table->path, ExpectPath("a table name or subquery after TABLE"));
  }
  if (AcceptAll({"PARTITION", "BY"})) {
    MILL_ASSIGN(ExprPtr key, ParseExpression());
    if (key->kind == ExprKind::kRow) {
      table->args = std::move(key->args);
    } else {
      table->args.push_back(std::move(key));
    }
  }
  if (AcceptAll({"ORDER", "BY"})) {
    const bool list = Accept("(");
    MILL_ASSIGN(table->within_order, ParseOrderKeys());
    if (list) MILL_RETURN(Expect(")", "after the order"));
  }
  return table;
}

// name => value
Result<ExprPtr> Parser::ParseNamedArgument() {
  const Token& name = Take();
  Take();
  ExprPtr argument = NewExpr(ExprKind::kNamedArg, name.place);
  argument->name = UpperCase(name.text);
  MILL_ASSIGN(ExprPtr value, ParseExpression());
  argument->args.push_back(std::move(value));
  return argument;
}

// a, t.a, row.field, t.*
Result<ExprPtr> Parser::ParseColumn() {
  const Token& first = Peek();
  if (!IsUsableName(first)) {
    if (StartsClause(first) && position_ > 0 && tokens_[position_ - 1].Is(",")) {
      return ExpectedWithHint("an expression", "there is a comma too many before it");
    }
    if (first.kind == TokenKind::kQuotedName) return Expected("a name that is not empty");
    MILL_RETURN(ExpectName("an expression").status());
  }
  ExprPtr column = NewExpr(ExprKind::kColumn, first.place);
  column->path.push_back(Take().text);
  while (Accept(".")) {
    if (Accept("*")) {
      column->kind = ExprKind::kStar;
      return column;
    }
    MILL_ASSIGN(std::string part, ExpectAnyWord("a name or '*' after '.'"));
    column->path.push_back(std::move(part));
    if (At("(")) return ParseCallNamed(tokens_[position_ - 1]);
  }
  return column;
}

// Expressions up to `close`, which is not taken; none are allowed.
Status Parser::ParseArgumentList(std::vector<ExprPtr>& args, std::string_view close) {
  if (At(close)) return Status::OK();
  do {
    MILL_ASSIGN(ExprPtr arg, ParseExpression());
    args.push_back(std::move(arg));
  } while (Accept(","));
  return Status::OK();
}

// ---- calls ----

Result<ExprPtr> Parser::ParseCall() { return ParseCallNamed(Take()); }

// The call of `name`, which was taken already; we are at the parenthesis.
Result<ExprPtr> Parser::ParseCallNamed(const Token& name) {
  ExprPtr call = NewExpr(ExprKind::kCall, name.place);
  call->name = UpperCase(name.text);
  if (call->name == "CEILING") call->name = "CEIL";
  if (call->name == "ROW") call->kind = ExprKind::kRow;
  MILL_RETURN(Expect("(", "after the function's name"));
  MILL_RETURN(ParseCallArguments(*call));
  if (!Accept(")")) {
    const std::string hint = SpellingHint();
    return ExpectedWithHint(fmt::format("',' or ')' in the arguments of {}", call->name), hint);
  }
  if (call->kind == ExprKind::kRow) call->name.clear();
  MILL_RETURN(ParseCallSuffixes(call));
  return call;
}

// Most functions take plain arguments; those of the standard with words between them are listed.
Status Parser::ParseCallArguments(Expr& call) {
  using Handler = Status (Parser::*)(Expr&);
  static const std::unordered_map<std::string_view, Handler> handlers = {
      {"CAST", &Parser::ParseCastArguments},
      {"TRY_CAST", &Parser::ParseCastArguments},
      {"EXTRACT", &Parser::ParseExtractArguments},
      {"FLOOR", &Parser::ParseRoundArguments},
      {"CEIL", &Parser::ParseRoundArguments},
      {"TIMESTAMPADD", &Parser::ParseUnitFirstArguments},
      {"TIMESTAMPDIFF", &Parser::ParseUnitFirstArguments},
      {"TRIM", &Parser::ParseTrimArguments},
      {"POSITION", &Parser::ParsePositionArguments},
      {"SUBSTRING", &Parser::ParseSubstringArguments},
      {"OVERLAY", &Parser::ParseOverlayArguments},
      {"DESCRIPTOR", &Parser::ParseDescriptorArguments}};
  const auto handler = handlers.find(call.name);
  if (handler != handlers.end()) return (this->*handler->second)(call);
  if (call.name.starts_with("JSON_")) return ParseJsonArguments(call);
  return ParsePlainArguments(call);
}

// [DISTINCT | ALL] a, b [ORDER BY ...], or * as in COUNT(*).
Status Parser::ParsePlainArguments(Expr& call) {
  if (AtAll({"*", ")"})) {
    if (call.name != "COUNT") {
      return ErrorAt(Peek().place, fmt::format("'*' cannot be an argument of {}", call.name));
    }
    Take();
    return Status::OK();
  }
  call.distinct = Accept("DISTINCT");
  if (!call.distinct) Accept("ALL");
  if (AtQuery()) {  // f(SELECT ...), e.g. ARRAY(SELECT ...)
    return ExpectedWithHint("an expression", "a subquery needs its own parentheses");
  }
  MILL_RETURN(ParseArgumentList(call.args, ")"));
  if (!call.args.empty() && AcceptAll({"ORDER", "BY"})) {
    MILL_ASSIGN(call.within_order, ParseOrderKeys());
  }
  return Status::OK();
}

// x AS type
Status Parser::ParseCastArguments(Expr& call) {
  call.kind = ExprKind::kCast;
  MILL_ASSIGN(ExprPtr value, ParseExpression());
  call.args.push_back(std::move(value));
  MILL_RETURN(Expect("AS", fmt::format("and a type in {}", call.name)));
  MILL_ASSIGN(call.cast_type, ParseType());
  return Status::OK();
}

// A unit such as DAY, as a string literal in singular upper case.
Result<ExprPtr> Parser::ParseUnitName() {
  const Token& unit = Peek();
  if (unit.kind != TokenKind::kWord && unit.kind != TokenKind::kString) {
    return Expected("a unit such as DAY or SECOND");
  }
  Take();
  std::string name = SingularUnit(UpperCase(unit.text));
  constexpr std::string_view kOdbcPrefix = "SQL_TSI_";
  if (name.starts_with(kOdbcPrefix)) name = name.substr(kOdbcPrefix.size());
  return NewString(std::move(name), unit.place);
}

// unit FROM x
Status Parser::ParseExtractArguments(Expr& call) {
  MILL_ASSIGN(ExprPtr unit, ParseUnitName());
  MILL_RETURN(Expect("FROM", "in EXTRACT(unit FROM x)"));
  MILL_ASSIGN(ExprPtr value, ParseExpression());
  call.args = {std::move(unit), std::move(value)};
  return Status::OK();
}

// x or x TO unit
Status Parser::ParseRoundArguments(Expr& call) {
  MILL_RETURN(ParseArgumentList(call.args, ")"));
  if (call.args.size() != 1 || !Accept("TO")) return Status::OK();
  MILL_ASSIGN(ExprPtr unit, ParseUnitName());
  call.args.push_back(std::move(unit));
  return Status::OK();
}

// unit, x, y
Status Parser::ParseUnitFirstArguments(Expr& call) {
  MILL_ASSIGN(ExprPtr unit, ParseUnitName());
  call.args.push_back(std::move(unit));
  MILL_RETURN(Expect(",", "after the unit"));
  return ParseArgumentList(call.args, ")");
}

// [BOTH | LEADING | TRAILING] [characters] [FROM] s, always brought to (side, characters, s).
Status Parser::ParseTrimArguments(Expr& call) {
  const Place place = Peek().place;
  const bool sided = AtAny({"BOTH", "LEADING", "TRAILING"}) && !AtAny({")", ",", ".", "FROM"}, 1);
  const bool side_only = AtAny({"BOTH", "LEADING", "TRAILING"}) && At("FROM", 1);
  const std::string side = sided || side_only ? Take().key : "BOTH";
  ExprPtr characters = NewString(" ", place);
  ExprPtr text;
  if (!side_only) {
    MILL_ASSIGN(text, ParseExpression());
  }
  if (Accept("FROM")) {
    if (text != nullptr) characters = std::move(text);
    MILL_ASSIGN(text, ParseExpression());
  } else if (sided) {
    return Expected(fmt::format("FROM in TRIM({} ... FROM s)", side));
  }
  call.args = {NewString(side, place), std::move(characters), std::move(text)};
  return Status::OK();
}

// a IN b [FROM i]
Status Parser::ParsePositionArguments(Expr& call) {
  MILL_ASSIGN(ExprPtr part, ParseOperand(kRange + 1));
  MILL_RETURN(Expect("IN", "in POSITION(a IN b)"));
  MILL_ASSIGN(ExprPtr whole, ParseExpression());
  call.args = {std::move(part), std::move(whole)};
  if (Accept("FROM")) {
    MILL_ASSIGN(ExprPtr from, ParseExpression());
    call.args.push_back(std::move(from));
  }
  return Status::OK();
}

// s FROM i [FOR n], or s, i [, n]
Status Parser::ParseSubstringArguments(Expr& call) {
  MILL_RETURN(ParseArgumentList(call.args, ")"));
  if (call.args.size() != 1) return Status::OK();
  for (std::string_view word : {"FROM", "FOR"}) {
    if (!Accept(word)) return Status::OK();
    MILL_ASSIGN(ExprPtr number, ParseExpression());
    call.args.push_back(std::move(number));
  }
  return Status::OK();
}

// a PLACING b FROM i [FOR n], or a, b, i [, n]
Status Parser::ParseOverlayArguments(Expr& call) {
  MILL_RETURN(ParseArgumentList(call.args, ")"));
  if (call.args.size() != 1) return Status::OK();
  for (std::string_view word : {"PLACING", "FROM", "FOR"}) {
    if (word == "FOR" && !At(word)) return Status::OK();
    MILL_RETURN(Expect(word, "in OVERLAY(a PLACING b FROM i [FOR n])"));
    MILL_ASSIGN(ExprPtr value, ParseExpression());
    call.args.push_back(std::move(value));
  }
  return Status::OK();
}

// One or more column names.
Status Parser::ParseDescriptorArguments(Expr& call) {
  call.kind = ExprKind::kDescriptor;
  do {
    MILL_ASSIGN(std::string column, ExpectName("a column name in DESCRIPTOR"));
    call.path.push_back(std::move(column));
  } while (Accept(","));
  return Status::OK();
}

// ---- JSON functions ----

Status Parser::ParseJsonArguments(Expr& call) {
  call.distinct = Accept("DISTINCT");
  while (!At(")")) {
    MILL_ASSIGN(const bool clause, ParseJsonClause(call));
    if (clause) continue;
    if (!call.args.empty() && !Accept(",")) {
      return Expected(fmt::format("',' or ')' in the arguments of {}", call.name));
    }
    MILL_RETURN(ParseJsonArgument(call));
  }
  return Status::OK();
}

// A plain argument, or a member of an object: [KEY] key VALUE value, key : value.
Status Parser::ParseJsonArgument(Expr& call) {
  if (At("KEY") && !AtAny({"VALUE", ":", ".", "(", ",", ")"}, 1)) Take();
  MILL_ASSIGN(ExprPtr first, ParseExpression());
  call.args.push_back(std::move(first));
  if (!Accept("VALUE") && !Accept(":")) return Status::OK();
  MILL_ASSIGN(ExprPtr value, ParseExpression());
  call.args.push_back(std::move(value));
  return Status::OK();
}

// RETURNING type; [WITHOUT | WITH ...] WRAPPER; DEFAULT x ON ...; NULL ON EMPTY and the like.
Result<bool> Parser::ParseJsonClause(Expr& call) {
  if (AcceptJsonBehavior(call)) return true;
  if (call.args.empty()) return false;
  if (Accept("RETURNING")) {
    call.clauses.push_back("RETURNING");
    MILL_ASSIGN(call.cast_type, ParseType());
    return true;
  }
  if (Accept("DEFAULT")) {
    MILL_ASSIGN(ExprPtr value, ParseExpression());
    call.args.push_back(std::move(value));
    MILL_RETURN(Expect("ON", "after the default"));
    if (!AtAny({"EMPTY", "ERROR"})) return Expected("EMPTY or ERROR after ON");
    call.clauses.push_back("DEFAULT ON " + Take().key);
    return true;
  }
  if (!AtAny({"WITH", "WITHOUT"})) return false;
  std::string wrapper = Take().key;
  if (wrapper == "WITH" && AtAny({"CONDITIONAL", "UNCONDITIONAL"})) wrapper += " " + Take().key;
  Accept("ARRAY");
  MILL_RETURN(Expect("WRAPPER", "in JSON_QUERY"));
  call.clauses.push_back(wrapper + " WRAPPER");
  return true;
}

// Takes e.g. NULL ON EMPTY or EMPTY ARRAY ON ERROR; false, and nothing taken, if at none.
bool Parser::AcceptJsonBehavior(Expr& call) {
  const bool empty = At("EMPTY") && AtAny({"ARRAY", "OBJECT"}, 1);
  if (!empty && !AtAny({"NULL", "ERROR", "TRUE", "FALSE", "UNKNOWN", "ABSENT"})) return false;
  const size_t on = empty ? 2 : 1;
  if (!At("ON", on) || !AtAny({"EMPTY", "ERROR", "NULL"}, on + 1)) return false;
  std::string clause = Take().key;
  for (size_t i = 0; i < on + 1; ++i) clause += " " + Take().key;
  call.clauses.push_back(std::move(clause));
  return true;
}

// ---- after a call: WITHIN GROUP, FILTER, IGNORE NULLS, OVER ----

Status Parser::ParseCallSuffixes(const ExprPtr& call) {
  while (true) {
    if (AcceptAll({"WITHIN", "GROUP"})) {
      MILL_RETURN(ExpectAll({"(", "ORDER", "BY"}, "in WITHIN GROUP (ORDER BY ...)"));
      MILL_ASSIGN(call->within_order, ParseOrderKeys());
      MILL_RETURN(Expect(")", "after WITHIN GROUP"));
    } else if (AtAll({"FILTER", "("})) {
      Take();
      MILL_RETURN(ExpectAll({"(", "WHERE"}, "in FILTER (WHERE ...)"));
      MILL_ASSIGN(call->filter, ParseExpression());
      MILL_RETURN(Expect(")", "after FILTER"));
    } else if (AtAny({"IGNORE", "RESPECT"}) && At("NULLS", 1)) {
      call->clauses.push_back(Take().key + " NULLS");
      Take();
    } else if (At("OVER") && (At("(", 1) || Peek(1).IsName())) {
      MILL_RETURN(ParseOver(call));
    } else {
      return Status::OK();
    }
  }
}

// OVER (...) or OVER name
Status Parser::ParseOver(const ExprPtr& call) {
  Take();
  call->over = true;
  if (At("(")) return ParseWindow(*call);
  const Token& name = Peek();
  MILL_RETURN(ExpectName("a window after OVER").status());
  named_windows_.emplace_back(call, name);
  return Status::OK();
}

// ([PARTITION BY ...] [ORDER BY ...] [frame])
Status Parser::ParseWindow(Expr& window) {
  MILL_RETURN(Expect("(", "before the window"));
  if (AcceptAll({"PARTITION", "BY"})) {
    MILL_RETURN(ParseArgumentList(window.over_partition, ")"));
    if (window.over_partition.empty()) return Expected("an expression after PARTITION BY");
  }
  if (AcceptAll({"ORDER", "BY"})) {
    MILL_ASSIGN(window.over_order, ParseOrderKeys());
  }
  if (AtAny({"ROWS", "RANGE"})) MILL_RETURN(ParseFrame(window));
  if (Accept(")")) return Status::OK();
  return Expected("PARTITION BY, ORDER BY, ROWS, RANGE or ')' in the window");
}

// ROWS | RANGE, then a bound or BETWEEN bound AND bound. The text is kept with single spaces and
// bare words in upper case: "RANGE BETWEEN INTERVAL '1' DAY PRECEDING AND CURRENT ROW".
Status Parser::ParseFrame(Expr& window) {
  const size_t first = position_;
  Take();
  if (Accept("BETWEEN")) {
    MILL_RETURN(ParseFrameBound());
    MILL_RETURN(Expect("AND", "between the bounds of the frame"));
  }
  MILL_RETURN(ParseFrameBound());
  for (size_t i = first; i < position_; ++i) {
    if (i > first) window.over_frame += ' ';
    const Token& token = tokens_[i];
    window.over_frame += token.key.empty() ? Slice(i, i + 1) : std::string_view(token.key);
  }
  return Status::OK();
}

Status Parser::ParseFrameBound() {
  if (AcceptAll({"CURRENT", "ROW"})) return Status::OK();
  if (!Accept("UNBOUNDED")) MILL_RETURN(ParseOperand(kSum).status());
  if (Accept("PRECEDING") || Accept("FOLLOWING")) return Status::OK();
  return Expected("PRECEDING or FOLLOWING after the frame's bound");
}

// ---- types ----

// A type with NOT NULL or NULL, and ARRAY after it as in `INT ARRAY`.
Result<SqlType> Parser::ParseType() {
  Nesting nesting(this);
  MILL_RETURN(CheckNesting());
  MILL_ASSIGN(SqlType type, ParseTypeName());
  MILL_RETURN(ParseNullability(type));
  while (At("ARRAY")) {
    Take();
    type = SqlType::Array(std::move(type));
    MILL_RETURN(ParseNullability(type));
    MILL_RETURN(Grow());
  }
  MILL_RETURN(Grow());
  if (At("MULTISET")) return ErrorAt(Peek().place, "the type MULTISET is not supported");
  return type;
}

Status Parser::ParseNullability(SqlType& type) {
  if (AcceptAll({"NOT", "NULL"})) {
    type.nullable = false;
  } else if (At("NULL") && !At("ON", 1)) {  // RETURNING INT NULL ON EMPTY is no nullable type
    Take();
    type.nullable = true;
  }
  return Status::OK();
}

Result<SqlType> Parser::ParseTypeName() {
  const Token& name = Peek();
  if (name.kind != TokenKind::kWord) return Expected("a type");
  if (AtAny({"DECIMAL", "DEC", "NUMERIC"})) {
    Take();
    return ParseDecimalType();
  }
  if (AtAny({"CHAR", "CHARACTER"})) {
    Take();
    return ParseLengthType(Accept("VARYING") ? TypeKind::kVarchar : TypeKind::kChar);
  }
  if (Accept("VARCHAR")) return ParseLengthType(TypeKind::kVarchar);
  if (Accept("BINARY")) {
    return ParseLengthType(Accept("VARYING") ? TypeKind::kVarbinary : TypeKind::kBinary);
  }
  if (Accept("VARBINARY")) return ParseLengthType(TypeKind::kVarbinary);
  if (AtAny({"TIMESTAMP", "TIMESTAMP_LTZ"})) return ParseTimestampType(Take());
  if (Accept("TIME")) return ParseTimeType();
  if (Accept("INTERVAL")) return ParseIntervalType();
  if (AtAny({"ARRAY", "MAP"})) return ParseCollectionType(Take());
  if (Accept("ROW")) return ParseRowType();
  return ParseSimpleType(name);
}

Result<SqlType> Parser::ParseSimpleType(const Token& name) {
  static const std::unordered_map<std::string_view, SqlType> types = {
      {"BOOLEAN", SqlType::Boolean()},
      {"TINYINT", SqlType::Of(TypeKind::kTinyInt)},
      {"SMALLINT", SqlType::Of(TypeKind::kSmallInt)},
      {"INT", SqlType::Int()},
      {"INTEGER", SqlType::Int()},
      {"BIGINT", SqlType::BigInt()},
      {"FLOAT", SqlType::Of(TypeKind::kFloat)},
      {"REAL", SqlType::Of(TypeKind::kFloat)},
      {"DOUBLE", SqlType::Double()},
      {"STRING", SqlType::String()},
      {"BYTES", SqlType::Bytes()},
      {"DATE", SqlType::Of(TypeKind::kDate)}};
  const auto type = types.find(name.key);
  if (type == types.end()) return UnknownType(name);
  Take();
  if (name.key == "DOUBLE") Accept("PRECISION");
  return type->second;
}

Result<int> Parser::ParseTypeNumber(std::string_view what, int lowest, int highest) {
  const Place place = Peek().place;
  MILL_ASSIGN(const int64_t value, ExpectInteger(fmt::format("the {} of the type", what)));
  if (value >= lowest && value <= highest) return static_cast<int>(value);
  return ErrorAt(place, fmt::format("the {} of the type must lie between {} and {}, not be {}",
                                    what, lowest, highest, value));
}

// [(n)]
Result<int> Parser::ParseOptionalNumber(std::string_view what, int lowest, int highest,
                                        int otherwise) {
  if (!Accept("(")) return otherwise;
  MILL_ASSIGN(const int value, ParseTypeNumber(what, lowest, highest));
  MILL_RETURN(Expect(")", fmt::format("after the {}", what)));
  return value;
}

Result<SqlType> Parser::ParseDecimalType() {
  constexpr int kDefaultPrecision = 10;
  SqlType type = SqlType::Of(TypeKind::kDecimal, kDefaultPrecision, 0);
  if (!Accept("(")) return type;
  MILL_ASSIGN(type.precision, ParseTypeNumber("precision", 1, kMaxDecimalPrecision));
  if (Accept(",")) {
    MILL_ASSIGN(type.scale, ParseTypeNumber("scale", 0, type.precision));
  }
  MILL_RETURN(Expect(")", "after the precision"));
  return type;
}

// CHAR, VARCHAR, BINARY, VARBINARY; the length is 1 if not given.
Result<SqlType> Parser::ParseLengthType(TypeKind kind) {
  MILL_ASSIGN(const int length, ParseOptionalNumber("length", 1, SqlType::kMaxLength, 1));
  return SqlType::Of(kind, length);
}

// TIMESTAMP[(p)] [WITHOUT TIME ZONE | WITH LOCAL TIME ZONE], TIMESTAMP_LTZ[(p)]
Result<SqlType> Parser::ParseTimestampType(const Token& name) {
  constexpr int kDefaultPrecision = 6;
  MILL_ASSIGN(const int precision,
              ParseOptionalNumber("precision", 0, kMaxFractionDigits, kDefaultPrecision));
  if (name.key == "TIMESTAMP_LTZ" || AcceptAll({"WITH", "LOCAL", "TIME", "ZONE"})) {
    return SqlType::TimestampLtz(precision);
  }
  if (AtAll({"WITH", "TIME", "ZONE"})) {
    return ErrorAt(name.place, "the type TIMESTAMP WITH TIME ZONE is not supported",
                   "use TIMESTAMP_LTZ");
  }
  AcceptAll({"WITHOUT", "TIME", "ZONE"});
  return SqlType::Timestamp(precision);
}

Result<SqlType> Parser::ParseTimeType() {
  MILL_ASSIGN(const int precision, ParseOptionalNumber("precision", 0, kMaxFractionDigits, 0));
  AcceptAll({"WITHOUT", "TIME", "ZONE"});
  return SqlType::Of(TypeKind::kTime, precision);
}

// INTERVAL unit [(p)] [TO unit [(p)]]
Result<SqlType> Parser::ParseIntervalType() {
  const Place place = Peek().place;
  MILL_ASSIGN(const std::string first, ParseIntervalUnit());
  if (Accept("TO")) {
    MILL_ASSIGN(const std::string last, ParseIntervalUnit());
    if (!IsRangeOfUnits(first, last)) {
      return ErrorAt(place, fmt::format("there is no interval {} TO {}", first, last));
    }
  }
  const TypeKind kind = FindUnit(first)->kind;
  return SqlType::Of(kind, kind == TypeKind::kIntervalDay ? 3 : 0);
}

// ARRAY<t> or MAP<k, v>
Result<SqlType> Parser::ParseCollectionType(const Token& name) {
  MILL_RETURN(Expect("<", fmt::format("after {}", name.key)));
  MILL_ASSIGN(SqlType first, ParseType());
  if (name.key == "ARRAY") {
    MILL_RETURN(Expect(">", "after the element type"));
    return SqlType::Array(std::move(first));
  }
  MILL_RETURN(Expect(",", "after the key type"));
  MILL_ASSIGN(SqlType second, ParseType());
  MILL_RETURN(Expect(">", "after the value type"));
  return SqlType::Map(std::move(first), std::move(second));
}

// ROW<a INT, b STRING 'comment'> or ROW(...)
Result<SqlType> Parser::ParseRowType() {
  SqlType row = SqlType::Of(TypeKind::kRow);
  if (Accept("<>") || AcceptAll({"(", ")"})) return row;
  const bool angled = Accept("<");
  if (!angled) MILL_RETURN(Expect("(", "or '<' after ROW"));
  do {
    MILL_RETURN(ParseRowField(row));
  } while (Accept(","));
  MILL_RETURN(Expect(angled ? ">" : ")", "after the fields of ROW"));
  return row;
}

Status Parser::ParseRowField(SqlType& row) {
  MILL_ASSIGN(std::string name, ExpectName("a field name"));
  MILL_ASSIGN(SqlType type, ParseType());
  if (Peek().kind == TokenKind::kString) Take();  // the field's comment
  row.children.push_back({std::move(name), std::make_shared<const SqlType>(std::move(type))});
  return Status::OK();
}

}  // namespace millrace
