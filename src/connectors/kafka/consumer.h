// KafkaConsumer: the client that all lanes of one scan share. Each lane reads one partition through
// a queue of its own, so that a slow lane holds back no other. Thread safe.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "connectors/kafka/client.h"

namespace millrace {

class KafkaConsumer {
 public:
  static Result<std::shared_ptr<KafkaConsumer>> Make(KafkaOptions options);
  ~KafkaConsumer();

  const KafkaOptions& options() const { return options_; }
  KafkaClient& client() { return *client_; }

  // The offset where the scan of `partition` starts, or where it ends: that of the first message
  // not to be read. Asks the brokers, for up to KafkaClient::kPatience.
  Result<int64_t> StartOf(const KafkaPartition& partition);
  Result<int64_t> EndOf(const KafkaPartition& partition);

  // Lets `partition` flow into `queue` from `offset` on.
  Status Start(const KafkaPartition& partition, int64_t offset, rd_kafka_queue_t* queue);
  void Stop(const KafkaPartition& partition);

  // Notes in the group that what is before `offset` has been read: for tools that show the lag, and
  // for 'group-offsets'. Does not wait; nothing without a group.
  void Commit(const KafkaPartition& partition, int64_t offset);

 private:
  explicit KafkaConsumer(KafkaOptions options) : options_(std::move(options)) {}
  Result<int64_t> Watermark(const KafkaPartition& partition, bool high);
  Result<int64_t> AtTime(const KafkaPartition& partition, int64_t timestamp);
  Result<int64_t> OfGroup(const KafkaPartition& partition);
  Result<int64_t> WithoutCommit(const KafkaPartition& partition);
  Result<int64_t> Find(const KafkaBoundary& boundary, const KafkaPartition& partition, bool end);
  Result<rd_kafka_topic_t*> Topic(const std::string& name);

  const KafkaOptions options_;
  std::unique_ptr<KafkaClient> client_;
  std::mutex mutex_;  // guards what follows
  std::map<std::string, KafkaTopic> topics_;
};

}  // namespace millrace
