#include "connectors/kafka/epoch.h"

#include <arrow/util/compression.h>

#include <cstring>
#include <limits>

namespace millrace {
namespace {

constexpr std::string_view kMagic = "MKE1";
constexpr uint32_t kNull = std::numeric_limits<uint32_t>::max();

template <typename T>
void PutNumber(T value, std::string& out) {
  char bytes[sizeof(T)];
  std::memcpy(bytes, &value, sizeof(T));
  out.append(bytes, sizeof(T));
}

void PutBytes(std::string_view bytes, std::string& out) {
  PutNumber(bytes.data() ? static_cast<uint32_t>(bytes.size()) : kNull, out);
  out += bytes;
}

// Takes values from the front of a text; `ok` says whether there was enough of it.
struct Reader {
  std::string_view text;
  bool ok = true;

  template <typename T>
  T Number() {
    T value{};
    ok = ok && text.size() >= sizeof(T);
    if (!ok) return value;
    std::memcpy(&value, text.data(), sizeof(T));
    text.remove_prefix(sizeof(T));
    return value;
  }
  std::string_view Bytes() {
    const auto size = Number<uint32_t>();
    if (!ok || size == kNull) return {};
    ok = text.size() >= size;
    if (!ok) return {};
    const std::string_view bytes(text.data(), size);
    text.remove_prefix(size);
    return bytes;
  }
};

Status Broken() { return Status::Invalid("the staged epoch of a Kafka sink is broken"); }

Result<std::unique_ptr<arrow::util::Codec>> Zstd() {
  return arrow::util::Codec::Create(arrow::Compression::ZSTD, 1);
}

}  // namespace

void KafkaEpoch::Append(const OutMessage& message) {
  PutBytes(message.topic, messages_);
  PutBytes(message.key, messages_);
  PutBytes(message.value, messages_);
  PutNumber(message.timestamp, messages_);
  PutNumber(message.partition, messages_);
  PutNumber(static_cast<uint32_t>(message.headers.size()), messages_);
  for (const auto& [name, value] : message.headers) {
    PutBytes(name, messages_);
    PutBytes(value, messages_);
  }
}

Result<std::string> KafkaEpoch::Serialize(const std::string& writer, int64_t epoch) const {
  MILL_ASSIGN(const auto codec, Zstd());
  std::string out(kMagic);
  PutBytes(writer, out);
  PutNumber(epoch, out);
  PutNumber(static_cast<uint64_t>(messages_.size()), out);
  const auto* input = reinterpret_cast<const uint8_t*>(messages_.data());
  const auto size = static_cast<int64_t>(messages_.size());
  const size_t header = out.size();
  out.resize(header + static_cast<size_t>(codec->MaxCompressedLen(size, input)));
  auto* to = reinterpret_cast<uint8_t*>(out.data()) + header;
  MILL_ASSIGN(const int64_t used,
              codec->Compress(size, input, static_cast<int64_t>(out.size() - header), to));
  out.resize(header + static_cast<size_t>(used));
  return out;
}

Result<KafkaEpoch::Staged> KafkaEpoch::Parse(std::string_view bytes) {
  if (!bytes.starts_with(kMagic)) return Broken();
  Reader reader{bytes.substr(kMagic.size())};
  Staged staged;
  staged.writer = reader.Bytes();
  staged.epoch = reader.Number<int64_t>();
  const auto size = reader.Number<uint64_t>();
  constexpr uint64_t kMost = 1ULL << 40;
  if (!reader.ok || size > kMost) return Broken();
  staged.messages.resize(size);
  MILL_ASSIGN(const auto codec, Zstd());
  MILL_ASSIGN(const int64_t got,
              codec->Decompress(static_cast<int64_t>(reader.text.size()),
                                reinterpret_cast<const uint8_t*>(reader.text.data()),
                                static_cast<int64_t>(size),
                                reinterpret_cast<uint8_t*>(staged.messages.data())));
  if (got != static_cast<int64_t>(size)) return Broken();
  return staged;
}

Status KafkaEpoch::ForEach(std::string_view messages,
                           const std::function<Status(const OutMessage&)>& visit) {
  Reader reader{messages};
  while (reader.ok && !reader.text.empty()) {
    OutMessage message;
    message.topic = reader.Bytes();
    message.key = reader.Bytes();
    message.value = reader.Bytes();
    message.timestamp = reader.Number<int64_t>();
    message.partition = reader.Number<int32_t>();
    const auto headers = reader.Number<uint32_t>();
    for (uint32_t i = 0; i < headers && reader.ok; ++i) {
      const std::string name(reader.Bytes());
      message.headers.emplace_back(name, reader.Bytes());
    }
    if (reader.ok) MILL_RETURN(visit(message));
  }
  return reader.ok ? Status::OK() : Broken();
}

}  // namespace millrace
