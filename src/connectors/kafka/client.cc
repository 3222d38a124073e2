#include "connectors/kafka/client.h"

#include <algorithm>
#include <cstdio>
#include <regex>

#include "base/nearest.h"
#include "connectors/kafka/properties.h"
#include "connectors/secrets.h"

namespace millrace {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::chrono::seconds kTellAgain{10};
constexpr milliseconds kAttempt{2000};

struct ConfDeleter {
  void operator()(rd_kafka_conf_t* conf) const { rd_kafka_conf_destroy(conf); }
};
using Conf = std::unique_ptr<rd_kafka_conf_t, ConfDeleter>;

struct MetadataDeleter {
  void operator()(const rd_kafka_metadata_t* metadata) const {
    rd_kafka_metadata_destroy(metadata);
  }
};
using Metadata = std::unique_ptr<const rd_kafka_metadata_t, MetadataDeleter>;

Status SetAll(const KafkaClient::Properties& properties, rd_kafka_conf_t* conf) {
  char reason[512];
  for (const auto& [key, value] : properties) {
    const auto set = rd_kafka_conf_set(conf, key.c_str(), value.c_str(), reason, sizeof(reason));
    if (set == RD_KAFKA_CONF_OK) continue;
    if (IsSecretKey(key)) return UserError("option 'properties.{}': its value is not valid", key);
    return UserError("option 'properties.{}' = '{}': {}", key, value, reason);
  }
  return Status::OK();
}

// True for what the passing of time may mend.
bool MayPass(rd_kafka_resp_err_t error) {
  switch (error) {
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
    case RD_KAFKA_RESP_ERR__RESOLVE:
    case RD_KAFKA_RESP_ERR__WAIT_COORD:
    case RD_KAFKA_RESP_ERR__WAIT_CACHE:
    case RD_KAFKA_RESP_ERR__SSL:
    case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
    case RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION:
    case RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_COORDINATOR:
    case RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT: return true;
    default: return false;
  }
}

// librdkafka before 2.6.1 sends its nonce twice, which brokers from 4.0 on refuse.
std::string ScramHint() {
  if (rd_kafka_version() >= 0x020601ff) return "";
  return fmt::format(". hint: this program runs with librdkafka {}, which cannot log in by SCRAM at "
                     "brokers from 4.0 on; 2.6.1 and newer can: build with cmake "
                     "-DMILLRACE_RDKAFKA=FOLDER, or LD_PRELOAD one", rd_kafka_version_str());
}

bool UsesScram(const KafkaClient::Properties& properties) {
  return std::any_of(properties.begin(), properties.end(), [](const auto& property) {
    return property.first.starts_with("sasl.mechanism") && property.second.starts_with("SCRAM");
  });
}

Status TopicMissing(const std::string& topic, const rd_kafka_metadata_t& metadata) {
  std::vector<std::string> names;
  for (int i = 0; i < metadata.topic_cnt; ++i) names.emplace_back(metadata.topics[i].topic);
  const std::string near = NearestName(topic, names);
  return ExternalError("there is no topic '{}'{}", topic,
                       near.empty() ? "" : ". did you mean '" + near + "'?");
}

Status AddPartitions(const rd_kafka_metadata_topic& topic, std::vector<KafkaPartition>* found) {
  if (topic.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return ExternalError("topic '{}': {}", topic.topic, KafkaErrorText(topic.err));
  }
  for (int i = 0; i < topic.partition_cnt; ++i) {
    found->push_back({topic.topic, topic.partitions[i].id});
  }
  return Status::OK();
}

Result<std::vector<KafkaPartition>> Matching(const KafkaOptions& options,
                                             const rd_kafka_metadata_t& metadata) {
  std::vector<KafkaPartition> found;
  std::regex pattern;
  try {
    pattern = std::regex(options.topic_pattern);
  } catch (const std::regex_error& error) {
    return UserError("option 'topic-pattern' = '{}': {}", options.topic_pattern, error.what());
  }
  for (int i = 0; i < metadata.topic_cnt; ++i) {
    const std::string name = metadata.topics[i].topic;
    const bool wanted = std::find(options.topics.begin(), options.topics.end(), name) !=
                        options.topics.end();
    const bool matches = !options.topic_pattern.empty() && !name.starts_with("__") &&
                         std::regex_match(name, pattern);
    if (wanted || matches) MILL_RETURN(AddPartitions(metadata.topics[i], &found));
  }
  for (const std::string& topic : options.topics) {
    const auto is_it = [&](const KafkaPartition& p) { return p.topic == topic; };
    if (std::none_of(found.begin(), found.end(), is_it)) return TopicMissing(topic, metadata);
  }
  return found;
}

}  // namespace

std::string KafkaErrorText(rd_kafka_resp_err_t error) { return rd_kafka_err2str(error); }

Result<std::unique_ptr<KafkaClient>> KafkaClient::Make(rd_kafka_type_t type,
                                                       const KafkaOptions& options,
                                                       const Properties& ours,
                                                       const Properties& forced,
                                                       DeliveredCallback delivered,
                                                       void* delivered_to) {
  MILL_ASSIGN(const Properties written, LibrdkafkaProperties(options.properties));
  std::unique_ptr<KafkaClient> client(new KafkaClient(options));
  client->delivered_to_ = delivered_to;
  client->scram_ = UsesScram(written);
  Conf conf(rd_kafka_conf_new());
  for (const Properties& properties : {ours, written, forced}) {
    MILL_RETURN(SetAll(properties, conf.get()));
  }
  rd_kafka_conf_set_opaque(conf.get(), client.get());
  rd_kafka_conf_set_error_cb(conf.get(), OnError);
  rd_kafka_conf_set_log_cb(conf.get(), OnLog);
  if (delivered) rd_kafka_conf_set_dr_msg_cb(conf.get(), delivered);
  char reason[512];
  client->handle_ = rd_kafka_new(type, conf.get(), reason, sizeof(reason));
  if (!client->handle_) return UserError("cannot make a Kafka client: {}", reason);
  conf.release();  // it belongs to the handle now
  return client;
}

KafkaClient::~KafkaClient() {
  if (handle_) rd_kafka_destroy_flags(handle_, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

Status KafkaClient::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

void KafkaClient::Log(const std::string& line) const {
  std::fprintf(stderr, "kafka, table '%s': %s\n", table_.c_str(), line.c_str());
}

void KafkaClient::OnError(rd_kafka_t*, int error, const char* reason, void* opaque) {
  static_cast<KafkaClient*>(opaque)->NoteError(static_cast<rd_kafka_resp_err_t>(error), reason);
}

// librdkafka's own lines say the same as its errors, which we tell.
void KafkaClient::OnLog(const rd_kafka_t*, int, const char*, const char*) {}

void KafkaClient::NoteError(rd_kafka_resp_err_t error, const std::string& reason) {
  const std::lock_guard lock(mutex_);
  last_error_ = reason;
  if (error == RD_KAFKA_RESP_ERR__AUTHENTICATION) {
    status_ = ExternalError("'{}' refuses the credentials: {}{}", servers_, reason,
                            scram_ ? ScramHint() : "");
  } else if (error == RD_KAFKA_RESP_ERR__FATAL) {
    char text[512];
    const auto fatal = rd_kafka_fatal_error(handle_, text, sizeof(text));
    status_ = ExternalError("{}: {}", KafkaErrorText(fatal), text);
  } else if (error == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION) {
    // Only after topic.metadata.propagation.max.ms: brokers that start do not know their topics.
    status_ = ExternalError("reading {}. hint: was the topic deleted?", reason);
  }
  away_ = true;
  const auto now = steady_clock::now();
  if (now - told_ < kTellAgain) return;
  told_ = now;
  Log(fmt::format("{}; trying again", reason));
}

void KafkaClient::NoteAnswer() {
  if (!away_.load(std::memory_order_relaxed) || !away_.exchange(false)) return;
  const std::lock_guard lock(mutex_);
  told_ = {};
  Log(fmt::format("'{}' answers again", servers_));
}

Status KafkaClient::Retry(const std::string& what,
                          const std::function<rd_kafka_resp_err_t()>& attempt, bool once) {
  const auto deadline = steady_clock::now() + patience_;
  while (true) {
    const rd_kafka_resp_err_t error = attempt();
    Serve(milliseconds(0));
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
      NoteAnswer();
      return Status::OK();
    }
    MILL_RETURN(status());
    if (!MayPass(error)) return NoAnswer(what, error);
    if (once || steady_clock::now() > deadline) {
      return NoAnswer(fmt::format("{} ms ('properties.default.api.timeout.ms') were not enough: {}",
                                  patience_.count(), what), error);
    }
    Serve(milliseconds(100));
  }
}

Status KafkaClient::NoAnswer(const std::string& what, rd_kafka_resp_err_t error) const {
  const std::lock_guard lock(mutex_);
  const std::string more = last_error_.empty() ? "" : " (" + last_error_ + ")";
  return ExternalError("{} at '{}': {}{}", what, servers_, KafkaErrorText(error), more);
}

Result<std::vector<KafkaPartition>> KafkaClient::FindPartitions(const KafkaOptions& options,
                                                                bool once) {
  const rd_kafka_metadata_t* raw = nullptr;
  const auto ask = [&] {
    return rd_kafka_metadata(handle_, 1, nullptr, &raw, static_cast<int>(kAttempt.count()));
  };
  MILL_RETURN(Retry("cannot list topics", ask, once));
  const Metadata metadata(raw);
  MILL_ASSIGN(auto found, Matching(options, *metadata));
  std::sort(found.begin(), found.end(), [](const KafkaPartition& a, const KafkaPartition& b) {
    return std::tie(a.topic, a.number) < std::tie(b.topic, b.number);
  });
  return found;
}

}  // namespace millrace
