// ResultTable: prints the rows of a SELECT as a table while they come. Widths are taken from the
// first rows; an updating result shows the kind of each change in front.
#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "engine/engine.h"

namespace millrace {

// Thread safe: the job's threads bring rows while another one keeps time.
class ResultTable : public ResultSink {
 public:
  // `before_printing` is called before each piece of output.
  explicit ResultTable(std::function<void()> before_printing)
      : before_printing_(std::move(before_printing)) {}

  Status Begin(const Schema& schema, bool updating) override;
  Status Rows(const Batch& batch) override;
  // Prints rows that have been held back for long: a slow result should show its first rows at
  // once.
  void Tick();
  // Prints what is still held back and the closing line; of a failed result only rows that there
  // are.
  void Finish(bool failed);
  // True once something has been printed.
  bool printing() const;

 private:
  static constexpr size_t kMeasured = 200;  // rows that widths are taken from
  static constexpr size_t kMaxWidth = 60;   // wider values push their line out
  static constexpr std::chrono::milliseconds kHeld{200};

  // All under the mutex.
  void PrintHeld();
  void PrintLine(const std::vector<std::string>& cells) const;
  void PrintRule() const;
  bool Flush() const;

  std::function<void()> before_printing_;
  mutable std::mutex mutex_;  // guards all that follows
  bool begun_ = false, updating_ = false, header_printed_ = false;
  std::vector<std::string> header_;
  std::vector<size_t> widths_;
  std::vector<std::vector<std::string>> held_;
  std::chrono::steady_clock::time_point first_held_;
  int64_t rows_ = 0;
};

}  // namespace millrace
