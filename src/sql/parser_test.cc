// Tests of lexer and parser: trees are compared as text, errors by their message.
#include "sql/parser.h"

#include <gtest/gtest.h>

#include <random>

#include "base/nearest.h"
#include "sql/lexer.h"

namespace millrace {
namespace {

using ast::Expr;
using ast::ExprKind;
using ast::ExprPtr;
using ast::TableRefKind;

std::string Joined(const std::vector<std::string>& parts, const char* separator) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : separator) + part;
  return text;
}

std::string Show(const ExprPtr& expr);
std::string Show(const ast::Query& query);

std::string ShowAll(const std::vector<ExprPtr>& exprs) {
  std::vector<std::string> parts;
  for (const ExprPtr& expr : exprs) parts.push_back(Show(expr));
  return Joined(parts, " ");
}

std::string ShowKeys(const std::vector<std::pair<ExprPtr, bool>>& keys) {
  std::vector<std::string> parts;
  for (const auto& [expr, descending] : keys) parts.push_back(Show(expr) + (descending ? "-" : ""));
  return Joined(parts, " ");
}

std::string ShowSuffixes(const Expr& expr) {
  std::string text;
  if (!expr.within_order.empty()) text += " order:" + ShowKeys(expr.within_order);
  if (expr.filter) text += " filter:" + Show(expr.filter);
  for (const std::string& clause : expr.clauses) text += " {" + clause + "}";
  if (!expr.over) return text;
  return fmt::format("{} over[{}|{}|{}]", text, ShowAll(expr.over_partition),
                     ShowKeys(expr.over_order), expr.over_frame);
}

std::string ShowNode(const char* head, const Expr& expr) {
  const std::string args = ShowAll(expr.args);
  return fmt::format("({}{}{})", head, args.empty() ? "" : " ", args);
}

std::string Show(const ExprPtr& expr) {
  switch (expr->kind) {
    case ExprKind::kLiteral: return expr->literal_type.IsString() ? "'" + expr->text + "'"
                                                                  : expr->text;
    case ExprKind::kInterval: return fmt::format("#{}", expr->interval_value);
    case ExprKind::kColumn: return Joined(expr->path, ".");
    case ExprKind::kStar: return expr->path.empty() ? "*" : Joined(expr->path, ".") + ".*";
    case ExprKind::kCall:
      return fmt::format("({}{}{}{}{})", expr->name, expr->distinct ? " distinct" : "",
                         expr->args.empty() ? "" : " ", ShowAll(expr->args), ShowSuffixes(*expr));
    case ExprKind::kCast:
      return fmt::format("({} {} {})", expr->name, Show(expr->args[0]), expr->cast_type.ToString());
    case ExprKind::kCase: return ShowNode("case", *expr);
    case ExprKind::kIndex: return ShowNode("index", *expr);
    case ExprKind::kField: return ShowNode(("." + expr->path[0]).c_str(), *expr);
    case ExprKind::kArray: return ShowNode("array", *expr);
    case ExprKind::kMap: return ShowNode("map", *expr);
    case ExprKind::kRow: return ShowNode("row", *expr);
    case ExprKind::kSubquery:
      return fmt::format("({} {}[{}])", expr->name, ShowAll(expr->args), Show(*expr->query));
    case ExprKind::kNamedArg: return fmt::format("{}=>{}", expr->name, Show(expr->args[0]));
    case ExprKind::kDescriptor: return "descriptor:" + Joined(expr->path, ",");
    case ExprKind::kTableArg:
      return fmt::format("table:{}[{}]", expr->query ? Show(*expr->query) : Joined(expr->path, "."),
                         ShowAll(expr->args));
  }
  return "?";
}

std::string ShowTable(const ast::TableRef& table) {
  std::string text = table.lateral ? "lateral " : "";
  switch (table.kind) {
    case TableRefKind::kName: text += Joined(table.path, "."); break;
    case TableRefKind::kSubquery: text += "[" + Show(*table.query) + "]"; break;
    case TableRefKind::kValues: text += "values[" + Show(*table.query) + "]"; break;
    case TableRefKind::kFunction: text += table.name + "(" + ShowAll(table.args) + ")"; break;
    case TableRefKind::kUnnest: text += "unnest(" + ShowAll(table.args) + ")"; break;
    case TableRefKind::kJoin: {
      const char* names[] = {"inner", "left", "right", "full", "cross"};
      text += fmt::format("({} {} {}", names[static_cast<int>(table.join)], ShowTable(*table.left),
                          ShowTable(*table.right));
      if (table.on) text += " on " + Show(table.on);
      if (!table.using_columns.empty()) text += " using " + Joined(table.using_columns, ",");
      text += ")";
    }
  }
  if (table.with_ordinality) text += " ordinality";
  for (const auto& [key, value] : table.hints) text += fmt::format(" {}={}", key, value);
  if (table.as_of) text += " asof " + Show(table.as_of);
  if (!table.alias.empty()) text += " as " + table.alias;
  if (!table.column_aliases.empty()) text += "(" + Joined(table.column_aliases, ",") + ")";
  return text;
}

std::string ShowSelect(const ast::Select& select) {
  std::string text = select.distinct ? "select distinct" : "select";
  for (const auto& item : select.items) {
    text += " " + Show(item.expr) + (item.alias.empty() ? "" : ":" + item.alias);
  }
  if (select.from) text += " from " + ShowTable(*select.from);
  if (select.where) text += " where " + Show(select.where);
  if (select.has_group_by) text += " group " + ShowAll(select.group_by);
  if (select.grouping != ast::GroupingKind::kPlain) {
    text += " sets";
    for (const auto& set : select.grouping_sets) text += " {" + ShowAll(set) + "}";
  }
  if (select.having) text += " having " + Show(select.having);
  return text;
}

std::string Show(const ast::Query& query) {
  std::string text;
  for (const auto& [name, with] : query.with) text += name + ":=[" + Show(*with) + "] ";
  if (query.select) text += ShowSelect(*query.select);
  for (const auto& row : query.values) text += "{" + ShowAll(row) + "}";
  if (query.set_op) {
    const char* ops[] = {"union", "unionall", "intersect", "intersectall", "except", "exceptall"};
    text += fmt::format("({} {} {})", Show(*query.left), ops[static_cast<int>(*query.set_op)],
                        Show(*query.right));
  }
  if (!query.order_by.empty()) text += " order " + ShowKeys(query.order_by);
  if (query.limit) text += fmt::format(" limit {}", *query.limit);
  if (query.offset) text += fmt::format(" offset {}", *query.offset);
  return text;
}

// The expression's tree as text, or the error's message.
std::string E(std::string_view text) {
  const Result<ExprPtr> expr = ParseExpression(text);
  return expr.ok() ? Show(*expr) : expr.status().message();
}

std::string TypeOf(std::string_view text) {
  const Result<ExprPtr> expr = ParseExpression(text);
  return expr.ok() ? (*expr)->literal_type.ToString() : expr.status().message();
}

std::string T(std::string_view type) {
  const Result<ExprPtr> expr = ParseExpression(fmt::format("CAST(x AS {})", type));
  return expr.ok() ? (*expr)->cast_type.ToString() : expr.status().message();
}

std::string Q(std::string_view text) {
  const auto script = ParseScript(text);
  if (!script.ok()) return script.status().message();
  if (script->size() != 1) return fmt::format("{} statements", script->size());
  const auto* query = std::get_if<ast::QueryPtr>(&script->at(0).body);
  return query == nullptr ? "not a query" : Show(**query);
}

std::string Error(std::string_view text) {
  const auto script = ParseScript(text);
  return script.ok() ? "no error" : script.status().message();
}

template <typename Body>
Body Parse(std::string_view text) {
  const auto script = ParseScript(text);
  EXPECT_TRUE(script.ok()) << script.status().message();
  if (!script.ok() || script->empty()) return {};
  const Body* body = std::get_if<Body>(&script->at(0).body);
  EXPECT_NE(body, nullptr);
  return body == nullptr ? Body{} : *body;
}

std::string Repeated(std::string_view piece, int times) {
  std::string text;
  for (int i = 0; i < times; ++i) text += piece;
  return text;
}

// ---- names ----

TEST(NearestNameTest, FindsSlips) {
  const std::vector<std::string> names = {"SELECT", "user_id", "ts", "price"};
  EXPECT_EQ(NearestName("SELEC", names), "SELECT");
  EXPECT_EQ(NearestName("slect", names), "SELECT");
  EXPECT_EQ(NearestName("usre_id", names), "user_id");
  EXPECT_EQ(NearestName("PRICE", names), "price");
  EXPECT_EQ(NearestName("TS", names), "ts");
  EXPECT_EQ(NearestName("tx", names), "");
  EXPECT_EQ(NearestName("quantity", names), "");
  EXPECT_EQ(NearestName("", names), "");
}

// ---- lexer ----

TEST(LexerTest, PlacesAndComments) {
  const auto tokens = Tokenize("a -- x\n /* y\n */ `b``c` é, 'it''s'").ValueOrDie();
  ASSERT_EQ(tokens.size(), 6U);
  EXPECT_EQ(tokens[1].text, "b`c");
  EXPECT_EQ(tokens[1].place.line, 3);
  EXPECT_EQ(tokens[1].place.column, 5);
  EXPECT_EQ(tokens[3].place.column, 13);
  EXPECT_EQ(tokens[4].text, "it's");
  EXPECT_EQ(tokens[5].kind, TokenKind::kEnd);
}

TEST(LexerTest, Errors) {
  EXPECT_EQ(Error("SELECT 'abc"),
            "line 1, column 8: the string that starts here has no closing '");
  EXPECT_EQ(Error("SELECT\n /* abc"),
            "line 2, column 2: the comment that starts here has no closing '*/'");
  EXPECT_EQ(Error("SELECT `abc"),
            "line 1, column 8: the quoted name that starts here has no closing `");
  EXPECT_EQ(Error("SELECT X'ABC'"),
            "line 1, column 8: a binary string X'..' needs an even number of hex digits");
}

// ---- expressions ----

TEST(ExpressionTest, Precedence) {
  EXPECT_EQ(E("a OR b AND NOT c = 1 + 2 * -3"), "(OR a (AND b (NOT (= c (+ 1 (* 2 (NEG 3)))))))");
  EXPECT_EQ(E("a - b - c"), "(- (- a b) c)");
  EXPECT_EQ(E("a || b || c"), "(|| (|| a b) c)");
  EXPECT_EQ(E("a AND b AND c"), "(AND (AND a b) c)");
  EXPECT_EQ(E("(a + b) * c % d"), "(% (* (+ a b) c) d)");
  EXPECT_EQ(E("a = b IS NULL"), "(IS NULL (= a b))");
  EXPECT_EQ(E("a IS NOT NULL AND b"), "(AND (IS NOT NULL a) b)");
  EXPECT_EQ(E("a != b"), "(<> a b)");
  EXPECT_EQ(E("NOT a IN (1, 2)"), "(NOT (IN a 1 2))");
}

TEST(ExpressionTest, Predicates) {
  EXPECT_EQ(E("a BETWEEN 1 AND 2 AND b"), "(AND (BETWEEN a 1 2) b)");
  EXPECT_EQ(E("a NOT BETWEEN SYMMETRIC 1 AND 2"), "(NOT BETWEEN SYMMETRIC a 1 2)");
  EXPECT_EQ(E("a BETWEEN ASYMMETRIC 1 AND 2"), "(BETWEEN a 1 2)");
  EXPECT_EQ(E("a NOT LIKE 'x%' ESCAPE '!'"), "(NOT LIKE a 'x%' '!')");
  EXPECT_EQ(E("a SIMILAR TO 'x'"), "(SIMILAR TO a 'x')");
  EXPECT_EQ(E("a IS DISTINCT FROM b + 1"), "(IS DISTINCT FROM a (+ b 1))");
  EXPECT_EQ(E("a IS NOT DISTINCT FROM b"), "(IS NOT DISTINCT FROM a b)");
  EXPECT_EQ(E("a IS NOT UNKNOWN"), "(IS NOT UNKNOWN a)");
  EXPECT_EQ(E("a IS JSON"), "(IS JSON a)");
  EXPECT_EQ(E("a IS NOT JSON OBJECT"), "(IS NOT JSON OBJECT a)");
  EXPECT_EQ(E("a NOT IN (SELECT b FROM t)"), "(NOT IN a[select b from t])");
  EXPECT_EQ(E("a = ANY (SELECT b FROM t)"), "(IN a[select b from t])");
  EXPECT_EQ(E("EXISTS (SELECT 1)"), "(EXISTS [select 1])");
  EXPECT_EQ(E("(a, b) IN ((1, 2), (3, 4))"), "(IN (row a b) (row 1 2) (row 3 4))");
}

TEST(ExpressionTest, Postfix) {
  EXPECT_EQ(E("a.b.c"), "a.b.c");
  EXPECT_EQ(E("a.b[1].c['x']"), "(index (.c (index a.b 1)) 'x')");
  EXPECT_EQ(E("f(x).y"), "(.y (F x))");
  EXPECT_EQ(E("-a[1]"), "(NEG (index a 1))");
  EXPECT_EQ(E("t.*"), "t.*");
}

TEST(ExpressionTest, Constructors) {
  EXPECT_EQ(E("ARRAY[1, 2][1]"), "(index (array 1 2) 1)");
  EXPECT_EQ(E("ARRAY[]"), "(array)");
  EXPECT_EQ(E("MAP['a', 1, 'b', 2]"), "(map 'a' 1 'b' 2)");
  EXPECT_EQ(E("ROW(1, 'x')"), "(row 1 'x')");
  EXPECT_EQ(E("(1, 2)"), "(row 1 2)");
  EXPECT_EQ(E("(SELECT 1)"), "( [select 1])");
  EXPECT_EQ(E("((SELECT 1) UNION ALL (SELECT 2) LIMIT 1) + 1"),
            "(+ ( [(select 1 unionall select 2) limit 1]) 1)");
  EXPECT_EQ(E("MAP['a']"), "line 1, column 1: MAP[...] needs a value for every key");
}

TEST(ExpressionTest, Case) {
  EXPECT_EQ(E("CASE WHEN a THEN 1 WHEN b THEN 2 ELSE 3 END"), "(case a 1 b 2 3)");
  EXPECT_EQ(E("CASE x WHEN 1 THEN 'a' WHEN 2, 3 THEN 'b' END"),
            "(case (= x 1) 'a' (OR (= x 2) (= x 3)) 'b')");
}

TEST(ExpressionTest, NamesThatAreKeywordsElsewhere) {
  for (const char* name :
       {"value", "time", "date", "user", "type", "count", "timestamp", "interval", "row", "map",
        "array", "offset", "key", "day", "year", "first", "start", "position", "language",
        "window", "partition", "left_side", "filter"}) {
    EXPECT_EQ(E(name), name);
    EXPECT_EQ(Q(fmt::format("SELECT {} FROM t WHERE {} > 1", name, name)),
              fmt::format("select {} from t where (> {} 1)", name, name));
  }
  EXPECT_EQ(E("t.order"), "t.order");
  EXPECT_EQ(E("`select`"), "select");
}

TEST(ExpressionTest, SpecialCalls) {
  EXPECT_EQ(E("EXTRACT(YEAR FROM ts)"), "(EXTRACT 'YEAR' ts)");
  EXPECT_EQ(E("FLOOR(ts TO hour)"), "(FLOOR ts 'HOUR')");
  EXPECT_EQ(E("CEILING(1.5)"), "(CEIL 1.5)");
  EXPECT_EQ(E("TIMESTAMPADD(MINUTES, 5, ts)"), "(TIMESTAMPADD 'MINUTE' 5 ts)");
  EXPECT_EQ(E("TIMESTAMPDIFF(DAY, a, b)"), "(TIMESTAMPDIFF 'DAY' a b)");
  EXPECT_EQ(E("TRIM(s)"), "(TRIM 'BOTH' ' ' s)");
  EXPECT_EQ(E("TRIM('x' FROM s)"), "(TRIM 'BOTH' 'x' s)");
  EXPECT_EQ(E("TRIM(LEADING FROM s)"), "(TRIM 'LEADING' ' ' s)");
  EXPECT_EQ(E("TRIM(TRAILING 'x' FROM s)"), "(TRIM 'TRAILING' 'x' s)");
  EXPECT_EQ(E("POSITION('a' IN s)"), "(POSITION 'a' s)");
  EXPECT_EQ(E("SUBSTRING(s FROM 2 FOR 3)"), "(SUBSTRING s 2 3)");
  EXPECT_EQ(E("SUBSTRING(s, 2)"), "(SUBSTRING s 2)");
  EXPECT_EQ(E("OVERLAY(a PLACING b FROM 1 FOR 2)"), "(OVERLAY a b 1 2)");
  EXPECT_EQ(E("LEFT(s, 2)"), "(LEFT s 2)");
  EXPECT_EQ(E("CURRENT_TIMESTAMP"), "(CURRENT_TIMESTAMP)");
  EXPECT_EQ(E("TRY_CAST(a AS DECIMAL(10, 2))"), "(TRY_CAST a DECIMAL(10, 2))");
  EXPECT_EQ(E("if(a, 1, 2)"), "(IF a 1 2)");
}

TEST(ExpressionTest, JsonCalls) {
  EXPECT_EQ(E("JSON_VALUE(j, '$.a' RETURNING INT NULL ON EMPTY DEFAULT 1 ON ERROR)"),
            "(JSON_VALUE j '$.a' 1 {RETURNING} {NULL ON EMPTY} {DEFAULT ON ERROR})");
  EXPECT_EQ(E("JSON_QUERY(j, '$' WITH CONDITIONAL ARRAY WRAPPER EMPTY ARRAY ON EMPTY)"),
            "(JSON_QUERY j '$' {WITH CONDITIONAL WRAPPER} {EMPTY ARRAY ON EMPTY})");
  EXPECT_EQ(E("JSON_EXISTS(j, '$.a' TRUE ON ERROR)"), "(JSON_EXISTS j '$.a' {TRUE ON ERROR})");
  EXPECT_EQ(E("JSON_OBJECT(KEY 'a' VALUE 1, 'b' VALUE NULL ABSENT ON NULL)"),
            "(JSON_OBJECT 'a' 1 'b' NULL {ABSENT ON NULL})");
  EXPECT_EQ(E("JSON_ARRAY(1, NULL NULL ON NULL)"), "(JSON_ARRAY 1 NULL {NULL ON NULL})");
  EXPECT_EQ(E("JSON_ARRAY()"), "(JSON_ARRAY)");
}

TEST(ExpressionTest, Aggregates) {
  EXPECT_EQ(E("COUNT(*)"), "(COUNT)");
  EXPECT_EQ(E("count(DISTINCT a) FILTER (WHERE b > 0)"), "(COUNT distinct a filter:(> b 0))");
  EXPECT_EQ(E("LISTAGG(a, ',') WITHIN GROUP (ORDER BY b DESC)"), "(LISTAGG a ',' order:b-)");
  EXPECT_EQ(E("ROW_NUMBER() OVER (PARTITION BY a, b ORDER BY c DESC, d)"),
            "(ROW_NUMBER over[a b|c- d|])");
  EXPECT_EQ(E("SUM(x) OVER (ORDER BY ts RANGE BETWEEN interval '1' HOUR preceding "
              "and current row)"),
            "(SUM x over[|ts|RANGE BETWEEN INTERVAL '1' HOUR PRECEDING AND CURRENT ROW])");
  EXPECT_EQ(E("LAG(x) IGNORE NULLS OVER (ORDER BY ts)"), "(LAG x {IGNORE NULLS} over[|ts|])");
  EXPECT_EQ(Q("SELECT SUM(x) OVER w FROM t WINDOW w AS (PARTITION BY a ORDER BY b)"),
            "select (SUM x over[a|b|]) from t");
  EXPECT_EQ(Q("SELECT SUM(x) OVER w FROM t"),
            "line 1, column 20: window 'w' is not defined. hint: define it after WHERE, GROUP BY "
            "and HAVING: WINDOW name AS (...)");
  EXPECT_EQ(E("SUM(*)"), "line 1, column 5: '*' cannot be an argument of SUM");
}

// ---- literals ----

TEST(LiteralTest, Numbers) {
  EXPECT_EQ(TypeOf("1"), "INT NOT NULL");
  EXPECT_EQ(TypeOf("007"), "INT NOT NULL");
  EXPECT_EQ(TypeOf("2147483648"), "BIGINT NOT NULL");
  EXPECT_EQ(TypeOf("9223372036854775808"), "DECIMAL(19, 0) NOT NULL");
  EXPECT_EQ(TypeOf("1.50"), "DECIMAL(3, 2) NOT NULL");
  EXPECT_EQ(TypeOf("0.05"), "DECIMAL(3, 2) NOT NULL");
  EXPECT_EQ(TypeOf(".5"), "DECIMAL(1, 1) NOT NULL");
  EXPECT_EQ(TypeOf("1."), "INT NOT NULL");
  EXPECT_EQ(TypeOf("1e3"), "DOUBLE NOT NULL");
  EXPECT_EQ(TypeOf("1.5E-3"), "DOUBLE NOT NULL");
  EXPECT_EQ(TypeOf(Repeated("9", 39)),
            "line 1, column 1: the number '" + Repeated("9", 39) + "' has more than 38 digits");
}

TEST(LiteralTest, Strings) {
  EXPECT_EQ(TypeOf("'héé'"), "CHAR(3) NOT NULL");
  EXPECT_EQ(E("'it''s'"), "'it's'");
  EXPECT_EQ(E("'a'\n'b'"), "'ab'");
  EXPECT_EQ(E("U&'d\\0061t\\00e9 \\\\ \\D83D\\DE00'"), "'daté \\ 😀'");
  EXPECT_EQ(E("U&'!0041' UESCAPE '!'"), "'A'");
  EXPECT_EQ(E("U&'\\00g1'"),
            "line 1, column 1: the string 'U&'\\00g1'' has a bad Unicode escape. hint: write "
            "\\XXXX with four hex digits");
  EXPECT_EQ(TypeOf("X'00ff'"), "BINARY(2) NOT NULL");
  EXPECT_EQ(TypeOf("TRUE"), "BOOLEAN NOT NULL");
  EXPECT_EQ(TypeOf("NULL"), "NULL");
}

TEST(LiteralTest, DatesAndTimes) {
  EXPECT_EQ(TypeOf("DATE '2024-02-29'"), "DATE NOT NULL");
  EXPECT_EQ(TypeOf("TIME '10:20:30.12'"), "TIME(2) NOT NULL");
  EXPECT_EQ(TypeOf("TIMESTAMP '2024-01-01 00:00:00'"), "TIMESTAMP(0) NOT NULL");
  EXPECT_EQ(TypeOf("TIMESTAMP '2024-01-01 00:00:00.123'"), "TIMESTAMP(3) NOT NULL");
  EXPECT_EQ(E("DATE '2023-02-29'"),
            "line 1, column 6: '2023-02-29' is not a valid DATE. hint: write DATE '2024-01-31'");
}

TEST(LiteralTest, Intervals) {
  EXPECT_EQ(E("INTERVAL '10' SECOND"), "#10000");
  EXPECT_EQ(E("INTERVAL '1.5' SECONDS"), "#1500");
  EXPECT_EQ(E("INTERVAL -'2' MINUTES"), "#-120000");
  EXPECT_EQ(E("INTERVAL '-2' HOUR"), "#-7200000");
  EXPECT_EQ(E("INTERVAL '10 00:00:01.5' DAY TO SECOND(3)"), "#864001500");
  EXPECT_EQ(E("INTERVAL '1 2' DAY(2) TO HOUR"), "#93600000");
  EXPECT_EQ(E("INTERVAL '1-2' YEAR TO MONTH"), "#14");
  EXPECT_EQ(E("INTERVAL '2' QUARTER"), "#6");
  EXPECT_EQ(E("INTERVAL '1' WEEK"), "#604800000");
  EXPECT_EQ(E("ts - INTERVAL '5' SECOND"), "(- ts #5000)");
  EXPECT_EQ(TypeOf("INTERVAL '1' YEAR").substr(0, 8), "INTERVAL");
  EXPECT_EQ(E("INTERVAL '1:70' MINUTE TO SECOND"),
            "line 1, column 10: '1:70' is not a valid interval of MINUTE TO SECOND");
  EXPECT_EQ(E("INTERVAL '1' MONTH TO DAY"),
            "line 1, column 20: there is no interval MONTH TO DAY");
  EXPECT_EQ(E("INTERVAL '999999999999999999' YEAR"),
            "line 1, column 10: '999999999999999999' is not a valid interval of YEAR");
  EXPECT_EQ(E("INTERVAL 5 DAY"),
            "line 1, column 10: expected the interval's value as a string, found '5'. hint: write "
            "INTERVAL '5' ...");
}

// ---- types ----

TEST(TypeTest, All) {
  EXPECT_EQ(T("DECIMAL"), "DECIMAL(10, 0)");
  EXPECT_EQ(T("NUMERIC(5)"), "DECIMAL(5, 0)");
  EXPECT_EQ(T("dec(38, 18)"), "DECIMAL(38, 18)");
  EXPECT_EQ(T("VARCHAR"), "STRING");
  EXPECT_EQ(T("VARCHAR(2147483647)"), "STRING");
  EXPECT_EQ(T("CHARACTER VARYING(7)"), "VARCHAR(7)");
  EXPECT_EQ(T("DOUBLE PRECISION"), "DOUBLE");
  EXPECT_EQ(T("TIMESTAMP"), "TIMESTAMP(6)");
  EXPECT_EQ(T("TIMESTAMP(3) WITHOUT TIME ZONE"), "TIMESTAMP(3)");
  EXPECT_EQ(T("TIMESTAMP(3) WITH LOCAL TIME ZONE"), T("TIMESTAMP_LTZ(3)"));
  EXPECT_EQ(T("TIME"), "TIME(0)");
  EXPECT_EQ(T("ARRAY<INT NOT NULL>"), "ARRAY<INT NOT NULL>");
  EXPECT_EQ(T("INT ARRAY"), "ARRAY<INT>");
  EXPECT_EQ(T("MAP<STRING, ARRAY<ROW<a INT, `b` STRING NOT NULL>>>"),
            "MAP<STRING, ARRAY<ROW<`a` INT, `b` STRING NOT NULL>>>");
  EXPECT_EQ(T("ROW(a INT 'comment', b BYTES)"), "ROW<`a` INT, `b` BYTES>");
  EXPECT_EQ(T("INTERVAL DAY TO SECOND(3)").substr(0, 8), "INTERVAL");
}

TEST(TypeTest, Errors) {
  EXPECT_EQ(T("DECIMAL(39)"),
            "line 1, column 19: the precision of the type must lie between 1 and 38, not be 39");
  EXPECT_EQ(T("STRNG"), "line 1, column 11: expected a type, found 'STRNG'. hint: did you mean "
                        "'STRING'?");
  EXPECT_EQ(T("INT MULTISET"), "line 1, column 15: the type MULTISET is not supported");
}

// ---- queries ----

TEST(QueryTest, Clauses) {
  EXPECT_EQ(Q("SELECT DISTINCT a, b AS c, t.* FROM t x WHERE a > 1 GROUP BY a, b "
              "HAVING COUNT(*) > 1 ORDER BY a DESC, b ASC LIMIT 10 OFFSET 5 ROWS;"),
            "select distinct a b:c t.* from t as x where (> a 1) group a b having (> (COUNT) 1) "
            "order a- b limit 10 offset 5");
  EXPECT_EQ(Q("SELECT a FROM t OFFSET 2 ROWS FETCH FIRST 3 ROWS ONLY"),
            "select a from t limit 3 offset 2");
  EXPECT_EQ(Q("VALUES (1, 'a'), ROW(2, 'b')"), "{1 'a'}{2 'b'}");
  EXPECT_EQ(Q("VALUES 1, 2"), "{1}{2}");
  EXPECT_EQ(Q("SELECT 1"), "select 1");
}

TEST(QueryTest, SetOperations) {
  EXPECT_EQ(Q("SELECT 1 UNION SELECT 2 INTERSECT SELECT 3 EXCEPT ALL SELECT 4"),
            "((select 1 union (select 2 intersect select 3)) exceptall select 4)");
  EXPECT_EQ(Q("SELECT 1 UNION ALL (SELECT 2 EXCEPT SELECT 3) ORDER BY a LIMIT 1"),
            "(select 1 unionall (select 2 except select 3)) order a limit 1");
  EXPECT_EQ(Q("(SELECT a FROM t LIMIT 2) LIMIT 1"),
            "select * from [select a from t limit 2] limit 1");
  EXPECT_EQ(Q("((SELECT 1) UNION (SELECT 2))"), "(select 1 union select 2)");
}

TEST(QueryTest, With) {
  EXPECT_EQ(Q("WITH a AS (SELECT 1), b(x) AS (SELECT 2) SELECT * FROM a, b"),
            "a:=[select 1] b:=[select * from [select 2] as b(x)] select * from (cross a b)");
}

TEST(QueryTest, Joins) {
  EXPECT_EQ(Q("SELECT * FROM a JOIN b ON a.x = b.x LEFT OUTER JOIN c USING (y, z) CROSS JOIN d"),
            "select * from (cross (left (inner a b on (= a.x b.x)) c using y,z) d)");
  EXPECT_EQ(Q("SELECT * FROM a FULL JOIN (b RIGHT JOIN c ON TRUE) ON a.x = c.x"),
            "select * from (full a (right b c on TRUE) on (= a.x c.x))");
  EXPECT_EQ(Q("SELECT * FROM o JOIN r FOR SYSTEM_TIME AS OF o.proctime AS c ON o.k = c.k"),
            "select * from (inner o r asof o.proctime as c on (= o.k c.k))");
  EXPECT_EQ(Q("SELECT * FROM t, LATERAL TABLE(f(t.a)) AS x(b, c)"),
            "select * from (cross t lateral F(t.a) as x(b,c))");
  EXPECT_EQ(Q("SELECT * FROM t LEFT JOIN LATERAL (SELECT 1) ON TRUE"),
            "select * from (left t lateral [select 1] on TRUE)");
  EXPECT_EQ(Q("SELECT * FROM t CROSS JOIN UNNEST(t.a) WITH ORDINALITY AS u (v, n)"),
            "select * from (cross t unnest(t.a) ordinality as u(v,n))");
}

TEST(QueryTest, TableFunctions) {
  const std::string tumble = "select * from TUMBLE(table:t[] descriptor:ts #10000)";
  EXPECT_EQ(Q("SELECT * FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '10' SECOND))"),
            tumble);
  EXPECT_EQ(Q("SELECT * FROM TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '10' SECONDS)"), tumble);
  EXPECT_EQ(Q("SELECT * FROM TABLE(HOP(DATA => TABLE t, TIMECOL => DESCRIPTOR(ts), "
              "SLIDE => INTERVAL '1' MINUTE)) AS w"),
            "select * from HOP(DATA=>table:t[] TIMECOL=>descriptor:ts SLIDE=>#60000) as w");
  EXPECT_EQ(Q("SELECT * FROM SESSION(TABLE t PARTITION BY (a, b), DESCRIPTOR(ts), x)"),
            "select * from SESSION(table:t[a b] descriptor:ts x)");
  EXPECT_EQ(Q("SELECT * FROM SESSION(TABLE t PARTITION BY a, DESCRIPTOR(ts), x)"),
            "select * from SESSION(table:t[a] descriptor:ts x)");
  EXPECT_EQ(Q("SELECT * FROM TUMBLE(TABLE (SELECT 1), DESCRIPTOR(ts), x)"),
            "select * from TUMBLE(table:select 1[] descriptor:ts x)");
}

TEST(QueryTest, Sources) {
  EXPECT_EQ(Q("SELECT * FROM (VALUES (1, 'a'), (2, 'b')) AS t(a, b)"),
            "select * from values[{1 'a'}{2 'b'}] as t(a,b)");
  EXPECT_EQ(Q("SELECT * FROM ((SELECT 1) UNION ALL (SELECT 2)) t"),
            "select * from [(select 1 unionall select 2)] as t");
  EXPECT_EQ(Q("SELECT * FROM cat.db.t /*+ OPTIONS('a'='b'), FOO(x, 1) */ AS u"),
            "select * from cat.db.t a=b as u");
  EXPECT_EQ(Q("SELECT /*+ BROADCAST(a) */ a*/*c*/2 FROM t"), "select (* a 2) from t");
}

TEST(QueryTest, GroupingSets) {
  EXPECT_EQ(Q("SELECT 1 FROM t GROUP BY GROUPING SETS ((a, b), a, ())"),
            "select 1 from t group a b sets {a b} {a} {}");
  EXPECT_EQ(Q("SELECT 1 FROM t GROUP BY ROLLUP (a, b)"),
            "select 1 from t group a b sets {a b} {a} {}");
  EXPECT_EQ(Q("SELECT 1 FROM t GROUP BY CUBE (a, b)"),
            "select 1 from t group a b sets {a b} {a} {b} {}");
  EXPECT_EQ(Q("SELECT 1 FROM t GROUP BY x, ROLLUP (a)"),
            "select 1 from t group x a sets {x a} {x}");
  EXPECT_EQ(Q("SELECT 1 FROM t GROUP BY ()"), "select 1 from t group ");
  EXPECT_EQ(Q("SELECT 1 FROM t GROUP BY CUBE (a,b,c,d,e,f,g,h,i,j,k)"),
            "line 1, column 26: GROUP BY expands to too many grouping sets");
}

// ---- statements ----

TEST(StatementTest, CreateTable) {
  const auto table = Parse<ast::CreateTable>(R"(
      CREATE TEMPORARY TABLE IF NOT EXISTS orders (
        `id` BIGINT NOT NULL COMMENT 'key',
        price DECIMAL(10, 2),
        cost AS price * 2 COMMENT 'twice',
        ts TIMESTAMP_LTZ(3) METADATA FROM 'timestamp' VIRTUAL,
        offset BIGINT METADATA,
        WATERMARK FOR ts AS ts - INTERVAL '5' SECOND,
        CONSTRAINT pk PRIMARY KEY (id, price) NOT ENFORCED
      ) COMMENT 'all orders' PARTITIONED BY (id)
      WITH ('connector' = 'kafka', 'topic' = 'o''s'))");
  EXPECT_EQ(table.name, "orders");
  EXPECT_TRUE(table.temporary && table.if_not_exists);
  ASSERT_EQ(table.columns.size(), 5U);
  EXPECT_EQ(table.columns[0].type.ToString(), "BIGINT NOT NULL");
  EXPECT_EQ(table.columns[0].comment, "key");
  EXPECT_EQ(Show(table.columns[2].computed), "(* price 2)");
  EXPECT_EQ(table.columns[2].comment, "twice");
  EXPECT_EQ(table.columns[3].metadata_key, "timestamp");
  EXPECT_TRUE(table.columns[3].metadata_virtual);
  EXPECT_TRUE(table.columns[4].metadata && !table.columns[4].metadata_virtual);
  EXPECT_EQ(Show(table.watermark->expr), "(- ts #5000)");
  EXPECT_EQ(Joined(table.primary_key, ","), "id,price");
  EXPECT_EQ(Joined(table.partitioned_by, ","), "id");
  EXPECT_EQ(table.options.at("topic"), "o's");
  EXPECT_EQ(table.option_places.at("topic").line, 11);
  EXPECT_EQ(table.comment, "all orders");
}

TEST(StatementTest, CreateTableVariants) {
  const auto keyed = Parse<ast::CreateTable>("CREATE TABLE t (a INT PRIMARY KEY NOT ENFORCED)");
  EXPECT_EQ(Joined(keyed.primary_key, ","), "a");
  const auto like = Parse<ast::CreateTable>(
      "CREATE TABLE t WITH ('a'='b') LIKE s (INCLUDING ALL EXCLUDING OPTIONS)");
  EXPECT_EQ(like.like->table, "s");
  EXPECT_EQ(Joined(like.like->options, ","), "INCLUDING ALL,EXCLUDING OPTIONS");
  const auto as = Parse<ast::CreateTable>("CREATE TABLE t (a) WITH ('x'='y') AS SELECT 1 AS a");
  EXPECT_EQ(Show(*as.as_query), "select 1:a");
}

TEST(StatementTest, CreateViewKeepsText) {
  const auto view = Parse<ast::CreateView>("CREATE VIEW v (a, b) AS SELECT 1, /* two */ 2 ; ");
  EXPECT_EQ(view.text, "SELECT 1, /* two */ 2");
  EXPECT_EQ(Joined(view.columns, ","), "a,b");
}

TEST(StatementTest, Commands) {
  EXPECT_EQ(Parse<ast::Drop>("DROP VIEW IF EXISTS v").name, "v");
  EXPECT_EQ(Parse<ast::Show>("SHOW CREATE TABLE t").name, "t");
  EXPECT_EQ(Parse<ast::Describe>("DESC a.b.t").name, "t");
  EXPECT_EQ(Parse<ast::Help>("HELP 'kafka'").name, "kafka");
  EXPECT_EQ(Parse<ast::Help>("HELP create table;").name, "create table");
  EXPECT_EQ(*Parse<ast::SetOption>("SET 'a.b' = 'c'").value, "c");
  const auto set = Parse<ast::SetOption>("SET state.path.mini-batch = file:///tmp/x 10 s;");
  EXPECT_EQ(set.key, "state.path.mini-batch");
  EXPECT_EQ(*set.value, "file:///tmp/x 10 s");
  EXPECT_TRUE(Parse<ast::SetOption>("SET").key.empty());
  EXPECT_TRUE(Parse<ast::SetOption>("RESET 'a'").reset);
}

TEST(StatementTest, Call) {
  const auto call = Parse<ast::Call>(
      "CALL lake.system.expire_snapshots('db.t', table => 'x', older_than => INTERVAL '5' DAY)");
  EXPECT_EQ(call.name, "expire_snapshots");
  EXPECT_EQ(call.place.column, 6);
  ASSERT_EQ(call.args.size(), 3U);
  EXPECT_EQ(call.args[0]->text, "db.t");
  EXPECT_EQ(call.args[1]->name, "TABLE") << "a keyword is a name here";
  EXPECT_EQ(call.args[1]->args[0]->text, "x");
  EXPECT_EQ(call.args[2]->args[0]->interval_value, 5 * 86400000);
  EXPECT_TRUE(Parse<ast::Call>("call System.f()").args.empty());
  EXPECT_EQ(Error("CALL f('t')"),
            "line 1, column 6: there is no procedure 'f'. hint: procedures are in the database "
            "'system': CALL system.rewrite_data_files(...)");
  EXPECT_EQ(Error("CALL system.f('t' 2)"),
            "line 1, column 19: expected ')' after the procedure's arguments, found '2'");
  EXPECT_EQ(Error("CALL"),
            "line 1, column 5: expected the name of a procedure after CALL, found the end of the "
            "script");
}

TEST(StatementTest, Insert) {
  const auto insert = Parse<ast::Insert>(
      "INSERT OVERWRITE t /*+ OPTIONS('a'='b') */ PARTITION (p = 1) (x, y) SELECT 1, 2");
  EXPECT_TRUE(insert.overwrite);
  EXPECT_EQ(insert.hints.at("a"), "b");
  EXPECT_EQ(Show(insert.partition.at("p")), "1");
  EXPECT_EQ(Joined(insert.columns, ","), "x,y");
  EXPECT_EQ(Show(*Parse<ast::Insert>("INSERT INTO t (SELECT 1)").query), "select 1");
  EXPECT_EQ(Show(*Parse<ast::Insert>("INSERT INTO t VALUES (1), (2)").query), "{1}{2}");
}

TEST(StatementTest, StatementSets) {
  const char* inserts = "INSERT INTO a SELECT 1; INSERT INTO b SELECT * FROM t; END;";
  for (const char* start : {"EXECUTE STATEMENT SET BEGIN ", "BEGIN STATEMENT SET; "}) {
    EXPECT_EQ(Parse<ast::StatementSet>(std::string(start) + inserts).inserts.size(), 2U);
  }
  const std::string explain = std::string("EXPLAIN STATEMENT SET BEGIN ") + inserts;
  EXPECT_EQ(Parse<ast::Explain>(explain).inserts.size(), 2U);
  EXPECT_EQ(Show(*Parse<ast::Explain>("EXPLAIN PLAN FOR SELECT 1").query), "select 1");
  EXPECT_EQ(Show(*Parse<ast::Explain>("EXPLAIN CHANGELOG_MODE, PLAN_ADVICE SELECT 1").query),
            "select 1");
}

TEST(StatementTest, ScriptKeepsTextAndPlaces) {
  const auto script = ParseScript("-- c\n SELECT 1;;\nDROP TABLE t;").ValueOrDie();
  ASSERT_EQ(script.size(), 2U);
  EXPECT_EQ(script[0].text, "SELECT 1");
  EXPECT_EQ(script[0].place.line, 2);
  EXPECT_EQ(script[1].place.line, 3);
  EXPECT_TRUE(ParseScript("").ValueOrDie().empty());
}

// ---- errors ----

TEST(ErrorTest, NamePlaceExpectedAndFound) {
  EXPECT_EQ(Error("CREATE TABLE t (\n  a INT\nFROM"),
            "line 3, column 1: expected ')' after the column list, found 'FROM'");
  EXPECT_EQ(Error("SELECT a, FROM t"),
            "line 1, column 11: expected an expression, found 'FROM'. hint: there is a comma too "
            "many before it");
  EXPECT_EQ(Error("SELECT order FROM t"),
            "line 1, column 8: expected an expression, found 'order'. hint: ORDER is a reserved "
            "word; as a name it is written `order`");
  EXPECT_EQ(Error("CREATE TABLE t (a INT b INT)"),
            "line 1, column 23: expected ')' after the column list, found 'b'. hint: columns are "
            "separated by commas");
  EXPECT_EQ(Error("CREATE TABLE t (a INT,)"),
            "line 1, column 23: expected a column name, found ')'. hint: there is a comma too many "
            "before it");
  EXPECT_EQ(Error("SELECT a FROM t ORDER BY a DESC NULLS FIRST"),
            "line 1, column 33: NULLS FIRST is not supported here. hint: NULL counts as the lowest "
            "value: first when ascending, last when descending");
  EXPECT_EQ(Error("SELECT a FROM t ORDER BY a NULLS FIRST, b DESC NULLS LAST"), "no error");
  EXPECT_EQ(Error("SELECT 1 +"),
            "line 1, column 11: expected an expression, found the end of the script");
  EXPECT_EQ(Error("SELECT \"a\""),
            "line 1, column 8: expected an expression, found '\"'. hint: strings stand in 'single "
            "quotes', names in `backquotes`");
  EXPECT_EQ(Error("CREATE TABLE t (a INT, PRIMARY KEY (a))"),
            "line 1, column 39: expected NOT ENFORCED after the primary key, found ')'. hint: keys "
            "are trusted, not checked, and must be declared so");
  EXPECT_EQ(Error("CREATE TABLE t (a INT) WITH ('a'='b', 'a'='c')"),
            "line 1, column 39: option 'a' is given twice");
  EXPECT_EQ(Error("SELECT * FROM a JOIN b"),
            "line 1, column 23: expected ON or USING after the joined table, found the end of the "
            "script. hint: a join without a condition is written CROSS JOIN, or ON TRUE");
}

TEST(ErrorTest, GuessMisspelledKeywords) {
  const std::pair<const char*, const char*> cases[] = {
      {"SELEC 1", "did you mean 'SELECT'?"},
      {"INSRET INTO t SELECT 1", "did you mean 'INSERT'?"},
      {"CREATE TABEL t (a INT)", "did you mean 'TABLE'?"},
      {"SELECT a FORM t", "did you mean 'FROM' instead of 'FORM'?"},
      {"SELECT * FORM t", "did you mean 'FROM'?"},
      {"SELECT INTREVAL '1' DAY", "did you mean 'INTERVAL' instead of 'INTREVAL'?"},
      {"SELECT a FROM t WEHRE a = 1", "did you mean 'WHERE' instead of 'WEHRE'?"},
      {"SELECT a FROM t GRUOP BY a", "did you mean 'GROUP' instead of 'GRUOP'?"},
      {"SELECT a FROM t JION s ON TRUE", "did you mean 'JOIN' instead of 'JION'?"},
      {"CREATE TABLE t (a INT, WATERMRK FOR a AS a)", "did you mean 'WATERMARK'"},
      {"SELECT a == 1", "equality is written '='"},
  };
  for (const auto& [script, hint] : cases) {
    EXPECT_NE(Error(script).find(hint), std::string::npos) << script << ": " << Error(script);
  }
}

// ---- hostile input ----

TEST(HostileTest, NestingIsBounded) {
  const int n = 100000;
  const std::string scripts[] = {
      "SELECT " + Repeated("(", n) + "1",          "SELECT " + Repeated("NOT ", n) + "a",
      "SELECT " + Repeated("- ", n) + "a",         "SELECT " + Repeated("f(", n) + "a",
      "SELECT " + Repeated("CASE WHEN ", n),       Repeated("(", n) + "SELECT 1",
      "SELECT * FROM " + Repeated("(", n) + "t",   "SELECT 1" + Repeated("+1", n),
      "SELECT a" + Repeated("[1]", n),             "SELECT 1" + Repeated(" UNION SELECT 1", n),
      "SELECT * FROM t" + Repeated(", t", n),      "SELECT " + Repeated("a IN (SELECT ", n),
      "SELECT CAST(a AS " + Repeated("ARRAY<", n), "SELECT CAST(a AS INT" + Repeated(" ARRAY", n),
      "SELECT " + Repeated("CASE ", n),            "SELECT ARRAY" + Repeated("[ARRAY", n),
      "SELECT CASE x WHEN 1" + Repeated(",1", n) + " THEN 1 END",
      "SELECT 1 GROUP BY " + Repeated("GROUPING SETS (", n),
      "SELECT * FROM " + Repeated("LATERAL ", n) + "t"};
  for (const std::string& script : scripts) {
    EXPECT_FALSE(ParseScript(script).ok()) << script.substr(0, 40);
  }
}

TEST(HostileTest, WideIsFine) {
  EXPECT_TRUE(ParseScript("SELECT a" + Repeated(" OR a = 1", 20000)).ok());
  EXPECT_TRUE(ParseScript("SELECT a IN (1" + Repeated(", 1", 20000) + ")").ok());
  EXPECT_TRUE(ParseScript("SELECT 1" + Repeated(", f(a + 1)", 20000)).ok());
  EXPECT_TRUE(ParseScript("VALUES (1)" + Repeated(", (1)", 20000)).ok());
  EXPECT_TRUE(ParseScript("SELECT 1 GROUP BY a" + Repeated(", a", 20000)).ok());
  EXPECT_TRUE(ParseScript("SELECT " + Repeated("(", 200) + "1" + Repeated(")", 200)).ok());
  EXPECT_TRUE(ParseScript("SELECT 'a'" + Repeated(" || 'a'", 1000)).ok());
}

TEST(HostileTest, RandomTokensNeverCrash) {
  const std::vector<std::string> pieces = {
      "SELECT", "FROM", "(", ")", ",", "*", "a", "t", "1", "1.5", "'x'", "`q`", ".", "[", "]",
      "=", "+", "-", "AND", "NOT", "IN", "BETWEEN", "CASE", "WHEN", "THEN", "END", "JOIN", "ON",
      "UNION", "GROUP", "BY", "ROLLUP", "INTERVAL", "DAY", "TO", "CAST", "AS", "INT", "ARRAY",
      "<", ">", "ROW", "TABLE", "PARTITION", "ORDER", "LIMIT", "VALUES", "WITH", "/*+", "*/",
      "OPTIONS", ";", "CREATE", "VIEW", "SET", "INSERT", "INTO", "OVER", "ROWS", "JSON_VALUE",
      "DEFAULT", "TRIM", "\xff", "\"", "EXPLAIN", "BEGIN", "STATEMENT", "HELP", "X'00'",
      "U&'\\0041'", "WINDOW", "MAP", "=>", "UNNEST"};
  std::mt19937 random(7);
  std::uniform_int_distribution<size_t> piece(0, pieces.size() - 1);
  std::uniform_int_distribution<int> length(1, 40);
  for (int round = 0; round < 20000; ++round) {
    std::string script = round % 2 == 0 ? "SELECT " : "";
    for (int i = length(random); i > 0; --i) script += pieces[piece(random)] + " ";
    const auto parsed = ParseScript(script);
    if (parsed.ok()) continue;
    EXPECT_EQ(parsed.status().message().substr(0, 5), "line ");
  }
}

}  // namespace
}  // namespace millrace
