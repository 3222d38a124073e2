#include "formats/message_decoder.h"

#include "formats/decode_testing.h"

namespace millrace {
namespace {

struct Sent {
  const char* key;    // null: NULL
  const char* value;  // null: NULL
};

Chunk ChunkOf(const std::vector<Sent>& sent, std::string* bytes) {
  auto messages = std::make_shared<Messages>();
  messages->topic = "t";
  bytes->clear();
  for (const Sent& each : sent) {
    if (each.value) *bytes += std::string(each.value) + "\n";
  }
  size_t at = 0;
  for (const Sent& each : sent) {
    const size_t length = each.value ? std::strlen(each.value) : 0;
    messages->values.push_back(each.value ? std::string_view(bytes->data() + at, length)
                                          : std::string_view());
    at += each.value ? length + 1 : 0;
    messages->keys.push_back(each.key ? std::string_view(each.key) : std::string_view());
    messages->offsets.push_back(10 + std::ssize(messages->offsets));
    messages->timestamps.push_back(0);
    messages->timestamp_types.push_back(Messages::TimestampType::kNone);
  }
  Chunk chunk;
  chunk.bytes = std::make_shared<arrow::Buffer>(*bytes);
  chunk.file = "t[0]";
  chunk.first_line = 1;
  chunk.messages = std::move(messages);
  return chunk;
}

// id from the key, v from the value, the offset.
MessageSpec SpecOf(bool upsert) {
  MessageSpec spec;
  const Column id{"id", SqlType::Int()}, v{"v", SqlType::String()};
  spec.output.columns = {id, v, {"offset", SqlType::BigInt()}};
  spec.value = {"json", {}, Schema{{v}}, Schema{{v}}, {1}};
  spec.key = {"json", {}, Schema{{id}}, Schema{{id}}, {0}};
  spec.metadata = {"offset"};
  spec.upsert = upsert;
  return spec;
}

TEST(MessageDecoder, PutsKeyValueAndMetadataTogether) {
  auto decoder = *MakeMessageDecoder(SpecOf(false));
  KeptDeadLetters dead;
  std::string bytes;
  const Chunk chunk = ChunkOf({{R"({"id":1})", R"({"v":"a"})"},
                               {"broken", R"({"v":"b"})"},
                               {R"({"id":3})", "broken"},
                               {nullptr, R"({"v":"d"})"},
                               {R"({"id":5})", nullptr}}, &bytes);
  const auto rows = *decoder->Decode(chunk, dead);
  EXPECT_EQ(RowTexts(*rows), (std::vector<std::string>{"1, a, 10", "null, d, 13"}));
  EXPECT_EQ(decoder->kinds(), nullptr);
  ASSERT_EQ(dead.reasons.size(), 2u);
  EXPECT_EQ(dead.reasons[0].substr(0, 3), "12:");
  EXPECT_EQ(dead.reasons[1].substr(0, 8), "11: key:");
}

TEST(MessageDecoder, UpsertsDeleteByNullAndNeedKeys) {
  auto decoder = *MakeMessageDecoder(SpecOf(true));
  KeptDeadLetters dead;
  std::string bytes;
  const Chunk chunk = ChunkOf({{R"({"id":1})", R"({"v":"a"})"},
                               {R"({"id":1})", nullptr},
                               {nullptr, R"({"v":"c"})"},
                               {nullptr, nullptr}}, &bytes);
  const auto rows = *decoder->Decode(chunk, dead);
  EXPECT_EQ(RowTexts(*rows), (std::vector<std::string>{"1, a, 10", "1, null, 11"}));
  ASSERT_NE(decoder->kinds(), nullptr);
  EXPECT_EQ(*decoder->kinds(),
            (std::vector<RowKind>{RowKind::kUpdateAfter, RowKind::kDelete}));
  EXPECT_EQ(dead.reasons, (std::vector<std::string>{"12: key: NULL, but upserts need it",
                                                    "13: key: NULL, but upserts need it"}));
}

TEST(MessageDecoder, OnlyTombstones) {
  auto decoder = *MakeMessageDecoder(SpecOf(true));
  KeptDeadLetters dead;
  std::string bytes;
  const Chunk chunk = ChunkOf({{R"({"id":1})", nullptr}, {R"({"id":2})", nullptr}}, &bytes);
  const auto rows = *decoder->Decode(chunk, dead);
  EXPECT_EQ(RowTexts(*rows), (std::vector<std::string>{"1, null, 10", "2, null, 11"}));
}

}  // namespace
}  // namespace millrace
