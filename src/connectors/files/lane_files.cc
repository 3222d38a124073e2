#include "connectors/files/lane_files.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <set>
#include <string_view>
#include <thread>

namespace millrace {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// The same in every process, so that a lane keeps its files after a restart.
uint64_t StableHash(std::string_view text, uint64_t hash = 14695981039346656037ULL) {
  for (const char c : text) hash = (hash ^ static_cast<uint8_t>(c)) * 1099511628211ULL;  // FNV-1a
  return hash;
}

struct FilePosition {
  int64_t x = 0;
  int64_t y = 0;
  uint64_t hash = 0;
  std::string path;
  std::vector<std::string> done;
};

template <typename T>
bool TakeNumber(std::string_view& text, T* value) {
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), *value);
  const auto length = static_cast<size_t>(stop - text.data());
  if (error != std::errc() || length >= text.size() || text[length] != ':') return false;
  text.remove_prefix(length + 1);
  return true;
}

bool ParsePosition(std::string_view text, FilePosition* position) {
  if (!TakeNumber(text, &position->x) || !TakeNumber(text, &position->y)) return false;
  if (!TakeNumber(text, &position->hash)) return false;
  std::vector<std::string> lines;
  while (true) {
    const size_t end = text.find('\n');
    lines.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  position->path = lines.front();
  position->done.assign(lines.begin() + 1, lines.end());
  return position->x >= 0 && position->y >= 0;
}

}  // namespace

Result<FileFacts> FactsOf(const std::string& path, const ObjectFiles* store) {
  if (store) return store->FactsOf(path);
  struct stat info = {};
  if (stat(path.c_str(), &info) != 0) {
    return ExternalError("cannot read '{}': {}", path, strerror(errno));
  }
  return FileFacts{path, info.st_size,
                   info.st_mtim.tv_sec * 1000 + info.st_mtim.tv_nsec / 1000000};
}

Status LaneFiles::Open() {
  MILL_RETURN(Find());
  next_look_ = steady_clock::now() + options_.monitor_interval;
  return Status::OK();
}

std::string LaneFiles::name() const {
  if (files_.size() == 1) return std::filesystem::path(files_.front()).filename().string();
  return fmt::format("lane {}", options_.lane);
}

// A watched folder or pattern may be empty at first.
Result<std::vector<std::string>> LaneFiles::List() const {
  if (options_.store) {
    MILL_ASSIGN(auto objects, options_.store->List(options_.path, !bounded()));
    SortByName(&objects);
    return objects;
  }
  auto listed = ListFiles(options_.path);
  const bool pattern = options_.path.find_first_of("*?[{") != std::string::npos;
  if (!listed.ok() && !bounded() && pattern) return std::vector<std::string>();
  return listed;
}

// Adds the lane's files that are not yet known behind those that are.
Status LaneFiles::Find() {
  MILL_ASSIGN(const std::vector<std::string> all, List());
  const std::set<std::string> known(files_.begin(), files_.end());
  const auto lanes = static_cast<size_t>(options_.lanes);
  for (size_t i = 0; i < all.size(); ++i) {
    const size_t turn = bounded() ? i : StableHash(all[i]);
    if (turn % lanes != static_cast<size_t>(options_.lane)) continue;
    if (!known.contains(all[i])) files_.push_back(all[i]);
  }
  SkipUnwanted();
  return Status::OK();
}

Status LaneFiles::Watch(milliseconds wait) {
  const auto deadline = steady_clock::now() + wait;
  if (wait.count() > 0) std::this_thread::sleep_until(std::min(deadline, next_look_));
  if (steady_clock::now() < next_look_) return Status::OK();
  next_look_ = steady_clock::now() + options_.monitor_interval;
  return Find();
}

uint64_t LaneFiles::HashBefore() const {
  if (hashed_ > current_) hashed_ = hash_ = 0;
  for (; hashed_ < current_; ++hashed_) {
    hash_ = StableHash(files_[hashed_] + "\n", hash_ + 14695981039346656037ULL);
  }
  return hash_;
}

std::string LaneFiles::Position(int64_t x, int64_t y) const {
  if (bounded()) return fmt::format("{}:{}:{}:{}", x, y, HashBefore(), files_[current_]);
  std::string text = fmt::format("{}:{}:0:{}", x, y, files_[current_]);
  for (size_t i = 0; i < current_; ++i) text += "\n" + files_[i];
  return text;
}

Result<std::pair<int64_t, int64_t>> LaneFiles::Seek(const std::string& text) {
  FilePosition position;
  if (!ParsePosition(text, &position)) return Status::Invalid("not a file position: ", text);
  if (!bounded()) {  // what was read before stands first, in that order
    std::vector<std::string> order = position.done;
    order.push_back(position.path);
    for (const std::string& file : files_) {
      if (std::find(order.begin(), order.end(), file) == order.end()) order.push_back(file);
    }
    files_ = std::move(order);
  }
  const auto found = std::find(files_.begin(), files_.end(), position.path);
  if (found == files_.end()) {
    return ExternalError("cannot go on in '{}': the file is not there any more", position.path);
  }
  current_ = static_cast<size_t>(found - files_.begin());
  if (bounded() && HashBefore() != position.hash) {
    return ExternalError("cannot go on in '{}': the files before it in '{}' are not those that "
                         "were read", position.path, options_.path);
  }
  return std::pair{position.x, position.y};
}

}  // namespace millrace
