// Conditions of a scan as PostgreSQL's SQL, so that rows that nobody wants are not sent. What passes
// the condition passes the SQL, perhaps with others: the job's own filter stays behind the scan.
#pragma once

#include <functional>
#include <string>

#include "connectors/postgres/catalog.h"
#include "data/column_condition.h"

namespace millrace {

// `test` of a column that is declared as `type` and is `column` there, of a table named t; "" where
// this cannot be said exactly enough: floating numbers, NUMERIC, text beyond ASCII or of another type.
std::string PostgresCondition(const ColumnCondition& test, const SqlType& type,
                              const PostgresColumn& column,
                              const std::function<std::string(const std::string&)>& quoted);

}  // namespace millrace
