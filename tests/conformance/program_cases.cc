#include "program_cases.h"

#include <fmt/format.h>

#include <algorithm>
#include <regex>

#include "data/pretty.h"

namespace millrace::conformance {
namespace {

using simdjson::dom::element;

std::string Text(element value) {
  std::string_view text;
  return value.get(text) == simdjson::SUCCESS ? std::string(text) : simdjson::minify(value);
}

std::string Member(element object, const char* key) {
  element value;
  if (object.at_key(key).get(value) != simdjson::SUCCESS || value.is_null()) return "";
  return Text(value);
}

std::vector<element> Items(element object, const char* key) {
  element list;
  if (object.at_key(key).get(list) != simdjson::SUCCESS) return {};
  return ListItems(list);
}

void AddRows(element table, const char* key, InputTable* input) {
  for (element row : Items(table, key)) {
    input->kinds.push_back(Member(row, "kind"));
    element values;
    if (row.at_key("row").get(values) == simdjson::SUCCESS) input->rows.push_back(values);
  }
}

// Bare names of options that programs give as Java constants.
std::string OptionName(const std::string& name) {
  static const std::pair<const char*, const char*> kKnown[] = {
      {"InternalConfigOptions.TABLE_EXEC_NON_TEMPORAL_SORT_ENABLED",
       "__table.exec.sort.non-temporal.enabled__"},
      {"InternalConfigOptions.TABLE_EXEC_NON_TEMPORAL_SORT_ENABLED()",
       "__table.exec.sort.non-temporal.enabled__"},
      {"setLocalTimeZone", "table.local-time-zone"}};
  for (const auto& [java, option] : kKnown) {
    if (name == java) return option;
  }
  std::string bare = name;
  std::erase_if(bare, [](char c) { return c == '\'' || c == '"'; });
  return bare;
}

std::string OptionValue(const std::string& value) {
  static const std::regex kZone("ZoneId\\.of\\('([^']+)'\\)");
  std::smatch found;
  if (std::regex_search(value, found, kZone)) return found[1];
  return value;
}

// The columns of PRIMARY KEY (a, b) by their place among `schema`'s columns.
std::vector<size_t> KeyColumns(const std::string& ddl, element sink) {
  static const std::regex kKey("PRIMARY KEY ?\\(([^)]*)\\)|`?(\\w+)`? \\w+ PRIMARY KEY NOT",
                               std::regex::icase);
  std::smatch found;
  std::vector<size_t> key;
  if (!std::regex_search(ddl, found, kKey)) return key;
  const std::string names = "," + std::regex_replace(found[1].str() + found[2].str(),
                                                     std::regex("[ `]"), "") + ",";
  size_t position = 0;
  for (element column : Items(sink, "schema")) {
    std::string name = Text(column);
    if (name.starts_with("PRIMARY") || name.starts_with("CONSTRAINT")) continue;
    name = name.substr(0, name.find(' '));
    std::erase(name, '`');
    if (names.find("," + name + ",") != std::string::npos) key.push_back(position);
    ++position;
  }
  return key;
}

// Adds the kinds of rows that the program sets in Java.
std::string WithChangelog(std::string ddl, const std::string& mode) {
  const std::string connector = "'connector' = 'values'";
  const size_t at = ddl.find(connector);
  if (mode.empty() || at == std::string::npos) return ddl;
  const bool before = mode.find("all()") != std::string::npos ||
                      mode.find("UPDATE_BEFORE") != std::string::npos;
  const bool insert_only = mode.find("insertOnly") != std::string::npos;
  const char* kinds = insert_only ? "I" : before ? "I,UA,UB,D" : "I,UA,D";
  return ddl.insert(at + connector.size(), fmt::format(", 'changelog-mode' = '{}'", kinds));
}

ProgramCase ReadProgram(element from) {
  ProgramCase read;
  read.name = Member(from, "id");
  simdjson::dom::object config;
  if (from.at_key("config").get(config) == simdjson::SUCCESS) {
    for (auto [key, value] : config) {
      read.options.emplace_back(OptionName(std::string(key)), Text(value));
    }
  }
  for (element source : Items(from, "sources")) {
    read.setup.push_back(WithChangelog(Member(source, "ddl"), Member(source, "changelog_mode")));
    InputTable input;
    input.name = Member(source, "name");
    AddRows(source, "rows", &input);
    input.rows_before = input.rows.size();
    AddRows(source, "rows_after", &input);
    read.inputs.push_back(std::move(input));
  }
  for (element sink : Items(from, "sinks")) {
    ExpectedSink expected;
    expected.name = Member(sink, "name");
    for (const char* key : {"expected", "expected_after"}) {
      if (Member(sink, "compare") == "materialized" && std::string(key) == "expected" &&
          !Items(sink, "expected_after").empty()) {
        continue;  // what stands at the end, not what stood before the restart
      }
      for (element line : Items(sink, key)) expected.lines.push_back(Text(line));
    }
    expected.key = KeyColumns(Member(sink, "ddl"), sink);
    read.setup.push_back(Member(sink, "ddl"));
    read.sinks.push_back(std::move(expected));
  }
  for (element statement : Items(from, "setup_sql")) read.setup.push_back(Text(statement));
  for (element run : Items(from, "run")) {
    read.run += Member(run, "sql");
    std::string set;
    for (element insert : Items(run, "statement_set")) set += Text(insert) + ";\n";
    if (!set.empty()) read.run += "EXECUTE STATEMENT SET BEGIN " + set + "END";
  }
  for (const std::string& statement : read.setup) read.sql += statement + ";\n";
  read.sql += read.run;
  return read;
}

// CREATE TABLE for a table that the file gives by its columns.
std::string DdlOf(element table) {
  std::string columns, watermark;
  const std::string extractor = Member(table, "timestamps");
  std::string first_column;
  for (element column : Items(table, "columns")) {
    const std::string name = "`" + Member(column, "name") + "`", type = Member(column, "type");
    if (first_column.empty()) first_column = name;
    columns += columns.empty() ? "" : ", ";
    if (type == "PROCTIME") {
      columns += name + " AS PROCTIME()";
    } else if (type == "ROWTIME") {
      columns += Member(column, "phys").empty()
                     ? name + " AS CAST(TO_TIMESTAMP_LTZ(" + first_column + ", 3) AS TIMESTAMP(3))"
                     : name + " TIMESTAMP(3)";
      const std::string delay = extractor.ends_with("(10)") ? "0.010" : "0.001";
      watermark = ", WATERMARK FOR " + name + " AS " + name + " - INTERVAL '" + delay + "' SECOND";
    } else {
      columns += name + " " + type;
    }
  }
  return "CREATE TABLE `" + Member(table, "name") + "` (" + columns + watermark +
         ") WITH ('connector' = 'values')";
}

// A row's typed values as Java prints them: for results that the file gives typed.
std::string TypedText(element value) {
  if (value.is_null()) return "null";
  element inner;
  if (value.at_key("$row").get(inner) == simdjson::SUCCESS) {
    std::string text;
    for (element cell : ListItems(inner)) text += (text.empty() ? "" : ", ") + TypedText(cell);
    return "+I[" + text + "]";
  }
  simdjson::dom::object object;
  if (value.get(object) == simdjson::SUCCESS) {
    for (auto [key, only] : object) return Text(only);
  }
  if (value.is_double()) {
    std::string text;
    AppendDouble(text, double(value));
    return text;
  }
  return Text(value);
}

std::string ExpectedLine(element line) {
  element row;
  if (line.at_key("row").get(row) != simdjson::SUCCESS) return Text(line);
  std::string text;
  for (element cell : ListItems(row)) text += (text.empty() ? "" : ", ") + TypedText(cell);
  return Member(line, "kind") + "[" + text + "]";
}

ProgramCase ReadQuery(element from) {
  ProgramCase read;
  read.is_query = true;
  read.name = Member(from, "name");
  read.ordered = Member(from, "ordered") == "true";
  for (element option : Items(from, "config")) {
    const std::vector<element> pair = ListItems(option);
    if (pair.size() != 2) continue;
    read.options.emplace_back(OptionName(Text(pair[0])), OptionValue(Text(pair[1])));
  }
  std::vector<std::string> views;
  for (element table : Items(from, "tables")) {
    InputTable input;
    input.name = Member(table, "name");
    AddRows(table, "rows", &input);
    input.rows_before = input.rows.size();
    const size_t columns = Items(table, "columns").size();
    input.lacks_columns = columns > 0 && !input.rows.empty() &&
                          ListItems(input.rows[0]).size() > columns;
    read.inputs.push_back(std::move(input));
    const std::string ddl = Member(table, "ddl"), view = Member(table, "view");
    if (!view.empty()) {
      views.push_back(view);
    } else {
      read.setup.push_back(ddl.empty() ? DdlOf(table) : ddl);
    }
  }
  read.setup.insert(read.setup.end(), views.begin(), views.end());
  for (element statement : Items(from, "statements")) read.setup.push_back(Text(statement));
  // What goes into a sink is looked at as a query.
  static const std::regex kInsert("^\\s*INSERT INTO\\s+\\S+", std::regex::icase);
  read.run = std::regex_replace(Member(from, "sql"), kInsert, "");
  for (element line : Items(from, "expected")) read.lines.push_back(ExpectedLine(line));
  read.with_kinds = !read.lines.empty() && (read.lines[0].starts_with("+I[") ||
                                            read.lines[0].starts_with("+U["));
  for (const std::string& statement : read.setup) read.sql += statement + ";\n";
  read.sql += read.run;
  return read;
}

template <typename Read>
Result<std::vector<ProgramCase>> ReadAll(const std::string& path, simdjson::dom::parser& parser,
                                         Read read) {
  element root;
  if (parser.load(path).get(root) != simdjson::SUCCESS)
    return Status::IOError("cannot read ", path);
  simdjson::dom::array cases;
  if (root.get(cases) != simdjson::SUCCESS) return Status::Invalid(path, " holds no list");
  std::vector<ProgramCase> all;
  for (element each : cases) all.push_back(read(each));
  return all;
}

std::string Quoted(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "\"";
}

std::string SqlTime(std::string text) {
  std::replace(text.begin(), text.end(), 'T', ' ');
  return Quoted(text);
}

std::string MapJson(element pairs, const SqlType& type) {
  std::string text;
  for (element pair : ListItems(pairs)) {
    const std::vector<element> both = ListItems(pair);
    if (both.size() != 2) continue;
    text += (text.empty() ? "" : ",") + Quoted(Text(both[0])) + ":" +
            PlainJson(both[1], *type.children[1].type);
  }
  return "{" + text + "}";
}

std::string RowJson(element cells, const SqlType& type) {
  std::string text;
  size_t i = 0;
  for (element cell : ListItems(cells)) {
    if (i >= type.children.size()) break;
    text += (text.empty() ? "" : ",") + Quoted(type.children[i].name) + ":" +
            PlainJson(cell, *type.children[i].type);
    ++i;
  }
  return "{" + text + "}";
}

}  // namespace

Result<std::vector<ProgramCase>> ReadPrograms(const std::string& path,
                                              simdjson::dom::parser& parser) {
  return ReadAll(path, parser, ReadProgram);
}

Result<std::vector<ProgramCase>> ReadQueries(const std::string& path,
                                             simdjson::dom::parser& parser) {
  return ReadAll(path, parser, ReadQuery);
}

std::vector<element> ListItems(element list) {
  std::vector<element> items;
  simdjson::dom::array array;
  if (list.get(array) != simdjson::SUCCESS) return items;
  for (element item : array) items.push_back(item);
  return items;
}

std::string PlainJson(element value, const SqlType& type) {
  if (value.is_null()) return "null";
  element inner;
  if (value.at_key("$dec").get(inner) == simdjson::SUCCESS) return Text(inner);
  if (value.at_key("$timestamp").get(inner) == simdjson::SUCCESS) return SqlTime(Text(inner));
  if (value.at_key("$instant").get(inner) == simdjson::SUCCESS) return SqlTime(Text(inner));
  if (value.at_key("$map").get(inner) == simdjson::SUCCESS) return MapJson(inner, type);
  if (value.at_key("$row").get(inner) == simdjson::SUCCESS) return RowJson(inner, type);
  if (type.kind == TypeKind::kTimestamp && value.is_int64()) {
    std::string text;
    AppendTimestamp(text, int64_t(value), arrow::TimeUnit::MILLI, 3);
    return Quoted(text);
  }
  if (value.is_array() && type.kind == TypeKind::kArray) {
    std::string text;
    for (element item : ListItems(value)) {
      text += (text.empty() ? "" : ",") + PlainJson(item, *type.children[0].type);
    }
    return "[" + text + "]";
  }
  return simdjson::minify(value);
}

}  // namespace millrace::conformance
