// For tests of decoders: text in, printed rows and bad rows out.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "data/pretty.h"
#include "formats/format.h"

namespace millrace {

// Keeps "line: reason" of each bad row, and its bytes.
class KeptDeadLetters : public DeadLetters {
 public:
  void Add(const BadRow& row) override {
    reasons.push_back(fmt::format("{}: {}", row.line, row.reason));
    bytes.emplace_back(row.bytes);
  }
  std::vector<std::string> reasons;
  std::vector<std::string> bytes;
};

struct Decoded {
  std::vector<std::string> rows;  // "1, abc"
  std::vector<std::string> bad;   // "3: reason"
  std::vector<std::string> bad_bytes;
};

inline std::vector<std::string> RowTexts(const arrow::RecordBatch& batch) {
  std::vector<std::string> texts;
  for (int64_t row = 0; row < batch.num_rows(); ++row) {
    const std::string text = FormatRow(batch, row, RowKind::kInsert);
    texts.push_back(text.substr(3, text.size() - 4));
  }
  return texts;
}

inline Decoded DecodeWith(Decoder& decoder, const std::string& text) {
  Chunk chunk;
  chunk.bytes = arrow::Buffer::FromString(text);
  chunk.file = "test";
  chunk.first_line = 1;
  KeptDeadLetters dead;
  auto batch = decoder.Decode(chunk, dead);
  EXPECT_TRUE(batch.ok()) << batch.status().ToString();
  if (!batch.ok()) return {};
  EXPECT_TRUE((*batch)->ValidateFull().ok()) << (*batch)->ValidateFull().ToString();
  return {RowTexts(**batch), dead.reasons, dead.bytes};
}

inline Decoded Decode(const std::string& format, const Schema& schema, const Options& options,
                      const std::string& text) {
  auto decoder = MakeDecoder(format, schema, schema, options);
  EXPECT_TRUE(decoder.ok()) << decoder.status().ToString();
  return decoder.ok() ? DecodeWith(**decoder, text) : Decoded{};
}

// The one value of a one-column row, "bad: reason" for a bad row.
inline std::string DecodeOne(const std::string& format, const SqlType& type, const Options& options,
                             const std::string& text) {
  const Decoded decoded = Decode(format, Schema{{{"v", type}}}, options, text);
  if (!decoded.bad.empty()) return "bad: " + decoded.bad.front().substr(3);
  return decoded.rows.size() == 1 ? decoded.rows.front() : "not one row";
}

}  // namespace millrace
