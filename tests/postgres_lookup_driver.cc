// Looks keys up in a PostgreSQL table, so that tests see what a lookup join would be told:
//
//   postgres_lookup_driver URL TABLE KEY COLUMN:TYPE,... [OPTION=VALUE...]
//
// reads lines of keys from standard input, NULL among them, and answers each with one line:
// "place of the key: value|value; ...", or "error: ...".
#include <arrow/builder.h>

#include <iostream>
#include <sstream>
#include <string>

#include "connectors/connector.h"
#include "data/pretty.h"

namespace millrace {
namespace {

Result<SqlType> TypeOf(const std::string& name) {
  if (name == "INT") return SqlType::Int();
  if (name == "BIGINT") return SqlType::BigInt();
  if (name == "STRING") return SqlType::String();
  return UserError("no type '{}' here", name);
}

Result<std::shared_ptr<arrow::RecordBatch>> Keys(const Schema& schema, const std::string& line) {
  MILL_ASSIGN(const auto builder, arrow::MakeBuilder(schema.columns[0].type.ToArrow()));
  std::istringstream words(line);
  for (std::string word; words >> word;) {
    if (word == "NULL") {
      MILL_RETURN(builder->AppendNull());
    } else if (schema.columns[0].type.kind == TypeKind::kInt) {
      MILL_RETURN(static_cast<arrow::Int32Builder&>(*builder).Append(std::stoi(word)));
    } else if (schema.columns[0].type.kind == TypeKind::kBigInt) {
      MILL_RETURN(static_cast<arrow::Int64Builder&>(*builder).Append(std::stoll(word)));
    } else {
      MILL_RETURN(static_cast<arrow::StringBuilder&>(*builder).Append(word));
    }
  }
  MILL_ASSIGN(auto array, builder->Finish());
  return arrow::RecordBatch::Make(schema.ToArrow(), array->length(), {array});
}

Result<std::string> Answer(Lookup& lookup, const Schema& keys, const std::string& line) {
  MILL_ASSIGN(const auto batch, Keys(keys, line));
  MILL_ASSIGN(const LookupRows found, lookup.Find(*batch));
  std::string text;
  for (size_t i = 0; i < found.keys.size(); ++i) {
    text += fmt::format("{}{}:", i ? "; " : "", found.keys[i]);
    for (int column = 0; column < found.rows->num_columns(); ++column) {
      text += (column ? "|" : " ") +
              FormatValue(*found.rows->column(column), static_cast<int64_t>(i));
    }
  }
  return text;
}

Status Main(const std::vector<std::string>& args) {
  if (args.size() < 4) return UserError("too few arguments");
  TableInfo table;
  table.name = "p";
  table.options = {{"connector", "postgres"}, {"url", args[0]}, {"table-name", args[1]}};
  Schema keys;
  std::istringstream columns(args[3]);
  for (std::string column; std::getline(columns, column, ',');) {
    const size_t colon = column.find(':');
    MILL_ASSIGN(SqlType type, TypeOf(column.substr(colon + 1)));
    const Column made{column.substr(0, colon), type};
    table.schema.columns.push_back(made);
    if (made.name == args[2]) keys.columns.push_back(made);
  }
  for (size_t i = 4; i < args.size(); ++i) {
    const size_t equals = args[i].find('=');
    table.options[args[i].substr(0, equals)] = args[i].substr(equals + 1);
  }
  const Connector& connector = *FindConnector("postgres");
  MILL_RETURN(CheckOptions(connector, table));
  MILL_ASSIGN(const auto lookup, connector.make_lookup(table, table.schema, keys));
  MILL_RETURN(lookup->Open());
  for (std::string line; std::getline(std::cin, line);) {
    const auto answer = Answer(*lookup, keys, line);
    std::cout << (answer.ok() ? *answer : "error: " + answer.status().message()) << std::endl;
  }
  return Status::OK();
}

}  // namespace
}  // namespace millrace

int main(int argc, char** argv) {
  const millrace::Status status = millrace::Main({argv + 1, argv + argc});
  if (!status.ok()) std::cout << "error: " << status.message() << std::endl;
  return status.ok() ? 0 : 1;
}
