// Text to SQL values, from raw bytes and without allocation: shared by the JSON, CSV and regex
// decoders. Every function takes the whole text and returns false if it is anything else.
#pragma once

#include <arrow/util/decimal.h>

#include <cstdint>
#include <string_view>

#include "data/type.h"
#include "formats/columns.h"

namespace millrace {

std::string_view Trimmed(std::string_view text);
bool ParseInteger(std::string_view text, int64_t* value);
// Decimal or exponent notation, "NaN", "Infinity", "-Infinity".
bool ParseDouble(std::string_view text, double* value);
// Rounds half up to `scale`; `*fits` is false if more than `precision` digits remain.
bool ParseDecimal(std::string_view text, int precision, int scale, arrow::Decimal128* value,
                  bool* fits);
// TRUE and FALSE in any case.
bool ParseBoolean(std::string_view text, bool* value);
// yyyy-MM-dd, as days since 1970.
bool ParseDate(std::string_view text, int32_t* days);
// HH:mm[:ss[.fraction]], as milliseconds.
bool ParseTimeOfDay(std::string_view text, int32_t* millis);
// yyyy-MM-dd, 'T' or ' ', HH:mm[:ss[.fraction]], then nothing or Z. For TIMESTAMP_LTZ also an
// offset
// (+02:00); without one it is UTC. The value is in the unit of `type`'s precision; digits beyond it
// are cut.
bool ParseTimestamp(std::string_view text, const SqlType& type, int64_t* value);
// The bytes of a base64 text, appended.
bool AppendBase64(ColumnBuilder& column, std::string_view text);

// Appends an integer to a TINYINT ... BIGINT column; false if out of range.
bool AppendInteger(ColumnBuilder& column, int64_t value);
// Appends NULL if the number has too many digits, as Flink does.
bool AppendDecimal(ColumnBuilder& column, std::string_view text);
// Appends `text` as the type of a non-nested column; false if it cannot be read: nothing is
// appended then.
bool AppendText(ColumnBuilder& column, std::string_view text);

}  // namespace millrace
