// How the parser makes the nodes of the tree, and how tightly infix operators bind.
#pragma once

#include <string>
#include <vector>

#include "sql/ast.h"

namespace millrace {

// Calcite's precedences; a higher one binds more tightly.
constexpr int kOr = 1;
constexpr int kAnd = 2;
constexpr int kNot = 3;
constexpr int kIs = 4;
constexpr int kComparison = 5;
constexpr int kRange = 6;  // BETWEEN, IN, LIKE
constexpr int kSum = 7;
constexpr int kProduct = 8;
constexpr int kSign = 9;

ast::ExprPtr NewExpr(ast::ExprKind kind, const ast::Place& place);
ast::ExprPtr NewCall(std::string name, const ast::Place& place, std::vector<ast::ExprPtr> args);
ast::ExprPtr NewLiteral(const SqlType& type, std::string text, const ast::Place& place);

// A literal of type CHAR(n) NOT NULL, n counting characters, not bytes.
ast::ExprPtr NewString(std::string text, const ast::Place& place);

ast::QueryPtr NewQuery(const ast::Place& place);
ast::TableRefPtr NewTable(ast::TableRefKind kind, const ast::Place& place);

// VALUES without WITH, ORDER BY or LIMIT?
bool IsPlainValues(const ast::Query& query);

}  // namespace millrace
