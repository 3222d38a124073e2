#include "connectors/files/gatherer.h"

#include <arrow/util/byte_size.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/files.h"
#include "connectors/storage/file_system.h"

namespace millrace {
namespace {

// What may be in memory; and from when on a partition's rows are a segment of their own, so that
// they do not have to stay until the rows of others are old enough.
constexpr int64_t kMaxHeld = 64 << 20;
constexpr int64_t kOwnSegment = 1 << 20;

Timestamp Now() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

std::string GatheredFolder(const std::string& path) {
  std::string folder = IsObjectStore(path) ? path : LocalPath(path);
  while (folder.size() > 1 && folder.ends_with('/')) folder.pop_back();
  return folder + "/_gathered";
}

}  // namespace

Gatherer::Gatherer(const TableInfo& table, const Schema& columns, Limits limits, std::string owner,
                   std::string writer)
    : table_(table.name),
      columns_(columns.ToString()),
      owner_(std::move(owner)),
      writer_(std::move(writer)),
      limits_(limits),
      folder_(GatheredFolder(StringOption(table.options, "path", ""))),
      files_(table.options) {}

Status Gatherer::Add(const std::string& folder, std::shared_ptr<arrow::RecordBatch> rows) {
  constexpr int64_t kOfAColumn = 512;  // beside the values: counts where batches are small
  Pending& pending = rows_[folder];
  MILL_ASSIGN(int64_t bytes, arrow::util::ReferencedBufferSize(*rows));
  bytes += kOfAColumn * (rows->num_columns() + 1);
  pending.rows.push_back(std::move(rows));
  pending.bytes += bytes;
  held_ += bytes;
  return held_ > kMaxHeld ? Spill() : Status::OK();
}

Status Gatherer::Spill() {
  std::vector<std::string> shared;
  for (const auto& [folder, pending] : rows_) {
    if (pending.bytes < kOwnSegment) {
      shared.push_back(folder);
    } else {
      MILL_RETURN(WriteSegment({folder}));
    }
  }
  if (!shared.empty()) MILL_RETURN(WriteSegment(shared));
  rows_.clear();
  held_ = 0;
  return Status::OK();
}

Status Gatherer::WriteSegment(const std::vector<std::string>& folders) {
  SegmentBuilder builder;
  for (const std::string& folder : folders) {
    MILL_RETURN(builder.Add(folder, rows_.at(folder).rows));
  }
  const int64_t number = next_segment_++;
  Segment& segment = segments_[number];
  segment.name = fmt::format("{}-{}.rows", writer_, number);
  for (const SegmentPart& part : builder.parts()) {
    GatheredGroup& group = groups_[part.folder];
    if (group.rows == 0) {
      group = {part.folder, fmt::format("{}-g{:06}", writer_, next_group_++), 0, 0, Now(), number};
    }
    AddToGroup(part);
    segment.parts[part.folder] = part;
  }
  unpublished_.insert(segment.name);
  const std::string bytes = builder.Finish();
  MILL_RETURN(files_.Write(LocationOf(segment.name), bytes));
  const bool first = number == 0 && !IsObjectStore(folder_);
  return first ? SyncFolder(folder_.substr(0, folder_.rfind('/') + 1)) : Status::OK();
}

void Gatherer::AddToGroup(const SegmentPart& part) {
  GatheredGroup& group = groups_[part.folder];
  group.rows += part.rows;
  group.bytes += part.bytes;
}

std::vector<std::string> Gatherer::Due() const {
  const Timestamp now = Now();
  std::vector<std::string> due;
  for (const auto& [folder, group] : groups_) {
    const double bytes = static_cast<double>(group.bytes) * ratio_;
    const bool large = bytes >= static_cast<double>(limits_.bytes);
    if (large || now - group.since >= limits_.age) due.push_back(folder);
  }
  return due;
}

std::vector<std::string> Gatherer::All() const {
  std::vector<std::string> all;
  for (const auto& [folder, group] : groups_) all.push_back(folder);
  return all;
}

Status Gatherer::Take(const std::vector<std::string>& folders, const TakeRows& take) {
  files_of_.clear();
  stems_.clear();
  taken_ = 0;
  std::set<std::string> wanted;
  for (const std::string& folder : folders) {
    const auto group = groups_.find(folder);
    if (group == groups_.end()) continue;
    wanted.insert(folder);
    stems_[folder] = group->second.stem;
    taken_ += group->second.bytes;
  }
  for (auto segment = segments_.begin(); segment != segments_.end();) {
    MILL_RETURN(TakeFrom(&segment->second, wanted, take));
    if (!segment->second.parts.empty()) {
      ++segment;
      continue;
    }
    done_.push_back(segment->second.name);
    segment = segments_.erase(segment);
  }
  for (const std::string& folder : wanted) groups_.erase(folder);
  return Status::OK();
}

Status Gatherer::TakeFrom(Segment* segment, const std::set<std::string>& folders,
                          const TakeRows& take) {
  std::shared_ptr<arrow::io::RandomAccessFile> file;
  for (auto part = segment->parts.begin(); part != segment->parts.end();) {
    if (!folders.contains(part->first)) {
      ++part;
      continue;
    }
    if (!file) {
      MILL_ASSIGN(file, files_.Open(LocationOf(segment->name)));
    }
    MILL_ASSIGN(const auto rows, ReadSegmentRows(file.get(), part->second, segment->name));
    for (const auto& batch : rows) MILL_RETURN(take(part->first, *batch));
    part = segment->parts.erase(part);
  }
  return Status::OK();
}

std::string Gatherer::NextStem(const std::string& folder) {
  const int number = files_of_[folder]++;
  const std::string& stem = stems_[folder];
  return number == 0 ? stem : fmt::format("{}_{:03}", stem, number);
}

// Of few rows headers and footers are the most: that says nothing.
void Gatherer::NoteFiles(int64_t bytes) {
  if (taken_ >= kOwnSegment) ratio_ = static_cast<double>(bytes) / static_cast<double>(taken_);
}

GatheredState Gatherer::Stage() {
  GatheredState state;
  state.columns = columns_;
  state.ratio = ratio_;
  state.done = std::exchange(done_, {});
  std::map<int64_t, int64_t> places;
  for (const auto& [number, segment] : segments_) {
    places[number] = std::ssize(state.segments);
    state.segments.push_back(segment.name);
  }
  for (const auto& [folder, group] : groups_) {
    state.groups.push_back(group);
    state.groups.back().first = places.at(group.first);
  }
  return state;
}

Status Gatherer::Publish(const GatheredState& state) {
  for (const std::string& name : state.segments) unpublished_.erase(name);
  for (const std::string& name : state.done) {
    MILL_ASSIGN(const bool there, files_.Exists(LocationOf(name)));
    if (there) MILL_RETURN(files_.Remove(LocationOf(name)));
    unpublished_.erase(name);
  }
  return Status::OK();
}

Status Gatherer::CheckColumns(const GatheredState& state) const {
  if (state.groups.empty() || state.columns == columns_) return Status::OK();
  return UserError(
      "table '{}' has rows in '{}' that wait for being put into files; they have the columns {}, "
      "the table has {}. hint: go on with the former script, stop it with a savepoint, which shows "
      "all rows, and restore that",
      table_, folder_, state.columns, columns_);
}

Status Gatherer::Load(const GatheredState& state,
                      const std::function<Result<bool>(const GatheredGroup&)>& is_shown) {
  ratio_ = state.ratio;
  std::map<std::string, GatheredGroup> waiting;
  for (const GatheredGroup& group : state.groups) {
    MILL_ASSIGN(const bool shown, is_shown(group));
    if (!shown) waiting[group.folder] = group;
  }
  if (!waiting.empty()) MILL_RETURN(CheckColumns(state));
  for (size_t place = 0; place < state.segments.size(); ++place) {
    const int64_t number = next_segment_++;
    for (const auto& [folder, group] : waiting) {
      if (std::cmp_not_equal(group.first, place)) continue;
      groups_[folder] = {folder, group.stem, 0, 0, group.since, number};
    }
    MILL_RETURN(LoadSegment(state.segments[place], number));
  }
  return CheckComplete(waiting);
}

Status Gatherer::CheckComplete(const std::map<std::string, GatheredGroup>& waiting) const {
  for (const auto& [folder, group] : waiting) {
    const auto found = groups_.find(folder);
    const int64_t rows = found == groups_.end() ? 0 : found->second.rows;
    if (rows == group.rows) continue;
    return ExternalError(
        "table '{}': of {} rows of the partition '{}' that the checkpoint has gathered, {} are in "
        "'{}'. hint: others must not remove anything there; or is this an old checkpoint?",
        table_, group.rows, folder, rows, folder_);
  }
  return Status::OK();
}

// Of a segment that is gone all rows have been shown: CheckComplete counts.
Status Gatherer::LoadSegment(const std::string& name, int64_t number) {
  MILL_ASSIGN(const bool there, files_.Exists(LocationOf(name)));
  if (!there) return Status::OK();
  MILL_ASSIGN(const auto file, files_.Open(LocationOf(name)));
  MILL_ASSIGN(const auto parts, ReadSegmentParts(file.get(), name));
  Segment segment;
  segment.name = name;
  for (const SegmentPart& part : parts) {
    if (!groups_.contains(part.folder)) continue;
    AddToGroup(part);
    segment.parts[part.folder] = part;
  }
  if (!segment.parts.empty()) {
    segments_[number] = std::move(segment);
  } else {
    done_.push_back(name);
  }
  return Status::OK();
}

Status Gatherer::DropLeftovers() {
  std::set<std::string> used(done_.begin(), done_.end());
  for (const auto& [number, segment] : segments_) used.insert(segment.name);
  MILL_ASSIGN(const auto listed, files_.List(folder_));
  for (const auto& file : listed) {
    const std::string name = file.location.substr(file.location.rfind('/') + 1);
    const bool mine = name.starts_with(owner_) && name.ends_with(".rows");
    if (mine && !used.contains(name)) MILL_RETURN(files_.Remove(file.location));
  }
  return Status::OK();
}

void Gatherer::Drop() {
  for (const std::string& name : unpublished_) (void)files_.Remove(LocationOf(name));
  unpublished_.clear();
  rows_.clear();
  segments_.clear();
  groups_.clear();
  done_.clear();
  held_ = 0;
}

}  // namespace millrace
