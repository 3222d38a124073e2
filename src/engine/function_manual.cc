#include "engine/function_manual.h"

#include <algorithm>
#include <map>
#include <string_view>
#include <vector>

#include "functions/registry.h"
#include "functions/special_forms.h"

namespace millrace {
namespace {

// '|' ends a cell of a Markdown table.
std::string Cell(std::string_view text) {
  std::string cell;
  for (const char c : text) {
    if (c == '|') cell.push_back('\\');
    cell.push_back(c == '\n' ? ' ' : c);
  }
  return cell;
}

std::string Code(std::string_view text) { return "`" + Cell(text) + "`"; }

bool IsOperator(const std::string& name) {
  return name.find(' ') != std::string::npos ||
         !std::all_of(name.begin(), name.end(), [](char c) { return c == '_' || isalnum(c); }) ||
         name == "AND" || name == "OR" || name == "NOT" || name == "IN" || name == "LIKE" ||
         name == "BETWEEN" || name == "NEG";
}

std::string ExamplesOf(const ScalarFunction& function) {
  std::string text;
  for (const Example& example : function.examples) {
    text += (text.empty() ? "" : "<br>") + Code(example.sql) + " = " + Code(example.result);
  }
  return text;
}

std::string ScalarTable(const FunctionRegistry& registry, bool operators) {
  std::string table = "| signature | | examples |\n|---|---|---|\n";
  for (const std::string& name : registry.Names()) {
    const ScalarFunction* function = registry.FindScalar(name);
    if (function == nullptr || IsOperator(name) != operators || name == "FIELD") continue;
    table += fmt::format("| {} | {} | {} |\n", Code(function->signature), Cell(function->doc),
                         ExamplesOf(*function));
  }
  return table;
}

std::string AggregateTable(const FunctionRegistry& registry) {
  std::string table = "| signature | |\n|---|---|\n";
  for (const std::string& name : registry.Names()) {
    const AggregateFunction* function = registry.FindAggregate(name);
    if (function == nullptr) continue;
    table += fmt::format("| {} | {} |\n", Code(function->signature), Cell(function->doc));
  }
  return table;
}

std::string FormTable() {
  std::string table = "| form | |\n|---|---|\n";
  for (const SpecialForm& form : SpecialForms()) {
    table += fmt::format("| {} | {} |\n", Code(form.signature), Cell(form.doc));
  }
  return table;
}

struct FlinkGroup {
  const char* title;
  std::vector<const char*> names;
};

// Flink 2.x's list of built-in functions, by its own sections.
const std::vector<FlinkGroup>& FlinkList() {
  static const std::vector<FlinkGroup> kGroups = {
      {"Comparison",
       {"=", "<>", "<", "<=", ">", ">=", "IS NULL", "IS NOT NULL", "IS DISTINCT FROM",
        "IS NOT DISTINCT FROM", "BETWEEN", "NOT BETWEEN", "LIKE", "NOT LIKE", "SIMILAR TO",
        "NOT SIMILAR TO", "IN", "NOT IN", "EXISTS"}},
      {"Logic",
       {"OR", "AND", "NOT", "IS FALSE", "IS NOT FALSE", "IS TRUE", "IS NOT TRUE", "IS UNKNOWN",
        "IS NOT UNKNOWN"}},
      {"Arithmetic", {"+",       "-",     "*",     "/",     "%",        "POWER", "ABS",
                      "SQRT",    "LN",    "LOG10", "LOG2",  "LOG",      "EXP",   "CEIL",
                      "CEILING", "FLOOR", "SIN",   "SINH",  "COS",      "TAN",   "TANH",
                      "COT",     "ASIN",  "ACOS",  "ATAN",  "ATAN2",    "COSH",  "DEGREES",
                      "RADIANS", "SIGN",  "ROUND", "PI",    "E",        "RAND",  "RAND_INTEGER",
                      "UUID",    "BIN",   "HEX",   "UNHEX", "TRUNCATE", "MOD",   "PERCENTILE"}},
      {"Strings",
       {"||",
        "CHAR_LENGTH",
        "CHARACTER_LENGTH",
        "UPPER",
        "LOWER",
        "POSITION",
        "TRIM",
        "LTRIM",
        "RTRIM",
        "BTRIM",
        "REPEAT",
        "REGEXP_REPLACE",
        "OVERLAY",
        "SUBSTRING",
        "SUBSTR",
        "REPLACE",
        "REGEXP",
        "REGEXP_COUNT",
        "REGEXP_EXTRACT",
        "REGEXP_EXTRACT_ALL",
        "REGEXP_INSTR",
        "REGEXP_SUBSTR",
        "TRANSLATE",
        "INITCAP",
        "CONCAT",
        "CONCAT_WS",
        "LPAD",
        "RPAD",
        "FROM_BASE64",
        "TO_BASE64",
        "ASCII",
        "CHR",
        "DECODE",
        "ENCODE",
        "INSTR",
        "LEFT",
        "RIGHT",
        "LOCATE",
        "URL_DECODE",
        "URL_ENCODE",
        "PARSE_URL",
        "PRINTF",
        "REVERSE",
        "SPLIT",
        "SPLIT_INDEX",
        "STR_TO_MAP",
        "ELT",
        "STARTSWITH",
        "ENDSWITH",
        "HASH_CODE"}},
      {"Time",
       {"LOCALTIME",
        "LOCALTIMESTAMP",
        "CURRENT_TIME",
        "CURRENT_DATE",
        "CURRENT_TIMESTAMP",
        "NOW",
        "CURRENT_ROW_TIMESTAMP",
        "PROCTIME",
        "EXTRACT",
        "YEAR",
        "QUARTER",
        "MONTH",
        "WEEK",
        "DAYOFYEAR",
        "DAYOFMONTH",
        "DAYOFWEEK",
        "HOUR",
        "MINUTE",
        "SECOND",
        "OVERLAPS",
        "DATE_FORMAT",
        "TIMESTAMPADD",
        "TIMESTAMPDIFF",
        "CONVERT_TZ",
        "FROM_UNIXTIME",
        "UNIX_TIMESTAMP",
        "TO_DATE",
        "TO_TIMESTAMP_LTZ",
        "TO_TIMESTAMP",
        "CURRENT_WATERMARK",
        "SOURCE_WATERMARK"}},
      {"Conditions and conversion",
       {"CASE", "NULLIF", "COALESCE", "IF", "IFNULL", "IS_ALPHA", "IS_DECIMAL", "IS_DIGIT",
        "GREATEST", "LEAST", "CAST", "TRY_CAST", "TYPEOF"}},
      {"Collections",
       {"CARDINALITY",
        "ITEM",
        "ELEMENT",
        "ARRAY_APPEND",
        "ARRAY_CONCAT",
        "ARRAY_CONTAINS",
        "ARRAY_DISTINCT",
        "ARRAY_EXCEPT",
        "ARRAY_INTERSECT",
        "ARRAY_JOIN",
        "ARRAY_MAX",
        "ARRAY_MIN",
        "ARRAY_POSITION",
        "ARRAY_PREPEND",
        "ARRAY_REMOVE",
        "ARRAY_REVERSE",
        "ARRAY_SLICE",
        "ARRAY_SORT",
        "ARRAY_UNION",
        "MAP_ENTRIES",
        "MAP_FROM_ARRAYS",
        "MAP_KEYS",
        "MAP_UNION",
        "MAP_VALUES",
        "ROW",
        "ARRAY",
        "MAP",
        "OBJECT_OF",
        "OBJECT_UPDATE"}},
      {"JSON and VARIANT",
       {"IS JSON", "JSON_EXISTS", "JSON_VALUE", "JSON_QUERY", "JSON_STRING", "JSON_OBJECT",
        "JSON_ARRAY", "JSON", "JSON_QUOTE", "JSON_UNQUOTE", "JSON_OBJECTAGG", "JSON_ARRAYAGG",
        "PARSE_JSON", "TRY_PARSE_JSON"}},
      {"Hashes", {"MD5", "SHA1", "SHA224", "SHA256", "SHA384", "SHA512", "SHA2"}},
      {"Aggregates",
       {"COUNT",       "AVG",          "SUM",       "MAX",      "MIN",        "STDDEV_POP",
        "STDDEV_SAMP", "VAR_POP",      "VAR_SAMP",  "VARIANCE", "COLLECT",    "FIRST_VALUE",
        "LAST_VALUE",  "LISTAGG",      "ARRAY_AGG", "RANK",     "DENSE_RANK", "ROW_NUMBER",
        "CUME_DIST",   "PERCENT_RANK", "NTILE",     "LEAD",     "LAG",        "GROUPING",
        "GROUPING_ID", "GROUP_ID"}},
  };
  return kGroups;
}

std::string WhyMissing(const std::string& name) {
  static const std::map<std::string, std::string> kReasons = {
      {"EXISTS", "subqueries inside expressions are not there yet"},
      {"OBJECT_OF", "structured types name Java classes. hint: ROW"},
      {"OBJECT_UPDATE", "structured types name Java classes. hint: ROW"},
      {"PARSE_JSON", "the type VARIANT is not there yet. hint: JSON_VALUE, JSON_QUERY"},
      {"TRY_PARSE_JSON", "the type VARIANT is not there yet. hint: JSON_VALUE, JSON_QUERY"},
  };
  const auto found = kReasons.find(name);
  if (found != kReasons.end()) return found->second;
  for (const char* window :
       {"RANK", "DENSE_RANK", "ROW_NUMBER", "CUME_DIST", "PERCENT_RANK", "NTILE", "LEAD", "LAG"}) {
    if (name == window) return "needs OVER, which is not there yet";
  }
  return "not there yet";
}

std::string FlinkTable(const FunctionRegistry& registry) {
  std::string table = "| section | there | not there, and why |\n|---|---|---|\n";
  for (const FlinkGroup& group : FlinkList()) {
    std::string there, missing;
    for (const std::string name : group.names) {
      const bool known = registry.FindScalar(name) != nullptr ||
                         registry.FindAggregate(name) != nullptr ||
                         FindSpecialForm(name) != nullptr;
      if (known) there += (there.empty() ? "" : ", ") + Code(name);
      else missing += (missing.empty() ? "" : "<br>") + Code(name) + ": " + WhyMissing(name);
    }
    table += fmt::format("| {} | {} | {} |\n", group.title, there, missing);
  }
  return table;
}

}  // namespace

std::string FunctionManual() {
  const FunctionRegistry& registry = FunctionRegistry::Default();
  return "# Functions\n\nPrinted by `millrace docs functions` from the registry; the examples run "
         "as "
         "tests. `HELP name;` explains one function in the shell.\n\n## Operators\n\n" +
         ScalarTable(registry, true) + "\n## Functions\n\n" + ScalarTable(registry, false) +
         "\n## Aggregates\n\n" + AggregateTable(registry) +
         "\n## Forms with a syntax of their own\n\n" + FormTable() +
         "\n## Flink's list of built-in functions\n\n" + FlinkTable(registry);
}

}  // namespace millrace
