// Literals: strings, numbers, dates and times, intervals. Times are checked here, not converted.
#include <charconv>

#include "sql/syntax_nodes.h"
#include "sql/interval_unit.h"
#include "sql/lexer.h"
#include "sql/literal_text.h"
#include "sql/parser_internal.h"

namespace millrace {
namespace {

using ast::ExprKind;
using ast::ExprPtr;
using ast::Place;

constexpr bool FitsMonths(int64_t value) { return value >= INT32_MIN && value <= INT32_MAX; }

}  // namespace

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
  const IntervalUnit* unit = FindIntervalUnit(first);
  int64_t& total = interval->interval_value;
  if (!ReadInterval(value.text, unit, FindIntervalUnit(last), total) ||
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
  if (FindIntervalUnit(unit) == nullptr) {
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

}  // namespace millrace
