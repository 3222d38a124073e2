#include "connectors/files/local_target.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <set>

#include "base/files.h"
#include "connectors/storage/file_system.h"

namespace millrace {
namespace {

constexpr std::string_view kInProgress = ".inprogress";
constexpr std::string_view kStaged = ".staged";

std::string FolderOf(const std::string& path) { return path.substr(0, path.rfind('/') + 1); }

// The writer's id in ".part-<id>-...", "" if the name is not of that kind.
std::string WriterOf(const std::string& hidden) {
  constexpr std::string_view kPrefix = ".part-";
  if (!hidden.starts_with(kPrefix)) return "";
  const size_t end = hidden.find_first_of("-.", kPrefix.size());
  return hidden.substr(kPrefix.size(), end - kPrefix.size());
}

// What a payload says.
struct StagedFiles {
  struct Names {
    std::string hidden, visible;  // relative to the table's folder
  };
  std::string writer;
  std::vector<Names> files;
};

// Lines: the writer, then hidden and visible name of each file.
std::string ToPayload(const StagedFiles& staged) {
  std::string payload = staged.writer + "\n";
  for (const auto& file : staged.files) payload += file.hidden + "\n" + file.visible + "\n";
  return payload;
}

bool IsInside(const std::string& name) {
  return !name.empty() && name.front() != '/' && name.find("../") == std::string::npos;
}

Result<StagedFiles> FromPayload(std::string_view payload) {
  std::vector<std::string> lines;
  while (!payload.empty()) {
    const size_t end = payload.find('\n');
    if (end == std::string_view::npos) break;
    lines.emplace_back(payload.substr(0, end));
    payload.remove_prefix(end + 1);
  }
  if (!payload.empty() || lines.size() % 2 != 1) {
    return Status::Invalid("not what a filesystem sink has staged on a local disk");
  }
  StagedFiles staged{lines.front(), {}};
  for (size_t i = 1; i < lines.size(); i += 2) {
    if (!IsInside(lines[i]) || !IsInside(lines[i + 1])) {
      return Status::Invalid("a staged file is outside of the table's folder: ", lines[i]);
    }
    staged.files.push_back({lines[i], lines[i + 1]});
  }
  return staged;
}

// A hidden file in progress.
class LocalFile : public PendingFile {
 public:
  LocalFile(std::shared_ptr<OutputFile> file, std::string path, std::string folder,
            std::string stem, int64_t sequence)
      : file_(std::move(file)),
        path_(std::move(path)),
        folder_(std::move(folder)),
        stem_(std::move(stem)),
        sequence_(sequence) {}
  ~LocalFile() override {
    if (!path_.empty()) unlink(path_.c_str());
  }

  Status Write(const void* data, int64_t bytes) override { return file_->Write(data, bytes); }
  using Writable::Write;
  Result<int64_t> Tell() const override { return file_->Tell(); }
  Status Close() override { return file_->Close(); }
  bool closed() const override { return file_->closed(); }
  Status Seal() override {
    MILL_RETURN(file_->Sync());
    return file_->Close();
  }
  const std::string& folder() const { return folder_; }
  const std::string& stem() const { return stem_; }
  int64_t sequence() const { return sequence_; }
  Status Rename(const std::string& to) {
    if (RenameFile(path_, to) != 0) {
      return ExternalError("cannot stage '{}': {}", to, strerror(errno));
    }
    path_.clear();  // another's from now on
    return Status::OK();
  }

 private:
  std::shared_ptr<OutputFile> file_;
  std::string path_;    // of the hidden file; "" once it is staged
  std::string folder_;  // of the partition, "" or ending with '/'
  std::string stem_;    // of its name; "" by epoch and sequence
  int64_t sequence_;
};

}  // namespace

Result<std::unique_ptr<OutputTarget>> LocalTarget::Make(const TableInfo& table,
                                                        const std::string& ending) {
  std::unique_ptr<LocalTarget> target(new LocalTarget);
  target->path_ = LocalPath(StringOption(table.options, "path", ""));
  if (!target->path_.ends_with('/')) target->path_ += '/';
  target->ending_ = ending;
  target->depth_ = table.partitioned_by.size();
  target->owner_ = OwnerPart(table.owner);
  target->writer_ = NewWriter(target->owner_);
  return target;
}

bool LocalTarget::IsAlive(const std::string& writer) const {
  return writer == writer_ || LockFile::IsHeld(path_ + ".part-" + writer + ".lock");
}

// Visits hidden files below `folder`, relative to the table's; a folder that cannot be read is
// passed over: it holds nothing that this writer could clean.
void LocalTarget::ForEachHidden(const std::string& folder, size_t depth, const Visit& visit) const {
  std::error_code error;
  std::filesystem::directory_iterator entries(path_ + folder, error);
  for (; !error && entries != std::filesystem::directory_iterator(); entries.increment(error)) {
    const std::string name = entries->path().filename().string();
    if (name.starts_with(".part-")) {
      visit(folder, name);
    } else if (depth > 0 && name.find('=') != std::string::npos) {
      ForEachHidden(folder + name + "/", depth - 1, visit);
    }
  }
}

Status LocalTarget::Open() {
  MILL_RETURN(MakeFolders(path_));
  MILL_ASSIGN(lock_, LockFile::Create(path_ + ".part-" + writer_ + ".lock"));
  std::vector<std::string> locks;
  ForEachHidden("", depth_, [&](const std::string& folder, const std::string& name) {
    if (IsAlive(WriterOf(name))) return;
    if (name.ends_with(kInProgress)) unlink((path_ + folder + name).c_str());
    if (name.ends_with(".lock")) locks.push_back(path_ + folder + name);
  });
  for (const std::string& lock : locks) unlink(lock.c_str());
  return Status::OK();
}

Result<std::shared_ptr<PendingFile>> LocalTarget::Create(const std::string& folder,
                                                         const std::string& stem) {
  const int64_t sequence = sequence_++;
  MILL_RETURN(MakeFolders(path_ + folder));
  std::string path = path_ + folder + fmt::format(".part-{}-{}{}", writer_, sequence, kInProgress);
  MILL_ASSIGN(auto file, OutputFile::Create(path));
  return std::make_shared<LocalFile>(std::move(file), std::move(path), folder, stem, sequence);
}

Result<bool> LocalTarget::IsShown(const std::string& folder, const std::string& stem) {
  return access((path_ + folder + "part-" + stem + ending_).c_str(), F_OK) == 0;
}

// Makes the names in `folders`, below the table's, durable, and those of the folders themselves.
Status LocalTarget::SyncFolders(const std::vector<std::string>& folders) const {
  std::set<std::string> all;
  for (const std::string& each : folders) {
    for (std::string folder = path_ + each; folder.size() >= path_.size();) {
      if (!all.insert(folder).second) break;
      folder = FolderOf(folder.substr(0, folder.size() - 1));
    }
  }
  for (const std::string& folder : all) MILL_RETURN(SyncFolder(folder));
  return Status::OK();
}

Result<std::string> LocalTarget::Stage(int64_t epoch,
                                       std::vector<std::shared_ptr<PendingFile>> files) {
  StagedFiles staged{writer_, {}};
  std::vector<std::string> folders;
  Status status;
  for (size_t i = 0; i < files.size() && status.ok(); ++i) {
    auto& file = static_cast<LocalFile&>(*files[i]);
    const std::string name = fmt::format("part-{}-{}-{}", writer_, epoch, file.sequence());
    const std::string hidden = file.folder() + "." + name + std::string(kStaged);
    status = file.Rename(path_ + hidden);
    if (!status.ok()) break;
    folders.push_back(file.folder());
    const std::string visible = file.stem().empty() ? name : "part-" + file.stem();
    staged.files.push_back({hidden, file.folder() + visible + ending_});
  }
  if (status.ok()) status = SyncFolders(folders);
  for (const auto& file : staged.files) {
    if (status.ok()) staged_.push_back(file.hidden);
    if (!status.ok()) unlink((path_ + file.hidden).c_str());  // no committable names it
  }
  MILL_RETURN(status);
  return ToPayload(staged);
}

Status LocalTarget::Publish(const std::string& payload) {
  MILL_ASSIGN(const StagedFiles staged, FromPayload(payload));
  std::set<std::string> folders;
  for (const auto& file : staged.files) {
    const std::string hidden = path_ + file.hidden, visible = path_ + file.visible;
    if (RenameFile(hidden, visible) != 0) {
      const bool published = errno == ENOENT && access(visible.c_str(), F_OK) == 0;
      if (!published) return ExternalError("cannot publish '{}': {}", visible, strerror(errno));
    }
    folders.insert(FolderOf(visible));
    std::erase(staged_, file.hidden);
  }
  for (const std::string& folder : folders) MILL_RETURN(SyncFolder(folder));
  return Status::OK();
}

Status LocalTarget::DropLeftovers(const std::vector<std::string>& published) {
  std::set<std::string> writers;
  for (const std::string& payload : published) {
    MILL_ASSIGN(const StagedFiles staged, FromPayload(payload));
    if (!IsAlive(staged.writer)) writers.insert(staged.writer);
  }
  ForEachHidden("", depth_, [&](const std::string& folder, const std::string& name) {
    if (!name.ends_with(kStaged)) return;
    const std::string writer = WriterOf(name);
    const bool left = writer.starts_with(owner_) && !IsAlive(writer);
    if (left || writers.contains(writer)) unlink((path_ + folder + name).c_str());
  });
  return Status::OK();
}

void LocalTarget::DropStaged() {
  for (const std::string& hidden : staged_) unlink((path_ + hidden).c_str());
  staged_.clear();
}

}  // namespace millrace
