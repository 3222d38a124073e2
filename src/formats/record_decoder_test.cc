#include "formats/record_decoder.h"

#include "formats/decode_testing.h"
#include "formats/record_encoder.h"

namespace millrace {
namespace {

const Schema kSchema{{{"a", SqlType::String()}, {"b", SqlType::Int()}}};

struct Read {
  std::vector<std::string> rows;
  std::vector<int64_t> sources;
  std::vector<std::string> bad;
};

// With `joined` the decoder also gets the records as one text, as from a source of messages.
Read DecodeRecords(const std::string& format, const Options& options,
                   const std::vector<std::string_view>& records, bool joined,
                   const Schema& schema = kSchema) {
  auto decoder = MakeRecordDecoder(format, schema, schema, options);
  EXPECT_TRUE(decoder.ok()) << decoder.status().ToString();
  std::string text;
  for (const std::string_view record : records) {
    if (record.data()) text += std::string(record) + "\n";
  }
  KeptDeadLetters dead;
  const auto buffer = joined ? arrow::Buffer::FromString(text) : nullptr;
  auto decoded = (*decoder)->Decode(records, buffer, dead);
  EXPECT_TRUE(decoded.ok()) << decoded.status().ToString();
  Read read{{}, decoded->sources, dead.reasons};
  if (decoded->rows) read.rows = RowTexts(*decoded->rows);
  return read;
}

TEST(RecordDecoder, TellsWhichRecordEachRowIs) {
  const std::vector<std::string_view> records = {R"({"a":"x","b":1})", "broken", R"({"b":2})"};
  for (const bool joined : {false, true}) {
    const Read read = DecodeRecords("json", {}, records, joined);
    EXPECT_EQ(read.rows, (std::vector<std::string>{"x, 1", "null, 2"}));
    EXPECT_EQ(read.sources, (std::vector<int64_t>{0, 2}));
    ASSERT_EQ(read.bad.size(), 1u);
    EXPECT_EQ(read.bad[0].substr(0, 2), "1:");
  }
}

TEST(RecordDecoder, LenientFormatsKeepTheCount) {
  const Read read = DecodeRecords("json", {{"json.ignore-parse-errors", "true"}},
                                  {"broken", R"({"b":2})", "[]", R"({"b":3})"}, true);
  EXPECT_EQ(read.sources, (std::vector<int64_t>{1, 3}));
  EXPECT_TRUE(read.bad.empty());
}

TEST(RecordDecoder, NullIsNothingEmptyIsBad) {
  const std::vector<std::string_view> records = {{}, "", R"({"b":2})", {}};
  const Read read = DecodeRecords("json", {}, records, true);
  EXPECT_EQ(read.sources, (std::vector<int64_t>{2}));
  EXPECT_EQ(read.bad, (std::vector<std::string>{"1: the message is empty"}));
}

TEST(RecordDecoder, NewlinesStayInTheirRecord) {
  const std::vector<std::string_view> records = {"{\"a\":\n\"x\",\n\n\"b\":1}\n", "{\"b\":2}\n{\"b\":3}",
                                                 R"({"b":4})"};
  const Read read = DecodeRecords("json", {}, records, true);
  EXPECT_EQ(read.rows, (std::vector<std::string>{"x, 1", "null, 4"}));
  EXPECT_EQ(read.sources, (std::vector<int64_t>{0, 2}));
  EXPECT_EQ(read.bad.size(), 1u);
}

TEST(RecordDecoder, AnOpenQuoteTouchesNoOtherRecord) {
  const std::vector<std::string_view> records = {"a,1", "\"b,2", "\"c\nd\",3", "e,4\nf,5", "g,6"};
  for (const bool joined : {false, true}) {
    const Read read = DecodeRecords("csv", {}, records, joined);
    EXPECT_EQ(read.sources, (std::vector<int64_t>{0, 2, 4}));
    EXPECT_EQ(read.bad.size(), 2u);
  }
}

TEST(RecordDecoder, RawNumbersInEitherOrder) {
  const Schema schema{{{"k", SqlType::Int()}}};
  const std::string_view number("\0\0\1\2", 4);
  EXPECT_EQ(DecodeRecords("raw", {}, {number}, false, schema).rows[0], "258");
  const Options little = {{"raw.endianness", "little-endian"}};
  EXPECT_EQ(DecodeRecords("raw", little, {number}, false, schema).rows[0], "33619968");
  const Read bad = DecodeRecords("raw", {}, {"12345"}, false, schema);
  EXPECT_EQ(bad.bad, (std::vector<std::string>{"0: 5 bytes, but INT has 4"}));
}

TEST(RecordEncoder, WritesWhatTheDecoderReads) {
  for (const std::string format : {"json", "csv"}) {
    auto decoder = *MakeRecordDecoder(format, kSchema, kSchema, {});
    auto encoder = *MakeRecordEncoder(format, kSchema, {});
    KeptDeadLetters dead;
    const std::vector<std::string_view> json = {R"({"a":"l1\nl2","b":1})", R"({"a":"\"q\"","b":2})"};
    const std::vector<std::string_view> csv = {"\"l1\nl2\",1", "\"\"\"q\"\"\",2"};
    const auto first = *decoder->Decode(format == "json" ? json : csv, nullptr, dead);
    std::string bytes;
    std::vector<int64_t> ends;
    ASSERT_TRUE(encoder->Encode(*first.rows, bytes, ends).ok());
    ASSERT_EQ(ends.size(), 2u);
    const std::string_view text = bytes;
    const std::vector<std::string_view> written = {
        text.substr(0, static_cast<size_t>(ends[0])), text.substr(static_cast<size_t>(ends[0]))};
    const auto again = *decoder->Decode(written, nullptr, dead);
    EXPECT_EQ(RowTexts(*again.rows), RowTexts(*first.rows)) << format;
    EXPECT_TRUE(dead.reasons.empty());
  }
}

}  // namespace
}  // namespace millrace
