#include "engine/rejected.h"

#include <cerrno>
#include <cstring>
#include <filesystem>

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

Result<std::FILE*> OpenFile(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "ae");
  if (file == nullptr) return ExternalError("cannot open '{}': {}", path, std::strerror(errno));
  return file;
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
  std::unique_ptr<Rejected> rejected(new Rejected);
  if (folder.empty()) return rejected;
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return ExternalError("cannot make the job's folder '{}': {}", folder, error.message());
  MILL_ASSIGN(rejected->dead_file_, OpenFile(folder + "/dead_letter.json"));
  MILL_ASSIGN(rejected->late_file_, OpenFile(folder + "/late.json"));
  return rejected;
}

Rejected::~Rejected() {
  if (dead_file_ != nullptr) std::fclose(dead_file_);
  if (late_file_ != nullptr) std::fclose(late_file_);
}

void Rejected::Keep(std::deque<RejectedRow>& rows, std::FILE* file, RejectedRow row) {
  if (file != nullptr) {
    const std::string line = fmt::format(
        "{{\"source\": {}, \"position\": {}, \"time\": {}, \"watermark\": {}, \"reason\": {}, \"row\": {}}}\n",
        Quoted(row.source), Quoted(row.position), TimeOrNull(row.time), TimeOrNull(row.watermark),
        Quoted(row.reason), Quoted(row.row));
    std::fwrite(line.data(), 1, line.size(), file);
  }
  rows.push_back(std::move(row));
  if (rows.size() > kKept) rows.pop_front();
}

void Rejected::Add(const BadRow& bad) {
  RejectedRow row;
  row.source = bad.file;
  row.position = bad.line > 0 ? fmt::format("{}:{}", bad.file, bad.line) : bad.file;
  row.reason = bad.reason;
  row.row = std::string(bad.bytes.substr(0, 1 << 20));
  const std::lock_guard lock(mutex_);
  Keep(dead_, dead_file_, std::move(row));
}

void Rejected::Late(const Batch& batch, int64_t index, Timestamp watermark, const std::string& what) {
  RejectedRow row;
  row.source = what;
  row.watermark = watermark;
  row.reason = "late: its window had closed";
  row.row = RowAsJson(*batch.rows, index);
  const std::lock_guard lock(mutex_);
  Keep(late_, late_file_, std::move(row));
}

std::vector<RejectedRow> Rejected::dead_letters() const {
  const std::lock_guard lock(mutex_);
  return {dead_.begin(), dead_.end()};
}

std::vector<RejectedRow> Rejected::late_rows() const {
  const std::lock_guard lock(mutex_);
  return {late_.begin(), late_.end()};
}

void Rejected::Flush() {
  const std::lock_guard lock(mutex_);
  if (dead_file_ != nullptr) std::fflush(dead_file_);
  if (late_file_ != nullptr) std::fflush(late_file_);
}

}  // namespace millrace
