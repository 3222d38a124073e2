// KafkaClient: one librdkafka handle, a consumer or a producer, made from a table's properties.*
// and closed by its last owner. Takes Java's names of properties as well, since Flink's scripts
// have them. Broken connections are librdkafka's to mend: we tell it in the log, once and then
// every 10 s. Thread safe.
#pragma once

#include <librdkafka/rdkafka.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "connectors/kafka/options.h"

namespace millrace {

struct KafkaTopicDeleter {
  void operator()(rd_kafka_topic_t* topic) const { rd_kafka_topic_destroy(topic); }
};
struct KafkaQueueDeleter {
  void operator()(rd_kafka_queue_t* queue) const { rd_kafka_queue_destroy(queue); }
};
struct KafkaPartitionsDeleter {
  void operator()(rd_kafka_topic_partition_list_t* list) const {
    rd_kafka_topic_partition_list_destroy(list);
  }
};
using KafkaTopic = std::unique_ptr<rd_kafka_topic_t, KafkaTopicDeleter>;
using KafkaQueue = std::unique_ptr<rd_kafka_queue_t, KafkaQueueDeleter>;
using KafkaPartitions = std::unique_ptr<rd_kafka_topic_partition_list_t, KafkaPartitionsDeleter>;

// "orders[3]".
struct KafkaPartition {
  std::string topic;
  int32_t number = 0;
  std::string name() const { return fmt::format("{}[{}]", topic, number); }
};

class KafkaClient {
 public:
  using Properties = std::map<std::string, std::string>;
  using DeliveredCallback = void (*)(rd_kafka_t*, const rd_kafka_message_t*, void*);

  // `ours` are set first, what the table says comes on top, `forced` last.
  static Result<std::unique_ptr<KafkaClient>> Make(rd_kafka_type_t type,
                                                   const KafkaOptions& options,
                                                   const Properties& ours,
                                                   const Properties& forced,
                                                   DeliveredCallback delivered = nullptr,
                                                   void* delivered_to = nullptr);
  ~KafkaClient();

  rd_kafka_t* get() const { return handle_; }
  void* delivered_to() const { return delivered_to_; }
  // What will not mend by itself: wrong credentials, a fenced producer.
  Status status() const;
  // Serves callbacks for up to `wait`.
  void Serve(std::chrono::milliseconds wait) {
    rd_kafka_poll(handle_, static_cast<int>(wait.count()));
  }
  // The brokers have answered: they are not away any more.
  void NoteAnswer();

  // Calls `attempt` until it succeeds, or answers what no retry mends, or the table's patience
  // (KafkaOptions) is over; only once if `once`.
  Status Retry(const std::string& what, const std::function<rd_kafka_resp_err_t()>& attempt,
               bool once = false);
  // The partitions of the table's topics, by topic and number. A missing topic is an error; a
  // pattern may match none.
  Result<std::vector<KafkaPartition>> FindPartitions(const KafkaOptions& options,
                                                     bool once = false);

  void Log(const std::string& line) const;

 private:
  explicit KafkaClient(const KafkaOptions& options)
      : table_(options.table), servers_(options.servers), patience_(options.patience) {}
  static void OnError(rd_kafka_t*, int error, const char* reason, void* opaque);
  static void OnLog(const rd_kafka_t* handle, int level, const char* facility, const char* text);
  Status NoAnswer(const std::string& what, rd_kafka_resp_err_t error) const;
  void NoteError(rd_kafka_resp_err_t error, const std::string& reason);

  std::string table_, servers_;
  std::chrono::milliseconds patience_;
  bool scram_ = false;
  rd_kafka_t* handle_ = nullptr;
  void* delivered_to_ = nullptr;
  mutable std::mutex mutex_;  // guards what follows
  Status status_;
  std::string last_error_;
  std::chrono::steady_clock::time_point told_{};
  std::atomic<bool> away_{false};
};

// A failure in Kafka's words: "Broker: Unknown topic or partition".
std::string KafkaErrorText(rd_kafka_resp_err_t error);

}  // namespace millrace
