#!/usr/bin/env python3
"""Files of the rows of many checkpoints ('auto-compaction'), and success files of partitions.

usage: gather_test.py --program build/millrace
"""
import json
import os
import random
import signal
import subprocess
import time
import unittest

import program_support
from program_support import Folder, newest_checkpoint, run

DAYS, ROWS = 20, 60000
OFTEN = ("--set", "execution.checkpointing.interval=20ms", "--set", "millrace.queue-bytes=65536", "--set", "millrace.batch-rows=20")
GATHER = "'auto-compaction' = 'true', 'compaction.file-size' = '100kb', "


class Gather(Folder):
    wanted = [(n, n * 7919 % DAYS) for n in range(ROWS)]

    def script(self, options=GATHER, form="json"):
        """Four seconds of rows."""
        return self.write("job.sql", f"""
            CREATE TABLE events (n BIGINT) WITH ('connector' = 'datagen', 'number-of-rows' = '{ROWS}', 'rows-per-second' = '{ROWS // 4}',
                'fields.n.kind' = 'sequence', 'fields.n.start' = '0', 'fields.n.end' = '{ROWS - 1}');
            CREATE TABLE lake (n BIGINT, day STRING) PARTITIONED BY (day) WITH ('connector' = 'filesystem', 'path' = 'lake', {options}
                'format' = '{form}');
            INSERT INTO lake SELECT n, CAST(MOD(n * 7919, {DAYS}) AS STRING) FROM events;""")

    def command(self, *args):
        return [program_support.PROGRAM, "run", "-q", "job.sql", "--folder", "job", *OFTEN, *args]

    def finish(self, *args):
        done = subprocess.run(self.command(*args), cwd=self.path, capture_output=True, text=True, timeout=300)
        self.assertEqual(done.returncode, 0, done.stderr)

    def kill(self, least, *args):
        """Kills it some time after `least` further checkpoints; False if it has ended before."""
        first = newest_checkpoint(self.path / "job")
        process = subprocess.Popen(self.command(*args), cwd=self.path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.stderr.close)
        while newest_checkpoint(self.path / "job") < first + least and process.poll() is None:
            time.sleep(0.002)
        if process.poll() is not None:
            self.assertEqual(process.returncode, 0, process.stderr.read())
            return False
        process.send_signal(signal.SIGKILL)
        process.wait()
        return True

    def files(self):
        return [path for path in (self.path / "lake").rglob("part-*") if path.is_file()]

    def gathered(self):
        return list((self.path / "lake").rglob("*.rows"))

    def left(self):
        """Hidden files, but for locks of the dead."""
        return self.gathered() + [path for path in (self.path / "lake").rglob(".part-*") if not path.name.endswith(".lock")]

    def rows(self):
        return sorted((json.loads(line)["n"], int(path.parent.name[4:])) for path in self.files() for line in path.read_text().splitlines())

    def test_killed_and_restored_at_another_parallelism(self):
        self.script()
        draw, kills, held = random.Random(11), 0, 0
        for _ in range(12):
            kills += self.kill(draw.randint(2, 8), "--restore", "latest", "--workers", draw.choice("123"))
            held += bool(self.gathered())
        self.assertGreaterEqual(kills, 4, "the job is too short to be killed")
        self.assertGreaterEqual(held, 3, "nothing was gathered when it was killed")
        self.finish("--restore", "latest", "--workers", "3")
        self.assertEqual(self.rows(), self.wanted)
        self.assertEqual(self.left(), [])
        # About 1.2 MB of text: without gathering there are some files of each of hundreds of checkpoints.
        self.assertLessEqual(len(self.files()), 3 * DAYS)
        self.finish("--restore", "latest")
        self.assertEqual(self.rows(), self.wanted)

    def test_parquet_as_undisturbed(self):
        self.script(GATHER.replace("100kb", "20kb"), "parquet")
        for workers in "213":
            self.kill(6, "--restore", "latest", "--workers", workers)
        self.finish("--restore", "latest")
        self.assertEqual(self.left(), [])
        self.assertLessEqual(len(self.files()), 6 * DAYS)
        query = "CREATE TABLE lake (n BIGINT, day STRING) PARTITIONED BY (day) WITH ('connector' = 'filesystem', 'path' = 'lake', 'format' = " \
                "'parquet'); SELECT COUNT(*), COUNT(DISTINCT n), SUM(n * CAST(day AS INT)) FROM lake;"
        done = run("sql", "-q", text=query, folder=self.path)
        self.assertEqual(done.returncode, 0, done.stderr)
        total = sum(n * day for n, day in self.wanted)
        self.assertEqual(program_support.rows_of(done.stdout)[-1][-3:], [str(ROWS), str(ROWS), str(total)])

    def test_without_gathering_files_are_many(self):
        """What the limits above are held against."""
        self.script("")
        self.finish()
        self.assertEqual(self.rows(), self.wanted)
        self.assertGreater(len(self.files()), 6 * DAYS)

    def test_a_savepoint_shows_all(self):
        self.script("'auto-compaction' = 'true', 'compaction.file-size' = '100mb', ")
        process = subprocess.Popen(self.command(), cwd=self.path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.stderr.close)
        while newest_checkpoint(self.path / "job") < 3:
            self.assertIsNone(process.poll())
            time.sleep(0.002)
        stopped = run("stop", "--savepoint", "--to", "point", "job", folder=self.path)
        self.assertEqual(process.wait(timeout=120), 0, process.stderr.read())
        self.assertEqual(stopped.returncode, 0, stopped.stderr)
        shown = self.rows()
        self.assertEqual(self.left(), [])
        self.assertEqual(len(shown), len(set(shown)))
        self.assertGreater(len(shown), 0)
        self.finish("--restore", "point")
        self.assertEqual(self.rows(), self.wanted)
        self.assertLessEqual(len(self.files()), 2 * DAYS)

    def test_success_files_come_behind_the_watermark(self):
        self.write("in.json", "".join('{"ts": "2024-01-%02d %02d:00:00", "n": %d}\n' % (1 + n // 24, n % 24, n) for n in range(24 * 9)))
        columns = "ts TIMESTAMP(3), n BIGINT"
        self.write("job.sql", f"""
            CREATE TABLE events ({columns}, WATERMARK FOR ts AS ts) WITH ('connector' = 'filesystem', 'path' = 'in.json', 'format' = 'json',
                'source.monitor-interval' = '1s');
            CREATE TABLE lake (n BIGINT, day STRING) PARTITIONED BY (day) WITH ('connector' = 'filesystem', 'path' = 'lake', 'format' = 'json',
                {GATHER} 'sink.partition-commit.policy.kind' = 'success-file', 'sink.partition-commit.trigger' = 'partition-time',
                'sink.partition-commit.delay' = '1 d', 'partition.time-extractor.timestamp-pattern' = '$day');
            INSERT INTO lake SELECT n, DATE_FORMAT(ts, 'yyyy-MM-dd') FROM events;""")
        process = subprocess.Popen(self.command(), cwd=self.path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        lake = self.path / "lake"
        deadline = time.monotonic() + 60
        while not (lake / "day=2024-01-08/_SUCCESS").exists():
            self.assertIsNone(process.poll())
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)
        told = {path.parent.name for path in lake.rglob("_SUCCESS")}
        self.assertEqual(told, {"day=2024-01-%02d" % day for day in range(1, 9)})
        for name in told:
            self.assertEqual(sum(len(path.read_text().splitlines()) for path in (lake / name).glob("part-*")), 24)
        self.assertFalse((lake / "day=2024-01-09").exists(), "its rows are gathered still")


if __name__ == "__main__":
    program_support.main()
