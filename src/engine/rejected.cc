#include "engine/rejected.h"

#include <arrow/util/base64.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

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
  std::unique_ptr<Rejected> rejected(new Rejected);
  if (folder.empty()) return rejected;
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return ExternalError("cannot make the job's folder '{}': {}", folder, error.message());
  MILL_RETURN(Open(rejected->dead_, folder + "/dead_letter.json"));
  MILL_RETURN(Open(rejected->late_, folder + "/late.json"));
  return rejected;
}

Status Rejected::Open(Log& log, const std::string& path) {
  log.path = path;
  log.file = std::fopen(path.c_str(), "ae");
  if (log.file == nullptr) return ExternalError("cannot open '{}': {}", path, std::strerror(errno));
  return Status::OK();
}

Rejected::~Rejected() {
  for (Log* log : {&dead_, &late_}) {
    if (log->file != nullptr) std::fclose(log->file);
  }
}

void Rejected::Keep(Log& log, RejectedRow row, std::string_view bytes) {
  const std::lock_guard lock(mutex_);
  if (log.file != nullptr) {
    const std::string line = AsLine(row, bytes);
    Note(log, std::fwrite(line.data(), 1, line.size(), log.file) == line.size());
  }
  log.bytes += SizeOf(row);
  log.rows.push_back(std::move(row));
  while (log.rows.size() > 1 && (log.rows.size() > kKeptRows || log.bytes > kKeptBytes)) {
    log.bytes -= SizeOf(log.rows.front());
    log.rows.pop_front();
  }
}

void Rejected::Note(const Log& log, bool written) {
  if (written || !failure_.ok()) return;
  failure_ =
      ExternalError("cannot write rejected rows to '{}': {}", log.path, std::strerror(errno));
}

void Rejected::Add(const BadRow& bad) {
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
  Keep(dead_, std::move(row), bytes.data() == nullptr ? std::string_view("") : bytes);
}

void Rejected::Late(const Batch& batch, int64_t index, const LateRow& late) {
  RejectedRow row;
  row.source = late.what;
  row.time = late.time;
  row.watermark = late.watermark;
  row.reason =
      late.time == kMinTimestamp ? "its event time is NULL" : "late: its window had closed";
  row.row = RowAsJson(*batch.rows, index);
  Keep(late_, std::move(row), {});
}

std::vector<RejectedRow> Rejected::dead_letters() const {
  const std::lock_guard lock(mutex_);
  return {dead_.rows.begin(), dead_.rows.end()};
}

std::vector<RejectedRow> Rejected::late_rows() const {
  const std::lock_guard lock(mutex_);
  return {late_.rows.begin(), late_.rows.end()};
}

Status Rejected::Flush() {
  const std::lock_guard lock(mutex_);
  for (const Log* log : {&dead_, &late_}) {
    if (log->file != nullptr) Note(*log, std::fflush(log->file) == 0);
  }
  return failure_;
}

}  // namespace millrace
