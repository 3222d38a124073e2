// One pair of makers for each format: what format.cc chooses from.
#pragma once

#include <cstring>
#include <memory>
#include <string_view>

#include "formats/file_encoder.h"
#include "formats/format.h"

namespace millrace {

// Bytes that may be read beyond the end of a chunk's records.
inline constexpr int64_t kChunkPadding = 64;

// The chunk's bytes with kChunkPadding readable bytes behind them: the buffer itself where its
// capacity allows, else a copy.
Result<std::shared_ptr<arrow::Buffer>> PaddedBytes(const Chunk& chunk);

// Calls visit(line number, text) for each line of `text`, without its line end; blank ones too.
template <typename Visit>
void ForEachLine(std::string_view text, int64_t first_line, Visit visit) {
  for (int64_t line = first_line; !text.empty(); ++line) {
    const auto* found = static_cast<const char*>(std::memchr(text.data(), '\n', text.size()));
    const size_t length = found ? static_cast<size_t>(found - text.data()) : text.size();
    std::string_view row = text.substr(0, length);
    if (!row.empty() && row.back() == '\r') row.remove_suffix(1);
    visit(line, row);
    text.remove_prefix(found ? length + 1 : length);
  }
}

// If `chunk` is a record that is too big (Chunk::oversize): reports it and returns true.
bool ReportOversize(const Chunk& chunk, DeadLetters& dead);

// A byte order mark is not part of a file's first record.
std::string_view WithoutByteOrderMark(const Chunk& chunk, std::string_view text);

// 'json.timestamp-format.standard' is ISO-8601; decoders read both forms, but refuse other values.
Result<bool> HasIsoTimes(const Options& options);
Result<std::unique_ptr<Decoder>> MakeJsonDecoder(const Schema& schema, const Options& options);
Result<std::unique_ptr<Encoder>> MakeJsonEncoder(const Schema& schema, const Options& options);
Result<std::unique_ptr<Decoder>> MakeCsvDecoder(const Schema& schema, const Schema& all,
                                                const Options& options);
Result<std::unique_ptr<Encoder>> MakeCsvEncoder(const Schema& schema, const Options& options);
Result<std::unique_ptr<Decoder>> MakeRawDecoder(const Schema& schema, const Schema& all,
                                                const Options& options);
Result<std::unique_ptr<Encoder>> MakeRawEncoder(const Schema& schema, const Options& options);
Result<std::unique_ptr<Decoder>> MakeRegexDecoder(const Schema& schema, const Schema& all,
                                                  const Options& options);
Result<FileEncoderMaker> MakeParquetEncoderMaker(const Schema& schema, const Options& options);

}  // namespace millrace
