#!/usr/bin/env python3
"""Kills whatever writes to Kafka exactly once, at every step, and loses, delays and drops what brokers answer; a consumer that
reads committed messages only has to see every row once.

usage: kafka_kills_test.py --program build/millrace --driver build/kafka_sink_driver
Exits with 77 (skipped) where the broker cannot be had.
"""
import json
import os
import pathlib
import random
import sqlite3
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import kafka_support  # noqa: E402
from kafka_support import Job, Kafka, Trickle, broker, main, table  # noqa: E402
from program_support import newest_checkpoint  # noqa: E402
from services import kafka  # noqa: E402
from services.proxy import CUT, DROP, PASS, REPEAT  # noqa: E402


class ExactlyOnce(Kafka):
    """Drives the sink alone: stages and publishes epochs of rows, killed between any two steps."""

    def drive(self, *commands, expect=0, servers=None):
        done = subprocess.run([kafka_support.DRIVER, servers or broker().servers, self.topic, str(self.path), *commands], capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, expect, done.stderr)
        return done.stderr

    def start(self, *commands, servers=None):
        return subprocess.Popen([kafka_support.DRIVER, servers or broker().servers, self.topic, str(self.path), *commands], stderr=subprocess.PIPE, text=True)

    def check(self, rows):
        found = sorted(int(m.value()) for m in broker().consume(self.topic))
        self.assertEqual(found, list(range(rows)))

    def test_killed_at_every_step(self):
        for step in ("connect", "begin", "send", "commit", "done"):
            with self.subTest(step=step):
                self.topic = broker().create("t" + os.urandom(6).hex(), 2)
                self.drive("stage:1:0:100", "publish:1", "stage:2:100:200")
                self.drive("crash:" + step, "publish:2", expect=-9)
                self.drive("publish:2", "stage:3:200:300", "publish:3")
                self.check(300)
                self.drive("publish:1", "publish:2", "publish:3")  # published is published
                self.check(300)

    def test_killed_while_sending_and_committing(self):
        """Killed by the clock, again and again, on the way through one large epoch."""
        broker().create(self.topic, 2)
        random.seed(11)
        self.drive("stage:1:0:60000")
        for _ in range(6):
            process = self.start("publish:1")
            time.sleep(random.uniform(0.02, 0.5))
            process.kill()
            process.communicate()
        self.drive("publish:1", "stage:2:60000:60010", "publish:2")
        self.check(60010)

    def test_rows_are_invisible_before_they_are_published(self):
        broker().create(self.topic)
        self.drive("stage:1:0:10")
        self.check(0)
        self.drive("publish:1")
        self.check(10)

    def test_a_newer_process_shuts_out_the_older(self):
        broker().create(self.topic)
        old = self.start("stage:1:0:10", "publish:1", "stage:2:10:20", "wait:go", "publish:2")
        self.await_file("waiting")
        self.drive("publish:2")
        (self.path / "go").touch()
        _, error = old.communicate(timeout=60)
        self.assertNotEqual(old.returncode, 0)
        self.assertIn("has shut this one out", error)
        self.check(20)

    def await_file(self, name):
        deadline = time.monotonic() + 30
        while not (self.path / name).exists() and time.monotonic() < deadline:
            time.sleep(0.02)

    def test_answers_of_the_broker_are_lost(self):
        """The commit has gone through, or not, but its answer never comes: the connection is cut instead."""
        for lost in (1, 2, 3):
            with self.subTest(lost=lost):
                self.topic = broker().create("t" + os.urandom(6).hex(), 2)
                with kafka.Proxy(broker()) as proxy:
                    self.drive("stage:1:0:100", "publish:1", servers=proxy.servers)
                    process = self.start("stage:2:100:200", "wait:go", "publish:2", servers=proxy.servers)
                    self.await_file("waiting")
                    proxy.lose_answers_to(kafka.END_TXN, lost)
                    (self.path / "go").touch()
                    _, error = process.communicate(timeout=100)
                    self.assertEqual(process.returncode, 0, error)
                    self.assertEqual(proxy.done, lost)
                    for file in ("go", "waiting"):
                        (self.path / file).unlink()
                self.check(200)

    def test_broker_killed_in_the_middle(self):
        broker().create(self.topic, 2)
        self.drive("stage:1:0:30000")
        process = self.start("publish:1")
        time.sleep(0.15)
        broker().kill()
        time.sleep(1)
        broker().start()
        _, error = process.communicate(timeout=100)
        self.assertEqual(process.returncode, 0, error)
        self.drive("publish:1")
        self.check(30000)


class Jobs(Kafka):
    """Whole jobs: a topic into another one, counted into an upsert topic, and into files, each row once."""

    def begin(self, servers=None, interval="100 ms", more=""):
        """Topics and a job that is not yet started."""
        for name in ("", "-out", "-sums"):
            broker().create(self.topic + name, 2)
        exactly = "'sink.delivery-guarantee' = 'exactly-once', 'sink.transactional-id-prefix' = '" + self.topic + "'" + more
        script = f"SET 'execution.checkpointing.interval' = '{interval}';\n" + \
            table("t", "n INT, g INT", self.topic, "'format' = 'json', 'scan.startup.mode' = 'earliest-offset'", scan=False, servers=servers) + \
            table("k", "n INT", self.topic + "-out", "'format' = 'json', " + exactly, scan=False, servers=servers) + \
            table("u", "g INT, c BIGINT, s BIGINT, PRIMARY KEY (g) NOT ENFORCED", self.topic + "-sums",
                  "'key.format' = 'json', 'value.format' = 'json', " + exactly, connector="upsert-kafka", scan=False, servers=servers) + \
            "CREATE TABLE o (n INT) WITH ('connector' = 'filesystem', 'path' = 'out', 'format' = 'json');\n" \
            "EXECUTE STATEMENT SET BEGIN\n" \
            "INSERT INTO k SELECT n FROM t WHERE MOD(n, 3) > 0;\n" \
            "INSERT INTO u SELECT g, COUNT(*), SUM(n) FROM t GROUP BY g;\n" \
            "INSERT INTO o SELECT n FROM t;\nEND;\n"
        job = Job(self.path, script)
        self.addCleanup(job.kill)
        return job

    def feed(self, count, seconds):
        return Trickle(self.topic, count, seconds, self.row)

    @staticmethod
    def row(i):
        return {"value": json.dumps({"n": i, "g": i % 7}), "partition": i % 2}

    def give(self, first, last):
        self.send([self.row(i) for i in range(first, last)])

    def copied(self):
        return sorted(json.loads(m.value())["n"] for m in broker().consume(self.topic + "-out"))

    def end(self, job, count):
        """Waits for all of it, ends the job, and compares what is there now."""
        wanted = [n for n in range(count) if n % 3 > 0]
        self.until(lambda: len(self.copied()) >= len(wanted), "all rows", 90)
        job.drain()
        self.assertEqual(self.copied(), wanted)
        files = [f for f in (self.path / "out").rglob("*") if f.is_file() and not f.name.startswith((".", "_"))]
        self.assertEqual(sorted(json.loads(line)["n"] for f in files for line in f.read_text().splitlines()), list(range(count)))
        sums = {}
        for message in broker().consume(self.topic + "-sums"):
            row = json.loads(message.value())
            if row["g"] in sums:
                self.assertGreater(row["c"], sums[row["g"]][0])  # no update comes twice, none comes late
            sums[row["g"]] = (row["c"], row["s"])
        groups = {g: range(g, count, 7) for g in range(7)}
        self.assertEqual(sums, {g: (len(rows), sum(rows)) for g, rows in groups.items()})

    def test_killed_at_many_points(self):
        random.seed(5)
        job, count, kills = self.begin(), 20000, 0
        rows = self.feed(count, 12)
        while rows.is_alive():
            job.start()
            time.sleep(random.uniform(0.1, 1.1))
            job.kill()
            kills += 1
        rows.wait()
        self.assertGreater(kills, 8)
        job.start()
        self.end(job, count)

    def test_killed_at_each_step_of_a_commit(self):
        """Just before the broker gets the request, and once it has answered it."""
        kinds = {"init": kafka.INIT_PRODUCER_ID, "add": kafka.ADD_PARTITIONS, "produce": kafka.PRODUCE, "end": kafka.END_TXN}
        for name, kind in kinds.items():
            for where in ("request", "answer"):
                with self.subTest(step=name, where=where), kafka.Proxy(broker()) as proxy:
                    self.topic = "t" + os.urandom(6).hex()
                    folder = tempfile.TemporaryDirectory()
                    self.addCleanup(folder.cleanup)
                    self.path = pathlib.Path(folder.name)
                    job = self.begin(proxy.servers)

                    def strike():
                        job.process.kill()
                        return CUT
                    if kind == kafka.INIT_PRODUCER_ID:
                        proxy.at(kind, where, strike)
                    job.start()
                    self.give(0, 300)
                    if kind != kafka.INIT_PRODUCER_ID:
                        self.until(lambda: len(self.copied()) > 0, "the first epoch")
                        proxy.at(kind, where, strike)
                    self.give(300, 600)
                    self.assertEqual(job.finish(), -9)
                    job.start()
                    self.end(job, 600)

    def test_answers_to_commits_are_late_lost_or_come_twice(self):
        with kafka.Proxy(broker()) as proxy:
            job = self.begin(proxy.servers, more=", 'properties.request.timeout.ms' = '1500'")
            job.start()
            self.give(0, 500)
            self.until(lambda: len(self.copied()) > 0, "the first epoch")

            def late():
                time.sleep(3)
                return PASS
            for i, do in enumerate((late, lambda: DROP, lambda: REPEAT, lambda: CUT), 1):
                proxy.at(kafka.END_TXN, "answer", do, 2)
                self.give(500 * i, 500 * i + 500)
                self.until(lambda: proxy.done == 2 * i, "the fault")
            self.end(job, 2500)


class AtLeastOnce(Kafka):
    """Numbers into a topic as they come, until the job is told to end."""

    def begin(self, servers=None, options=""):
        broker().create(self.topic, 2)
        return self.job(
            "SET 'execution.checkpointing.interval' = '200 ms';\n"
            "CREATE TABLE g (n BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '2000', 'number-of-rows' = '1000000000', "
            "'fields.n.kind' = 'sequence', 'fields.n.start' = '0', 'fields.n.end' = '999999999');\n" +
            table("k", "n BIGINT", self.topic, "'format' = 'json', 'sink.delivery-guarantee' = 'at-least-once'" + options,
                  scan=False, servers=servers) + "INSERT INTO k SELECT n FROM g;")

    def numbers(self):
        return sorted(json.loads(m.value())["n"] for m in broker().consume(self.topic, "read_uncommitted"))

    def grows(self, by=500):
        wanted = len(self.numbers()) + by
        self.until(lambda: len(self.numbers()) >= wanted, "more rows", 90)

    def test_broker_killed_and_restarted(self):
        """Rows are under way when it dies. The job waits for it and goes on: no restart, no gap."""
        job = self.begin()
        for _ in range(2):
            self.grows()
            broker().kill()
            time.sleep(2)
            broker().start()
        self.grows()
        self.assertIsNone(job.process.poll(), job.said())
        job.drain()
        found = self.numbers()
        self.assertEqual(sorted(set(found)), list(range(found[-1] + 1)))

    def test_answers_to_produce_requests_are_lost(self):
        """The broker has the rows, the job does not know, and sends them again: the broker knows them by their numbers."""
        def silence():
            time.sleep(3)  # longer than the client waits; a broker answers in order, so that no later answer comes before this one
            return CUT
        with kafka.Proxy(broker()) as proxy:
            job = self.begin(proxy.servers, ", 'properties.request.timeout.ms' = '1500'")
            self.grows(1)
            for lose, count in ((lambda: CUT, 1), (lambda: CUT, 5), (silence, 1), (silence, 3)):
                done = proxy.done
                proxy.at(kafka.PRODUCE, "answer", lose, count)
                self.until(lambda: proxy.done == done + count, "the fault", 90)
                self.grows()
            self.assertIsNone(job.process.poll(), job.said())
            job.drain()
        found = self.numbers()
        self.assertEqual(found, list(range(len(found))))

    def test_killed_and_restored(self):
        """What came after the last checkpoint may come again; nothing is missing."""
        job = self.begin()
        for _ in range(3):
            before = newest_checkpoint(self.path / "job")
            self.until(lambda: newest_checkpoint(self.path / "job") > before, "a checkpoint")
            self.grows()
            job.kill()
            job.start()
        self.grows()
        job.drain()
        found = self.numbers()
        self.assertEqual(sorted(set(found)), list(range(found[-1] + 1)))


class UpsertSource(Kafka):
    """A changelog of keys that come, change and go, copied and counted into SQLite."""

    KEYS = 300

    def script(self, bounded=""):
        return "SET 'execution.checkpointing.interval' = '50 ms';\n" + \
            table("s", "id INT, g INT, n BIGINT, PRIMARY KEY (id) NOT ENFORCED", self.topic,
                  "'key.format' = 'json', 'value.format' = 'json'" + bounded, connector="upsert-kafka", scan=False) + \
            "CREATE TABLE copy (id INT, g INT, n BIGINT, PRIMARY KEY (id) NOT ENFORCED) WITH ('connector' = 'sqlite', 'path' = 'out.db');\n" \
            "CREATE TABLE sums (g INT, c BIGINT, s BIGINT, PRIMARY KEY (g) NOT ENFORCED) WITH ('connector' = 'sqlite', 'path' = 'out.db');\n" \
            "EXECUTE STATEMENT SET BEGIN\n" \
            "INSERT INTO copy SELECT id, g, n FROM s;\n" \
            "INSERT INTO sums SELECT g, COUNT(*), SUM(n) FROM s GROUP BY g;\nEND;\n"

    @staticmethod
    def result(folder):
        """The rows of both tables; None before they are there."""
        if not (folder / "out.db").exists():
            return None
        connection = sqlite3.connect(folder / "out.db", timeout=30)
        try:
            return [sorted(connection.execute(f"SELECT * FROM {name}")) for name in ("copy", "sums")]
        except sqlite3.OperationalError:
            return None
        finally:
            connection.close()

    def changes(self, count):
        """Messages, and the rows that are left after the last of them."""
        draw, messages, rows = random.Random(7), [], {}
        for n in range(count):
            key = draw.randrange(self.KEYS)
            value = {"id": key, "g": draw.randrange(9), "n": n} if draw.random() < 0.7 else None
            rows[key] = value
            messages.append({"key": json.dumps({"id": key}), "value": value and json.dumps(value), "partition": key % 2})
        return messages, sorted(tuple(row.values()) for row in rows.values() if row)

    def test_killed_and_restored(self):
        broker().create(self.topic, 2)
        messages, rows = self.changes(12000)
        groups = sorted({g for _, g, _ in rows})
        sums = [(g, sum(row[1] == g for row in rows), sum(n for _, h, n in rows if h == g)) for g in groups]
        job, kills = Job(self.path, self.script()), 0
        self.addCleanup(job.kill)
        feed = Trickle(self.topic, len(messages), 12, lambda i: messages[i])
        while feed.is_alive() or kills < 4:
            before = newest_checkpoint(self.path / "job")
            job.start()
            self.until(lambda: newest_checkpoint(self.path / "job") > before, "a checkpoint")
            time.sleep(random.uniform(0, 0.4))
            self.assertIsNone(job.process.poll(), job.said())
            job.kill()
            kills += 1
        feed.wait()
        job.start()
        self.until(lambda: self.result(self.path) == [rows, sums], "the result", 60, lambda: str(self.result(self.path)))
        job.drain()
        self.assertEqual(self.result(self.path), [rows, sums])
        (self.path / "calm").mkdir()
        calm = Job(self.path / "calm", self.script(", 'scan.bounded.mode' = 'latest-offset'"))
        self.addCleanup(calm.kill)
        self.assertEqual(calm.start().finish(), 0, calm.said())
        self.assertEqual(self.result(self.path / "calm"), [rows, sums])


if __name__ == "__main__":
    main()
