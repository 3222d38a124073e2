#include "connectors/kafka/discovery.h"

#include <utility>

namespace millrace {

KafkaDiscovery::KafkaDiscovery(std::shared_ptr<KafkaConsumer> consumer,
                               const std::vector<KafkaPartition>& known, size_t lanes)
    : consumer_(std::move(consumer)), lanes_(lanes) {
  for (const KafkaPartition& partition : known) known_.insert(partition.name());
}

KafkaDiscovery::~KafkaDiscovery() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void KafkaDiscovery::Start() {
  const std::lock_guard lock(mutex_);
  if (std::exchange(started_, true)) return;
  thread_ = std::thread([this] { Run(); });
}

std::optional<KafkaPartition> KafkaDiscovery::Take(std::chrono::milliseconds wait) {
  std::unique_lock lock(mutex_);
  if (!changed_.wait_for(lock, wait, [this] { return !new_.empty(); })) return std::nullopt;
  KafkaPartition partition = std::move(new_.front());
  new_.pop_front();
  return partition;
}

Status KafkaDiscovery::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

// Brokers that are away, and topics that are being made, are asked again in the next round.
void KafkaDiscovery::Run() {
  const KafkaOptions& options = consumer_->options();
  std::unique_lock lock(mutex_);
  while (!changed_.wait_for(lock, options.discovery, [this] { return stop_; })) {
    lock.unlock();
    const auto found = consumer_->client().FindPartitions(options, /*once=*/true);
    lock.lock();
    if (found.ok()) {
      Note(*found);
    } else {
      consumer_->client().Log("looking for new partitions: " + found.status().message());
    }
  }
}

void KafkaDiscovery::Note(const std::vector<KafkaPartition>& found) {
  for (const KafkaPartition& partition : found) {
    if (!known_.insert(partition.name()).second) continue;
    if (lanes_ == 0) {
      status_ = ExternalError(
          "partition {} is new, but no lane is free to read it. hint: it is read from its beginning "
          "when the job goes on (--restore latest, or a restart strategy); "
          "'scan.topic-partition-discovery.lanes' makes more", partition.name());
      return;
    }
    --lanes_;
    consumer_->client().Log(fmt::format("partition {} is new: reading it", partition.name()));
    new_.push_back(partition);
  }
  changed_.notify_all();
}

}  // namespace millrace
