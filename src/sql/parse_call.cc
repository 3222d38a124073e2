// Calls, those with words between their arguments included; casts.
#include <unordered_map>

#include "sql/syntax_nodes.h"
#include "sql/interval_unit.h"
#include "sql/lexer.h"
#include "sql/parser_internal.h"

namespace millrace {
namespace {

using ast::Expr;
using ast::ExprKind;
using ast::ExprPtr;
using ast::Place;

}  // namespace

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

}  // namespace millrace
