#!/usr/bin/env python3
"""Connects to a real Kafka broker by TLS and SASL; secrets are never shown.

usage: kafka_security_test.py --program build/millrace
Exits with 77 (skipped) where the broker cannot be had.
"""
import glob
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from kafka_support import Kafka, broker, main, table  # noqa: E402
from program_support import sql  # noqa: E402


class Security(Kafka):
    def secure(self, port, *options, name="t", columns="n INT", scan=True, topic=None, **properties):
        """A table behind a listener with TLS; `properties`: with "_" for "."."""
        all_of = {"security.protocol": {"tls": "SSL", "sasl": "SASL_SSL"}[port], "ssl.ca.location": f"{broker().path}/ca.pem",
                  **{key.replace("_", "."): value for key, value in properties.items()}}
        text = ", ".join(["'format' = 'json'", *options] + [f"'properties.{key}' = '{value}'" for key, value in all_of.items()])
        return table(name, columns, topic or self.topic, text, scan=scan, servers=f"localhost:{broker().ports[port]}")

    def certificate(self):
        return {"ssl_certificate_location": f"{broker().path}/client.pem", "ssl_key_location": f"{broker().path}/client.pem"}

    def login(self, mechanism, user, password):
        return {"sasl_mechanism": mechanism, "sasl_username": user, "sasl_password": password}

    def fill_one(self):
        self.fill([{"value": b'{"n": 1}'}])

    def copies(self, port, properties, env=None):
        """Reads a topic and writes another one exactly once."""
        self.fill_one()
        broker().create(self.topic + "-out")
        script = self.secure(port, **properties) + \
            self.secure(port, "'sink.delivery-guarantee' = 'exactly-once'", f"'sink.transactional-id-prefix' = '{self.topic}'",
                        name="k", scan=False, topic=self.topic + "-out", **properties) + "INSERT INTO k SELECT n FROM t;"
        self.rows(script, env=env)
        self.assertEqual([m.value() for m in broker().consume(self.topic + "-out")], [b'{"n":1}'])

    def test_tls_with_client_certificate(self):
        self.copies("tls", self.certificate())

    def test_tls_with_certificates_in_the_options(self):
        pem = lambda name: "${file:" + f"{broker().path}/{name}" + "}"
        self.copies("tls", {"security_protocol": "SSL", "ssl_keystore_type": "PEM", "ssl_keystore_certificate_chain": pem("client.crt"),
                            "ssl_keystore_key": pem("client.key")})

    def test_tls_without_client_certificate(self):
        self.fill_one()
        self.fails(self.secure("tls", default_api_timeout_ms="3000") + "SELECT n FROM t;", "cannot list topics", "certificate")

    def test_tls_with_a_foreign_broker(self):
        """Its certificate is signed by nobody that we trust."""
        self.fill_one()
        script = self.secure("tls", **self.certificate(), default_api_timeout_ms="3000").replace("ca.pem", "client.crt")
        self.fails(script + "SELECT n FROM t;", "cannot list topics", "certificate")

    def test_plain(self):
        self.copies("sasl", self.login("PLAIN", "alice", "alice-secret"))

    def test_scram(self):
        for mechanism, user in (("SCRAM-SHA-256", "carol"), ("SCRAM-SHA-512", "dave")):
            with self.subTest(mechanism=mechanism):
                self.topic = "t" + os.urandom(6).hex()
                self.copies("sasl", self.login(mechanism, user, user + "-secret"))

    def test_scram_as_in_flink(self):
        jaas = 'org.apache.kafka.common.security.scram.ScramLoginModule required username="dave" password="${env:KAFKA_SECRET}";'
        self.copies("sasl", {"sasl_mechanism": "SCRAM-SHA-512", "sasl_jaas_config": jaas, "ssl_truststore_type": "PEM"},
                    env={"KAFKA_SECRET": "dave-secret"})

    def test_wrong_credentials(self):
        self.fill_one()
        for mechanism, user in (("PLAIN", "alice"), ("SCRAM-SHA-256", "carol"), ("SCRAM-SHA-512", "nobody")):
            with self.subTest(mechanism=mechanism):
                said = self.fails(self.secure("sasl", **self.login(mechanism, user, "hunter22")) + "SELECT n FROM t;",
                                  "refuses the credentials", f"localhost:{broker().ports['sasl']}")
                self.assertNotIn("hunter22", said)
                self.assertNotIn("librdkafka", said)
                sink = self.secure("sasl", scan=False, **self.login(mechanism, user, "hunter22")) + "INSERT INTO t VALUES (1);"
                self.assertNotIn("hunter22", self.fails(sink, "refuses the credentials"))

    def test_scram_with_a_library_that_cannot(self):
        """Debian 12's librdkafka against this broker: the error says what to do."""
        old = glob.glob("/usr/lib/*/librdkafka.so.1")
        if not old:
            self.skipTest("Debian's librdkafka is not installed")
        if os.environ.get("MILLRACE_SANITIZE"):
            self.skipTest("a sanitizer wants to be loaded before any other library")
        self.fill_one()
        script = self.secure("sasl", **self.login("SCRAM-SHA-256", "carol", "carol-secret")) + "SELECT n FROM t;"
        self.fails(script, "refuses the credentials", "librdkafka 2.0.2", "2.6.1", "MILLRACE_RDKAFKA", env={"LD_PRELOAD": old[0]})

    def test_secrets_from_environment_and_file(self):
        self.fill_one()
        (self.path / "secret").write_text("alice-secret\n")
        script = self.secure("sasl", **self.login("PLAIN", "alice", f"${{file:{self.path}/secret}}"))
        self.assertEqual(self.rows(script + "SELECT n FROM t;"), [["1"]])
        script = self.secure("sasl", **self.login("PLAIN", "alice", "${env:KAFKA_SECRET}"))
        self.assertEqual(self.rows(script + "SELECT n FROM t;", env={"KAFKA_SECRET": "alice-secret"}), [["1"]])
        self.fails(script + "SELECT n FROM t;", "KAFKA_SECRET", "is not set")

    def test_secrets_are_shown_nowhere(self):
        """Neither by statements, nor in what the job logs, keeps or says when it fails."""
        self.fill_one()
        show = "SHOW CREATE TABLE t; EXPLAIN SELECT n FROM t; DESCRIBE t; EXPLAIN INSERT INTO o SELECT n FROM t;"
        out = "CREATE TABLE o (n INT) WITH ('connector' = 'filesystem', 'path' = 'out', 'format' = 'json');\n"
        jaas = 'org.apache.kafka.common.security.plain.PlainLoginModule required username="alice" password="%s";'
        for secret, env in (("${env:KAFKA_SECRET}", {"KAFKA_SECRET": "alice-secret"}), ("alice-secret", {})):
            for login in ({"sasl_username": "alice", "sasl_password": secret}, {"sasl_jaas_config": jaas % secret}):
                with self.subTest(**login):
                    script = self.secure("sasl", sasl_mechanism="PLAIN", **login) + out
                    done = sql(script + show, env=env)
                    self.assertEqual(done.returncode, 0, done.stderr)
                    self.assertIn("properties.sasl", done.stdout)
                    self.assertNotIn("alice-secret", done.stdout + done.stderr)
                    job = self.job(script + "INSERT INTO o SELECT n FROM t;", env=env)
                    self.assertEqual(job.finish(), 0, job.said())
                    wrong = sql(script.replace("'alice'", "'bob'").replace('"alice"', '"bob"') + "SELECT n FROM t;", env=env)
                    self.assertNotEqual(wrong.returncode, 0)
                    self.assertNotIn("alice-secret", wrong.stdout + wrong.stderr)
        kept = [f for f in self.path.rglob("*") if f.is_file() and f.name != "job.sql"]
        self.assertTrue(any(f.name == "job.log" for f in kept))
        self.assertEqual([f for f in kept if b"alice-secret" in f.read_bytes()], [])


if __name__ == "__main__":
    main()
