#!/usr/bin/env python3
"""Partitions and topics that turn up while a job runs, its positions in them, and the offsets it notes in its group.

usage: kafka_partitions_test.py --program build/millrace
Exits with 77 (skipped) where the broker cannot be had.
"""
import json
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from kafka_support import Kafka, broker, main, table  # noqa: E402

DISCOVERY = "'format' = 'json', 'scan.topic-partition-discovery.interval' = '200 ms'"
OUT = "CREATE TABLE o (n BIGINT, p INT) WITH ('connector' = 'filesystem', 'path' = 'out', 'format' = 'json');\n"
FAST = "SET 'execution.checkpointing.interval' = '100 ms';\n"


class Partitions(Kafka):
    def source(self, options, columns="n BIGINT, p INT METADATA FROM 'partition' VIRTUAL", topic=None):
        return FAST + table("t", columns, topic or self.topic, options, scan=False)

    def numbers(self, first, last, partitions):
        """Sends n from `first` to before `last`, in turns to `partitions`."""
        self.send([{"value": json.dumps({"n": n}), "partition": partitions[n % len(partitions)]} for n in range(first, last)])

    def written(self):
        """All rows that are published, with what partition each came from."""
        files = [f for f in (self.path / "out").rglob("*") if f.is_file() and not f.name.startswith((".", "_"))]
        return sorted((row["n"], row["p"]) for f in files for row in map(json.loads, f.read_text().splitlines()))

    def await_rows(self, count):
        self.until(lambda: len(self.written()) >= count, f"{count} rows", then=self.positions)
        self.assertEqual([n for n, _ in self.written()], list(range(count)))

    def positions(self):
        """Where the newest checkpoint stands, for a failure's message."""
        found = sorted(self.path.glob("job/checkpoints/*/chk-*.json"), key=lambda path: int(path.stem[4:]))
        return str(json.loads(found[-1].read_text()).get("lanes")) if found else "no checkpoint"

    def await_checkpoint(self):
        self.until(lambda: list(self.path.glob("job/checkpoints/*/chk-*.json")), "a checkpoint")

    def test_new_partitions_are_read_from_their_beginning(self):
        """Also those that were made while the job was down, although it starts at the latest offsets."""
        broker().create(self.topic, 2)
        job = self.job(self.source(DISCOVERY + ", 'scan.startup.mode' = 'latest-offset'") + OUT + "INSERT INTO o SELECT n, p FROM t;")
        self.await_checkpoint()
        self.numbers(0, 100, [0, 1])
        self.await_rows(100)
        broker().add_partitions(self.topic, 4)
        self.numbers(100, 200, [2, 3])
        self.await_rows(200)
        job.kill()
        self.numbers(200, 300, [0, 1, 2, 3])
        job.start()
        self.await_rows(300)
        job.kill()
        broker().add_partitions(self.topic, 6)
        self.numbers(300, 400, [4, 5])
        job.start()
        self.await_rows(400)
        job.drain()
        self.assertEqual({p for _, p in self.written()}, set(range(6)))
        self.await_rows(400)

    def test_killed_right_after_new_partitions(self):
        """Whether the checkpoint knows the partition or not: its rows come once."""
        broker().create(self.topic, 1)
        job = self.job(self.source(DISCOVERY + ", 'scan.startup.mode' = 'earliest-offset'") + OUT + "INSERT INTO o SELECT n, p FROM t;")
        self.numbers(0, 10, [0])
        self.await_rows(10)
        for i in range(1, 4):
            broker().add_partitions(self.topic, i + 1)
            self.numbers(10 * i, 10 * i + 10, [i])
            time.sleep(0.15 * i)  # before it is found, or while it is taken up, or later
            job.kill()
            job.start()
        self.await_rows(40)
        job.drain()
        self.await_rows(40)

    def test_topics_that_match_a_pattern(self):
        """Nothing matches at first: the job waits."""
        source = self.source(DISCOVERY + ", 'scan.startup.mode' = 'earliest-offset'").replace(
            f"'topic' = '{self.topic}'", f"'topic-pattern' = '{self.topic}-[a-z]+'")
        job = self.job(source + OUT + "INSERT INTO o SELECT n, p FROM t;")
        self.await_checkpoint()
        for i, name in enumerate(("-a", "-b", "-1")):
            self.fill([{"value": json.dumps({"n": i})}], topic=self.topic + name)
        self.await_rows(2)
        job.drain()
        self.await_rows(2)

    def test_a_new_partition_has_a_watermark_of_its_own(self):
        def beats(partition, *seconds):
            self.send([{"value": json.dumps({"ts": f"2026-01-01 10:{s // 60:02}:{s % 60:02}"}), "partition": partition} for s in seconds])
        broker().create(self.topic, 1)
        columns = "ts TIMESTAMP(3), WATERMARK FOR ts AS ts"
        group = f", 'scan.startup.mode' = 'earliest-offset', 'properties.group.id' = '{self.topic}'"
        job = self.job(self.source(DISCOVERY + group, columns) + OUT +
                       "INSERT INTO o SELECT COUNT(*), CAST(MINUTE(window_start) * 60 + SECOND(window_start) AS INT) "
                       "FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY window_start, window_end;")
        beats(0, 1, 2, 31)
        self.until(lambda: self.written() == [(2, 0)], "the first window")
        broker().add_partitions(self.topic, 2)
        beats(1, 33)
        self.until(lambda: broker().committed(self.topic, self.topic) == [3, 1], "the new partition to be read")
        beats(0, 65)
        beats(1, 34, 35)  # not late: the new partition holds the watermark back
        beats(1, 66)
        self.until(lambda: len(self.written()) == 2, "the second window")
        self.assertEqual(self.written(), [(2, 0), (4, 30)])
        job.drain()
        self.assertFalse((self.path / "job/late.json").exists() and (self.path / "job/late.json").read_text())

    def test_more_new_partitions_than_lanes(self):
        broker().create(self.topic, 1)
        job = self.job(self.source(DISCOVERY + ", 'scan.topic-partition-discovery.lanes' = '1', 'scan.startup.mode' = 'earliest-offset'") + OUT +
                       "INSERT INTO o SELECT n, p FROM t;")
        self.numbers(0, 10, [0])
        self.await_rows(10)
        broker().add_partitions(self.topic, 4)
        self.numbers(10, 100, [1, 2, 3])
        self.assertNotEqual(job.finish(), 0)
        self.assertIn("no lane is free", job.said())
        self.assertIn("scan.topic-partition-discovery.lanes", job.said())
        job.start("--set", "restart-strategy.type=fixed-delay", "--set", "restart-strategy.fixed-delay.delay=100 ms")
        self.await_rows(100)
        broker().add_partitions(self.topic, 6)  # the restart strategy takes them up
        self.numbers(100, 110, [4, 5])
        self.await_rows(110)
        job.drain()
        self.await_rows(110)


class GroupOffsets(Kafka):
    def script(self, interval, options=""):
        broker().create(self.topic + "-out")
        source = table("t", "n INT", self.topic, f"'format' = 'json', 'properties.group.id' = '{self.topic}', "
                       f"'scan.startup.mode' = 'earliest-offset'{options}", scan=False)
        return f"SET 'execution.checkpointing.interval' = '{interval}';\n" + source + \
            table("k", "n INT", self.topic + "-out", "'format' = 'json'", scan=False) + "INSERT INTO k SELECT n FROM t;"

    def fill_two(self):
        self.fill([{"value": json.dumps({"n": n}), "partition": n % 2} for n in range(20)], 2)

    def read(self):
        return len(broker().consume(self.topic + "-out")) == 20

    def test_committed_at_checkpoints(self):
        self.fill_two()
        job = self.job(self.script("200 ms"))
        self.until(lambda: broker().committed(self.topic, self.topic) == [10, 10], "the offsets of the group")
        self.send([{"value": b'{"n": 20}', "partition": 1}])
        self.until(lambda: broker().committed(self.topic, self.topic) == [10, 11], "the new offset")
        job.drain()

    def test_not_committed_without_a_checkpoint(self):
        self.fill_two()
        job = self.job(self.script("1 h"))
        self.until(self.read, "all rows")
        self.assertEqual(broker().committed(self.topic, self.topic), [-1001, -1001])
        job.drain()  # its last checkpoint commits
        self.assertEqual(broker().committed(self.topic, self.topic), [10, 10])

    def test_not_committed_if_not_wanted(self):
        self.fill_two()
        job = self.job(self.script("100 ms", ", 'properties.commit.offsets.on.checkpoint' = 'false'"))
        self.until(self.read, "all rows")
        job.drain()
        self.assertEqual(broker().committed(self.topic, self.topic), [-1001, -1001])

    def test_restored_positions_are_the_checkpoints_not_the_groups(self):
        self.fill_two()
        job = self.job(self.script("100 ms", ", 'scan.bounded.mode' = 'unbounded'"))
        self.until(lambda: broker().committed(self.topic, self.topic) == [10, 10], "the offsets of the group")
        job.kill()
        broker().commit(self.topic, self.topic, [0, 3])
        job.start()
        self.until(lambda: broker().committed(self.topic, self.topic) == [10, 10], "the group to be told again")
        job.drain()
        self.assertEqual(len(broker().consume(self.topic + "-out")), 20)


if __name__ == "__main__":
    main()
