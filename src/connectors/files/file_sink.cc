#include "connectors/files/file_sink.h"

#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <random>
#include <set>

#include "base/files.h"

namespace millrace {
namespace {

constexpr size_t kMaxOpenFiles = 128;
// What all open files together may hold back in memory.
constexpr int64_t kMaxBuffered = 64 << 20;
constexpr std::string_view kInProgress = ".inprogress";
constexpr std::string_view kStaged = ".staged";

uint64_t RandomNumber() {
  std::random_device random;
  return uint64_t{random()} << 32 | random();
}

// The first part of the ids of all writers of `owner`.
std::string OwnerPart(const std::string& owner) {
  return fmt::format("{:016x}",
                     owner.empty() ? RandomNumber() : XXH3_64bits(owner.data(), owner.size()));
}

std::string FolderOf(const std::string& path) { return path.substr(0, path.rfind('/') + 1); }

// The writer's id in ".part-<id>-...", "" if the name is not of that kind.
std::string WriterOf(const std::string& hidden) {
  constexpr std::string_view kPrefix = ".part-";
  if (!hidden.starts_with(kPrefix)) return "";
  const size_t end = hidden.find_first_of("-.", kPrefix.size());
  return hidden.substr(kPrefix.size(), end - kPrefix.size());
}

// What a committable says.
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
    return Status::Invalid("not what a filesystem sink has staged");
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

}  // namespace

Result<std::unique_ptr<FileSink>> FileSink::Make(const TableInfo& table) {
  std::unique_ptr<FileSink> sink(new FileSink);
  sink->path_ = StringOption(table.options, "path", "");
  if (sink->path_.starts_with("file://")) sink->path_.erase(0, 7);
  if (!sink->path_.ends_with('/')) sink->path_ += '/';
  MILL_RETURN(sink->ReadRolling(table.options));
  MILL_ASSIGN(sink->partitions_, PartitionFolders::Make(table));
  const std::string format = StringOption(table.options, "format", "");
  MILL_ASSIGN(sink->make_encoder_,
              MakeFileEncoderMaker(format, sink->partitions_->data(), table.options));
  sink->ending_ = format == "raw" ? ".txt" : "." + format;
  sink->owner_ = OwnerPart(table.owner);
  sink->writer_ = sink->owner_ + fmt::format("{:012x}", RandomNumber() >> 16);
  return sink;
}

Status FileSink::ReadRolling(const Options& options) {
  constexpr auto kMinute = std::chrono::minutes(1);
  MILL_ASSIGN(max_bytes_,
              ParseMemorySize(StringOption(options, "sink.rolling-policy.file-size", "128MB")));
  MILL_ASSIGN(const auto age, DurationOption(options, "sink.rolling-policy.rollover-interval",
                                             30 * kMinute));
  MILL_ASSIGN(const auto check,
              DurationOption(options, "sink.rolling-policy.check-interval", kMinute));
  max_age_ = age.count();
  check_age_ = check.count();
  return Status::OK();
}

FileSink::~FileSink() { RemoveUnstaged(); }

// What no committable can name is garbage.
void FileSink::RemoveUnstaged() {
  for (const auto& [folder, file] : open_) unlink((path_ + file.folder + file.hidden).c_str());
  for (const OpenFile& file : closed_) unlink((path_ + file.folder + file.hidden).c_str());
  open_.clear();
  closed_.clear();
}

bool FileSink::IsAlive(const std::string& writer) const {
  return writer == writer_ || LockFile::IsHeld(path_ + ".part-" + writer + ".lock");
}

// Visits hidden files below `folder`, relative to the table's; a folder that cannot be read is
// passed over: it holds nothing that this writer could clean.
void FileSink::ForEachHidden(const std::string& folder, size_t depth,
                             const std::function<void(const std::string& folder,
                                                      const std::string& name)>& visit) const {
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

Status FileSink::Open() {
  MILL_RETURN(MakeFolders(path_));
  MILL_ASSIGN(lock_, LockFile::Create(path_ + ".part-" + writer_ + ".lock"));
  std::vector<std::string> locks;
  ForEachHidden("", partitions_->depth(), [&](const std::string& folder, const std::string& name) {
    if (IsAlive(WriterOf(name))) return;
    if (name.ends_with(kInProgress)) unlink((path_ + folder + name).c_str());
    if (name.ends_with(".lock")) locks.push_back(path_ + folder + name);
  });
  for (const std::string& lock : locks) unlink(lock.c_str());
  return Status::OK();
}

Status FileSink::Write(const Batch& batch) {
  if (batch.num_rows() == 0) return Status::OK();
  MILL_RETURN(CloseOld(batch.arrival));
  MILL_ASSIGN(const auto parts, partitions_->Split(batch));
  for (const auto& part : parts) {
    MILL_RETURN(WriteRows(part.folder, *part.rows, batch.arrival));
  }
  return BoundMemory();
}

Status FileSink::WriteRows(const std::string& folder, const arrow::RecordBatch& rows,
                           Timestamp arrival) {
  MILL_ASSIGN(OpenFile * file, FileOf(folder, arrival));
  MILL_RETURN(file->encoder->Write(rows));
  if (file->encoder->bytes() < max_bytes_) return Status::OK();
  auto node = open_.extract(folder);
  return CloseFile(std::move(node.mapped()));
}

Result<FileSink::OpenFile*> FileSink::FileOf(const std::string& folder, Timestamp arrival) {
  const auto found = open_.find(folder);
  if (found != open_.end()) return &found->second;
  if (open_.size() >= kMaxOpenFiles) MILL_RETURN(CloseAll());
  OpenFile file;
  file.sequence = sequence_++;
  file.folder = folder;
  file.hidden = fmt::format(".part-{}-{}{}", writer_, file.sequence, kInProgress);
  file.opened = arrival;
  MILL_RETURN(MakeFolders(path_ + folder));
  MILL_ASSIGN(file.stream, OutputFile::Create(path_ + folder + file.hidden));
  MILL_ASSIGN(file.encoder, make_encoder_(file.stream));
  return &(open_[folder] = std::move(file));
}

Status FileSink::CloseFile(OpenFile file) {
  Status status = file.encoder->Finish();
  if (status.ok()) status = file.stream->Sync();
  if (status.ok()) status = file.stream->Close();
  file.encoder = nullptr;
  file.stream = nullptr;
  closed_.push_back(std::move(file));
  return status;
}

Status FileSink::CloseAll() {
  while (!open_.empty()) {
    auto node = open_.extract(open_.begin());
    MILL_RETURN(CloseFile(std::move(node.mapped())));
  }
  return Status::OK();
}

// Closes files that are too old. The rows' arrival is the clock, so that runs can be repeated.
Status FileSink::CloseOld(Timestamp now) {
  if (checked_ != kMinTimestamp && now - checked_ < check_age_) return Status::OK();
  checked_ = now;
  for (auto file = open_.begin(); file != open_.end();) {
    const auto next = std::next(file);
    if (now - file->second.opened >= max_age_) {
      auto node = open_.extract(file);
      MILL_RETURN(CloseFile(std::move(node.mapped())));
    }
    file = next;
  }
  return Status::OK();
}

// Makes the files that hold back most write it until all hold back little enough.
Status FileSink::BoundMemory() {
  while (true) {
    int64_t total = 0;
    FileEncoder* largest = nullptr;
    for (const auto& [folder, file] : open_) {
      total += file.encoder->buffered();
      if (!largest || file.encoder->buffered() > largest->buffered()) {
        largest = file.encoder.get();
      }
    }
    if (total <= kMaxBuffered) return Status::OK();
    MILL_RETURN(largest->Flush());
  }
}

// Makes the names of the closed files durable, and those of their folders.
Status FileSink::SyncFolders() const {
  std::set<std::string> folders;
  for (const OpenFile& file : closed_) {
    for (std::string folder = path_ + file.folder; folder.size() >= path_.size();) {
      if (!folders.insert(folder).second) break;
      folder = FolderOf(folder.substr(0, folder.size() - 1));
    }
  }
  for (const std::string& folder : folders) MILL_RETURN(SyncFolder(folder));
  return Status::OK();
}

Result<Committable> FileSink::Stage(int64_t epoch) {
  MILL_RETURN(CloseAll());
  StagedFiles staged{writer_, {}};
  for (OpenFile& file : closed_) {
    const std::string name = fmt::format("part-{}-{}-{}", writer_, epoch, file.sequence);
    const std::string hidden = file.folder + "." + name + std::string(kStaged);
    if (RenameFile(path_ + file.folder + file.hidden, path_ + hidden) != 0) {
      return ExternalError("cannot stage '{}{}': {}", path_, hidden, strerror(errno));
    }
    file.hidden = "." + name + std::string(kStaged);
    staged.files.push_back({hidden, file.folder + name + ending_});
  }
  if (!closed_.empty()) MILL_RETURN(SyncFolders());
  closed_.clear();
  for (const auto& file : staged.files) staged_.push_back(file.hidden);
  // Even an epoch without files names its writer, once there is something of it to clean up.
  return Committable{epoch, sequence_ == 0 ? "" : ToPayload(staged)};
}

Status FileSink::Publish(const Committable& committable) {
  if (committable.payload.empty()) return Status::OK();
  MILL_ASSIGN(const StagedFiles staged, FromPayload(committable.payload));
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

Status FileSink::Recover(const std::vector<Committable>& pending) {
  MILL_RETURN(Sink::Recover(pending));
  std::set<std::string> writers;
  for (const Committable& committable : pending) {
    if (committable.payload.empty()) continue;
    MILL_ASSIGN(const StagedFiles staged, FromPayload(committable.payload));
    if (!IsAlive(staged.writer)) writers.insert(staged.writer);
  }
  ForEachHidden("", partitions_->depth(), [&](const std::string& folder, const std::string& name) {
    if (!name.ends_with(kStaged)) return;
    const std::string writer = WriterOf(name);
    const bool left = writer.starts_with(owner_) && !IsAlive(writer);
    if (left || writers.contains(writer)) unlink((path_ + folder + name).c_str());
  });
  return Status::OK();
}

Status FileSink::Abort() {
  RemoveUnstaged();
  for (const std::string& hidden : staged_) unlink((path_ + hidden).c_str());
  staged_.clear();
  return Status::OK();
}

}  // namespace millrace
