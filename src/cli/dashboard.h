// Dashboard: a running job on the terminal: one progress line, or a table that updates with rates,
// watermarks, late and bad rows and the newest results; and the closing summary with its books.
#pragma once

#include <deque>
#include <map>
#include <mutex>
#include <string>

#include "data/batch.h"
#include "runtime/job.h"

namespace millrace {

class Dashboard {
 public:
  // Keeps the newest rows that went into `table`. Called by the job's threads.
  void Remember(const std::string& table, const Batch& rows);
  // Prints or redraws.
  void Draw(const JobCounts& counts, double seconds);
  void Line(const JobCounts& counts, double seconds);
  // Leaves what is drawn and goes on below it.
  void Clear();

 private:
  static constexpr size_t kNewest = 12;

  double Rate(const JobCounts& counts, double seconds);
  std::string Newest() const;

  struct Table {
    std::vector<std::string> header;
    std::deque<std::vector<std::string>> rows;
  };
  mutable std::mutex mutex_;
  std::map<std::string, Table> tables_;
  int drawn_lines_ = 0;
  bool line_open_ = false;
  double last_seconds_ = 0, last_printed_ = 0, rate_ = 0;
  int64_t last_rows_ = 0;
};

// What a job did, with the books: rows read = rows consumed + dead-lettered, and what became of them.
std::string Summary(const JobCounts& counts, double seconds);

}  // namespace millrace
