#include "cli/result_table.h"

#include <algorithm>
#include <cstdio>

#include "data/pretty.h"

namespace millrace {

Status ResultTable::Begin(const Schema& schema, bool updating) {
  *this = ResultTable();
  begun_ = true;
  updating_ = updating;
  if (updating) header_.push_back("op");
  for (const Column& column : schema.columns) header_.push_back(column.name);
  return Status::OK();
}

Status ResultTable::Rows(const Batch& batch) {
  for (int64_t row = 0; row < batch.num_rows(); ++row) {
    std::vector<std::string> cells;
    if (updating_) cells.push_back(RowKindName(batch.kind(row)));
    for (const auto& column : batch.rows->columns()) cells.push_back(FormatValue(*column, row));
    ++rows_;
    if (header_printed_) {
      PrintLine(cells);
    } else {
      held_.push_back(std::move(cells));
    }
  }
  // Unbounded results should show their first rows at once; many rows come in one batch anyway.
  if (!header_printed_ && held_.size() >= kMeasured) PrintHeld();
  std::fflush(stdout);
  return Status::OK();
}

void ResultTable::PrintHeld() {
  widths_.clear();
  for (const std::string& name : header_) widths_.push_back(name.size());
  for (const auto& row : held_) {
    for (size_t c = 0; c < row.size(); ++c) {
      widths_[c] = std::max(widths_[c], std::min(row[c].size(), kMaxWidth));
    }
  }
  PrintRule();
  PrintLine(header_);
  PrintRule();
  for (const auto& row : held_) PrintLine(row);
  held_.clear();
  header_printed_ = true;
}

void ResultTable::PrintLine(const std::vector<std::string>& cells) const {
  std::string text = "|";
  for (size_t c = 0; c < cells.size(); ++c) text += fmt::format(" {:<{}} |", cells[c], widths_[c]);
  text += "\n";
  std::fwrite(text.data(), 1, text.size(), stdout);
}

void ResultTable::PrintRule() const {
  std::string text = "+";
  for (const size_t width : widths_) text += std::string(width + 2, '-') + "+";
  std::puts(text.c_str());
}

void ResultTable::Finish() {
  if (!begun_) return;
  if (!header_printed_) PrintHeld();
  PrintRule();
  std::printf("%lld row%s\n", static_cast<long long>(rows_), rows_ == 1 ? "" : "s");
  std::fflush(stdout);
  begun_ = false;
}

}  // namespace millrace
