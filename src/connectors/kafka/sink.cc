#include "connectors/kafka/sink.h"

#include <algorithm>
#include <random>

#include "formats/options.h"

namespace millrace {
namespace {

std::string RandomName() {
  std::random_device random;
  return fmt::format("{:08x}{:08x}{:08x}", random(), random(), random());
}

}  // namespace

Result<std::unique_ptr<KafkaSink>> KafkaSink::Make(const TableInfo& table,
                                                   KafkaPublisher::Observer observer) {
  MILL_ASSIGN(KafkaOptions options, KafkaOptions::Read(table));
  std::unique_ptr<KafkaSink> sink(new KafkaSink(std::move(options)));
  sink->observer_ = std::move(observer);
  MILL_RETURN(Annotate(sink->ReadOptions(table), fmt::format("table '{}'", table.name)));
  auto encoder = KafkaEncoder::Make(sink->options_, table);
  MILL_RETURN(Annotate(encoder.status(), fmt::format("table '{}'", table.name)));
  sink->encoder_ = std::move(*encoder);
  return sink;
}

Status KafkaSink::ReadOptions(const TableInfo& table) {
  const std::string guarantee =
      StringOption(table.options, "sink.delivery-guarantee", "at-least-once");
  if (guarantee == "none") {
    guarantee_ = Guarantee::kNone;
  } else if (guarantee == "exactly-once") {
    guarantee_ = Guarantee::kExactlyOnce;
  } else if (guarantee != "at-least-once") {
    return UserError("option 'sink.delivery-guarantee': '{}' is none of exactly-once, "
                     "at-least-once, none", guarantee);
  }
  partitioner_ = StringOption(table.options, "sink.partitioner", "default");
  if (partitioner_ != "default" && partitioner_ != "fixed" && partitioner_ != "round-robin") {
    return UserError("option 'sink.partitioner': '{}' is none of default, fixed, round-robin",
                     partitioner_);
  }
  const std::string prefix = StringOption(table.options, "sink.transactional-id-prefix", "");
  if (guarantee_ == Guarantee::kExactlyOnce && prefix.empty()) {
    return UserError("missing option 'sink.transactional-id-prefix', which exactly-once needs: a "
                     "name that only this job has");
  }
  transactional_id_ = prefix + "-" + table.name;
  commit_topic_ = StringOption(table.options, "sink.commit-topic", "millrace-commits");
  const auto& metadata = table.metadata;
  topic_from_rows_ = std::find(metadata.begin(), metadata.end(), "topic") != metadata.end();
  if (options_.topics.size() == 1 || topic_from_rows_) return Status::OK();
  return UserError("a table that is written has one 'topic', or a metadata column 'topic'");
}

Status KafkaSink::Open() {
  writer_ = RandomName();
  if (guarantee_ == Guarantee::kExactlyOnce) {
    publisher_ = std::make_unique<KafkaPublisher>(options_, commit_topic_, transactional_id_,
                                                  observer_);
    MILL_ASSIGN(const auto client, KafkaClient::Make(RD_KAFKA_PRODUCER, options_, {}, {}));
    return FindTopic(*client);
  }
  MILL_ASSIGN(producer_, KafkaProducer::Make(options_, {}));
  return FindTopic(producer_->client());
}

Status KafkaSink::FindTopic(KafkaClient& client) {
  if (topic_from_rows_) return Status::OK();
  MILL_ASSIGN(const auto found, client.FindPartitions(options_));
  partitions_ = static_cast<int32_t>(found.size());
  return Status::OK();
}

int32_t KafkaSink::NextPartition(const OutMessage& message) {
  if (partitioner_ == "fixed") return 0;
  if (partitioner_ == "round-robin" && partitions_ > 0) {
    next_partition_ = (next_partition_ + 1) % partitions_;
    return next_partition_;
  }
  return message.partition;
}

Status KafkaSink::Take(OutMessage message) {
  message.partition = NextPartition(message);
  if (producer_) return producer_->Send(message);
  epoch_.Append(message);
  return Status::OK();
}

Status KafkaSink::Write(const Batch& batch) {
  MILL_RETURN(
      encoder_->Encode(batch, [this](const OutMessage& message) { return Take(message); }));
  if (!producer_) return Status::OK();
  producer_->client().Serve(std::chrono::milliseconds(0));
  return producer_->status();
}

Result<Committable> KafkaSink::Stage(int64_t epoch) {
  Committable committable;
  committable.epoch = epoch;
  if (producer_) {
    MILL_RETURN(guarantee_ == Guarantee::kNone ? producer_->status() : producer_->Flush());
  } else if (!epoch_.empty()) {
    MILL_ASSIGN(committable.payload, epoch_.Serialize(writer_, epoch));
    epoch_.Clear();
  }
  return committable;
}

Status KafkaSink::Publish(const Committable& committable) {
  if (committable.payload.empty()) return Status::OK();
  MILL_ASSIGN(const KafkaEpoch::Staged staged, KafkaEpoch::Parse(committable.payload));
  return publisher_->Publish(staged);
}

Status KafkaSink::Abort() {
  epoch_.Clear();
  if (producer_) producer_->Purge();
  return Status::OK();
}

}  // namespace millrace
