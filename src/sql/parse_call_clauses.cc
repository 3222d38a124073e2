// The clauses inside the calls of JSON functions, and those after a call: FILTER, WITHIN GROUP, OVER.
#include <string_view>

#include "sql/syntax_nodes.h"
#include "sql/parser_internal.h"

namespace millrace {
namespace {

using ast::Expr;
using ast::ExprPtr;

}  // namespace

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

}  // namespace millrace
