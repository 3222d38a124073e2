#!/usr/bin/env python3
"""Brokers that are away at the start or in the middle, topics that are missing or vanish, messages that are too large or broken.

usage: kafka_faults_test.py --program build/millrace
Exits with 77 (skipped) where the broker cannot be had.
"""
import json
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from kafka_support import Kafka, Trickle, broker, main, table  # noqa: E402
from program_support import rows_of, sql  # noqa: E402

AWAY = 30  # seconds that a broker stands still, or is not there, in the middle of a job


class BrokerAway(Kafka):
    def copy(self, more="", bounded=False):
        """A job that copies numbers from one topic to another exactly once."""
        broker().create(self.topic + "-out", 2)
        scan = "'scan.startup.mode' = 'earliest-offset', " + ("'scan.bounded.mode' = 'latest-offset', " if bounded else "")
        return "SET 'execution.checkpointing.interval' = '200 ms';\n" + \
            table("t", "n INT", self.topic, scan + "'format' = 'json'" + more, scan=False) + \
            table("k", "n INT", self.topic + "-out", "'format' = 'json', 'sink.delivery-guarantee' = 'exactly-once', "
                  f"'sink.transactional-id-prefix' = '{self.topic}'" + more, scan=False) + "INSERT INTO k SELECT n FROM t;"

    def copied(self):
        return sorted(json.loads(m.value())["n"] for m in broker().consume(self.topic + "-out"))

    def test_away_at_the_start_and_back(self):
        self.fill([{"value": json.dumps({"n": n})} for n in range(10)])
        script = self.copy(bounded=True)
        broker().kill()
        try:
            job = self.job(script)
            self.until(lambda: "trying again" in job.said(), "a message that the broker is away", 20)
        finally:
            broker().start()
        self.assertEqual(job.finish(), 0, job.said())
        self.assertEqual(self.copied(), list(range(10)))
        self.assertIn("answers again", job.said())

    def test_away_at_the_start_for_too_long(self):
        limit = ", 'properties.default.api.timeout.ms' = '1500'"
        script = table("t", "n INT", self.topic, "'format' = 'json'" + limit, servers="127.0.0.1:9") + "SELECT n FROM t;"
        began = time.monotonic()
        self.fails(script, "cannot list topics at '127.0.0.1:9'", "default.api.timeout.ms", "Connection refused")
        self.assertLess(time.monotonic() - began, 15)
        sink = table("k", "n INT", self.topic, "'format' = 'json'" + limit, scan=False, servers="127.0.0.1:9") + "INSERT INTO k VALUES (1);"
        self.fails(sink, "cannot list topics at '127.0.0.1:9'", "default.api.timeout.ms")

    def away_in_the_middle(self, fault):
        """Rows come in before, while and after the broker is away: each goes out once."""
        broker().create(self.topic, 2)
        job = self.job(self.copy())
        rows = Trickle(self.topic, 3000, 4 + AWAY, lambda i: {"value": json.dumps({"n": i})})
        self.until(lambda: len(self.copied()) > 100, "the first rows")
        fault()
        rows.wait()
        self.until(lambda: len(self.copied()) >= 3000, "all rows", 90)
        self.assertIsNone(job.process.poll(), job.said())
        job.drain()
        self.assertEqual(self.copied(), list(range(3000)))
        return job.said()

    def test_standing_still_in_the_middle(self):
        def fault():
            broker().pause()
            time.sleep(AWAY)
            broker().resume()
        self.away_in_the_middle(fault)

    def test_killed_and_restarted_in_the_middle(self):
        def fault():
            broker().kill()
            time.sleep(AWAY)
            broker().start()
        said = self.away_in_the_middle(fault)
        self.assertIn("trying again", said)
        self.assertIn("answers again", said)


class Topics(Kafka):
    def test_missing(self):
        self.fill([])
        source = table("t", "n INT", self.topic[:-1], "'format' = 'json'") + "SELECT n FROM t;"
        self.fails(source, "there is no topic", f"did you mean '{self.topic}'?")
        for guarantee in ("at-least-once", "exactly-once"):
            sink = table("k", "n INT", self.topic + "x", f"'format' = 'json', 'sink.delivery-guarantee' = '{guarantee}', "
                         f"'sink.transactional-id-prefix' = '{self.topic}'", scan=False) + "INSERT INTO k VALUES (1);"
            self.fails(sink, "there is no topic", f"did you mean '{self.topic}'?")

    def test_deleted_while_it_is_read(self):
        self.fill([{"value": b'{"n": 1}'}])
        fast = ", 'scan.topic-partition-discovery.interval' = '300 ms', 'properties.topic.metadata.propagation.max.ms' = '1000'"
        job = self.job(table("t", "n INT", self.topic, "'format' = 'json', 'scan.startup.mode' = 'earliest-offset'" + fast, scan=False) +
                       "CREATE TABLE o (n INT) WITH ('connector' = 'filesystem', 'path' = 'out', 'format' = 'json');\nINSERT INTO o SELECT n FROM t;")
        self.until(lambda: list(self.path.glob("out/part-*")), "the row")
        broker().delete(self.topic)
        self.assertNotEqual(job.finish(60), 0)
        self.assertIn(f"reading {self.topic} [0]", job.said())
        self.assertIn("was the topic deleted?", job.said())

    def test_offset_is_gone(self):
        """What a checkpoint wants to read has been deleted: that is said, not passed over."""
        self.fill([{"value": json.dumps({"n": n})} for n in range(100)])
        start = "'scan.startup.mode' = 'specific-offsets', 'scan.startup.specific-offsets' = 'partition:0,offset:5', " \
                "'scan.bounded.mode' = 'latest-offset', 'format' = 'json'"
        broker().delete_before(self.topic, 50)
        self.fails(table("t", "n INT", self.topic, start, scan=False) + "SELECT n FROM t;", f"offset 5 of {self.topic}[0] is not there")


class Messages(Kafka):
    def test_too_large_to_be_written(self):
        broker().create(self.topic, max_message_bytes=2000)
        insert = "INSERT INTO k SELECT REPEAT('x', {}) FROM (VALUES (1)) AS t(a);"
        sink = table("k", "v STRING", self.topic, "'format' = 'json'", scan=False)
        self.fails(sink + insert.format(5000), "too large for topic", self.topic, "max.message.bytes")
        self.fails(sink + insert.format(2000000), "too large for topic", "max.request.size")

    def test_too_large_for_a_transaction(self):
        """The epoch stays in its checkpoint until the limit is raised; then all rows come, once."""
        broker().create(self.topic, max_message_bytes=2000)
        script = "SET 'execution.checkpointing.interval' = '100 ms';\n" + \
            table("k", "v STRING", self.topic, "'format' = 'raw', 'sink.delivery-guarantee' = 'exactly-once', "
                  f"'sink.transactional-id-prefix' = '{self.topic}'", scan=False) + \
            "INSERT INTO k SELECT REPEAT('x', a) FROM (VALUES (1), (5000), (2)) AS t(a);"
        began = time.monotonic()
        job = self.job(script)
        self.assertNotEqual(job.finish(), 0)
        self.assertLess(time.monotonic() - began, 20)
        self.assertIn("too large for topic", job.said())
        self.assertEqual(broker().consume(self.topic), [])
        broker().configure(self.topic, max_message_bytes=10000)
        job.start()
        self.assertEqual(job.finish(), 0, job.said())
        self.assertEqual(sorted(len(m.value()) for m in broker().consume(self.topic)), [1, 2, 5000])

    def test_large_ones_are_read(self):
        broker().create(self.topic, max_message_bytes=8000000)
        producer = broker().producer(**{"message.max.bytes": 8000000})
        for size in (3, 3000000, 5):
            producer.produce(self.topic, b"y" * size)
        producer.flush(30)
        script = table("t", "v STRING", self.topic, "'format' = 'raw'") + "SELECT CHAR_LENGTH(v) AS n FROM t;"
        self.assertEqual(sorted(self.rows(script)), [["3"], ["3000000"], ["5"]])

    def test_poison(self):
        """Broken messages are kept with their place and reason; those around them are read."""
        poison = [b"\xff\xfe\x00garbage", b"{", b'{"n": "not a number"}', b'{"n": 1e99}', b"[" * 100000, b'{"n": ' + b"9" * 4000 + b"}", b""]
        messages = [b'{"n": 0}'] + [m for i, p in enumerate(poison, 1) for m in (p, json.dumps({"n": i}).encode())]
        self.fill([{"value": m} for m in messages])
        done = sql(table("t", "n INT", self.topic, "'format' = 'json'") + "SELECT n FROM t;", "--folder", str(self.path / "job"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(sorted(int(n) for n, in rows_of(done.stdout)), list(range(len(poison) + 1)))
        letters = self.dead_letters()
        places = {f"{self.topic}[0]:{1 + 2 * i}" for i in range(len(poison))}
        self.assertEqual({letter["position"] for letter in letters}, places)
        self.assertTrue(all(letter["reason"] for letter in letters))


if __name__ == "__main__":
    main()
