// ResultTable: prints the rows of a SELECT as a table while they come. Widths are taken from the first
// rows; an updating result shows the kind of each change in front.
#pragma once

#include <string>
#include <vector>

#include "engine/engine.h"

namespace millrace {

class ResultTable : public ResultSink {
 public:
  Status Begin(const Schema& schema, bool updating) override;
  Status Rows(const Batch& batch) override;
  // Prints what is still held back and the closing line.
  void Finish();

 private:
  static constexpr size_t kMeasured = 200;    // rows that widths are taken from
  static constexpr size_t kMaxWidth = 60;     // wider values push their line out

  void PrintHeld();
  void PrintLine(const std::vector<std::string>& cells) const;
  void PrintRule() const;

  bool begun_ = false, updating_ = false, header_printed_ = false;
  std::vector<std::string> header_;
  std::vector<size_t> widths_;
  std::vector<std::vector<std::string>> held_;
  int64_t rows_ = 0;
};

}  // namespace millrace
