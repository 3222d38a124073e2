#include "connectors/files/file_sink.h"

#include <algorithm>

namespace millrace {
namespace {

constexpr size_t kMaxOpenFiles = 128;
// What the encoders of all open files together may hold back in memory, and what their streams may.
constexpr int64_t kMaxBuffered = 64 << 20;
constexpr int64_t kMaxHeld = 256 << 20;

}  // namespace

Result<std::unique_ptr<FileSink>> FileSink::Make(const TableInfo& table) {
  std::unique_ptr<FileSink> sink(new FileSink);
  MILL_RETURN(sink->ReadRolling(table.options));
  MILL_ASSIGN(sink->partitions_, PartitionFolders::Make(table));
  const std::string format = StringOption(table.options, "format", "");
  MILL_ASSIGN(sink->make_encoder_,
              MakeFileEncoderMaker(format, sink->partitions_->data(), table.options));
  MILL_ASSIGN(sink->target_, MakeOutputTarget(table, format == "raw" ? ".txt" : "." + format));
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
  file.opened = arrival;
  MILL_ASSIGN(file.stream, target_->Create(folder));
  MILL_ASSIGN(file.encoder, make_encoder_(file.stream));
  wrote_ = true;
  return &(open_[folder] = std::move(file));
}

Status FileSink::CloseFile(OpenFile file) {
  MILL_RETURN(file.encoder->Finish());
  MILL_RETURN(file.stream->Seal());
  closed_.push_back(std::move(file.stream));
  return Status::OK();
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
Status FileSink::FlushEncoders() {
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

// A stream may not be able to hand on what it holds before its file ends.
Status FileSink::BoundMemory() {
  MILL_RETURN(FlushEncoders());
  while (true) {
    int64_t total = 0;
    auto largest = open_.begin();
    for (auto file = open_.begin(); file != open_.end(); ++file) {
      total += file->second.stream->held();
      if (file->second.stream->held() > largest->second.stream->held()) largest = file;
    }
    if (total <= kMaxHeld) return Status::OK();
    auto node = open_.extract(largest);
    MILL_RETURN(CloseFile(std::move(node.mapped())));
  }
}

Status FileSink::Open() { return target_->Open(); }

Result<Committable> FileSink::Stage(int64_t epoch) {
  MILL_RETURN(CloseAll());
  // Even an epoch without files names its writer, once there is something of it to clean up.
  if (!wrote_) return Committable{epoch, ""};
  MILL_ASSIGN(std::string payload, target_->Stage(epoch, std::move(closed_)));
  closed_.clear();
  return Committable{epoch, std::move(payload)};
}

Status FileSink::Publish(const Committable& committable) {
  if (committable.payload.empty()) return Status::OK();
  return target_->Publish(committable.payload);
}

Status FileSink::Recover(const std::vector<Committable>& pending) {
  MILL_RETURN(Sink::Recover(pending));
  std::vector<std::string> published;
  for (const Committable& committable : pending) {
    if (!committable.payload.empty()) published.push_back(committable.payload);
  }
  return target_->DropLeftovers(published);
}

FileSink::~FileSink() { DropUnstaged(); }

// What no committable can name is garbage. Encoders may want to write a footer when they are
// destroyed: nobody needs it.
void FileSink::DropUnstaged() {
  for (auto& [folder, file] : open_) (void)file.stream->Close();
  open_.clear();
  closed_.clear();
}

Status FileSink::Abort() {
  DropUnstaged();
  target_->DropStaged();
  return Status::OK();
}

}  // namespace millrace
