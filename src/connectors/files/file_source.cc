#include "connectors/files/file_source.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <functional>
#include <thread>
#include <utility>

#include "formats/makers.h"

namespace millrace {
namespace {

using std::chrono::milliseconds;

constexpr auto kPadding = static_cast<size_t>(kChunkPadding);

bool IsCompressed(const std::string& path) {
  return path.ends_with(".gz") || path.ends_with(".zst");
}

}  // namespace

FileSource::FileSource(FileSourceOptions options)
    : options_(std::move(options)), files_(options_.files), cutter_(options_.framing) {}

Status FileSource::Open() {
  constexpr size_t kMaxAsked = 16;  // each object is a request
  MILL_RETURN(files_.Open());
  if (files_.store() && files_.all().size() > kMaxAsked) return Status::OK();
  for (const std::string& file : files_.all()) {
    if (!files_.IsWanted(file)) continue;
    const auto facts = FactsOf(file, files_.store());
    if (!facts.ok() || IsCompressed(file)) {
      total_bytes_ = 0;
      break;
    }
    total_bytes_ += facts->bytes;
  }
  return Status::OK();
}

Status FileSource::Seek(const std::string& position) {
  MILL_ASSIGN(const auto place, files_.Seek(position));
  MILL_RETURN(OpenFile());
  MILL_RETURN(reader_->Skip(place.first));
  offset_ = place.first;
  line_ = place.second;
  return Status::OK();
}

Status FileSource::OpenFile() {
  MILL_ASSIGN(reader_, OpenByteReader(files_.current(), files_.store()));
  MILL_ASSIGN(facts_, FactsOf(files_.current(), files_.store()));
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
  if (files_.at_end() && !bounded()) MILL_RETURN(files_.Watch(wait));
  while (!files_.at_end()) {
    if (!reader_) MILL_RETURN(OpenFile());
    MILL_ASSIGN(bool got, NextChunk(&polled));
    if (got) return polled;
    reader_ = nullptr;
    buffer_ = nullptr;
    files_.Next();
  }
  if (bounded()) polled.state = Polled::State::kEnd;
  return polled;
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
  polled->position = files_.Position(offset_, line_);
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
  polled->chunk.file = facts_.path;
  polled->chunk.file_bytes = facts_.bytes;
  polled->chunk.file_modified = facts_.modified;
  polled->chunk.first_line = line_;
  polled->chunk.last_of_file = file_ended_ && rest == 0;
  offset_ += static_cast<int64_t>(text.size());
  line_ += CountNewlines(text);
  cutter_.Start();
  polled->chunk.bytes = std::move(bytes);
  polled->position = files_.Position(offset_, line_);
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

}  // namespace millrace
