// Text tables and times for the terminal.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "data/batch.h"

namespace millrace {

// "2026-01-01 00:00:00.000" of milliseconds since the epoch.
std::string FormatTimestamp(Timestamp time);
// `text` with control characters and bytes that are no UTF-8 escaped (\n, \x1b): a value must not
// break a table, nor speak to the terminal.
std::string Printable(std::string_view text);
bool IsUtf8(std::string_view text);
// Columns of a terminal that printable UTF-8 takes: East Asian characters two, combining marks
// none.
size_t DisplayWidth(std::string_view text);
// The front of `text`, at most `width` columns wide.
std::string Clip(std::string_view text, size_t width);
// `text` and spaces up to `width` columns.
std::string Padded(std::string_view text, size_t width);
// An aligned table with a header line and rules; ends with a newline.
std::string TextTable(const std::vector<std::string>& header,
                      const std::vector<std::vector<std::string>>& rows);

}  // namespace millrace
