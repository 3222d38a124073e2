// The operands of operators: columns, CASE, constructors, subqueries, arguments of table functions.
#include <set>

#include "sql/syntax_nodes.h"
#include "sql/lexer.h"
#include "sql/parser_internal.h"

namespace millrace {
namespace {

using ast::ExprKind;
using ast::ExprPtr;
using ast::Place;

// A simple CASE repeats its operand in each comparison, so deep nesting there would explode.
constexpr int kMaxCaseOperands = 4;

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

}  // namespace

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

}  // namespace millrace
