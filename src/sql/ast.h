// The syntax tree: what the parser read, nothing resolved. Plain data; each node knows its place in
// the script, so that later errors can name line and column.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "data/type.h"

namespace millrace::ast {

// Where a token stands; both count from 1.
struct Place {
  int line = 1;
  int column = 1;
};

struct Query;

struct Expr;
using ExprPtr = std::shared_ptr<Expr>;
using QueryPtr = std::shared_ptr<Query>;

enum class ExprKind {
  kLiteral,    // literal_type + text (text unescaped); NULL, TRUE, FALSE included
  kInterval,   // literal_type kIntervalMonth/kIntervalDay, interval_value in months / milliseconds
  kColumn,     // path: "a", "t.a", "row.field"
  kStar,       // path empty: "*"; else "t.*"
  kCall,       // name (upper case as written-insensitive), args; operators are calls: "+", "AND"...
  kCast,       // args[0], cast_type; name is CAST or TRY_CAST
  kCase,       // args: [when, then]* [else]; simple CASE is rewritten to "=" comparisons
  kIndex,      // args[0][args[1]]: array element or map value
  kField,      // args[0].path[0]: member of a row that is itself an expression
  kArray,      // ARRAY[...]
  kMap,        // MAP[k, v, ...]
  kRow,        // ROW(...) or (a, b)
  kSubquery,   // query: scalar subquery, or the right side of IN (name IN, args[0]) or EXISTS
  kNamedArg,   // name => args[0], in table function calls
  kDescriptor, // DESCRIPTOR(path[0])
  kTableArg,   // TABLE path [PARTITION BY args]; or TABLE (query)
};

// Operator names used in kCall: + - * / % NEG || = <> < <= > >= AND OR NOT
// "IS NULL" "IS NOT NULL" "IS TRUE" "IS NOT TRUE" "IS FALSE" "IS NOT FALSE" "IS UNKNOWN" "IS NOT UNKNOWN"
// "IS DISTINCT FROM" "IS NOT DISTINCT FROM" BETWEEN "NOT BETWEEN" "BETWEEN SYMMETRIC" "NOT BETWEEN SYMMETRIC"
// IN "NOT IN" (args[0] then the list) LIKE "NOT LIKE" (args: value, pattern [, escape])
// "SIMILAR TO" "NOT SIMILAR TO" "IS JSON" "IS NOT JSON" (and "IS JSON OBJECT" ...)
// Special call forms become ordinary args: EXTRACT(unit FROM x) -> EXTRACT('unit', x) with the unit as
// a kLiteral string; FLOOR/CEIL(x TO unit) -> two args; TIMESTAMPADD/TIMESTAMPDIFF(unit, ..) -> string
// unit first; TRIM([BOTH|LEADING|TRAILING] [c] FROM s) -> TRIM('BOTH', c, s); POSITION(a IN b) ->
// POSITION(a, b); SUBSTRING(s FROM i [FOR n]) -> SUBSTRING(s, i [, n]); OVERLAY(a PLACING b FROM i
// [FOR n]) -> OVERLAY(a, b, i [, n]); CEILING -> CEIL.
struct Expr {
  ExprKind kind;
  Place place;
  std::string name;
  std::vector<std::string> path;
  std::vector<ExprPtr> args;
  SqlType literal_type;   // kLiteral, kInterval
  std::string text;       // kLiteral
  int64_t interval_value = 0;
  SqlType cast_type;
  QueryPtr query;
  bool distinct = false;                 // COUNT(DISTINCT x)
  ExprPtr filter;                        // FILTER (WHERE ...)
  std::vector<std::pair<ExprPtr, bool>> within_order;  // WITHIN GROUP (ORDER BY ...); true = DESC
  // OVER (PARTITION BY over_partition ORDER BY over_order frame)
  bool over = false;
  std::vector<ExprPtr> over_partition;
  std::vector<std::pair<ExprPtr, bool>> over_order;  // expression, descending
  std::string over_frame;                // the frame's text, "" if none
  // Clauses inside a call that have no place of their own, upper case and in order, e.g.
  // JSON_VALUE(... RETURNING INT NULL ON EMPTY): "RETURNING", cast_type set; "NULL ON EMPTY".
  // DEFAULT x ON EMPTY|ERROR adds x to args and "DEFAULT ON EMPTY" here.
  std::vector<std::string> clauses;
};

struct SelectItem {
  ExprPtr expr;
  std::string alias;  // "" if none
};

// A row source in FROM.
struct TableRef;
using TableRefPtr = std::shared_ptr<TableRef>;
enum class TableRefKind { kName, kSubquery, kFunction, kJoin, kUnnest, kValues };
enum class JoinKind { kInner, kLeft, kRight, kFull, kCross };

struct TableRef {
  TableRefKind kind = TableRefKind::kName;
  Place place;
  std::string name;                     // kName: table or view (last part); kFunction: upper case
  std::vector<std::string> path;        // kName: all parts
  std::string alias;
  std::vector<std::string> column_aliases;
  QueryPtr query;                       // kSubquery
  std::vector<ExprPtr> args;            // kFunction: TABLE(f(args)); kUnnest: the collection
  bool lateral = false;
  bool with_ordinality = false;         // kUnnest
  ExprPtr as_of;                        // FOR SYSTEM_TIME AS OF
  std::map<std::string, std::string> hints;  // /*+ OPTIONS('k'='v') */
  // kJoin
  JoinKind join = JoinKind::kInner;
  TableRefPtr left, right;
  ExprPtr on;
  std::vector<std::string> using_columns;
};

enum class GroupingKind { kPlain, kGroupingSets, kRollup, kCube };

// SELECT ... FROM ... WHERE ... GROUP BY ... HAVING
struct Select {
  Place place;
  bool distinct = false;
  std::vector<SelectItem> items;
  TableRefPtr from;  // null: SELECT without FROM
  ExprPtr where;
  std::vector<ExprPtr> group_by;
  GroupingKind grouping = GroupingKind::kPlain;
  std::vector<std::vector<ExprPtr>> grouping_sets;  // explicit sets; ROLLUP and CUBE are expanded
  bool has_group_by = false;
  ExprPtr having;
  std::map<std::string, std::string> hints;
};

enum class SetOp { kUnion, kUnionAll, kIntersect, kIntersectAll, kExcept, kExceptAll };

// A query body is one SELECT, VALUES, or two queries under a set operation.
struct Query {
  Place place;
  std::vector<std::pair<std::string, QueryPtr>> with;
  std::optional<Select> select;
  std::vector<std::vector<ExprPtr>> values;  // VALUES rows
  std::optional<SetOp> set_op;
  QueryPtr left, right;
  std::vector<std::pair<ExprPtr, bool>> order_by;  // expression, descending
  std::optional<int64_t> limit, offset;
};

// ---- statements ----

struct ColumnDef {
  Place place;
  std::string name;
  SqlType type;
  bool has_type = false;          // computed columns have none
  ExprPtr computed;               // name AS expr
  std::string computed_text;      // expr as written
  bool metadata = false;          // name TYPE METADATA [FROM 'key'] [VIRTUAL]
  std::string metadata_key;       // "" = the column's name
  bool metadata_virtual = false;
  std::string comment;
};

struct WatermarkDef {
  Place place;
  std::string column;
  ExprPtr expr;
  std::string text;  // expr as written
};

struct LikeClause {
  std::string table;
  // "INCLUDING ALL", "EXCLUDING OPTIONS", "OVERWRITING OPTIONS", ... in order
  std::vector<std::string> options;
};

struct CreateTable {
  std::string name;
  bool temporary = false;
  bool if_not_exists = false;
  std::vector<ColumnDef> columns;
  std::optional<WatermarkDef> watermark;
  std::vector<std::string> primary_key;
  std::vector<std::string> partitioned_by;
  std::string comment;
  std::map<std::string, std::string> options;
  std::map<std::string, Place> option_places;
  std::optional<LikeClause> like;
  QueryPtr as_query;  // CREATE TABLE ... AS SELECT
};

struct CreateView {
  std::string name;
  bool temporary = false;
  bool if_not_exists = false;
  std::vector<std::string> columns;
  QueryPtr query;
  std::string text;  // the query's own text
};

struct Drop {
  enum class What { kTable, kView } what = What::kTable;
  std::string name;
  bool if_exists = false;
};

struct Show {
  enum class What { kTables, kViews, kFunctions, kCreateTable, kCreateView } what = What::kTables;
  std::string name;
};

struct Describe { std::string name; };

struct SetOption {  // SET 'k' = 'v'; RESET; RESET 'k'; SET alone lists
  std::string key;
  std::optional<std::string> value;
  bool reset = false;
};

struct Insert {
  std::string table;
  std::vector<std::string> columns;
  QueryPtr query;
  bool overwrite = false;
  std::map<std::string, std::string> hints;
  std::map<std::string, ExprPtr> partition;  // PARTITION (k = v)
};

struct StatementSet { std::vector<Insert> inserts; };

// What EXPLAIN wraps is a query or inserts.
struct Explain {
  QueryPtr query;
  std::vector<Insert> inserts;
};

struct Help { std::string name; };

struct Call {  // CALL [catalog.]system.name(args)
  Place place;
  std::string name;
  std::vector<ExprPtr> args;  // kNamedArg where they are named
};

struct Statement {
  Place place;
  std::string text;  // the statement as written, without the semicolon
  std::variant<CreateTable, CreateView, Drop, Show, Describe, SetOption, Insert, StatementSet,
               Explain, QueryPtr, Help, Call>
      body;
};

}  // namespace millrace::ast
