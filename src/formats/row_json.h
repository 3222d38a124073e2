// One row as a line of JSON, whatever its columns: for dead letters and late rows, not for the json
// format, which knows the table's types.
#pragma once

#include <arrow/record_batch.h>

#include <string>
#include <string_view>

namespace millrace {

// Appends `text` as a JSON string. Valid UTF-8 stands as it is; in other text each byte beyond
// ASCII becomes \u00XX, so that no input makes an unreadable file.
void AppendJsonString(std::string& out, std::string_view text);

// {"column": value, ...}: numbers and booleans bare, NULL as null, all else as text.
std::string RowAsJson(const arrow::RecordBatch& rows, int64_t row);

}  // namespace millrace
