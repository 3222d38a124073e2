// Rejected: the rows a job could not read or that came too late. The newest are kept in memory; all
// of them go to JSON files in the job's folder, which the tables $dead_letter and $late read back.
// Both files have the columns of RejectedColumns(); times are NULL where they are not known.
#pragma once

#include <cstdio>
#include <deque>
#include <mutex>
#include <string>
#include <vector>

#include "data/type.h"
#include "engine/engine.h"
#include "formats/format.h"
#include "operators/operator.h"

namespace millrace {

// The columns of $dead_letter and $late:
//   source     the table, or the operator that the row was late for
//   split      the file or lane; NULL behind an exchange
//   line       from 1; NULL if the source has no lines
//   position   "split:line", for people
//   time       the row's event time
//   watermark  what the row was behind of
//   reason     why it was rejected
//   row        the row as text: a late one as JSON, a bad one as it came
//   bytes      a bad row's bytes, exactly
Schema RejectedColumns();

class Rejected : public DeadLetters, public LateSink {
 public:
  // `folder` "": memory only.
  static Result<std::unique_ptr<Rejected>> Make(const std::string& folder);
  ~Rejected() override;

  void Add(const BadRow& row) override;
  void Late(const Batch& batch, int64_t row, const LateRow& late) override;

  std::vector<RejectedRow> dead_letters() const;
  std::vector<RejectedRow> late_rows() const;
  // Writes what is buffered to the files. An error if a row could not be kept, now or before.
  Status Flush();

 private:
  static constexpr size_t kKeptRows = 10000;      // of each kind in memory
  static constexpr size_t kKeptBytes = 16 << 20;  // of each kind in memory

  // The rows of one kind: the newest in memory, all in a file if there is one.
  struct Log {
    std::deque<RejectedRow> rows;
    size_t bytes = 0;
    std::string path;
    std::FILE* file = nullptr;
  };

  Rejected() = default;
  static Status Open(Log& log, const std::string& path);
  void Keep(Log& log, RejectedRow row, std::string_view bytes);
  void Note(const Log& log, bool written);

  mutable std::mutex mutex_;  // guards all that follows
  Log dead_, late_;
  Status failure_;  // the first row that could not be written
};

}  // namespace millrace
