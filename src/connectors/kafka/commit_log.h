// KafkaCommitLog: which epochs of an exactly-once sink are published, in a compacted topic next to
// the rows. A marker is written in the same transaction as the rows of its epoch, so it is there
// exactly if they are.
//
//   key    the sink's transactional id
//   value  "writer epoch\n" for the last writers, the newest at the end
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "connectors/kafka/producer.h"

namespace millrace {

class KafkaCommitLog {
 public:
  KafkaCommitLog(std::string topic, std::string transactional_id)
      : topic_(std::move(topic)), id_(std::move(transactional_id)) {}

  // Makes the topic if it is not there.
  Status Ensure(KafkaProducer& producer);
  // Reads the newest marker. All transactions of this id have ended; those of others that are open
  // in front of it are waited for.
  Status Read(const KafkaOptions& options, KafkaProducer& producer);

  bool Contains(const std::string& writer, int64_t epoch) const;
  // The marker's value once `epoch` is published too.
  std::string With(const std::string& writer, int64_t epoch) const;
  // It is.
  void Add(const std::string& writer, int64_t epoch);

  const std::string& topic() const { return topic_; }
  const std::string& id() const { return id_; }

 private:
  using Entries = std::vector<std::pair<std::string, int64_t>>;
  static void AddTo(Entries& entries, const std::string& writer, int64_t epoch);
  Status ReadUpTo(const KafkaOptions& options, int64_t first, int64_t end);
  void Parse(std::string_view value);

  std::string topic_, id_;
  Entries entries_;
};

}  // namespace millrace
