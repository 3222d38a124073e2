// KafkaProducer: hands messages to librdkafka and hears what has become of them. One owner, one
// thread.
#pragma once

#include <memory>
#include <string>

#include "connectors/kafka/client.h"
#include "connectors/kafka/encoder.h"

namespace millrace {

class KafkaProducer {
 public:
  // `forced` are settings that the table cannot change.
  static Result<std::unique_ptr<KafkaProducer>> Make(const KafkaOptions& options,
                                                     const KafkaClient::Properties& forced);

  KafkaClient& client() { return *client_; }
  rd_kafka_t* get() { return client_->get(); }

  // Copies the message and returns; waits only while librdkafka's queue is full.
  Status Send(const OutMessage& message);
  // Waits until all messages are delivered; the first failure of any of them if there was one.
  Status Flush();
  // The first failure so far.
  Status status() const;
  // Drops what is not delivered.
  void Purge();

 private:
  explicit KafkaProducer(size_t max_bytes) : max_bytes_(max_bytes) {}
  static void OnDelivered(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque);
  Status Explain(rd_kafka_resp_err_t error, const std::string& topic, size_t bytes) const;

  size_t max_bytes_;
  Status failed_;  // set by callbacks, which run when we poll; before the client, which polls
  std::unique_ptr<KafkaClient> client_;
};

}  // namespace millrace
