#include "connectors/kafka/publisher.h"

#include <thread>

namespace millrace {
namespace {

using std::chrono::steady_clock;

constexpr int kTransactionMs = 10000;  // that one call may wait for brokers
constexpr std::chrono::seconds kPatience{60};

bool IsFencing(rd_kafka_resp_err_t code) {
  return code == RD_KAFKA_RESP_ERR__FENCED || code == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
         code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
}

}  // namespace

Status KafkaPublisher::Publish(const KafkaEpoch::Staged& staged) {
  const auto deadline = steady_clock::now() + kPatience;
  while (true) {
    const Status status = TryPublish(staged);
    if (status.ok()) return status;
    NoteFencing();
    producer_.reset();
    MILL_RETURN(fenced_);
    if (status.IsInvalid() || steady_clock::now() > deadline) return status;
    std::fprintf(stderr, "kafka, table '%s': publishing epoch %ld: %s; trying again\n",
                 options_.table.c_str(), static_cast<long>(staged.epoch),
                 status.message().c_str());
    ++retries_;
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
  }
}

Status KafkaPublisher::TryPublish(const KafkaEpoch::Staged& staged) {
  MILL_RETURN(fenced_);
  if (!producer_) MILL_RETURN(Connect());
  if (log_.Contains(staged.writer, staged.epoch)) return Status::OK();
  Reach("begin");
  MILL_RETURN(Failed(rd_kafka_begin_transaction(producer_->get()), "cannot begin a transaction"));
  Reach("send");
  MILL_RETURN(SendAll(staged));
  Reach("commit");
  MILL_RETURN(Commit());
  log_.Add(staged.writer, staged.epoch);
  Reach("done");
  return Status::OK();
}

Status KafkaPublisher::Connect() {
  Reach("connect");
  MILL_ASSIGN(producer_,
              KafkaProducer::Make(options_, {{"transactional.id", log_.id()},
                                             {"enable.idempotence", "true"},
                                             {"isolation.level", "read_uncommitted"}}));
  MILL_RETURN(log_.Ensure(*producer_));
  const auto deadline = steady_clock::now() + kPatience;
  while (true) {
    rd_kafka_error_t* const error = rd_kafka_init_transactions(producer_->get(), kTransactionMs);
    const bool again = error && rd_kafka_error_is_retriable(error);
    if (!again || steady_clock::now() > deadline) {
      MILL_RETURN(Failed(error, "cannot start transactions"));
      break;
    }
    rd_kafka_error_destroy(error);
    producer_->client().Serve(std::chrono::milliseconds(0));
    MILL_RETURN(producer_->client().status());
  }
  return log_.Read(options_, *producer_);
}

Status KafkaPublisher::SendAll(const KafkaEpoch::Staged& staged) {
  MILL_RETURN(KafkaEpoch::ForEach(
      staged.messages, [&](const OutMessage& message) { return producer_->Send(message); }));
  const std::string marker = log_.With(staged.writer, staged.epoch);
  OutMessage message;
  message.topic = log_.topic();
  message.key = log_.id();
  message.value = marker;
  message.partition = 0;
  MILL_RETURN(producer_->Send(message));
  return producer_->Flush();
}

Status KafkaPublisher::Commit() {
  const auto deadline = steady_clock::now() + kPatience;
  while (true) {
    rd_kafka_error_t* const error = rd_kafka_commit_transaction(producer_->get(), kTransactionMs);
    const bool again = error && rd_kafka_error_is_retriable(error);
    if (!again || steady_clock::now() > deadline) return Failed(error, "cannot commit");
    rd_kafka_error_destroy(error);
  }
}

Status KafkaPublisher::Failed(rd_kafka_error_t* error, const std::string& what) {
  if (!error) return Status::OK();
  const Status status = ExternalError("{}: {}", what, rd_kafka_error_string(error));
  if (IsFencing(rd_kafka_error_code(error))) fenced_ = ShutOut();
  rd_kafka_error_destroy(error);
  return status;
}

// Fencing may show first as the failure of a message.
void KafkaPublisher::NoteFencing() {
  char reason[256];
  if (!producer_ || !fenced_.ok()) return;
  if (IsFencing(rd_kafka_fatal_error(producer_->get(), reason, sizeof(reason)))) {
    fenced_ = ShutOut();
  }
}

Status KafkaPublisher::ShutOut() const {
  return ExternalError("another process publishes as '{}' and has shut this one out", log_.id());
}

}  // namespace millrace
