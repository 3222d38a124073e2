// Reads one partition of a topic: a lane of its own, with its own watermark. Its position is the
// offset of the next message. What is polled is a chunk of messages (formats/messages.h).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "connectors/kafka/consumer.h"
#include "connectors/source.h"
#include "formats/messages.h"

namespace millrace {

// What the rows need of each message beside its value.
struct KafkaNeeds {
  bool keys = false;
  bool headers = false;
};

class KafkaSource final : public Source {
 public:
  KafkaSource(std::shared_ptr<KafkaConsumer> consumer, KafkaPartition partition, KafkaNeeds needs);
  ~KafkaSource() override;

  Status Open() override;
  Result<Polled> Poll(std::chrono::milliseconds wait) override;
  Status Seek(const std::string& position) override;
  bool bounded() const override;
  std::string name() const override { return partition_.name(); }

 private:
  struct MessageDeleter {
    void operator()(rd_kafka_message_t* message) const { rd_kafka_message_destroy(message); }
  };
  using Message = std::unique_ptr<rd_kafka_message_t, MessageDeleter>;

  Result<Polled> Start();
  Polled End();
  // Takes what the queue has, up to the end of the scan, into `taken_`.
  Status Take(std::chrono::milliseconds wait);
  Result<int64_t> TakeSome(std::chrono::milliseconds wait, size_t most);
  Status Accept(Message message);
  Status Failed(const rd_kafka_message_t& message) const;
  Result<Polled> MakeChunk();
  Result<std::shared_ptr<arrow::Buffer>> CopyValues(Messages& messages) const;
  Status CopyKeys(Messages& messages) const;
  void CopyFacts(Messages& messages) const;
  void CommitNow();

  std::shared_ptr<KafkaConsumer> consumer_;
  KafkaPartition partition_;
  KafkaNeeds needs_;
  KafkaQueue queue_;
  int64_t next_ = -1;   // offset; -1: where the options say
  int64_t stop_;        // the scan ends before this offset
  bool started_ = false;
  std::vector<Message> taken_;
  size_t taken_bytes_ = 0;
  int64_t mean_bytes_ = 256;  // of a message, for how many to take at once
  int64_t to_commit_ = -1;    // had been handed on by `next_commit_` minus the interval
  std::chrono::steady_clock::time_point next_commit_;
};

}  // namespace millrace
