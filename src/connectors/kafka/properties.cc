#include "connectors/kafka/properties.h"

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
                                      {"max.request.size", "message.max.bytes"}};
  return kRenamed;
}

// Means nothing to librdkafka, or is said by other options.
const std::set<std::string>& LeftOut() {
  static const std::set<std::string> kLeftOut = {
      "key.serializer",        "value.serializer",      "key.deserializer",
      "value.deserializer",    "client.dns.lookup",     "max.poll.records",
      "ssl.truststore.type",   "ssl.keystore.type",     "partition.discovery.interval.ms",
      "buffer.memory",         "enable.auto.commit",    "auto.commit.interval.ms",
      "default.api.timeout.ms", "commit.offsets.on.checkpoint"};
  return kLeftOut;
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
    (*out)[renamed == Renamed().end() ? key : renamed->second] = value;
  }
}

}  // namespace

Result<Properties> LibrdkafkaProperties(const Properties& properties) {
  Properties out;
  for (const auto& [key, written] : properties) {
    if (LeftOut().contains(key)) continue;
    auto value = ResolveSecrets(written);
    MILL_RETURN(Annotate(value.status(), fmt::format("option 'properties.{}'", key)));
    const auto type = properties.find("ssl.truststore.type");
    const bool java = type != properties.end() && type->second != "PEM";
    if (java && key.ends_with("store.location")) {
      return UserError("option 'properties.{}': only PEM files can be read. hint: "
                       "'properties.ssl.ca.location' names a PEM file", key);
    }
    Add(key, *value, &out);
  }
  return out;
}

}  // namespace millrace
