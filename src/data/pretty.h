// Values as text: for people (the shell, the print sink) and, piece by piece, for the text formats.
#pragma once

#include <arrow/array.h>
#include <arrow/record_batch.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "data/batch.h"

namespace millrace {

// Pieces, appended to `out`.
void AppendInt(std::string& out, int64_t value);
// As Java prints them: 1.0, 0.1, 1.0E10, NaN, Infinity.
void AppendDouble(std::string& out, double value);
void AppendFloat(std::string& out, float value);
// Without an exponent: 0.00000001.
void AppendDecimal(std::string& out, const uint8_t* decimal128, int scale);
// As Java's BigDecimal prints it: 1E-8 where more than six digits would be zeros behind the point.
void AppendBigDecimal(std::string& out, const uint8_t* decimal128, int scale);
void AppendDate(std::string& out, int32_t days);
// HH:mm:ss with `digits` of fraction; kShortest: as many as are not zero.
inline constexpr int kShortest = -1;
void AppendTimeOfDay(std::string& out, int32_t millis, int digits);
// yyyy-MM-dd, `separator`, HH:mm:ss with `digits` of fraction.
void AppendTimestamp(std::string& out, int64_t value, arrow::TimeUnit::type unit, int digits,
                     char separator = ' ');
void AppendHex(std::string& out, std::string_view bytes);

// A value as the shell shows it: NULL, TRUE, 2020-01-01 00:00:00.000, [1, 2], {a=1}, (a, b).
std::string FormatValue(const arrow::Array& array, int64_t row);
void AppendValue(std::string& out, const arrow::Array& array, int64_t row);
// "+I[1, abc]".
std::string FormatRow(const arrow::RecordBatch& rows, int64_t row, RowKind kind);

// Rows below a header in aligned columns; a first column `op` with the row kinds if `with_kinds`.
std::string PrettyTable(const std::vector<Batch>& batches, bool with_kinds);

}  // namespace millrace
