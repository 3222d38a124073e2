// The recursive-descent parser behind parser.h. Its methods lie in parser.cc (cursor, errors) and in
// one file per kind of thing that is parsed: parse_statement.cc, parse_query.cc, parse_type.cc ...
#pragma once

#include <algorithm>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "sql/ast.h"
#include "sql/token.h"

namespace millrace {

class Parser {
 public:
  // `script` must outlive the parser; `tokens` are its tokens.
  Parser(std::string_view script, std::vector<Token> tokens)
      : script_(script), tokens_(std::move(tokens)) {}

  Result<std::vector<ast::Statement>> ParseScript();
  Result<ast::ExprPtr> ParseWholeExpression();

 private:
  using Names = std::vector<std::string>;
  using Options = std::map<std::string, std::string>;
  using OrderKeys = std::vector<std::pair<ast::ExprPtr, bool>>;

  // How deep a script may nest, and how high a tree may grow through long chains such as a+b+c.
  // Together they keep every later walk over the tree within an ordinary stack.
  static constexpr int kMaxDepth = 500;
  static constexpr int kMaxHeight = 1500;

  // Measures the subtree parsed within its life: siblings count by the highest, not by their sum.
  class HeightScope {
   public:
    explicit HeightScope(Parser* parser) : parser_(parser), outer_(parser->height_) {
      parser_->height_ = 0;
    }
    ~HeightScope() { parser_->height_ = std::max(parser_->height_, outer_); }
    HeightScope(const HeightScope&) = delete;
    HeightScope& operator=(const HeightScope&) = delete;

   private:
    Parser* parser_;
    int outer_;
  };

  // One level of nesting; CheckNesting tells whether it is still allowed.
  class Nesting {
   public:
    explicit Nesting(Parser* parser) : parser_(parser), height_(parser) { ++parser_->depth_; }
    ~Nesting() { --parser_->depth_; }
    Nesting(const Nesting&) = delete;
    Nesting& operator=(const Nesting&) = delete;

   private:
    Parser* parser_;
    HeightScope height_;
  };
  Status CheckNesting() const;
  Status Grow();  // a node was put above everything parsed in the current scope

  // ---- cursor (parser.cc) ----
  const Token& Peek(size_t ahead = 0) const;
  const Token& Take();
  bool At(std::string_view key, size_t ahead = 0) const { return Peek(ahead).Is(key); }
  bool AtAll(std::initializer_list<std::string_view> keys) const;
  bool AtAny(std::initializer_list<std::string_view> keys, size_t ahead = 0) const;
  bool AtStatementEnd() const;
  bool AtQuery(size_t ahead = 0) const;  // SELECT, WITH or VALUES
  bool Accept(std::string_view key);
  bool AcceptAll(std::initializer_list<std::string_view> keys);
  Status Expect(std::string_view key, std::string_view context);
  Status ExpectAll(std::initializer_list<std::string_view> keys, std::string_view context);
  Result<std::string> ExpectString(std::string_view what);
  Result<std::string> ExpectName(std::string_view what);
  Result<std::string> ExpectAnyWord(std::string_view what);
  Result<Names> ExpectPath(std::string_view what);
  Result<std::string> ExpectTableName(std::string_view what);
  Result<Names> ParseNameList(std::string_view what);  // ( a, b )
  Result<int64_t> ExpectInteger(std::string_view what);
  bool IsUsableName(const Token& token) const;
  std::string_view Slice(size_t first, size_t past) const;  // the text of tokens [first, past)

  // ---- errors (parser.cc) ----
  // "line l, column c: `message`. hint: `hint`"
  Status ErrorAt(const ast::Place& place, std::string_view message,
                 std::string_view hint = "") const;
  // "... expected `what`, found 'x'", with a guess at a misspelled keyword.
  Status Expected(std::string_view what) const;
  Status ExpectedWithHint(std::string_view what, std::string_view hint) const;
  std::string Found(const Token& token) const;
  std::string SpellingHint() const;

  // ---- statements (parse_statement.cc, parse_create.cc) ----
  Result<ast::Statement> ParseStatement();
  Status ParseStatementBody(ast::Statement& statement);
  Status ParseCreate(ast::Statement& statement);
  Status ParseExecute(ast::Statement& statement);
  Status ParseBegin(ast::Statement& statement);
  Result<ast::CreateTable> ParseCreateTable(bool temporary);
  Status ParseTableElements(ast::CreateTable& table);
  Status ParseTableElement(ast::CreateTable& table);
  Status ParsePrimaryKey(ast::CreateTable& table);
  Status ParseNotEnforced();
  Status ParseWatermark(ast::CreateTable& table);
  Status ParseColumn(ast::CreateTable& table);
  Status ParseColumnClauses(ast::CreateTable& table, ast::ColumnDef& column);
  Status ParseColumnKey(ast::CreateTable& table, const ast::ColumnDef& column);
  Status ParseMetadata(ast::ColumnDef& column);
  Status ParseTableClauses(ast::CreateTable& table);
  Status ParseOptions(Options& options, std::map<std::string, ast::Place>* places);
  Result<ast::LikeClause> ParseLike();
  Status CheckTyped(const ast::CreateTable& table) const;
  Result<ast::CreateView> ParseCreateView(bool temporary);
  Result<ast::Drop> ParseDrop();
  Result<ast::Show> ParseShow();
  Result<ast::Describe> ParseDescribe();
  Result<ast::SetOption> ParseSet();
  Result<ast::SetOption> ParseReset();
  std::string TakeRawUntil(std::string_view stop);
  Result<ast::Insert> ParseInsert();
  Status ParsePartition(ast::Insert& insert);
  Result<std::vector<ast::Insert>> ParseInsertsUntilEnd();
  Result<ast::Explain> ParseExplain();
  Result<ast::Help> ParseHelp();
  Result<ast::Call> ParseCallStatement();  // parse_procedure.cc
  Result<ast::ExprPtr> ParseProcedureArgument();

  // ---- queries (parse_query.cc, parse_select.cc, parse_from.cc) ----
  Result<ast::QueryPtr> ParseQuery();
  Status ParseWithClause(ast::Query& query);
  Result<std::pair<std::string, ast::QueryPtr>> ParseWithItem();
  Result<ast::QueryPtr> ParseQueryBody();
  Result<ast::QueryPtr> ParseQueryTerm();
  Result<ast::QueryPtr> ParseQueryPrimary();
  bool AtQueryContinuation() const;  // a set operation, ORDER BY, LIMIT ...
  Result<ast::QueryPtr> ContinueQuery(ast::QueryPtr left);
  Result<ast::QueryPtr> ContinueUnions(ast::QueryPtr left);
  Result<ast::QueryPtr> ContinueIntersects(ast::QueryPtr left);
  Result<ast::QueryPtr> ParseQueryTail(ast::QueryPtr query);
  Status ParseLimits(ast::Query& query);
  Result<ast::QueryPtr> ParseValues();
  Result<std::vector<ast::ExprPtr>> ParseValuesRow();
  Result<ast::QueryPtr> ParseSelect();
  Status ParseSelectItems(ast::Select& select);
  Result<ast::SelectItem> ParseSelectItem();
  Status ParseGroupBy(ast::Select& select);
  using GroupingSets = std::vector<std::vector<ast::ExprPtr>>;
  Result<GroupingSets> ParseGroupingElement(ast::GroupingKind* kind);
  Result<GroupingSets> ParseGroupingSets();
  Result<GroupingSets> ParseRollupOrCube(ast::GroupingKind* kind);
  Result<std::vector<ast::ExprPtr>> ParseGroupingColumns();
  Status ParseWindowClause();
  Status ParseHints(Options& options);
  Status ParseHint(Options& options);
  Result<OrderKeys> ParseOrderKeys();
  Status ParseNullOrder(bool descending);
  Result<ast::TableRefPtr> ParseFrom();
  Result<ast::TableRefPtr> ParseJoins();
  Result<bool> ParseJoinKind(ast::JoinKind* kind);
  Status ParseJoinCondition(ast::TableRef& join);
  Result<ast::TableRefPtr> ParseTableRef();
  Result<ast::TableRefPtr> ParseTablePrimary();
  Result<ast::TableRefPtr> ParseParenthesizedTable();
  Result<ast::TableRefPtr> ParseLateral();
  Result<ast::TableRefPtr> ParseTableFunction();
  Result<ast::TableRefPtr> ParseFunctionCall();
  Result<ast::TableRefPtr> ParseUnnest();
  Result<ast::TableRefPtr> ParseNamedTable();
  Status ParseTableSuffixes(ast::TableRef& table);
  Status ParseTableAlias(ast::TableRef& table);
  bool AtBareAlias() const;

  // ---- expressions (parse_expression.cc, parse_primary.cc, parse_literal.cc) ----
  Result<ast::ExprPtr> ParseExpression();
  Result<ast::ExprPtr> ParseOperand(int lowest_precedence);
  Result<ast::ExprPtr> ParseOperators(int lowest_precedence);
  int InfixPrecedence() const;
  Result<ast::ExprPtr> ApplyInfix(ast::ExprPtr left, int precedence);
  Result<ast::ExprPtr> ParseLogicalChain(ast::ExprPtr left, int precedence);
  Result<ast::ExprPtr> ParseBinary(ast::ExprPtr left, int precedence);
  Result<ast::ExprPtr> ParseQuantified(ast::ExprPtr left, const Token& comparison);
  Result<ast::ExprPtr> ParseIs(ast::ExprPtr left);
  Result<ast::ExprPtr> ParseRange(ast::ExprPtr left);
  Result<ast::ExprPtr> ParseIn(ast::ExprPtr left);
  Result<ast::ExprPtr> ParseInSubquery(ast::ExprPtr left, const Token& place, std::string name);
  Result<ast::ExprPtr> ParseLike(ast::ExprPtr left);
  Result<ast::ExprPtr> ParseUnary();
  Result<ast::ExprPtr> ParsePostfix();
  Result<ast::ExprPtr> ParsePrimary();
  Result<ast::ExprPtr> ParseWordPrimary();
  Result<ast::ExprPtr> ParseParenthesized();
  Result<ast::ExprPtr> ParseKeywordLiteral();
  Result<ast::ExprPtr> ParseStringLiteral();
  Result<ast::ExprPtr> ParseUnicodeLiteral();
  Result<ast::ExprPtr> ParseBinaryLiteral();
  Result<ast::ExprPtr> ParseNumber();
  bool AtTimeLiteral() const;
  Result<ast::ExprPtr> ParseTimeLiteral();
  bool AtInterval() const;
  Result<ast::ExprPtr> ParseInterval();
  Result<std::string> ParseIntervalUnit();
  Result<ast::ExprPtr> ParseCase();
  Result<ast::ExprPtr> ParseCaseCondition(const ast::ExprPtr& operand);
  Result<ast::ExprPtr> ParseExists();
  Result<ast::ExprPtr> ParseBracketed(ast::ExprKind kind);
  Result<ast::ExprPtr> ParseTableArgument();
  Result<ast::ExprPtr> ParseNamedArgument();
  Result<ast::ExprPtr> ParseColumn();
  Status ParseArgumentList(std::vector<ast::ExprPtr>& args, std::string_view close);

  // ---- calls (parse_call.cc, parse_call_clauses.cc) ----
  Result<ast::ExprPtr> ParseCall();
  Result<ast::ExprPtr> ParseCallNamed(const Token& name_token);
  Status ParseCallArguments(ast::Expr& call);
  Status ParsePlainArguments(ast::Expr& call);
  Status ParseCastArguments(ast::Expr& call);
  Status ParseExtractArguments(ast::Expr& call);
  Status ParseRoundArguments(ast::Expr& call);
  Status ParseUnitFirstArguments(ast::Expr& call);
  Status ParseTrimArguments(ast::Expr& call);
  Status ParsePositionArguments(ast::Expr& call);
  Status ParseSubstringArguments(ast::Expr& call);
  Status ParseOverlayArguments(ast::Expr& call);
  Status ParseDescriptorArguments(ast::Expr& call);
  Status ParseJsonArguments(ast::Expr& call);
  Status ParseJsonArgument(ast::Expr& call);
  Result<bool> ParseJsonClause(ast::Expr& call);
  bool AcceptJsonBehavior(ast::Expr& call);
  Result<ast::ExprPtr> ParseUnitName();
  Status ParseCallSuffixes(const ast::ExprPtr& call);
  Status ParseOver(const ast::ExprPtr& call);
  Status ParseWindow(ast::Expr& window);
  Status ParseFrame(ast::Expr& window);
  Status ParseFrameBound();

  // ---- types (parse_type.cc) ----
  Result<SqlType> ParseType();
  Result<SqlType> ParseTypeName();
  Result<SqlType> ParseSimpleType(const Token& name);
  Status UnknownType(const Token& name) const;
  Result<SqlType> ParseDecimalType();
  Result<SqlType> ParseLengthType(TypeKind kind);
  Result<SqlType> ParseTimestampType(const Token& name);
  Result<SqlType> ParseTimeType();
  Result<SqlType> ParseIntervalType();
  Result<SqlType> ParseCollectionType(const Token& name);
  Result<SqlType> ParseRowType();
  Status ParseRowField(SqlType& row);
  Result<int> ParseTypeNumber(std::string_view what, int lowest, int highest);
  Result<int> ParseOptionalNumber(std::string_view what, int lowest, int highest, int otherwise);
  bool AtNullability() const;
  Status ParseNullability(SqlType& type);

  std::string_view script_;
  std::vector<Token> tokens_;
  size_t position_ = 0;
  int depth_ = 0;
  int height_ = 0;
  int case_operands_ = 0;  // how many simple CASE operands we are inside of
  // Calls written OVER name, until the WINDOW clause of their SELECT is read.
  std::vector<std::pair<ast::ExprPtr, Token>> named_windows_;
};

// `text` cut to fit a message; bytes that would garble a terminal are written as \xNN.
std::string Shown(std::string_view text);

// Words that cannot be names unless quoted.
bool IsReserved(std::string_view key);

}  // namespace millrace
