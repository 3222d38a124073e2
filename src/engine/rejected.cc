#include "engine/rejected.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "data/pretty.h"
#include "data/text_table.h"

namespace millrace {
namespace {

// JSON string literal; bytes that are not ASCII text are escaped one by one.
std::string Quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte >= 0x7F) {
      out += fmt::format("\\u{:04x}", byte);
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string TimeOrNull(Timestamp time) {
  return time == kMinTimestamp || time == kMaxTimestamp ? "null" : Quoted(FormatTimestamp(time));
}

Status Failed(const char* what, const std::string& path) {
  return ExternalError("cannot {} '{}': {}", what, path, std::strerror(errno));
}

// The row as JSON: {"column": "value as text", ...}.
std::string RowAsJson(const arrow::RecordBatch& rows, int64_t row) {
  std::string out = "{";
  for (int c = 0; c < rows.num_columns(); ++c) {
    if (c > 0) out += ", ";
    out += Quoted(rows.column_name(c)) + ": ";
    out += rows.column(c)->IsNull(row) ? "null" : Quoted(FormatValue(*rows.column(c), row));
  }
  return out + "}";
}

}  // namespace

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

void Rejected::Keep(Table& table, int64_t epoch, RejectedRow row) {
  if (!folder_.empty()) {
    const std::string line = fmt::format(
        "{{\"source\": {}, \"position\": {}, \"time\": {}, \"watermark\": {}, \"reason\": {}, "
        "\"row\": {}}}\n",
        Quoted(row.source), Quoted(row.position), TimeOrNull(row.time), TimeOrNull(row.watermark),
        Quoted(row.reason), Quoted(row.row));
    Segment& segment = table.segments[epoch];
    if (!segment.file) {
      segment.name = fmt::format(".{}.{}", table.name, epoch);
      segment.file = std::fopen((folder_ + "/" + segment.name).c_str(), "we");
    }
    const bool written =
        segment.file && std::fwrite(line.data(), 1, line.size(), segment.file) == line.size();
    if (!written && failure_.ok()) failure_ = Failed("write", folder_ + "/" + segment.name);
    segment.bytes += static_cast<int64_t>(line.size());
  }
  table.rows.emplace_back(epoch, std::move(row));
  if (table.rows.size() > kKept) table.rows.pop_front();
}

void Rejected::Dead(int64_t epoch, const BadRow& bad) {
  RejectedRow row;
  row.source = bad.file;
  row.position = bad.line > 0 ? fmt::format("{}:{}", bad.file, bad.line) : bad.file;
  row.reason = bad.reason;
  row.row = std::string(bad.bytes.substr(0, 1 << 20));
  const std::lock_guard lock(mutex_);
  Keep(dead_, epoch, std::move(row));
}

void Rejected::Late(int64_t epoch, const Batch& batch, int64_t index, Timestamp watermark,
                    const std::string& what) {
  RejectedRow row;
  row.source = what;
  row.watermark = watermark;
  row.reason = "late: its window had closed";
  row.row = RowAsJson(*batch.rows, index);
  const std::lock_guard lock(mutex_);
  Keep(late_, epoch, std::move(row));
}

Result<Committable> Rejected::Stage(int64_t epoch) {
  const std::lock_guard lock(mutex_);
  MILL_RETURN(failure_);
  Committable staged{epoch, ""};
  if (folder_.empty()) return staged;
  MILL_RETURN(StageTable(dead_, epoch, staged.payload));
  MILL_RETURN(StageTable(late_, epoch, staged.payload));
  return staged;
}

Status Rejected::StageTable(Table& table, int64_t epoch, std::string& payload) {
  payload += fmt::format("{} {}", table.name, table.length);
  for (auto& [of, segment] : table.segments) {
    if (of > epoch) continue;
    const std::string path = folder_ + "/" + segment.name;
    if (segment.file) {
      const bool synced = std::fflush(segment.file) == 0 && fsync(fileno(segment.file)) == 0;
      std::fclose(segment.file);
      segment.file = nullptr;
      if (!synced) return Failed("write", path);
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
  std::vector<std::string> segments;
  int64_t after = before;
  for (; words >> segment >> bytes; after += bytes) segments.push_back(folder_ + "/" + segment);
  std::error_code error;
  auto length = static_cast<int64_t>(std::filesystem::file_size(path, error));
  if (error) length = 0;
  const bool there = length >= after;  // published before a crash
  const int64_t wanted = there ? (cut ? after : length) : std::min(length, before);
  if (length != wanted && truncate(path.c_str(), wanted) != 0) return Failed("cut", path);
  for (const std::string& each : segments) {
    if (!there) MILL_RETURN(Append(path, each));
    std::filesystem::remove(each, error);
  }
  Table& table = name == dead_.name ? dead_ : late_;
  table.length = static_cast<int64_t>(std::filesystem::file_size(path, error));
  return Status::OK();
}

Status Rejected::Append(const std::string& path, const std::string& segment) {
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
  written = written && std::fflush(to) == 0 && fsync(fileno(to)) == 0;
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

}  // namespace millrace
