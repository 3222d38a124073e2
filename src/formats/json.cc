// JSON lines to batches. simdjson's first stage (structural index, strings, UTF-8) runs over blocks
// of many lines that fit the cache; our reader walks the index line by line. If a block is refused,
// it is halved until the bad line stands alone, so one bad line costs its neighbours nothing.
#include <simdjson.h>

#include <algorithm>

#include "formats/json_reader.h"
#include "formats/makers.h"
#include "formats/options.h"

namespace millrace {
namespace {

constexpr size_t kBlockBytes = 64 << 10;
constexpr size_t kMaxLineBytes = 64 << 20;

class JsonDecoder : public Decoder {
 public:
  JsonDecoder(const Schema& schema, bool lenient, bool fail_on_missing)
      : rows_(schema),
        reader_(rows_, lenient),
        lenient_(lenient),
        fail_on_missing_(fail_on_missing) {}

  Result<std::shared_ptr<arrow::RecordBatch>> Decode(const Chunk& chunk,
                                                     DeadLetters& dead) override;

 private:
  Status ReserveIndex(size_t bytes);
  Status ReadBlock(const char* text, size_t size);
  void ReadLines(const char* text, size_t size);
  void ReadLine(const char* text, size_t start, size_t end);
  void Refuse(std::string_view line, const std::string& reason);
  std::string MissingField() const;

  RowsBuilder rows_;
  JsonReader reader_;
  bool lenient_;
  bool fail_on_missing_;
  std::unique_ptr<simdjson::internal::dom_parser_implementation> index_;
  // Of the chunk being decoded:
  const Chunk* chunk_ = nullptr;
  DeadLetters* dead_ = nullptr;
  int64_t line_ = 0;
};

// The end of the block at the front of `text`: behind its last newline within kBlockBytes, or
// behind its first one.
size_t BlockEnd(std::string_view text) {
  if (text.size() <= kBlockBytes) return text.size();
  size_t newline = text.rfind('\n', kBlockBytes - 1);
  if (newline == std::string_view::npos) newline = text.find('\n', kBlockBytes);
  return newline == std::string_view::npos ? text.size() : newline + 1;
}

const char* Describe(simdjson::error_code error) {
  switch (error) {
    case simdjson::UTF8_ERROR:
      return "invalid UTF-8";
    case simdjson::UNCLOSED_STRING:
    case simdjson::UNESCAPED_CHARS:
      return "broken JSON: a string is not closed";
    default:
      return "broken JSON";
  }
}

Result<std::shared_ptr<arrow::RecordBatch>> JsonDecoder::Decode(const Chunk& chunk,
                                                                DeadLetters& dead) {
  if (ReportOversize(chunk, dead)) return rows_.Finish();
  MILL_ASSIGN(auto bytes, PaddedBytes(chunk));
  chunk_ = &chunk;
  dead_ = &dead;
  line_ = chunk.first_line;
  std::string_view text = WithoutByteOrderMark(chunk, std::string_view(*bytes));
  while (!text.empty()) {
    const size_t size = BlockEnd(text);
    MILL_RETURN(ReadBlock(text.data(), size));
    text.remove_prefix(size);
  }
  return rows_.Finish();
}

Status JsonDecoder::ReserveIndex(size_t bytes) {
  if (index_ && index_->capacity() >= bytes) return Status::OK();
  const size_t capacity = std::max(bytes, kBlockBytes);
  const auto error = simdjson::get_active_implementation()->create_dom_parser_implementation(
      capacity, simdjson::DEFAULT_MAX_DEPTH, index_);
  if (error) return Status::OutOfMemory("no memory to index ", bytes, " bytes of JSON");
  return Status::OK();
}

Status JsonDecoder::ReadBlock(const char* text, size_t size) {
  const std::string_view block(text, size);
  const size_t newline = block.find('\n');
  const bool single = newline == std::string_view::npos || newline + 1 == size;
  if (single && size > kMaxLineBytes) {
    Refuse(block.substr(0, kBlockBytes), fmt::format("record of {} bytes is too big", size));
    ++line_;
    return Status::OK();
  }
  MILL_RETURN(ReserveIndex(size));
  const auto error =
      index_->stage1(reinterpret_cast<const uint8_t*>(text), size, simdjson::stage1_mode::regular);
  if (!error) {
    ReadLines(text, size);
    return Status::OK();
  }
  if (error == simdjson::EMPTY) {
    line_ += std::count(block.begin(), block.end(), '\n');
    return Status::OK();
  }
  if (single) {
    Refuse(block.substr(0, std::min(newline, size)), Describe(error));
    ++line_;
    return Status::OK();
  }
  size_t middle = block.find('\n', size / 2) + 1;
  if (middle == 0 || middle == size) middle = block.rfind('\n', size - 2) + 1;
  MILL_RETURN(ReadBlock(text, middle));
  return ReadBlock(text + middle, size - middle);
}

void JsonDecoder::ReadLines(const char* text, size_t size) {
  // Nothing of the index may lie before the last line's end, whatever simdjson leaves behind it.
  uint32_t* tokens = index_->structural_indexes.get();
  std::fill_n(tokens + index_->n_structural_indexes, 3, static_cast<uint32_t>(size));
  reader_.SetText(text, tokens);
  size_t start = 0;
  while (start < size) {
    const auto* newline = static_cast<const char*>(std::memchr(text + start, '\n', size - start));
    const size_t end = newline ? static_cast<size_t>(newline - text) : size;
    if (!reader_.IsBlank(end)) ReadLine(text, start, end);
    ++line_;
    start = end + 1;
  }
}

void JsonDecoder::ReadLine(const char* text, size_t start, size_t end) {
  std::string reason;
  if (!reader_.ReadLine(start, end)) {
    reason = reader_.error();
  } else if (fail_on_missing_) {
    reason = MissingField();
  }
  if (rows_.KeepOrUndoRow(&reason)) [[likely]]
    return NoteLine(line_);
  reader_.SkipTo(end);
  Refuse({text + start, end - start}, reason);
}

std::string JsonDecoder::MissingField() const {
  for (size_t i = 0; i < rows_.num_columns(); ++i) {
    if (rows_.column(i).size() > rows_.rows()) continue;
    return fmt::format("field `{}` is missing", rows_.name(i));
  }
  return "";
}

void JsonDecoder::Refuse(std::string_view line, const std::string& reason) {
  if (lenient_) return;
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  dead_->Add({chunk_->file, line_, line, reason});
}

}  // namespace

Result<std::unique_ptr<Decoder>> MakeJsonDecoder(const Schema& schema, const Options& options) {
  MILL_ASSIGN(bool lenient, BoolOption(options, "json.ignore-parse-errors", false));
  MILL_ASSIGN(bool fail, BoolOption(options, "json.fail-on-missing-field", false));
  MILL_RETURN(HasIsoTimes(options).status());
  if (lenient && fail) {
    return UserError(
        "json.fail-on-missing-field and json.ignore-parse-errors shouldn't both be true");
  }
  return std::make_unique<JsonDecoder>(schema, lenient, fail);
}

}  // namespace millrace
