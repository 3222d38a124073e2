// Conformance cases that are whole programs: tables with rows, a script, and what Flink's own tests
// expect in the sinks or as the query's result. The case files lie outside the repository.
#pragma once

#include <simdjson.h>

#include <string>
#include <vector>

#include "base/status.h"
#include "data/type.h"

namespace millrace::conformance {

struct InputTable {
  std::string name;
  std::vector<simdjson::dom::element> rows;  // arrays of values
  std::vector<std::string> kinds;            // "+I" ...
  size_t rows_before = 0;      // of them, before the program was stopped and restored
  bool lacks_columns = false;  // the rows have more values than the file has columns
};

struct ExpectedSink {
  std::string name;
  std::vector<std::string> lines;  // "+I[1, a]"
  std::vector<size_t> key;         // columns by which later rows replace earlier ones; none: all
};

struct ProgramCase {
  std::string name;
  std::string sql;  // all of it, for looking at
  std::vector<std::pair<std::string, std::string>> options;
  std::vector<std::string> setup;  // statements before the one that runs
  std::string run;
  std::vector<InputTable> inputs;
  std::vector<ExpectedSink> sinks;  // of programs
  // Of queries: the result's rows, cells by ',' in lines.
  bool is_query = false;
  bool with_kinds = false;  // lines are "+I[...]"
  bool ordered = false;
  std::vector<std::string> lines;
};

// The files of programs (programs.json) and of queries (itcases_stream.json). The parsers own what
// the
// cases point into.
Result<std::vector<ProgramCase>> ReadPrograms(const std::string& path,
                                              simdjson::dom::parser& parser);
Result<std::vector<ProgramCase>> ReadQueries(const std::string& path,
                                             simdjson::dom::parser& parser);

// The items of a JSON list; none if it is no list.
std::vector<simdjson::dom::element> ListItems(simdjson::dom::element list);

// A value of the files as JSON that the format `json` reads as `type`.
std::string PlainJson(simdjson::dom::element value, const SqlType& type);

}  // namespace millrace::conformance
