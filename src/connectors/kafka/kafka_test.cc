// What of the Kafka connector needs no broker.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "connectors/kafka/client.h"
#include "connectors/kafka/connector.h"
#include "connectors/kafka/epoch.h"
#include "connectors/kafka/fields.h"
#include "connectors/kafka/properties.h"
#include "connectors/secrets.h"

namespace millrace {
namespace {

TableInfo Table(Options more) {
  TableInfo table;
  table.name = "t";
  table.schema.columns = {{"k_id", SqlType::Int()}, {"v", SqlType::String()}};
  table.options = {{"connector", "kafka"},
                   {"topic", "a; b"},
                   {"properties.bootstrap.servers", "localhost:1"},
                   {"format", "json"}};
  for (auto& [key, value] : more) table.options[key] = value;
  return table;
}

std::string ErrorOf(Options more) {
  const auto read = KafkaOptions::Read(Table(std::move(more)));
  return read.ok() ? "" : read.status().message();
}

bool Has(const std::string& text, const std::string& part) { return text.find(part) != text.npos; }

TEST(KafkaOptions, ReadsAsFlinkWrites) {
  const auto read = KafkaOptions::Read(
      Table({{"scan.startup.mode", "specific-offsets"},
             {"scan.startup.specific-offsets", "partition:0,offset:42;partition:1,offset:300"},
             {"properties.group.id", "g"}}));
  ASSERT_TRUE(read.ok()) << read.status().ToString();
  EXPECT_EQ(read->topics, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(read->start.offsets, (std::map<int32_t, int64_t>{{0, 42}, {1, 300}}));
  EXPECT_EQ(read->group, "g");
}

TEST(KafkaOptions, ErrorsNameOptionAndHint) {
  EXPECT_TRUE(Has(ErrorOf({{"scan.startup.mode", "newest"}}), "earliest-offset"));
  EXPECT_TRUE(Has(ErrorOf({{"scan.startup.mode", "timestamp"}}), "scan.startup.timestamp-millis"));
  EXPECT_TRUE(Has(ErrorOf({{"scan.bounded.mode", "specific-offsets"},
                           {"scan.bounded.specific-offsets", "0:1"}}), "partition:0,offset:42"));
  EXPECT_TRUE(Has(ErrorOf({{"topic-pattern", "x.*"}}), "either"));
  EXPECT_TRUE(Has(ErrorOf({{"value.format", "csv"}}), "either"));
  EXPECT_TRUE(Has(ErrorOf({{"key.format", "json"}}), "key.fields"));
  EXPECT_TRUE(Has(ErrorOf({{"key.format", "json"}, {"key.fields", "x"}}), "'x'"));
  EXPECT_TRUE(Has(ErrorOf({{"key.format", "json"}, {"key.fields", "k_id"},
                           {"key.fields-prefix", "k_"}}), "EXCEPT_KEY"));
  EXPECT_TRUE(Has(ErrorOf({{"connector", "upsert-kafka"}}), "PRIMARY KEY"));
  EXPECT_TRUE(Has(ErrorOf({{"scan.topic-partition-discovery.lanes", "-1"}}), "from 0 to 1000"));
}

TEST(KafkaOptions, SayWhatIsCommittedAndHowLongIsWaited) {
  const auto plain = KafkaOptions::Read(Table({}));
  EXPECT_TRUE(plain->commits);
  EXPECT_EQ(plain->patience, std::chrono::seconds(60));
  const auto told = KafkaOptions::Read(Table({{"properties.commit.offsets.on.checkpoint", "false"},
                                              {"properties.default.api.timeout.ms", "1500"}}));
  EXPECT_FALSE(told->commits);
  EXPECT_EQ(told->patience, std::chrono::milliseconds(1500));
}

TEST(KafkaFields, PartsAreNamedAsTheirFormatsKnowThem) {
  const TableInfo table = Table({{"key.format", "json"}, {"key.fields", "k_id"},
                                 {"key.fields-prefix", "k_"}, {"value.fields-include", "EXCEPT_KEY"}});
  const KafkaOptions options = *KafkaOptions::Read(table);
  const MessageSpec spec = MessageSpecOf(options, table, table.schema);
  EXPECT_EQ(spec.key.columns.columns[0].name, "id");
  EXPECT_EQ(spec.key.targets, (std::vector<int>{0}));
  EXPECT_EQ(spec.value.all.size(), 1);
  EXPECT_EQ(spec.value.targets, (std::vector<int>{1}));
}

TEST(KafkaFields, KeysAreNotReadWhereTheValueHasThem) {
  const TableInfo table = Table({{"key.format", "raw"}, {"key.fields", "k_id"}});
  const MessageSpec spec = MessageSpecOf(*KafkaOptions::Read(table), table, table.schema);
  EXPECT_EQ(spec.key.format, "");
  EXPECT_EQ(spec.value.columns.size(), 2);
}

TEST(KafkaProperties, TakesJavasNames) {
  const auto read = LibrdkafkaProperties(
      {{"sasl.jaas.config", "x.PlainLoginModule required username=\"ann\" password='p w';"},
       {"ssl.keystore.location", "c.pem"},
       {"key.deserializer", "x"},
       {"auto.offset.reset", "none"},
       {"max.request.size", "5"},
       {"request.timeout.ms", "7"},
       {"default.api.timeout.ms", "8"},
       {"commit.offsets.on.checkpoint", "false"}});
  ASSERT_TRUE(read.ok());
  const std::map<std::string, std::string> expected = {
      {"sasl.username", "ann"},  {"sasl.password", "p w"},       {"ssl.certificate.location", "c.pem"},
      {"ssl.key.location", "c.pem"}, {"auto.offset.reset", "error"}, {"message.max.bytes", "5"},
      {"socket.timeout.ms", "7"}};
  EXPECT_EQ(*read, expected);
  EXPECT_FALSE(LibrdkafkaProperties({{"ssl.truststore.type", "JKS"},
                                     {"ssl.truststore.location", "x.jks"}}).ok());
}

// What scripts for Flink say, with all of it librdkafka gets along.
TEST(KafkaProperties, RefusesNothingThatScriptsCommonlySay) {
  const auto read = LibrdkafkaProperties({
      {"bootstrap.servers", "b:9092"}, {"group.id", "g"}, {"client.id", "c"},
      {"client.id.prefix", "c"}, {"security.protocol", "SASL_SSL"}, {"sasl.mechanism", "PLAIN"},
      {"sasl.jaas.config", "x.PlainLoginModule required username=\"u\" password=\"p\";"},
      {"ssl.truststore.location", "ca.pem"}, {"ssl.truststore.type", "PEM"},
      {"ssl.truststore.password", "p"}, {"ssl.keystore.password", "p"}, {"ssl.key.password", "p"},
      {"ssl.endpoint.identification.algorithm", ""}, {"ssl.protocol", "TLSv1.2"},
      {"ssl.enabled.protocols", "TLSv1.2,TLSv1.3"}, {"max.poll.records", "500"},
      {"max.poll.interval.ms", "2147483647"}, {"session.timeout.ms", "45000"},
      {"heartbeat.interval.ms", "3000"}, {"fetch.min.bytes", "0"}, {"fetch.max.bytes", "2147483647"},
      {"fetch.max.wait.ms", "500"}, {"max.partition.fetch.bytes", "1048576"},
      {"isolation.level", "read_committed"}, {"auto.offset.reset", "earliest"},
      {"enable.auto.commit", "false"}, {"auto.commit.interval.ms", "1000"},
      {"transaction.timeout.ms", "900000"}, {"compression.type", "zstd"}, {"acks", "all"},
      {"linger.ms", "100"}, {"batch.size", "0"}, {"buffer.memory", "33554432"},
      {"max.request.size", "2147483647"}, {"max.block.ms", "60000"}, {"retries", "2147483647"},
      {"delivery.timeout.ms", "120000"}, {"request.timeout.ms", "600000"},
      {"max.in.flight.requests.per.connection", "5"}, {"enable.idempotence", "true"},
      {"receive.buffer.bytes", "-1"}, {"send.buffer.bytes", "-1"}, {"retry.backoff.ms", "0"},
      {"reconnect.backoff.ms", "50"}, {"reconnect.backoff.max.ms", "1000"},
      {"connections.max.idle.ms", "-1"}, {"metadata.max.age.ms", "300000"},
      {"partition.assignment.strategy", "org.apache.kafka.clients.consumer.RangeAssignor"},
      {"key.deserializer", "x"}, {"value.deserializer", "x"}, {"metric.reporters", ""},
      {"partition.discovery.interval.ms", "10000"}, {"register.consumer.metrics", "false"},
      {"allow.auto.create.topics", "false"}, {"client.dns.lookup", "use_all_dns_ips"},
      {"client.rack", "r"}, {"check.crcs", "false"},
  });
  ASSERT_TRUE(read.ok()) << read.status();
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  char reason[512];
  for (const auto& [key, value] : *read) {
    EXPECT_EQ(rd_kafka_conf_set(conf, key.c_str(), value.c_str(), reason, sizeof(reason)),
              RD_KAFKA_CONF_OK) << key << ": " << reason;
  }
  rd_kafka_conf_destroy(conf);
  EXPECT_EQ(read->at("socket.timeout.ms"), "300000");
  EXPECT_EQ(read->at("batch.size"), "1");
}

TEST(KafkaProperties, ReadsPkcs12AndRefusesJavasStores) {
  const auto read = LibrdkafkaProperties({{"ssl.keystore.location", "k.p12"},
                                          {"ssl.keystore.password", "p"}});
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(*read, (std::map<std::string, std::string>{{"ssl.keystore.location", "k.p12"},
                                                       {"ssl.keystore.password", "p"}}));
  const auto error = [](const std::string& key, const std::string& path) {
    return LibrdkafkaProperties({{key, path}}).status().message();
  };
  EXPECT_TRUE(Has(error("ssl.truststore.location", "t.jks"), "openssl pkcs12"));
  EXPECT_TRUE(Has(error("ssl.truststore.location", "t.p12"), "only PEM"));
  EXPECT_TRUE(Has(error("ssl.keystore.location", "k.jks"), "-deststoretype PKCS12"));
}

TEST(Secrets, AreReplacedAndNeverTold) {
  setenv("MILLRACE_TEST_SECRET", "s3", 1);
  const std::string path = testing::TempDir() + "/secret";
  std::ofstream(path) << "f1\n";
  EXPECT_EQ(*ResolveSecrets("a${env:MILLRACE_TEST_SECRET}b${file:" + path + "}c${x}${"),
            "as3bf1c${x}${");
  EXPECT_TRUE(Has(ResolveSecrets("${env:MILLRACE_NOT_SET}").status().message(), "MILLRACE_NOT_SET"));
  EXPECT_FALSE(ResolveSecrets("${file:/nowhere}").ok());
  EXPECT_TRUE(IsSecretKey("properties.sasl.password") && IsSecretKey("properties.sasl.jaas.config"));
  EXPECT_FALSE(IsSecretKey("properties.group.id"));
}

TEST(KafkaEpoch, ComesBackAsItWas) {
  KafkaEpoch epoch;
  EXPECT_TRUE(epoch.empty());
  OutMessage message;
  message.topic = "t";
  message.value = "v";
  message.timestamp = 7;
  message.headers = {{"h", "1"}};
  epoch.Append(message);
  message.key = "k";
  message.value = {};
  epoch.Append(message);
  const std::string bytes = *epoch.Serialize("w", 3);
  const auto staged = *KafkaEpoch::Parse(bytes);
  EXPECT_EQ(staged.writer, "w");
  EXPECT_EQ(staged.epoch, 3);
  int seen = 0;
  ASSERT_TRUE(KafkaEpoch::ForEach(staged.messages, [&](const OutMessage& read) {
                EXPECT_EQ(read.key.data() != nullptr, seen == 1);
                EXPECT_EQ(read.value.data() != nullptr, seen == 0);
                EXPECT_EQ(read.headers.size(), 1u);
                EXPECT_EQ(read.timestamp, 7);
                ++seen;
                return Status::OK();
              }).ok());
  EXPECT_EQ(seen, 2);
}

TEST(KafkaEpoch, BrokenBytesAreAnError) {
  KafkaEpoch epoch;
  OutMessage message;
  message.topic = "topic";
  message.value = "value";
  epoch.Append(message);
  const std::string bytes = *epoch.Serialize("writer", 3);
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(KafkaEpoch::Parse(std::string_view(bytes).substr(0, size)).ok()) << size;
  }
  const std::string messages = KafkaEpoch::Parse(bytes)->messages;
  for (size_t size = 1; size < messages.size(); ++size) {
    const auto read = KafkaEpoch::ForEach(std::string_view(messages).substr(0, size),
                                          [](const OutMessage&) { return Status::OK(); });
    EXPECT_FALSE(read.ok()) << size;
  }
}

}  // namespace
}  // namespace millrace
