// KafkaDiscovery: finds partitions that turn up while a scan runs, of its topics or of new ones
// that match its pattern, and gives each to a lane that was made for that in advance. A thread of
// its own asks the brokers. Shared by the lanes of one scan; thread safe.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "connectors/kafka/consumer.h"

namespace millrace {

class KafkaDiscovery {
 public:
  // `known` partitions have lanes from the start; so many `lanes` are free for more.
  KafkaDiscovery(std::shared_ptr<KafkaConsumer> consumer, const std::vector<KafkaPartition>& known,
                 size_t lanes);
  ~KafkaDiscovery();

  // Begins to look, each KafkaOptions::discovery; only the first call does something.
  void Start();
  // A new partition, which is the caller's now; waits up to `wait` for one.
  std::optional<KafkaPartition> Take(std::chrono::milliseconds wait);
  // An error once there are more new partitions than lanes: they can only be read by a new run.
  Status status() const;

 private:
  void Run();
  void Note(const std::vector<KafkaPartition>& found);

  const std::shared_ptr<KafkaConsumer> consumer_;
  std::thread thread_;
  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::set<std::string> known_;  // by KafkaPartition::name
  std::deque<KafkaPartition> new_;
  size_t lanes_;  // free, but for those that new_ waits for
  Status status_;
  bool started_ = false;
  bool stop_ = false;
};

}  // namespace millrace
