#include "connectors/kafka/consumer.h"

namespace millrace {
namespace {

constexpr int kAttemptMs = 2000;
constexpr std::chrono::seconds kLastCommitPatience{2};
constexpr std::chrono::seconds kTellAgain{60}, kCommitAgain{1};

KafkaPartitions ListOf(const KafkaPartition& partition, int64_t offset) {
  KafkaPartitions list(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(list.get(), partition.topic.c_str(), partition.number)
      ->offset = offset;
  return list;
}

// A query answers for the list and for its one entry.
rd_kafka_resp_err_t FirstError(rd_kafka_resp_err_t error, const KafkaPartitions& list) {
  return error == RD_KAFKA_RESP_ERR_NO_ERROR ? list->elems[0].err : error;
}

}  // namespace

Result<std::shared_ptr<KafkaConsumer>> KafkaConsumer::Make(KafkaOptions options) {
  std::shared_ptr<KafkaConsumer> consumer(new KafkaConsumer(std::move(options)));
  const bool bounded = consumer->options_.stop.kind != KafkaBoundary::Kind::kNone;
  const KafkaClient::Properties ours = {{"client.id", "millrace"},
                                        {"queued.max.messages.kbytes", "16384"},
                                        {"reconnect.backoff.max.ms", "1000"},
                                        {"socket.keepalive.enable", "true"}};
  const KafkaClient::Properties forced = {{"enable.auto.commit", "false"},
                                          {"enable.auto.offset.store", "false"},
                                          {"enable.partition.eof", bounded ? "true" : "false"},
                                          {"auto.offset.reset", "error"}};
  MILL_ASSIGN(consumer->client_,
              KafkaClient::Make(RD_KAFKA_CONSUMER, consumer->options_, ours, forced));
  return consumer;
}

KafkaConsumer::~KafkaConsumer() {
  const auto deadline = std::chrono::steady_clock::now() + kLastCommitPatience;
  SendCommits();
  while (committing_ && std::chrono::steady_clock::now() < deadline) {
    if (!unanswered_ || !TakeAnswer(100)) client_->Serve(std::chrono::milliseconds(20));
    SendCommits();
  }
  answers_.reset();
  topics_.clear();
}

Result<int64_t> KafkaConsumer::Watermark(const KafkaPartition& partition, bool high) {
  int64_t first = 0, end = 0;
  MILL_RETURN(client_->Retry("cannot ask for the offsets of " + partition.name(), [&] {
    return rd_kafka_query_watermark_offsets(client_->get(), partition.topic.c_str(),
                                            partition.number, &first, &end, kAttemptMs);
  }));
  return high ? end : first;
}

Result<int64_t> KafkaConsumer::AtTime(const KafkaPartition& partition, int64_t timestamp) {
  const KafkaPartitions list = ListOf(partition, timestamp);
  MILL_RETURN(client_->Retry("cannot ask for the offsets of " + partition.name(), [&] {
    list->elems[0].offset = timestamp;
    return FirstError(rd_kafka_offsets_for_times(client_->get(), list.get(), kAttemptMs), list);
  }));
  const int64_t offset = list->elems[0].offset;
  return offset >= 0 ? Result<int64_t>(offset) : Watermark(partition, true);
}

Result<int64_t> KafkaConsumer::OfGroup(const KafkaPartition& partition) {
  if (options_.group.empty()) {
    return UserError("'group-offsets' needs 'properties.group.id'. hint: 'scan.startup.mode' = "
                     "'earliest-offset' needs no group");
  }
  const KafkaPartitions list = ListOf(partition, RD_KAFKA_OFFSET_INVALID);
  const std::string what = fmt::format("cannot ask for the offsets of group '{}'", options_.group);
  MILL_RETURN(client_->Retry(what, [&] {
    return FirstError(rd_kafka_committed(client_->get(), list.get(), kAttemptMs), list);
  }));
  const int64_t offset = list->elems[0].offset;
  return offset >= 0 ? Result<int64_t>(offset) : WithoutCommit(partition);
}

Result<int64_t> KafkaConsumer::WithoutCommit(const KafkaPartition& partition) {
  const auto found = options_.properties.find("auto.offset.reset");
  const std::string reset = found == options_.properties.end() ? "none" : found->second;
  if (reset == "earliest" || reset == "smallest") return Watermark(partition, false);
  if (reset == "latest" || reset == "largest") return Watermark(partition, true);
  return UserError("group '{}' has no offset for {}. hint: 'properties.auto.offset.reset' = "
                   "'earliest', or another 'scan.startup.mode'", options_.group, partition.name());
}

Result<int64_t> KafkaConsumer::Find(const KafkaBoundary& boundary, const KafkaPartition& partition,
                                    bool end) {
  switch (boundary.kind) {
    case KafkaBoundary::Kind::kEarliest: return Watermark(partition, false);
    case KafkaBoundary::Kind::kTimestamp: return AtTime(partition, boundary.timestamp);
    case KafkaBoundary::Kind::kGroup: return OfGroup(partition);
    case KafkaBoundary::Kind::kSpecific: {
      const auto found = boundary.offsets.find(partition.number);
      if (found != boundary.offsets.end()) return found->second;
      return Watermark(partition, end);
    }
    default: return Watermark(partition, true);
  }
}

Result<int64_t> KafkaConsumer::StartOf(const KafkaPartition& partition) {
  return Find(options_.start, partition, false);
}

Result<int64_t> KafkaConsumer::EndOf(const KafkaPartition& partition) {
  return Find(options_.stop, partition, true);
}

Result<rd_kafka_topic_t*> KafkaConsumer::Topic(const std::string& name) {
  const std::lock_guard lock(mutex_);
  KafkaTopic& topic = topics_[name];
  if (!topic) topic.reset(rd_kafka_topic_new(client_->get(), name.c_str(), nullptr));
  if (topic) return topic.get();
  return ExternalError("topic '{}': {}", name, KafkaErrorText(rd_kafka_last_error()));
}

Status KafkaConsumer::Start(const KafkaPartition& partition, int64_t offset,
                            rd_kafka_queue_t* queue) {
  MILL_ASSIGN(rd_kafka_topic_t* const topic, Topic(partition.topic));
  if (rd_kafka_consume_start_queue(topic, partition.number, offset, queue) == 0) {
    return Status::OK();
  }
  return ExternalError("cannot read {}: {}", partition.name(),
                       KafkaErrorText(rd_kafka_last_error()));
}

void KafkaConsumer::Stop(const KafkaPartition& partition) {
  const auto topic = Topic(partition.topic);
  if (topic.ok()) rd_kafka_consume_stop(*topic, partition.number);
}

void KafkaConsumer::Commit(const KafkaPartition& partition, int64_t offset) {
  if (options_.group.empty() || !options_.commits) return;
  const std::lock_guard lock(mutex_);
  to_commit_[{partition.topic, partition.number}] = offset;
  committing_ = true;
}

void KafkaConsumer::SendCommits() {
  if (!committing_.load(std::memory_order_relaxed)) return;
  const std::lock_guard lock(mutex_);
  if (unanswered_) TakeAnswer(0);
  committing_ = unanswered_ || !to_commit_.empty();
  const bool wait = unanswered_ || std::chrono::steady_clock::now() < again_at_;
  if (to_commit_.empty() || wait) return;
  KafkaPartitions list(rd_kafka_topic_partition_list_new(static_cast<int>(to_commit_.size())));
  for (const auto& [partition, offset] : to_commit_) {
    rd_kafka_topic_partition_list_add(list.get(), partition.first.c_str(), partition.second)
        ->offset = offset;
  }
  if (!answers_) answers_.reset(rd_kafka_queue_new(client_->get()));
  const auto sent = rd_kafka_commit_queue(client_->get(), list.get(), answers_.get(), nullptr,
                                          nullptr);
  if (sent != RD_KAFKA_RESP_ERR_NO_ERROR) return;
  to_commit_.clear();
  unanswered_ = true;
}

bool KafkaConsumer::TakeAnswer(int wait_ms) {
  rd_kafka_event_t* const event = rd_kafka_queue_poll(answers_.get(), wait_ms);
  if (!event) return false;
  const rd_kafka_resp_err_t error = rd_kafka_event_error(event);
  const bool failed = error != RD_KAFKA_RESP_ERR_NO_ERROR;
  if (failed) CommitAgain(rd_kafka_event_topic_partition_list(event));
  rd_kafka_event_destroy(event);
  unanswered_ = false;
  const auto now = std::chrono::steady_clock::now();
  if (!failed || now < told_ + kTellAgain) return true;
  told_ = now;
  client_->Log(fmt::format("offsets are not committed to group '{}': {}; the job goes on, its "
                           "positions are in its checkpoints",
                           options_.group, KafkaErrorText(error)));
  return true;
}

void KafkaConsumer::CommitAgain(const rd_kafka_topic_partition_list_t* list) {
  again_at_ = std::chrono::steady_clock::now() + kCommitAgain;
  for (int i = 0; list && i < list->cnt; ++i) {
    const rd_kafka_topic_partition_t& each = list->elems[i];
    to_commit_.try_emplace({each.topic, each.partition}, each.offset);
  }
}

}  // namespace millrace
