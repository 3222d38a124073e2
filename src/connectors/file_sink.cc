#include "connectors/file_sink.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <random>
#include <set>

#include "data/pretty.h"

namespace millrace {
namespace {

constexpr size_t kMaxOpenFiles = 128;

Status CannotWrite(const std::string& path) {
  return ExternalError("cannot write '{}': {}", path, strerror(errno));
}

Status WriteAll(int descriptor, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t count = write(descriptor, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return CannotWrite(path);
    bytes.remove_prefix(static_cast<size_t>(count));
  }
  return Status::OK();
}

// Makes the names in a folder durable.
Status SyncFolder(const std::string& folder) {
  const int descriptor = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return CannotWrite(folder);
  const bool synced = fsync(descriptor) == 0;
  const Status status = synced ? Status::OK() : CannotWrite(folder);
  close(descriptor);
  return status;
}

Status MakeFolders(const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return ExternalError("cannot make folder '{}': {}", folder, error.message());
  return Status::OK();
}

// The characters that Hive escapes in partition names.
std::string EscapedPathName(std::string_view text) {
  constexpr std::string_view kSpecial = "\"#%'*/:=?\\\x7F{[]^";
  std::string out;
  for (const char c : text) {
    if ((c >= 0 && c < 0x20) || kSpecial.find(c) != std::string_view::npos) {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out;
}

std::string FolderOf(const std::string& path) { return path.substr(0, path.rfind('/') + 1); }

std::string RandomName() {
  std::random_device random;
  return fmt::format("{:08x}{:08x}", random(), random());
}

}  // namespace

Result<std::unique_ptr<FileSink>> FileSink::Make(const TableInfo& table) {
  std::unique_ptr<FileSink> sink(new FileSink);
  sink->path_ = StringOption(table.options, "path", "");
  if (sink->path_.starts_with("file://")) sink->path_.erase(0, 7);
  if (!sink->path_.ends_with('/')) sink->path_ += '/';
  MILL_ASSIGN(sink->max_bytes_, ParseMemorySize(StringOption(
                                    table.options, "sink.rolling-policy.file-size", "128MB")));
  Schema data;
  for (int i = 0; i < table.schema.size(); ++i) {
    const Column& column = table.schema.columns[static_cast<size_t>(i)];
    const auto& names = table.partitioned_by;
    if (std::find(names.begin(), names.end(), column.name) != names.end()) continue;
    data.columns.push_back(column);
    sink->data_columns_.push_back(i);
  }
  for (const std::string& name : table.partitioned_by) {
    const int column = table.schema.Find(name);
    if (column < 0)
      return UserError("table '{}' has no column '{}' to be partitioned by", table.name, name);
    sink->partition_names_.push_back(EscapedPathName(name));
    sink->partition_columns_.push_back(column);
  }
  const std::string format = StringOption(table.options, "format", "");
  MILL_ASSIGN(sink->encoder_, MakeEncoder(format, data, table.options));
  sink->ending_ = format == "raw" ? ".txt" : "." + format;
  sink->writer_ = RandomName();
  return sink;
}

FileSink::~FileSink() {
  for (auto& [partition, file] : open_) close(file.descriptor);
}

Status FileSink::Open() { return MakeFolders(path_); }

// "day=2024-01-01/kind=a/", "" without partitions.
std::string FileSink::PartitionOf(const Batch& batch, int64_t row) const {
  std::string partition;
  for (size_t i = 0; i < partition_columns_.size(); ++i) {
    const arrow::Array& column = *batch.rows->column(partition_columns_[i]);
    std::string value;
    if (!column.IsNull(row)) value = EscapedPathName(FormatValue(column, row));
    if (value.empty()) value = "__DEFAULT_PARTITION__";
    partition += partition_names_[i] + "=" + value + "/";
  }
  return partition;
}

Status FileSink::Write(const Batch& batch) {
  if (batch.num_rows() == 0) return Status::OK();
  if (partition_columns_.empty()) return WriteRows("", *batch.rows);
  std::map<std::string, std::vector<int32_t>> partitions;
  for (int64_t row = 0; row < batch.num_rows(); ++row) {
    partitions[PartitionOf(batch, row)].push_back(static_cast<int32_t>(row));
  }
  MILL_ASSIGN(auto data, batch.rows->SelectColumns(data_columns_));
  for (const auto& [partition, indices] : partitions) {
    MILL_ASSIGN(Batch part, batch.With(data).Take(indices));
    MILL_RETURN(WriteRows(partition, *part.rows));
  }
  return Status::OK();
}

Status FileSink::WriteRows(const std::string& partition, const arrow::RecordBatch& rows) {
  MILL_ASSIGN(OpenFile * file, FileOf(partition));
  std::string text = file->bytes == 0 ? encoder_->Header() : "";
  MILL_RETURN(encoder_->Encode(rows, text));
  MILL_RETURN(WriteAll(file->descriptor, text, file->hidden));
  file->bytes += static_cast<int64_t>(text.size());
  if (file->bytes < max_bytes_) return Status::OK();
  const auto node = open_.extract(partition);
  return CloseFile(node.mapped());
}

Result<FileSink::OpenFile*> FileSink::FileOf(const std::string& partition) {
  const auto found = open_.find(partition);
  if (found != open_.end()) return &found->second;
  if (open_.size() >= kMaxOpenFiles) MILL_RETURN(CloseAll());
  OpenFile file;
  file.sequence = sequence_++;
  file.folder = path_ + partition;
  file.hidden = fmt::format("{}.part-{}-{}.inprogress", file.folder, writer_, file.sequence);
  MILL_RETURN(MakeFolders(file.folder));
  file.descriptor = open(file.hidden.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (file.descriptor < 0) return CannotWrite(file.hidden);
  return &(open_[partition] = std::move(file));
}

Status FileSink::CloseFile(OpenFile file) {
  const bool synced = fsync(file.descriptor) == 0;
  const Status status = synced ? Status::OK() : CannotWrite(file.hidden);
  close(file.descriptor);
  file.descriptor = -1;
  closed_.push_back(std::move(file));
  return status;
}

Status FileSink::CloseAll() {
  Status status;
  for (auto& [partition, file] : open_) {
    const Status closed = CloseFile(std::move(file));
    if (status.ok()) status = closed;
  }
  open_.clear();
  return status;
}

// The payload: hidden and visible name of each file, a line each.
Result<Committable> FileSink::Stage(int64_t epoch) {
  MILL_RETURN(CloseAll());
  Committable staged{epoch, ""};
  std::set<std::string> synced;
  for (const OpenFile& file : closed_) {
    const std::string visible =
        fmt::format("{}part-{}-{}-{}{}", file.folder, writer_, epoch, file.sequence, ending_);
    if (synced.insert(file.folder).second) MILL_RETURN(SyncFolder(file.folder));
    staged.payload += file.hidden + "\n" + visible + "\n";
    staged_.push_back(file.hidden);
  }
  closed_.clear();
  return staged;
}

Status FileSink::Publish(const Committable& committable) {
  std::string_view rest = committable.payload;
  const auto take_line = [&rest] {
    const size_t end = std::min(rest.find('\n'), rest.size());
    const std::string line(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return line;
  };
  std::string synced;
  while (!rest.empty()) {
    const std::string hidden = take_line();
    const std::string visible = take_line();
    if (rename(hidden.c_str(), visible.c_str()) != 0) {
      const bool published = errno == ENOENT && access(visible.c_str(), F_OK) == 0;
      if (!published) return ExternalError("cannot publish '{}': {}", visible, strerror(errno));
    }
    if (FolderOf(visible) != synced) MILL_RETURN(SyncFolder(FolderOf(visible)));
    synced = FolderOf(visible);
    std::erase(staged_, hidden);
  }
  return Status::OK();
}

Status FileSink::Abort() {
  for (auto& [partition, file] : open_) {
    close(file.descriptor);
    unlink(file.hidden.c_str());
  }
  for (const OpenFile& file : closed_) unlink(file.hidden.c_str());
  for (const std::string& hidden : staged_) unlink(hidden.c_str());
  open_.clear();
  closed_.clear();
  staged_.clear();
  return Status::OK();
}

}  // namespace millrace
