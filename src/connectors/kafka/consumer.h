// KafkaConsumer: the client that all lanes of one scan share. Each lane reads one partition through
// a queue of its own, so that a slow lane holds back no other. Thread safe.
#pragma once

#include <atomic>
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
  // not to be read. Asks the brokers, again and again for KafkaOptions::patience.
  Result<int64_t> StartOf(const KafkaPartition& partition);
  Result<int64_t> EndOf(const KafkaPartition& partition);
  // The first offset that there is.
  Result<int64_t> BeginningOf(const KafkaPartition& partition) {
    return Watermark(partition, false);
  }

  // Lets `partition` flow into `queue` from `offset` on.
  Status Start(const KafkaPartition& partition, int64_t offset, rd_kafka_queue_t* queue);
  void Stop(const KafkaPartition& partition);

  // Has the next SendCommits note in the group that what is before `offset` has been read: for tools
  // that show the lag, and for 'group-offsets'. Does not wait; nothing without a group.
  void Commit(const KafkaPartition& partition, int64_t offset);
  // Sends what is to be committed in one request, if there is something. Does not wait. What is left
  // at the end is sent by the destructor, which waits for the answers for a moment.
  void SendCommits();

 private:
  explicit KafkaConsumer(KafkaOptions options) : options_(std::move(options)) {}
  Result<int64_t> Watermark(const KafkaPartition& partition, bool high);
  Result<int64_t> AtTime(const KafkaPartition& partition, int64_t timestamp);
  Result<int64_t> OfGroup(const KafkaPartition& partition);
  Result<int64_t> WithoutCommit(const KafkaPartition& partition);
  Result<int64_t> Find(const KafkaBoundary& boundary, const KafkaPartition& partition, bool end);
  Result<rd_kafka_topic_t*> Topic(const std::string& name);
  // Takes an answer to a commit, for which it waits up to `wait_ms`; the mutex is held.
  bool TakeAnswer(int wait_ms);
  // What could not be committed is tried again, unless there is newer.
  void CommitAgain(const rd_kafka_topic_partition_list_t* list);

  const KafkaOptions options_;
  std::unique_ptr<KafkaClient> client_;
  std::mutex mutex_;  // guards what follows
  std::map<std::string, KafkaTopic> topics_;
  std::map<std::pair<std::string, int32_t>, int64_t> to_commit_;  // offset by topic and partition
  KafkaQueue answers_;  // to commits
  bool unanswered_ = false;  // one commit at a time: an older one must not come last
  std::chrono::steady_clock::time_point again_at_{}, told_{};  // of commits that failed
  std::atomic<bool> committing_{false};  // to_commit_ or unanswered_ holds something
};

}  // namespace millrace
