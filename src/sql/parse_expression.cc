// Expressions. Operators are read by precedence climbing, with Calcite's precedences.
#include <string_view>
#include <unordered_map>

#include "sql/syntax_nodes.h"
#include "sql/parser_internal.h"

namespace millrace {
namespace {

using ast::ExprKind;
using ast::ExprPtr;
using ast::Place;

// AND and OR chains up to this length are left-deep, as written; longer ones are balanced.
constexpr size_t kMaxLeftDeepChain = 32;

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

// A chain of AND or OR as a balanced tree, so that thousands of terms stay shallow.
ExprPtr Balanced(const std::string& name, const std::vector<ExprPtr>& terms,
                 const std::vector<Place>& places, size_t first, size_t past) {
  if (past - first == 1) return terms[first];
  const size_t middle = first + (past - first) / 2;
  return NewCall(name, places[middle - 1],
                 {Balanced(name, terms, places, first, middle),
                  Balanced(name, terms, places, middle, past)});
}

}  // namespace

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

}  // namespace millrace
