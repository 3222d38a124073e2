// The files that one lane of a table reads, in order. A bounded table's files stand fixed in name
// order; with a monitor interval new ones are added behind those that are known.
//
// A position is "x:y:hash:path": where in the file `path`, and a hash of the files before it, so
// that a lane does not go on among files that are not those it began with. Lanes that watch for new
// files have these on lines of their own behind it instead.
#pragma once

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"

namespace millrace {

struct LaneFilesOptions {
  std::string path;  // a file, a folder (read recursively), or a glob
  int lane = 0;
  int lanes = 1;
  std::chrono::milliseconds monitor_interval{0};  // 0: bounded
};

// The files behind `path` in name order; names starting with '_' or '.' inside folders are left
// out.
Result<std::vector<std::string>> ListFiles(const std::string& path);

// Size and time of change of a file.
struct FileFacts {
  std::string path;
  int64_t bytes = 0;
  int64_t modified = 0;  // ms since 1970
};
Result<FileFacts> FactsOf(const std::string& path);

class LaneFiles {
 public:
  explicit LaneFiles(LaneFilesOptions options) : options_(std::move(options)) {}

  Status Open();
  bool bounded() const { return options_.monitor_interval.count() == 0; }
  const std::vector<std::string>& all() const { return files_; }
  // The file being read; there is none at the end.
  bool at_end() const { return current_ >= files_.size(); }
  const std::string& current() const { return files_[current_]; }
  void Next() { ++current_; }
  // At the end of a watched lane: sleeps until the next look for new files is due, at most for
  // `wait`, and adds those there are.
  Status Watch(std::chrono::milliseconds wait);

  // The position (x, y) within the current file, and the way back there.
  std::string Position(int64_t x, int64_t y) const;
  Result<std::pair<int64_t, int64_t>> Seek(const std::string& position);
  // The file's name if there is but one, else "lane 3".
  std::string name() const;

 private:
  Status Find();
  uint64_t HashBefore() const;

  LaneFilesOptions options_;
  std::vector<std::string> files_;
  size_t current_ = 0;
  mutable size_t hashed_ = 0;  // files that hash_ covers
  mutable uint64_t hash_ = 0;
  std::chrono::steady_clock::time_point next_look_;
};

}  // namespace millrace
