// Reads one partition of a topic: a lane of its own, with its own watermark. Its position is the
// offset of the next message. What is polled is a chunk of messages (formats/messages.h). A spare
// lane waits for a partition that is new, and reads it from its beginning.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "connectors/kafka/discovery.h"
#include "connectors/growing_source.h"
#include "formats/messages.h"

namespace millrace {

// What the rows need of each message beside its value.
struct KafkaNeeds {
  bool keys = false;
  bool headers = false;
};

class KafkaSource final : public GrowingSource {
 public:
  // `discovery` is null where nobody looks for new partitions.
  KafkaSource(std::shared_ptr<KafkaConsumer> consumer, KafkaPartition partition, KafkaNeeds needs,
              std::shared_ptr<KafkaDiscovery> discovery);
  // Spare lane number `number`.
  KafkaSource(std::shared_ptr<KafkaConsumer> consumer, int number, KafkaNeeds needs,
              std::shared_ptr<KafkaDiscovery> discovery);
  ~KafkaSource() override;

  Status Open() override;
  Result<Polled> Poll(std::chrono::milliseconds wait) override;
  Status Seek(const std::string& position) override;
  Status SeekToNew() override;
  void NoteCheckpoint(const std::string& position) override;
  bool bounded() const override;
  bool spare() const override { return spare_ > 0; }
  std::string taken() const override { return waits_ ? "" : partition_.name(); }
  std::string name() const override;

 private:
  struct MessageDeleter {
    void operator()(rd_kafka_message_t* message) const { rd_kafka_message_destroy(message); }
  };
  using Message = std::unique_ptr<rd_kafka_message_t, MessageDeleter>;

  Result<Polled> Start();
  Result<int64_t> FirstOffset();
  Result<Polled> AwaitPartition(std::chrono::milliseconds wait);
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

  std::shared_ptr<KafkaConsumer> consumer_;
  KafkaPartition partition_;
  KafkaNeeds needs_;
  std::shared_ptr<KafkaDiscovery> discovery_;
  const int spare_ = 0;   // its number from 1; 0: a lane with a partition from the start
  bool waits_ = false;    // of a spare: it has no partition yet
  bool is_new_ = false;   // the partition is read from its beginning
  KafkaQueue queue_;
  int64_t next_ = -1;   // offset; -1: where the options say
  int64_t stop_;        // the scan ends before this offset
  bool started_ = false;
  std::vector<Message> taken_;
  size_t taken_bytes_ = 0;
  int64_t mean_bytes_ = 256;  // of a message, for how many to take at once
  std::atomic<int64_t> committed_{-1};
};

}  // namespace millrace
