// How the columns of a Parquet file become SQL columns, as Flink maps them. Arrow has already
// turned Parquet's types into its own; what remains is the engine's layout (data/type.h):
//
//   integers            TINYINT .. BIGINT, also a narrower declared one if every value fits
//   float, double       FLOAT, DOUBLE; float also DOUBLE
//   decimal(p, s)       DECIMAL of at least as many digits before and behind the point
//   string, binary      STRING, BYTES; a binary column as STRING is checked to be UTF-8
//   date, time          DATE, TIME (cut to milliseconds)
//   timestamp, INT96    TIMESTAMP(p), TIMESTAMP_LTZ(p), cut to the unit of p; in UTC either way
//   list, map, struct   ARRAY, MAP, ROW (fields by name)
#pragma once

#include <arrow/array.h>

#include <memory>

#include "base/status.h"
#include "data/type.h"

namespace millrace {

// True if a column of type `from` can be read as `to`.
bool IsReadableAs(const arrow::DataType& from, const SqlType& to);

// The same values in the layout of `to`; `array` must be readable as it. A value that does not fit
// is an error.
Result<std::shared_ptr<arrow::Array>> ConvertTo(const std::shared_ptr<arrow::Array>& array,
                                                const SqlType& to);

}  // namespace millrace
