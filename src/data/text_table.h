// Text tables and times for the terminal.
#pragma once

#include <string>
#include <vector>

#include "data/batch.h"

namespace millrace {

// "2026-01-01 00:00:00.000" of milliseconds since the epoch.
std::string FormatTimestamp(Timestamp time);
// An aligned table with a header line and rules; ends with a newline.
std::string TextTable(const std::vector<std::string>& header,
                      const std::vector<std::vector<std::string>>& rows);

}  // namespace millrace
