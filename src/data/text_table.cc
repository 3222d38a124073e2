#include "data/text_table.h"

#include <algorithm>

#include "data/pretty.h"

namespace millrace {

std::string FormatTimestamp(Timestamp time) {
  std::string text;
  AppendTimestamp(text, time, arrow::TimeUnit::MILLI, 3);
  return text;
}

std::string TextTable(const std::vector<std::string>& header,
                      const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  for (const std::string& cell : header) widths.push_back(cell.size());
  for (const auto& row : rows) {
    for (size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], row[c].size());
  }
  std::string rule = "+";
  for (const size_t width : widths) rule += std::string(width + 2, '-') + "+";
  const auto line = [&](const std::vector<std::string>& cells) {
    std::string text = "|";
    for (size_t c = 0; c < widths.size(); ++c) text += fmt::format(" {:<{}} |", cells[c], widths[c]);
    return text + "\n";
  };
  std::string text = rule + "\n" + line(header) + rule + "\n";
  for (const auto& row : rows) text += line(row);
  return text + rule + "\n";
}

}  // namespace millrace
