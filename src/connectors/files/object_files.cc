#include "connectors/files/object_files.h"

#include <arrow/util/future.h>
#include <fnmatch.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "connectors/storage/file_system.h"

namespace millrace {
namespace {

constexpr int64_t kPieceBytes = 4 << 20;  // read with one request; one is read ahead

// Reads an object front to back.
class ObjectReader : public ByteReader {
 public:
  ObjectReader(std::shared_ptr<arrow::io::RandomAccessFile> file, std::string url)
      : file_(std::move(file)), url_(std::move(url)) {}
  // What is still read ahead holds on to the file.
  ~ObjectReader() override {
    if (next_.is_valid()) next_.Wait();
  }

  Result<size_t> Read(uint8_t* to, size_t room) override {
    if (!piece_ || taken_ == piece_->size()) MILL_RETURN(NextPiece());
    const size_t count = std::min(room, static_cast<size_t>(piece_->size() - taken_));
    std::memcpy(to, piece_->data() + taken_, count);
    taken_ += static_cast<int64_t>(count);
    return count;
  }

  Status Skip(int64_t bytes) override {
    const auto size = file_->GetSize();
    if (!size.ok()) return StorageError("read", url_, size.status());
    if (*size < bytes) {
      return ExternalError("cannot go on in '{}' at byte {}: it has only {}", url_, bytes, *size);
    }
    position_ = bytes;
    return Status::OK();
  }

 private:
  Status NextPiece() {
    if (!next_.is_valid()) Ask();
    auto piece = next_.result();
    if (!piece.ok()) return StorageError("read", url_, piece.status());
    piece_ = std::move(*piece);
    taken_ = 0;
    position_ += piece_->size();
    if (piece_->size() > 0) Ask();
    return Status::OK();
  }
  void Ask() { next_ = file_->ReadAsync(arrow::io::default_io_context(), position_, kPieceBytes); }

  std::shared_ptr<arrow::io::RandomAccessFile> file_;
  std::string url_;
  int64_t position_ = 0;  // behind piece_
  std::shared_ptr<arrow::Buffer> piece_;
  int64_t taken_ = 0;  // of piece_
  arrow::Future<std::shared_ptr<arrow::Buffer>> next_;
};

bool IsPattern(const std::string& path) { return path.find_first_of("*?[{") != path.npos; }

std::vector<std::string> Components(const std::string& path) {
  std::vector<std::string> parts;
  for (size_t begin = 0; begin <= path.size();) {
    const size_t end = std::min(path.find('/', begin), path.size());
    parts.push_back(path.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

// True if a part of `path` behind its first `from` characters starts with '_' or '.'.
bool IsHidden(const std::string& path, size_t from) {
  for (const std::string& part : Components(path.substr(from))) {
    if (part.starts_with('_') || part.starts_with('.')) return true;
  }
  return false;
}

// The patterns that one with {a,b} stands for; braces may be nested.
void ExpandBraces(const std::string& pattern, std::vector<std::string>* expanded) {
  constexpr size_t kMaxExpanded = 1000;
  const size_t open = pattern.find('{');
  int depth = 0;
  std::vector<size_t> cuts;  // the braces and the commas between them
  for (size_t at = open; at < pattern.size(); ++at) {
    if (pattern[at] == '{' && depth++ == 0) cuts.push_back(at);
    if (pattern[at] == ',' && depth == 1) cuts.push_back(at);
    if (pattern[at] != '}' || --depth != 0) continue;
    cuts.push_back(at);
    break;
  }
  if (cuts.size() < 3 || depth != 0 || expanded->size() >= kMaxExpanded) {
    expanded->push_back(pattern);
    return;
  }
  for (size_t i = 0; i + 1 < cuts.size(); ++i) {
    const std::string choice = pattern.substr(cuts[i] + 1, cuts[i + 1] - cuts[i] - 1);
    ExpandBraces(pattern.substr(0, open) + choice + pattern.substr(cuts.back() + 1), expanded);
  }
}

// True if `path` matches, or lies in a folder that does.
bool Matches(const std::string& path, const std::vector<std::string>& pattern) {
  const std::vector<std::string> parts = Components(path);
  if (parts.size() < pattern.size()) return false;
  size_t matched = 0;
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (fnmatch(pattern[i].c_str(), parts[i].c_str(), FNM_PERIOD) != 0) return false;
    matched += parts[i].size() + 1;
  }
  return matched > path.size() || !IsHidden(path, matched);
}

}  // namespace

Result<std::shared_ptr<const ObjectFiles>> ObjectFiles::Make(const std::string& url,
                                                             const Options& options) {
  std::shared_ptr<ObjectFiles> files(new ObjectFiles);
  files->scheme_ = url.substr(0, url.find("://") + 3);
  MILL_ASSIGN(Location location, OpenLocation(url, options));
  files->fs_ = std::move(location.fs);
  return files;
}

Result<std::vector<std::string>> ObjectFiles::List(const std::string& url,
                                                   bool may_be_empty) const {
  std::string path = PathOf(url);
  while (path.ends_with('/')) path.pop_back();
  auto listed = IsPattern(path) ? ListMatches(path) : ListFolder(path);
  if (!listed.ok()) return StorageError("read", url, listed.status());
  if (listed->empty()) {
    const auto bucket = fs_->GetFileInfo(path.substr(0, path.find('/')));
    if (!bucket.ok()) return StorageError("read", url, bucket.status());
    if (bucket->type() == arrow::fs::FileType::NotFound) {
      return ExternalError("cannot read '{}': there is no such bucket", url);
    }
    if (!may_be_empty) return ExternalError("cannot read '{}': there is no such object", url);
  }
  for (std::string& file : *listed) file.insert(0, scheme_);
  return listed;
}

Result<ObjectFiles::Infos> ObjectFiles::Below(const std::string& path) const {
  arrow::fs::FileSelector selector;
  selector.base_dir = path;
  selector.recursive = true;
  selector.allow_not_found = true;
  return fs_->GetFileInfo(selector);
}

Result<std::vector<std::string>> ObjectFiles::ListFolder(const std::string& path) const {
  std::vector<std::string> files;
  if (path.find('/') != path.npos) {
    MILL_ASSIGN(const arrow::fs::FileInfo info, fs_->GetFileInfo(path));
    if (info.IsFile()) return std::vector{path};
  }
  MILL_ASSIGN(const Infos infos, Below(path));
  for (const arrow::fs::FileInfo& info : infos) {
    if (info.IsFile() && !IsHidden(info.path(), path.size() + 1)) files.push_back(info.path());
  }
  return files;
}

Result<std::vector<std::string>> ObjectFiles::ListMatches(const std::string& path) const {
  std::vector<std::string> patterns, files;
  ExpandBraces(path, &patterns);
  for (const std::string& pattern : patterns) {
    const std::string plain = pattern.substr(0, pattern.find_first_of("*?["));
    const size_t slash = plain.rfind('/');
    if (slash == plain.npos) return UserError("the bucket's name cannot be a pattern");
    MILL_ASSIGN(const Infos infos, Below(plain.substr(0, slash)));
    const std::vector<std::string> parts = Components(pattern);
    for (const arrow::fs::FileInfo& info : infos) {
      if (info.IsFile() && Matches(info.path(), parts)) files.push_back(info.path());
    }
  }
  return files;
}

Result<FileFacts> ObjectFiles::FactsOf(const std::string& url) const {
  const auto info = fs_->GetFileInfo(PathOf(url));
  if (!info.ok()) return StorageError("read", url, info.status());
  if (!info->IsFile()) return ExternalError("cannot read '{}': there is no such object", url);
  const auto modified =
      std::chrono::duration_cast<std::chrono::milliseconds>(info->mtime().time_since_epoch());
  return FileFacts{url, info->size(), modified.count()};
}

Result<std::shared_ptr<arrow::io::RandomAccessFile>> ObjectFiles::Open(
    const std::string& url) const {
  auto file = fs_->OpenInputFile(PathOf(url));
  if (!file.ok()) return StorageError("read", url, file.status());
  return file;
}

Result<std::unique_ptr<ByteReader>> ObjectFiles::OpenBytes(const std::string& url) const {
  MILL_ASSIGN(auto file, Open(url));
  return std::make_unique<ObjectReader>(std::move(file), url);
}

}  // namespace millrace
