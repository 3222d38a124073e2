#include "engine/rejected.h"

#include <arrow/util/base64.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/files.h"
#include "data/text_table.h"
#include "formats/row_json.h"

namespace millrace {
namespace {

constexpr size_t kMaxBytes = 1 << 20;  // of one row; longer ones are cut, and say so

// What TIMESTAMP columns can read back.
bool IsWritable(Timestamp time) {
  constexpr Timestamp kYear0 = -62167219200000;
  constexpr Timestamp kYear10000 = 253402300800000;
  return time >= kYear0 && time < kYear10000;
}

class JsonLine {
 public:
  void Text(const char* name, std::string_view value) {
    Name(name);
    AppendJsonString(text_, value);
  }
  void TextOrNull(const char* name, std::string_view value) {
    if (value.empty()) return Null(name);
    Text(name, value);
  }
  void Number(const char* name, int64_t value) {
    Name(name);
    text_ += std::to_string(value);
  }
  void Time(const char* name, Timestamp time) {
    if (!IsWritable(time)) return Null(name);
    Text(name, FormatTimestamp(time));
  }
  void Null(const char* name) {
    Name(name);
    text_ += "null";
  }
  std::string Take() { return std::move(text_) + "}\n"; }

 private:
  void Name(const char* name) {
    text_ += text_.empty() ? "{\"" : ", \"";
    text_ += name;
    text_ += "\": ";
  }
  std::string text_;
};

std::string AsLine(const RejectedRow& row, std::string_view bytes) {
  JsonLine line;
  line.Text("source", row.source);
  line.TextOrNull("split", row.split);
  if (row.line > 0) {
    line.Number("line", row.line);
  } else {
    line.Null("line");
  }
  line.TextOrNull("position", row.position);
  line.Time("time", row.time);
  line.Time("watermark", row.watermark);
  line.Text("reason", row.reason);
  line.Text("row", row.row);
  if (bytes.data() == nullptr) {
    line.Null("bytes");
  } else {
    line.Text("bytes", arrow::util::base64_encode(bytes));
  }
  return line.Take();
}

Status Failed(const char* what, const std::string& path) {
  return ExternalError("cannot {} '{}': {}", what, path, std::strerror(errno));
}

size_t SizeOf(const RejectedRow& row) {
  return sizeof row + row.source.size() + row.split.size() + row.position.size() +
         row.reason.size() + row.row.size();
}

}  // namespace

Schema RejectedColumns() {
  const SqlType text = SqlType::String(), time = SqlType::Timestamp(3);
  Schema schema;
  schema.columns = {{"source", text},   {"split", text}, {"line", SqlType::BigInt()},
                    {"position", text}, {"time", time},  {"watermark", time},
                    {"reason", text},   {"row", text},   {"bytes", SqlType::Bytes()}};
  return schema;
}

Result<std::unique_ptr<Rejected>> Rejected::Make(const std::string& folder) {
  std::unique_ptr<Rejected> rejected(new Rejected(folder));
  if (folder.empty()) return rejected;
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) {
    return ExternalError("cannot make the job's folder '{}': {}", folder, error.message());
  }
  MILL_RETURN(rejected->OpenTable(rejected->dead_));
  MILL_RETURN(rejected->OpenTable(rejected->late_));
  return rejected;
}

Rejected::~Rejected() {
  for (Table* table : {&dead_, &late_}) {
    for (auto& [epoch, segment] : table->segments) {
      if (segment.file) std::fclose(segment.file);
    }
  }
}

// The table's file is there from the start, so that $dead_letter can be read.
Status Rejected::OpenTable(Table& table) {
  const std::string path = folder_ + "/" + table.name;
  std::FILE* file = std::fopen(path.c_str(), "ae");
  if (file == nullptr) return Failed("open", path);
  std::fclose(file);
  std::error_code error;
  table.length = static_cast<int64_t>(std::filesystem::file_size(path, error));
  return Status::OK();
}

void Rejected::Write(Table& table, int64_t epoch, const std::string& line) {
  Segment& segment = table.segments[epoch];
  if (!segment.file) {
    segment.name = fmt::format(".{}.{}", table.name, epoch);
    segment.file = std::fopen((folder_ + "/" + segment.name).c_str(), "we");
  }
  const bool written =
      segment.file && std::fwrite(line.data(), 1, line.size(), segment.file) == line.size();
  if (!written && failure_.ok()) failure_ = Failed("write rejected rows to", folder_ + "/" + table.name);
  segment.bytes += static_cast<int64_t>(line.size());
}

void Rejected::Keep(Table& table, int64_t epoch, RejectedRow row, std::string_view bytes) {
  const std::lock_guard lock(mutex_);
  if (!folder_.empty()) Write(table, epoch, AsLine(row, bytes));
  table.kept_bytes += SizeOf(row);
  table.rows.emplace_back(epoch, std::move(row));
  while (table.rows.size() > 1 &&
         (table.rows.size() > kKeptRows || table.kept_bytes > kKeptBytes)) {
    table.kept_bytes -= SizeOf(table.rows.front().second);
    table.rows.pop_front();
  }
}

void Rejected::Dead(int64_t epoch, const BadRow& bad) {
  RejectedRow row;
  row.source = bad.table;
  row.split = bad.file;
  row.line = bad.line;
  row.position = bad.line > 0 ? fmt::format("{}:{}", bad.file, bad.line) : bad.file;
  row.time = bad.time;
  row.reason = bad.reason;
  const std::string_view bytes = bad.bytes.substr(0, kMaxBytes);
  row.row = std::string(bytes);
  if (bytes.size() < bad.bytes.size()) {
    row.reason += fmt::format(" (kept: the first {} of {} bytes)", bytes.size(), bad.bytes.size());
  }
  Keep(dead_, epoch, std::move(row), bytes.data() == nullptr ? std::string_view("") : bytes);
}

void Rejected::Late(int64_t epoch, const Batch& batch, int64_t index, const LateRow& late,
                    const SplitName* from) {
  RejectedRow row;
  row.source = late.what;
  if (from) row.split = from->split;
  if (from) row.position = from->Text();
  row.time = late.time;
  row.watermark = late.watermark;
  row.reason =
      late.time == kMinTimestamp ? "its event time is NULL" : "late: its window had closed";
  row.row = RowAsJson(*batch.rows, index);
  Keep(late_, epoch, std::move(row), {});
}

Result<Committable> Rejected::Stage(int64_t epoch) {
  const std::lock_guard lock(mutex_);
  MILL_RETURN(failure_);
  Committable staged{epoch, ""};
  if (folder_.empty()) return staged;
  MILL_RETURN(StageTable(dead_, epoch, staged.payload));
  MILL_RETURN(StageTable(late_, epoch, staged.payload));
  if (!dead_.segments.empty() || !late_.segments.empty()) MILL_RETURN(SyncFolder(folder_));
  return staged;
}

Status Rejected::StageTable(Table& table, int64_t epoch, std::string& payload) {
  payload += fmt::format("{} {}", table.name, table.length);
  for (auto& [of, segment] : table.segments) {
    if (of > epoch) continue;
    const std::string path = folder_ + "/" + segment.name;
    if (segment.file) {
      const bool synced = std::fflush(segment.file) == 0 && SyncFile(fileno(segment.file), path) == 0;
      std::fclose(segment.file);
      segment.file = nullptr;
      if (!synced) failure_ = Failed("write", path);  // for good: the file cannot be trusted
      MILL_RETURN(failure_);
    }
    payload += fmt::format(" {} {}", segment.name, segment.bytes);
  }
  payload += "\n";
  return Status::OK();
}

Status Rejected::Publish(const Committable& staged) {
  const std::lock_guard lock(mutex_);
  std::istringstream lines(staged.payload);
  for (std::string line; std::getline(lines, line);) MILL_RETURN(PublishLine(line, false));
  for (Table* table : {&dead_, &late_}) {
    std::erase_if(table->segments, [&](const auto& each) { return each.first <= staged.epoch; });
    for (auto& [epoch, row] : table->rows) epoch = epoch <= staged.epoch ? 0 : epoch;
  }
  return Status::OK();
}

// With `cut`, what stands behind the line's rows is taken away.
Status Rejected::PublishLine(const std::string& line, bool cut) {
  std::istringstream words(line);
  std::string name, segment;
  int64_t before = 0, bytes = 0;
  if (!(words >> name >> before) || (name != dead_.name && name != late_.name)) {
    return Status::IOError("not a checkpoint of rejected rows: ", line);
  }
  const std::string path = folder_ + "/" + name;
  std::vector<std::pair<std::string, int64_t>> segments;
  int64_t after = before;
  for (; words >> segment >> bytes; after += bytes) {
    segments.emplace_back(folder_ + "/" + segment, bytes);
  }
  std::error_code error;
  auto length = static_cast<int64_t>(std::filesystem::file_size(path, error));
  if (error) length = 0;
  const auto is_there = [](const auto& each) { return access(each.first.c_str(), F_OK) == 0; };
  const bool elsewhere = std::none_of(segments.begin(), segments.end(), is_there);
  // Published before a crash, or in the folder that the checkpoint was made in.
  const bool there = length >= after || elsewhere;
  const int64_t wanted = std::min(length, !there ? before : cut ? after : length);
  if (length != wanted && truncate(path.c_str(), wanted) != 0) return Failed("cut", path);
  for (const auto& [from, count] : segments) {
    if (!there) MILL_RETURN(Append(path, from, count));
  }
  // All of them have to be there until the last one has been added.
  for (const auto& [from, count] : segments) std::filesystem::remove(from, error);
  Table& table = name == dead_.name ? dead_ : late_;
  table.length = static_cast<int64_t>(std::filesystem::file_size(path, error));
  return Status::OK();
}

Committable Rejected::Shown(int64_t epoch) const {
  const std::lock_guard lock(mutex_);
  Committable shown{epoch, ""};
  if (folder_.empty()) return shown;
  for (const Table* table : {&dead_, &late_}) {
    shown.payload += fmt::format("{} {}\n", table->name, table->length);
  }
  return shown;
}

Status Rejected::Append(const std::string& path, const std::string& segment, int64_t bytes) {
  std::error_code error;
  const auto size = std::filesystem::file_size(segment, error);
  if (error || static_cast<int64_t>(size) != bytes) {
    return ExternalError("rejected rows in '{}' are missing: the file should have {} bytes", segment,
                         bytes);
  }
  std::ifstream from(segment, std::ios::binary);
  std::FILE* to = std::fopen(path.c_str(), "ae");
  if (!to) return Failed("open", path);
  bool written = true;
  std::vector<char> buffer(1 << 16);
  while (written && from) {
    from.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    const auto count = static_cast<size_t>(from.gcount());
    written = std::fwrite(buffer.data(), 1, count, to) == count;
  }
  written = written && std::fflush(to) == 0 && SyncFile(fileno(to), path) == 0;
  std::fclose(to);
  return written ? Status::OK() : Failed("write", path);
}

void Rejected::DropSegments(Table& table) {
  for (auto& [epoch, segment] : table.segments) {
    if (segment.file) std::fclose(segment.file);
  }
  table.segments.clear();
}

// Hidden files of epochs that never were committed.
Status Rejected::RemoveHidden() {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, error)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("." + dead_.name + ".") || name.starts_with("." + late_.name + ".")) {
      std::filesystem::remove(entry.path(), error);
    }
  }
  return error ? ExternalError("cannot tidy up '{}': {}", folder_, error.message()) : Status::OK();
}

Status Rejected::Restore(const Committable* published) {
  const std::lock_guard lock(mutex_);
  const int64_t epoch = published ? published->epoch : 0;
  failure_ = Status::OK();
  for (Table* table : {&dead_, &late_}) {
    DropSegments(*table);
    std::erase_if(table->rows, [&](const auto& each) { return each.first > epoch; });
    table->kept_bytes = 0;
    for (const auto& each : table->rows) table->kept_bytes += SizeOf(each.second);
  }
  if (folder_.empty()) return Status::OK();
  if (published) {
    std::istringstream lines(published->payload);
    for (std::string line; std::getline(lines, line);) MILL_RETURN(PublishLine(line, true));
  }
  return RemoveHidden();
}

std::vector<RejectedRow> Rejected::Rows(const Table& table) const {
  const std::lock_guard lock(mutex_);
  std::vector<RejectedRow> rows;
  for (const auto& [epoch, row] : table.rows) rows.push_back(row);
  return rows;
}

Status Rejected::failure() const {
  const std::lock_guard lock(mutex_);
  return failure_;
}

}  // namespace millrace
