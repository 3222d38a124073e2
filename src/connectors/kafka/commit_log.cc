#include "connectors/kafka/commit_log.h"

#include <algorithm>
#include <charconv>
#include <thread>

namespace millrace {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr size_t kWriters = 64;  // remembered: restarts that one epoch may have to survive
constexpr std::chrono::seconds kTopicPatience{30};   // until a topic that was made is known
constexpr std::chrono::seconds kOthersPatience{120};

struct AdminParts {
  rd_kafka_NewTopic_t* topic = nullptr;
  rd_kafka_queue_t* queue = nullptr;
  rd_kafka_event_t* event = nullptr;
  ~AdminParts() {
    if (event) rd_kafka_event_destroy(event);
    if (queue) rd_kafka_queue_destroy(queue);
    if (topic) rd_kafka_NewTopic_destroy(topic);
  }
};

rd_kafka_resp_err_t CreateTopic(rd_kafka_t* handle, const std::string& name) {
  AdminParts parts;
  char reason[256];
  parts.topic = rd_kafka_NewTopic_new(name.c_str(), 1, -1, reason, sizeof(reason));
  if (!parts.topic) return RD_KAFKA_RESP_ERR__INVALID_ARG;
  rd_kafka_NewTopic_set_config(parts.topic, "cleanup.policy", "compact");
  parts.queue = rd_kafka_queue_new(handle);
  rd_kafka_CreateTopics(handle, &parts.topic, 1, nullptr, parts.queue);
  parts.event = rd_kafka_queue_poll(parts.queue, 10000);
  if (!parts.event) return RD_KAFKA_RESP_ERR__TIMED_OUT;
  if (rd_kafka_event_error(parts.event)) return rd_kafka_event_error(parts.event);
  size_t count = 0;
  const auto* result = rd_kafka_event_CreateTopics_result(parts.event);
  const auto** topics = rd_kafka_CreateTopics_result_topics(result, &count);
  const auto error = count > 0 ? rd_kafka_topic_result_error(topics[0])
                               : RD_KAFKA_RESP_ERR__FAIL;
  return error == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS ? RD_KAFKA_RESP_ERR_NO_ERROR : error;
}

}  // namespace

Status KafkaCommitLog::Ensure(KafkaProducer& producer) {
  KafkaOptions only;
  only.topics = {topic_};
  if (producer.client().FindPartitions(only).ok()) return Status::OK();
  MILL_RETURN(producer.client().Retry(
      fmt::format("cannot make the topic '{}' of published epochs", topic_),
      [&] { return CreateTopic(producer.get(), topic_); }));
  const auto deadline = steady_clock::now() + kTopicPatience;
  while (true) {  // it takes a moment until the brokers know it
    const auto found = producer.client().FindPartitions(only);
    if (found.ok() || steady_clock::now() > deadline) return found.status();
    std::this_thread::sleep_for(milliseconds(100));
  }
}

Status KafkaCommitLog::Read(const KafkaOptions& options, KafkaProducer& producer) {
  int64_t first = 0, end = 0;
  MILL_RETURN(producer.client().Retry("cannot read topic '" + topic_ + "'", [&] {
    return rd_kafka_query_watermark_offsets(producer.get(), topic_.c_str(), 0, &first, &end, 2000);
  }));
  entries_.clear();
  return first < end ? ReadUpTo(options, first, end) : Status::OK();
}

Status KafkaCommitLog::ReadUpTo(const KafkaOptions& options, int64_t first, int64_t end) {
  MILL_ASSIGN(const auto client,
              KafkaClient::Make(RD_KAFKA_CONSUMER, options, {},
                                {{"isolation.level", "read_committed"},
                                 {"enable.partition.eof", "true"},
                                 {"enable.auto.commit", "false"}}));
  const KafkaTopic topic(rd_kafka_topic_new(client->get(), topic_.c_str(), nullptr));
  if (rd_kafka_consume_start(topic.get(), 0, first) != 0) {
    return ExternalError("cannot read topic '{}': {}", topic_,
                         KafkaErrorText(rd_kafka_last_error()));
  }
  const auto deadline = steady_clock::now() + kOthersPatience;
  int64_t next = first;
  while (next < end && steady_clock::now() < deadline && client->status().ok()) {
    rd_kafka_message_t* const message = rd_kafka_consume(topic.get(), 0, 200);
    client->Serve(milliseconds(0));
    if (!message) continue;
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) next = message->offset;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
      next = message->offset + 1;
      const std::string_view key(static_cast<const char*>(message->key), message->key_len);
      if (key == id_) Parse({static_cast<const char*>(message->payload), message->len});
    }
    rd_kafka_message_destroy(message);
  }
  rd_kafka_consume_stop(topic.get(), 0);
  MILL_RETURN(client->status());
  if (next >= end) return Status::OK();
  return ExternalError("topic '{}' cannot be read to its end in {} s: another sink's transaction "
                       "is open, or brokers are away", topic_, kOthersPatience.count());
}

void KafkaCommitLog::Parse(std::string_view value) {
  entries_.clear();
  while (!value.empty()) {
    const size_t end = std::min(value.find('\n'), value.size());
    const std::string_view line = value.substr(0, end);
    value.remove_prefix(std::min(end + 1, value.size()));
    const size_t space = std::min(line.find(' '), line.size() - 1);
    int64_t epoch = 0;
    std::from_chars(line.data() + space + 1, line.data() + line.size(), epoch);
    entries_.emplace_back(line.substr(0, space), epoch);
  }
}

bool KafkaCommitLog::Contains(const std::string& writer, int64_t epoch) const {
  return std::any_of(entries_.begin(), entries_.end(), [&](const auto& entry) {
    return entry.first == writer && entry.second >= epoch;
  });
}

void KafkaCommitLog::AddTo(Entries& entries, const std::string& writer, int64_t epoch) {
  std::erase_if(entries, [&](const auto& entry) { return entry.first == writer; });
  entries.emplace_back(writer, epoch);
  if (entries.size() > kWriters) entries.erase(entries.begin());
}

std::string KafkaCommitLog::With(const std::string& writer, int64_t epoch) const {
  Entries entries = entries_;
  AddTo(entries, writer, epoch);
  std::string value;
  for (const auto& [name, number] : entries) value += fmt::format("{} {}\n", name, number);
  return value;
}

void KafkaCommitLog::Add(const std::string& writer, int64_t epoch) {
  AddTo(entries_, writer, epoch);
}

}  // namespace millrace
