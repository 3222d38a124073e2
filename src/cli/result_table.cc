#include "cli/result_table.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "data/pretty.h"
#include "data/text_table.h"

namespace millrace {

using std::chrono::steady_clock;

Status ResultTable::Begin(const Schema& schema, bool updating) {
  const std::lock_guard lock(mutex_);
  begun_ = true;
  updating_ = updating;
  header_printed_ = false;
  rows_ = 0;
  header_.clear();
  held_.clear();
  if (updating) header_.push_back("op");
  for (const Column& column : schema.columns) header_.push_back(Printable(column.name));
  return Status::OK();
}

Status ResultTable::Rows(const Batch& batch) {
  const std::lock_guard lock(mutex_);
  if (header_printed_) before_printing_();
  if (held_.empty()) first_held_ = steady_clock::now();
  for (int64_t row = 0; row < batch.num_rows(); ++row) {
    std::vector<std::string> cells;
    if (updating_) cells.push_back(RowKindName(batch.kind(row)));
    for (const auto& column : batch.rows->columns())
      cells.push_back(Printable(FormatValue(*column, row)));
    ++rows_;
    if (header_printed_) {
      PrintLine(cells);
    } else {
      held_.push_back(std::move(cells));
      if (held_.size() >= kMeasured) PrintHeld();
    }
  }
  if (header_printed_ && !Flush()) {
    return ExternalError("cannot write to the standard output: {}", std::strerror(errno));
  }
  return Status::OK();
}

void ResultTable::Tick() {
  const std::lock_guard lock(mutex_);
  if (header_printed_ || held_.empty() || steady_clock::now() - first_held_ < kHeld) return;
  PrintHeld();
  Flush();
}

void ResultTable::PrintHeld() {
  before_printing_();
  widths_.clear();
  for (const std::string& name : header_)
    widths_.push_back(std::min(DisplayWidth(name), kMaxWidth));
  for (const auto& row : held_) {
    for (size_t c = 0; c < row.size(); ++c) {
      widths_[c] = std::max(widths_[c], std::min(DisplayWidth(row[c]), kMaxWidth));
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
  for (size_t c = 0; c < cells.size(); ++c) text += " " + Padded(cells[c], widths_[c]) + " |";
  text += "\n";
  std::fwrite(text.data(), 1, text.size(), stdout);
}

void ResultTable::PrintRule() const {
  std::string text = "+";
  for (const size_t width : widths_) text += std::string(width + 2, '-') + "+";
  std::puts(text.c_str());
}

bool ResultTable::Flush() const { return std::fflush(stdout) == 0 && std::ferror(stdout) == 0; }

void ResultTable::Finish(bool failed) {
  const std::lock_guard lock(mutex_);
  if (!begun_) return;
  begun_ = false;
  if (failed && rows_ == 0) return;
  if (!header_printed_) PrintHeld();
  before_printing_();
  PrintRule();
  std::printf("%lld row%s%s\n", static_cast<long long>(rows_), rows_ == 1 ? "" : "s",
              failed ? ", then it failed" : "");
  Flush();
}

bool ResultTable::printing() const {
  const std::lock_guard lock(mutex_);
  return header_printed_;
}

}  // namespace millrace
