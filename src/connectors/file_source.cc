#include "connectors/file_source.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <functional>
#include <set>
#include <thread>
#include <utility>

#include "formats/makers.h"

namespace millrace {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr auto kPadding = static_cast<size_t>(kChunkPadding);

// The same in every process, so that a lane keeps its files after a restart.
uint64_t StableHash(std::string_view text) {
  uint64_t hash = 14695981039346656037ULL;  // FNV-1a
  for (const char c : text) hash = (hash ^ static_cast<uint8_t>(c)) * 1099511628211ULL;
  return hash;
}

struct FilePosition {
  size_t index = 0;
  int64_t offset = 0;
  int64_t line = 1;
  std::string path;
  std::vector<std::string> done;
};

template <typename T>
bool TakeNumber(std::string_view& text, T* value) {
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), *value);
  const auto length = static_cast<size_t>(stop - text.data());
  if (error != std::errc() || length >= text.size() || text[length] != ':') return false;
  text.remove_prefix(length + 1);
  return true;
}

bool ParsePosition(std::string_view text, FilePosition* position) {
  if (!TakeNumber(text, &position->index) || !TakeNumber(text, &position->offset)) return false;
  if (!TakeNumber(text, &position->line)) return false;
  std::vector<std::string> lines;
  while (true) {
    const size_t end = text.find('\n');
    lines.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  position->path = lines.front();
  position->done.assign(lines.begin() + 1, lines.end());
  return position->offset >= 0 && position->line >= 1;
}

bool IsCompressed(const std::string& path) {
  return path.ends_with(".gz") || path.ends_with(".zst");
}

}  // namespace

FileSource::FileSource(FileSourceOptions options)
    : options_(std::move(options)), cutter_(options_.framing) {}

std::string FileSource::name() const {
  if (files_.size() == 1) return std::filesystem::path(files_.front()).filename().string();
  return fmt::format("lane {}", options_.lane);
}

Status FileSource::Open() {
  MILL_RETURN(FindFiles());
  next_look_ = steady_clock::now() + options_.monitor_interval;
  for (const std::string& file : files_) {
    std::error_code error;
    const auto size = std::filesystem::file_size(file, error);
    if (error || IsCompressed(file)) {
      total_bytes_ = 0;
      break;
    }
    total_bytes_ += static_cast<int64_t>(size);
  }
  return Status::OK();
}

// Adds the lane's files that are not yet known behind those that are.
Status FileSource::FindFiles() {
  auto listed = ListFiles(options_.path);
  // A watched folder or pattern may be empty at first.
  const bool pattern = options_.path.find_first_of("*?[{") != std::string::npos;
  if (!listed.ok() && !bounded() && pattern) return Status::OK();
  MILL_ASSIGN(const std::vector<std::string> all, std::move(listed));
  const std::set<std::string> known(files_.begin(), files_.end());
  const auto lanes = static_cast<size_t>(options_.lanes);
  for (size_t i = 0; i < all.size(); ++i) {
    const size_t turn = bounded() ? i : StableHash(all[i]);
    if (turn % lanes != static_cast<size_t>(options_.lane)) continue;
    if (!known.contains(all[i])) files_.push_back(all[i]);
  }
  return Status::OK();
}

Status FileSource::Seek(const std::string& text) {
  FilePosition position;
  if (!ParsePosition(text, &position)) return Status::Invalid("not a file position: ", text);
  if (!bounded()) {  // what was read before stands first, in that order
    std::vector<std::string> order = position.done;
    order.push_back(position.path);
    for (const std::string& file : files_) {
      if (std::find(order.begin(), order.end(), file) == order.end()) order.push_back(file);
    }
    files_ = std::move(order);
  }
  const auto found = std::find(files_.begin(), files_.end(), position.path);
  if (found == files_.end()) {
    return ExternalError("cannot go on in '{}': the file is not there any more", position.path);
  }
  file_ = static_cast<size_t>(found - files_.begin());
  MILL_RETURN(OpenFile());
  MILL_RETURN(reader_->Skip(position.offset));
  offset_ = position.offset;
  line_ = position.line;
  return Status::OK();
}

std::string FileSource::Position() const {
  std::string text = fmt::format("{}:{}:{}:{}", file_, offset_, line_, files_[file_]);
  if (bounded()) return text;
  for (size_t i = 0; i < file_; ++i) text += "\n" + files_[i];
  return text;
}

Status FileSource::OpenFile() {
  MILL_ASSIGN(reader_, OpenByteReader(files_[file_]));
  buffer_ = nullptr;
  cutter_.Start();
  offset_ = 0;
  line_ = 1;
  file_ended_ = false;
  return Status::OK();
}

Result<Polled> FileSource::Poll(milliseconds wait) {
  Polled polled;
  wait_ = wait;
  starved_ = false;
  while (file_ < files_.size()) {
    if (!reader_) MILL_RETURN(OpenFile());
    MILL_ASSIGN(bool got, NextChunk(&polled));
    if (got) return polled;
    reader_ = nullptr;
    buffer_ = nullptr;
    ++file_;
  }
  if (!bounded()) return Watch(wait);
  polled.state = Polled::State::kEnd;
  return polled;
}

// Waits until the next look for new files is due, at most for `wait`.
Result<Polled> FileSource::Watch(milliseconds wait) {
  const auto deadline = steady_clock::now() + wait;
  if (wait.count() > 0) std::this_thread::sleep_until(std::min(deadline, next_look_));
  Polled nothing;
  if (steady_clock::now() < next_look_) return nothing;
  next_look_ = steady_clock::now() + options_.monitor_interval;
  MILL_RETURN(FindFiles());
  return file_ < files_.size() ? Poll(milliseconds(0)) : Result<Polled>(nothing);
}

std::string_view FileSource::buffered() const {
  return buffer_ ? std::string_view(*buffer_) : std::string_view();
}

// Makes room for `wanted` bytes and the padding.
Status FileSource::Grow(size_t wanted) {
  const auto capacity = static_cast<int64_t>(wanted + kPadding);
  if (!buffer_) {
    MILL_ASSIGN(auto made, arrow::AllocateResizableBuffer(0));
    buffer_ = std::move(made);
  }
  return buffer_->Reserve(capacity);
}

// Reads until the buffer holds `wanted` bytes, the file ends, or a pipe has no more for now.
Status FileSource::Fill(size_t wanted) {
  MILL_RETURN(Grow(wanted));
  while (!file_ended_ && buffered().size() < wanted) {
    starved_ = !reader_->Ready(std::exchange(wait_, milliseconds(0)));
    if (starved_) break;
    const size_t have = buffered().size();
    MILL_ASSIGN(size_t count, reader_->Read(buffer_->mutable_data() + have, wanted - have));
    file_ended_ = count == 0;
    MILL_RETURN(buffer_->Resize(static_cast<int64_t>(have + count), false));
  }
  cutter_.Feed(buffered());
  return Status::OK();
}

// Brings the next chunk of the current file, or nothing yet; false at its end.
Result<bool> FileSource::NextChunk(Polled* polled) {
  size_t wanted = options_.chunk_bytes;
  while (!oversize_) {
    MILL_RETURN(Fill(std::max(wanted, buffered().size())));
    if (starved_ && cutter_.end() == 0) return true;
    if (buffered().empty()) return false;
    if (file_ended_ || cutter_.end() > 0) return CutChunk(polled);
    if (buffered().size() >= options_.max_record_bytes) {
      auto bytes = std::move(buffer_);
      Emit(std::move(bytes), 0, &oversize_.emplace());
      oversize_->chunk.oversize = true;
    }
    wanted = std::min(buffered().size() * 2, options_.max_record_bytes);
  }
  MILL_ASSIGN(bool skipped, SkipRecord());
  if (!skipped) return true;
  *polled = std::move(*oversize_);
  oversize_.reset();
  polled->position = Position();
  return true;
}

// Hands over the whole records; what stands behind them starts the next buffer.
Result<bool> FileSource::CutChunk(Polled* polled) {
  const size_t size = buffered().size();
  const size_t end = file_ended_ ? size : cutter_.end();
  const size_t rest = size - end;
  auto bytes = std::move(buffer_);
  if (rest > 0) {
    MILL_RETURN(Grow(std::max(options_.chunk_bytes, rest)));
    MILL_RETURN(buffer_->Resize(static_cast<int64_t>(rest), false));
    std::memcpy(buffer_->mutable_data(), bytes->data() + end, rest);
  }
  MILL_RETURN(bytes->Resize(static_cast<int64_t>(end), false));
  Emit(std::move(bytes), rest, polled);
  return true;
}

void FileSource::Emit(std::shared_ptr<arrow::ResizableBuffer> bytes, size_t rest, Polled* polled) {
  const std::string_view text(*bytes);
  std::memset(bytes->mutable_data() + text.size(), 0, kPadding);
  polled->state = Polled::State::kData;
  polled->chunk.file = files_[file_];
  polled->chunk.first_line = line_;
  polled->chunk.last_of_file = file_ended_ && rest == 0;
  offset_ += static_cast<int64_t>(text.size());
  line_ += CountNewlines(text);
  cutter_.Start();
  polled->chunk.bytes = std::move(bytes);
  polled->position = Position();
}

// Drops the next piece of a record that is too big; true when its newline has come. A piece at a
// time, since the record may have no end.
Result<bool> FileSource::SkipRecord() {
  MILL_RETURN(Fill(options_.chunk_bytes));
  const std::string_view text = buffered();
  const size_t newline = text.find('\n');
  const size_t dropped = newline == std::string_view::npos ? text.size() : newline + 1;
  const std::string rest(text.substr(dropped));
  offset_ += static_cast<int64_t>(dropped);
  line_ += newline != std::string_view::npos;
  cutter_.Start();
  std::memcpy(buffer_->mutable_data(), rest.data(), rest.size());
  MILL_RETURN(buffer_->Resize(static_cast<int64_t>(rest.size()), false));
  cutter_.Feed(buffered());
  return newline != std::string_view::npos || file_ended_;
}

namespace {

// How the table's format cuts its records.
Result<RecordFraming> FramingOf(const TableInfo& table) {
  RecordFraming framing;
  if (StringOption(table.options, "format", "") != "csv") return framing;
  MILL_ASSIGN(bool unquoted, BoolOption(table.options, "csv.disable-quote-character", false));
  if (unquoted) return framing;
  framing.kind = Framing::kCsvRows;
  const std::string quote = StringOption(table.options, "csv.quote-character", "\"");
  const std::string escape = StringOption(table.options, "csv.escape-character", "");
  if (!quote.empty()) framing.quote = quote.front();
  if (!escape.empty()) framing.escape = escape.front();
  return framing;
}

}  // namespace

Result<std::vector<std::unique_ptr<Source>>> MakeFileSources(const TableInfo& table,
                                                             const Schema&) {
  constexpr int64_t kMaxLanes = 1024;
  FileSourceOptions options;
  options.path = StringOption(table.options, "path", "");
  MILL_ASSIGN(options.framing, FramingOf(table));
  MILL_ASSIGN(options.monitor_interval,
              DurationOption(table.options, "source.monitor-interval", milliseconds(0)));
  MILL_ASSIGN(int64_t lanes, IntOption(table.options, "scan.parallelism", 1));
  if (lanes < 1 || lanes > kMaxLanes) {
    return UserError("option 'scan.parallelism': {} is not between 1 and {}", lanes, kMaxLanes);
  }
  options.lanes = static_cast<int>(lanes);
  std::vector<std::unique_ptr<Source>> sources;
  for (options.lane = 0; options.lane < options.lanes; ++options.lane) {
    sources.push_back(std::make_unique<FileSource>(options));
  }
  return sources;
}

}  // namespace millrace
