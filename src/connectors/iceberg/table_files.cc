#include "connectors/iceberg/table_files.h"

#include <arrow/buffer.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <random>

#include "base/files.h"
#include "connectors/files/output_file.h"
#include "connectors/storage/file_system.h"
#include "connectors/storage/s3_client.h"

namespace millrace {
namespace {

std::string FolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash + 1);
}

class LocalOutput final : public IcebergOutput {
 public:
  LocalOutput(std::string path, std::shared_ptr<OutputFile> file)
      : path_(std::move(path)), file_(std::move(file)) {}
  ~LocalOutput() override {
    if (!finished_) unlink(path_.c_str());
  }
  std::shared_ptr<arrow::io::OutputStream> stream() override { return file_; }
  Status Finish() override {
    MILL_RETURN(file_->Sync());
    MILL_RETURN(file_->Close());
    MILL_RETURN(SyncFolder(FolderOf(path_)));
    finished_ = true;
    return Status::OK();
  }

 private:
  std::string path_;
  std::shared_ptr<OutputFile> file_;
  bool finished_ = false;
};

// An object appears when its stream is closed; one that is dropped never does.
class RemoteOutput final : public IcebergOutput {
 public:
  explicit RemoteOutput(std::shared_ptr<arrow::io::OutputStream> stream)
      : stream_(std::move(stream)) {}
  ~RemoteOutput() override {
    if (!stream_->closed()) {
      const Status aborted = stream_->Abort();
      (void)aborted;  // what is left are parts of an upload, which the store forgets in time
    }
  }
  std::shared_ptr<arrow::io::OutputStream> stream() override { return stream_; }
  Status Finish() override { return stream_->Close(); }

 private:
  std::shared_ptr<arrow::io::OutputStream> stream_;
};

std::string TemporaryName(const std::string& path) {
  std::random_device random;
  return fmt::format("{}.{:08x}{:08x}.tmp", path, random(), random());
}

// Writes and syncs a file under a name that nobody else has.
Result<std::string> WriteTemporary(const std::string& path, std::string_view bytes) {
  MILL_RETURN(MakeFolders(FolderOf(path)));
  const std::string temporary = TemporaryName(path);
  MILL_ASSIGN(auto file, OutputFile::Create(temporary));
  Status status = file->Write(bytes.data(), static_cast<int64_t>(bytes.size()));
  if (status.ok()) status = file->Sync();
  if (status.ok()) status = file->Close();
  if (status.ok()) return temporary;
  unlink(temporary.c_str());
  return status;
}

// Of "s3://bucket/key".
std::string KeyOf(const std::string& location) {
  const size_t bucket = location.find("://") + 3;
  return location.substr(location.find('/', bucket) + 1);
}

}  // namespace

Result<IcebergFiles::Place> IcebergFiles::Find(const std::string& location) {
  auto& fs = IsObjectStore(location) ? remote_ : local_;
  if (!fs) {
    MILL_ASSIGN(Location found, OpenLocation(location, options_));
    fs = std::move(found.fs);
    return Place{fs.get(), std::move(found.path)};
  }
  if (IsObjectStore(location)) return Place{fs.get(), location.substr(location.find("://") + 3)};
  MILL_ASSIGN(Location found, OpenLocation(location, options_));
  return Place{fs.get(), std::move(found.path)};
}

Result<std::shared_ptr<arrow::io::RandomAccessFile>> IcebergFiles::Open(
    const std::string& location) {
  MILL_ASSIGN(const Place place, Find(location));
  auto file = place.fs->OpenInputFile(place.path);
  if (!file.ok()) return Annotate(file.status(), fmt::format("cannot open '{}'", location));
  return file;
}

Result<std::string> IcebergFiles::Read(const std::string& location) {
  constexpr int64_t kLargest = 1 << 30;
  MILL_ASSIGN(auto file, Open(location));
  MILL_ASSIGN(const int64_t size, file->GetSize());
  if (size > kLargest) return ExternalError("'{}' is too big: {} bytes", location, size);
  auto bytes = file->ReadAt(0, size);
  if (!bytes.ok()) return Annotate(bytes.status(), fmt::format("cannot read '{}'", location));
  return (*bytes)->ToString();
}

Result<std::unique_ptr<IcebergOutput>> IcebergFiles::Create(const std::string& location) {
  MILL_ASSIGN(const Place place, Find(location));
  if (IsObjectStore(location)) {
    MILL_ASSIGN(auto stream, place.fs->OpenOutputStream(place.path));
    return std::make_unique<RemoteOutput>(std::move(stream));
  }
  MILL_RETURN(MakeFolders(FolderOf(place.path)));
  MILL_ASSIGN(auto file, OutputFile::Create(place.path));
  return std::make_unique<LocalOutput>(place.path, std::move(file));
}

Status IcebergFiles::Write(const std::string& location, std::string_view bytes) {
  MILL_ASSIGN(auto output, Create(location));
  MILL_RETURN(output->stream()->Write(bytes.data(), static_cast<int64_t>(bytes.size())));
  return output->Finish();
}

Result<S3Client*> IcebergFiles::ClientOf(const std::string& location) {
  if (!client_) {
    MILL_ASSIGN(client_, S3Client::Make(location, options_));
  }
  return client_.get();
}

// A store that does not know conditions would let writers replace each other's commits: so it is
// seen once whether it does.
Status IcebergFiles::CheckConditions(const std::string& location) {
  if (knows_conditions_) return Status::OK();
  MILL_ASSIGN(S3Client * client, ClientOf(location));
  const std::string probe = TemporaryName(location);
  MILL_RETURN(client->PutIfAbsent(KeyOf(probe), "first").status());
  MILL_ASSIGN(const bool replaced, client->PutIfAbsent(KeyOf(probe), "second"));
  const Status removed = Remove(probe);
  if (replaced) {
    return UserError("'{}': the object store replaces a file although it is asked not to "
                     "(If-None-Match), so a table in a folder cannot be written there. hint: "
                     "'catalog-type' = 'rest' or 'jdbc'",
                     location);
  }
  knows_conditions_ = removed.ok();
  return removed;
}

Result<bool> IcebergFiles::WriteIfAbsent(const std::string& location, std::string_view bytes) {
  if (IsObjectStore(location)) {
    MILL_RETURN(CheckConditions(location));
    MILL_ASSIGN(S3Client * client, ClientOf(location));
    MILL_ASSIGN(const bool written, client->PutIfAbsent(KeyOf(location), std::string(bytes)));
    if (written) return true;
    MILL_ASSIGN(const std::string there, Read(location));
    return there == bytes;
  }
  MILL_ASSIGN(const Place place, Find(location));
  MILL_ASSIGN(const std::string temporary, WriteTemporary(place.path, bytes));
  const int linked = link(temporary.c_str(), place.path.c_str());
  const int error = errno;
  unlink(temporary.c_str());
  if (linked != 0 && error == EEXIST) return false;
  if (linked != 0) return ExternalError("cannot write '{}': {}", place.path, strerror(error));
  MILL_RETURN(SyncFolder(FolderOf(place.path)));
  return true;
}

Status IcebergFiles::Replace(const std::string& location, std::string_view bytes) {
  if (IsObjectStore(location)) {
    MILL_ASSIGN(S3Client * client, ClientOf(location));
    return client->Put(KeyOf(location), std::string(bytes));
  }
  MILL_ASSIGN(const Place place, Find(location));
  MILL_ASSIGN(const std::string temporary, WriteTemporary(place.path, bytes));
  if (RenameFile(temporary, place.path) == 0) return SyncFolder(FolderOf(place.path));
  const int error = errno;
  unlink(temporary.c_str());
  return ExternalError("cannot write '{}': {}", place.path, strerror(error));
}

Result<bool> IcebergFiles::Exists(const std::string& location) {
  MILL_ASSIGN(const Place place, Find(location));
  MILL_ASSIGN(const auto info, place.fs->GetFileInfo(place.path));
  return info.IsFile();
}

Status IcebergFiles::Remove(const std::string& location) {
  MILL_ASSIGN(const Place place, Find(location));
  return place.fs->DeleteFile(place.path);
}

Result<std::vector<IcebergFiles::Listed>> IcebergFiles::List(const std::string& folder) {
  MILL_ASSIGN(const Place place, Find(folder));
  arrow::fs::FileSelector selector;
  selector.base_dir = place.path;
  selector.recursive = true;
  selector.allow_not_found = true;
  MILL_ASSIGN(const auto infos, place.fs->GetFileInfo(selector));
  std::vector<Listed> files;
  for (const auto& info : infos) {
    if (!info.IsFile()) continue;
    const auto since = info.mtime().time_since_epoch();
    files.push_back({folder + info.path().substr(place.path.size()), info.size(),
                     std::chrono::duration_cast<std::chrono::milliseconds>(since).count()});
  }
  return files;
}

}  // namespace millrace
