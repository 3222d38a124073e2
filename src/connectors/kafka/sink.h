// Writes rows to topics. By 'sink.delivery-guarantee':
//
//   none, at-least-once  messages are sent as rows come; Stage waits until brokers have all
//                        (none: does not). Idempotent: retries make no duplicates.
//   exactly-once         the epoch's messages are kept, staged in the checkpoint, and written in one
//                        transaction by Publish (publisher.h)
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "connectors/kafka/encoder.h"
#include "connectors/kafka/publisher.h"
#include "connectors/sink.h"

namespace millrace {

class KafkaSink final : public Sink {
 public:
  // `observer` is told the steps of publishing; null but in tests.
  static Result<std::unique_ptr<KafkaSink>> Make(const TableInfo& table,
                                                 KafkaPublisher::Observer observer = nullptr);

  Status Open() override;
  Status Write(const Batch& batch) override;
  Result<Committable> Stage(int64_t epoch) override;
  Status Publish(const Committable& committable) override;
  Status Abort() override;
  bool takes_changelog() const override {
    return options_.upsert || options_.is_changelog();
  }
  SinkTroubles troubles() const override { return {publisher_ ? publisher_->retries() : 0, 0}; }

 private:
  enum class Guarantee { kNone, kAtLeastOnce, kExactlyOnce };

  explicit KafkaSink(KafkaOptions options) : options_(std::move(options)) {}
  Status ReadOptions(const TableInfo& table);
  Status FindTopic(KafkaClient& client);
  int32_t NextPartition(const OutMessage& message);
  Status Take(OutMessage message);

  const KafkaOptions options_;
  Guarantee guarantee_ = Guarantee::kAtLeastOnce;
  bool topic_from_rows_ = false;
  std::string partitioner_, commit_topic_, transactional_id_;
  std::string writer_;  // of this run
  std::unique_ptr<KafkaEncoder> encoder_;
  std::unique_ptr<KafkaProducer> producer_;  // unless exactly once
  KafkaPublisher::Observer observer_;
  std::unique_ptr<KafkaPublisher> publisher_;
  KafkaEpoch epoch_;
  int32_t partitions_ = 0;  // of the topic
  int32_t next_partition_ = 0;
};

}  // namespace millrace
