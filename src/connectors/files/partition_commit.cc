#include "connectors/files/partition_commit.h"

#include <algorithm>
#include <chrono>
#include <set>

#include "connectors/storage/file_system.h"

namespace millrace {
namespace {

constexpr const char* kKind = "sink.partition-commit.policy.kind";
constexpr const char* kTrigger = "sink.partition-commit.trigger";
constexpr const char* kName = "sink.partition-commit.success-file.name";
constexpr const char* kDelay = "sink.partition-commit.delay";

Timestamp Now() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

// True if partitions are to be committed.
Result<bool> IsWanted(const TableInfo& table) {
  const std::string kind = StringOption(table.options, kKind, "");
  if (kind.empty()) {
    for (const auto& [key, value] : table.options) {
      if (!key.starts_with("sink.partition-commit.")) continue;
      return UserError("table '{}': option '{}' wants '{}' = 'success-file'", table.name, key,
                       kKind);
    }
    return false;
  }
  if (kind != "success-file") {
    return UserError("table '{}': option '{}': '{}' is not there: there is no metastore, and "
                     "classes cannot be loaded. hint: 'success-file'",
                     table.name, kKind, kind);
  }
  if (table.partitioned_by.empty()) {
    return UserError("table '{}': option '{}' wants a table that is PARTITIONED BY columns",
                     table.name, kKind);
  }
  return true;
}

}  // namespace

Result<std::unique_ptr<PartitionCommit>> PartitionCommit::Make(const TableInfo& table) {
  MILL_ASSIGN(const bool wanted, IsWanted(table));
  if (!wanted) return nullptr;
  std::unique_ptr<PartitionCommit> commit(new PartitionCommit(table));
  const std::string path = StringOption(table.options, "path", "");
  commit->path_ = IsObjectStore(path) ? path : LocalPath(path);
  if (!commit->path_.ends_with('/')) commit->path_ += '/';
  commit->name_ = StringOption(table.options, kName, "_SUCCESS");
  if (commit->name_.empty() || commit->name_.find('/') != std::string::npos) {
    return UserError("table '{}': option '{}': '{}' is not the name of a file", table.name, kName,
                     commit->name_);
  }
  MILL_ASSIGN(const auto delay, DurationOption(table.options, kDelay, {}));
  commit->delay_ = delay.count();
  const std::string trigger = StringOption(table.options, kTrigger, "process-time");
  if (trigger == "partition-time") {
    MILL_ASSIGN(auto time, PartitionTime::Make(table));
    commit->time_ = std::make_unique<PartitionTime>(std::move(time));
  } else if (trigger != "process-time") {
    return UserError("table '{}': option '{}': '{}' is neither process-time nor partition-time",
                     table.name, kTrigger, trigger);
  }
  return commit;
}

Status PartitionCommit::Add(const std::string& folder, Timestamp since) {
  Waiting waiting{since, 0};
  if (time_) {
    MILL_ASSIGN(waiting.time, time_->Of(folder));
  }
  waiting_.emplace(folder, waiting);
  return Status::OK();
}

Status PartitionCommit::Wrote(const std::string& folder) {
  return waiting_.contains(folder) ? Status::OK() : Add(folder, Now());
}

std::vector<std::string> PartitionCommit::Due() const {
  const Timestamp now = Now();
  const bool ended = watermark_ == kMaxTimestamp;
  std::vector<std::string> due;
  for (const auto& [folder, waiting] : waiting_) {
    const bool known = watermark_ != kMinTimestamp;
    const bool passed = time_ ? known && waiting.time <= watermark_ - delay_
                              : now >= waiting.since + delay_;
    if (ended || passed) due.push_back(folder);
  }
  return due;
}

std::vector<WaitingPartition> PartitionCommit::waiting() const {
  std::vector<WaitingPartition> all;
  for (const auto& [folder, waiting] : waiting_) all.push_back({folder, waiting.since});
  return all;
}

Status PartitionCommit::Load(const std::vector<WaitingPartition>& waiting) {
  for (const WaitingPartition& each : waiting) MILL_RETURN(Add(each.folder, each.since));
  return Status::OK();
}

Status PartitionCommit::LoadFromFolders(const std::string& owner) {
  MILL_ASSIGN(const auto files, files_.List(path_.substr(0, path_.size() - 1)));
  std::set<std::string> told;
  std::map<std::string, Timestamp> since;
  for (const auto& file : files) {
    const std::string below = file.location.substr(path_.size());
    const size_t name = below.rfind('/') + 1;
    const std::string folder = below.substr(0, name);
    if (below.substr(name) == name_) told.insert(folder);
    if (folder.empty() || !below.substr(name).starts_with("part-" + owner)) continue;
    const auto first = since.emplace(folder, file.modified).first;
    first->second = std::min(first->second, file.modified);
  }
  for (const auto& [folder, time] : since) {
    if (!told.contains(folder)) MILL_RETURN(Add(folder, time));
  }
  return Status::OK();
}

Status PartitionCommit::Tell(const std::string& folder) {
  const std::string location = LocationOf(folder);
  return IsObjectStore(location) ? files_.Write(location, "") : files_.Replace(location, "");
}

}  // namespace millrace
