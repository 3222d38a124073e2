#include "connectors/kafka/properties.h"

#include <algorithm>
#include <charconv>
#include <set>

#include "connectors/secrets.h"

namespace millrace {
namespace {

using Properties = std::map<std::string, std::string>;

// Java's name -> librdkafka's.
const Properties& Renamed() {
  static const Properties kRenamed = {{"ssl.truststore.location", "ssl.ca.location"},
                                      {"ssl.truststore.certificates", "ssl.ca.pem"},
                                      {"ssl.keystore.certificate.chain", "ssl.certificate.pem"},
                                      {"ssl.keystore.key", "ssl.key.pem"},
                                      {"fetch.max.wait.ms", "fetch.wait.max.ms"},
                                      {"request.timeout.ms", "socket.timeout.ms"},
                                      {"receive.buffer.bytes", "socket.receive.buffer.bytes"},
                                      {"send.buffer.bytes", "socket.send.buffer.bytes"},
                                      {"max.request.size", "message.max.bytes"}};
  return kRenamed;
}

// Means nothing to librdkafka, or is said by other options: how Java's client does its work, what
// it measures, how a group shares partitions (they are assigned here), Flink's own properties.
const std::set<std::string>& LeftOut() {
  static const std::set<std::string> kLeftOut = {
      "key.serializer", "value.serializer", "key.deserializer", "value.deserializer",
      "client.dns.lookup", "max.poll.records", "buffer.memory", "max.block.ms",
      "enable.auto.commit", "auto.commit.interval.ms", "default.api.timeout.ms",
      "partition.assignment.strategy", "exclude.internal.topics", "internal.leave.group.on.close",
      "socket.connection.setup.timeout.max.ms", "metadata.max.idle.ms",
      "partitioner.adaptive.partitioning.enable", "partitioner.availability.timeout.ms",
      "metrics.num.samples", "metrics.recording.level", "metrics.sample.window.ms",
      "metric.reporters", "auto.include.jmx.reporter", "zookeeper.connect",
      "ssl.truststore.type", "ssl.keystore.type", "ssl.truststore.password", "ssl.protocol",
      "ssl.enabled.protocols", "ssl.provider", "ssl.keymanager.algorithm",
      "ssl.trustmanager.algorithm", "ssl.secure.random.implementation",
      "partition.discovery.interval.ms", "flink.partition-discovery.interval-millis",
      "flink.disable-metrics", "register.consumer.metrics", "register.producer.metrics",
      "client.id.prefix", "commit.offsets.on.checkpoint"};
  return kLeftOut;
}

// Java takes more: what is beyond librdkafka's limits becomes the limit; `least` stands for "off"
// or "as the system has it".
struct Limits {
  int64_t least, most;
};
const std::map<std::string, Limits>& NarrowerLimits() {
  constexpr int64_t kNone = INT64_MIN, kInt = INT32_MAX;
  static const std::map<std::string, Limits> kLimits = {
      {"socket.timeout.ms", {kNone, 300000}},     {"session.timeout.ms", {kNone, 3600000}},
      {"max.poll.interval.ms", {kNone, 86400000}}, {"metadata.max.age.ms", {kNone, 86400000}},
      {"fetch.wait.max.ms", {kNone, 300000}},     {"fetch.max.bytes", {kNone, 2147483135}},
      {"fetch.min.bytes", {1, 100000000}},        {"max.partition.fetch.bytes", {1, 1000000000}},
      {"message.max.bytes", {kNone, 1000000000}}, {"batch.size", {1, kInt}},
      {"linger.ms", {kNone, 900000}},             {"retry.backoff.ms", {1, 300000}},
      {"reconnect.backoff.ms", {0, 3600000}},     {"reconnect.backoff.max.ms", {0, 3600000}},
      {"connections.max.idle.ms", {0, kInt}},     {"transaction.timeout.ms", {kNone, kInt}},
      {"socket.receive.buffer.bytes", {0, 100000000}},
      {"socket.send.buffer.bytes", {0, 100000000}}};
  return kLimits;
}

// `value` within the limits of librdkafka's `key`; as it is where it is no number.
std::string Limited(const std::string& key, const std::string& value) {
  const auto limits = NarrowerLimits().find(key);
  if (limits == NarrowerLimits().end()) return value;
  int64_t number = 0;
  const char* end = value.data() + value.size();
  const auto [stop, error] = std::from_chars(value.data(), end, number);
  if (error != std::errc() || stop != end) return value;
  return std::to_string(std::clamp(number, limits->second.least, limits->second.most));
}

// Java reads its own stores of keys, librdkafka PEM, and PKCS #12 with our key.
bool IsJavaStore(const Properties& properties, const std::string& which, const std::string& path) {
  const auto type = properties.find("ssl." + which + ".type");
  if (type != properties.end()) return type->second != "PEM";
  return path.ends_with(".jks") || path.ends_with(".p12") || path.ends_with(".pfx");
}

bool IsPkcs12(const Properties& properties, const std::string& path) {
  const auto type = properties.find("ssl.keystore.type");
  if (type != properties.end()) return type->second == "PKCS12";
  return path.ends_with(".p12") || path.ends_with(".pfx");
}

Status RefuseJavaStore(const Properties& properties, const std::string& key,
                       const std::string& path) {
  if (key == "ssl.truststore.location" && IsJavaStore(properties, "truststore", path)) {
    return UserError("option 'properties.{}': only PEM files can be read. hint: 'keytool "
                     "-exportcert -rfc' or 'openssl pkcs12 -nokeys' writes one, "
                     "'properties.ssl.ca.location' names it", key);
  }
  if (key == "ssl.keystore.location" && IsJavaStore(properties, "keystore", path) &&
      !IsPkcs12(properties, path)) {
    return UserError("option 'properties.{}': only PEM and PKCS #12 files can be read. hint: "
                     "'keytool -importkeystore -deststoretype PKCS12' writes one, with "
                     "'properties.ssl.keystore.type' = 'PKCS12'", key);
  }
  return Status::OK();
}

// The value of `name="..."` in a JAAS line, "" if it is not there.
std::string JaasValue(const std::string& line, const std::string& name) {
  size_t begin = line.find(name + "=");
  if (begin == line.npos) return "";
  begin += name.size() + 1;
  const char quote = begin < line.size() ? line[begin] : '\0';
  if (quote != '"' && quote != '\'') {
    return line.substr(begin, line.find_first_of(" ;", begin) - begin);
  }
  const size_t end = line.find(quote, begin + 1);
  return end == line.npos ? "" : line.substr(begin + 1, end - begin - 1);
}

void AddJaas(const std::string& line, Properties* out) {
  out->emplace("sasl.username", JaasValue(line, "username"));
  out->emplace("sasl.password", JaasValue(line, "password"));
}

void Add(const std::string& key, const std::string& value, Properties* out) {
  const auto renamed = Renamed().find(key);
  if (key == "sasl.jaas.config") {
    AddJaas(value, out);
  } else if (key == "ssl.keystore.location") {  // PEM: certificate and key in one file
    out->emplace("ssl.certificate.location", value);
    out->emplace("ssl.key.location", value);
  } else if (key == "ssl.endpoint.identification.algorithm" && value.empty()) {
    out->emplace(key, "none");
  } else if (key == "auto.offset.reset" && value == "none") {
    out->emplace(key, "error");
  } else {
    const std::string& name = renamed == Renamed().end() ? key : renamed->second;
    (*out)[name] = Limited(name, value);
  }
}

}  // namespace

Result<Properties> LibrdkafkaProperties(const Properties& properties) {
  Properties out;
  for (const auto& [key, written] : properties) {
    if (LeftOut().contains(key)) continue;
    auto value = ResolveSecrets(written);
    MILL_RETURN(Annotate(value.status(), fmt::format("option 'properties.{}'", key)));
    MILL_RETURN(RefuseJavaStore(properties, key, *value));
    const auto store = properties.find("ssl.keystore.location");
    const bool pkcs12 = store != properties.end() && IsPkcs12(properties, store->second);
    if (key == "ssl.keystore.location" && pkcs12) {
      out[key] = *value;
    } else if (key != "ssl.keystore.password" || pkcs12) {
      Add(key, *value, &out);
    }
  }
  return out;
}

}  // namespace millrace
