#include "sql/syntax_nodes.h"

#include <memory>
#include <utility>

namespace millrace {

ast::ExprPtr NewExpr(ast::ExprKind kind, const ast::Place& place) {
  auto expr = std::make_shared<ast::Expr>();
  expr->kind = kind;
  expr->place = place;
  return expr;
}

ast::ExprPtr NewCall(std::string name, const ast::Place& place, std::vector<ast::ExprPtr> args) {
  ast::ExprPtr call = NewExpr(ast::ExprKind::kCall, place);
  call->name = std::move(name);
  call->args = std::move(args);
  return call;
}

ast::ExprPtr NewLiteral(const SqlType& type, std::string text, const ast::Place& place) {
  ast::ExprPtr literal = NewExpr(ast::ExprKind::kLiteral, place);
  literal->literal_type = type;
  literal->text = std::move(text);
  return literal;
}

ast::ExprPtr NewString(std::string text, const ast::Place& place) {
  int characters = 0;
  for (char c : text) {
    if ((static_cast<unsigned char>(c) & 0xC0) != 0x80) ++characters;
  }
  return NewLiteral(SqlType::Of(TypeKind::kChar, characters).NotNull(), std::move(text), place);
}

ast::QueryPtr NewQuery(const ast::Place& place) {
  auto query = std::make_shared<ast::Query>();
  query->place = place;
  return query;
}

ast::TableRefPtr NewTable(ast::TableRefKind kind, const ast::Place& place) {
  auto table = std::make_shared<ast::TableRef>();
  table->kind = kind;
  table->place = place;
  return table;
}

bool IsPlainValues(const ast::Query& query) {
  return !query.values.empty() && query.with.empty() && query.order_by.empty() && !query.limit &&
         !query.offset;
}

}  // namespace millrace
