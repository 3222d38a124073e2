// The parts of CastDatum, one file each. A job is one cast of one column; a part returns it converted.
#pragma once

#include "functions/per_row.h"

namespace millrace {

struct CastJob {
  Call call;  // args: the value; arg_types: from; type: to
  bool try_cast = false;

  const arrow::Datum& value() const { return call.args[0]; }
  const SqlType& from() const { return call.arg_types[0]; }
  const SqlType& to() const { return call.type; }
};

Result<arrow::Datum> CastNumber(const CastJob& job);    // numbers, booleans, intervals
Result<arrow::Datum> CastTime(const CastJob& job);      // between DATE, TIME, TIMESTAMP(_LTZ)
Result<arrow::Datum> ParseText(const CastJob& job);     // text to anything
Result<arrow::Datum> FormatText(const CastJob& job);    // scalars to text
Result<arrow::Datum> FormatNested(const CastJob& job);  // arrays, maps, rows to text
Result<arrow::Datum> CastNested(const CastJob& job);    // member by member
// Cuts or pads text and bytes for CHAR(n), VARCHAR(n), BINARY(n), VARBINARY(n).
Result<arrow::Datum> FitLength(const CastJob& job);

// The same values under another Arrow type of the same layout.
arrow::Datum Relabel(const arrow::Datum& value, const SqlType& to);
// The error for a value that has no counterpart in `to`.
Status CastError(std::string_view text, const SqlType& to);

}  // namespace millrace
