// The files that one lane of a table reads, in order. A bounded table's files stand fixed in name
// order; with a monitor interval new ones are added behind those that are known.
//
// A position is "x:y:hash:path": where in the file `path`, and a hash of the files before it, so
// that a lane does not go on among files that are not those it began with. Lanes that watch for new
// files have these on lines of their own behind it instead.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "connectors/files/file_facts.h"
#include "connectors/files/object_files.h"

namespace millrace {

struct LaneFilesOptions {
  std::string path;  // a file, a folder (read recursively), or a glob
  std::shared_ptr<const ObjectFiles> store;  // where it lies; null: on the local disk
  int lane = 0;
  int lanes = 1;
  std::chrono::milliseconds monitor_interval{0};  // 0: bounded
  // False of files that need not be read; null: all are.
  std::function<bool(const std::string& path)> wanted;
};

// The local files behind `path` in name order; names starting with '_' or '.' inside folders are
// left out.
Result<std::vector<std::string>> ListFiles(const std::string& path);
// Sorts by name, where numbers in names count as numbers, and takes out what comes twice.
void SortByName(std::vector<std::string>* files);

// Size and time of change of a local file, or of an object of `store`.
Result<FileFacts> FactsOf(const std::string& path, const ObjectFiles* store = nullptr);

class LaneFiles {
 public:
  explicit LaneFiles(LaneFilesOptions options) : options_(std::move(options)) {}

  Status Open();
  bool bounded() const { return options_.monitor_interval.count() == 0; }
  const std::vector<std::string>& all() const { return files_; }
  const ObjectFiles* store() const { return options_.store.get(); }
  // The file being read: one that is wanted, or where Seek has gone. There is none at the end.
  bool at_end() const { return current_ >= files_.size(); }
  const std::string& current() const { return files_[current_]; }
  void Next() {
    ++current_;
    SkipUnwanted();
  }
  bool IsWanted(const std::string& path) const {
    return !options_.wanted || options_.wanted(path);
  }
  // At the end of a watched lane: sleeps until the next look for new files is due, at most for
  // `wait`, and adds those there are.
  Status Watch(std::chrono::milliseconds wait);

  // The position (x, y) within the current file, and the way back there.
  std::string Position(int64_t x, int64_t y) const;
  Result<std::pair<int64_t, int64_t>> Seek(const std::string& position);
  // The file's name if there is but one, else "lane 3".
  std::string name() const;

 private:
  Result<std::vector<std::string>> List() const;
  Status Find();
  void SkipUnwanted() {
    while (!at_end() && !IsWanted(current())) ++current_;
  }
  uint64_t HashBefore() const;

  LaneFilesOptions options_;
  std::vector<std::string> files_;
  size_t current_ = 0;
  mutable size_t hashed_ = 0;  // files that hash_ covers
  mutable uint64_t hash_ = 0;
  std::chrono::steady_clock::time_point next_look_;
};

}  // namespace millrace
