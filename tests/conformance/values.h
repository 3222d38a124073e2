// Values of the case files as constants of SQL types.
#pragma once

#include <simdjson.h>

#include <string>

#include "functions/expression.h"

namespace millrace::conformance {

// The SQL type that a case file names: "INT NOT NULL", or Flink's Java and Scala notations such as
// "DataTypes.DECIMAL(10, 2)" and "Types.ROW(Types.INT, Types.STRING)".
Result<SqlType> ReadType(const std::string& text);

// A JSON value, with {"$date": ...} and its like, as a constant of `type`.
Result<ExpressionPtr> ReadValue(simdjson::dom::element value, const SqlType& type);

// A constant of `type` that the files give as program text: "new MyPojo()". An error if it is not
// known.
Result<ExpressionPtr> ReadProgramText(const std::string& text, const SqlType& type);

// The type of a plain JSON value whose type the file does not name.
SqlType TypeOfValue(simdjson::dom::element value);

}  // namespace millrace::conformance
