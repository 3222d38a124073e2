// KafkaPublisher: writes staged epochs to their topics, each exactly once, over crashes of this
// process and of the brokers:
//
//   init_transactions   ends what an earlier process left open, and fences it
//   read the marker     an epoch that is noted there is published: nothing to do
//   one transaction     the epoch's messages and the new marker
//
// When it is not known whether a commit has come through, all three are done again. One owner, one
// thread.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "connectors/kafka/commit_log.h"
#include "connectors/kafka/epoch.h"
#include "connectors/kafka/producer.h"

namespace millrace {

class KafkaPublisher {
 public:
  // Told before each step, so that tests can crash there: "connect", "begin", "send", "commit",
  // "done".
  using Observer = std::function<void(const char* step)>;

  KafkaPublisher(KafkaOptions options, const std::string& commit_topic,
                 const std::string& transactional_id, Observer observer)
      : options_(std::move(options)),
        log_(commit_topic, transactional_id),
        observer_(std::move(observer)) {}

  // Does nothing for an epoch that is already published. An error that time may mend is tried again
  // for a while; being fenced by a newer process is final.
  Status Publish(const KafkaEpoch::Staged& staged);
  // Transactions that failed and were tried again.
  int64_t retries() const { return retries_; }

 private:
  Status TryPublish(const KafkaEpoch::Staged& staged);
  Status Connect();
  Status SendAll(const KafkaEpoch::Staged& staged);
  Status Commit();
  // An error of a transaction as ours; takes it.
  Status Failed(rd_kafka_error_t* error, const std::string& what);
  void NoteFencing();
  Status ShutOut() const;
  void Reach(const char* step) const {
    if (observer_) observer_(step);
  }

  const KafkaOptions options_;
  KafkaCommitLog log_;
  Observer observer_;
  std::unique_ptr<KafkaProducer> producer_;  // null: not connected, or not to be trusted any more
  Status fenced_;
  int64_t retries_ = 0;
};

}  // namespace millrace
