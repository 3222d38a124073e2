// Dashboard: a running job on the terminal: one progress line, or a table that updates with rates,
// watermarks, late and bad rows and the newest results; and the closing summary with its books.
#pragma once

#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "data/batch.h"
#include "runtime/job.h"

namespace millrace {

// Thread safe: the job's threads remember rows and print results while one thread draws.
class Dashboard {
 public:
  // Keeps the newest rows that went into `table`.
  void Remember(const std::string& table, const Batch& rows);
  // Prints or redraws the table of the job's sinks and newest rows; a line where there is no
  // terminal.
  void Draw(const JobCounts& counts, double seconds);
  // Prints or rewrites one line of progress on the standard error: on a terminal from the first
  // second on, elsewhere each five seconds.
  void Line(const JobCounts& counts, double seconds);
  // Takes the progress line away, for other text.
  void EraseLine();
  // Leaves what is drawn and starts anew below it.
  void Clear();

 private:
  static constexpr size_t kNewest = 12;

  struct Table {
    std::vector<std::string> header;
    std::deque<std::vector<std::string>> rows;
  };

  void PrintLine(const JobCounts& counts, double seconds);
  double Rate(const JobCounts& counts, double seconds);
  std::string Newest() const;

  mutable std::mutex mutex_;  // guards all that follows
  std::map<std::string, Table> tables_;
  int drawn_lines_ = 0;
  bool line_open_ = false;
  double last_seconds_ = 0, last_printed_ = 0, rate_ = 0;
  int64_t last_rows_ = 0;
};

// What a job did, with its books, one line for each source, each operator that dropped rows and
// each sink. `imbalances` as Job::Imbalances() gives them.
std::string Summary(const JobCounts& counts, const std::vector<std::string>& imbalances,
                    double seconds);

}  // namespace millrace
