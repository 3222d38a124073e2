// Which files a path stands for.
#include <glob.h>

#include <algorithm>
#include <filesystem>
#include <string_view>

#include "connectors/files/lane_files.h"
#include "connectors/storage/file_system.h"

namespace millrace {
namespace {

namespace fs = std::filesystem;

Status CannotRead(const std::string& path, const std::error_code& error) {
  return ExternalError("cannot read '{}': {}", path, error.message());
}

bool IsHidden(const fs::path& path) {
  const std::string name = path.filename().string();
  return name.starts_with('_') || name.starts_with('.');
}

// Adds the files of a folder and of its subfolders.
Status AddFolder(const std::string& folder, int depth, std::vector<std::string>* files) {
  constexpr int kMaxDepth = 64;
  if (depth > kMaxDepth) return ExternalError("'{}': folders are nested too deeply", folder);
  std::error_code error;
  fs::directory_iterator entries(folder, error);
  if (error) return CannotRead(folder, error);
  for (; entries != fs::directory_iterator(); entries.increment(error)) {
    const fs::path& path = entries->path();
    if (IsHidden(path)) continue;
    std::error_code ignored;  // a file that has just vanished
    if (fs::is_directory(path, ignored)) {
      MILL_RETURN(AddFolder(path.string(), depth + 1, files));
    } else if (fs::is_regular_file(path, ignored)) {
      files->push_back(path.string());
    }
    if (error) break;
  }
  return error ? CannotRead(folder, error) : Status::OK();
}

Status AddPath(const std::string& path, std::vector<std::string>* files) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (error && error != std::errc::no_such_file_or_directory) return CannotRead(path, error);
  if (!fs::exists(status)) {
    return CannotRead(path, std::make_error_code(std::errc::no_such_file_or_directory));
  }
  if (fs::is_directory(status)) return AddFolder(path, 0, files);
  files->push_back(path);
  return Status::OK();
}

Status AddMatches(const std::string& pattern, std::vector<std::string>* files) {
  glob_t matches = {};
  const int code = glob(pattern.c_str(), GLOB_BRACE, nullptr, &matches);
  Status status;
  for (size_t i = 0; code == 0 && i < matches.gl_pathc && status.ok(); ++i) {
    status = AddPath(matches.gl_pathv[i], files);
  }
  globfree(&matches);
  if (code == GLOB_NOMATCH) return ExternalError("cannot read '{}': no file matches", pattern);
  if (code != 0) return ExternalError("cannot read '{}': the pattern failed", pattern);
  return status;
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// The digits at the beginning of `text`, without leading zeros; takes them off.
std::string_view TakeNumber(std::string_view& text) {
  size_t end = 0;
  while (end < text.size() && IsDigit(text[end])) ++end;
  std::string_view number = text.substr(0, end);
  text.remove_prefix(end);
  number.remove_prefix(std::min(number.find_first_not_of('0'), number.size()));
  return number;
}

// Numbers in names count as numbers: what writers number without zeros in front is read in the order
// of writing, which is nearly always that of time.
bool InNameOrder(const std::string& left, const std::string& right) {
  std::string_view a = left, b = right;
  while (!a.empty() && !b.empty()) {
    if (IsDigit(a[0]) && IsDigit(b[0])) {
      const std::string_view x = TakeNumber(a), y = TakeNumber(b);
      if (x.size() != y.size()) return x.size() < y.size();
      if (x != y) return x < y;
      continue;
    }
    if (a[0] != b[0]) return static_cast<uint8_t>(a[0]) < static_cast<uint8_t>(b[0]);
    a.remove_prefix(1);
    b.remove_prefix(1);
  }
  if (a.empty() != b.empty()) return a.empty();
  return left < right;
}

}  // namespace

Result<std::vector<std::string>> ListFiles(const std::string& path) {
  const std::string local = LocalPath(path);
  std::vector<std::string> files;
  std::error_code error;
  const bool literal = fs::exists(local, error);
  const bool pattern = !literal && local.find_first_of("*?[{") != std::string::npos;
  MILL_RETURN(pattern ? AddMatches(local, &files) : AddPath(local, &files));
  SortByName(&files);
  return files;
}

void SortByName(std::vector<std::string>* files) {
  std::sort(files->begin(), files->end(), InNameOrder);
  files->erase(std::unique(files->begin(), files->end()), files->end());
}

}  // namespace millrace
