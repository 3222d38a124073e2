// CALL [catalog.]system.procedure(name => value, ...)
#include "sql/lexer.h"
#include "sql/parser_internal.h"

namespace millrace {

Result<ast::Call> Parser::ParseCallStatement() {
  Take();
  ast::Call call;
  call.place = Peek().place;
  MILL_ASSIGN(const Names path, ExpectPath("the name of a procedure after CALL"));
  const bool is_system = path.size() > 1 && UpperCase(path[path.size() - 2]) == "SYSTEM";
  if (!is_system || path.size() > 3) {
    return ErrorAt(call.place, fmt::format("there is no procedure '{}'", Shown(path.back())),
                   "procedures are in the database 'system': CALL system.rewrite_data_files(...)");
  }
  call.name = path.back();
  MILL_RETURN(Expect("(", "after the procedure's name"));
  if (!At(")")) {
    do {
      MILL_ASSIGN(ast::ExprPtr argument, ParseProcedureArgument());
      call.args.push_back(std::move(argument));
    } while (Accept(","));
  }
  MILL_RETURN(Expect(")", "after the procedure's arguments"));
  return call;
}

// A name may be any word here: table => 'db.t'.
Result<ast::ExprPtr> Parser::ParseProcedureArgument() {
  return Peek().IsName() && At("=>", 1) ? ParseNamedArgument() : ParseExpression();
}

}  // namespace millrace
