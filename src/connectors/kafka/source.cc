#include "connectors/kafka/source.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <limits>

#include "formats/makers.h"

namespace millrace {
namespace {

using std::chrono::milliseconds;

constexpr size_t kChunkBytes = 1 << 20;
constexpr size_t kChunkMessages = 8192;
constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

bool ReadOffset(const std::string& position, int64_t* offset) {
  const char* end = position.data() + position.size();
  const auto [stop, error] = std::from_chars(position.data(), end, *offset);
  return error == std::errc() && stop == end && *offset >= 0;
}

Messages::TimestampType TypeOf(rd_kafka_timestamp_type_t type) {
  switch (type) {
    case RD_KAFKA_TIMESTAMP_CREATE_TIME: return Messages::TimestampType::kCreateTime;
    case RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME: return Messages::TimestampType::kLogAppendTime;
    default: return Messages::TimestampType::kNone;
  }
}

Messages::Headers HeadersOf(const rd_kafka_message_t& message) {
  Messages::Headers headers;
  rd_kafka_headers_t* raw = nullptr;
  if (rd_kafka_message_headers(&message, &raw) != RD_KAFKA_RESP_ERR_NO_ERROR) return headers;
  const char* name = nullptr;
  const void* value = nullptr;
  size_t size = 0;
  for (size_t i = 0; rd_kafka_header_get_all(raw, i, &name, &value, &size) == 0; ++i) {
    headers.emplace_back(name, std::string(static_cast<const char*>(value), value ? size : 0));
  }
  return headers;
}

}  // namespace

KafkaSource::KafkaSource(std::shared_ptr<KafkaConsumer> consumer, KafkaPartition partition,
                         KafkaNeeds needs, std::shared_ptr<KafkaDiscovery> discovery)
    : consumer_(std::move(consumer)),
      partition_(std::move(partition)),
      needs_(needs),
      discovery_(std::move(discovery)),
      stop_(kNever) {}

KafkaSource::KafkaSource(std::shared_ptr<KafkaConsumer> consumer, int number, KafkaNeeds needs,
                         std::shared_ptr<KafkaDiscovery> discovery)
    : consumer_(std::move(consumer)),
      needs_(needs),
      discovery_(std::move(discovery)),
      spare_(number),
      waits_(true),
      is_new_(true),
      stop_(kNever) {}

KafkaSource::~KafkaSource() {
  taken_.clear();
  if (started_) consumer_->Stop(partition_);
}

// As the plan knows it; see taken().
std::string KafkaSource::name() const {
  return spare_ > 0 ? fmt::format("(spare {})", spare_) : partition_.name();
}

bool KafkaSource::bounded() const {
  return consumer_->options().stop.kind != KafkaBoundary::Kind::kNone;
}

Status KafkaSource::Open() {
  if (bounded()) {
    MILL_ASSIGN(stop_, consumer_->EndOf(partition_));
  }
  if (discovery_) discovery_->Start();
  return Status::OK();
}

Status KafkaSource::Seek(const std::string& position) {
  if (ReadOffset(position, &next_)) return Status::OK();
  return Status::Invalid("not an offset: '", position, "'");
}

Status KafkaSource::SeekToNew() {
  is_new_ = true;
  return Status::OK();
}

void KafkaSource::NoteCheckpoint(const std::string& position) {
  int64_t offset = 0;
  if (!ReadOffset(position, &offset) || committed_.exchange(offset) == offset) return;
  consumer_->Commit(partition_, offset);
}

Result<int64_t> KafkaSource::FirstOffset() {
  if (next_ >= 0) return next_;
  return is_new_ ? consumer_->BeginningOf(partition_) : consumer_->StartOf(partition_);
}

// The first thing handed on is the position, so that a checkpoint holds it before any message came.
Result<Polled> KafkaSource::Start() {
  MILL_ASSIGN(next_, FirstOffset());
  queue_.reset(rd_kafka_queue_new(consumer_->client().get()));
  if (next_ < stop_) {
    MILL_RETURN(consumer_->Start(partition_, next_, queue_.get()));
    started_ = true;
  }
  Polled polled;
  polled.state = Polled::State::kData;
  polled.position = std::to_string(next_);
  return polled;
}

Result<Polled> KafkaSource::AwaitPartition(milliseconds wait) {
  auto partition = discovery_->Take(wait);
  consumer_->SendCommits();
  if (!partition) return Polled{};
  partition_ = std::move(*partition);
  waits_ = false;
  return Start();
}

Result<Polled> KafkaSource::Poll(milliseconds wait) {
  if (discovery_) MILL_RETURN(discovery_->status());
  if (waits_) return AwaitPartition(wait);
  if (!queue_) return Start();
  if (next_ >= stop_) return End();
  MILL_RETURN(Take(wait));
  consumer_->client().Serve(milliseconds(0));
  consumer_->SendCommits();
  if (!taken_.empty()) return MakeChunk();
  MILL_RETURN(consumer_->client().status());
  return next_ >= stop_ ? End() : Polled{};
}

Polled KafkaSource::End() {
  Polled end;
  end.state = Polled::State::kEnd;
  return end;
}

Status KafkaSource::Take(milliseconds wait) {
  MILL_ASSIGN(int64_t got, TakeSome(wait, 1));
  while (got > 0 && taken_.size() < kChunkMessages && taken_bytes_ < kChunkBytes) {
    const size_t room = (kChunkBytes - taken_bytes_) / static_cast<size_t>(mean_bytes_) + 1;
    MILL_ASSIGN(got, TakeSome(milliseconds(0), std::min(room, kChunkMessages - taken_.size())));
  }
  return Status::OK();
}

Result<int64_t> KafkaSource::TakeSome(milliseconds wait, size_t most) {
  rd_kafka_message_t* got[kChunkMessages];
  const auto count =
      rd_kafka_consume_batch_queue(queue_.get(), static_cast<int>(wait.count()), got, most);
  Status status;
  for (ssize_t i = 0; i < count; ++i) {  // all of them are ours, whatever happens
    Message message(got[i]);
    if (status.ok()) status = Accept(std::move(message));
  }
  MILL_RETURN(status);
  return std::max<int64_t>(count, 0);
}

Status KafkaSource::Accept(Message message) {
  if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
    next_ = std::max(next_, message->offset);  // markers of transactions have offsets too
    return Status::OK();
  }
  if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) return Failed(*message);
  if (message->offset < next_) return Status::OK();
  next_ = message->offset + 1;
  if (message->offset >= stop_) return Status::OK();
  taken_bytes_ += message->len + message->key_len;
  taken_.push_back(std::move(message));
  return Status::OK();
}

// Some failures of the connection come this way; they pass.
Status KafkaSource::Failed(const rd_kafka_message_t& message) const {
  const std::string reason = rd_kafka_message_errstr(&message);
  switch (message.err) {
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
    case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE: return Status::OK();
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
      return ExternalError("offset {} of {} is not there (any more): {}", next_,
                           partition_.name(), reason);
    default: return ExternalError("reading {}: {}", partition_.name(), reason);
  }
}

Result<Polled> KafkaSource::MakeChunk() {
  consumer_->client().NoteAnswer();
  auto messages = std::make_shared<Messages>();
  messages->topic = partition_.topic;
  messages->partition = partition_.number;
  Polled polled;
  polled.state = Polled::State::kData;
  MILL_ASSIGN(polled.chunk.bytes, CopyValues(*messages));
  if (needs_.keys) MILL_RETURN(CopyKeys(*messages));
  CopyFacts(*messages);
  mean_bytes_ = static_cast<int64_t>(taken_bytes_ / taken_.size()) + 1;
  taken_.clear();
  taken_bytes_ = 0;
  polled.chunk.file = partition_.name();
  polled.chunk.first_line = 1;
  polled.chunk.messages = std::move(messages);
  polled.position = std::to_string(next_);
  return polled;
}

Result<std::shared_ptr<arrow::Buffer>> KafkaSource::CopyValues(Messages& messages) const {
  size_t size = 0;
  for (const Message& message : taken_) size += message->payload ? message->len + 1 : 0;
  const auto used = static_cast<int64_t>(size);
  MILL_ASSIGN(auto buffer, arrow::AllocateResizableBuffer(used + kChunkPadding));
  MILL_RETURN(buffer->Resize(used, /*shrink_to_fit=*/false));
  auto* to = reinterpret_cast<char*>(buffer->mutable_data());
  std::memset(to + size, 0, static_cast<size_t>(kChunkPadding));
  messages.values.reserve(taken_.size());
  for (const Message& message : taken_) {
    if (!message->payload) {
      messages.values.emplace_back();
      ++messages.null_values;
      continue;
    }
    std::memcpy(to, message->payload, message->len);
    messages.values.emplace_back(to, message->len);
    to[message->len] = '\n';
    to += message->len + 1;
  }
  return buffer;
}

Status KafkaSource::CopyKeys(Messages& messages) const {
  size_t size = 0;
  for (const Message& message : taken_) size += message->key_len;
  MILL_ASSIGN(auto buffer, arrow::AllocateBuffer(static_cast<int64_t>(size) + 1));
  auto* to = reinterpret_cast<char*>(buffer->mutable_data());
  messages.keys.reserve(taken_.size());
  for (const Message& message : taken_) {
    if (!message->key) {
      messages.keys.emplace_back();
      continue;
    }
    std::memcpy(to, message->key, message->key_len);
    messages.keys.emplace_back(to, message->key_len);
    to += message->key_len;
  }
  messages.key_bytes = std::move(buffer);
  return Status::OK();
}

void KafkaSource::CopyFacts(Messages& messages) const {
  messages.offsets.reserve(taken_.size());
  messages.timestamps.reserve(taken_.size());
  messages.timestamp_types.reserve(taken_.size());
  for (const Message& message : taken_) {
    rd_kafka_timestamp_type_t type;
    messages.offsets.push_back(message->offset);
    messages.timestamps.push_back(rd_kafka_message_timestamp(message.get(), &type));
    messages.timestamp_types.push_back(TypeOf(type));
    if (needs_.headers) messages.headers.push_back(HeadersOf(*message));
  }
}

}  // namespace millrace
