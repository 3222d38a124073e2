#include "connectors/kafka/producer.h"

namespace millrace {
namespace {

using std::chrono::milliseconds;

struct HeadersDeleter {
  void operator()(rd_kafka_headers_t* headers) const { rd_kafka_headers_destroy(headers); }
};
using Headers = std::unique_ptr<rd_kafka_headers_t, HeadersDeleter>;

Headers MakeHeaders(const Messages::Headers& from) {
  if (from.empty()) return nullptr;
  Headers headers(rd_kafka_headers_new(from.size()));
  for (const auto& [name, value] : from) {
    rd_kafka_header_add(headers.get(), name.data(), static_cast<ssize_t>(name.size()),
                        value.data(), static_cast<ssize_t>(value.size()));
  }
  return headers;
}

void* Unconst(std::string_view bytes) {
  return const_cast<void*>(static_cast<const void*>(bytes.data()));
}

// One try; takes the headers if it succeeds.
rd_kafka_resp_err_t Produce(rd_kafka_t* handle, const std::string& topic, const OutMessage& message,
                            Headers& headers) {
  const rd_kafka_resp_err_t error = rd_kafka_producev(
      handle, RD_KAFKA_V_TOPIC(topic.c_str()), RD_KAFKA_V_PARTITION(message.partition),
      RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
      RD_KAFKA_V_KEY(Unconst(message.key), message.key.size()),
      RD_KAFKA_V_VALUE(Unconst(message.value), message.value.size()),
      RD_KAFKA_V_TIMESTAMP(message.timestamp), RD_KAFKA_V_HEADERS(headers.get()), RD_KAFKA_V_END);
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) headers.release();
  return error;
}

}  // namespace

Result<std::unique_ptr<KafkaProducer>> KafkaProducer::Make(const KafkaOptions& options,
                                                           const KafkaClient::Properties& forced) {
  KafkaClient::Properties ours = {{"client.id", "millrace"},
                                  {"partitioner", "murmur2_random"},  // as Java's
                                  {"queue.buffering.max.kbytes", "65536"},
                                  {"queue.buffering.max.messages", "500000"},
                                  {"reconnect.backoff.max.ms", "1000"},
                                  {"socket.keepalive.enable", "true"}};
  // A transaction sets its own limit.
  if (!forced.contains("transactional.id")) ours["message.timeout.ms"] = "120000";
  const bool own_acks = options.properties.contains("acks") &&
                        options.properties.at("acks") != "all" &&
                        options.properties.at("acks") != "-1";
  if (!own_acks) ours["enable.idempotence"] = "true";
  const auto size = options.properties.find("max.request.size");
  const size_t max_bytes =
      size == options.properties.end() ? 1000000 : std::strtoull(size->second.c_str(), nullptr, 10);
  std::unique_ptr<KafkaProducer> producer(new KafkaProducer(max_bytes));
  MILL_ASSIGN(producer->client_, KafkaClient::Make(RD_KAFKA_PRODUCER, options, ours, forced,
                                                   OnDelivered, producer.get()));
  return producer;
}

void KafkaProducer::OnDelivered(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
  auto* client = static_cast<KafkaClient*>(opaque);
  auto* self = static_cast<KafkaProducer*>(client->delivered_to());
  if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
    client->NoteAnswer();
  } else if (self->failed_.ok()) {
    self->failed_ = self->Explain(message->err, rd_kafka_topic_name(message->rkt), message->len);
  }
}

Status KafkaProducer::Explain(rd_kafka_resp_err_t error, const std::string& topic,
                              size_t bytes) const {
  switch (error) {
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:  // no error of the outside: trying again is no use
      return UserError("a message of {} bytes is too large for topic '{}'. hint: raise "
                           "'properties.max.request.size' (now {}) and the topic's "
                           "max.message.bytes", bytes, topic, max_bytes_);
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
      return ExternalError("there is no topic '{}'", topic);
    case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
      return ExternalError("a message to topic '{}' was not delivered in "
                           "'properties.delivery.timeout.ms'", topic);
    default: return ExternalError("writing to topic '{}': {}", topic, KafkaErrorText(error));
  }
}

Status KafkaProducer::Send(const OutMessage& message) {
  const std::string topic(message.topic);
  Headers headers = MakeHeaders(message.headers);
  while (true) {
    const rd_kafka_resp_err_t error = Produce(get(), topic, message, headers);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return Status::OK();
    if (error != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
      MILL_RETURN(status());
      return Explain(error, topic, message.value.size());
    }
    client_->Serve(milliseconds(50));
    MILL_RETURN(status());
  }
}

Status KafkaProducer::Flush() {
  while (rd_kafka_flush(get(), 200) == RD_KAFKA_RESP_ERR__TIMED_OUT) MILL_RETURN(status());
  return status();
}

Status KafkaProducer::status() const {
  MILL_RETURN(failed_);
  return client_->status();
}

void KafkaProducer::Purge() {
  rd_kafka_purge(get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
  rd_kafka_flush(get(), 1000);
}

}  // namespace millrace
