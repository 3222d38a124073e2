// The procedures that CALL runs: maintenance of Iceberg tables, named and with arguments as those
// of Iceberg's own for Spark and Flink.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "connectors/connector.h"
#include "sql/ast.h"

namespace millrace {

// The one row of a procedure's result: names and numbers.
using ProcedureRow = std::vector<std::pair<std::string, int64_t>>;

// Finds a table of the session by its name.
using FindTableInfo = std::function<Result<TableInfo>(const std::string& name)>;

// Runs the procedure; returns when it is done. Unknown procedures and arguments are user errors
// with their place and the nearest name.
Result<ProcedureRow> RunProcedure(const ast::Call& call, const FindTableInfo& find_table);

// How the procedure is called and what it does, for HELP; "" if there is none of that name.
std::string ProcedureManual(const std::string& name);

// The query that shows a procedure's row.
std::string QueryOf(const ProcedureRow& row);

}  // namespace millrace
