#!/usr/bin/env python3
"""Runs jobs against a real Kafka broker and compares what they read and write.

usage: kafka_test.py --program build/millrace
Exits with 77 (skipped) where the broker cannot be had.
"""
import argparse
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from services import kafka  # noqa: E402

PROGRAM = ""
BROKER = None


def run(script, *args, timeout=120, env=None):
    return subprocess.run([PROGRAM, "sql", "-q", *args], input=script, capture_output=True, text=True, timeout=timeout,
                          env={**os.environ, **(env or {})})


def rows_of(text):
    """The cells of the last table that was printed, without its header, as lists of strings."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    header = max((i for i, line in enumerate(lines) if line == lines[0]), default=0)
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[header + 1:]]


def table(name, columns, topic, options="", connector="kafka", scan=True):
    scan = "'scan.startup.mode' = 'earliest-offset', 'scan.bounded.mode' = 'latest-offset', " if scan else ""
    return f"CREATE TABLE {name} ({columns}) WITH ('connector' = '{connector}', 'topic' = '{topic}', {scan}" \
           f"'properties.bootstrap.servers' = '{BROKER.servers}'{', ' + options if options else ''});\n"


class Kafka(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = pathlib.Path(self.folder.name)
        self.topic = "t" + os.urandom(6).hex()

    def tearDown(self):
        self.folder.cleanup()

    def fill(self, messages, partitions=1, topic=None):
        """Sends (key, value, partition) or whole dicts."""
        topic = BROKER.create(topic or self.topic, partitions)
        producer = BROKER.producer()
        for message in messages:
            producer.produce(topic, **message)
            producer.poll(0)
        producer.flush(30)

    def rows(self, script, *args, **kwargs):
        done = run(script, *args, **kwargs)
        self.assertEqual(done.returncode, 0, done.stderr)
        return rows_of(done.stdout)

    def dead_letters(self):
        return [json.loads(line) for line in (self.path / "job/dead_letter.json").read_text().splitlines()]

    def fails(self, script, *texts, **kwargs):
        done = run(script, **kwargs)
        self.assertNotEqual(done.returncode, 0, done.stdout)
        for text in texts:
            self.assertIn(text, done.stderr)


class Source(Kafka):
    def test_sessions_per_partition_watermarks(self):
        """One partition is an hour behind the others: per-partition watermarks keep its rows in time."""
        random.seed(3)
        clocks, messages, sessions = [0, 0, 0, 3600], [], {}
        for _ in range(4000):
            p = random.randrange(4)
            clocks[p] += random.choice([1, 1, 1, 40])
            user = f"u{p}-{random.randrange(5)}"
            at = clocks[p]
            messages.append({"partition": p, "key": user, "value": json.dumps(
                {"ts": f"2026-01-01 {10 + at // 3600:02}:{at // 60 % 60:02}:{at % 60:02}", "u": user})})
            mine = sessions.setdefault(user, [])
            if mine and at - mine[-1][1] < 60:
                mine[-1][1:] = [at, mine[-1][2] + 1]
            else:
                mine.append([at, at, 1])
        self.fill(messages, 4)
        script = table("clicks", "ts TIMESTAMP(3), u STRING, WATERMARK FOR ts AS ts - INTERVAL '1' SECOND", self.topic, "'format' = 'json'") + \
            "SELECT u, COUNT(*) AS c FROM TABLE(SESSION(TABLE clicks PARTITION BY u, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) " \
            "GROUP BY u, window_start, window_end;"
        found = sorted((u, int(c)) for u, c in self.rows(script))
        self.assertEqual(found, sorted((u, s[2]) for u, each in sessions.items() for s in each))

    def test_metadata(self):
        self.fill([{"value": b'{"n": 1}', "key": b"k", "timestamp": 1700000000123, "headers": [("h", b"x")], "partition": 1},
                   {"value": b'{"n": 2}', "partition": 1}], 2)
        script = table("t", "n INT, top STRING METADATA FROM 'topic' VIRTUAL, `partition` INT METADATA VIRTUAL, `offset` BIGINT METADATA VIRTUAL, "
                       "`timestamp` TIMESTAMP_LTZ(3) METADATA, tt STRING METADATA FROM 'timestamp-type' VIRTUAL, "
                       "`key` BYTES METADATA VIRTUAL, headers MAP<STRING, BYTES> METADATA", self.topic, "'format' = 'json'") + \
            "SELECT n, top, `partition`, `offset`, `timestamp`, tt, `key`, headers FROM t;"
        found = self.rows(script)
        self.assertEqual(found[0], ["1", self.topic, "1", "0", "2023-11-14 22:13:20.123", "CreateTime", "x'6b'", "{h=x'78'}"])
        self.assertEqual(found[1][:4] + found[1][5:], ["2", self.topic, "1", "1", "CreateTime", "NULL", "{}"])

    def test_key_fields(self):
        self.fill([{"key": b'{"id": 7, "r": "eu"}', "value": b'{"n": 1, "id": 9}'}, {"value": b'{"n": 2}'},
                   {"key": b"broken", "value": b'{"n": 3}'}])
        options = "'value.format' = 'json', 'key.format' = 'json', 'key.fields' = '{}', 'value.fields-include' = '{}'{}"
        columns = "n INT, {0}id INT, {0}r STRING"
        except_key = table("t", columns.format("k_"), self.topic, options.format("k_id;k_r", "EXCEPT_KEY", ", 'key.fields-prefix' = 'k_'"))
        done = run(except_key + "SELECT n, k_id, k_r FROM t;", "--folder", str(self.path / "job"))
        self.assertEqual(rows_of(done.stdout), [["1", "7", "eu"], ["2", "NULL", "NULL"]])
        letter, = self.dead_letters()
        self.assertEqual((letter["position"], letter["reason"][:5]), (f"{self.topic}[0]:2", "key: "))
        whole = table("t", columns.format(""), self.topic, options.format("id;r", "ALL", ""))
        self.assertEqual(self.rows(whole + "SELECT n, id FROM t;"), [["1", "9"], ["2", "NULL"], ["3", "NULL"]])

    def test_one_message_is_one_record(self):
        """Newlines, quotes, emptiness and garbage in one message do not touch the next."""
        self.fill([{"value": v} for v in (b'{"a":\n "x",\n"b": 1}\n', b'{"a": "l1\nl2", "b": 2}', b'{"a": "y", "b": 3}\n{"a": "z", "b": 4}',
                                          b"", None, b'{"a": "last", "b": 5}')])
        script = table("t", "a STRING, b INT", self.topic, "'format' = 'json'") + "SELECT a, b FROM t;"
        done = run(script, "--folder", str(self.path / "job"))
        self.assertEqual(rows_of(done.stdout), [["x", "1"], ["last", "5"]])
        positions = [letter["position"] for letter in self.dead_letters()]
        self.assertEqual(sorted(positions), [f"{self.topic}[0]:{o}" for o in (1, 2, 3)])

    def test_csv_with_open_quote(self):
        self.fill([{"value": v} for v in (b'a,1', b'"b,2', b'"c\nd",3', b'e,4', b'f,5\ng,6', b'h,7')])
        script = table("t", "a STRING, b INT", self.topic, "'format' = 'csv'") + "SELECT REPLACE(a, CHR(10), '/') AS a, b FROM t;"
        self.assertEqual(self.rows(script), [["a", "1"], ["c/d", "3"], ["e", "4"], ["h", "7"]])

    def test_raw(self):
        self.fill([{"key": (5).to_bytes(8, "big"), "value": b"two\nlines"}, {"key": b"short", "value": b"x"}])
        script = table("t", "k BIGINT, v STRING", self.topic, "'value.format' = 'raw', 'key.format' = 'raw', 'key.fields' = 'k', "
                       "'value.fields-include' = 'EXCEPT_KEY'") + "SELECT k, CHAR_LENGTH(v) AS l FROM t;"
        self.assertEqual(self.rows(script), [["5", "9"]])

    def test_startup_and_bounded_modes(self):
        self.fill([{"value": json.dumps({"n": i}), "partition": i % 2, "timestamp": 1700000000000 + i * 1000} for i in range(20)], 2)

        def read(options):
            start = table("t", "n INT", self.topic, "'format' = 'json', " + options, scan=False)
            return sorted(int(n) for n, in self.rows(start + "SELECT n FROM t;"))
        self.assertEqual(read("'scan.startup.mode' = 'timestamp', 'scan.startup.timestamp-millis' = '1700000014000', "
                              "'scan.bounded.mode' = 'latest-offset'"), list(range(14, 20)))
        self.assertEqual(read("'scan.startup.mode' = 'specific-offsets', 'scan.startup.specific-offsets' = 'partition:0,offset:8;partition:1,offset:9', "
                              "'scan.bounded.mode' = 'latest-offset'"), [16, 18, 19])
        self.assertEqual(read("'scan.startup.mode' = 'earliest-offset', 'scan.bounded.mode' = 'timestamp', "
                              "'scan.bounded.timestamp-millis' = '1700000004000'"), [0, 1, 2, 3])
        self.assertEqual(read("'scan.startup.mode' = 'earliest-offset', 'scan.bounded.mode' = 'specific-offsets', "
                              "'scan.bounded.specific-offsets' = 'partition:0,offset:1;partition:1,offset:0'"), [0])
        self.assertEqual(read("'scan.startup.mode' = 'latest-offset', 'scan.bounded.mode' = 'latest-offset'"), [])

    def test_group_offsets(self):
        self.fill([{"value": json.dumps({"n": i})} for i in range(5)])
        group = f"'format' = 'json', 'scan.bounded.mode' = 'latest-offset', 'properties.group.id' = 'g-{self.topic}'"
        self.fails(table("t", "n INT", self.topic, group, scan=False) + "SELECT n FROM t;", "has no offset", "auto.offset.reset")
        script = table("t", "n INT", self.topic, group + ", 'properties.auto.offset.reset' = 'earliest'", scan=False) + "SELECT n FROM t;"
        self.assertEqual(len(self.rows(script)), 5)
        producer = BROKER.producer()
        producer.produce(self.topic, b'{"n": 5}')
        producer.flush(30)
        self.assertEqual(self.rows(script), [["5"]])

    def test_several_topics_and_pattern(self):
        for i, topic in enumerate((self.topic + "-a", self.topic + "-b")):
            self.fill([{"value": json.dumps({"n": i})}], topic=topic)
        several = table("t", "n INT", f"{self.topic}-a; {self.topic}-b", "'format' = 'json'") + "SELECT n FROM t;"
        self.assertEqual(sorted(self.rows(several)), [["0"], ["1"]])
        pattern = several.replace(f"'topic' = '{self.topic}-a; {self.topic}-b'", f"'topic-pattern' = '{self.topic}-.*'")
        self.assertEqual(sorted(self.rows(pattern)), [["0"], ["1"]])

    def test_clear_errors(self):
        self.fill([])
        script = table("t", "n INT", self.topic, "'format' = 'json'") + "SELECT n FROM t;"
        self.fails(script.replace(self.topic, self.topic[:-1]), "there is no topic", f"did you mean '{self.topic}'?")
        self.fails(script.replace("'format'", "'fromat'"), "fromat", "did you mean 'format'?")
        self.fails(script.replace("earliest-offset", "earliest"), "scan.startup.mode", "earliest-offset")
        self.fails(script.replace("'format'", "'properties.fetch.mim.bytes' = '1', 'format'"), "fetch.mim.bytes", "No such configuration property")
        self.fails(table("t", "n INT", self.topic, "'format' = 'json'", scan=False) + "SELECT n FROM t;", "group.id")

    def test_aborted_transactions_are_not_read(self):
        BROKER.create(self.topic)
        producer = BROKER.producer(**{"transactional.id": self.topic})
        producer.init_transactions(30)
        for n, commit in ((1, True), (2, False), (3, True), (4, False)):
            producer.begin_transaction()
            producer.produce(self.topic, json.dumps({"n": n}))
            (producer.commit_transaction if commit else producer.abort_transaction)(30)
        script = table("t", "n INT", self.topic, "'format' = 'json'") + "SELECT n FROM t;"
        self.assertEqual(self.rows(script), [["1"], ["3"]])


class Security(Kafka):
    def secure(self, port, options, topic=None, env=None):
        script = table("t", "n INT", topic or self.topic, "'format' = 'json', " + options).replace(BROKER.servers, f"localhost:{BROKER.ports[port]}")
        return script, env

    def test_tls_with_client_certificate(self):
        self.fill([{"value": b'{"n": 1}'}])
        options = f"'properties.security.protocol' = 'SSL', 'properties.ssl.ca.location' = '{BROKER.path}/ca.pem'"
        client = f", 'properties.ssl.certificate.location' = '{BROKER.path}/client.pem', 'properties.ssl.key.location' = '{BROKER.path}/client.pem'"
        script, _ = self.secure("tls", options + client)
        self.assertEqual(self.rows(script + "SELECT n FROM t;"), [["1"]])

    def test_sasl_with_secret_from_environment_and_file(self):
        self.fill([{"value": b'{"n": 1}'}])
        (self.path / "secret").write_text("alice-secret\n")
        options = f"'properties.security.protocol' = 'SASL_SSL', 'properties.ssl.ca.location' = '{BROKER.path}/ca.pem', " \
                  "'properties.sasl.mechanism' = 'PLAIN', 'properties.sasl.username' = 'alice', 'properties.sasl.password' = '{}'"
        script, _ = self.secure("sasl", options.format(f"${{file:{self.path}/secret}}"))
        self.assertEqual(self.rows(script + "SELECT n FROM t;"), [["1"]])
        script, _ = self.secure("sasl", options.format("${env:KAFKA_SECRET}"))
        self.assertEqual(self.rows(script + "SELECT n FROM t;", env={"KAFKA_SECRET": "alice-secret"}), [["1"]])
        self.fails(script + "SELECT n FROM t;", "KAFKA_SECRET", "is not set")
        done = run(script + "SHOW CREATE TABLE t; EXPLAIN SELECT n FROM t;", env={"KAFKA_SECRET": "alice-secret"})
        self.assertNotIn("alice-secret", done.stdout + done.stderr)
        wrong, _ = self.secure("sasl", options.format("hunter22"))
        done = run(wrong + "SHOW CREATE TABLE t; SELECT n FROM t;")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("refuses the credentials", done.stderr)
        self.assertNotIn("hunter22", done.stdout + done.stderr)

    def test_jaas_line_as_in_flink(self):
        self.fill([{"value": b'{"n": 1}'}])
        jaas = "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"alice\" password=\"alice-secret\";"
        script, _ = self.secure("sasl", "'properties.security.protocol' = 'SASL_SSL', 'properties.ssl.truststore.type' = 'PEM', "
                                f"'properties.ssl.truststore.location' = '{BROKER.path}/ca.pem', 'properties.sasl.mechanism' = 'PLAIN', "
                                f"'properties.sasl.jaas.config' = '{jaas}'")
        self.assertEqual(self.rows(script + "SELECT n FROM t;"), [["1"]])


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    arguments, rest = parser.parse_known_args()
    PROGRAM = os.path.abspath(arguments.program)
    try:
        BROKER = kafka.Broker()
    except kafka.Unavailable as reason:
        print(f"SKIPPED: no Kafka broker can be had here: {reason}")
        sys.exit(77)
    with BROKER:
        unittest.main(argv=[sys.argv[0], *rest])
