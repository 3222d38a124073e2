"""A real Kafka broker for the tests: fetched once into .deps/, started on free ports, stopped by pid.

    with kafka.Broker() as broker:        # raises Unavailable where it cannot be had
        broker.create("orders", partitions=3)
        broker.producer().produce("orders", b"...")

Listeners: plain, TLS with client certificates, and TLS with SASL (PLAIN: alice / alice-secret, SCRAM-SHA-256: carol / carol-secret,
SCRAM-SHA-512: dave / dave-secret).
"""
import base64
import os
import pathlib
import shutil
import struct
import sys
import time

from services import proxy
from services.parts import DEPS, Process, Unavailable, fetch, free_port, install, run  # noqa: F401 (Unavailable is for users)
from services.proxy import CUT, PASS

JARS = DEPS / "kafka-4.3.1"
CLIENT = DEPS / "confluent-kafka-2.16.1"

# Requests by Kafka's numbers: those of a transaction, in its order.
INIT_PRODUCER_ID, ADD_PARTITIONS, PRODUCE, END_TXN = 22, 24, 0, 26


def _need(program, package):
    if not shutil.which(program):
        install(package)


def ensure():
    """Fetches what the tests need; the second time there is nothing to do."""
    _need("java", "openjdk-17-jre-headless")
    _need("openssl", "openssl")
    if not JARS.exists():
        _need("mvn", "maven")
    pom = pathlib.Path(__file__).with_name("kafka-pom.xml")
    fetch(JARS, lambda folder: run(
        ["mvn", "-B", "-q", "-f", str(pom), "dependency:copy-dependencies", "-DincludeScope=runtime",
         f"-DoutputDirectory={folder}"], 600, "fetching the broker"))

    def unpack(folder):
        run(["/usr/bin/python3", "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", "-d", str(folder),
             "confluent-kafka==2.16.1"], 300, "fetching the client")
        for wheel in folder.glob("*.whl"):
            run(["/usr/bin/python3", "-m", "zipfile", "-e", str(wheel), str(folder)], 60, "unpacking the client")
    fetch(CLIENT, unpack)
    sys.path.insert(0, str(CLIENT))


PROPERTIES = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{plain},CONTROLLER://127.0.0.1:{controller},SSL://127.0.0.1:{tls},SASL_SSL://127.0.0.1:{sasl},PROXIED://127.0.0.1:{proxied}
advertised.listeners=PLAINTEXT://127.0.0.1:{plain},SSL://localhost:{tls},SASL_SSL://localhost:{sasl},PROXIED://127.0.0.1:{proxy}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_SSL:SASL_SSL,PROXIED:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
log.dirs={folder}/data
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
num.network.threads=2
num.io.threads=2
background.threads=1
log.cleaner.dedupe.buffer.size=16777216
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
broker.session.timeout.ms=1000
broker.heartbeat.interval.ms=200
ssl.keystore.type=PEM
ssl.keystore.location={folder}/broker.pem
ssl.truststore.type=PEM
ssl.truststore.location={folder}/ca.pem
listener.name.ssl.ssl.client.auth=required
listener.name.sasl_ssl.ssl.client.auth=none
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl_ssl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_alice="alice-secret";
"""


class Broker(Process):
    def __init__(self):
        ensure()
        super().__init__("broker")
        self.ports = {name: free_port() for name in ("plain", "controller", "tls", "sasl", "proxied", "proxy")}
        self.servers = f"127.0.0.1:{self.ports['plain']}"
        self._certificates()
        (self.path / "server.properties").write_text(PROPERTIES.format(folder=self.path, **self.ports))
        cluster = "A" + base64.urlsafe_b64encode(os.urandom(16)).decode().rstrip("=")[1:]
        run([*self._java("64m"), "kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(self.path / "server.properties"),
              "--add-scram", "SCRAM-SHA-256=[name=carol,password=carol-secret]",
              "--add-scram", "SCRAM-SHA-512=[name=dave,password=dave-secret]"],
             60, "formatting the broker's log")
        self.start()

    def _java(self, heap):
        return ["java", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC",
                f"-Xmx{heap}", "-cp", f"{JARS}/*"]

    def _openssl(self, *args):
        run(["openssl", *args], 30, "making certificates")

    def _certificates(self):
        """A throw-away authority, a broker's and a client's certificate, as PEM."""
        at = lambda name: str(self.path / name)
        curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        self._openssl("req", "-x509", *curve, "-days", "30", "-subj", "/CN=test-ca", "-keyout", at("ca.key"), "-out", at("ca.pem"))
        (self.path / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        for who in ("broker", "client"):
            self._openssl("req", *curve, "-subj", f"/CN={who}", "-keyout", at(who + ".key"), "-out", at(who + ".csr"))
            self._openssl("x509", "-req", "-in", at(who + ".csr"), "-CA", at("ca.pem"), "-CAkey", at("ca.key"), "-CAcreateserial",
                          "-days", "30", "-extfile", at("names"), "-out", at(who + ".crt"))
            (self.path / (who + ".pem")).write_text((self.path / (who + ".key")).read_text() + (self.path / (who + ".crt")).read_text())

    def start(self):
        """Starts the broker, again after kill() with all that it had, and waits until it answers."""
        self._launch([*self._java("256m"), "kafka.Kafka", self.path / "server.properties"],
                     lambda: self.admin().list_topics(timeout=1), 180, refused=Exception)

    def admin(self):
        from confluent_kafka.admin import AdminClient
        return AdminClient({"bootstrap.servers": self.servers, "log_level": 0, "error_cb": lambda error: None})

    def create(self, topic, partitions=1, **config):
        from confluent_kafka.admin import NewTopic
        config = {key.replace("_", "."): str(value) for key, value in config.items()}
        admin = self.admin()  # has to live as long as its answers are awaited
        for made in admin.create_topics([NewTopic(topic, partitions, 1, config=config)]).values():
            made.result(20)
        return topic

    def delete(self, topic):
        admin = self.admin()
        admin.delete_topics([topic])[topic].result(20)

    def delete_before(self, topic, offset):
        """Deletes the messages of partition 0 that stand before `offset`."""
        from confluent_kafka import TopicPartition
        admin = self.admin()
        for done in admin.delete_records([TopicPartition(topic, 0, offset)]).values():
            done.result(20)

    def configure(self, topic, **config):
        from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource
        entries = [ConfigEntry(key.replace("_", "."), str(value), incremental_operation=AlterConfigOpType.SET)
                   for key, value in config.items()]
        admin = self.admin()
        for done in admin.incremental_alter_configs([ConfigResource("TOPIC", topic, incremental_configs=entries)]).values():
            done.result(20)

    def add_partitions(self, topic, total):
        from confluent_kafka.admin import NewPartitions
        admin = self.admin()
        for made in admin.create_partitions([NewPartitions(topic, total)]).values():
            made.result(20)

    def _group(self, group):
        from confluent_kafka import Consumer
        return Consumer({"bootstrap.servers": self.servers, "group.id": group, "enable.auto.commit": False})

    def committed(self, group, topic):
        """The group's offset in each partition; -1001: none."""
        from confluent_kafka import KafkaException, TopicPartition
        consumer = self._group(group)
        partitions = sorted(consumer.list_topics(topic, timeout=10).topics[topic].partitions)
        deadline = time.monotonic() + 30
        while True:  # the first time the broker makes a topic for that
            try:
                offsets = [at.offset for at in consumer.committed([TopicPartition(topic, p) for p in partitions], timeout=20)]
                consumer.close()
                return offsets
            except KafkaException:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def commit(self, group, topic, offsets):
        from confluent_kafka import TopicPartition
        consumer = self._group(group)
        consumer.commit(offsets=[TopicPartition(topic, p, at) for p, at in enumerate(offsets)], asynchronous=False)
        consumer.close()

    def producer(self, **config):
        from confluent_kafka import Producer
        return Producer({"bootstrap.servers": self.servers, **config})

    def consume(self, topic, isolation="read_committed"):
        """All messages of `topic` that are there now."""
        from confluent_kafka import Consumer, KafkaError, TopicPartition
        consumer = Consumer({"bootstrap.servers": self.servers, "group.id": "reader", "enable.auto.commit": False,
                             "enable.partition.eof": True, "isolation.level": isolation})
        partitions = list(consumer.list_topics(topic, timeout=10).topics[topic].partitions)
        consumer.assign([TopicPartition(topic, p, 0) for p in partitions])
        messages, open_partitions = [], set(partitions)
        deadline = time.monotonic() + 60
        while open_partitions and time.monotonic() < deadline:
            for message in consumer.consume(10000, 0.5):
                if not message.error():
                    messages.append(message)
                elif message.error().code() == KafkaError._PARTITION_EOF:
                    open_partitions.discard(message.partition())
        consumer.close()
        return messages


class Proxy(proxy.Proxy):
    """Stands between clients and the broker. at(kind, where, do): the next requests of this kind ("request": before the broker has
    them; "answer": once it has answered) become what do() returns, PASS, DROP or CUT; it may take its time."""

    def __init__(self, broker):
        super().__init__(broker.ports["proxied"], broker.ports["proxy"])
        self.servers = f"127.0.0.1:{broker.ports['proxy']}"
        self.rules = []  # [kind, where, do, how often still]
        self.done = 0

    def at(self, kind, where, do, count=1):
        with self.lock:
            self.rules.append([kind, where, do, count])

    def lose_answers_to(self, kind, count):
        """The connection is cut instead."""
        self.at(kind, "answer", lambda: CUT, count)

    def read(self, connection):
        """A whole frame: i32 length, bytes."""
        size = self._exactly(connection, 4)
        return size + self._exactly(connection, struct.unpack(">i", size)[0])

    @staticmethod
    def _exactly(connection, size):
        data = b""
        while len(data) < size:
            more = connection.recv(size - len(data))
            if not more:
                raise OSError("closed")
            data += more
        return data

    def _rule(self, kind, where):
        with self.lock:
            for rule in self.rules:
                if rule[:2] == [kind, where] and rule[3] > 0:
                    rule[3] -= 1
                    self.done += 1
                    return rule[2]
        return None

    def request(self, data, state):
        kind, _, correlation = struct.unpack_from(">hhi", data, 4)
        state[correlation] = self._rule(kind, "answer")
        do = self._rule(kind, "request")
        return do() if do else PASS

    def answer(self, data, state):
        correlation, = struct.unpack_from(">i", data, 4)
        do = state.pop(correlation, None)
        return do() if do else PASS
