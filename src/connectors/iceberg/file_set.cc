#include "connectors/iceberg/file_set.h"

namespace millrace {
namespace {

constexpr size_t kMaxOpenFiles = 128;
constexpr int64_t kMaxBuffered = 64 << 20;  // bytes, of all open files together

}  // namespace

Result<IcebergFileSet::Open*> IcebergFileSet::FileOf(const IcebergPartitioner::Part& part) {
  const auto found = open_.find(part.folder);
  if (found != open_.end()) return &found->second;
  if (open_.size() >= kMaxOpenFiles) {
    auto node = open_.extract(open_.begin());
    MILL_RETURN(Close(std::move(node.mapped())));
  }
  Open file;
  file.partition = part.values;
  file.path = fmt::format("{}{}{:05}-{}{}.parquet", kind_.prefix, part.folder, sequence_++,
                          kind_.writer, kind_.suffix);
  MILL_ASSIGN(file.writer,
              IcebergFileWriter::Create(files_, file.path, kind_.fields, kind_.options));
  return &(open_[part.folder] = std::move(file));
}

Result<IcebergFileSet::Written> IcebergFileSet::Write(const IcebergPartitioner::Part& part) {
  MILL_ASSIGN(Open * file, FileOf(part));
  Written written{file->path, file->writer->rows()};
  MILL_RETURN(file->writer->Write(*part.rows));
  if (file->writer->bytes() >= kind_.target_bytes) {
    auto node = open_.extract(part.folder);
    MILL_RETURN(Close(std::move(node.mapped())));
  }
  MILL_RETURN(BoundMemory());
  return written;
}

Status IcebergFileSet::Close(Open file) {
  MILL_ASSIGN(IcebergDataFile done, file.writer->Finish());
  done.content = kind_.content;
  done.partition = std::move(file.partition);
  done.equality_ids = kind_.equality_ids;
  finished_.push_back(std::move(done));
  return Status::OK();
}

// Makes the files that hold back most write it until all hold back little enough.
Status IcebergFileSet::BoundMemory() {
  while (true) {
    int64_t total = 0;
    IcebergFileWriter* largest = nullptr;
    for (const auto& [folder, file] : open_) {
      const int64_t buffered = file.writer->buffered();
      total += buffered;
      if (!largest || buffered > largest->buffered()) largest = file.writer.get();
    }
    if (total <= kMaxBuffered) return Status::OK();
    MILL_RETURN(largest->Flush());
  }
}

Result<std::vector<IcebergDataFile>> IcebergFileSet::Finish() {
  while (!open_.empty()) {
    auto node = open_.extract(open_.begin());
    MILL_RETURN(Close(std::move(node.mapped())));
  }
  return std::exchange(finished_, {});
}

void IcebergFileSet::Drop() {
  open_.clear();
  for (const IcebergDataFile& file : finished_) {
    const Status removed = files_->Remove(file.path);
    (void)removed;  // what stays is an orphan: nothing refers to it
  }
  finished_.clear();
}

}  // namespace millrace
