#include "connectors/files/file_sink.h"

#include <algorithm>
#include <utility>

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
  MILL_ASSIGN(sink->commit_, PartitionCommit::Make(table));
  sink->recoverable_ = !table.owner.empty();
  MILL_RETURN(sink->MakeGatherer(table));
  return sink;
}

// There is one also where nothing is gathered now: a checkpoint may tell of rows that were.
Status FileSink::MakeGatherer(const TableInfo& table) {
  MILL_ASSIGN(gathers_, BoolOption(table.options, "auto-compaction", false));
  const std::string size = StringOption(table.options, "compaction.file-size", "");
  Gatherer::Limits limits{max_bytes_, max_age_};
  if (!size.empty()) {
    MILL_ASSIGN(limits.bytes, ParseMemorySize(size));
  }
  if (!gathers_ && !size.empty()) {
    return UserError("table '{}': option 'compaction.file-size' wants 'auto-compaction' = 'true'",
                     table.name);
  }
  // More than asked for, so that what is a little too much does not become a small file.
  if (gathers_) max_bytes_ = limits.bytes + limits.bytes / 2;
  gatherer_ = std::make_unique<Gatherer>(table, partitions_->data(), limits, target_->owner(),
                                         target_->writer());
  return Status::OK();
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
    if (commit_ && !commit_->is_immediate()) MILL_RETURN(commit_->Wrote(part.folder));
    if (gathers_) {
      MILL_RETURN(Gather(part.folder, part.rows));
      continue;
    }
    MILL_RETURN(WriteRows(part.folder, *part.rows, batch.arrival));
  }
  return BoundMemory();
}

Status FileSink::Gather(const std::string& folder, std::shared_ptr<arrow::RecordBatch> rows) {
  wrote_ = true;
  return gatherer_->Add(folder, std::move(rows));
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
  if (commit_) MILL_RETURN(commit_->Wrote(folder));
  const std::string stem = takes_over_ ? gatherer_->NextStem(folder) : "";
  MILL_ASSIGN(file.stream, target_->Create(folder, stem));
  MILL_ASSIGN(file.encoder, make_encoder_(file.stream));
  wrote_ = true;
  return &(open_[folder] = std::move(file));
}

Status FileSink::CloseFile(OpenFile file) {
  MILL_RETURN(file.encoder->Finish());
  if (takes_over_) gathered_bytes_ += file.encoder->bytes();
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

// The folders of one take have a file open each: few, so that these can be held in memory where
// they cannot be handed on. The file by which a group is known to be shown, its first, is published
// last.
Status FileSink::WriteGathered(bool all) {
  constexpr size_t kAtOnce = 32;
  MILL_RETURN(CloseAll());
  MILL_RETURN(gatherer_->Spill());
  std::vector<std::string> due = all || !gathers_ ? gatherer_->All() : gatherer_->Due();
  if (commit_ && !commit_->is_immediate()) {
    for (std::string& folder : commit_->Due()) due.push_back(std::move(folder));
  }
  std::sort(due.begin(), due.end());
  due.erase(std::unique(due.begin(), due.end()), due.end());
  const auto before = static_cast<ptrdiff_t>(closed_.size());
  takes_over_ = true;
  for (size_t at = 0; at < due.size(); at += kAtOnce) {
    const std::vector<std::string> some(due.begin() + static_cast<ptrdiff_t>(at),
                                        due.begin() + static_cast<ptrdiff_t>(std::min(
                                                          at + kAtOnce, due.size())));
    gathered_bytes_ = 0;
    MILL_RETURN(gatherer_->Take(some, [this](const auto& folder, const auto& rows) {
      return WriteTaken(folder, rows);
    }));
    MILL_RETURN(CloseAll());
    gatherer_->NoteFiles(gathered_bytes_);
  }
  takes_over_ = false;
  std::reverse(closed_.begin() + before, closed_.end());
  return Status::OK();
}

// In pieces, so that a file ends near the size that it is to have.
Status FileSink::WriteTaken(const std::string& folder, const arrow::RecordBatch& rows) {
  constexpr int64_t kPiece = 4096;
  for (int64_t at = 0; at < rows.num_rows(); at += kPiece) {
    MILL_RETURN(WriteRows(folder, *rows.Slice(at, kPiece), 0));
    MILL_RETURN(BoundMemory());
  }
  return Status::OK();
}

std::vector<std::string> FileSink::CompletePartitions() {
  std::vector<std::string> complete;
  if (!commit_) return complete;
  for (std::string& folder : commit_->Due()) {
    if (!commit_->is_immediate() && gatherer_->Holds(folder)) continue;
    commit_->Take(folder);
    complete.push_back(std::move(folder));
  }
  return complete;
}

Result<Committable> FileSink::StageRows(int64_t epoch, bool all) {
  MILL_RETURN(WriteGathered(all));
  // Even an epoch without files names its writer, once there is something of it to clean up.
  if (!wrote_) return Committable{epoch, ""};
  FilePayload payload;
  payload.gathered = gatherer_->Stage();
  payload.complete = CompletePartitions();
  if (commit_) payload.waiting = commit_->waiting();
  MILL_ASSIGN(payload.target, target_->Stage(epoch, std::move(closed_)));
  closed_.clear();
  return Committable{epoch, ToPayload(payload)};
}

// The success file comes behind the rows, and what rows were read from goes behind both.
Status FileSink::Publish(const Committable& committable) {
  if (committable.payload.empty()) return Status::OK();
  MILL_ASSIGN(const FilePayload payload, FilePayloadOf(committable.payload));
  MILL_RETURN(target_->Publish(payload.target));
  for (const std::string& folder : payload.complete) {
    if (commit_) MILL_RETURN(commit_->Tell(folder));
  }
  MILL_RETURN(gatherer_->Publish(payload.gathered));
  shown_ = payload.gathered;
  return Status::OK();
}

Status FileSink::Recover(const std::vector<Committable>& pending) {
  MILL_RETURN(Sink::Recover(pending));
  std::vector<std::string> published;
  FilePayload last;
  for (const Committable& committable : pending) {
    if (committable.payload.empty()) continue;
    MILL_ASSIGN(last, FilePayloadOf(committable.payload));
    published.push_back(last.target);
  }
  MILL_RETURN(gatherer_->Load(last.gathered, [this](const GatheredGroup& group) {
    return target_->IsShown(group.folder, group.stem);
  }));
  if (commit_ && published.empty()) MILL_RETURN(commit_->LoadFromFolders(target_->owner()));
  if (commit_) MILL_RETURN(commit_->Load(last.waiting));
  wrote_ |= !last.is_plain() || (commit_ && !commit_->waiting().empty());
  MILL_RETURN(gatherer_->DropLeftovers());
  return target_->DropLeftovers(published);
}

// Of a run that nobody can go on from, rows that were to be shown some time are shown now.
Status FileSink::ShowGathered() {
  gatherer_->Drop();
  if (recoverable_ || shown_.groups.empty()) return Status::OK();
  MILL_RETURN(gatherer_->Load(std::exchange(shown_, {}), [](const auto&) { return false; }));
  MILL_RETURN(WriteGathered(true));
  MILL_ASSIGN(const std::string payload, target_->Stage(kMaxTimestamp, std::move(closed_)));
  closed_.clear();
  MILL_RETURN(target_->Publish(payload));
  return gatherer_->Publish(gatherer_->Stage());
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
  return ShowGathered();
}

}  // namespace millrace
