// Rejected: the rows a job could not read or that came too late. The newest are kept in memory; all of
// them go to JSON files in the job's folder, which $dead_letter and $late read back. While an epoch is
// not committed its rows stand in a hidden file of their own, which is then appended:
//
//   .dead_letter.json.7   -- checkpoint 7 is durable -->   end of dead_letter.json
//
// A checkpoint knows how long the tables were with its own rows, so going on from it cuts off what was
// appended since. A committable has a line for each table: its name, its length before, and maybe the
// hidden files with their lengths.
//
// Both files have the columns of RejectedColumns(); times are NULL where they are not known.
#pragma once

#include <array>
#include <cstdio>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "data/type.h"
#include "engine/engine.h"
#include "runtime/reject_log.h"

namespace millrace {

// The columns of $dead_letter and $late:
//   source     the table, or the operator that the row was late for
//   split      the file or lane; of a late row NULL if it is made of rows of several
//   line       from 1; NULL if the source has no lines
//   position   "split:line", for people; of a late row "table/split"
//   time       the row's event time
//   watermark  what the row was behind of
//   reason     why it was rejected
//   row        the row as text: a late one as JSON, a bad one as it came
//   bytes      a bad row's bytes, exactly
Schema RejectedColumns();

class Rejected : public RejectLog {
 public:
  // `folder` "": memory only.
  static Result<std::unique_ptr<Rejected>> Make(const std::string& folder);
  ~Rejected() override;

  void Dead(int64_t epoch, const BadRow& row) override;
  void Late(int64_t epoch, const Batch& batch, int64_t row, const LateRow& late,
            const SplitName* from) override;
  Result<Committable> Stage(int64_t epoch) override;
  Status Publish(const Committable& staged) override;
  Committable Shown(int64_t epoch) const override;
  Status Restore(const Committable* published) override;

  std::vector<RejectedRow> dead_letters() const { return Rows(dead_); }
  std::vector<RejectedRow> late_rows() const { return Rows(late_); }
  // The first failure to keep a row; OK if there was none.
  Status failure() const;

 private:
  static constexpr size_t kKeptRows = 10000;      // of each kind in memory
  static constexpr size_t kKeptBytes = 16 << 20;  // of each kind in memory

  // The hidden file of one epoch.
  struct Segment {
    std::FILE* file = nullptr;
    std::string name;
    int64_t bytes = 0;
  };
  struct Table {
    std::string name;  // of the file
    int64_t length = 0;
    std::map<int64_t, Segment> segments;  // by epoch, not yet published
    std::deque<std::pair<int64_t, RejectedRow>> rows;  // with their epoch, 0 once it is published
    size_t kept_bytes = 0;                             // of `rows`
  };

  explicit Rejected(std::string folder) : folder_(std::move(folder)) {}
  std::vector<RejectedRow> Rows(const Table& table) const;
  void Keep(Table& table, int64_t epoch, RejectedRow row, std::string_view bytes);
  void Write(Table& table, int64_t epoch, const std::string& line);
  Status OpenTable(Table& table);
  Status StageTable(Table& table, int64_t epoch, std::string& payload);
  Status PublishLine(const std::string& line, bool cut);
  // Adds the `bytes` of a hidden file to the table's.
  Status Append(const std::string& path, const std::string& segment, int64_t bytes);
  void DropSegments(Table& table);
  Status RemoveHidden();

  const std::string folder_;
  mutable std::mutex mutex_;  // guards all that follows
  Table dead_{"dead_letter.json", 0, {}, {}, 0}, late_{"late.json", 0, {}, {}, 0};
  Status failure_;  // the first row that could not be written
};

}  // namespace millrace
