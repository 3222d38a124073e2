"""A real Kafka broker for the tests: fetched once into .deps/, started on free ports, stopped by pid.

    with kafka.Broker() as broker:        # raises Unavailable where it cannot be had
        broker.create("orders", partitions=3)
        broker.producer().produce("orders", b"...")

Listeners: plain, TLS, and TLS with SASL (PLAIN: alice / alice-secret).
"""
import base64
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import struct
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
DEPS = ROOT / ".deps"
JARS = DEPS / "kafka-4.3.1"
CLIENT = DEPS / "confluent-kafka-2.16.1"


END_TXN = 26  # the request that commits a transaction, by Kafka's number


class Unavailable(Exception):
    """The broker or its client cannot be had here."""


def _run(command, seconds, what):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"{what}: {error}") from error
    if done.returncode != 0:
        raise Unavailable(f"{what}: {(done.stderr or done.stdout).strip()[-400:]}")


def _install(program, package):
    if shutil.which(program):
        return
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    _run([*sudo, "apt-get", "install", "-y", "-q", "--no-install-recommends", package], 600, f"installing {package}")


def _fetch(folder, fill):
    """Makes `folder` by calling fill(new folder), all or nothing."""
    if folder.exists():
        return
    DEPS.mkdir(exist_ok=True)
    new = pathlib.Path(tempfile.mkdtemp(prefix=folder.name + ".", dir=DEPS))
    fill(new)
    try:
        new.rename(folder)
    except OSError:
        shutil.rmtree(new)  # somebody else was quicker


def ensure():
    """Fetches what the tests need; the second time there is nothing to do."""
    _install("java", "openjdk-17-jre-headless")
    _install("openssl", "openssl")
    if not JARS.exists():
        _install("mvn", "maven")
    pom = pathlib.Path(__file__).with_name("kafka-pom.xml")
    _fetch(JARS, lambda folder: _run(
        ["mvn", "-B", "-q", "-f", str(pom), "dependency:copy-dependencies", "-DincludeScope=runtime",
         f"-DoutputDirectory={folder}"], 600, "fetching the broker"))

    def unpack(folder):
        _run(["/usr/bin/python3", "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", "-d", str(folder),
              "confluent-kafka==2.16.1"], 300, "fetching the client")
        for wheel in folder.glob("*.whl"):
            _run(["/usr/bin/python3", "-m", "zipfile", "-e", str(wheel), str(folder)], 60, "unpacking the client")
    _fetch(CLIENT, unpack)
    sys.path.insert(0, str(CLIENT))


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


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
sasl.enabled.mechanisms=PLAIN
listener.name.sasl_ssl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_alice="alice-secret";
"""


class Broker:
    def __init__(self):
        ensure()
        self.folder = tempfile.TemporaryDirectory(prefix="millrace-kafka-")
        self.path = pathlib.Path(self.folder.name)
        self.ports = {name: _free_port() for name in ("plain", "controller", "tls", "sasl", "proxied", "proxy")}
        self.servers = f"127.0.0.1:{self.ports['plain']}"
        self.process = None
        self._certificates()
        (self.path / "server.properties").write_text(PROPERTIES.format(folder=self.path, **self.ports))
        cluster = "A" + base64.urlsafe_b64encode(os.urandom(16)).decode().rstrip("=")[1:]
        _run([*self._java("64m"), "kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(self.path / "server.properties")],
             60, "formatting the broker's log")
        self.start()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.kill()
        self.folder.cleanup()

    def _java(self, heap):
        return ["java", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC",
                f"-Xmx{heap}", "-cp", f"{JARS}/*"]

    def _openssl(self, *args):
        _run(["openssl", *args], 30, "making certificates")

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
        with open(self.path / "server.log", "ab") as log:
            self.process = subprocess.Popen([*self._java("256m"), "kafka.Kafka", str(self.path / "server.properties")],
                                            stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + 180
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            try:
                self.admin().list_topics(timeout=1)
                return
            except Exception:  # pylint: disable=broad-except
                time.sleep(0.1)
        tail = (self.path / "server.log").read_text(errors="replace")[-1500:]
        self.kill()
        raise Unavailable("the broker did not start: " + tail)

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait(30)

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

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


class Proxy:
    """Stands between clients and the broker, and can lose the answers to requests of one kind: the connection is cut
    once the broker has answered."""

    def __init__(self, broker):
        self.target = ("127.0.0.1", broker.ports["proxied"])
        self.servers = f"127.0.0.1:{broker.ports['proxy']}"
        self.kind, self.to_lose, self.lost = None, 0, 0
        self.listener = socket.create_server(("127.0.0.1", broker.ports["proxy"]), reuse_port=True)
        threading.Thread(target=self._listen, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.listener.close()

    def lose_answers_to(self, kind, count):
        self.kind, self.to_lose = kind, count

    def _listen(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            broker = socket.create_connection(self.target)
            to_cut = set()  # correlation ids whose answers are to be lost
            for args in ((client, broker, lambda frame, ids=to_cut: self._request(frame, ids)),
                         (broker, client, lambda frame, ids=to_cut: self._answer(frame, ids))):
                threading.Thread(target=self._pump, args=args, daemon=True).start()

    def _request(self, frame, to_cut):
        kind, _, correlation = struct.unpack_from(">hhi", frame)
        if kind == self.kind and self.lost + len(to_cut) < self.to_lose:
            to_cut.add(correlation)
        return True

    def _answer(self, frame, to_cut):
        correlation, = struct.unpack_from(">i", frame)
        if correlation not in to_cut:
            return True
        to_cut.discard(correlation)
        self.lost += 1
        return False

    @staticmethod
    def _read(connection, size):
        data = b""
        while len(data) < size:
            more = connection.recv(size - len(data))
            if not more:
                raise OSError("closed")
            data += more
        return data

    def _pump(self, source, target, passes):
        """Hands on whole frames (i32 length, bytes) while `passes` says so."""
        try:
            while True:
                size = self._read(source, 4)
                frame = self._read(source, struct.unpack(">i", size)[0])
                if not passes(frame):
                    break
                target.sendall(size + frame)
        except OSError:
            pass
        for connection in (source, target):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        source.close()
